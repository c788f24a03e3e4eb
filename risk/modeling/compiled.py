"""Fitted models of our families in a form that answers without scikit-learn: arrays, and lists for one row.

A form is used where `compiled` has proved it against the model that it was made of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.pipeline import Pipeline

from risk.modeling._levels import MISSING, UNSEEN
from risk.modeling._linear_form import Linear, linear
from risk.modeling._tree_form import Trees, trees
from risk.modeling.fitting import Sigmoid, features, parts, risks_of
from risk.modeling.metrics import Array, Codes, Floats, Kinds

FEW = 6  # rows that are answered one by one
MANY = 2**17  # rows from which on the form rates lists too
DOUBT = 0.02  # of the 12th digit: sums in another order differ by less
LEAST = -700.0  # log-odds; a float has no exponential of much less

Columns = Mapping[str, Sequence[Any]]  # a list for each feature: numbers, or texts; None where missing


@dataclass(frozen=True)
class Compiled:
    """The risks that a model gives, from columns; `levels` are the codes of each categorical feature (else None)."""

    names: tuple[str, ...]
    levels: tuple[dict[str | None, int] | None, ...]
    form: Linear | Trees
    sigmoid: Sigmoid

    def risks(self, columns: Columns) -> Floats:
        """The probability of leaving per row, to 12 digits; NaN where numbers are too large for one."""
        return np.array(self.listed(columns))

    def listed(self, columns: Columns) -> list[float]:
        """The same as a list."""
        wanted = [columns[name] for name in self.names]
        if len(wanted[0]) <= FEW:
            return [self.risk(row) for row in zip(*wanted, strict=True)]
        arrays = [
            np.array(column, dtype=np.float64) if codes is None else _coded(codes, column)
            for column, codes in zip(wanted, self.levels, strict=True)
        ]
        risks: list[float] = np.round(self.stated(arrays), 12).tolist()
        return risks

    def stated(self, arrays: Sequence[Array]) -> Floats:
        """The same, all digits, of arrays in the order of the features: numbers with NaN, and codes of levels."""
        with np.errstate(over="ignore", invalid="ignore"):
            odds = self.form.many(arrays)
            return np.asarray(expit(-(self.sigmoid.slope * odds + self.sigmoid.offset)))

    def risk(self, row: Sequence[Any]) -> float:
        """The risk of one row, in the order of the features."""
        known = zip(row, self.levels, strict=True)
        values = [value if codes is None else codes.get(value, UNSEEN) for value, codes in known]
        odds = -(self.sigmoid.slope * self.form.one(values) + self.sigmoid.offset)
        if odds < LEAST:
            return 0.0
        return round(1.0 / (1.0 + math.exp(-odds)) * 1e12) / 1e12 if odds == odds else math.nan

    def of_frame(self, frame: pd.DataFrame, estimator: Any, kinds: Kinds) -> Floats:
        """The risks of very many rows, `MANY` at once; where the last digit is in doubt, the model tells it."""
        parts = [self.stated(self.arrays(frame[start : start + MANY])) for start in range(0, len(frame), MANY)]
        stated = np.concatenate(parts)
        doubtful = ~(np.abs(stated * 1e12 % 1.0 - 0.5) > DOUBT)
        risks = np.asarray(np.round(stated, 12))
        if doubtful.any():
            risks[doubtful] = risks_of(estimator, features(frame[doubtful], kinds))
        return risks

    def arrays(self, frame: pd.DataFrame) -> list[Array]:
        """The arrays of a frame with the feature columns, None or NaN where missing."""
        return [
            frame[name].to_numpy(np.float64, na_value=np.nan) if codes is None else _factorised(codes, frame[name])
            for name, codes in zip(self.names, self.levels, strict=True)
        ]


def _coded(codes: Mapping[str | None, int], column: Sequence[str | None]) -> Codes:
    return np.array([*map(codes.get, column, repeat(UNSEEN))], dtype=np.intp)


def _factorised(codes: Mapping[str | None, int], column: pd.Series) -> Codes:
    """The codes of a long column: each of its texts is looked up once."""
    places, texts = pd.factorize(column)
    return np.array([*_coded(codes, texts.tolist()), MISSING], dtype=np.intp)[places]  # -1, the last, is missing


def form_of(estimator: Any, kinds: Kinds) -> Compiled:
    """Return the form of a fitted model, unproved. Raises: ValueError where none of our families is made so."""
    bare, sigmoid = parts(estimator)
    if not isinstance(bare, Pipeline):
        raise ValueError("it is no pipeline")
    names = tuple(kinds)
    known, form = trees(bare, names) if hasattr(bare[-1], "_predictors") else linear(bare, names)
    levels = tuple(None if kinds[name] == "numeric" else known.get(name, {}) for name in names)
    return Compiled(names, levels, form, sigmoid)
