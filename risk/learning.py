"""Fitting, and risks of rows by a model that has not seen them: what training, the gate and the list share."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from risk import gate
from risk.scores import best_threshold

Floats = NDArray[np.float64]
Kinds = Mapping[str, str]

N_FOLDS = 5
ALL_ROWS, RECENT_ROWS = "all rows", "recent rows"


@dataclass(frozen=True)
class Family:
    """One kind of model: its name, and what makes an unfitted estimator for features of these kinds and values."""

    name: str
    make: Callable[[Kinds, pd.DataFrame], Pipeline]


@dataclass(frozen=True)
class Challenger:
    """A fitted model with the out-of-fold risk of every labelled row and the threshold tuned on these."""

    estimator: Any
    family: str
    learned: str
    risks: Floats
    threshold: float
    n_rows: int


def families(choice: str = "auto") -> tuple[Family, ...]:
    """Return the families that compete, the simpler first. Here is the place to add one's own."""
    known = (Family("logistic", _logistic),)
    return tuple(family for family in known if choice in ("auto", family.name))


def richer_than(name: str, choice: str = "auto") -> bool:
    """Return True when a family competes that can follow more than this one."""
    names = [family.name for family in families(choice)]
    return name in names[:-1]


def features(frame: pd.DataFrame, kinds: Kinds) -> pd.DataFrame:
    """Return the feature columns alone: numeric as float64, categorical as text, both with NaN for missing."""
    found = {
        name: frame[name].astype("float64")
        if kind == "numeric"
        else frame[name].astype(object).where(frame[name].notna(), np.nan)
        for name, kind in kinds.items()
    }
    return pd.DataFrame(found, index=frame.index)


def teach(
    x: pd.DataFrame, left: Floats, clients: NDArray[Any], contents: NDArray[Any], recent: NDArray[np.bool_],
    kinds: Kinds, choice: str = "auto",
) -> Challenger:  # fmt: skip
    """Return the best challenger: each family on all rows and, where `recent` marks enough of both, on these alone.

    They are compared by out-of-fold log-loss on the recent rows, with the one-standard-error rule for more data and
    the simpler family. Raises: ValueError when the labels are all the same.
    """
    fold = folds(clients, contents)
    taught = [(ALL_ROWS, np.ones(len(left), dtype=bool))]
    if recent.any() and not recent.all() and 0 < left[recent].mean() < 1:
        taught.append((RECENT_ROWS, recent))
    judged = recent if recent.any() else np.ones(len(left), dtype=bool)
    recipes = [(family, learned, rows) for learned, rows in taught for family in families(choice)]
    risks = [out_of_fold(family, kinds, x, left, fold, rows) for family, _, rows in recipes]
    named = [
        (f"{learned}, {family.name}", risk[judged]) for (family, learned, _), risk in zip(recipes, risks, strict=True)
    ]
    best = gate.choose(named, left[judged]).index
    family, learned, rows = recipes[best]
    threshold = best_threshold(left[rows], risks[best][rows])
    return Challenger(
        fit(family, kinds, x[rows], left[rows]), family.name, learned, risks[best], threshold, int(rows.sum())
    )


def fit(family: Family, kinds: Kinds, x: pd.DataFrame, left: Floats) -> Pipeline:
    """Return the family's estimator fitted on these rows, its answers plain 0 and 1."""
    return family.make(kinds, x).fit(x, left.astype(np.int64))


def risks_of(estimator: Any, x: pd.DataFrame) -> Floats:
    """Return the probability of leaving, one a row, to 12 digits."""
    if x.empty:
        return np.zeros(0)
    found: Floats = np.asarray(estimator.predict_proba(x), dtype=np.float64)[:, 1]
    return np.round(found, 12)


def out_of_fold(
    family: Family, kinds: Kinds, x: pd.DataFrame, left: Floats, fold: NDArray[np.int64], rows: NDArray[np.bool_]
) -> Floats:
    """Return the risk of every row by a model of the other folds' `rows`: no model predicts a row that it has seen."""
    risks = np.empty(len(left))
    for number in range(N_FOLDS):
        inside, learned = fold == number, rows & (fold != number)
        if inside.any():
            risks[inside] = _risks_after(family, kinds, x, left, learned, inside)
    return risks


def base_rate(left: Floats, fold: NDArray[np.int64]) -> Floats:
    """Return the share of leavers in the other folds, for every row: the model that knows nothing."""
    return np.array([_rate(left[fold != number]) for number in range(N_FOLDS)])[fold]


def folds(clients: NDArray[Any], contents: NDArray[Any]) -> NDArray[np.int64]:
    """Return the fold of every row: by client where clients occur in several contents, else blocks in order.

    Random folds would leak: rows of one client, or of one week, know of each other.
    """
    pairs = pd.DataFrame({"client": clients, "content": contents}).drop_duplicates()
    if pairs["client"].duplicated().any():
        return np.array([zlib.crc32(str(client).encode("utf-8", "surrogatepass")) % N_FOLDS for client in clients])
    return np.arange(len(clients)) * N_FOLDS // max(len(clients), 1)


def _risks_after(
    family: Family, kinds: Kinds, x: pd.DataFrame, left: Floats, learned: NDArray[np.bool_], inside: NDArray[np.bool_]
) -> Floats:
    if not 0 < _rate(left[learned]) < 1 or len(set(left[learned])) < 2:
        return np.full(int(inside.sum()), _rate(left[learned]))
    return risks_of(fit(family, kinds, x[learned], left[learned]), x[inside])


def _rate(left: Floats) -> float:
    """Return the share of leavers, half a leaver and half a stayer added: never 0 and never 1."""
    return float((left.sum() + 0.5) / (len(left) + 1))


def _logistic(kinds: Kinds, x: pd.DataFrame) -> Pipeline:
    """Return a logistic regression on log1p (where non-negative), standardised and one-hot features."""
    numeric = [name for name, kind in kinds.items() if kind == "numeric"]
    logged = [name for name in numeric if not (x[name] < 0).any()]
    groups = [
        ("logged", make_pipeline(*_log1p(), *_numbers()), logged),
        ("plain", make_pipeline(*_numbers()), [name for name in numeric if name not in logged]),
        (
            "levels",
            OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10),
            [name for name in kinds if name not in numeric],
        ),
    ]
    columns = ColumnTransformer([group for group in groups if group[2]], verbose_feature_names_out=False)
    return make_pipeline(columns, LogisticRegression(max_iter=1000))


def _log1p() -> tuple[FunctionTransformer, FunctionTransformer]:
    """A value below 0 that was never seen in training counts as 0: log1p would give no number."""
    return FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": None}), FunctionTransformer(np.log1p)


def _numbers() -> tuple[SimpleImputer, StandardScaler]:
    return SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
