"""Outcomes that lag: which periods are complete, and that the others neither train, alert nor judge."""

from __future__ import annotations

import pytest
from ingesting import current, ingest, months, rows_of

from tests.conftest import Project

N = 40  # clients, of whom every fourth leaves


@pytest.fixture
def monthly(project: Project) -> Project:
    project.configure(schema={"period": "month"})
    return project


def rows(month: int, known: str) -> list[str]:
    """The rows of a month; the outcome of leavers and stayers is 1, 0, blank (-) or not sent (.)."""
    leaver, stayer = known
    outcomes = ((leaver if client % 4 == 0 else stayer).replace("-", "") for client in range(N))
    lines = ((f"c{client},2026-{month:02d},{client},{month},5,", outcome) for client, outcome in enumerate(outcomes))
    return [f"{line}{outcome}" for line, outcome in lines if outcome != "."]


def sent(project: Project, until: int, *lags: tuple[int, str]) -> None:
    """Send a file a month: of the month so long before it what is known of leavers and stayers then."""
    for month in range(1, until + 1):
        lines = [line for lag, known in lags if month - lag >= 1 for line in rows(month - lag, known)]
        project.drop(f"sourcedata/{month:02d}.csv", months(*lines))
    ingest(project)


@pytest.mark.parametrize(
    "lags",
    [
        ((0, "00"), (1, "00"), (2, "10")),  # who leaves is said to stay, until it is found out
        ((0, "--"), (1, "1-"), (2, "10")),  # leavers are known first
        ((0, "--"), (1, "-0"), (2, "10")),  # stayers are known first
        ((0, "--"), (1, "1."), (2, ".0")),  # each is sent once more, when it is known
        ((0, "00"), (2, "1.")),  # leavers alone are sent again
    ],
)
def test_months_of_which_only_some_outcomes_are_known_are_set_aside(monthly: Project, lags: tuple) -> None:
    sent(monthly, 8, *lags)

    found = rows_of(monthly)

    assert (found.lag.until, found.lag.arrivals) == ("2026-06", 2)
    assert "2026-07" in found.lag.open
    for frame in (found.labelled(), found.news()):
        assert sorted(frame["month"].unique()) == [f"2026-{month:02d}" for month in range(1, 7)]
        assert frame["exited"].mean() == pytest.approx(0.25)
    for _, content in found.news().groupby("content"):
        assert content["exited"].mean() == pytest.approx(0.25)


@pytest.mark.parametrize("lags", [((0, "10"),), ((0, "--"), (1, "10")), ((0, "--"), (3, "10")), ((0, "10"), (1, "10"))])
def test_outcomes_that_come_at_once_are_all_taken(monthly: Project, lags: tuple) -> None:
    sent(monthly, 8, *lags)

    found = rows_of(monthly)

    assert found.lag.open == ()
    assert len(found.labelled()) == current(monthly).counts["n_labelled"]


def test_a_history_in_yearly_files_has_no_lag(monthly: Project) -> None:
    for first in (1, 5, 9):
        lines = [line for month in range(first, first + 4) for line in rows(month, "10")]
        monthly.drop(f"sourcedata/{first:02d}.csv", months(*lines))
    ingest(monthly)

    assert rows_of(monthly).lag.arrivals == 0


def test_a_month_that_has_become_complete_is_whole_news_whatever_was_known_of_it_before(monthly: Project) -> None:
    lags = (0, "--"), (1, "1-"), (2, "10")
    sent(monthly, 8, *lags)
    known = current(monthly)
    monthly.drop("sourcedata/09.csv", months(*rows(9, "--"), *rows(8, "1-"), *rows(7, "10")))
    ingest(monthly)

    news = rows_of(monthly, known=known).news()

    assert set(news["month"]) == {"2026-07"}
    assert (len(news), news["exited"].mean()) == (N, 0.25)


def test_one_late_correction_of_an_old_month_is_no_lag(monthly: Project) -> None:
    sent(monthly, 8, (0, "--"), (1, "10"))
    monthly.drop("sourcedata/09.csv", months(*rows(9, "--"), *rows(8, "10"), *rows(3, "01")))
    ingest(monthly)

    assert rows_of(monthly).lag.open == ()
