"""Evidence behind the model, for the pages: how the risk moves with each feature, and how the features have moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from risk.lists import call_list
from risk.modeling.metrics import Kinds
from risk.modeling.reasons import Predict, typical
from risk.text import NOTHING, digits_for, number

if TYPE_CHECKING:
    from risk.dataset.dataset import Dataset
    from risk.registry.model import Model

MOST_ROWS = 20_000  # of the labelled rows that the current clients are compared with
MOST_LEVELS, MOST_BINS, MOST_FEATURES = 8, 10, 9
SHARES = np.linspace(0.05, 0.95, 19)  # of the sorted values that the model is asked about
OTHERS, MISSING = "others", "missing"

Labels = Mapping[str, tuple[str, str]]


def of(rows: Dataset, model: Model, everyone: pd.DataFrame) -> dict[str, Any]:
    """What moves the risk, and how the ranked clients differ from the rows whose outcome is known."""
    schema, clients = rows.schema, call_list.features_of(everyone)
    moved = shift(rows.labelled(MOST_ROWS), clients, schema.kinds, schema.labels)
    moves = factors(model.risks, clients, schema.kinds, schema.labels) if model.same_risk is None else []
    return {"factors": moves, "shift": moved}


def factors(predict: Predict, clients: pd.DataFrame, kinds: Kinds, labels: Labels) -> list[dict[str, Any]]:
    """How the risk of a typical client moves with each feature, those that move it most first; values that occur."""
    if clients.empty:
        return []
    usual = pd.DataFrame([typical(clients, kinds)]).astype(clients[list(kinds)].dtypes)
    found = []
    for name, kind in kinds.items():
        values = _values(clients[name].dropna(), kind)
        rows = usual.iloc[np.zeros(len(values), dtype=int)].reset_index(drop=True)
        rows[name] = pd.Series(values, dtype=clients[name].dtype)
        risks = predict(rows).tolist() if len(values) else []
        named = {"name": name, "label": labels[name][0], "unit": labels[name][1], "kind": kind}
        found.append(named | {"values": values, "risks": risks})
    return sorted(found, key=lambda it: min(it["risks"], default=0.0) - max(it["risks"], default=0.0))[:MOST_FEATURES]


def _values(known: pd.Series, kind: str) -> list[Any]:
    if kind != "numeric":
        return list(known.value_counts().index[:MOST_LEVELS])
    if known.empty:
        return []
    found = np.unique(np.quantile(known.to_numpy(np.float64), SHARES, method="inverted_cdf"))
    return [float(value) for value in found]


def shift(reference: pd.DataFrame, recent: pd.DataFrame, kinds: Kinds, labels: Labels) -> list[dict[str, Any]]:
    """Of each feature the shares of some rows and of recent ones in the same bins, the most changed features first.

    The bins of a number are tenths of the reference rows; `moved` is the share of rows that changed their bin.
    """
    if reference.empty or recent.empty:
        return []
    found: list[dict[str, Any]] = []
    for name, kind in kinds.items():
        before, now = (_binned(it[name], reference[name], kind) for it in (reference, recent))
        bins = [{"bin": bin, "reference": before[bin], "recent": now[bin]} for bin in before]
        moved = sum(abs(before[bin] - now[bin]) for bin in before) / 2
        found.append({"name": name, "label": labels[name][0], "kind": kind, "moved": moved, "bins": bins})
    return sorted(found, key=lambda it: -it["moved"])[:MOST_FEATURES]


def _binned(column: pd.Series, reference: pd.Series, kind: str) -> dict[str, float]:
    """The share of the rows in each bin of the reference; the last one is of missing values where there are any."""
    names, places = _levels(column, reference) if kind != "numeric" else _tenths(column, reference)
    counts = np.bincount(places, minlength=len(names) + 1)
    shares = (counts / max(len(column), 1)).tolist()
    return dict(zip([*names, MISSING], shares, strict=True))


def _levels(column: pd.Series, reference: pd.Series) -> tuple[list[str], Any]:
    levels = [str(level) for level in reference.dropna().value_counts().index[:MOST_LEVELS]]
    known = {level: place for place, level in enumerate(levels)}
    places = [len(levels) + 1 if pd.isna(it) else known.get(str(it), len(levels)) for it in column.tolist()]
    return [*levels, OTHERS], np.array(places, dtype=np.int64)


def _tenths(column: pd.Series, reference: pd.Series) -> tuple[list[str], Any]:
    known, values = reference.dropna().to_numpy(np.float64), column.to_numpy(np.float64)
    inner = np.linspace(0, 1, MOST_BINS + 1)[1:-1]
    edges = np.unique(np.quantile(known, inner, method="inverted_cdf")) if len(known) else np.array([])
    places = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="left"))
    return _ranges(edges.tolist()), places.astype(np.int64)


def _ranges(edges: Sequence[float]) -> list[str]:
    digits = digits_for({str(place): edge for place, edge in enumerate(edges)})
    shown = [number(edge, digits if edge != int(edge) else 0) for edge in edges]
    names = [f"≤ {shown[0]}", *(f"≤ {edge}" for edge in shown[1:]), f"> {shown[-1]}"] if shown else [NOTHING]
    return [name if names.index(name) == place else f"{name} ({place})" for place, name in enumerate(names)]
