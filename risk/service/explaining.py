"""Reasons of risks, of the live model, in the words of the call list, and the rows of a client in the files."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd

from risk.disk import paths
from risk.modeling import families
from risk.modeling.metrics import Kinds
from risk.registry import known_levels
from risk.service.predictions import LiveState, Shown
from risk.service.problems import Problem
from risk.service.requests import Ids, RequestedRows
from risk.settings.schema import Schema
from risk.text import event

if TYPE_CHECKING:
    from risk.lists.reason_words import Why

log = logging.getLogger("risk")

MOST_REASONS, MOST_EXPLAINED = 10, 1_000  # reasons of a risk, and rows, that a request may ask for
MOST_CLIENTS = 10_000  # that a client is compared with, at even places of the ranking
NO_REASONS = (
    "no reasons can be given: the newest report is of another model or holds no figures; the next run makes one"
)


def beside(
    told: dict[str, Any], now: LiveState, schema: Schema, asked: RequestedRows | Ids, most: int
) -> dict[str, Any]:
    """The answer with the reasons of each row, at most so many; a listed client by name has those of the list.

    None for all, and a warning, where the newest report does not allow any. Raises: Problem 422 for too many rows.
    """
    n_rows = len(asked.clients)
    if n_rows > MOST_EXPLAINED:
        why = f"reasons are given for {MOST_EXPLAINED:,} rows at most (found {n_rows:,}); send fewer, or do not ask"
        raise Problem(422, why, field="reasons")
    if isinstance(asked, Ids):
        frame, listed = _rows_of(now, schema, asked.clients), _listed(now)
    else:
        frame, listed = asked.frame[list(schema.kinds)] if set(schema.kinds) == set(asked.kinds) else None, {}
    found = _explained(now, schema, frame) if frame is not None else None
    if found is None:
        warning = {"row": None, "field": None, "message": NO_REASONS}
        return told | {"reasons": [None] * n_rows, "warnings": [*told["warnings"], warning]}
    own = [listed.get(name or "") for name in asked.clients]
    reasons = [it.reasons if of_list is None else of_list for it, of_list in zip(found, own, strict=True)]
    return told | {"reasons": [it[:most] for it in reasons]}


def why(now: LiveState, schema: Schema, client: str) -> dict[str, Any]:
    """Reasons, context and drivers of a current client; nothing where the set is of another model or has no figures.

    They are those of the list, but that nothing is said of the row before. Source: `lists.reason_words`.
    """
    frame = _rows_of(now, schema, [client])
    found = _explained(now, schema, frame) if frame is not None else None
    if not found:
        return {}
    return {"reasons": found[0].reasons, "context": found[0].context, "drivers": found[0].drivers}


def _explained(now: LiveState, schema: Schema, frame: pd.DataFrame) -> list[Why] | None:
    """Why the risk of each row is what it is; None where the set is of another model or has no figures."""
    shown, model = now.shown, now.model
    if shown is None or model is None or shown.release != model.name or not model.fits(schema):
        return None
    everyone = _everyone(shown, schema.kinds)
    if everyone is None:
        return None
    from risk.lists.reason_words import explained  # the service needs what makes lists for nothing else

    adds_up, known = model.card.family == families.KNOWN[0].name, known_levels.of(model)
    return explained(model.risks, frame, frame.where(frame.isna()), everyone, schema, adds_up=adds_up, known=known)


def _listed(now: LiveState) -> dict[str, list[str]]:
    calls = now.shown.snapshot["call_list"] if now.shown else ()
    return {it["client"]: it["reasons"] for it in calls}


def _rows_of(now: LiveState, schema: Schema, clients: list[str]) -> pd.DataFrame | None:
    """The features of current clients; None where the set has others."""
    if now.shown is None or any(name not in now.shown.clients.places for name in clients):
        return None
    return _features(now.shown, [now.shown.clients.places[name] for name in clients], schema.kinds)


_last: tuple[Shown, Kinds, pd.DataFrame | None] | None = None


def _everyone(shown: Shown, kinds: Kinds) -> pd.DataFrame | None:
    """The features of clients at even places of the ranking, kept until another set is shown; None without any."""
    global _last
    if _last is None or _last[0] is not shown or _last[1] != kinds:
        n_clients = len(shown.features) - 1
        n_taken = min(MOST_CLIENTS, n_clients)
        places = ((np.arange(n_taken) + 0.5) / max(n_taken, 1) * n_clients).astype(np.int64).tolist()
        _last = (shown, kinds, _features(shown, places, kinds) if places else None)
    return _last[2]


def _features(shown: Shown, places: list[int], kinds: Kinds) -> pd.DataFrame | None:
    """The features of the clients at these places; None where the set has others."""
    n_clients = len(shown.features) - 1
    if n_clients <= max(places, default=0) or set(msgspec.json.decode(shown.features[0])) != set(kinds):
        return None
    rows = [msgspec.json.decode(shown.features[at + 1]) for at in places]
    frame = pd.DataFrame(rows, columns=msgspec.json.decode(shown.features[0]), dtype=object)
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
