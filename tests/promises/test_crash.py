"""Killed at every durable operation: readers see all old or all new, and the next run ends as if nothing had been.

A run is recorded once with the disk as it is before each of its operations: that is what a kill there leaves behind.
Each different state is then brought back, looked at as a reader does, and handed to the next run. That a real kill
leaves just this is tested with real kills.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import killing
import pytest
from killing import (
    DATASET,
    JOURNAL,
    REPORT,
    SAME,
    State,
    Story,
    check_model,
    drop_turned,
    expected_outcome,
    installation,
    names,
    read,
    readings,
    undisturbed,
)  # fmt: skip

from risk.disk import journal, paths, tick
from risk.report import figures, pdf
from tests.conftest import Said, table

CHUNKS = 2
SAMPLE = 30  # every so many states are in the short test


@pytest.fixture
def first_run() -> Story:
    return killing.first_run()


@pytest.fixture
def next_run() -> Story:
    return killing.next_run()


def check_readers(story: Story) -> None:
    """Every set is all old or all new, and a model that is live opens."""
    for what, seen in readings(story.project.root).items():
        assert seen in (story.old[what], story.new[what]), f"{what} is torn"
    check_model(story.project.root)


def check_recovered(story: Story, said: Said, outcome: str) -> None:
    """The run that followed ended like the undisturbed one, and left nothing else."""
    root = story.project.root
    assert said.code == 0, said.err
    assert said.json["outcome"] == outcome
    assert names(root) ^ story.names == set()
    assert [name for name, a, b in zip(SAME, read(root, SAME), story.bytes, strict=True) if a != b] == []
    assert journal.verify(root / JOURNAL)
    check_model(root)
    assert killing.run(story.project).out == f"{tick.NOTHING}\n"


def check(story: Story, state: State) -> None:
    """Bring the state back, look at it as a reader, let the next run finish it."""
    killing.put_back(story.project.root, state.folder)
    check_readers(story)
    outcome = expected_outcome(story)
    calls = any(paths.API_RETURNS in str(operation) for operation in state.operations)

    said = killing.run(story.project, "--json", calls=calls)

    check_recovered(story, said, outcome)


def one_of_each_kind(states: Sequence[State]) -> list[State]:
    """Return a state of each kind: the middle one, for at the ends the unfinished is often empty or whole."""
    kinds: dict[str, list[State]] = {}
    for state in states:
        kinds.setdefault(killing.alike(state.folder), []).append(state)
    return [alike[len(alike) // 2] for alike in kinds.values()]


def part(states: Sequence[State], number: int) -> list[State]:
    """Return the states of one worker."""
    return one_of_each_kind(states)[number::CHUNKS]


def check_all(story: Story, states: Iterable[State], one: Callable[[Story, State], None] = check) -> None:
    failed = []
    for state in states:
        try:
            one(story, state)
        except Exception as error:
            failed.append(f"{state}: {type(error).__name__}: {error}")
    assert not failed, f"{len(failed)} states:\n" + "\n".join(failed)


@pytest.mark.slow
def test_the_runs_that_are_killed_deploy(first_run: Story, next_run: Story) -> None:
    assert (first_run.outcome, next_run.outcome) == ("deployed", "deployed")
    assert "The reason for leaving has changed" in next_run.recording.said.json["reason"]
    for story in (first_run, next_run):
        assert all(story.old[what] != story.new[what] for what in story.old)
        assert sum(len(state.operations) for state in story.recording.states) == len(story.recording.operations) > 100


@pytest.mark.slow
@pytest.mark.parametrize("which", ["first_run", "next_run"])
def test_readers_see_all_old_or_all_new_wherever_a_run_is_killed(which: str, request: pytest.FixtureRequest) -> None:
    def look(story: Story, state: State) -> None:
        killing.put_back(story.project.root, state.folder)
        check_readers(story)

    story = request.getfixturevalue(which)
    check_all(story, story.recording.states, look)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(CHUNKS))
def test_a_first_run_killed_anywhere_is_finished_by_the_next(first_run: Story, number: int) -> None:
    check_all(first_run, part(first_run.recording.states, number)[::2])  # the run that deploys is killed at all kinds


@pytest.mark.slow
@pytest.mark.parametrize("number", range(CHUNKS))
def test_a_run_that_deploys_killed_anywhere_is_finished_by_the_next(next_run: Story, number: int) -> None:
    check_all(next_run, part(next_run.recording.states, number))


@pytest.mark.slow
def test_a_run_that_deploys_killed_at_some_places_is_finished_by_the_next(next_run: Story) -> None:
    check_all(next_run, next_run.recording.states[::SAMPLE])


@pytest.mark.slow
def test_a_real_kill_leaves_the_state_that_was_recorded(next_run: Story) -> None:
    root, start = next_run.project.root, next_run.before
    for state in next_run.recording.states[::40]:
        killing.put_back(root, start)

        killed = killing.run(next_run.project, meet=killing.kill_at(root, state.operations[0].number), calls=True)

        assert killed is None
        left = killing.tree(root)
        killing.put_back(root, state.folder)
        assert set(left) == set(killing.tree(root)), state.operations[0]


@pytest.mark.slow
@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_the_run_that_finishes_a_killed_one_may_be_killed_too(next_run: Story, place: float) -> None:
    states, root = next_run.recording.states, next_run.project.root
    for again in (7, 19, 31):
        killing.put_back(root, states[int(place * len(states))].folder)
        killing.run(next_run.project, meet=killing.kill_at(root, again))
        check_readers_of_any_report(next_run)
        outcome = expected_outcome(next_run)

        said = killing.run(next_run.project, "--json")

        check_recovered(next_run, said, outcome)


def check_readers_of_any_report(story: Story) -> None:
    """The report of a run that goes on tells its own times; what else readers see is as ever, and it is one set."""
    seen = readings(story.project.root)
    for what in ("dataset", "production"):
        assert seen[what] in (story.old[what], story.new[what]), f"{what} is torn"
    assert None not in seen["report"]
    folders = {(story.project.root / name).resolve().parent for name in REPORT}
    assert len(folders) == 1


@pytest.mark.slow
def test_a_rollback_killed_anywhere_is_done_or_not_done(next_run: Story, tmp_path: Path) -> None:
    project, root = next_run.project, next_run.project.root
    killing.put_back(root, next_run.recording.states[-1].folder)
    assert killing.run(project).out == f"{tick.NOTHING}\n"
    before = names(root)
    story = undisturbed(project, tmp_path / "shelf", "--rollback", script="deployment")
    assert story.old["production"] != story.new["production"]

    def one(story: Story, state: State) -> None:
        killing.put_back(root, state.folder)
        check_readers(story)

        said = killing.run(project, "--rollback", "1", script="deployment")

        assert said.code in (0, 1), said.err
        assert said.code == 0 or "is live already" in said.err
        assert readings(root) == story.new
        assert names(root) == before
        assert journal.verify(root / JOURNAL)

    check_all(story, story.recording.states, one)
    assert len(story.recording.operations) >= 10


@pytest.mark.slow
def test_the_second_of_two_runs_at_once_says_so_and_leaves(tmp_path: Path) -> None:
    project = installation(tmp_path / "project")
    program = Path(tick.__file__).parents[2] / "fullprocess.py"
    words = [sys.executable, str(program), "--config", str(project.root / "config.json")]

    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as first:
        while not (project.root / "production_deployment" / paths.LOCK).exists():
            assert first.poll() is None
            time.sleep(0.01)
        second = subprocess.run(words, capture_output=True, text=True, check=False)
        out, err = first.communicate()

    assert (second.returncode, second.stdout, second.stderr.count("\n")) == (75, "", 1)
    assert "another run is at work" in second.stderr
    assert (first.returncode, err) == (0, "")
    assert out.startswith("deployed")


@pytest.mark.slow
def test_the_order_in_which_files_come_does_not_show_in_the_dataset(tmp_path: Path) -> None:
    at_once, one_by_one = installation(tmp_path / "a"), installation(tmp_path / "b")
    extra = {"sourcedata/dataset10.csv": table(40, seed=3, first=60) + "c00001,x,1,1,0\n",
             "sourcedata/dataset2.csv": table(50, seed=4, first=100)}  # fmt: skip
    for name, content in extra.items():
        at_once.drop(name, content)

    killing.run(at_once)
    for name, content in extra.items():
        killing.run(one_by_one)
        one_by_one.drop(name, content)
    killing.run(one_by_one)

    assert read(at_once.root, DATASET) == read(one_by_one.root, DATASET)
    assert b"dataset10.csv,42" in (read(at_once.root, DATASET)[2] or b"")


@pytest.mark.slow
def test_equal_histories_give_equal_bytes(next_run: Story, tmp_path: Path) -> None:
    other = installation(tmp_path / "project")
    killing.run(other, calls=True)
    drop_turned(other)

    said = killing.run(other, "--json", calls=True)

    assert said.json["outcome"] == "deployed"
    assert [name for name, a, b in zip(SAME, read(other.root, SAME), next_run.bytes, strict=True) if a != b] == []


@pytest.mark.slow
def test_an_equal_snapshot_gives_an_equal_pdf_wherever_and_whenever(next_run: Story) -> None:
    home = next_run.before / "models" / "reports" / "1"
    shown = json.loads((home / paths.SNAPSHOT).read_bytes())

    def printed(zone: str, moment: str) -> bytes:
        os.environ.update(TZ=zone, SOURCE_DATE_EPOCH=moment)
        time.tzset()
        return pdf.report(shown, figures.drawn(shown["scores"], shown["backtest"]))

    places = (("UTC", "1"), ("Pacific/Auckland", "86400"), ("America/New_York", "1700000000"))
    found = {killing.apart(functools.partial(printed, *place)) for place in places}

    assert found == {(home / paths.REPORT).read_bytes()}
