"""Fitting a family, and risks of rows by a model that has not seen them."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from risk.families import Family, Kinds

Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]

N_FOLDS = 5
MOST_FOLD_ROWS = 100_000  # of more, a fold's model learns a sample: it only has to show what a family can do
FEWEST_OF_EACH = 2  # leavers and stayers without which a fold gets a rate: boosting splits its rows once more


def features(frame: pd.DataFrame, kinds: Kinds) -> pd.DataFrame:
    """Return the feature columns alone: numeric as float64, categorical as text, both with NaN for missing."""
    found = {
        name: frame[name].astype("float64")
        if kind == "numeric"
        else frame[name].astype(object).where(frame[name].notna(), np.nan)
        for name, kind in kinds.items()
    }
    return pd.DataFrame(found, index=frame.index)


def fit(family: Family, kinds: Kinds, x: pd.DataFrame, left: Floats) -> Pipeline:
    """Return the family's estimator fitted on these rows, its answers plain 0 and 1."""
    return family.trim(family.make(kinds, x).fit(x, left.astype(np.int64)))


def risks_of(estimator: Any, x: pd.DataFrame) -> Floats:
    """Return the probability of leaving, one a row, to 12 digits."""
    if x.empty:
        return np.zeros(0)
    found: Floats = np.asarray(estimator.predict_proba(x), dtype=np.float64)[:, 1]
    return np.round(found, 12)


def out_of_fold(
    family: Family, kinds: Kinds, x: pd.DataFrame, left: Floats, fold: NDArray[np.int64], rows: Marks
) -> Floats:
    """Return the risk of every row by a model of the other folds' `rows`: no model predicts a row that it has seen.

    Of more than `MOST_FOLD_ROWS` a model learns a seeded sample.
    """
    risks = np.empty(len(left))
    for number in range(N_FOLDS):
        inside, others = fold == number, np.flatnonzero(rows & (fold != number))
        if len(others) > MOST_FOLD_ROWS:
            others = np.sort(np.random.default_rng(number).choice(others, MOST_FOLD_ROWS, replace=False))
        if inside.any():
            risks[inside] = _risks_after(family, kinds, x, left, others, inside)
    return risks


def base_rate(left: Floats, fold: NDArray[np.int64]) -> Floats:
    """Return the share of leavers in the other folds, for every row: the model that knows nothing."""
    return np.array([_rate(left[fold != number]) for number in range(N_FOLDS)])[fold]


def folds(clients: NDArray[Any], contents: NDArray[Any], recent: Marks | None = None) -> NDArray[np.int64]:
    """Return the fold of every row: by client where clients occur in several contents, else blocks in order.

    Random folds would leak: rows of one client, or of one week, know of each other. The recent rows have blocks of
    their own: as one block they would be rated only by models that know nothing of what is new.
    """
    pairs = pd.DataFrame({"client": clients, "content": contents}).drop_duplicates()
    if pairs["client"].duplicated().any():
        return np.array([zlib.crc32(str(client).encode("utf-8", "surrogatepass")) % N_FOLDS for client in clients])
    found = np.zeros(len(clients), dtype=np.int64)
    late = np.zeros(len(clients), dtype=bool) if recent is None else recent
    for part in (late, ~late):
        found[part] = np.arange(part.sum()) * N_FOLDS // max(int(part.sum()), 1)
    return found


def _risks_after(
    family: Family, kinds: Kinds, x: pd.DataFrame, left: Floats, learned: NDArray[np.int64], inside: Marks
) -> Floats:
    leavers = left[learned].sum()
    if min(leavers, len(learned) - leavers) < FEWEST_OF_EACH:
        return np.full(int(inside.sum()), _rate(left[learned]))
    return risks_of(fit(family, kinds, x.iloc[learned], left[learned]), x[inside])


def _rate(left: Floats) -> float:
    """Return the share of leavers, half a leaver and half a stayer added: never 0 and never 1."""
    return float((left.sum() + 0.5) / (len(left) + 1))
