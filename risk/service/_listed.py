"""The current clients of a report set, by rank."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk import paths
from risk.errors import DataError

COLUMNS = ["rank", "client", "risk", "prediction", "owner", "value", "period"]


@dataclass(frozen=True)
class Clients:
    """The current clients of a report set, by rank; one entry of each list per client."""

    names: list[str] = field(default_factory=list)
    risks: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    cells: list[list[str]] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    ascending: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def ranks(self, risks: NDArray[np.float64]) -> list[int]:
        """Return 1 + the number of current clients with a higher risk, for each."""
        higher: NDArray[np.int64] = len(self.ascending) - np.searchsorted(self.ascending, risks, side="right")
        ranks: list[int] = (1 + higher).tolist()
        return ranks

    def row(self, place: int) -> dict[str, Any]:
        """Return a line of the list as an object."""
        rank, _, _, prediction, owner, value, period = self.cells[place]
        told = {"rank": int(rank), "client": self.names[place], "risk": float(self.risks[place])}
        told |= {"prediction": int(prediction), "owner": _without_apostrophe(owner) or None}
        return told | {"value": float(value) if value else None, "period": _without_apostrophe(period) or None}

    def of(self, owner: str | None) -> Sequence[int]:
        """Return the places of an owner's clients (blank: of those who have none); of all without an owner."""
        if owner is None:
            return range(len(self.names))
        return [place for place, cells in enumerate(self.cells) if _without_apostrophe(cells[4]) == owner]


def load_clients(text: str, risks: Sequence[float] | None = None) -> Clients:
    """Return the clients of a clientrisks.csv; `risks` has all digits of what is rounded there.

    Raises: DataError, ValueError, csv.Error where it is damaged.
    """
    header, *cells = [*csv.reader(io.StringIO(text, newline=""), strict=True)] or [[]]
    if header != COLUMNS or any(len(row) != len(COLUMNS) for row in cells):
        raise DataError(f"{paths.CLIENT_RISKS} does not have the columns {', '.join(COLUMNS)} in every line")
    names = [_without_apostrophe(row[1]) for row in cells]
    exact = np.array([float(row[2]) for row in cells] if risks is None else risks, dtype=np.float64)
    if len(exact) != len(cells):
        raise DataError(f"{paths.CLIENT_RISKS} has {len(cells)} clients, {paths.SNAPSHOT} {len(exact)}")
    return Clients(names, exact, cells, {name: place for place, name in enumerate(names)}, np.sort(exact))


def _without_apostrophe(text: str) -> str:
    """Undo what keeps a cell from being a formula in a spreadsheet."""
    return text[1:] if text[:1] == "'" and text[1:2] in tuple("=+-@\t\r") else text
