"""Rows for kept call lists: the known outcomes by which these are graded, and the clients of a past period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from risk.dataset.dataset import Dataset
from risk.modeling.metrics import Floats, Marks

if TYPE_CHECKING:
    import pandas as pd

Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class KnownLabels:
    """The labelled rows, one entry of each array per row, in no order.

    `client` and `period` are the `hash` of these in SQL, for texts of very many rows take long; `run` judged the source
    of the row first; `left` is 0 or 1; `number` is one column; of `treated` rows a call may have changed the outcome.
    """

    client: Keys
    period: Keys
    run: NDArray[np.int64]
    left: Floats
    number: Floats
    position: NDArray[np.int64]
    treated: Marks


NOTHING_KNOWN = KnownLabels(*(np.empty(0, kind) for kind in ("u8", "u8", "i8", "f8", "f8", "i8", "?")))


def known(rows: Dataset, number: str | None) -> KnownLabels:
    """The outcomes of all labelled rows, with one of the numbers."""
    accepted = rows._rows
    value = f"cast({accepted.names[number]} as double)" if number else "cast(null as double)"
    keys = f"hash({accepted.client}) as client, hash({accepted.period or 'null'}) as period"
    shown = f'{keys}, {value} as number, position, cast({accepted.target} as double) as "left"'
    answer = accepted.run(f"select {shown} from ({rows._with_outcome(rows._is_whole())})").fetchnumpy()
    filled = ((name, np.ma.filled(it, np.nan) if np.ma.isMaskedArray(it) else it) for name, it in answer.items())
    found = {name: np.asarray(it) for name, it in filled}
    judged = np.array([rows.manifest.entries[place.source].judged_run for place in rows._places], dtype=np.int64)
    position = np.asarray(found["position"], dtype=np.int64)
    treated = np.zeros(len(position), dtype=bool)
    if rows.treatment is not None and len(position):
        of_called = rows.of(tuple(rows.treatment.contacts))
        treated = np.isin(position, of_called["position"][rows.treated(of_called)].to_numpy())
    run = judged[rows._at(position)] if len(position) else np.empty(0, dtype=np.int64)
    client, period, left, numbers = (found[name] for name in ("client", "period", "left", "number"))
    return KnownLabels(client, period, run, left, numbers, position, treated)


def names_at(rows: Dataset, positions: Sequence[int]) -> list[tuple[str, str | None]]:
    """The client and the period of some rows, in the order of these positions."""
    if not len(positions):
        return []
    accepted = rows._rows
    named = f"select position, {accepted.client}, {accepted.period or 'null'} from ({rows._with_outcome()})"
    query = f"{named} where position in ({', '.join(map(str, positions))})"
    found = {position: (client, period) for position, client, period in accepted.run(query).fetchall()}
    return [found[position] for position in positions]


def during(rows: Dataset, first: str, last: str) -> pd.DataFrame:
    """The rows of these periods, labelled or not, as a frame of the dataset: one of each client and period."""
    return rows._frame(rows._rows, rows._rows.resolved(rows._during((first, last))))
