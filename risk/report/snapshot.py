"""Everything that is ever shown, gathered once at the end of a run: page, PDF, API and console only read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from risk.dataset.manifest import Manifest
from risk.modeling import families
from risk.modeling.reasons import reasons
from risk.reading.reader import Refusal
from risk.registry.model import Model
from risk.report import call_list
from risk.schema import Schema
from risk.settings import Capacity
from risk.text import as_csv, four_digits

FEATURE = "feature: "
LIST_COLUMNS = ("rank", "client", "risk", "prediction", "owner", "value", "period")
MOST_REFUSALS, MOST_RUNS = 20, 20


def ranked(frame: pd.DataFrame, risks: pd.Series, threshold: float, schema: Schema) -> pd.DataFrame:
    """Return the current clients in the order of their risk: the columns of the list, then the features."""
    order = call_list.rank(frame[schema.client].tolist(), risks.to_numpy(np.float64))
    rows, risk = frame.iloc[order].reset_index(drop=True), risks.to_numpy(np.float64)[order]
    blank = pd.Series([None] * len(rows), dtype=object)
    found = {
        "rank": call_list.ranks(risk),
        "client": rows[schema.client],
        "risk": risk,
        "prediction": (risk >= threshold).astype(int),
        "owner": rows[schema.owner] if schema.owner else blank,
        "value": rows[schema.value] if schema.value else blank,
        "period": rows[schema.period] if schema.period else blank,
    }
    return pd.concat([pd.DataFrame(found), rows[list(schema.features)].add_prefix(FEATURE)], axis=1)


def to_call(everyone: pd.DataFrame, model: Model, capacity: Capacity, schema: Schema) -> list[dict[str, Any]]:
    """Return the clients whom there is time to call, first the one at the highest risk, each with its reasons."""
    owners = everyone["owner"].tolist() if capacity.per == "owner" and schema.owner else None
    chosen = everyone.iloc[call_list.first(owners, len(everyone), capacity.calls_per_week)]
    values = everyone[[FEATURE + name for name in schema.features]].rename(
        columns=lambda name: name.removeprefix(FEATURE)
    )
    adds_up = model.card.family == families.KNOWN[0].name  # the logistic one: a sum of terms
    told = reasons(model.risks, values.loc[chosen.index], schema.kinds, values, adds_up=adds_up)
    rows = [
        dict(zip(LIST_COLUMNS, map(_plain, row), strict=True))
        for row in chosen[list(LIST_COLUMNS)].itertuples(index=False)
    ]
    return [row | {"reasons": why} for row, why in zip(rows, told, strict=True)]


def risks_csv(everyone: pd.DataFrame) -> bytes:
    """Return clientrisks.csv: risk and rank of every current client."""
    listed = everyone[list(LIST_COLUMNS)].assign(risk=everyone["risk"].map(four_digits))
    return as_csv(LIST_COLUMNS, ([_plain(cell) for cell in row] for row in listed.itertuples(index=False)))


def calls_csv(calls: Sequence[Mapping[str, Any]]) -> bytes:
    """Return calllist.csv: the clients to call, with the reasons."""
    rounded = [dict(call) | {"risk": four_digits(call["risk"])} for call in calls]
    rows = ([*(call[name] for name in LIST_COLUMNS), "; ".join(call["reasons"])] for call in rounded)
    return as_csv((*LIST_COLUMNS, "reasons"), rows)


def of_dataset(manifest: Manifest) -> dict[str, Any]:
    """Return what is shown of the dataset and its sources."""
    contents = manifest.contents.values()
    present = [it for it in contents if it.newest_period]  # what lies in the future is told of its source alone
    periods = [period for it in present for period in (it.first_period, it.newest_period) if period]
    return {
        "version": manifest.name,
        "n_rows": manifest.counts.get("n_rows", 0),
        "n_labelled": manifest.counts.get("n_labelled", 0),
        "first_period": min(periods, default=None),
        "last_period": max(periods, default=None),
        "sources": [_source(entry) for entry in manifest.entries],
    }


def _source(entry: Any) -> dict[str, Any]:
    read, accepted, labelled = (
        sum(getattr(it, name) for it in entry.shown) for name in ("n_read", "n_accepted", "n_labelled")
    )
    return {
        **{name: getattr(entry, name) for name in ("path", "state", "reason")},
        "rows_read": read,
        "accepted": accepted,
        "refused": read - accepted,
        "duplicate": entry.n_duplicate,
        "labelled": labelled,
        **{name: getattr(entry.newest, name, None) for name in ("first_period", "last_period")},
    }


def of_release(model: Model | None, provisional: bool, forced: str | None = None) -> dict[str, Any] | None:
    """Return what is shown of the live release; `forced` is the reason of a person who overruled its verdict."""
    if model is None:
        return None
    card = model.card
    told = {
        name: getattr(card, name)
        for name in ("family", "threshold", "dataset", "n_rows", "base_rate", "features", "run")
    }
    told |= {"leaks": [leak["column"] for leak in card.leaks], "forced": forced}
    return {"name": model.name, "digest": model.digest, "provisional": provisional, **told}


def of_refusals(refusals: Sequence[tuple[str, Refusal]]) -> list[dict[str, Any]]:
    """Return the first refusals."""
    named = ("line", "column", "value", "reason", "expected")
    return [{"source": path} | {name: getattr(it, name) for name in named} for path, it in refusals[:MOST_REFUSALS]]


def of_history(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the last runs, the newest first."""
    kept = ("run", "at", "outcome", "verdict", "release", "seconds")
    return [
        {name: it.get(name) for name in kept}
        | {
            "reason": it.get("error") or it.get("sentence") or it.get("reason"),
            "f1": (it.get("scores") or {}).get("f1"),
        }
        for it in records[::-1][:MOST_RUNS]
    ]


def of_schema(schema: Schema) -> dict[str, Any]:
    """Return what the columns mean."""
    named = ("client", "target", "period", "owner", "value", "horizon")
    return {name: getattr(schema, name) for name in named} | {"features": dict(schema.kinds)}


def _plain(value: Any) -> Any:
    """Return a cell as JSON and CSV know it: missing is None, whole numbers have no fraction."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) > 1 else value
