"""Retention by the command line: what lies beyond `keep` is told, removed on a second word, and stays provable."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import killing
import pytest

from risk.disk import journal, paths
from risk.registry import audit, releases
from tests.conftest import Installations, Project, table
from tests.keeping import on, with_history

KEEP = {"versions": 1, "report_sets": 2, "releases": 2, "lists": 2}


@pytest.fixture
def old(installations: Installations, tmp_path: Path) -> Project:
    """A project with four releases, and settings that keep less."""
    project = installations.copy(with_history, tmp_path)
    project.configure(keep=KEEP)
    return project


def records(project: Project) -> list[dict[str, Any]]:
    return journal.read(project.settings.production / paths.JOURNAL)


def names(project: Project) -> list[str]:
    return [it.name for it in releases.all_of(project.settings.production)]


def held(project: Project, *shelf: str) -> list[str]:
    return sorted(path.name for path in project.root.joinpath(*shelf).iterdir() if path.name != paths.CURRENT)


@pytest.mark.slow
def test_pruning_is_told_first_and_nothing_is_removed_without_the_second_word(old: Project) -> None:
    before = old.seen()

    said = old.run("fullprocess", "--prune")

    assert said.code == 0
    assert "MB would be removed; to remove it: python fullprocess.py --prune --yes" in said.out
    for kind in ("2 releases", "lists", "dataset versions", "report sets"):
        assert f"{kind}, " in said.out, said.out
    assert old.seen() == before


@pytest.mark.slow
def test_what_lies_beyond_keep_is_removed_and_the_rest_is_as_it_was(old: Project) -> None:
    every, live = names(old), releases.name_of(old.settings.production)

    said = old.run("fullprocess", "--prune", "--yes", "--json")

    assert said.code == 0, said.err
    assert list(said.json["releases"]) == every[:2]
    assert names(old) == every[2:]
    assert releases.name_of(old.settings.production) == live
    assert [len(held(old, *it)) for it in (("ingesteddata", "versions"), ("models", "reports"))] == [1, 2]
    assert len({name[:10] for name in held(old, "models", "lists")}) == 2
    assert old.run("diagnostics", "--verify").code == 0
    assert old.run("ingestion", "--verify").code == 0
    assert old.run("fullprocess", "--status").code == 0
    assert old.run("diagnostics", "--track-record").code == 0
    assert old.run("fullprocess", "--prune").out == "nothing lies beyond what is kept\n"
    old.drop("sourcedata/dataset9.csv", table(60, seed=9, first=9000))
    assert old.run("fullprocess").code == 0
    assert old.run("fullprocess", "--status").code == 0


@pytest.mark.slow
def test_a_removed_release_is_told_as_removed_on_that_day_and_never_as_lost(old: Project) -> None:
    first = names(old)[0]
    digest = next(it["model"] for it in records(old) if it.get("action") == "deploy")
    old.run("fullprocess", "--prune", "--yes")
    day = next(it["at"][:10] for it in records(old) if it.get("act") == "prune")

    verified, listed = old.run("diagnostics", "--verify"), old.run("deployment", "--list")
    explained, of_day = old.run("diagnostics", "--explain", "1"), old.run("diagnostics", "--explain", day)
    back = old.run("deployment", "--rollback", "1")

    assert f"; removed: {first} on {day}, " in verified.out
    assert f"{first}  removed on {day}" in listed.out
    assert f"Release {first} was removed on {day}" in explained.out
    assert "removed what is beyond the section keep" in " ".join(of_day.out.split())
    assert (back.code, f"release {first} was removed on {day}" in back.err) == (1, True)
    assert next(it["releases"][first] for it in records(old) if it.get("act") == "prune") == digest
    for said in (verified, listed, explained, back):
        assert "missing" not in said.out + said.err
        assert "gone" not in said.out + said.err


@pytest.mark.slow
def test_live_the_one_before_and_what_the_desk_rests_on_are_never_removed(old: Project) -> None:
    every = names(old)
    assert old.run("deployment", "--rollback", "2").code == 0
    old.drop("sourcedata/dataset8.csv", table(100, seed=8, first=8000))
    assert [old.run(it).code for it in ("ingestion", "training", "scoring")] == [0, 0, 0]
    card = json.loads(old.text(f"models/{paths.CARD}"))
    for number in (9, 10, 11):
        old.drop(f"sourcedata/dataset{number}.csv", table(20, seed=number, first=1000 * number))
        assert old.run("ingestion").code == 0

    said = old.run("fullprocess", "--prune", "--yes", "--json")

    assert said.json["releases"] == {}
    assert names(old) == every  # 3 and 4 are the newest, 2 is live, 1 the one before it
    assert card["dataset"] in held(old, "ingesteddata", "versions")
    assert old.run("deployment", "--force", "it must be").code == 0
    assert old.run("diagnostics", "--verify").code == 0


@pytest.mark.slow
def test_a_release_that_a_person_puts_back_is_one_again(old: Project) -> None:
    first = releases.all_of(old.settings.production)[0]
    kept = shutil.copytree(first.folder, old.root / "elsewhere")
    old.run("fullprocess", "--prune", "--yes")
    shutil.copytree(kept, first.folder)

    back = old.run("deployment", "--rollback", "1")

    assert back.code == 0, back.err
    assert releases.name_of(old.settings.production) == first.name


@pytest.mark.slow
def test_lists_of_a_year_go_into_fewer_bytes_and_still_count(installations: Installations, tmp_path: Path) -> None:
    project = installations.copy(with_history, tmp_path)
    for day in range(10, 24):
        project.drop("sourcedata/dataset9.csv", table(30 + day, seed=9, first=9000))
        assert on(project, f"2026-11-{day}").code in (0, 4)
    assert "2026.parquet" in held(project, "models", "lists")
    project.configure(keep={"lists": 12})

    said = project.run("fullprocess", "--prune", "--yes", "--json")
    noted = project.run("diagnostics", "--track-record", "--json").json

    days = sorted(set(said.json["pruned_lists"].values()))
    assert days[0] == "2026-11-01"
    assert min(it["as_of"] for it in noted["lists"] if it["as_of"] > days[-1]) > days[-1]
    assert noted["broken"] == []
    assert project.run("fullprocess", "--status").code == 0


@pytest.mark.slow
def test_the_next_tick_makes_the_track_record_of_the_lists_that_are_kept(old: Project) -> None:
    assert old.run("fullprocess").code == 0  # by the settings that keep less
    assert old.run("fullprocess").out == "no new data\n"
    assert old.run("fullprocess", "--prune", "--yes").code == 0

    assert old.run("fullprocess").out != "no new data\n"

    days = [it["as_of"] for it in old.run("diagnostics", "--track-record", "--json").json["lists"]]
    assert days == sorted({name[:10] for name in held(old, "models", "lists")})
    assert old.run("fullprocess").out == "no new data\n"


def test_the_second_word_alone_is_wrong_usage(project: Project) -> None:
    said = project.run("fullprocess", "--yes")

    assert (said.code, "--yes goes with --prune" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("keep", "told"),
    [({"releases": 1}, "keep.releases"), ({"versions": 0}, "keep.versions"), ({"list": 3}, "did you mean 'lists'")],
)
def test_a_wrong_number_to_keep_is_one_error(project: Project, keep: dict[str, int], told: str) -> None:
    project.configure(keep=keep)

    said = project.run("fullprocess", "--prune")

    assert (said.code, told in said.err) == (2, True)


@pytest.mark.slow
def test_nothing_is_pruned_while_the_journal_is_broken(old: Project) -> None:
    path = old.settings.production / paths.JOURNAL
    path.write_text(path.read_text().replace('"forced": false', '"forced": true', 1))
    before = names(old)

    said = old.run("fullprocess", "--prune", "--yes")

    assert (said.code, "it does not follow" in said.err) == (1, True)
    assert names(old) == before


@pytest.mark.slow
def test_a_pruning_killed_anywhere_is_finished_by_the_next_run(installations: Installations, tmp_path: Path) -> None:
    killing.warm()
    (tmp_path / "project").mkdir()
    project = installations.copy(with_history, tmp_path / "project")
    project.configure(keep=KEEP)
    assert killing.run(project).code == 0
    root, every = project.root, names(project)
    made = killing.record(project, tmp_path / "shelf", "--prune", "--yes")
    assert made.said.code == 0, made.said.err
    days = {name[:10] for name in held(project, "models", "lists")}

    for state in made.states[1::3]:
        killing.put_back(root, state.folder)
        begun = any(it.get("act") == "prune" for it in records(project))
        assert audit.check(project.settings.production, project.settings.ingested, root / "models/reports").sound, state

        said = killing.run(project)

        assert said.code == 0, (state, said.err)
        assert names(project) == (every[2:] if begun else every), state
        again = killing.run(project, "--prune", "--yes")
        assert again.code == 0
        assert (names(project), days) == (every[2:], {name[:10] for name in held(project, "models", "lists")}), state
        assert list(root.rglob(f"{paths.UNFINISHED}*")) == [], state
        assert killing.run(project, "--verify", script="diagnostics").code == 0
        assert killing.run(project, "--status").code == 0
