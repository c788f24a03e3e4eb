"""Rolling back by evidence: the former release competes, and when it wins production turns back to it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import killing
import pytest
from killing import Story, undisturbed

from risk.disk import files, journal, paths
from risk.registry import releases
from tests.conftest import Project, table
from tests.promises.test_crash import CHUNKS, check_all, part

pytestmark = pytest.mark.slow


def turned_and_back(project: Project) -> None:
    """Leave a project in which the reason for leaving has turned, so that a second release is live."""
    project.drop("testdata/testdata.csv", table(60, seed=9, first=50_000))
    project.drop("sourcedata/dataset1.csv", table(1_000, seed=1))
    assert killing.run(project).code == 0
    project.drop("sourcedata/dataset2.csv", table(600, seed=2, turned=True, first=2_000))
    assert killing.run(project, "--json").json["outcome"] == "deployed"


def as_before(project: Project) -> None:
    project.drop("sourcedata/dataset3.csv", table(400, seed=3, first=4_000))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The run in which clients leave again as they did before."""
    folder = tmp_path_factory.mktemp("rollback")
    project = killing.installation(folder / "project")
    turned_and_back(project)
    as_before(project)
    yield undisturbed(project, folder / "shelf")
    shutil.rmtree(folder)


@pytest.fixture
def back(story: Story) -> Project:
    """The project after that run."""
    killing.put_back(story.project.root, story.recording.states[-1].folder)
    killing.run(story.project)
    return story.project


def production(project: Project) -> Path:
    return project.root / "production_deployment"


def test_the_former_release_is_live_again_as_it_was(story: Story, back: Project) -> None:
    first, second = releases.all_of(production(back))
    content = (production(back) / paths.MODEL).read_bytes()

    assert story.outcome == "rolled back"
    assert story.recording.said.json["release"] == releases.name_of(production(back)) == first.name
    assert content == (first.folder / paths.MODEL).read_bytes() != (second.folder / paths.MODEL).read_bytes()
    assert back.json("models/snapshot.json")["outcome"] == "rolled back"


def test_the_evidence_stands_in_the_journal(back: Project) -> None:
    first, second = releases.all_of(production(back))
    lines = journal.read(production(back) / paths.JOURNAL)

    (intent,) = [line for line in lines if line.get("action") == "rollback"]
    run = next(line for line in reversed(lines) if line["kind"] == "run")

    assert (intent["release"], intent["from"]) == (first.name, second.name)
    assert intent["reason"] == run["gate"]["sentence"]
    assert intent["run"] == run["run"]
    assert [it["name"] for it in run["candidates"] if it["chosen"]] == [f"former release {first.name}, logistic"]
    assert run["challenger"] == files.digest_file(first.folder / paths.MODEL)


def test_the_card_on_the_desk_is_that_of_the_former_release_with_the_facts_of_the_run(back: Project) -> None:
    first, _ = releases.all_of(production(back))
    card, former = back.json("models/trainedmodel.json"), back.json(f"production_deployment/releases/{first.name}/"
                                                                    "trainedmodel.json")  # fmt: skip

    changed = {name for name in card if card[name] != former[name]}

    assert card["release"] == first.name
    assert changed <= {"learned_sha256", "learned", "dataset", "run", "reason", "why", "n_labelled", "candidates",
                       "release"}  # fmt: skip


def test_a_release_that_was_rolled_back_is_not_proposed_again_on_the_same_dataset(back: Project) -> None:
    _, second = releases.all_of(production(back))

    again = killing.run(back, "--force", "--json").json

    assert again["outcome"] != "rolled back"
    assert releases.name_of(production(back)) != second.name
    told = [line for line in journal.read(production(back) / paths.JOURNAL) if line["kind"] == "run"][-1]
    assert not [it for it in told["candidates"] if second.name in it["name"]]


def test_deploying_by_hand_what_is_live_again_changes_nothing(back: Project) -> None:
    before = len(journal.read(production(back) / paths.JOURNAL))

    said = killing.run(back, "--json", script="deployment")

    assert said.json == {"outcome": "live already", "release": releases.all_of(production(back))[0].name}
    assert len(journal.read(production(back) / paths.JOURNAL)) == before + 1


@pytest.mark.parametrize("number", range(CHUNKS))
def test_a_rollback_by_evidence_killed_in_production_is_finished_by_the_next_run(story: Story, number: int) -> None:
    own = [it for it in story.recording.states if any("production_deployment" in at.path for at in it.operations)]
    check_all(story, part(own, number))


def test_by_hand_the_stages_roll_back_too(story: Story) -> None:
    killing.put_back(story.project.root, story.before)
    project = story.project

    for stage in ("ingestion", "training", "scoring"):
        assert killing.run(project, script=stage).code == 0
    said = killing.run(project, script="deployment")

    assert said.out.startswith("rolled back: 1-")
    assert releases.name_of(production(project)) == releases.all_of(production(project))[0].name


def test_a_former_release_that_is_damaged_does_not_stop_the_run(story: Story) -> None:
    killing.put_back(story.project.root, story.before)
    path = releases.all_of(production(story.project))[0].folder / paths.MODEL
    content = path.read_bytes()[:-9]
    path.unlink()  # what was kept is linked to the same file
    path.write_bytes(content)

    said = killing.run(story.project, "--json")

    assert said.json["outcome"] == "deployed"
    assert "truncated or foreign" in said.err
