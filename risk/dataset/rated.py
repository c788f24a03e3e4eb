"""Every current client with the risk that a model gives: rated here, or by the workers of a cluster that hold the rows.

A worker makes the key of a row by the same SQL as DuckDB does here, and asks the same model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from risk.dataset import _on_cluster
from risk.dataset._accepted_rows import AcceptedRows
from risk.dataset.dataset import Dataset
from risk.dataset.manifest import content_order
from risk.engine import engines
from risk.modeling.metrics import Codes, Floats
from risk.reading.sql import connect, quoted
from risk.settings.schema import Schema

if TYPE_CHECKING:
    import pandas as pd

Rate = Callable[["pd.DataFrame"], Floats]


@dataclass(frozen=True)
class Rating:
    """What a worker does with a table of arrow: the key of each row, and its risk. It is pickled with the model."""

    schema: Schema
    rate: Rate

    def __call__(self, table: Any) -> tuple[Codes, Floats]:
        rows = AcceptedRows((), self.schema, Path())
        shown = ", ".join(f"{inner} as {quoted(name)}" for name, inner in rows.names.items())
        with connect(threads=1) as connection:
            connection.register("batch", table)
            frame = connection.execute(f"select {shown}, {rows.row()} as row from batch").df()
        return frame["row"].to_numpy(np.uint64).view(np.int64), np.asarray(self.rate(frame), np.float64)


def rated(rows: Dataset, rate: Rate, is_portable: bool) -> tuple[pd.DataFrame, Floats]:
    """The frame of `rows.clients()` and the risk of each. Portable is a model that a worker can open.

    Rows whose outcome, or whose newest period, follows from others stay on this machine.
    """
    schema = rows.schema
    plain = is_portable and not (schema.outcome.is_derived or schema.files or schema.changes)
    cluster = engines.cluster(schema, (rows.parts / name for name in rows.manifest.parts)) if plain else None
    if cluster is None:
        frame = rows.clients()
        return frame, rate(frame)
    import pandas as pd

    places = rows._places
    limits = {index: place.content.limit for index, place in enumerate(places) if place.content.limit}
    found = cluster.clients(_on_cluster.of_places(places), schema, rows.parts, limits, Rating(schema, rate))
    target = found[schema.target]
    order = np.lexsort((found["position"], target, found["row"].view(np.uint64)))
    columns = {name: values[order] for name, values in found.items() if name not in ("risk", "row", "position")}
    frame = pd.DataFrame(columns)
    frame["row"], position = found["row"].view(np.uint64)[order], found["position"][order]
    ages = content_order(rows.manifest, rows.known)
    frame["content"] = np.array([ages[place.content.digest] for place in places], dtype=np.int64)[rows._at(position)]
    frame["position"] = position
    return frame, found["risk"][order]
