"""Every current client with the risk that a model gives: rated here, or by the workers of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from risk.dataset import _on_cluster
from risk.dataset._on_cluster import Batch, Rate
from risk.dataset.dataset import Dataset
from risk.engine.cluster import on_this_machine

if TYPE_CHECKING:
    import pandas as pd


def rated(rows: Dataset, rate: Rate | None, is_portable: bool = True) -> tuple[pd.DataFrame, pd.Series]:
    """The frame of `rows.clients()` and the risk of each, if there is a rate. Portable is one that a worker can open.

    Rows whose outcome, or whose newest period, follows from others stay on this machine.
    """
    import pandas as pd

    schema, places = rows.schema, rows._places
    plain = rate and is_portable and not (schema.outcome.is_derived or schema.files or schema.changes)
    cluster = rows._cluster if plain else None
    if cluster is None or not places:
        frame = rows.clients()
        return frame, pd.Series(rate(frame) if rate else np.zeros(0), index=frame.index if rate else None, dtype=float)
    limits = {index: place.content.limit for index, place in enumerate(places) if place.content.limit}
    stretches = _on_cluster.of_places(places)
    found = cluster.clients(stretches, schema, rows.parts, limits, Batch(on_this_machine(schema), rate=rate))
    frame, risks = _on_cluster.frame_of(found, places, schema)
    return frame, pd.Series(risks)
