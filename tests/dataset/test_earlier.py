"""What is remembered of contents that others replaced."""

from __future__ import annotations

from datetime import date, timedelta

from risk.dataset.earlier import MOST_GONE, GoneContent, recent, with_gone


def test_of_a_file_that_is_sent_again_and_again_few_contents_are_remembered_and_the_last_counts_of_all_periods() -> (
    None
):
    known: tuple[GoneContent, ...] = ()
    for run in range(1, 1_001):
        known = with_gone(known, GoneContent(run, "2026-03", {"2026-01": [run // 10, 1, 9], "2026-02": [run, 2, 9]}))
        assert len(known) <= MOST_GONE

    assert known[-1].run == 1_000
    assert known[-1].outcomes["2026-02"] == [1_000, 2, 9]
    assert max(it.outcomes["2026-01"][0] for it in known if "2026-01" in it.outcomes) == 100
    assert [it.run for it in known] == sorted(it.run for it in known)
    assert all(it.outcomes["2026-02"] == [it.run, 2, 9] for it in known), "no count is told earlier than it was"


def test_periods_whose_counts_stay_are_told_once() -> None:
    first = with_gone((), GoneContent(1, "2026-02", {"2026-01": [5, 1, 9]}))
    second = with_gone(first, GoneContent(2, "2026-02", {"2026-01": [5, 1, 9]}))

    assert second == first


def test_of_very_many_contents_those_of_another_period_are_no_later_one() -> None:
    known: tuple[GoneContent, ...] = ()
    for run in range(1, 301):
        month = f"2026-{(run - 1) // 50 + 1:02d}"
        known = with_gone(known, GoneContent(run, month, {month: [run, 1, run + 9]}))

    assert len(known) <= MOST_GONE
    assert all(it.newest in it.outcomes and len(it.outcomes) == 1 for it in known)
    assert {it.newest for it in known} == {f"2026-{month:02d}" for month in range(1, 7)}


def test_of_days_half_a_year_is_looked_at_and_of_months_two_years() -> None:
    days = [(date(2026, 1, 1) + timedelta(day)).isoformat() for day in range(300)]
    months = [f"{year}-{month:02d}" for year in (2024, 2025, 2026) for month in range(1, 13)]

    assert recent(days)[0] == (date.fromisoformat(days[-1]) - timedelta(184)).isoformat()
    assert recent(months) == months[-24:]
    assert recent([]) == []
