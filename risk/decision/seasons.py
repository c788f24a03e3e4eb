"""Seasons: is an alert only a level of the share of leavers that was there before and has gone again?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from risk.drift import scan, season
from risk.drift.finding import Scan
from risk.drift.season import History
from risk.modeling.metrics import Floats

ALERTS = ("recalibrate", "retrain")  # verdicts
SPARED = 6  # periods for which a model that has followed a level is not trained for another one
SEASON = "such levels have come and gone before, so it is a season and no new reason for leaving"
NOT_AGAIN = f"it follows another level after {SPARED} periods, else it would run after a season"


@dataclass(frozen=True)
class Levels:
    """What is known of levels: labelled `past` rows with the live model's honest risks, made when they are needed, and

    whether the live model was itself trained for an alert.
    """

    past: Callable[[], History | None] = lambda: None
    followed: bool = False


def only_a_level(
    found: Scan, news: pd.DataFrame, risks: Floats, target: str, period: str | None, known: Levels,
    scanned: Callable[[Floats], Scan], minimum_gain: float,
) -> str | None:  # fmt: skip
    """Say so where an alert on new rows is only a level that is no reason to train; else None.

    With the level of each period set right nothing may alert when it is `scanned` again, and what had alerted must be
    likely by chance; and either the level of each window that alerts was there before, or the live model was itself
    trained for an alert, and knows the level of those rows, less than half a year of periods ago.
    """
    past = known.past() if period and found.verdict in ALERTS else None
    if past is None:
        return None
    new = History(news[period].to_numpy(str), news[target].to_numpy(np.float64), risks)
    contents, levels = sorted(news["content"].unique()), []
    for it in found.windows:
        if it.rings:
            now = new.among(news["content"].isin(contents[-it.contents :]).to_numpy())
            levels.append((now, season.familiar(now, past)))
    recent = known.followed and len(set(new.periods.tolist())) < SPARED
    if not (recent or all(level for _, level in levels)):
        return None
    rest = scanned(season.levelled(new))
    still = [then for it, then in zip(found.windows, rest.windows, strict=True) if it.rings]
    if rest.verdict in ALERTS or scan.telling(still, minimum_gain):
        return None
    now, before = next(((now, level) for now, level in levels if level), levels[0])
    found_share, stated = (f"{100 * float(it.mean()):.1f} %" for it in (now.labels, now.risks))
    first, last = (pick(now.periods.tolist()) for pick in (min, max))
    during = first if first == last else f"{first} to {last}"
    told = f"the share of leavers of {during} is {found_share} where the model states {stated}"
    if before is None or not all(level for _, level in levels):
        return f"{told}; who leaves sooner has not changed, and the model was trained for an alert lately: {NOT_AGAIN}"
    when = before.first if before.first == before.last else f"{before.first} to {before.last}"
    return f"{told}, as in {when} ({100 * before.share:.1f} %): {SEASON}"
