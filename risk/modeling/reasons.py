"""Reasons for a risk: by how much each figure of a client raises it above the average client's, in log-odds.

The rises of a client add up to the difference between its log-odds and the average of the clients that it is compared
with. A model card asks in a similar way what each feature does, by `probes`.

Source: Shapley values by sampled orders: Štrumbelj and Kononenko, Knowledge and Information Systems 41 (2014).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from risk.modeling.metrics import Floats, Kinds, log_odds
from risk.text import counted, markdown, percent

MOST_COMPARED, FEWEST_COMPARED = 200, 5  # clients that a client is compared with; more are taken at even places
MOST_ASKED = 300_000  # rows that the model is asked about in all: longer lists are compared with fewer clients
MOST_ROWS = 100_000  # rows asked about at once
MOST_TERMS = 100_000  # values of a feature, where its term does not depend on the other features
MOST_LEVELS = 1_000  # of a categorical feature that a model card asks about, the most frequent ones
FEW_VALUES = 6  # a number with no more of them is asked about at each
CLEAR = 1.05  # times the odds: a smaller step between two values is hardly anything
POINTS = ((0.1, 0.5, 0.9), (0.0, 0.5, 1.0))  # of the sorted values; the second where the first are all one value

Probe = Mapping[str, Any]
Predict = Callable[[pd.DataFrame], Floats]


def typical(frame: pd.DataFrame, kinds: Kinds) -> dict[str, Any]:
    """The middle value of each numeric feature and the most frequent level of each categorical one."""
    return {name: _typical(frame[name].dropna(), kind) for name, kind in kinds.items()}


def _typical(known: pd.Series, kind: str) -> Any:
    if not len(known):
        return None
    if kind == "numeric":
        return float(np.quantile(known.to_numpy(np.float64), 0.5, method="inverted_cdf"))
    counts = known.value_counts()
    return min(counts[counts == counts.max()].index)


def rises(
    predict: Predict, frame: pd.DataFrame, kinds: Kinds, everyone: pd.DataFrame, *, adds_up: bool = False
) -> dict[str, Floats]:
    """By how much each feature raises the log-odds of each row above the average of the clients in `everyone`.

    The rises of a row sum to the difference between its log-odds and that average. `adds_up` says that the log-odds
    are a sum of one term per feature; then the average is that of all clients, else that of `compared` with them.
    """
    if frame.empty:
        return {name: np.zeros(0) for name in kinds}
    return _terms(predict, frame, kinds, everyone) if adds_up else _walks(predict, frame, kinds, everyone)


def compared(everyone: pd.DataFrame, n_rows: int, n_features: int) -> pd.DataFrame:
    """The clients at even places of `everyone`, which is in the order of risk, with whom so many rows are compared."""
    most = int(np.clip(MOST_ASKED // (n_rows * max(n_features, 1)), FEWEST_COMPARED, MOST_COMPARED))
    places = (np.arange(min(most, len(everyone))) + 0.5) / min(most, len(everyone)) * len(everyone)
    return everyone.iloc[places.astype(np.int64)]


def _walks(predict: Predict, frame: pd.DataFrame, kinds: Kinds, everyone: pd.DataFrame) -> dict[str, Floats]:
    """The mean over walks from clients to each row: in a drawn order one figure after the other becomes the row's."""
    names, others = list(kinds), compared(everyone, len(frame), len(kinds))
    draw, found = np.random.default_rng(0), {name: np.zeros(len(frame)) for name in kinds}
    orders = [draw.permutation(len(names)) for _ in range((len(others) + 1) // 2)]
    orders = [order for pair in orders for order in (pair, pair[::-1])][: len(others)]
    size = max(1, MOST_ROWS // (len(frame) * (len(names) + 1)))
    for start in range(0, len(others), size):
        some = range(start, min(start + size, len(others)))
        columns = {}
        for place, name in enumerate(names):
            taken = np.array([np.arange(len(names) + 1) > list(orders[walk]).index(place) for walk in some])
            own, given = frame[name].to_numpy(), others[name].to_numpy()[list(some)]
            mixed = np.where(taken[:, :, None], own[None, None, :], given[:, None, None])
            columns[name] = pd.Series(mixed.ravel(), dtype=frame[name].dtype)
        odds = log_odds(predict(pd.DataFrame(columns))).reshape(len(some), len(names) + 1, len(frame))
        for walk, steps in zip(some, np.diff(odds, axis=1), strict=True):
            for step, place in zip(steps, orders[walk], strict=True):
                found[names[place]] += step / len(others)
    return found


def _terms(predict: Predict, frame: pd.DataFrame, kinds: Kinds, everyone: pd.DataFrame) -> dict[str, Floats]:
    """The term of each feature less its mean over all clients.

    One typical row is asked with every value that a client has; of more than `MOST_TERMS` some at even ranks.
    """
    base, found = pd.DataFrame([typical(everyone, kinds)]).astype(everyone[list(kinds)].dtypes), {}
    for name in kinds:
        values, weights = _values(everyone[name], MOST_TERMS)
        rows = base.iloc[np.zeros(len(values) + len(frame), dtype=np.int64)].reset_index(drop=True)
        rows[name] = pd.concat([values, frame[name]], ignore_index=True)
        odds = log_odds(predict(rows))
        found[name] = odds[len(values) :] - weights @ odds[: len(values)]
    return found


def _values(column: pd.Series, most: int) -> tuple[pd.Series, Floats]:
    """The values of a column, a missing one too, each with the share of clients it stands for."""
    counts = column.value_counts(dropna=False).sort_index(na_position="last")
    if len(counts) <= most:
        return pd.Series(counts.index, dtype=column.dtype), counts.to_numpy(np.float64) / len(column)
    ranks = (np.arange(most) + 0.5) / most * len(column)
    picked = np.searchsorted(np.cumsum(counts.to_numpy()), ranks, side="right")
    return pd.Series(counts.index[picked], dtype=column.dtype), np.full(most, 1 / most)


def times_the_risk(predict: Predict, frame: pd.DataFrame, instead: pd.DataFrame, kinds: Kinds) -> dict[str, Floats]:
    """For each feature how many times the risk of each row is what it would be with the value in `instead`."""
    risks, found = predict(frame), {}
    for name in kinds:
        found[name] = risks / np.maximum(predict(frame.assign(**{name: instead[name].to_numpy()})), 1e-12)
    return found


# --- what each feature does, for a model card -------------------------------------------------------------------------


def probes(
    x: pd.DataFrame, kinds: Kinds, changes: Mapping[str, str], minimums: Mapping[str, float | None]
) -> list[dict[str, Any]]:
    """For each feature the values to ask the model about, all of which occur in the rows; None is missing.

    `typical` is the middle value or the most frequent level. A number that is the change of another one (`changes`)
    is so small that the value before it was not below that one's minimum: together they can be a client's row.
    """
    asked = {name: _probe(name, kind, x[name].dropna(), len(x)) for name, kind in kinds.items()}
    for name, source in changes.items():
        least, typical = minimums.get(source), asked[source]["typical"]
        lowest = min((value for value in asked[source]["values"] if value is not None), default=None)
        if least is not None and lowest is not None:
            known = x[name].dropna()
            asked[name] = _probe(name, kinds[name], known[known <= typical - least], len(x))
            asked[name]["typical"] = _typical(known[known <= lowest - least], kinds[name])
        asked[name]["change_of"] = source
    return list(asked.values())


def _probe(name: str, kind: str, known: pd.Series, n_rows: int) -> dict[str, Any]:
    if kind == "numeric":
        values, n_unasked = _points(known), 0
    else:
        counts = known.value_counts()
        levels = sorted(counts.index, key=lambda level: (-counts[level], level))  # the most frequent first
        values, n_unasked = levels[:MOST_LEVELS], max(0, len(levels) - MOST_LEVELS)
    values = [*values, *([None] if len(known) < n_rows else [])]
    return {"name": name, "kind": kind, "typical": _typical(known, kind), "values": values, "n_unasked": n_unasked}


def _points(known: pd.Series) -> list[Any]:
    values = np.unique(known.to_numpy(np.float64))
    for points in POINTS:
        if len(values) > FEW_VALUES:
            picked = np.unique(np.quantile(known.to_numpy(np.float64), points, method="inverted_cdf"))
            if len(picked) > 1:
                return [float(value) for value in picked]
    return [float(value) for value in values]


def effects(predict: Predict, probes: Sequence[Probe]) -> dict[str, list[str]]:
    """The typical value of each feature, and how the risk moves with its values, both safe in Markdown.

    Each feature in turn takes its values, the others stay at the typical ones.
    """
    typical, rows = {probe["name"]: probe["typical"] for probe in probes}, list[dict[str, Any]]()
    for probe in probes:  # where its number is missing, its change is missing too
        missing = [probe["name"], *(it["name"] for it in probes if it.get("change_of") == probe["name"])]
        rows += [typical | dict.fromkeys(missing if it is None else missing[:1], it) for it in probe["values"]]
    risks = iter(predict(pd.DataFrame(rows)).tolist() if rows else ())
    return {
        probe["name"]: [_shown(probe["typical"]), _effect(probe, [next(risks) for _ in probe["values"]])]
        for probe in probes
    }


def _effect(probe: Probe, risks: Sequence[float]) -> str:
    named = [f"{percent(risk)} at {_shown(value)}" for value, risk in zip(probe["values"], risks, strict=True)]
    more = [f"{counted(probe['n_unasked'], 'rarer level')} not asked about"] if probe["n_unasked"] else []
    return f"{_way(probe, risks)}{', '.join([*named, *more])}" or "it is missing in every row"


def _way(probe: Probe, risks: Sequence[float]) -> str:
    """The way in which the risk moves with a number; for levels nothing, unless there is only one value."""
    odds = [max(risk, 1e-12) / max(1 - risk, 1e-12) for risk in risks]
    if len(odds) == 1:
        return "the same in every row: "
    if probe["kind"] != "numeric":
        return ""
    numeric = [it for value, it in zip(probe["values"], odds, strict=True) if value is not None]
    if max(numeric) < CLEAR * min(numeric):
        return "hardly anything: "
    if numeric in (sorted(numeric), sorted(numeric, reverse=True)):
        return "higher is riskier: " if numeric[-1] > numeric[0] else "lower is riskier: "
    return "now higher, now lower: "


def _shown(value: Any) -> str:
    if not isinstance(value, (int, float)):
        return markdown(value or "missing")
    return f"{value:,.0f}" if value == int(value) else f"{value:,.12g}"
