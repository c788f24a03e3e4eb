"""The finding of a check for drift: the verdict, and the windows that it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from risk.drift._rao import ScoreTest
from risk.modeling.stored import Stored

UNCLEAR_P = 0.01  # the tail p below which "no change" is not said
Verdict = Literal["no drift", "not enough evidence", "recalibrate", "retrain"]


@dataclass(frozen=True)
class WindowResult(ScoreTest):
    """The score test of one window; `balanced_p`: its p beside training rows that were weighted to be such clients."""

    contents: int
    n_rows: int
    leavers: int
    stayers: int
    balanced_p: float | None = None

    @property
    def is_of_clients(self) -> bool:
        """Whether what looked like an alert is likely by chance beside training rows of such clients."""
        return self.balanced_p is not None and not self.rings and self.balanced_p >= UNCLEAR_P


@dataclass(frozen=True)
class Scan(Stored):
    """A verdict, the windows it comes from, what moved and in the last how many contents, how many rows are missing.

    `doubts` counts the disjoint checks that speak against a steady world; `follows_change` says that the live model was
    itself made for a change, `unclear` that a pattern is there which is neither an alert nor likely by chance.
    """

    verdict: Verdict
    windows: tuple[WindowResult, ...]
    moved: str | None = None
    moved_in: int | None = None
    rows_needed: int | None = None
    doubts: int = 0
    follows_change: bool = False
    unclear: bool = False

    @property
    def is_explained(self) -> bool:
        """Whether a window alarms and the level of its periods accounts for that."""
        return self.verdict == "no drift" and any(it.rings for it in self.windows)
