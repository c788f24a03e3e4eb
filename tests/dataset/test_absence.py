"""Which periods tell of absence: whole ones at the end of a window, and what is said of the others."""

from __future__ import annotations

import pytest

from risk.dataset._absence import after_months, windows
from risk.settings.target import Target

TWO_MONTHS = Target(absent_for="60 days")


def even(*periods: str, n: int = 100) -> dict[str, int]:
    return dict.fromkeys(periods, n)


@pytest.mark.parametrize(
    ("month", "months", "later"), [("2024-01", 1, "2024-02"), ("2024-11", 2, "2025-01"), ("2024-12", 24, "2026-12")]
)
def test_months_are_counted_over_the_end_of_a_year(month: str, months: int, later: str) -> None:
    assert after_months(month, months) == later


@pytest.mark.parametrize(("days", "months"), [("7 days", 1), ("30 days", 1), ("60 days", 2), ("92 days", 3)])
def test_days_are_whole_months_where_periods_are_months(days: str, months: int) -> None:
    found = windows(even("2024-06", "2024-07", "2024-08", "2024-09"), Target(absent_for=days))

    assert found.reach["2024-06"] == after_months("2024-06", months)


def test_a_period_tells_once_its_window_has_passed() -> None:
    found = windows(even("2024-01", "2024-02", "2024-03"), TWO_MONTHS)

    assert found.tell == {"2024-01"}
    assert (found.passed, found.sentences()) == ("2024-01", [])


def test_dates_tell_by_the_last_one_in_their_window() -> None:
    days = ("2024-06-30", "2024-07-31", "2024-08-31", "2024-09-30")

    found = windows(even(*days), TWO_MONTHS)

    assert found.reach["2024-06-30"] == "2024-08-29"
    assert found.tell == {"2024-06-30", "2024-07-31"}


def test_dates_tell_nothing_where_the_last_ones_of_their_window_are_missing() -> None:
    weeks = ("2024-06-03", "2024-06-10", "2024-06-17", "2024-07-08", "2024-07-15")

    found = windows(even(*weeks), Target(absent_for="21 days"))

    assert found.tell == {"2024-06-17"}


def test_a_missing_month_makes_nobody_absent_and_is_named() -> None:
    found = windows(even("2024-01", "2024-02", "2024-04", "2024-05"), Target(absent_for="30 days"))

    assert found.tell == {"2024-01", "2024-04"}
    assert found.sentences() == ["no row of 2024-03: labels that need it are not given. Send it, and they are"]


def test_by_a_period_with_far_fewer_clients_nobody_is_absent() -> None:
    clients = even("2024-01", "2024-02") | {"2024-03": 49}

    found = windows(clients, Target(absent_for="30 days"))

    assert (found.tell, found.passed) == ({"2024-01"}, "2024-01")
    assert found.sentences()[0].startswith("2024-03 has 49 clients, where about 100 are usual: taken for incomplete")


def test_an_incomplete_month_is_not_missing() -> None:
    found = windows(even("2024-01", "2024-02", "2024-05") | {"2024-03": 12}, Target(absent_for="30 days"))

    assert found.missing == ("2024-04",)
    assert [it.split(":")[0] for it in found.sentences()] == [
        "2024-03 has 12 clients, where about 100 are usual",
        "no row of 2024-04",
    ]


def test_clients_may_become_far_fewer_where_that_is_said() -> None:
    clients = even("2024-01", "2024-02") | {"2024-03": 49}

    found = windows(clients, Target(absent_for="30 days", smallest_share=0.2))

    assert (found.tell, found.incomplete) == ({"2024-01", "2024-02"}, {})


@pytest.mark.parametrize(
    ("n_clients", "incomplete"),
    [
        ((100, 90, 40, 95, 90, 88, 90), [3]),  # one that is torn
        ((100, 90, 40, 45, 40), [3, 4, 5]),  # too few to tell
        ((100, 90, 40, 45, 40, 90), [3, 4, 5]),  # torn, and whole again
        ((100, 90, 40, 45, 40, 35), []),  # so few are usual now
        ((100, 90, 40, 45, 40, 35, 10), [7]),
        ((100, 90, 40, 9, 9, 9), [3, 4, 5, 6]),  # lower and lower is no level
        ((900, 800, 300, 250, 200, 150, 120, 100), []),  # after a rush
    ],
)
def test_far_fewer_clients_are_usual_once_three_more_periods_have_as_few(
    n_clients: tuple[int, ...], incomplete: list[int]
) -> None:
    months = {f"2024-{place:02d}": n for place, n in enumerate(n_clients, start=1)}

    found = windows(months, Target(absent_for="30 days"))

    assert list(found.incomplete) == [f"2024-{place:02d}" for place in incomplete]


def test_without_a_period_there_is_no_window() -> None:
    assert windows({}, TWO_MONTHS).passed == ""


def test_as_long_as_no_outcome_is_known_it_is_said_when_the_first_will_be() -> None:
    found = windows(even("2024-01", "2024-02"), TWO_MONTHS)

    assert found.sentences() == ["no outcome is known yet: those of 2024-01 are known once 2024-03 is there"]
