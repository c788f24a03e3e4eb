"""Factors of a model: how each feature enters, and how the risk of the model itself moves with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from risk.modeling.selection import RECALIBRATED
from risk.text import NOTHING, counted, markdown, percent

Facts = Mapping[str, Any]
Predict = Callable[[pd.DataFrame], NDArray[np.float64]]

CLEAR = 1.05  # times the odds: a smaller step between two values is hardly anything
MOST_LEVELS = 1_000  # of a categorical feature that are asked about, the most frequent ones
FEW_VALUES = 6  # a number with no more of them is asked about at each
POINTS = ((0.1, 0.5, 0.9), (0.0, 0.5, 1.0))  # of the sorted values; the second where the first are all one value
LEVELS = "one indicator per level that at least ten rows bear; the rarer ones are one level"
MISSING = "a missing value counts as the median, with an indicator of its own where training rows had such"
THRESHOLDS = "by thresholds on the value, where at least 30 training rows had one; a missing value goes its own way"
GROUPS = "by groups of levels; a missing or unseen level goes its own way"
SCALED = {"logistic": "standardised", "quadratic": "standardised and cut at ±3, with its square and products"}
AS_BEFORE = "as in the model whose risks were set right"
UNRECORDED = "not recorded: the program that trained it kept no values to ask about"


@dataclass(frozen=True)
class Factor:
    """A feature in words that are safe in Markdown."""

    name: str
    kind: str
    enters: str
    typical: str
    does: str


def probes(
    x: pd.DataFrame, kinds: Mapping[str, str], changes: Mapping[str, str], minimums: Mapping[str, float | None]
) -> list[dict[str, Any]]:
    """Return for each feature the values to ask the model about, all of which occur in the rows; None is missing.

    `typical` is the middle value or the most frequent level. A number that is the change of another one (`changes`)
    is so small that the value before it was not below that one's minimum: together they can be a client's row.
    """
    found = {name: _probe(name, kind, x[name].dropna(), len(x)) for name, kind in kinds.items()}
    for name, source in changes.items():
        least, typical = minimums.get(source), found[source]["typical"]
        lowest = min((value for value in found[source]["values"] if value is not None), default=None)
        if least is not None and lowest is not None:
            known = x[name].dropna()
            found[name] = _probe(name, kinds[name], known[known <= typical - least], len(x))
            found[name]["typical"] = _middle(known[known <= lowest - least])
        found[name]["change_of"] = source
    return list(found.values())


def _probe(name: str, kind: str, known: pd.Series, n_rows: int) -> dict[str, Any]:
    counts = known.value_counts() if kind != "numeric" else pd.Series(dtype=int)
    levels = sorted(counts.index, key=lambda level: (-counts[level], level))  # the most frequent first
    values: list[Any] = levels[:MOST_LEVELS] if levels else _points(known)
    typical = levels[0] if levels else _middle(known)
    values = [*values, *([None] if len(known) < n_rows else [])]
    n_unasked = max(0, len(levels) - MOST_LEVELS)
    return {"name": name, "kind": kind, "typical": typical, "values": values, "n_unasked": n_unasked}


def _points(known: pd.Series) -> list[float]:
    values = np.unique(known.to_numpy(np.float64))
    for points in POINTS:
        if len(values) > FEW_VALUES:
            picked = np.unique(np.quantile(known.to_numpy(np.float64), points, method="inverted_cdf"))
            if len(picked) > 1:
                return [float(value) for value in picked]
    return [float(value) for value in values]


def _middle(known: pd.Series) -> float | None:
    return float(np.quantile(known.to_numpy(np.float64), 0.5, method="inverted_cdf")) if len(known) else None


def of(card: Facts, predict: Predict) -> list[Factor]:
    """Every feature of a card (trainedmodel.json) whose model answers `predict` (a frame of features to risks).

    Each feature in turn takes its values of the card's `probes`, the others stay at the typical ones. A card of an
    older program has none: then what a feature does is not told.
    """
    asked = card.get("probes") or []
    described = {it["name"]: it for it in (card.get("reference") or {}).get("features") or ()}
    rows = [row for probe in asked for row in _rows(probe, asked)]
    risks = iter(predict(pd.DataFrame(rows)).tolist() if rows else ())
    told = {it["name"]: (_shown(it["typical"]), _does(it, [next(risks) for _ in it["values"]])) for it in asked}
    kinds = {name: it["kind"] for name, it in described.items()} | {it["name"]: it["kind"] for it in asked}
    return [
        Factor(markdown(name), kind, _enters(card, described.get(name), kind), *told.get(name, (NOTHING, UNRECORDED)))
        for name, kind in kinds.items()
    ]


def _rows(probe: Facts, asked: Sequence[Facts]) -> Iterator[dict[str, Any]]:
    """Yield the row of each value of a feature; where a number is missing, its change is missing too."""
    for value in probe["values"]:
        changed = [it["name"] for it in asked if value is None and it.get("change_of") == probe["name"]]
        yield {it["name"]: it["typical"] for it in asked} | dict.fromkeys([probe["name"], *changed], value)


def _enters(card: Facts, feature: Facts | None, kind: str) -> str:
    if card.get("learned") == RECALIBRATED:
        return AS_BEFORE
    if card.get("family") == "boosting":
        return GROUPS if kind != "numeric" else THRESHOLDS
    scaled = SCALED.get(str(card.get("family")))
    if scaled is None:
        return f"as a {kind} value"
    value = "the logarithm of 1 + the value" if feature and feature["log"] else "the value"
    return LEVELS if kind != "numeric" else f"{value}, {scaled}; {MISSING}"


def _does(probe: Facts, risks: Sequence[float]) -> str:
    named = [f"{percent(risk)} at {_shown(value)}" for value, risk in zip(probe["values"], risks, strict=True)]
    more = [f"{counted(probe['n_unasked'], 'rarer level')} not asked about"] if probe["n_unasked"] else []
    return f"{_way(probe, risks)}{', '.join([*named, *more])}" or "it is missing in every row"


def _way(probe: Facts, risks: Sequence[float]) -> str:
    """Return in which way the risk moves with a number; for levels nothing, unless there is only one value."""
    odds = [max(risk, 1e-12) / max(1 - risk, 1e-12) for risk in risks]
    if len(odds) == 1:
        return "the same in every row: "
    if probe["kind"] != "numeric":
        return ""
    known = [it for value, it in zip(probe["values"], odds, strict=True) if value is not None]
    if max(known) < CLEAR * min(known):
        return "hardly anything: "
    if known in (sorted(known), sorted(known, reverse=True)):
        return "higher is riskier: " if known[-1] > known[0] else "lower is riskier: "
    return "now higher, now lower: "


def _shown(value: Any) -> str:
    if not isinstance(value, (int, float)):
        return markdown(value or "missing")
    return f"{value:,.0f}" if value == int(value) else f"{value:,.12g}"
