"""The call list: the order of all current clients by risk, and the first ones that there is time to call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from risk.modeling import families, fitting
from risk.modeling.reasons import reasons
from risk.registry import out_of_fold
from risk.registry.model import Model
from risk.report.snapshot import LIST_COLUMNS
from risk.schema import Schema
from risk.settings import Capacity
from risk.text import as_csv, four_digits

if TYPE_CHECKING:
    from risk.dataset.dataset import Dataset

FEATURE = "feature: "


def listed(
    rows: Dataset, model: Model | None, folder: Path | None, capacity: Capacity
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Every current client in the order of its risk, and those to call; nobody where there is no model.

    A row that the model was trained on has its out-of-fold risk, which lies in the model's folder.
    """
    frame, schema = rows.clients(), rows.schema
    if model is None or folder is None:
        return ranked(frame.iloc[:0], pd.Series(dtype=float), 1.0, schema), []
    risks = pd.Series(model.risks(frame), index=frame.index)
    risks = out_of_fold.replace_learned(risks, frame[schema.client], frame["row"], folder)
    everyone = ranked(frame, risks, model.card.threshold, schema)
    return everyone, to_call(everyone, model, capacity, schema)


def expected_leavers(model: Model, calls: Sequence[Mapping[str, Any]], n_clients: int) -> dict[str, Any]:
    """How many of those to call are expected to leave, with the 90 % interval."""
    risks = np.array([client["risk"] for client in calls])
    return asdict(fitting.expected_leavers(risks, n_clients, model.card.n_rows))


def money(everyone: pd.DataFrame, calls: Sequence[Mapping[str, Any]], schema: Schema) -> dict[str, Any] | None:
    """The value at risk (value × risk) on the list, of each owner's clients and of all; None where no value is known.

    Clients whose value is missing are left out.
    """
    at_risk = everyone["value"].astype("float64") * everyone["risk"]
    if at_risk.isna().all():
        return None
    owners = at_risk.groupby(everyone["owner"].astype(object)).sum().sort_values(ascending=False, kind="stable")
    return {
        "currency": schema.currency,
        "listed": sum(call["value_at_risk"] or 0.0 for call in calls),
        "everyone": float(at_risk.sum()),
        "owners": [{"owner": name, "at_risk": float(total)} for name, total in owners.items()],
    }


def ranked(frame: pd.DataFrame, risks: pd.Series, threshold: float, schema: Schema) -> pd.DataFrame:
    """The current clients in the order of their risk: the columns of the list, then the features."""
    order = rank(frame[schema.client].tolist(), risks.to_numpy(np.float64))
    rows, risk = frame.iloc[order].reset_index(drop=True), risks.to_numpy(np.float64)[order]
    listed = {
        "rank": ranks(risk),
        "client": rows[schema.client],
        "risk": risk,
        "prediction": (risk >= threshold).astype(int),
        "owner": rows[schema.owner] if schema.owner else None,
        "value": rows[schema.value] if schema.value else None,
        "period": rows[schema.period] if schema.period else None,
    }
    return pd.concat([pd.DataFrame(listed), rows[list(schema.features)].add_prefix(FEATURE)], axis=1)


def to_call(everyone: pd.DataFrame, model: Model, capacity: Capacity, schema: Schema) -> list[dict[str, Any]]:
    """The clients whom there is time to call, first the one at the highest risk, each with its reasons."""
    chosen = first(everyone, capacity)
    values = everyone[[FEATURE + name for name in schema.features]].set_axis(list(schema.features), axis=1)
    adds_up = model.card.family == families.KNOWN[0].name  # the logistic one: a sum of terms
    why = reasons(model.risks, values.loc[chosen.index], schema.kinds, values, schema.labels, adds_up=adds_up)
    rows = [
        dict(zip(LIST_COLUMNS, map(_plain, row), strict=True))
        for row in chosen[list(LIST_COLUMNS)].itertuples(index=False)
    ]
    return [row | {"value_at_risk": _at_risk(row), "reasons": named} for row, named in zip(rows, why, strict=True)]


def _at_risk(row: Mapping[str, Any]) -> float | None:
    return None if row["value"] is None else round(row["value"] * row["risk"], 2)


def rank(clients: Sequence[str], risks: NDArray[np.float64]) -> NDArray[np.int64]:
    """The places of the clients in the order of their risks (12 digits), the highest first, ties by name."""
    rounded = np.round(risks, 12)
    return np.array(sorted(range(len(clients)), key=lambda place: (-rounded[place], clients[place])), dtype=np.int64)


def ranks(risks: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each client in that order, 1 + how many clients have a higher risk: equal risks share a rank."""
    ordered = -np.round(risks, 12)
    return np.asarray(np.searchsorted(ordered, ordered, side="left") + 1, dtype=np.int64)


def first(everyone: pd.DataFrame, capacity: Capacity) -> pd.DataFrame:
    """The clients to call: the first ones in all, or the first ones of each owner; those without one are one group."""
    groups = everyone.groupby("owner", dropna=False, sort=False) if capacity.per == "owner" else everyone
    return groups.head(capacity.calls_per_week)


def risks_csv(everyone: pd.DataFrame) -> bytes:
    """The content of clientrisks.csv: risk and rank of every current client."""
    listed = everyone[list(LIST_COLUMNS)].assign(risk=everyone["risk"].map(four_digits))
    return as_csv(LIST_COLUMNS, ([_plain(cell) for cell in row] for row in listed.itertuples(index=False)))


def features_of(everyone: pd.DataFrame) -> pd.DataFrame:
    """The features of the ranked clients, under their own names."""
    found = everyone.filter(regex=f"^{FEATURE}")
    return found.rename(columns=lambda name: name.removeprefix(FEATURE))


def features_jsonl(everyone: pd.DataFrame) -> bytes:
    """The content of clientfeatures.jsonl: a line of names, then the features of every current client, by risk."""
    found = features_of(everyone)
    rows = ([_plain(cell) for cell in row] for row in found.itertuples(index=False))
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in [list(found.columns), *rows]).encode()


def calls_csv(calls: Sequence[Mapping[str, Any]]) -> bytes:
    """The content of calllist.csv: the clients to call, with the reasons."""
    rounded = [dict(call) | {"risk": four_digits(call["risk"])} for call in calls]
    rows = (
        [*(call[name] for name in LIST_COLUMNS), "; ".join(call["reasons"]), call["value_at_risk"]] for call in rounded
    )
    return as_csv((*LIST_COLUMNS, "reasons", "value_at_risk"), rows)


def _plain(value: Any) -> Any:
    """A cell as JSON and CSV know it: missing is None, whole numbers have no fraction."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) > 1 else value
