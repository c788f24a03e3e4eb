"""Moves of the call list: who stays, who is left out after a call, what changed since the list of an earlier week.

Pure: lists in, results out. A risk that moved is split by the former model's answer to the new figures: what it says
beside its own former risk is the client's change, what the new model says beside that is the model's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from risk.lists import expected_gain
from risk.modeling.metrics import log_odds
from risk.settings.capacity import BY_GAIN, Capacity

STAYS = 1.1  # who is on the list stays until the rank is beyond so many times its length
STEP = 0.2  # in log-odds: a smaller move is none
MAIN = 2.0  # one cause is named alone where it moved the risk so many times as much as the other
NEW, RISEN, FALLEN, SAME = "new", "risen", "fallen", "same"
CALLED, LEFT, NO_LONGER, OTHERS = "called", "left", "no longer at risk", "others are at higher risk"
OTHERS_GAIN, LOSING = "others are expected to gain more", "a call is not worth its cost"
BY_DEFAULT = Capacity()


@dataclass(frozen=True)
class FormerList:
    """A list of an earlier day (ISO): its release, and of each client (the index) `rank`, `risk`, `on_list`."""

    as_of: str
    release: str | None
    clients: pd.DataFrame

    @property
    def listed(self) -> set[str]:
        """The clients who were on the list."""
        return set(self.clients.index[self.clients["on_list"].astype(bool)])


@dataclass(frozen=True)
class Snooze:
    """A client who was called stays off the list until a day (ISO)."""

    client: str
    until: str


def snoozed(
    reached: Mapping[str, str], day: str, capacity: Capacity, risks: Mapping[str, float], then: Mapping[str, float]
) -> dict[str, Snooze]:
    """The clients who stay off the list of a day because they were called, unless their risk has risen since.

    `reached` holds the last day (ISO) on which a client was, `risks` the risk now, `then` that of the list on that day.
    """
    found = {}
    for client, called in reached.items():
        until = (date.fromisoformat(called) + timedelta(weeks=capacity.snooze_weeks)).isoformat()
        if not called <= day < until or client not in risks:
            continue
        if risks[client] - then.get(client, risks[client]) < capacity.snooze_rise:
            found[client] = Snooze(client, until)
    return found


def chosen(everyone: pd.DataFrame, capacity: Capacity, off: Collection[str], former: set[str]) -> pd.DataFrame:
    """The clients to call, in the order of the list: as many as there is time for, in all or of each owner.

    Whoever was on the former list stays until the place among those who may be called is beyond 1.1 times its length.
    """
    ordered = expected_gain.in_order(everyone, capacity)
    left = ordered[~ordered["client"].isin(off)] if off else ordered
    most = capacity.calls_per_week
    groups = expected_gain.groups(left, capacity)
    place = groups.groupby(groups).cumcount() + 1
    first = left[place <= STAYS * most].assign(group=groups, place=place)
    stays = first["client"].isin(former)
    order = first.assign(later=~stays).sort_values(["later", "place"], kind="stable")
    kept = order.groupby("group", sort=False).head(most).index
    return left[left.index.isin(kept)]


def next_change(
    day: str, off: Collection[Snooze], calls: Sequence[Mapping[str, Any]], former: FormerList | None, n_gone: int
) -> str | None:
    """The next day on which the list changes without news: a client comes back, a renewal comes nearer, a week ends."""
    today = date.fromisoformat(day)
    days = [it.until for it in off]
    if any(call.get("renews_in_days") is not None for call in calls):
        days.append((today + timedelta(days=1)).isoformat())
    if calls and (former is None or n_gone or any(call["move"] != SAME for call in calls)):
        days.append((today + timedelta(days=7 - today.weekday())).isoformat())
    return min(days, default=None)


def of_calls(
    calls: Sequence[Mapping[str, Any]], former: FormerList | None, by_former_model: Mapping[str, float]
) -> list[dict[str, Any]]:
    """For each call how it has moved since a former list, and whether the client or the model made it move.

    `by_former_model` is the risk by the model of that list with the figures of today; without it nothing is named.
    """
    nothing: dict[str, Any] = {"move": None, "moved_by": None, "previous_rank": None, "previous_risk": None}
    if former is None:
        return [dict(nothing) for _ in calls]
    was, ranks, risks = former.listed, former.clients["rank"].to_dict(), former.clients["risk"].to_dict()
    found = []
    for call in calls:
        client = call["client"]
        told = dict(nothing)
        if client in risks:
            told |= {"previous_rank": int(ranks[client]), "previous_risk": float(risks[client])}
            now, before = _odds(call["risk"]), _odds(risks[client])
            told["move"] = RISEN if now - before >= STEP else FALLEN if before - now >= STEP else SAME
            if told["move"] != SAME and client in by_former_model:
                told["moved_by"] = _cause(before, _odds(by_former_model[client]), now)
        found.append(told | ({"move": NEW} if client not in was else {}))
    return found


def _cause(before: float, between: float, now: float) -> str:
    by_client, by_model = abs(between - before), abs(now - between)
    if by_client >= MAIN * by_model:
        return "the client changed"
    return "the model changed" if by_model >= MAIN * by_client else "both changed"


def gone(
    former: FormerList | None, calls: Sequence[Mapping[str, Any]], everyone: pd.DataFrame, off: Collection[str],
    capacity: Capacity = BY_DEFAULT,
) -> list[dict[str, Any]]:  # fmt: skip
    """Who was on a former list and is not on this one, and why, in the order of that list."""
    if former is None:
        return []
    listed = {call["client"] for call in calls}
    owners = dict(zip(everyone["client"], everyone["owner"].astype(object), strict=True))
    risks = dict(zip(everyone["client"], everyone["risk"], strict=True))
    losing, others = expected_gain.losing(everyone, capacity), OTHERS_GAIN if capacity.order == BY_GAIN else OTHERS

    def why(client: str) -> str:
        if client in off or client not in risks:
            return CALLED if client in off else LEFT
        fell = _odds(former.clients["risk"][client]) - _odds(risks[client])
        return NO_LONGER if fell >= STEP else LOSING if client in losing else others

    on_list = former.clients[former.clients["on_list"].astype(bool)].sort_values("rank", kind="stable")
    return [
        {"client": client, "why": why(client), "owner": None if pd.isna(owners.get(client)) else owners[client]}
        for client in on_list.index
        if client not in listed
    ]


def _odds(risk: float) -> float:
    return float(log_odds(np.array([risk]))[0])
