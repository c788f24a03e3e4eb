"""Words for what time does to the numbers: levels that come and go, and outcomes that are not all in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from risk.text import counted, number, one_line

Facts = Mapping[str, Any]


def of_level(expected: Facts) -> str:
    """What the number of expected leavers counts in beside the risks; blank for nothing."""
    stated = expected.get("stated")
    if not stated:
        return ""
    when = "In this month of former years" if expected["calendar"] else "Of late"
    times = number(expected["mean"] / stated, 1)
    many = "as many" if times == "1.0" else f"{times} times as many"
    return f"{when} {many} left as the risks alone state, and the share swings from period to period: it is counted in."


def of_lag(dataset: Facts) -> str:
    """Up to when outcomes are complete, where some are known of later periods; blank where none is."""
    waiting = dataset.get("outcomes_incomplete") or ()
    if not waiting:
        return ""
    until, periods = one_line(dataset["outcomes_complete_until"]), counted(len(waiting), "later period")
    return f"Outcomes are complete up to {until}; of {periods} some are known, which wait until all are."
