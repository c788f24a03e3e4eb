"""How the features of a release enter the scan for drift, and what its training rows left behind to compare with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from risk.modeling.metrics import LARGEST_LOGIT, Array, Floats, clip, log_odds
from risk.modeling.stored import Stored

Kind = Literal["numeric", "categorical"]

LARGEST_VALUE = 2.5
MISSING_SHARE = 0.05  # of the reference rows, for an indicator column of its own
LEVEL_SHARE, LEVEL_ROWS, MOST_LEVELS = 0.05, 10, 10
MOST_KNOWN = 1_000  # levels; with more of them a new one is nothing special


@dataclass(frozen=True)
class ReferenceFeature:
    """How a feature enters the scan.

    Numeric: `mean` and `deviation` standardise it, after log1p where `log`; `missing` gives an indicator of its own.
    Categorical: one indicator for each of `levels`; a missing value is the level "". `known` are all levels of the
    reference rows, unless they are very many. `low` and `high` are the least and the greatest number, where known.
    `blanks` says that some rows, but too few for an indicator beside the others, may have no value: more may come.
    """

    name: str
    kind: Kind
    log: bool = False
    mean: float = 0.0
    deviation: float = 1.0
    missing: bool = False
    levels: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    blanks: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """What its columns are called."""
        if self.kind == "categorical":
            return tuple(f"{self.name} = {level or 'missing'}" for level in self.levels)
        return (self.name, f"a missing {self.name}") if self.missing else (self.name,)

    def columns(self, values: Array) -> list[Floats]:
        """Its columns, one value per row: what was standardised and winsorised, or indicators."""
        if self.kind == "categorical":
            numbers = {level: number for number, level in enumerate(self.levels)}
            places, distinct = pd.factorize(values, use_na_sentinel=False)
            codes = np.array([numbers.get(_level(value), -1) for value in distinct.tolist()], dtype=np.int64)[places]
            return [1.0 * (codes == number) for number in range(len(self.levels))]
        missing = np.isnan(values)
        plain = np.log1p(np.maximum(values, 0)) if self.log else values
        standardised = np.clip((plain - self.mean) / self.deviation, -LARGEST_VALUE, LARGEST_VALUE)
        return [np.where(missing, 0.0, standardised), *([1.0 * missing] if self.missing else [])]

    def marked(self, values: Array, blank: bool) -> Array:
        """Which values are missing, or of a level that no reference row has."""
        if blank:
            return np.isnan(values) if self.kind == "numeric" else np.asarray(pd.isna(values))
        places, distinct = pd.factorize(values, use_na_sentinel=False)
        known = set(self.known)
        return np.array([_level(value) not in known for value in distinct.tolist()], dtype=bool)[places]


@dataclass(frozen=True)
class Reference(Stored):
    """What a release keeps of its training rows: features, mean out-of-fold score, number of rows, share of leavers."""

    features: tuple[ReferenceFeature, ...]
    mean_score: tuple[float, ...]
    n_rows: int
    share: float

    @property
    def words(self) -> tuple[str, ...]:
        """What the columns of the design after the first two are called, but for the `new` ones."""
        return tuple(words for feature in self.features for words in feature.words)

    @property
    def new(self) -> tuple[tuple[ReferenceFeature, bool], ...]:
        """The features of which the last columns mark levels that no reference row has (False), or blanks (True)."""
        return _new(self.features)

    def design(self, features: Mapping[str, Array], risks: Floats) -> Floats:
        """Return g, one row per client row: 1, logit p, the columns of the features, and what is new of them."""
        return _design(self.features, features, risks)


def reference(features: Mapping[str, Array], kinds: Mapping[str, Kind], labels: Array, risks: Array) -> Reference:
    """Return the reference of training rows with their out-of-fold risks.

    Numeric values are floats with NaN for missing; categorical ones are strings with None for missing.
    """
    described = tuple(_described(name, kind, features[name]) for name, kind in kinds.items())
    left, risk = np.asarray(labels, dtype=np.float64), clip(risks)
    scores = _design(described, features, risk) * (left - risk)[:, None]
    return Reference(described, tuple(scores.mean(axis=0).tolist()), len(left), float(left.mean()))


def _described(name: str, kind: Kind, values: Array) -> ReferenceFeature:
    if kind == "categorical":
        frequent = _frequent(values)  # the most frequent level is the base line
        every = tuple(sorted({_level(value) for value in pd.unique(values)}))
        few = every if len(every) <= MOST_KNOWN else ()
        blanks = "" not in frequent and (not few or "" in few)
        return ReferenceFeature(name, kind, levels=frequent[1:], known=few, blanks=blanks)
    missing = np.isnan(values)
    known = values[~missing]
    low, high = (float(known.min()), float(known.max())) if len(known) else (None, None)
    log = bool(np.all(known >= 0))
    known = np.log1p(known) if log else known
    mean, deviation = (float(known.mean()), float(known.std())) if len(known) else (0.0, 1.0)
    many = bool(missing.mean() > MISSING_SHARE)
    return ReferenceFeature(name, kind, log, mean, deviation or 1.0, many, low=low, high=high, blanks=not many)


def _frequent(values: Array) -> tuple[str, ...]:
    """Return the frequent levels, the most frequent first; a missing value is the level ""."""
    levels, counts = np.unique([_level(value) for value in values.tolist()], return_counts=True)
    enough = max(LEVEL_SHARE * len(values), LEVEL_ROWS)
    order = [i for i in np.argsort(-counts, kind="stable") if counts[i] >= enough]
    return tuple(str(levels[i]) for i in order[:MOST_LEVELS])


def _level(value: object) -> str:
    return value if isinstance(value, str) else ""


def _new(described: tuple[ReferenceFeature, ...]) -> tuple[tuple[ReferenceFeature, bool], ...]:
    return (*((it, False) for it in described if it.known), *((it, True) for it in described if it.blanks))


def _design(described: tuple[ReferenceFeature, ...], features: Mapping[str, Array], risks: Floats) -> Floats:
    columns = [column for feature in described for column in feature.columns(features[feature.name])]
    new = [1.0 * feature.marked(features[feature.name], blank) for feature, blank in _new(described)]
    return np.column_stack([np.ones(len(risks)), log_odds(risks, LARGEST_LOGIT), *columns, *new])
