"""Small, medium and large clients apart: are the risks as true for each, and does each gain by the challenger?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk.modeling.metrics import Floats, log_losses

EMPLOYEES = "number_of_employees"
NAMES = ("small", "medium", "large")
FEWEST_ROWS = 30  # fewer say nothing of a segment


@dataclass(frozen=True)
class Segment:
    """The clients of one size: from and to which value, what their risks say and what share of them left.

    `gain` is the share of the champion's log-loss that the challenger saves; None without a champion.
    """

    name: str
    lowest: float
    highest: float
    n_rows: int
    leavers: int
    risk: float
    share: float
    log_loss: float
    gain: float | None

    @property
    def standard_errors(self) -> float:
        """By how many standard errors the share who left differs from what the risks say."""
        return abs(self.share - self.risk) / max(math.sqrt(self.risk * (1 - self.risk) / self.n_rows), 1e-12)


@dataclass(frozen=True)
class Segments:
    """The segments by one column, the smallest clients first, and the sentence on the worst of them."""

    by: str
    segments: tuple[Segment, ...]
    worst: str | None
    sentence: str


def size_column(value: str | None, kinds: Mapping[str, str]) -> str | None:
    """Return the column that tells how large a client is: its worth, else its employees, else the first number."""
    numbers = [name for name, kind in kinds.items() if kind == "numeric"]
    return value or (EMPLOYEES if EMPLOYEES in numbers else next(iter(numbers), None))


def by_size(
    by: str, sizes: Floats, labels: NDArray[Any], risks: Floats, champion_risks: Floats | None = None
) -> Segments:
    """Return thirds of the rows by size (n_rows, NaN where unknown: left out); equal sizes are never parted."""
    known = np.isfinite(sizes)
    bounds = np.quantile(sizes[known], [1 / 3, 2 / 3], method="lower") if known.any() else np.zeros(2)
    place = np.where(known, np.searchsorted(bounds, sizes, side="left"), -1)
    found = tuple(_segments(place, sizes, np.asarray(labels, dtype=np.float64), risks, champion_risks))
    weighty = [it for it in found if it.n_rows >= FEWEST_ROWS]
    if len(weighty) < 2:
        return Segments(by, found, None, f"There are too few rows to tell clients apart by {by}.")
    worst = min(weighty, key=lambda it: (it.gain if it.gain is not None else -it.standard_errors, it.name))
    return Segments(by, found, worst.name, _sentence(by, worst))


def _segments(
    place: NDArray[np.int64], sizes: Floats, left: Floats, risks: Floats, champion: Floats | None
) -> Iterator[Segment]:
    for number, name in enumerate(NAMES):
        inside = place == number
        if not inside.any():
            continue
        loss, gain = float(log_losses(left[inside], risks[inside]).mean()), None
        if champion is not None:
            former = float(log_losses(left[inside], champion[inside]).mean())
            gain = (former - loss) / former
        yield Segment(
            name=name, lowest=float(sizes[inside].min()), highest=float(sizes[inside].max()),
            n_rows=int(inside.sum()), leavers=int(left[inside].sum()), risk=float(risks[inside].mean()),
            share=float(left[inside].mean()), log_loss=loss, gain=gain,
        )  # fmt: skip


def _sentence(by: str, worst: Segment) -> str:
    told = f"{worst.name} clients ({by} {worst.lowest:,.10g} to {worst.highest:,.10g}, {worst.n_rows:,} rows)"
    true = f"the risks of these say that {100 * worst.risk:.1f} % leave, and {100 * worst.share:.1f} % did"
    if worst.gain is None:
        return f"The risks are least true for {told}: {true}."
    way = "better" if worst.gain >= 0 else "worse"
    return f"The challenger gains least with {told}: its log-loss is {100 * abs(worst.gain):.1f} % {way}; {true}."
