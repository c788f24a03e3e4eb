"""Silent clients: current ones of whom no file has told for periods, while nearly all others are in the newest ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from risk.dataset.dataset import Dataset
from risk.text import counted

FEWEST, LEAST_SHARE, MOST_SHARE = 10, 0.01, 0.5  # of the current clients; where more are silent files hold a part each
BEHIND = 2  # periods

ADVICE = "Send the outcome of those who have left, or say in schema.target who has: absent_for."


def sentences(everyone: pd.DataFrame, calls: Sequence[Mapping[str, Any]], rows: Dataset) -> list[str]:
    """How many of the current clients are silent, since when, and how many of them are to be called; none where few.

    Where outcomes follow from absence they say it themselves.
    """
    known = rows.manifest.periods
    if not rows.schema.period or rows.schema.outcome.absent_for or everyone.empty or not known:
        return []
    newest = max(known)
    periods = sorted(it for it in known | set(everyone["period"]) if it <= newest)
    silent = everyone[everyone["period"] <= periods[-1 - BEHIND]] if len(periods) > BEHIND else everyone.iloc[:0]
    share = len(silent) / len(everyone)
    if len(silent) < FEWEST or not LEAST_SHARE < share <= MOST_SHARE:
        return []
    names, since = set(silent["client"]), silent["period"].max()
    n_called = sum(it["client"] in names and not it["control"] for it in calls)
    who = f"{len(silent):,} of {counted(len(everyone), 'current client')}"
    return [
        f"{who} have had no row since {since}, while the newest rows are of {newest}. They are ranked all the same, "
        f"and {n_called:,} of them are to be called. {ADVICE}"
    ]
