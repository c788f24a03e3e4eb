"""Scores in words: what each one means for the person who plans the calls."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any

from risk.typography import counted, interval, number, percent

Scores = Mapping[str, Any]


def provisional(release: Mapping[str, Any]) -> str:
    """Say why a release is provisional, and what to make of its list."""
    why = (
        f"It was learned from {counted(release['n_rows'], 'row')} and has not been proven better than the average risk"
    )
    if release.get("leaks"):
        why = f"It uses {', '.join(release['leaks'])}, which seems to know the answer, so nothing proves it"
    return f"{why}. Use the order of the call list with care, and do not rely on the percentages."


def scored_on(scores: Scores) -> str:
    """Say which rows the scores were measured on, and how far that can be trusted."""
    rows, leavers = counted(scores["n_rows"], "row"), number(scores["n_leavers"])
    words = f"Measured on {rows} of {scores['scored_on']}; {leavers} had left."
    if scores["scored_on"] == "seen clients":
        return words + " The model has seen these clients before, so it looks better here than it is."
    return words + " The model has never seen these clients."


def score_rows(scores: Scores) -> list[list[str]]:
    """Return one row a score: its name, value, interval, and what it means."""
    capture = scores["capture"]
    k = number(scores["capture_k"])
    return [
        _row(scores, "f1", "F1", _f1_in_words(scores["confusion"])),
        [f"First {k}", percent(capture), interval(scores["capture_interval"], share=True), _capture_in_words(scores)],
        _row(scores, "auc", "AUC", _auc_in_words(scores["auc"])),
        _row(scores, "log_loss", "Log-loss", _against_the_average(scores, "log-loss")),
        _row(scores, "brier", "Brier", _against_the_average(scores, "brier")),
    ]


def _row(scores: Scores, key: str, name: str, words: str) -> list[str]:
    return [name, number(scores[key], 3), interval(scores[f"{key}_interval"]), words]


def _f1_in_words(confusion: Mapping[str, int]) -> str:
    right, alarms, leavers = confusion["tp"], confusion["tp"] + confusion["fp"], confusion["tp"] + confusion["fn"]
    if not alarms or not leavers:
        return "1 is perfect. Nobody was predicted to leave." if leavers else "1 is perfect. Nobody left."
    return (f"Of 100 clients predicted to leave, {number(100 * right / alarms)} did; of 100 who left, "
            f"{number(100 * right / leavers)} had been predicted. 1 is perfect.")  # fmt: skip


def _capture_in_words(scores: Scores) -> str:
    k, capture = scores["capture_k"], scores["capture"]
    if capture is None:
        return "Nobody left, so there was nobody to reach."
    chance = k / scores["n_rows"]
    return (f"Calling the {counted(k, 'client')} with the highest risk reaches {number(100 * capture)} of 100 who "
            f"leave; calls at random would reach {number(100 * chance)}.")  # fmt: skip


def _auc_in_words(auc: float | None) -> str:
    if auc is None:
        return "It takes clients who left and clients who stayed."
    return f"Of one client who left and one who stayed, the first has the higher risk {number(100 * auc)} times in 100."


def _against_the_average(scores: Scores, name: str) -> str:
    share = scores["n_leavers"] / scores["n_rows"]
    if name == "brier":
        meaning, average = "How far the stated risks are from what happened", share * (1 - share)
    else:
        meaning, average = "How much the model was surprised", -sum(p * log(p) for p in (share, 1 - share) if p > 0)
    return f"{meaning}; lower is better. Stating the average risk for everyone would give {number(average, 3)}."
