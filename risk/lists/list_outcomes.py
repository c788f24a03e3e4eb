"""What came of each row of kept lists, found by sorted keys; pure.

With periods it is the label of that very row, where that was open; without, the next label of the client that a later
run took in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from risk.dataset.labels import Keys, KnownLabels

Rows = dict[str, NDArray[Any]]
Places = NDArray[np.int64]


def codes(distinct: Keys, wanted: Keys) -> Places:
    """The place of each wanted key among distinct ones, -1 where it is none of them."""
    return np.asarray(pd.Index(distinct).get_indexer(pd.Index(wanted)), dtype=np.int64)


def of_rows(rows: Rows, period_keys: Keys, client_keys: Keys, known: KnownLabels) -> Rows:
    """`left`, `number` and `treated` of the row of each client and period; unknown ones are NaN and not treated."""
    client, period = codes(client_keys, known.client), codes(period_keys, known.period)
    size = len(period_keys) + 1
    keys = np.where((client >= 0) & (period >= 0), client * size + period, -1)
    order = np.argsort(keys, kind="stable")
    wanted = np.where(rows["open"].astype(bool) & (rows["period"] >= 0), rows["client"] * size + rows["period"], -2)
    return _taken(known, _equal(keys[order], order, wanted))


def of_clients(rows: Rows, runs: Places, client_keys: Keys, known: KnownLabels) -> Rows:
    """`left` and `treated` of the first row of each client that the next run with one took in; `number` is NaN."""
    client = codes(client_keys, known.client)
    size = int(max(runs.max(initial=0), known.run.max(initial=0))) + 2
    keys = client * size + known.run
    order = np.lexsort((known.position, keys))
    order = order[client[order] >= 0]
    if not len(order):
        return _taken(known, np.full(len(rows["client"]), -1, dtype=np.int64))
    first = order[np.append(True, keys[order][1:] != keys[order][:-1])]
    at = np.searchsorted(keys[first], rows["client"] * size + runs[rows["list"]] + 1)
    next_one = first[np.minimum(at, len(first) - 1)]
    is_of = (at < len(first)) & (client[next_one] == rows["client"])
    return _taken(known, np.where(is_of, next_one, -1)) | {"number": np.full(len(at), np.nan)}


def _equal(keys: Places, order: Places, wanted: Places) -> Places:
    """For each wanted key the place of the entry that has it, -1 for none; `order` sorts the entries by these keys."""
    if not len(keys):
        return np.full(len(wanted), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, order[at], -1)


def _taken(known: KnownLabels, places: Places) -> Rows:
    there, at = places >= 0, np.maximum(places, 0)
    if not len(known.left):
        nothing = np.full(len(places), np.nan)
        return {"left": nothing, "number": nothing, "treated": there}
    left, number = (np.where(there, column[at], np.nan) for column in (known.left, known.number))
    return {"left": left, "number": number, "treated": there & known.treated[at]}
