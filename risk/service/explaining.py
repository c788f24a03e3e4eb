"""What the page of one client asks for: why the risk is what it is, of the live model, and the rows in the files."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from risk import paths
from risk.modeling import families
from risk.modeling.metrics import Kinds
from risk.service.predictions import LiveState, Shown
from risk.settings.schema import Schema
from risk.text import event

log = logging.getLogger("risk")

MOST_CLIENTS = 10_000  # that a client is compared with, at even places of the ranking


def why(now: LiveState, schema: Schema, client: str) -> dict[str, Any]:
    """Reasons, context and drivers of a current client; nothing where the set is of another model or has no figures.

    They are those of the list, but that nothing is said of the row before. Source: `lists.reason_words`.
    """
    shown, model = now.shown, now.model
    if shown is None or model is None or shown.release != model.name or not model.fits(schema):
        return {}
    place = shown.clients.places[client]
    everyone = _everyone(shown, place, schema.kinds)
    if everyone is None:
        return {}
    from risk.lists.reason_words import explained  # the service needs what makes lists for nothing else

    frame = everyone.loc[[place]]
    adds_up = model.card.family == families.KNOWN[0].name
    (found,) = explained(model.risks, frame, frame.where(frame.isna()), everyone, schema, adds_up=adds_up)
    return {"reasons": found.reasons, "context": found.context, "drivers": found.drivers}


def _everyone(shown: Shown, place: int, kinds: Kinds) -> pd.DataFrame | None:
    """The features of the client at a place and of others, in the order of risk; None where the set has others."""
    n_clients = len(shown.features) - 1
    if n_clients <= place or set(msgspec.json.decode(shown.features[0])) != set(kinds):
        return None
    n_taken = min(MOST_CLIENTS, n_clients)
    places = np.union1d(((np.arange(n_taken) + 0.5) / n_taken * n_clients).astype(np.int64), [place]).tolist()
    rows = [msgspec.json.decode(shown.features[at + 1]) for at in places]
    frame = pd.DataFrame(rows, index=places, columns=msgspec.json.decode(shown.features[0]), dtype=object)
    return frame.astype({name: "float64" if kind == "numeric" else object for name, kind in kinds.items()})[list(kinds)]


def rows_in_files(reports: Path, shown: Shown, client: str) -> list[dict[str, Any]]:
    """The newest rows of a client that the report set holds, the newest first: file, period, outcome and values.

    None are told where the set has no such file, or it cannot be read.
    """
    import duckdb

    from risk.reading.sql import connect, pattern

    path = reports / shown.number / paths.CLIENT_ROWS
    if "row_columns" not in shown.snapshot or not path.is_file():
        return []
    try:
        with connect(threads=1) as connection:
            query = "select * exclude (client) from read_parquet(?) where client = ?"
            found = connection.execute(query, [pattern(path), client]).fetchall()
    except duckdb.Error as error:
        log.warning(event("the rows of clients cannot be read", path=path, reason=error))
        return []
    return [dict(zip(("file", "period", "left", "values"), (*row[:3], row[3:]), strict=True)) for row in found]
