"""Months that are made of events: what counts, how often, and that sums are exact and the order of files is nothing."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ingesting import current, entry, final, ingest, rejected, rows_of

from tests.conftest import Project

EVENTS = {"client": "id", "time": "at", "amount": "paid", "kind": "what", "kinds": ["visit"]}
RULE = {"absent_for": "60 days", "smallest_share": 0}
JANUARY = ("A,2024-01-05,0.1,visit", "A,2024-01-20T10:00:00,0.2,order", "B,2024-01-31 23:59,5,order")


def log(*rows: str) -> str:
    return "\n".join(["id,at,paid,what", *rows]) + "\n"


def made(project: Project, name: str) -> dict[str, Any]:
    """Return a column of all rows, by client and month."""
    rows = rows_of(project)
    frame = rows._frame(rows._rows, rows._rows.resolved()).sort_values(["id", "month"])
    frame = frame.astype(object).where(pd.notna(frame), None)
    return {f"{a} {b[2:]}": it for a, b, it in zip(frame["id"], frame["month"], frame[name], strict=True)}


@pytest.fixture
def events(project: Project) -> Project:
    project.configure(events=EVENTS, schema={"target": RULE})
    return project


def test_a_client_has_a_row_for_each_month_until_it_has_left(events: Project) -> None:
    events.drop("sourcedata/a.csv", log(*JANUARY, "C,2024-03-31,1,visit", "C,2024-04-30,1,visit"))

    ingest(events)

    months = ("A 24-01", "A 24-02", "B 24-01", "B 24-02", "C 24-03", "C 24-04")
    assert made(events, "events") == dict(zip(months, (2, 0, 1, 0, 1, 1), strict=True))
    assert made(events, "exited") == dict(zip(months, (1, 1, 1, 1, None, None), strict=True))
    assert rows_of(events).clients()["id"].tolist() == ["C"]


def test_a_month_tells_sums_kinds_and_times(events: Project) -> None:
    events.drop("sourcedata/a.csv", log(*JANUARY, "A,2024-02-29,0.3,visit"))

    ingest(events)

    told = {
        "amount_sum": {"A 24-01": 0.3, "A 24-02": 0.3, "B 24-01": 5, "B 24-02": 0},
        "different_kinds": {"A 24-01": 2, "A 24-02": 1, "B 24-01": 1, "B 24-02": 0},
        "events_visit": {"A 24-01": 1, "A 24-02": 1, "B 24-01": 0, "B 24-02": 0},
        "days_since_last_event": {"A 24-01": 11, "A 24-02": 0, "B 24-01": 0, "B 24-02": 29},
        "months_since_first_event": {"A 24-01": 0, "A 24-02": 1, "B 24-01": 0, "B 24-02": 1},
        "change_of_events": {"A 24-01": None, "A 24-02": -1, "B 24-01": None, "B 24-02": -1},
    }
    assert {name: made(events, name) for name in told} == told


def test_of_overlapping_files_each_event_counts_once_and_equal_ones_of_a_file_as_often_as_they_are_there(
    events: Project,
) -> None:
    events.drop("sourcedata/a.csv", log(*JANUARY, JANUARY[0]))
    events.drop("sourcedata/b.csv", log(*JANUARY))

    ingest(events)

    assert made(events, "events") == {"A 24-01": 3, "B 24-01": 1}


def test_only_months_that_are_over_count(events: Project) -> None:
    events.drop("sourcedata/a.csv", log(*JANUARY, "A,2024-02-28,1,visit"))
    ingest(events)
    assert set(made(events, "events")) == {"A 24-01", "B 24-01"}

    events.drop("sourcedata/b.csv", log("B,2024-02-29,1,visit"))
    ingest(events)

    assert made(events, "events") == {"A 24-01": 2, "A 24-02": 1, "B 24-01": 1, "B 24-02": 1}


@pytest.mark.slow
def test_files_make_the_same_months_in_every_order(events: Project, tmp_path: Path) -> None:
    logs = {"a": log(*JANUARY), "b": log("A,2024-02-29,0.7,visit", JANUARY[2]), "c": log("B,2024-03-31,0.7,order")}
    found = set()
    for number, order in enumerate(itertools.permutations(logs)):
        (tmp_path / str(number)).mkdir()
        other = Project(tmp_path / str(number))
        other.configure(events=EVENTS, schema={"target": RULE})
        for name in order:
            other.drop(f"sourcedata/{name}.csv", logs[name])
            ingest(other)
        found.add((current(other).rows, *final(other)))

    assert len(found) == 1


def test_bad_events_are_refused_by_their_line(events: Project) -> None:
    events.drop("sourcedata/a.csv", log(*JANUARY, "A,31.01.2024,1,visit", "A,2024-01-31 25:00,1,visit", "A,,1,visit"))

    ingest(events)

    assert [(it["line"], it["column"], it["reason"]) for it in rejected(events)] == [
        ("5", "at", "is not a time"),
        ("6", "at", "is not a time"),
        ("7", "at", "is blank"),
    ]
    assert current(events).n_refused == 3


def test_an_event_of_the_future_does_not_count_and_is_told(events: Project) -> None:
    events.drop("sourcedata/a.csv", log(*JANUARY, "X,9204-01-31,1,visit"))

    told = ingest(events).warnings

    assert set(made(events, "events")) == {"A 24-01", "B 24-01"}
    assert [it for it in told if "1 event lies in the future (the last: 9204-01-31)" in it]


def test_a_file_that_is_sent_again_takes_the_place_of_its_former_content(events: Project) -> None:
    events.drop("sourcedata/a.csv", log(*JANUARY))
    ingest(events)
    events.drop("sourcedata/a.csv", log(JANUARY[2]))

    ingest(events)

    assert made(events, "events") == {"B 24-01": 1}
    assert len(entry(events, "a.csv").contents) == 1


def test_sums_are_exact(events: Project) -> None:
    cents = [f"A,2024-01-{day:02},{amount},visit" for day in range(1, 32) for amount in ("0.1", "0.2", "-0.25")]
    events.drop("sourcedata/a.csv", log(*cents, "B,2024-01-31,123456789012.34,visit", "B,2024-01-30,0.66,visit"))

    ingest(events)

    assert made(events, "amount_sum") == {"A 24-01": 1.55, "B 24-01": 123456789013}


def test_events_and_their_months_are_sound_and_nothing_new_makes_nothing_new(events: Project) -> None:
    events.drop("sourcedata/a.csv", log(*JANUARY))
    events.drop("sourcedata/b.csv", log(*JANUARY, "A,2024-02-29,1,visit"))
    ingest(events)

    again = ingest(events)

    assert not again.changed
    assert events.run("ingestion", "--verify").code == 0
    assert events.text("ingesteddata/ingestedfiles.txt").split() == ["a.csv", "b.csv"]
    assert [it.path for it in current(events).entries] == ["months of events/2024-01", "months of events/2024-02"]


def test_events_need_neither_amount_nor_kind(project: Project) -> None:
    project.configure(events={"client": "id", "time": "at"}, schema={"ignore": ["change_of_events", "extra"]})
    project.drop("sourcedata/a.csv", "id,at,extra\nA,2024-01-31,7\nA,2024-01-31,8\n")

    assert not any("extra" in it for it in ingest(project).warnings)

    assert list(project.settings.schema.kinds) == ["events", "days_since_last_event", "months_since_first_event"]
    assert made(project, "events") == {"A 24-01": 2}


def test_a_check_of_a_file_reads_events(events: Project) -> None:
    path = events.drop("a.csv", log(*JANUARY, "A,soon,1,visit"))

    said = events.run("ingestion", "--check", str(path))

    assert said.code == 1
    assert "line 5: at ('soon') is not a time" in said.out
    assert "3 rows would be accepted" in said.out


def test_what_is_made_of_events_tells_of_nothing_after_the_month(events: Project) -> None:
    schema = events.settings.schema

    assert schema.trusted == tuple(schema.kinds)


def test_events_of_nobody_are_refused_by_row_and_never_the_file(events: Project) -> None:
    nobody = [f",2024-01-{day:02d},1,order" for day in range(1, 31)]
    events.drop("sourcedata/a.csv", log(*JANUARY, *nobody))
    events.drop("sourcedata/b.csv", log("D,2024-01-02,1,order", *nobody, *["E,soon,1,order"] * 10))

    ingest(events)

    assert (entry(events, "a.csv").state, entry(events, "b.csv").state) == ("in", "refused")
    assert made(events, "events")["A 24-01"] == 2
    assert len(rejected(events)) > 30


# --- kinds that end a client ------------------------------------------------------------------------------------------

ENDING = EVENTS | {"kinds": ["visit"], "ends": ["cancel", "closed"]}
SIGNED = ("A,2024-01-05,9,order", "B,2024-01-06,9,order", "C,2024-01-07,9,order", "D,2024-01-08,9,order")


def test_a_client_has_a_row_for_each_month_until_an_event_ends_it(project: Project) -> None:
    project.configure(events=ENDING, schema={"target": {"smallest_share": 0}})
    project.drop(
        "sourcedata/a.csv", log(*SIGNED, "A,2024-03-09,0,cancel", "B,2024-02-29,0,closed", "C,2024-04-30,1,visit")
    )

    ingest(project)

    months = ("A 24-01", "A 24-02", "B 24-01", *(f"{it} 24-0{month}" for it in "CD" for month in (1, 2, 3, 4)))
    assert made(project, "exited") == dict(zip(months, (0, 1, 1, *(0, 0, 0, None) * 2), strict=True))
    assert made(project, "events") == dict(zip(months, (1, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0), strict=True))
    assert set(rows_of(project).clients()["id"]) == {*"CD"}


def test_who_ended_in_a_month_that_is_not_over_is_no_current_client(project: Project) -> None:
    project.configure(events=ENDING, schema={"target": {"smallest_share": 0}})
    project.drop("sourcedata/a.csv", log(*SIGNED, "C,2024-01-31,1,visit", "A,2024-02-09,0,cancel"))
    ingest(project)
    assert made(project, "exited") == {f"{it} 24-01": None for it in "ABCD"}
    assert set(rows_of(project).clients()["id"]) == {*"BCD"}

    project.drop("sourcedata/b.csv", log("A,2024-02-11,9,order"))
    ingest(project)

    assert set(rows_of(project).clients()["id"]) == {*"ABCD"}


def test_who_comes_back_after_an_end_is_current_and_told(project: Project) -> None:
    project.configure(events=ENDING, schema={"target": {"smallest_share": 0}})
    project.drop(
        "sourcedata/a.csv", log(*SIGNED, "A,2024-02-09,0,cancel", "A,2024-05-01,9,order", "B,2024-05-31,1,visit")
    )

    ingest(project)

    assert {key: it for key, it in made(project, "exited").items() if key[0] == "A"} == {"A 24-01": 1, "A 24-05": None}
    assert "1 client who had left has come back" in " ".join(rows_of(project).manifest.told)


def test_who_is_silent_leaves_beside_who_ends_where_activity_is_named(project: Project) -> None:
    rule = {"absent_for": "60 days", "activity": ["events"], "smallest_share": 0}
    project.configure(events=ENDING, schema={"target": rule})
    visits = [f"C,2024-0{month}-28,1,visit" for month in (2, 3, 4)]
    project.drop("sourcedata/a.csv", log(*SIGNED, "A,2024-03-09,0,cancel", *visits, "C,2024-04-30,1,visit"))

    ingest(project)

    left = {key for key, it in made(project, "exited").items() if it == 1}
    assert left == {"A 24-01", "A 24-02", "B 24-01", "B 24-02", "D 24-01", "D 24-02"}
    assert rows_of(project).clients()["id"].tolist() == ["C"]
