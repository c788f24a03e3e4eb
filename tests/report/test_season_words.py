"""What people are told of levels that come and go, and of outcomes that are not all in."""

from __future__ import annotations

import pytest

from risk.report import season_words

PLAIN = {"mean": 34.0, "low": 30, "high": 38}
LEVEL = PLAIN | {"stated": 25.0, "level": 0.4, "deviation": 0.2, "calendar": False}


@pytest.mark.parametrize(
    ("expected", "begins"),
    [
        (LEVEL, "Of late 1.4 times as many left as the risks alone state"),
        (LEVEL | {"calendar": True}, "In this month of former years 1.4 times as many left"),
        (LEVEL | {"mean": 25.2}, "Of late as many left as the risks alone state"),
    ],
)
def test_a_level_that_is_counted_in_is_told(expected: dict[str, float], begins: str) -> None:
    assert season_words.of_level(expected).startswith(begins)


def test_without_a_level_and_without_a_lag_nothing_is_said() -> None:
    assert (season_words.of_level(PLAIN), season_words.of_lag({"n_rows": 3})) == ("", "")


def test_up_to_when_outcomes_are_complete_is_told_on_one_line() -> None:
    told = season_words.of_lag({"outcomes_complete_until": "2026-06", "outcomes_incomplete": ["2026-07", "2026-08"]})

    assert told.startswith("Outcomes are complete up to 2026-06; of 2 later periods some are known")
