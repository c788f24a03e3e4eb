"""What is remembered of contents that others replaced."""

from __future__ import annotations

from risk.dataset.earlier import MOST_GONE, GoneContent, with_gone


def test_of_a_file_that_is_sent_again_and_again_few_contents_are_remembered_and_the_last_counts_of_all_periods() -> (
    None
):
    known: tuple[GoneContent, ...] = ()
    for run in range(1, 1_001):
        known = with_gone(known, GoneContent(run, "2026-03", {"2026-01": [run // 10, 1], "2026-02": [run, 2]}))
        assert len(known) <= MOST_GONE

    assert known[-1].run == 1_000
    assert known[-1].outcomes["2026-02"] == [1_000, 2]
    assert max(it.outcomes["2026-01"][0] for it in known if "2026-01" in it.outcomes) == 100
    assert [it.run for it in known] == sorted(it.run for it in known)
    assert all(it.outcomes["2026-02"] == [it.run, 2] for it in known), "no count is told earlier than it was"


def test_periods_whose_counts_stay_are_told_once() -> None:
    first = with_gone((), GoneContent(1, "2026-02", {"2026-01": [5, 1]}))
    second = with_gone(first, GoneContent(2, "2026-02", {"2026-01": [5, 1]}))

    assert second == first
