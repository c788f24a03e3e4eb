"""Seasons: is an alert only a level of the share of leavers that was there before and has gone again?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from risk.drift import scan, season
from risk.drift.finding import Scan
from risk.drift.season import History
from risk.modeling.metrics import Floats

ALERTS = ("recalibrate", "retrain")  # verdicts
SPARED = 6  # periods for which a model that has followed a level is not trained for another one
MOST = 0.5  # of what is beyond chance in an alert: so much may be left of it beside a level
SEASON = "such levels have come and gone before, so it is a season"
HOLDS, NOT_CLEAR = "who leaves sooner has not changed", "whether who leaves sooner has changed too is not clear yet"
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
) -> Scan | None:  # fmt: skip
    """The finding of no drift, in words, where an alert on new rows is a level that is no reason to train; else None.

    With the level of each period set right nothing may alert when it is `scanned` again, and the level must be most of
    what had alerted; and either the level of each window that alerts was there before, or the live model was itself
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
    pairs = [pair for pair in zip(found.windows, rest.windows, strict=True) if pair[0].rings]
    if rest.verdict in ALERTS or any(then.chi2 - then.df > MOST * (it.chi2 - it.df) for it, then in pairs):
        return None
    now, before = next(((now, level) for now, level in levels if level), levels[0])
    found_share, stated = (f"{100 * float(it.mean()):.1f} %" for it in (now.labels, now.risks))
    first, last = (pick(now.periods.tolist()) for pick in (min, max))
    during = first if first == last else f"{first} to {last}"
    told = f"the share of leavers of {during} is {found_share} where the model states {stated}"
    if before is None or not all(level for _, level in levels):
        told += f". The model was trained for an alert lately: {NOT_AGAIN}"
    else:
        when = before.first if before.first == before.last else f"{before.first} to {before.last}"
        told += f", as in {when} ({100 * before.share:.1f} % where it states {100 * before.stated:.1f} %): {SEASON}"
    unclear = scan.telling([then for _, then in pairs], minimum_gain) is not None
    return replace(found, verdict="no drift", moved=f"{told}; {NOT_CLEAR if unclear else HOLDS}", unclear=unclear)
