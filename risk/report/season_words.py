"""Words for what time does: changes that a check finds, levels that come and go, outcomes that are not all in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from risk.decision import no_alert, seasons
from risk.drift.finding import Scan, WindowResult
from risk.text import counted, number, one_line

Facts = Mapping[str, Any]

FINDINGS = {
    "no drift": "no change was found in why clients leave",
    "not enough evidence": "too few outcomes are known to say whether the reasons for leaving have changed",
    "recalibrate": "the order of the clients still holds, but the stated risks were too high or too low",
    "retrain": "others leave than the model was trained to expect",
    "richer family": "a richer kind of model might describe better why clients leave",  # of programs up to 1.5
}
EXPLAINED = "more or fewer left than stated, which a level explains"


def meaning(verdict: str, scan: Scan | None) -> str | None:
    """What a verdict of the drift check means; None for one that nobody knows."""
    if scan and scan.is_explained:
        return f"{EXPLAINED}: {seasons.NOT_CLEAR if scan.unclear else seasons.HOLDS}"
    return no_alert.NOT_CLEAR if scan and scan.unclear else FINDINGS.get(verdict)


def verdict(scan: Scan) -> str:
    """The verdict of a check with what it means; what is not clear yet is said alone."""
    means = meaning(scan.verdict, scan) or "as recorded"
    return means if means == no_alert.NOT_CLEAR else f"{scan.verdict} ({means})"


def alarm(scan: Scan, window: WindowResult) -> str:
    """Whether a window alarms, or would if the level of its periods did not explain it."""
    return "no" if not window.rings else "explained" if scan.is_explained else "yes"


def of_level(expected: Facts) -> str:
    """What the number of expected leavers counts in beside the risks; blank for nothing."""
    stated = expected.get("stated")
    if not stated:
        return ""
    by = "By the yearly cycle of former periods" if expected["calendar"] else "By the share of late"
    times = number(expected["mean"] / stated, 1)
    many = "as many" if times == "1.0" else f"{times} times as many"
    return f"{by} {many} will leave as the risks alone state, and it swings from period to period: that is counted in."


def of_lag(dataset: Facts) -> str:
    """Up to when outcomes are complete, where some are known of later periods; blank where none is."""
    waiting = dataset.get("outcomes_incomplete") or ()
    if not waiting:
        return ""
    until, periods = one_line(dataset["outcomes_complete_until"]), counted(len(waiting), "later period")
    return f"Outcomes are complete up to {until}; of {periods} some are known, which wait until all are."
