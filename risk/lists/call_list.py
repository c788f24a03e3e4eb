"""The call list: all current clients by risk, and those to call: the first by risk or by what a call may gain."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from risk.dataset.dataset import Dataset
from risk.dataset.next_steps import NextStep, next_step
from risk.dataset.outcomes import Outcomes
from risk.dataset.rated import rated
from risk.disk.paths import LIST_COLUMNS
from risk.drift import season
from risk.drift.season import Forecast
from risk.lists import expected_gain, moves
from risk.lists.control import is_control
from risk.lists.moves import FormerList
from risk.lists.reason_words import explained
from risk.modeling import families, fitting
from risk.registry import known_levels, out_of_fold
from risk.registry.model import Model
from risk.settings.capacity import BY_GAIN, BY_RISK, Capacity
from risk.settings.schema import Schema
from risk.text import as_csv, four_digits

Facts = Mapping[str, Any]
FEATURE, SOON = "feature: ", 90  # days: a renewal that is not further off is counted down
AT_THE_END = (
    "reasons", "value_at_risk", "context", "changed", "move", "moved_by", "renewal", "next_step", "contact", "control",
)  # of calllist.csv  # fmt: skip
GAIN_COLUMNS = ("expected_gain", "gain_rank")  # the last columns where the list is in this order


@dataclass(frozen=True)
class Past:
    """What was there before the list of a day (ISO).

    `earlier` is the last list of an earlier day, `week` that of an earlier week with the model of its release; `called`
    are all contacts, `reached` the last day each client was, `then` the risk on its list; `steps` the team's advice.
    """

    day: str
    earlier: FormerList | None = None
    week: FormerList | None = None
    week_model: Model | None = None
    called: Outcomes = field(default_factory=Outcomes)
    reached: Mapping[str, str] = field(default_factory=dict)
    then: Mapping[str, float] = field(default_factory=dict)
    steps: tuple[NextStep, ...] = ()


@dataclass(frozen=True)
class CallList:
    """Every current client in the order of its risk, those to call, and what is told of the list as a whole."""

    everyone: pd.DataFrame
    calls: list[dict[str, Any]]
    about: dict[str, Any]


def listed(rows: Dataset, model: Model | None, folder: Path | None, capacity: Capacity, past: Past) -> CallList:
    """The list of a day; nobody is on it where there is no model.

    A row that the model was trained on has its out-of-fold risk, which lies in the model's folder.
    """
    schema, own = rows.schema, model is not None and families.is_own(model.card.family)
    frame, risks = rated(rows, model.risks if model else None, is_portable=not own)
    if model is None or folder is None:
        return CallList(ranked(frame.iloc[:0], risks.iloc[:0], 1.0, schema), [], _about(past, [], [], [], None))
    risks = out_of_fold.shown(model, risks, frame[schema.client], frame["row"], folder)
    everyone = ranked(frame, risks, model.card.threshold, schema)
    by_client = dict(zip(everyone["client"], everyone["risk"], strict=True)) if past.reached else {}
    off = moves.snoozed(past.reached, past.day, capacity, by_client, past.then)
    chosen = moves.chosen(everyone, capacity, off, past.earlier.listed if past.earlier else set())
    before = rows.before(frame.iloc[chosen["row"].to_numpy()])
    calls = to_call(chosen, everyone, model, before, schema, past)
    gains = expected_gain.of_calls(chosen, everyone, capacity)
    calls = [call | gain | _beside(call, past, capacity) for call, gain in zip(calls, gains, strict=True)]
    moved = moves.of_calls(calls, past.week, _by_former_model(past, chosen, schema))
    calls = [call | move for call, move in zip(calls, moved, strict=True)]
    gone = moves.gone(past.week, calls, everyone, off, capacity)
    next_change = moves.next_change(past.day, list(off.values()), calls, past.week, len(gone))
    about = _about(past, calls, gone, list(off), next_change)
    by_gain = expected_gain.of_list(calls, everyone, off, capacity)
    return CallList(everyone, calls, about | ({"expected_gain": by_gain} if by_gain else {}))


def _about(
    past: Past, calls: Sequence[Facts], gone: list[dict[str, Any]], off: Sequence[str], then: str | None
) -> dict[str, Any]:
    counts = {f"n_{move}": sum(call["move"] == move for call in calls) for move in ("new", "risen", "fallen")}
    told = {"as_of": past.day, "previous": past.week.as_of if past.week else None, **counts}
    return told | {"gone": gone, "n_gone": len(gone), "n_snoozed": len(off), "next_change": then}


def _by_former_model(past: Past, chosen: pd.DataFrame, schema: Schema) -> dict[str, float]:
    """The risk of each client by the model of the list of an earlier week, with the figures of today."""
    if past.week_model is None or not past.week_model.fits(schema):
        return {}
    risks = past.week_model.risks(features_of(chosen))
    return dict(zip(chosen["client"], risks.tolist(), strict=True))


def expected_leavers(model: Model, calls: Sequence[Facts], n_clients: int, level: Forecast) -> dict[str, Any]:
    """How many of those to call are expected to leave, with the interval and the `level` that is counted in."""
    risks = np.array([client["risk"] for client in calls])
    moved = season.moved(risks, level.level)
    told = asdict(fitting.expected_leavers(moved, n_clients, model.card.n_rows, level.deviation))
    return told | (asdict(level) | {"stated": float(risks.sum())} if level.deviation else {})


def money(everyone: pd.DataFrame, calls: Sequence[Facts], schema: Schema) -> dict[str, Any] | None:
    """The value at risk (value × risk) of `calls`, of each owner's clients and of all; None where no value is known.

    Clients whose value is missing are left out; the owner of those who have none is None.
    """
    at_risk = expected_gain.known_values(everyone) * everyone["risk"]
    if at_risk.isna().all():
        return None
    named = everyone["owner"].astype(object)
    owners = at_risk.groupby(named, dropna=bool(named.isna().all())).sum().sort_values(ascending=False, kind="stable")
    return {
        "currency": schema.currency,
        "listed": sum(call["value_at_risk"] or 0.0 for call in calls),
        "everyone": float(at_risk.sum()),
        "owners": [{"owner": _plain(name), "at_risk": float(total)} for name, total in owners.items()],
    }


def ranked(frame: pd.DataFrame, risks: pd.Series, threshold: float, schema: Schema) -> pd.DataFrame:
    """The current clients in the order of their risk: the columns of the list, `row` (place in the frame), features."""
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
        "renewal": rows[schema.renewal] if schema.renewal else None,
        "row": order,
        "open": rows[schema.target].isna(),  # what comes of the client is not known yet
    }
    return pd.concat([pd.DataFrame(listed), rows[list(schema.features)].add_prefix(FEATURE)], axis=1)


def to_call(
    chosen: pd.DataFrame, everyone: pd.DataFrame, model: Model, before: pd.DataFrame, schema: Schema, past: Past
) -> list[dict[str, Any]]:
    """The chosen clients, each with its reasons; `before` holds the row of each before its newest one."""
    adds_up = model.card.family == families.KNOWN[0].name  # the logistic one: a sum of terms
    before, features = before[list(schema.features)].set_axis(chosen.index), features_of(everyone)
    known = known_levels.of(model)
    why = explained(model.risks, features.loc[chosen.index], before, features, schema, adds_up=adds_up, known=known)
    names = [*LIST_COLUMNS, "renewal"]
    rows = [dict(zip(names, map(_plain, row), strict=True)) for row in chosen[names].itertuples(index=False, name=None)]
    return [
        row
        | {"value_at_risk": (worth := expected_gain.value_at_risk(row["value"], row["risk"])) and round(worth, 2)}
        | {"renews_in_days": _days_to(row["renewal"], past.day)}
        | {name: getattr(it, name) for name in ("reasons", "context", "changed", "drivers")}
        | {"next_step": next_step(past.steps, *it.leading, columns) if it.leading else None}
        for row, it, columns in zip(rows, why, _columns(chosen, schema), strict=True)
    ]


def _columns(chosen: pd.DataFrame, schema: Schema) -> list[dict[str, Any]]:
    """The values of each client by the names of the columns: those that a segment of an advice may ask for."""
    names = {"client": schema.client, "owner": schema.owner, "value": schema.value, "period": schema.period}
    names |= {FEATURE + name: name for name in schema.features}
    kept = {name: chosen[ours].tolist() for ours, name in names.items() if name}
    return [dict(zip(kept, values, strict=True)) for values in zip(*kept.values(), strict=True)]


def _beside(call: Mapping[str, Any], past: Past, capacity: Capacity) -> dict[str, Any]:
    """The last contact of a client, and whether it is drawn as control and not called."""
    contacts = [it for it in past.called.of(call["client"]) if it.date <= past.day]
    told = {name: getattr(contacts[-1], name) for name in ("date", "result", "opinion", "note")} if contacts else None
    return {"contact": told, "control": is_control(call["client"], past.day, capacity.control_share)}


def _days_to(renewal: str | None, day: str) -> int | None:
    """The days until a renewal that is near; None for any other."""
    days = (date.fromisoformat(renewal) - date.fromisoformat(day)).days if renewal else -1
    return days if 0 <= days <= SOON else None


def rank(clients: Sequence[str], risks: NDArray[np.float64]) -> NDArray[np.int64]:
    """The places of the clients in the order of their risks (12 digits), the highest first, ties by name."""
    rounded = np.round(risks, 12)
    return np.array(sorted(range(len(clients)), key=lambda place: (-rounded[place], clients[place])), dtype=np.int64)


def ranks(risks: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each client in that order, 1 + how many clients have a higher risk: equal risks share a rank."""
    ordered = -np.round(risks, 12)
    return np.asarray(np.searchsorted(ordered, ordered, side="left") + 1, dtype=np.int64)


def risks_csv(everyone: pd.DataFrame) -> bytes:
    """The content of clientrisks.csv: risk and rank of every current client."""
    listed = everyone[list(LIST_COLUMNS)].assign(risk=everyone["risk"].map(four_digits))
    return as_csv(LIST_COLUMNS, ([_plain(cell) for cell in row] for row in listed.itertuples(index=False)))


def features_of(everyone: pd.DataFrame) -> pd.DataFrame:
    """The features of the ranked clients, under their own names."""
    return everyone.filter(regex=f"^{FEATURE}").rename(columns=lambda name: name.removeprefix(FEATURE))


def features_jsonl(everyone: pd.DataFrame) -> bytes:
    """The content of clientfeatures.jsonl: a line of names, then the features of every current client, by risk."""
    found = features_of(everyone)
    rows = ([_plain(cell) for cell in row] for row in found.itertuples(index=False))
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in [list(found.columns), *rows]).encode()


def calls_csv(calls: Sequence[Facts], order: str = BY_RISK) -> bytes:
    """The content of calllist.csv: the clients to call in the order of the list, with the reasons."""
    header = (*LIST_COLUMNS, *AT_THE_END, *(GAIN_COLUMNS if order == BY_GAIN else ()))
    shown = ({**call, "risk": four_digits(call["risk"])} for call in calls)
    return as_csv(header, ([cell(call.get(name)) for name in header] for call in shown))


def cell(value: Any) -> Any:
    """A value of a call as one cell of a table: a list is one text, a contact its day and result, true is yes."""
    if isinstance(value, dict):
        return f"{value['date']}: {value['result']}"
    if isinstance(value, bool):
        return "yes" if value else None
    return "; ".join(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """A cell as JSON and CSV know it: missing is None, whole numbers have no fraction."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) > 1 else value
