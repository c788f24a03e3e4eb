"""Why a client is on the list: which of its figures raise its risk above that of a typical client.

Each feature in turn is set to its typical value; the fall of the log-odds is what the client's own value adds. The
model is only asked for risks, so this holds for every family. Source: occlusion, Zeiler and Fergus, ECCV 2014.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from risk.scores import clip

SMALLEST_RISE, MOST_NAMED = 0.1, 3

Predict = Callable[[pd.DataFrame], NDArray[np.float64]]


def typical(frame: pd.DataFrame, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return the median of each numeric feature and the most frequent level of each categorical one."""
    found: dict[str, Any] = {}
    for name, kind in kinds.items():
        known = frame[name].dropna()
        if kind == "numeric":
            found[name] = float(known.median()) if len(known) else np.nan
        else:
            counts = known.value_counts()
            found[name] = min(counts[counts == counts.max()].index) if len(counts) else None
    return found


def reasons(
    predict: Predict, frame: pd.DataFrame, kinds: Mapping[str, str], usual: Mapping[str, Any]
) -> list[list[str]]:
    """Return up to three sentences a row, the weightiest first; none where no single figure stands out."""
    if frame.empty:
        return []
    odds = _log_odds(predict(frame))
    rises = {name: odds - _log_odds(predict(frame.assign(**{name: usual[name]}))) for name in kinds}
    told = []
    for place in range(len(frame)):
        order = sorted(kinds, key=lambda name: -rises[name][place])
        named = [name for name in order if rises[name][place] >= SMALLEST_RISE][:MOST_NAMED]
        told.append([_sentence(name, frame[name].iloc[place], usual[name]) for name in named])
    return told


def _log_odds(risks: NDArray[np.float64]) -> NDArray[np.float64]:
    risk = clip(risks)
    return np.asarray(np.log(risk / (1 - risk)), dtype=np.float64)


def _sentence(name: str, value: Any, usual: Any) -> str:
    label = name.replace("_", " ")
    return f"{label} {_plain(value)} (typical {_plain(usual)})"


def _plain(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "unknown"
    return f"{value:,.10g}" if isinstance(value, (float, int)) else str(value)
