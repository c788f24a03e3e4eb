"""Treated rows: which they are, that they are kept apart where enough others are left, and nowhere without calls."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from ingesting import ingest, months, of, rows_of

from risk.dataset import treated
from risk.dataset.outcomes import Contact, Outcomes
from tests.conftest import Project

DATED = {"features": ["lastmonth_activity", "lastyear_activity", "number_of_employees"], "period": "month"}


def called(*contacts: tuple[str, str, str]) -> Outcomes:
    return Outcomes(tuple(sorted((Contact(*it) for it in contacts), key=lambda it: (it.client, it.date))))


def days(*texts: str) -> list[int]:
    return [date.fromisoformat(text).toordinal() for text in texts]


def test_a_period_ends_on_its_last_day() -> None:
    ends = treated.ends_of_periods(["2026-01", "2028-02", "2026-11-27", "9999-12", "2026-01"])

    assert ends.tolist() == days("2026-01-31", "2028-02-29", "2026-11-27", "9999-12-31", "2026-01-31")


@pytest.mark.parametrize(
    ("day", "result", "is_treated"),
    [
        ("2026-05-31", "reached", True),
        ("2026-05-01", "stays", True),
        ("2026-04-30", "stays", False),
        ("2026-06-30", "undecided", True),
        ("2026-07-01", "leaving", False),
        ("2026-05-31", "not reached", False),
    ],
)
def test_a_row_is_treated_by_a_call_within_one_horizon_of_its_end(day: str, result: str, is_treated: bool) -> None:
    found = treated.treatment(called(("a", day, result)), None, ["2026-05"], 0)

    marks = found.marks(["a", "b"], np.array(days("2026-05-31", "2026-05-31")))

    assert marks.tolist() == [is_treated, False]


@pytest.mark.parametrize(
    ("periods", "asked", "horizon"),
    [
        (["2026-01", "2026-02"], None, 31),
        (["2026-01-05", "2026-01-12", "2026-01-19", "2026-03-02"], None, 7),
        (["2026-01-05"], None, 31),
        ([], None, 31),
        (["2026-01-05", "2026-01-12"], 90, 90),
    ],
)
def test_the_horizon_is_the_usual_step_of_the_periods(periods: list[str], asked: int | None, horizon: int) -> None:
    assert treated.treatment(Outcomes(), asked, periods, 0).horizon == horizon


@pytest.fixture
def monthly(project: Project) -> Project:
    """Two months of six clients, half of whom leave."""
    project.configure(schema=DATED)
    for month in ("2026-04", "2026-05"):
        rows = [f"c{n},{month},{n},{n},{n},{int(n < 3)}" for n in range(6)]
        project.drop(f"sourcedata/{month}.csv", months(*rows))
    ingest(project)
    return project


def pairs(frame: object) -> set[tuple[str, str]]:
    return {(row["corporation"], row["month"]) for row in frame.to_dict("records")}  # type: ignore[attr-defined]


def test_rows_around_a_call_are_kept_apart_and_told(monthly: Project) -> None:
    rows = rows_of(monthly)
    apart = rows.apart(called(("c0", "2026-06-10", "stays"), ("c5", "2026-04-15", "reached")), 1)

    everyone, kept = rows.labelled(), apart.labelled()

    missing = {("c0", "2026-05"), ("c5", "2026-04")}
    assert pairs(everyone) - pairs(kept) == missing
    assert pairs(everyone[apart.treated(everyone)]) == missing
    assert pairs(apart.news()) == pairs(apart.recent(None)) == pairs(kept)
    assert pairs(apart.of(["c0", "c5"])) == {(c, m) for c in ("c0", "c5") for m in ("2026-04", "2026-05")}
    assert not apart.words(kept, "here")
    assert len(apart.clients()) == len(rows.clients())
    assert pairs(apart.held_out(1.0)) == pairs(kept)


def test_all_rows_are_taken_where_too_few_others_are_left_and_that_is_said(monthly: Project) -> None:
    calls = called(("c0", "2026-06-10", "stays"), ("c5", "2026-06-10", "stays"))
    apart = rows_of(monthly).apart(calls, 6)

    kept = apart.labelled()

    assert len(kept) == 12
    assert apart.words(kept, "in training") == [
        "Too few leavers or stayers were not called, so rows of called clients count in training as well."
    ]


def test_without_a_period_a_row_is_treated_that_came_in_after_the_call(project: Project) -> None:
    project.drop("sourcedata/one.csv", of("a,1,2,3,0", "b,1,2,3,0", "c,1,2,3,1"))
    ingest(project)
    today = datetime.now(UTC).date()
    before = date.fromordinal(today.toordinal() - 2).isoformat()
    long_ago = date.fromordinal(today.toordinal() - 70).isoformat()

    apart = rows_of(project).apart(called(("a", before, "stays"), ("b", long_ago, "stays")), 1)
    now = rows_of(project).apart(called(("a", date.fromordinal(today.toordinal() + 1).isoformat(), "stays")), 1)

    assert sorted(apart.labelled()["corporation"]) == ["b", "c"]
    assert len(now.labelled()) == 3


def test_of_a_file_beside_the_dataset_without_a_period_no_row_is_treated(project: Project) -> None:
    project.drop("sourcedata/one.csv", of("a,1,2,3,0", "b,1,2,3,1"))
    ingest(project)
    apart = rows_of(project).apart(called(("a", datetime.now(UTC).date().isoformat(), "stays")), 0)

    frame = apart.clients().drop(columns=["position"])

    assert not apart.treated(frame).any()


def test_without_calls_nothing_is_kept_apart(monthly: Project, tmp_path: Path) -> None:
    rows = rows_of(monthly)

    same = rows.apart(Outcomes(), 1).beside(None)

    assert same.labelled().equals(rows.labelled())
    assert not same.treated(rows.labelled()).any()
