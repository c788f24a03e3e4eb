"""A fitted regression of our families as weights on standardised numbers, their products, and levels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, StandardScaler

from risk.modeling import _levels
from risk.modeling.encoding import FAR
from risk.modeling.metrics import Array, Floats

PLAIN, LOGGED, BESIDE, BLANK = "plain", "logged", "beside", "blank"
CUT = 3.0
ROWS = 8192  # at once: what stays near the processor

Levels = dict[str | None, int]


@dataclass(frozen=True)
class LinearTerm:
    """One standardised number: of a column as it is, of its logarithm, as it is beside that, or whether it is blank."""

    place: int
    how: str
    mean: float
    scale: float
    missing: float  # what it is where the column is blank

    def of(self, values: Floats) -> Floats:
        if self.how == BLANK:
            return np.where(np.isnan(values), self.missing, (0.0 - self.mean) / self.scale)
        values = np.log1p(np.maximum(values, 0.0)) if self.how == LOGGED else values
        found = (values - self.mean) / self.scale
        found = np.clip(found, -FAR, FAR) if self.how == BESIDE else found
        return np.where(np.isnan(found), self.missing, found)


@dataclass(frozen=True)
class Linear:
    """Log-odds of rows: constant, weights of the terms and of their products (`pairs`, upper), and of every level."""

    constant: float
    terms: tuple[LinearTerm, ...]
    weights: tuple[float, ...]
    pairs: tuple[tuple[float, ...], ...]  # of each term with itself and those after it; none in a regression without
    levels: tuple[tuple[int, tuple[float, ...]], ...]

    def one(self, row: Sequence[Any]) -> float:
        """The log-odds of one row: numbers or None, and the codes of levels."""
        odds, terms = self.constant, []
        for term, weight in zip(self.terms, self.weights, strict=True):
            value = row[term.place]
            if value is None:
                standard = term.missing
            elif term.how == PLAIN:
                standard = (value - term.mean) / term.scale
            elif term.how == BESIDE:
                standard = min(max((value - term.mean) / term.scale, -FAR), FAR)
            elif term.how == LOGGED:
                standard = (math.log1p(max(value, 0.0)) - term.mean) / term.scale
            else:
                standard = (0.0 - term.mean) / term.scale
            if self.pairs:
                standard = min(max(standard, -CUT), CUT)
                terms.append(standard)
            odds += standard * weight
        for place, weights in enumerate(self.pairs):
            odds += terms[place] * sum(map(float.__mul__, weights, terms[place:]))
        for place, weights in self.levels:
            odds += weights[row[place]]
        return odds

    def many(self, columns: Sequence[Array]) -> Floats:
        """The log-odds of rows: columns of numbers, NaN where missing, and of codes of levels."""
        n_rows = len(columns[0])
        parts = [self._many([it[start : start + ROWS] for it in columns]) for start in range(0, n_rows, ROWS)]
        return np.concatenate(parts) if len(parts) != 1 else parts[0]

    def _many(self, columns: Sequence[Array]) -> Floats:
        odds, terms = np.full(len(columns[0]), self.constant), []
        for term, weight in zip(self.terms, self.weights, strict=True):
            standard = term.of(columns[term.place])
            if self.pairs:
                standard = np.clip(standard, -CUT, CUT)
                terms.append(standard)
            odds += standard * weight
        for place, weights in enumerate(self.pairs):
            inner = np.zeros(len(odds))
            for weight, other in zip(weights, terms[place:], strict=True):
                inner += weight * other
            odds += terms[place] * inner
        for place, weights in self.levels:
            odds += np.array(weights)[columns[place]]
        return odds


def linear(pipeline: Pipeline, names: Sequence[str]) -> tuple[dict[str, Levels], Linear]:
    """Return levels by column and the form of a fitted regression. Raises: ValueError where it is not ours."""
    table, regression = pipeline
    _expect(type(table) is ColumnTransformer and type(regression) is LogisticRegression)
    place, left = {name: at for at, name in enumerate(names)}, [float(it) for it in regression.coef_[0]]
    found = Linear(float(regression.intercept_[0]), (), (), (), ())
    known: dict[str, Levels] = {}
    for name, part, columns in table.transformers_:
        if name in (PLAIN, LOGGED, BESIDE):
            terms = _standardised(part, [place[column] for column in columns])
            weights, left = left[: len(terms)], left[len(terms) :]
            found = replace(found, terms=(*found.terms, *terms), weights=(*found.weights, *weights))
        elif name == "numbers":
            found, left = _products(part, place, found, left)
        elif name in ("levels", "rates"):
            encoder = part[0] if isinstance(part, Pipeline) else part
            codes = _levels.codes(encoder, columns)
            widths = _widths(encoder) if isinstance(encoder, OneHotEncoder) else [1] * len(columns)
            blocks = np.cumsum([0, *widths])
            for at, column in enumerate(columns):
                made = _levels.answers(part, columns, codes, column)[:, blocks[at] : blocks[at + 1]]
                weights = (made @ np.array(left[blocks[at] : blocks[at + 1]])).tolist()
                found = replace(found, levels=(*found.levels, (place[column], tuple(weights))))
            left = left[blocks[-1] :]
            known |= codes
        else:
            _expect(part == "drop")
    _expect(not left)
    return known, found


def _standardised(part: Pipeline, places: Sequence[int]) -> list[LinearTerm]:
    """The terms that a pipeline makes of columns: it may take logarithms, then fills gaps and standardises."""
    steps = [step for _, step in part.steps]
    beside = _is_cut(steps[-1], FAR)
    *first, imputer, scaler = steps[:-1] if beside else steps
    _expect(type(imputer) is SimpleImputer and type(scaler) is StandardScaler)
    _expect([it.func for it in first if isinstance(it, FunctionTransformer)] in ([], [np.clip, np.log1p]))
    _expect(len(first) in (0, 2) and all(it.kw_args in (None, {"a_min": 0, "a_max": None}) for it in first))
    gaps = imputer.indicator_.features_.tolist() if imputer.add_indicator else []
    means, scales = scaler.mean_.tolist(), scaler.scale_.tolist()
    fills = [*imputer.statistics_.tolist(), *(1.0 for _ in gaps)]
    _expect(not (first and beside))
    how = LOGGED if first else BESIDE if beside else PLAIN
    terms = [(place, how) for place in places] + [(places[gap], BLANK) for gap in gaps]
    _expect(len(terms) == len(means) == len(fills))
    return [
        LinearTerm(place, how, mean, scale, (fill - mean) / scale)
        for (place, how), mean, scale, fill in zip(terms, means, scales, fills, strict=True)
    ]


def _products(part: Pipeline, place: Mapping[str, int], found: Linear, left: list[float]) -> tuple[Linear, list[float]]:
    """The terms, squares and products of numbers, all standardised once more: their weights are folded."""
    table, cut, powers, scaler = part
    _expect(type(powers) is PolynomialFeatures and type(scaler) is StandardScaler and not found.terms)
    _expect(_is_cut(cut, CUT))
    terms: list[LinearTerm] = []
    for name, inner, columns in table.transformers_:
        _expect(name in (PLAIN, LOGGED) or inner == "drop")
        terms += _standardised(inner, [place[it] for it in columns]) if inner != "drop" else []
    n_terms, constant = len(terms), found.constant
    weights, pairs = [0.0] * n_terms, [[0.0] * (n_terms - at) for at in range(n_terms)]
    for power, mean, scale, weight in zip(powers.powers_, scaler.mean_, scaler.scale_, left, strict=False):
        constant -= float(weight / scale * mean)
        first, *other = np.repeat(np.arange(n_terms), power).tolist()
        if other:
            pairs[first][other[0] - first] = float(weight / scale)
        else:
            weights[first] = float(weight / scale)
    made = Linear(constant, tuple(terms), tuple(weights), tuple(map(tuple, pairs)), found.levels)
    return made, left[len(powers.powers_) :]


def _is_cut(step: Any, limit: float) -> bool:
    known = type(step) is FunctionTransformer and step.func is np.clip
    return known and step.kw_args == {"a_min": -limit, "a_max": limit}


def _widths(encoder: OneHotEncoder) -> list[int]:
    """How many indicators an encoder makes of each column: its rare levels share one."""
    rare = getattr(encoder, "infrequent_categories_", [None] * len(encoder.categories_))
    return [
        len(levels) if few is None else len(levels) - len(few) + 1
        for levels, few in zip(encoder.categories_, rare, strict=True)
    ]


def _expect(is_so: bool) -> None:
    if not is_so:
        raise ValueError("it is not made as the families of this program are")
