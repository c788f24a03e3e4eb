"""Every current client with the risk that a model gives: rated here, or by the workers of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from risk.dataset import _on_cluster
from risk.dataset._on_cluster import Batch, Rate
from risk.dataset.dataset import Dataset
from risk.modeling.metrics import Floats

if TYPE_CHECKING:
    import pandas as pd


def rated(rows: Dataset, rate: Rate, is_portable: bool) -> tuple[pd.DataFrame, Floats]:
    """The frame of `rows.clients()` and the risk of each. Portable is a model that a worker can open.

    Rows whose outcome, or whose newest period, follows from others stay on this machine.
    """
    schema, places = rows.schema, rows._places
    plain = is_portable and not (schema.outcome.is_derived or schema.files or schema.changes)
    cluster = rows._cluster if plain else None
    if cluster is None or not places:
        frame = rows.clients()
        return frame, rate(frame)
    limits = {index: place.content.limit for index, place in enumerate(places) if place.content.limit}
    stretches = _on_cluster.of_places(places)
    found = cluster.clients(stretches, schema, rows.parts, limits, Batch(schema, rate=rate))
    return _on_cluster.frame_of(found, places, schema)
