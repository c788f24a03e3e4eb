"""What each feature does in a model: how it enters, and how the risk moves with it, asked of the model itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from risk.safe_text import markdown
from risk.typography import percent

Facts = Mapping[str, Any]
Predict = Callable[[pd.DataFrame], NDArray[np.float64]]

CLEAR = 1.05  # times the odds: a smaller step from a low to a high value is hardly anything
ENTERS = {
    "logistic": {
        "log": "the logarithm of 1 + the value, standardised; a missing value counts as the median",
        "plain": "the value, standardised; a missing value counts as the median",
        "categorical": "one indicator per level that at least ten rows bear; the rarer ones are one level",
    },
    "quadratic": {
        "log": "the logarithm of 1 + the value, standardised and cut at ±3, with its square and products",
        "plain": "the value, standardised and cut at ±3, with its square and products",
        "categorical": "one indicator per level that at least ten rows bear; the rarer ones are one level",
    },
    "boosting": {
        "log": "by thresholds on the value; a missing value goes its own way",
        "plain": "by thresholds on the value; a missing value goes its own way",
        "categorical": "by groups of levels; a missing or unseen level goes its own way",
    },
}


@dataclass(frozen=True)
class Factor:
    """A feature in words that are safe in Markdown."""

    name: str
    kind: str
    enters: str
    does: str


def of(card: Facts, predict: Predict) -> list[Factor]:
    """Return every feature of a card (trainedmodel.json) whose model answers `predict` (a frame of features to risks).

    For a client who is otherwise average a numeric feature is moved from one deviation below its mean to one above it,
    and a categorical one to each of its frequent levels but the most frequent, of which the card knows no name.
    """
    features = (card.get("reference") or {}).get("features") or []
    usual = {it["name"]: _value(it, 0) if _is_number(it) else next(iter(it["levels"]), None) or None for it in features}
    probes = [usual | {it["name"]: value} for it in features for value in _values(it)]
    risks = iter(predict(pd.DataFrame(probes)).tolist() if probes else ())
    enters = ENTERS.get(str(card.get("family")), {})
    return [
        Factor(
            name=markdown(it["name"]),
            kind=it["kind"],
            enters=enters.get(_way(it), f"as a {it['kind']} value"),
            does=_does(it, [next(risks) for _ in _values(it)]),
        )
        for it in features
    ]


def _is_number(feature: Facts) -> bool:
    return bool(feature["kind"] == "numeric")


def _way(feature: Facts) -> str:
    return ("log" if feature["log"] else "plain") if _is_number(feature) else "categorical"


def _values(feature: Facts) -> list[float | str | None]:
    if _is_number(feature):
        return [_value(feature, -1), _value(feature, 1)]
    return [level or None for level in feature["levels"]]


def _value(feature: Facts, deviations: int) -> float:
    value = feature["mean"] + deviations * feature["deviation"]
    return float(np.expm1(value)) if feature["log"] else float(value)


def _does(feature: Facts, risks: Sequence[float]) -> str:
    if _is_number(feature):
        return _step(_value(feature, -1), _value(feature, 1), *risks)
    levels = [markdown(level or "missing") for level in feature["levels"]]
    named = ", ".join(f"{percent(risk)} at {level}" for level, risk in zip(levels, risks, strict=True))
    return f"{named} (beside the most frequent level)" if named else "one level is frequent, the others are rare"


def _step(low: float, high: float, risk_low: float, risk_high: float) -> str:
    odds = [max(risk, 1e-12) / max(1 - risk, 1e-12) for risk in (risk_low, risk_high)]
    ratio = odds[1] / odds[0]
    word = "hardly anything" if 1 / CLEAR < ratio < CLEAR else "higher is riskier" if ratio > 1 else "lower is riskier"
    return f"{word}: {percent(risk_low)} at {low:,.4g}, {percent(risk_high)} at {high:,.4g}"
