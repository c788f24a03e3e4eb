"""An erasure that is killed at any durable operation is finished by the next run: nobody is left, all digests hold."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import killing
import pytest
from killing import State

from risk.disk import journal, paths
from risk.settings.settings import for_practice
from tests.conftest import HEADER, Project, Said, table
from tests.keeping import with_releases
from tests.kept_texts import holding

CLIENT, OTHER = "zoe-limited", "c00008"
ASKED = ("--erase", CLIENT, "--reason", "request 12")
PRACTICE = ("--practice",)
SAMPLE, RUNS = 30, 8
RELEASES, EVERY = 50, 150  # how many, and of how many operations one is killed at beside one of each kind
BLOCK = 40  # operations that follow one another, of which many leave what the next run takes for the same
CLEAN: set[str] = set()  # digests of contents without the client
VERIFIED = 3  # after each of so many kills both scripts look at all digests, which takes as long as all the rest


def installation(root: Path) -> Project:
    """Return a project with the client and others."""
    project = killing.installation(root)
    project.drop("sourcedata/dataset0.csv", f"{HEADER}\n{CLIENT},5,6,7,1\n")
    return project


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, killing.Recording]:
    """Return a project of two runs and of what an erasure in it would leave behind wherever it was killed."""
    root = tmp_path_factory.mktemp("erased")
    project = installation(root / "project")
    assert killing.run(project).code == 0
    project.drop("sourcedata/dataset2.csv", table(40, seed=3, first=110))
    project.drop("production_deployment/fullprocess.log", f"source warning='{CLIENT}'\n")
    assert killing.run(project).code in (0, 4)
    done = killing.record(project, root / "shelf", *ASKED, script="ingestion")
    assert done.said.code == 0, done.said
    return project, done


@pytest.fixture(scope="module")
def beside_practice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, killing.Recording]:
    """Return the same of a project with practice, where the client is too."""
    root = tmp_path_factory.mktemp("practised")
    project = installation(root / "project")
    project.drop("practicedata/dataset1.csv", f"{table(40, seed=5)}{CLIENT},5,6,7,1\n")
    for words in ((), PRACTICE):
        assert killing.run(project, *words, script="ingestion").code == 0
    done = killing.record(project, root / "shelf", *ASKED, script="ingestion")
    assert done.said.code == 0, done.said
    return project, done


def faults(project: Project, *, all_digests: bool = True, practice: bool = False) -> list[str]:
    """Return what is wrong after an erasure: someone left, a digest that does not hold, work that is left."""
    places = (project.settings, for_practice(project.settings))[: 2 if practice else 1]
    words = ((), PRACTICE)[: len(places)]
    found, verified, clean = killing.apart(
        lambda: (holding(project.root, CLIENT, clean=CLEAN), _verified(project, words) if all_digests else [], CLEAN)
    )
    CLEAN.update(clean)
    left = [name for name in killing.tree(project.root) if paths.STAGED in name or name.endswith(paths.ERASING)]
    for place in places:
        journal.verify(place.production / paths.JOURNAL)
        steps = [it["step"] for it in journal.read(place.production / paths.JOURNAL) if it["kind"] == journal.ERASE]
        left += [] if steps == ["intent", "replaced", "done"] else [f"{place.output_model_path}: {steps}"]
    return [*found, *verified, *left]


def faults_before(project: Project, *, all_digests: bool = True, practice: bool = False) -> list[str]:
    """Return what is wrong where the order was not whole: then nothing was asked for, and nobody is erased."""
    places = ((), PRACTICE)[: 2 if practice else 1]
    held, wrong = killing.apart(
        lambda: (holding(project.root, CLIENT), _verified(project, places) if all_digests else [])
    )
    return [*wrong, *([] if held else ["erased without an order"])]


def _verified(project: Project, places: tuple[tuple[str, ...], ...]) -> list[str]:
    said = [project.run(script, "--verify", *words) for script in ("diagnostics", "ingestion") for words in places]
    return [it.out for it in said if it.code]


def distinct(states: tuple[State, ...]) -> tuple[State, ...]:
    """Return the first of those states that differ in what is staged alone, which the next run writes once more."""
    found: dict[str, State] = {}
    for state in states:
        found.setdefault(killing.alike(state.folder), state)
    return tuple(found.values())


def check(
    project: Project, states: tuple[State, ...], finish: Callable[[], Said], *, practice: bool = False,
    verified: int = VERIFIED,
) -> None:  # fmt: skip
    failed = []
    for place, state in enumerate(states):
        killing.put_back(project.root, state.folder)
        production = project.root / "production_deployment"
        order, told = production / paths.ERASING, journal.read(production / paths.JOURNAL)
        has_begun = (order.exists() and b"\n" in order.read_bytes()) or told[-1]["kind"] == journal.ERASE
        said = finish()
        look = faults if has_begun else faults_before
        wrong = look(project, all_digests=place % verified == 0, practice=practice)
        if wrong or said.code not in (0, 4):
            failed.append(f"{state}: {wrong} {said}")
    assert not failed, f"{len(failed)} of {len(states)} states:\n" + "\n".join(failed)


@pytest.mark.slow
def test_an_erasure_killed_at_some_places_is_finished_by_the_next_ingestion(
    killed: tuple[Project, killing.Recording],
) -> None:
    project, done = killed
    assert len(done.operations) > 100
    assert faults(project) == []
    assert killing.apart(lambda: holding(project.root, OTHER))

    check(project, done.states[::SAMPLE], lambda: killing.run(project, script="ingestion"))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(2))
def test_an_erasure_killed_anywhere_is_finished_by_the_next_ingestion(
    killed: tuple[Project, killing.Recording], number: int
) -> None:
    project, done = killed

    check(project, distinct(done.states)[number::2], lambda: killing.run(project, script="ingestion"))


@pytest.mark.slow
def test_the_next_whole_run_finishes_an_erasure_and_goes_on(killed: tuple[Project, killing.Recording]) -> None:
    project, done = killed

    def whole() -> Said:
        said = killing.run(project)
        assert said.code in (0, 4), said.err
        return said

    check(project, done.states[:: len(done.states) // RUNS], whole)


@pytest.mark.slow
def test_the_run_that_finishes_an_erasure_may_be_killed_too(killed: tuple[Project, killing.Recording]) -> None:
    project, done = killed
    for place in (0.3, 0.6, 0.9):
        state = done.states[int(place * len(done.states))]
        for again in (3, 11, 23):
            killing.put_back(project.root, state.folder)
            killing.run(project, script="ingestion", meet=killing.kill_at(project.root, again))

            killing.run(project, script="ingestion")

            assert faults(project) == [], (str(state), again)


@pytest.mark.slow
def test_the_same_words_again_finish_an_erasure_and_print_its_certificate(
    killed: tuple[Project, killing.Recording],
) -> None:
    project, done = killed
    for state in (of_step(done, step) for step in ("intent", "replaced")):
        killing.put_back(project.root, state.folder)

        said = killing.run(project, *ASKED, script="ingestion")

        assert said.code == 0, said
        assert said.out.splitlines()[:2] == done.said.out.splitlines()[:2]
        assert "1 accepted row left the parts" in said.out
        assert faults(project) == []


@pytest.mark.slow
@pytest.mark.parametrize("first", ["production", "practice"])
def test_the_run_that_finishes_an_erasure_finishes_it_in_practice_too(
    beside_practice: tuple[Project, killing.Recording], first: str
) -> None:
    project, done = beside_practice
    assert [it for it in done.states if journal_of_practice(it.folder)]
    states = distinct(done.states)[0 if first == "production" else 1 :: 3]

    def finish() -> Said:
        if first == "practice":
            killing.run(project, *PRACTICE, script="ingestion")
        return killing.run(project, script="ingestion")

    check(project, states, finish, practice=True)


@pytest.mark.slow
def test_what_a_run_has_finished_is_told_when_the_same_words_come_again(
    killed: tuple[Project, killing.Recording],
) -> None:
    project, done = killed
    killing.put_back(project.root, of_step(done, "replaced").folder)
    killing.run(project, script="ingestion")

    said = killing.run(project, *ASKED, script="ingestion")

    assert said.code == 0, said
    assert "(request 12): 1 accepted row of 1 client left the parts, " in said.out
    assert "; trained on them then: 1-" in said.out
    digests = {line for line in done.said.out.splitlines() if line.startswith("  digest ")}
    assert digests
    assert digests <= set(said.out.splitlines())


@pytest.mark.slow
def test_what_a_run_has_finished_in_practice_is_told_too(beside_practice: tuple[Project, killing.Recording]) -> None:
    project, done = beside_practice
    killing.put_back(project.root, next(it for it in done.states if journal_of_practice(it.folder)).folder)
    killing.run(project, script="ingestion")

    said = killing.run(project, *ASKED, script="ingestion")

    assert said.code == 0, said
    assert said.out.count("(request 12): 1 accepted row of 1 client left the parts, ") == 2


@pytest.mark.slow
def test_the_same_words_print_both_certificates_where_a_run_of_practice_has_finished_practice(
    beside_practice: tuple[Project, killing.Recording],
) -> None:
    project, done = beside_practice
    killing.put_back(project.root, next(it for it in done.states if journal_of_practice(it.folder)).folder)
    killing.run(project, *PRACTICE, script="ingestion")

    said = killing.run(project, *ASKED, script="ingestion")

    assert said.code == 0, said
    assert [line for line in said.out.splitlines() if not line.startswith(" ")][1:] == ["production:", "practice:"]
    assert killing.apart(lambda: holding(project.root, CLIENT)) == []


@pytest.mark.slow
def test_an_erasure_is_finished_where_practice_was_taken_away_meanwhile(
    beside_practice: tuple[Project, killing.Recording],
) -> None:
    project, done = beside_practice
    killing.put_back(project.root, of_step(done, "done").folder)
    shutil.rmtree(project.root / paths.PRACTICE_MODELS)

    said = killing.run(project, script="ingestion")

    assert said.code == 0, said
    assert faults(project, practice=True, all_digests=False) == []


def journal_of_practice(folder: Path) -> list[object]:
    """Return the lines in which the journal of practice tells of an erasure."""
    path = folder / paths.PRACTICE_MODELS / paths.PRODUCTION / paths.JOURNAL
    return [it for it in journal.read(path) if it["kind"] == journal.ERASE]


class Places:
    """Where an erasure beside many releases is killed: everywhere, or at each kind of operation and evenly beside.

    A kind is what is done while the journal tells of the same step; once files are put in place, to which of them.
    """

    def __init__(self, journal_path: Path, part: str) -> None:
        self._journal, self._seen = journal_path, set[str]()
        self._part, self._parts = (int(it) for it in part.split("/")) if part else (0, 0)

    def __call__(self, operation: killing.Operation) -> bool:
        if self._parts:
            return operation.number // BLOCK % self._parts == self._part % self._parts
        step = str(journal.read(self._journal)[-1].get("step"))
        file = re.sub("[0-9a-f-]{6,}", "", Path(operation.path).name) if step == "replaced" else ""
        is_new = (kind := f"{step} {operation.name} {file}") not in self._seen
        self._seen.add(kind)
        return is_new or operation.number % EVERY == 0


@pytest.mark.slow
def test_an_erasure_beside_fifty_releases_is_finished_wherever_it_was_killed(tmp_path: Path) -> None:
    """Killed at a sample of the durable operations; at all of them with KILL_EVERYWHERE=1/1 (1/2, 2/2: a half)."""
    project = installation(tmp_path / "project")
    killing.apart(lambda: with_releases(project, RELEASES))
    places = Places(project.settings.production / paths.JOURNAL, os.environ.get("KILL_EVERYWHERE", ""))
    done = killing.record(project, tmp_path / "shelf", *ASKED, script="ingestion", wanted=places)
    assert done.said.code == 0, done.said
    assert done.said.out.count("trained on them: ") == RELEASES + 1
    assert len(done.operations) > 20 * RELEASES

    check(project, distinct(done.states), lambda: killing.run(project, script="ingestion"), verified=1)


OF_OTHERS = (
    ("fullprocess", "--prune"),
    ("fullprocess", "--prune", "--yes"),
    ("fullprocess", "--dry-run"),
    ("fullprocess", "--backup", "{}/backup.tar.gz"),
    ("ingestion", "--export", "{}/rows.csv"),
    ("ingestion", "--rejected"),
    ("ingestion", "--verify"),
    ("diagnostics",),
    ("diagnostics", "--audit-export", "{}/audit.zip"),
    ("diagnostics", "--client", OTHER),
    ("diagnostics", "--track-record"),
    ("diagnostics", "--check-dependencies"),
    ("deployment", "--approve", "it is fine"),
    ("deployment", "--reject", "it is not"),
    ("deployment", "--list"),
    ("reporting",),
    ("scoring",),
    ("training",),
)


@pytest.mark.slow
def test_nothing_else_works_on_what_an_erasure_left_half_done(
    killed: tuple[Project, killing.Recording], tmp_path: Path
) -> None:
    project, done = killed
    for state in (of_step(done, step) for step in ("intent", "replaced")):
        killing.put_back(project.root, state.folder)
        before = killing.tree(project.root)
        for script, *words in OF_OTHERS:
            said = killing.run(project, *(it.format(tmp_path) for it in words), script=script)

            assert said.code == 1, (script, words, said)
            assert "an erasure was cut off" in said.err
        assert killing.tree(project.root) == before
        assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_what_tells_how_it_is_names_the_erasure_and_no_backup(killed: tuple[Project, killing.Recording]) -> None:
    project, done = killed
    for state in (of_step(done, step) for step in ("intent", "replaced")):
        killing.put_back(project.root, state.folder)
        for script, word in (("diagnostics", "--verify"), ("fullprocess", "--status")):
            said = killing.run(project, word, script=script)

            assert said.code == 1
            assert "an erasure was cut off" in said.out
            assert "backup" not in said.out


def of_step(done: killing.Recording, step: str) -> killing.State:
    """Return the first state in which the journal tells of a step of the erasure as its last line."""
    last = ((state, journal.read(state.folder / killing.JOURNAL)[-1]) for state in done.states)
    return next(state for state, line in last if line.get("step") == step)
