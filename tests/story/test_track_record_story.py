"""The track record of whole runs: lists that were made afterwards, real ones, their grades when outcomes come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from risk.disk import paths
from risk.lists import list_history, track_record_words
from tests.conftest import HEADER, Installations, Project, table

SCHEMA = {"period": "period"}


def month(number: int, *, labels: bool = True, n: int = 300) -> str:
    """Return the file of a month: the same clients each time, so that every row but the newest is a former one."""
    rows = table(n, seed=number, labels=labels).splitlines()[1:]
    return "\n".join([HEADER + ",period", *(f"{row},2026-{number:02d}" for row in rows)]) + "\n"


def four_months(project: Project) -> None:
    """Do a first run on three months with outcomes and one without, its list of 20 May."""
    project.configure(schema=SCHEMA, model={"family": "logistic"}, capacity={"calls_per_week": 20})
    for number in range(1, 5):
        project.drop(f"sourcedata/2026-{number:02d}.csv", month(number, labels=number < 4))
    project.drop("testdata/testdata.csv", month(9).replace("\nc", "\nd"))
    run_of_day(project, "2026-05-20")


def run_of_day(project: Project, day: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("risk.command.today", lambda: day)
        said = project.run("fullprocess", "--json")
    assert said.code == 0, said.err
    return said.json


@pytest.fixture
def begun(installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(four_months, tmp_path)


def record(project: Project) -> Any:
    return project.json("models/snapshot.json")["track_record"]


def journal(project: Project) -> list[dict[str, Any]]:
    from risk.disk import journal

    return journal.read(project.settings.production / paths.JOURNAL)


def test_the_first_run_makes_lists_as_they_would_have_been_made(begun: Project) -> None:
    lists = record(begun)["lists"]

    assert [(it["as_of"], it["replayed"], it["complete"]) for it in lists] == [
        ("2026-02-28", True, True),
        ("2026-03-31", True, True),
    ]
    assert all(it["n_listed"] == 20 and it["share_caught"] > 1.5 * it["random_share"] for it in lists)
    (run,) = (it for it in journal(begun) if it["kind"] == "run")
    assert [(it["as_of"], it["replayed"]) for it in run["lists"]] == [("2026-02-28", True), ("2026-03-31", True)]
    assert (run["list"]["as_of"], run["list"]["n"]) == ("2026-05-20", 300)


@pytest.mark.slow
def test_outcomes_grade_the_list_that_was_made_before_them(begun: Project) -> None:
    begun.drop("sourcedata/2026-04.csv", month(4))
    begun.drop("sourcedata/2026-05.csv", month(5, labels=False))

    run_of_day(begun, "2026-06-20")

    newest = record(begun)["lists"][-1]
    left = {row.split(",")[0] for row in month(4).splitlines()[1:] if row.split(",")[4] == "1"}
    listed = {row.split(",")[1] for row in begun.text("models/reports/1/calllist.csv").splitlines()[1:]}
    assert (newest["as_of"], newest["replayed"], newest["complete"]) == ("2026-05-20", False, True)
    assert (newest["n_left"], newest["listed_left"]) == (len(left), len(left & listed))
    assert record(begun)["sentence"].startswith(f"Of the 20 on the list of 20 May 2026, {len(left & listed)} left")


@pytest.mark.slow
def test_a_later_run_makes_no_lists_of_the_past(begun: Project) -> None:
    begun.drop("sourcedata/2026-05.csv", month(5, labels=False))

    run_of_day(begun, "2026-06-20")

    last = [it for it in journal(begun) if it["kind"] == "run"][-1]
    assert "lists" not in last
    assert last["list"]["as_of"] == "2026-06-20"


@pytest.mark.slow
def test_of_one_day_the_last_list_by_each_newest_period_counts(begun: Project) -> None:
    for number, labels in ((5, False), (6, False), (5, True)):
        begun.drop(f"sourcedata/2026-{number:02d}.csv", month(number, labels=labels))
        run_of_day(begun, "2026-06-20")

    lists = [(it["as_of"], it["newest_period"], it["complete"]) for it in record(begun)["lists"][2:]]
    noted = list_history.journaled(it for it in journal(begun) if it["kind"] == "run")
    kept, broken = list_history.counted(list_history.on_disk(begun.settings.models / paths.LISTS), noted)
    client = begun.text("models/clientrisks.csv").splitlines()[1].split(",")[1]
    history = list_history.of_client(begun.settings.models / paths.LISTS, client)

    assert lists == [
        ("2026-05-20", "2026-04", False),
        ("2026-06-20", "2026-05", True),
        ("2026-06-20", "2026-06", False),
    ]
    assert [it.facts.run for it in kept if it.facts.as_of == "2026-06-20"] == [2, 4]
    assert [(it["as_of"], it["period"]) for it in history][-2:] == [
        ("2026-06-20", "2026-05"),
        ("2026-06-20", "2026-06"),
    ]
    assert broken == []


@pytest.mark.slow
def test_a_list_that_was_changed_is_named_and_not_graded(begun: Project) -> None:
    (path,) = (begun.settings.models / paths.LISTS).glob("2026-03-31-*")
    (other,) = (begun.settings.models / paths.LISTS).glob("2026-02-28-*")
    path.write_bytes(other.read_bytes())
    begun.drop("sourcedata/2026-05.csv", month(5, labels=False))

    run_of_day(begun, "2026-06-20")

    assert record(begun)["broken"] == ["2026-03-31"]
    assert "2026-03-31" not in [it["as_of"] for it in record(begun)["lists"]]


@pytest.mark.slow
def test_a_list_whose_rows_are_damaged_stops_no_run(begun: Project) -> None:
    (path,) = (begun.settings.models / paths.LISTS).glob("2026-05-20-*")
    content = path.read_bytes()
    path.write_bytes(content[:40] + bytes(200) + content[240:])  # its last bytes still tell what it holds
    begun.drop("sourcedata/2026-05.csv", month(5, labels=False))

    run_of_day(begun, "2026-06-20")

    assert record(begun)["broken"] == ["2026-05-20"]
    assert begun.json("models/snapshot.json")["list"]["previous"] is None
    assert [it["as_of"] for it in record(begun)["lists"]] == ["2026-02-28", "2026-03-31"]


@pytest.mark.slow
def test_without_a_period_the_next_label_of_a_client_grades(project: Project) -> None:
    project.drop("sourcedata/a.csv", table(300, labels=False) + table(300, seed=5, first=5000).split("\n", 1)[1])
    project.drop("testdata/testdata.csv", table(100, seed=9, first=90_000))
    run_of_day(project, "2026-05-20")
    project.drop("sourcedata/b.csv", table(300))

    run_of_day(project, "2026-06-20")

    (grade,) = record(project)["lists"]
    n_left = sum(row.endswith(",1") for row in table(300).splitlines())
    assert (grade["as_of"], grade["n_known"], grade["n_left"]) == ("2026-05-20", 300, n_left)
    assert grade["simple_share"] is None
    assert record(project)["n_leavers"] == n_left


@pytest.mark.slow
def test_the_list_says_what_changed_since_that_of_an_earlier_week(begun: Project) -> None:
    begun.drop("sourcedata/2026-05.csv", month(5, labels=False))

    run_of_day(begun, "2026-06-20")

    shown = begun.json("models/snapshot.json")
    assert shown["list"]["previous"] == "2026-05-20"
    assert {call["move"] for call in shown["call_list"]} <= {"new", "risen", "fallen", "same"}
    assert all(call["moved_by"] in (None, "the client changed") for call in shown["call_list"])
    assert begun.json("models/reports/1/snapshot.json")["list"]["previous"] is None  # a replayed list is no former one


@pytest.mark.slow
def test_whose_outcome_came_with_the_row_nobody_could_have_been_warned_of(project: Project) -> None:
    project.configure(schema=SCHEMA, model={"family": "logistic"}, capacity={"calls_per_week": 20})
    for number in range(1, 4):
        lines = month(number).replace("\nc", f"\nof_{number}_") if number > 1 else month(number)
        project.drop(f"sourcedata/2026-{number:02d}.csv", lines)
        run_of_day(project, f"2026-{number + 1:02d}-02")

    found = record(project)

    assert (found["n_leavers"], found["n_unwarned"], found["leavers"]) == (0, 0, [])
    assert [it["n_open"] for it in found["lists"]] == [0] * len(found["lists"])
    assert found["sentence"].startswith("No list can be graded: every outcome was known when its list was made.")
    assert "outcomes were known before" in track_record_words.state(found["lists"][0])
