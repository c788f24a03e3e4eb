"""A wiped folder is never mistaken for a fresh installation: nothing is trained or deployed over it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from risk.disk import journal, paths
from risk.registry import releases
from tests.conftest import Project, table

ROOMS = ("ingesteddata", "models", "production_deployment")
JOURNAL = f"production_deployment/{paths.JOURNAL}"


def lose(project: Project, *names: str) -> None:
    for name in names:
        path = project.root / name
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def trained_or_deployed(project: Project) -> set[str]:
    """What only training and deploying write."""
    shelf, models = project.root / "production_deployment/releases", project.root / "models"
    return {path.name for path in (*shelf.glob("*"), *models.glob("trainedmodel.*"))}


WIPED = {
    "the journal": [JOURNAL],
    "production": ["production_deployment"],
    "production and models": ["production_deployment", "models"],
    "production and dataset": ["production_deployment", "ingesteddata"],
    "journal, link and releases": [JOURNAL, "production_deployment/current", "production_deployment/releases"],
}


@pytest.mark.parametrize("lost", WIPED.values(), ids=WIPED)
def test_without_a_journal_what_runs_have_left_is_no_fresh_installation(deployed: Project, lost: list[str]) -> None:
    deployed.drop("sourcedata/dataset2.csv", table(300, seed=2, first=1000))
    lose(deployed, *lost)
    before = trained_or_deployed(deployed)

    said = [deployed.run(name) for name in ("fullprocess", "ingestion", "training")]
    status, dry = deployed.run("fullprocess", "--status"), deployed.run("fullprocess", "--dry-run")
    verified = deployed.run("diagnostics", "--verify")
    saved = deployed.run("fullprocess", "--backup", str(deployed.root / "backup.tar.gz"))

    assert [it.code for it in (*said, status, dry, verified, saved)] == [1] * 7
    for it in said:
        assert "the journal is missing, but" in it.err
        assert "restore all from a backup" in it.err
        assert "To start over instead, move" in it.err
    assert "damaged:" in status.out
    assert "the journal is missing" in status.out + verified.out
    assert trained_or_deployed(deployed) == before
    assert not (deployed.root / JOURNAL).exists()


def test_a_person_who_really_begins_anew_does_so_by_moving_all_three_away(deployed: Project) -> None:
    lose(deployed, "production_deployment")
    assert deployed.run("fullprocess").code == 1

    lose(deployed, *ROOMS)
    said = deployed.run("fullprocess", "--json")

    assert (said.code, said.json["outcome"]) == (0, "deployed")


def test_an_older_journal_than_what_is_there_is_told(deployed: Project) -> None:
    path = deployed.root / JOURNAL
    kept = path.read_bytes()
    path.write_bytes(kept[: kept.index(b"\n") + 1])
    deployed.drop("sourcedata/dataset2.csv", table(300, seed=2, first=1000))

    said = deployed.run("fullprocess")

    assert (said.code, "it was cut or replaced" in said.err) == (1, True)
    assert path.read_bytes() == kept[: kept.index(b"\n") + 1]


def test_a_lost_dataset_is_told_and_read_again_on_a_persons_word(deployed: Project) -> None:
    live = releases.name_of(deployed.settings.production)
    lose(deployed, "ingesteddata")

    failed, status = deployed.run("fullprocess"), deployed.run("fullprocess", "--status")
    again = deployed.run("fullprocess", "--reread", "--json")

    assert (failed.code, status.code) == (1, 1)
    assert "the link is missing, but run 1 left dataset 1-" in failed.err
    assert "python fullprocess.py --reread" in failed.err
    assert again.code == 0, again.err
    assert again.json["release"] == live == releases.name_of(deployed.settings.production)
    told = deployed.run("diagnostics", "--explain", journal.read(deployed.root / JOURNAL)[-1]["at"][:10])
    assert "gave the former dataset up" in " ".join(told.out.split())
    assert deployed.run("diagnostics", "--verify").code == 0


def test_a_word_for_a_dataset_that_is_there_gives_nothing_up(deployed: Project) -> None:
    before = (deployed.root / JOURNAL).read_bytes()

    said = deployed.run("fullprocess", "--reread")

    assert said.code == 0
    assert (deployed.root / JOURNAL).read_bytes() == before


def test_releases_and_their_link_that_are_gone_together_are_told(deployed: Project) -> None:
    lose(deployed, "production_deployment/releases", "production_deployment/current")

    said = deployed.run("fullprocess")

    assert said.code == 1
    assert "link and folder of the last deployment" in said.err
    assert trained_or_deployed(deployed) == {paths.MODEL, paths.CARD}


@pytest.mark.slow
def test_lost_models_cost_no_release_and_the_list_is_made_again(deployed: Project) -> None:
    live = releases.name_of(deployed.settings.production)
    lose(deployed, "models")

    said = deployed.run("fullprocess", "--json")

    assert (said.code, said.json["release"]) == (0, live)
    assert (deployed.root / "models" / paths.CALL_LIST).exists()


def test_a_first_run_begins_the_journal_before_anything_else(project: Project, tmp_path: Path) -> None:
    project.drop("sourcedata/a.csv", "client\nx\n")

    project.run("ingestion")

    assert (tmp_path / JOURNAL).exists()
