"""Treated rows: those whose outcome a call may have changed, for the client was called around their snapshot.

A row's snapshot ends with its period (a month: its last day; a date: that day), and its outcome falls within the
horizon after it. A call counts that lies less than one horizon before or after that end: the time in which a call tells
and the time of the outcome overlap. Without periods nobody knows when a row was taken; its snapshot is held to end one
horizon before the day on which its content came in, so a row counts that came in after the call, within two horizons.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from risk.dataset._absence import end_of, usual_step
from risk.dataset.lag import LaggedRows
from risk.dataset.manifest import Manifest
from risk.dataset.outcomes import NOT_REACHED, Contact, Outcomes
from risk.modeling.metrics import Codes, Marks
from risk.settings.schema import Schema

if TYPE_CHECKING:
    import pandas as pd

MONTH = 31  # days
ALL_TAKEN = "Too few leavers or stayers were not called, so rows of called clients count {} as well."
NEVER = 0  # the end of a snapshot of which nothing is known: no call is near it


@dataclass(frozen=True)
class Treatment:
    """The contacts of each client, the days for which one tells, and the fewest leavers and stayers left without them.

    Days are counted as `date.toordinal` does.
    """

    contacts: Mapping[str, tuple[Contact, ...]]
    horizon: int
    minimum: int

    def near(self, client: str, end: int) -> list[Contact]:
        """The contacts of a client around the end of a snapshot, the oldest first."""
        days = ((it, date.fromisoformat(it.date).toordinal()) for it in self.contacts.get(client, ()))
        return [it for it, day in days if end - self.horizon < day < end + self.horizon]

    def marks(self, clients: Sequence[str], ends: Codes) -> Marks:
        """Mark the rows, of these clients with these ends of their snapshots, whose outcome a call may have changed.

        An attempt that did not reach the client is no call.
        """
        found = np.zeros(len(ends), dtype=bool)
        for place, client in enumerate(clients):
            if client in self.contacts:
                found[place] = any(it.result != NOT_REACHED for it in self.near(client, int(ends[place])))
        return found


def treatment(outcomes: Outcomes, horizon_days: int | None, periods: Iterable[str], minimum: int) -> Treatment:
    """The treatment that contacts are; without `horizon_days` the horizon is the usual step of the periods."""
    step = usual_step(date.fromisoformat(it) for it in periods if len(it) > len("2026-11"))
    return Treatment(outcomes.clients, horizon_days or round(step) or MONTH, minimum)


def ends_of_periods(periods: Sequence[str]) -> Codes:
    """The day on which each period ends."""
    known = {period: end_of(period).toordinal() for period in set(periods)}
    return np.array([known[period] for period in periods], dtype=np.int64)


def end_before(judged: str, horizon: int) -> int:
    """The day on which the snapshot of a row without a period is held to end; `judged` is when its content came in."""
    return date.fromisoformat(judged).toordinal() - horizon if judged else NEVER


# --- among the rows of the dataset ------------------------------------------------------------------------------------


class ComparableRows(LaggedRows):
    """The rows of one manifest, of which those with a treatment may be told from the others."""

    def __init__(
        self, manifest: Manifest, schema: Schema, parts: Path, known: Manifest | None = None, spared: float = 0,
        treatment: Treatment | None = None,
    ):  # fmt: skip
        super().__init__(manifest, schema, parts, known, spared)
        self.treatment = treatment

    def treated(self, frame: pd.DataFrame) -> Marks:
        """Mark the rows of a frame whose outcome a call may have changed; none where none are kept apart."""
        if self.treatment is None or frame.empty:
            return np.zeros(len(frame), dtype=bool)
        return self.treatment.marks(frame[self.schema.client].tolist(), self.snapshot_ends(frame))

    def snapshot_ends(self, frame: pd.DataFrame) -> Codes:
        """The day on which the snapshot of each row of a frame ends, as `date.toordinal` counts them."""
        if self.schema.period:
            return ends_of_periods(frame[self.schema.period].tolist())
        if "position" not in frame or self.treatment is None:  # of a file beside the dataset: nobody knows its day
            return np.full(len(frame), NEVER, dtype=np.int64)
        ends = [end_before(place.content.judged, self.treatment.horizon) for place in self._places]
        return np.array(ends, dtype=np.int64)[self._at(frame["position"].to_numpy())]

    def words(self, frame: pd.DataFrame, where: str) -> list[str]:
        """The sentence that people must know where treated rows are among those that something rests on."""
        return [ALL_TAKEN.format(where)] if self.treated(frame).any() else []

    def untreated(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the labelled rows of a frame without treated ones; all where too few leavers or stayers were left."""
        treated = self.treated(frame)
        if self.treatment is None or not treated.any():
            return frame
        left = frame.loc[~treated, self.schema.target]
        enough = min(left.sum(), len(left) - left.sum()) >= self.treatment.minimum
        return frame[~treated].reset_index(drop=True) if enough else frame
