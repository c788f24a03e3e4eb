"""Kept lists graded by what came of the clients: counts, shares, leavers, words."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from risk.lists import track_record, track_record_words
from risk.lists.list_files import KeptList, ListFacts
from risk.lists.list_history import Said

UNKNOWN = np.nan
SHARES = {"share_caught": 0.31, "random_share": 0.1, "simple_share": 0.22}
GRADE: dict[str, Any] = {
    "as_of": "2026-07-01", "replayed": False, "n_listed": 40, "listed_known": 40, "listed_left": 17, "n_left": 55,
    "expected_low": 15, "expected_high": 21, "complete": True, "simple_rule": "lowest activity first",
    "listed_treated": 0, **SHARES,
}  # fmt: skip


def said(*lists: dict[str, tuple[float, bool, float]], periods: bool = True) -> Said:
    """Return lists of a month each: of every client, by rank, whether it left, was listed, and its number."""
    days = [f"2026-{month:02d}-01" for month in range(1, len(lists) + 1)]
    clients = sorted({name for it in lists for name in it})
    rows = [
        (clients.index(name), place, list(it).index(name) + 1, *it[name])
        for place, it in enumerate(lists)
        for name in it
    ]
    columns = list(zip(*sorted(rows), strict=True))
    names = ("client", "list", "rank", "left", "on_list", "number")
    arrays = {name: np.array(column) for name, column in zip(names, columns, strict=True)}
    arrays |= {"risk": 1 / (1 + arrays["rank"]), "open": np.ones(len(rows), bool), "treated": np.zeros(len(rows), bool)}
    arrays["period"] = arrays["list"] if periods else np.full(len(rows), -1)
    kept = tuple(KeptList(ListFacts(day, run, 1000), "", 0) for run, day in enumerate(days, 1))
    months = np.array([day[:7] for day in days] if periods else [], dtype=object)
    return Said(kept, np.array(clients, dtype=object), months, arrays)


def test_a_list_is_graded_by_its_leavers_beside_random_and_the_simple_rule() -> None:
    told = said({"a": (1, True, 9.0), "b": (0, True, 1.0), "c": (1, False, 2.0), "d": (0, False, 3.0)})

    (grade,) = track_record.graded(told)

    assert (grade.n_listed, grade.n_clients, grade.n_known, grade.n_left, grade.listed_left) == (2, 4, 4, 2, 1)
    assert (grade.share_caught, grade.random_share, grade.simple_share) == (0.5, 0.5, 0.5)
    assert grade.expected == pytest.approx(1 / 2 + 1 / 3)
    assert grade.complete


def test_who_was_called_is_counted_apart() -> None:
    told = said({"a": (1, True, 9.0), "b": (0, True, 1.0), "c": (1, False, 2.0), "d": (1, True, 3.0)})
    told.rows["treated"][:2] = True

    (grade,) = track_record.graded(told)
    told_of = track_record_words.of_list(asdict(grade) | {"simple_rule": "lowest first"}, "the next month")

    assert (grade.listed_left, grade.share_caught) == (2, 2 / 3)
    assert (grade.listed_treated, grade.untreated_left, grade.untreated_share_caught) == (2, 1, 0.5)
    assert "2 of them were called; of the other 1, 1 left: 50 % of all who left without a call." in told_of


def test_outcomes_that_are_not_known_yet_count_for_nobody() -> None:
    told = said({"a": (UNKNOWN, True, 1.0), "b": (1, True, 2.0), "c": (0, False, 3.0)}, {"a": (UNKNOWN, True, 1.0)})

    first, second = track_record.graded(told)

    assert (first.n_listed, first.listed_known, first.n_known, first.complete) == (2, 1, 2, False)
    assert first.share_caught == 1.0
    assert (second.n_known, second.share_caught, second.random_share, second.simple_share) == (0, None, None, None)


@pytest.mark.parametrize(
    ("numbers", "k", "share"),
    [
        ([1.0, 2.0, 3.0], 1, 1.0),
        ([3.0, 2.0, 1.0], 1, 0.0),
        ([1.0, 1.0, 3.0], 1, 0.5),
        ([UNKNOWN, 2.0, 3.0], 2, 0.0),
        ([1.0] * 3, 0, 0.0),
    ],
)
def test_the_simple_rule_takes_the_lowest_first_and_equals_share_places(
    numbers: list[float], k: int, share: float
) -> None:
    assert track_record.simple_share(np.array(numbers), np.array([1.0, 0.0, 0.0]), k) == share


def test_a_leaver_is_shown_with_what_the_three_lists_before_said() -> None:
    stays = {"z": (0, False, 0.0)}
    lists = [{"a": (float(month == 4), month == 2, 1.0)} | stays for month in range(1, 5)]

    found = track_record.leavers(said(*lists), "2026-05-01")

    (leaver,) = found.leavers
    assert (leaver.client, leaver.period, leaver.warned) == ("a", "2026-04", True)
    assert [it["as_of"] for it in leaver.said] == ["2026-04-01", "2026-03-01", "2026-02-01"]
    assert [it["on_list"] for it in leaver.said] == [False, False, True]
    assert found.lead_days_median == 31 + 30 + 28  # from 1 February to the first list without the client


def test_nobody_warned_of_a_leaver_who_stood_on_no_list() -> None:
    lists = [{"a": (0, True, 1.0), "b": (float(month == 2), False, 1.0)} for month in (1, 2)]

    found = track_record.leavers(said(*lists), "2026-03-01")

    assert (found.n_leavers, found.n_unwarned, found.lead_days_median) == (1, 1, None)
    assert [it.warned for it in found.leavers] == [False]


def test_without_lists_nothing_is_graded() -> None:
    told = said({"a": (UNKNOWN, True, 1.0)}, periods=False)

    assert track_record.leavers(told, "2026-03-01") == track_record.Leavers()


def test_the_newest_complete_list_is_said_in_a_managers_words() -> None:
    later = GRADE | {"as_of": "2026-08-01", "complete": False, "listed_known": 3}

    sentence = track_record_words.sentence({"lists": [GRADE, later]}, "the month after the snapshot")

    assert sentence == (
        "Of the 40 on the list of 1 July 2026, 17 left in the month after the snapshot; the list held 31 % of all who "
        "left. Random: 10 %. Lowest activity first: 22 %. The list said 15 to 21."
    )


def test_a_list_whose_outcomes_are_not_all_known_says_so() -> None:
    half = GRADE | {"complete": False, "listed_known": 20, "replayed": True, "simple_share": None}

    sentence = track_record_words.sentence({"lists": [half]}, "within 30 days")

    assert sentence.startswith(
        "Of the 40 on the list of 1 July 2026 (replayed: made afterwards from what was known then), "
        "what came of 20 is known: 17 left within 30 days; "
    )
    assert track_record_words.sentence({"lists": []}, "") == track_record_words.NONE_YET


def test_a_list_of_nobody_is_graded_in_words_and_in_every_table() -> None:
    told = said({"a": (1, False, 9.0), "b": (0, False, 1.0), "c": (UNKNOWN, False, 2.0)})
    grade = asdict(track_record.graded(told)[0]) | {"simple_rule": None}

    sentence = track_record_words.sentence({"lists": [grade]}, "the next month")

    assert sentence == (
        "Nobody stood on the list of 1 January 2026. "
        "Of the 2 clients whose outcome is known, 1 left in the next month; the list had named none of them."
    )
    assert track_record_words.left(grade) == "0"
    assert track_record_words.left(grade | {"n_known": 0}) == "–"
    assert track_record_words.left(GRADE | {"listed_known": 0}) == "–"


def test_the_console_page_names_lists_leavers_and_what_is_broken() -> None:
    leaver = {"client": "acme", "period": "2026-07", "said": [], "warned": False}
    record = {"lists": [GRADE | {"n_clients": 2000}], "leavers": [leaver], "n_leavers": 3, "n_unwarned": 1}
    record |= {"lead_days_median": 31.0, "broken": ["2026-06-01"], "sentence": "A sentence."}

    page = track_record_words.page(record, "the month after")

    assert page.startswith("A sentence.\n3 clients left since the first list: of 2 the lists before had warned")
    assert "The list of 2026-06-01 is missing or not as it was" in page
    assert "2026-07-01      2,000      40     17     15-21    31 %    10 %    22 %\n" in page
    assert "nobody warned of acme (2026-07): on no list" in page


def test_of_two_lists_of_one_day_each_is_named_with_its_newest_period() -> None:
    lists = [{"as_of": "2026-06-20", "newest_period": it} for it in ("2026-05", "2026-06")]
    alone = {"as_of": "2026-06-21", "newest_period": "2026-06"}

    named = [track_record_words.of_day(it, [*lists, alone]) for it in (*lists, alone)]

    assert named == ["2026-06-20 (2026-05)", "2026-06-20 (2026-06)", "2026-06-21"]
