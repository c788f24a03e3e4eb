"""Whom to call first: the order of all current clients, and the first ones that there is time to call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def rank(clients: Sequence[str], risks: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the places of the clients in the order of their risks (12 digits), the highest first, ties by name."""
    rounded = np.round(risks, 12)
    return np.array(sorted(range(len(clients)), key=lambda place: (-rounded[place], clients[place])), dtype=np.int64)


def ranks(risks: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return of each client in that order 1 + how many clients have a higher risk: equal risks share a rank."""
    ordered = -np.round(risks, 12)
    return np.asarray(np.searchsorted(ordered, ordered, side="left") + 1, dtype=np.int64)


def first(owners: Sequence[str | None] | None, n_clients: int, calls_per_week: int) -> list[int]:
    """Return the places of the clients to call: the first ones in all, or the first ones of each owner."""
    if owners is None:
        return list(range(min(calls_per_week, n_clients)))
    called: dict[str | None, int] = {}
    chosen = []
    for place, owner in enumerate(owners):
        called[owner] = called.get(owner, 0) + 1
        if called[owner] <= calls_per_week:
            chosen.append(place)
    return chosen
