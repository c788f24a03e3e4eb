"""Fitting a family, and risks of rows by a model that has not seen them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from risk.modeling.families import Family, Kinds

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
    """Return the risk of every row by a model of the other folds' `rows`: no model predicts a row that it has seen."""
    risks = np.empty(len(left))
    for number in range(N_FOLDS):
        inside = fold == number
        risks[inside] = risks_after(family, kinds, x, left, rows & ~inside, inside)
    return risks


def risks_after(family: Family, kinds: Kinds, x: pd.DataFrame, left: Floats, rows: Marks, inside: Marks) -> Floats:
    """Return the risks of the rows `inside` by a model trained on `rows`, or their rate where they are too few.

    Of more than `MOST_FOLD_ROWS` a seeded sample is drawn.
    """
    trained, leavers = np.flatnonzero(rows), left[rows].sum()
    if len(trained) > MOST_FOLD_ROWS:
        trained = np.sort(np.random.default_rng(0).choice(trained, MOST_FOLD_ROWS, replace=False))
    if not inside.any() or min(leavers, len(left[rows]) - leavers) < FEWEST_OF_EACH:
        return np.full(int(inside.sum()), rate(left[rows]))
    return risks_of(fit(family, kinds, x.iloc[trained], left[trained]), x[inside])


def base_rate(left: Floats, fold: NDArray[np.int64]) -> Floats:
    """Return the share of leavers in the other folds, for every row: the model that knows nothing."""
    return np.array([rate(left[fold != number]) for number in range(N_FOLDS)])[fold]


def folds(clients: NDArray[Any], left: Floats) -> NDArray[np.int64]:
    """Return the fold of every row, the same for all rows of a client, whatever the order of the rows.

    Clients who ever left and clients who never did are each dealt evenly in the order of a hash of the client. So all
    folds have the same share of leavers: else the base rate of the other folds would run against a fold's own.
    """
    place, names = pd.factorize(np.asarray(clients).astype(str).astype(object))
    ever_left = np.bincount(place, left, len(names)) > 0
    hashes = pd.util.hash_array(np.asarray(names, dtype=object), categorize=False)
    dealt = np.empty(len(names), dtype=np.int64)
    for group in (ever_left, ~ever_left):
        members = np.flatnonzero(group)
        dealt[members[np.argsort(hashes[members], kind="stable")]] = np.arange(len(members)) % N_FOLDS
    return dealt[place]


def rate(left: Floats) -> float:
    """Return the share of leavers, half a leaver and half a stayer added: never 0 and never 1."""
    return float((left.sum() + 0.5) / (len(left) + 1))
