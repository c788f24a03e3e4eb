"""What people are told of levels that come and go, and of outcomes that are not all in."""

from __future__ import annotations

from typing import Any

import pytest

from risk.report import season_words, snapshot, tables, words
from risk.report._run_in_words import of_run
from risk.report.run_decision import RunDecision

PLAIN = {"mean": 34.0, "low": 30, "high": 38}
LEVEL = PLAIN | {"stated": 25.0, "level": 0.4, "deviation": 0.2, "calendar": False}


@pytest.mark.parametrize(
    ("expected", "begins"),
    [
        (LEVEL, "By the share of late 1.4 times as many will leave as the risks alone state"),
        (LEVEL | {"calendar": True}, "By the yearly cycle of former periods 1.4 times as many will leave"),
        (LEVEL | {"mean": 25.2}, "By the share of late as many will leave as the risks alone state"),
    ],
)
def test_a_level_that_is_counted_in_is_told(expected: dict[str, float], begins: str) -> None:
    assert season_words.of_level(expected).startswith(begins)


def test_without_a_level_and_without_a_lag_nothing_is_said() -> None:
    assert (season_words.of_level(PLAIN), season_words.of_lag({"n_rows": 3})) == ("", "")


def test_up_to_when_outcomes_are_complete_is_told_on_one_line() -> None:
    told = season_words.of_lag({"outcomes_complete_until": "2026-06", "outcomes_incomplete": ["2026-07", "2026-08"]})

    assert told.startswith("Outcomes are complete up to 2026-06; of 2 later periods some are known")


WINDOW = {"chi2": 90.0, "df": 3, "p": 1e-9, "gain": 0.1, "relative_gain": 0.2, "contents": 1, "n_rows": 900}
MOVED = "the share of leavers is 30.0 % where the model states 20.0 %, as in 2024-03 (31.0 %): it is a season"


def a_run(verdict: str, rings: bool = True) -> dict[str, Any]:
    """The line of a run whose check had one window."""
    window = WINDOW | {"rings": rings, "leavers": 270, "stayers": 630, "balanced_p": 1e-7}
    told = {"run": 7, "outcome": "no drift", "verdict": verdict, "reason": f"{MOVED}.", "sentence": None}
    return told | {"scan": {"verdict": verdict, "windows": [window], "moved": MOVED}}


@pytest.mark.parametrize(
    ("run", "word", "told", "colour"),
    [
        (a_run("no drift"), "explained", "an alarm that a level explains", False),
        (a_run("retrain"), "yes", "alarm", True),
        (a_run("no drift", rings=False), "no", "no alarm", False),
    ],
)
def test_an_alarm_that_a_level_explains_is_told_as_explained(
    run: dict[str, Any], word: str, told: str, colour: bool
) -> None:
    decision = RunDecision.from_dict(run)
    assert decision.scan is not None

    assert tables.scan(decision.scan).rows[0][-1] == word
    assert next(line for line in of_run(run) if "in the newest file" in line).endswith(f": {told}")
    assert snapshot.of_history([run])[0]["scan"]["rings"] is colour
    assert ("which a level explains" in str(words.finding(decision))) == (word == "explained")
    assert ("(more or fewer left than stated, which a level explains" in str(of_run(run))) == (word == "explained")


@pytest.mark.parametrize("stored", [{"unclear": True}, {}])  # without: of a program that did not store it
def test_what_is_not_clear_yet_is_nowhere_called_no_change(stored: dict[str, bool]) -> None:
    reason = "It is not clear yet whether the reasons for leaving have changed. The errors have a pattern."
    told = a_run("no drift", rings=False) | {"reason": reason}
    told["scan"] |= {"moved": None, **stored}
    shown = told | {"decision": {"reason_to_train": None, "scan": told["scan"], "gate": None, "sentence": None}}
    everywhere = [
        words.headline(shown),
        str(words.finding(RunDecision.of(shown))),
        RunDecision.of(shown).because,
        *of_run(told),
    ]

    assert words.finding(RunDecision.of(shown)) == "It is not clear yet whether the reasons for leaving have changed."
    assert RunDecision.of(shown).because == "The errors have a pattern."
    assert not [it for it in everywhere if "no change" in it.lower()]
