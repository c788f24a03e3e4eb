"""What lists in either order would have saved of past clients, by what came of them.

The rows are those of the newest outcomes, each with a risk of a model that was not trained on it; the list of each
period is made as that of today, without an earlier list and without rests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from risk.drift import season
from risk.drift.season import History
from risk.lists import call_list, expected_gain, moves
from risk.modeling.metrics import Floats
from risk.registry import out_of_fold
from risk.settings.capacity import BY_GAIN, BY_RISK, Capacity
from risk.settings.schema import Schema

TWO_SIDED_95 = 1.959964
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Saved:
    """The lists of one order: who of them left, and what calls would have saved.

    `saved` is acceptance × value of the listed leavers - cost of the calls; for a leaver without a value the middle one
    of its period stands. By the risks, with the level of each list set right, leavers worth `value_expected` were to
    come, with 95 % certainty `value_low` to `value_high`, where who leaves is drawn by these risks.
    """

    order: str
    n_listed: int
    n_left: int
    value_left: float
    saved: float
    value_expected: float
    value_low: float
    value_high: float


def of_newest(rated: out_of_fold.RatedRows | None, schema: Schema, capacity: Capacity) -> dict[str, Any] | None:
    """Both orders on the newest outcomes; None without values, or where too few outcomes are known."""
    if rated is None or not schema.value:
        return None
    frame, key = rated.rows.frame, schema.period or "content"
    risks = pd.Series(rated.risks, index=frame.index)
    frame = frame[frame.groupby(key)[schema.value].transform("count") > 0]  # those of which a value was known
    if rated.rows.sampled or frame.empty:  # the list of a sample is none
        return None
    past = []
    for _, places in frame.groupby(key, sort=True).groups.items():
        clients = call_list.ranked(frame.loc[places], risks[places], 1.0, schema)
        left = frame.loc[places, schema.target].to_numpy(np.float64)[clients["row"].to_numpy()]
        past.append(clients.assign(left=left))
    return compared(past, capacity) | out_of_fold.periods(frame, schema.period)


def compared(past: Sequence[pd.DataFrame], capacity: Capacity) -> dict[str, Any]:
    """What lists by risk and by expected gain would have saved; each frame has a list of its own.

    A frame holds clients in the order of risk with `left`, 0 or 1. `difference` is by how much more the order by
    expected gain saves, with its 95 % interval: lists and values as they are, who leaves as the risks say.
    """
    lists = {order: _listed(past, replace(capacity, order=order)) for order in (BY_RISK, BY_GAIN)}
    worth = np.concatenate([expected_gain.values(it) for it in past])
    risk, left = (np.concatenate([it[name].to_numpy(np.float64) for it in past]) for name in ("risk", "left"))
    place, found = np.repeat(np.arange(len(past)), [len(it) for it in past]), []
    levelled = season.levelled(History(place, left, risk))
    for order, places in lists.items():
        value_left, cost = float((worth * left)[places].sum()), capacity.call_cost * len(places)
        saved = capacity.acceptance * value_left - cost
        value, half = float((worth * levelled)[places].sum()), _half_levelled(worth, levelled, place, places)
        found.append(
            Saved(order, len(places), int(left[places].sum()), value_left, saved, value, value - half, value + half)
        )
    alone = np.setxor1d(lists[BY_RISK], lists[BY_GAIN])  # on one of the lists
    difference, half = found[1].saved - found[0].saved, capacity.acceptance * _half(worth[alone], risk[alone])
    return {
        "n_rows": len(left),
        "n_leavers": int(left.sum()),
        "n_lists": len(past),
        "n_without_value": sum(int(it["value"].isna().sum()) for it in past),
        "acceptance": capacity.acceptance,
        "call_cost": capacity.call_cost,
        "orders": [asdict(it) for it in found],
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
    }


def _half(worth: Floats, risk: Floats) -> float:
    """Half the 95 % interval of the value of those who leave, where each leaves as its risk says."""
    return TWO_SIDED_95 * math.sqrt(float(np.sum(worth**2 * risk * (1 - risk))))


def _half_levelled(worth: Floats, risk: Floats, place: Places, listed: Places) -> float:
    """As `_half` of those listed, less what is known of them by the number of leavers in each `place`, a list's own.

    Source: the variance of an efficient score, Rao, Proceedings of the Cambridge Philosophical Society 44 (1948).
    """
    spread = risk * (1 - risk)
    of_list = np.bincount(place[listed], (worth * spread)[listed], minlength=int(place.max(initial=-1)) + 1)
    known = np.sum(of_list**2 / np.maximum(np.bincount(place, spread), np.finfo(float).tiny))
    return TWO_SIDED_95 * math.sqrt(max(float(np.sum((worth**2 * spread)[listed]) - known), 0.0))


def _listed(past: Sequence[pd.DataFrame], capacity: Capacity) -> Places:
    """The places of the listed clients, counted through all frames."""
    starts = np.cumsum([0, *(len(it) for it in past)])
    parts = (moves.chosen(it, capacity, (), set()).index.to_numpy(np.int64) for it in past)
    return np.concatenate([start + part for start, part in zip(starts[:-1], parts, strict=True)])
