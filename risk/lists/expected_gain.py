"""The expected gain of a call, and the order of the list that it gives.

Expected gain = acceptance × value × risk - cost of a call, where the acceptance is the share of those called who stay
because of it. The middle value of all clients stands for one that is not known. Pure: rows in, results out.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from risk.modeling.metrics import Floats
from risk.settings.capacity import BY_RISK, Capacity
from risk.text import amount, counted

DIGITS = 9  # of a gain: what differs by less is equal, and as good as nothing


def gains(everyone: pd.DataFrame, capacity: Capacity) -> Floats:
    """The expected gain of a call to each of all clients; NaN where no client has a value."""
    risk = np.round(everyone["risk"].to_numpy(np.float64), 12)
    return np.round(capacity.acceptance * values(everyone) * risk - capacity.call_cost, DIGITS)


def known_values(everyone: pd.DataFrame) -> pd.Series[float]:
    """The value of each client, a negative one as 0; NaN where it is not known."""
    return everyone["value"].astype("float64").clip(lower=0)


def values(everyone: pd.DataFrame) -> Floats:
    """The value of each client; where it is not known, the middle one of those that are."""
    known = known_values(everyone)
    return np.asarray(known.fillna(known.median()), dtype=np.float64)


def value_at_risk(value: float | None, risk: float) -> float | None:
    """Value × risk; of a negative value there is nothing to be saved."""
    return None if value is None else max(value, 0.0) * risk


def warnings(everyone: pd.DataFrame, currency: str | None) -> list[str]:
    """How many clients have a negative value, and what is done with it."""
    known = everyone["value"].astype("float64")
    if not (known < 0).any():
        return []
    who = counted(int((known < 0).sum()), "client has", "clients have")
    counts = "It counts as 0 in values at risk and expected gains, for there is nothing to be saved."
    lowest = amount(known.min(), currency)
    return [
        f"{who} a negative value, the lowest of {lowest}. {counts} Where that is not meant, correct it in the file."
    ]


def in_order(everyone: pd.DataFrame, capacity: Capacity) -> pd.DataFrame:
    """The clients who may be called, given in the order of risk, in that of the list.

    By expected gain nobody whom a call loses money is among them. Equal gains go by risk, and so do all clients where
    no value is known.
    """
    if capacity.order == BY_RISK:
        return everyone
    gain = gains(everyone, capacity)
    order = np.argsort(-gain, kind="stable")
    return everyone.iloc[order[~(gain[order] <= 0)]]


def losing(everyone: pd.DataFrame, capacity: Capacity) -> set[str]:
    """The clients who are on no list, for a call is not expected to gain anything; nobody by risk."""
    return set() if capacity.order == BY_RISK else set(everyone["client"][gains(everyone, capacity) <= 0])


def groups(clients: pd.DataFrame, capacity: Capacity) -> pd.Series:
    """For each client the number of the list that it may stand on: one in all, or one of each owner."""
    if capacity.per != "owner":
        return pd.Series(0, index=clients.index)
    owners = clients["owner"].astype(object).where(clients["owner"].notna(), None)
    return pd.Series(pd.factorize(owners)[0], index=clients.index)


def of_calls(chosen: pd.DataFrame, everyone: pd.DataFrame, capacity: Capacity) -> list[dict[str, Any]]:
    """For each call its expected gain and its rank by that among all clients; equal gains share a rank.

    Both are None where no client has a value; there is neither where the list is by risk.
    """
    if capacity.order == BY_RISK:
        return [{} for _ in range(len(chosen))]
    gain = pd.Series(gains(everyone, capacity), index=everyone.index)
    ranks = gain.rank(method="min", ascending=False)[chosen.index]
    return [
        {"expected_gain": None, "gain_rank": None}
        if math.isnan(rank)
        else {"expected_gain": round(one, 2), "gain_rank": int(rank)}
        for one, rank in zip(gain[chosen.index].tolist(), ranks.tolist(), strict=True)
    ]


def of_list(
    calls: Sequence[Mapping[str, Any]], everyone: pd.DataFrame, off: Collection[str], capacity: Capacity
) -> dict[str, Any] | None:
    """What is told of a list by expected gain; None of one by risk.

    `listed` is what its calls are expected to gain, `n_losing` clients are not worth a call, and so many calls are left
    over; `typical_value` stands for that of clients `without_value`. Where no client has a value neither sum is known.
    """
    if capacity.order == BY_RISK:
        return None
    left, is_known = everyone[~everyone["client"].isin(off)], bool(everyone["value"].notna().any())
    n_there = int(groups(left, capacity).value_counts().clip(upper=capacity.calls_per_week).sum())
    return {
        "listed": sum(call["expected_gain"] for call in calls if not call["control"]) if is_known else None,
        "n_left_over": n_there - len(calls),
        "n_losing": len(losing(everyone, capacity) - set(off)),
        "n_without_value": int(everyone["value"].isna().sum()),
        "typical_value": float(known_values(everyone).median()) if is_known else None,
    }
