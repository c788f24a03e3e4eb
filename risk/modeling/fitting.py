"""Fitting a family, the risk of rows that a model has not seen, and the one sigmoid that calibrates a model.

Source: Platt, in Advances in Large Margin Classifiers, MIT Press (1999).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV, _CalibratedClassifier, _SigmoidCalibration
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from risk.modeling.families import Family, Size
from risk.modeling.metrics import Array, Codes, Floats, Kinds, log_odds

N_FOLDS = 5
MOST_FOLD_ROWS = 100_000  # of more, a fold's model is trained on a sample: it only has to show what a family can do
FEWEST_OF_EACH = 2  # leavers and stayers without which a fold gets a rate: boosting splits its rows once more
TWO_SIDED_90 = 1.645


def features(frame: pd.DataFrame, kinds: Kinds) -> pd.DataFrame:
    """The feature columns alone: numeric as float64, categorical as text, both with NaN for missing."""
    columns = {
        name: frame[name].astype("float64")
        if kind == "numeric"
        else frame[name].astype(object).where(frame[name].notna(), np.nan)
        for name, kind in kinds.items()
    }
    return pd.DataFrame(columns, index=frame.index)


def fit(family: Family, kinds: Kinds, x: pd.DataFrame, left: Floats, size: Size | None = None) -> Pipeline:
    """The family's estimator of a size (the one its ladder starts at), fitted on these rows; it predicts 0 and 1."""
    with family.guard():
        made = family.make(kinds, x)
        if size and family.ladder:
            made[-1].set_params(**family.sized(size))
        fitted = family.trim(made.fit(x, left.astype(np.int64)))
        if list(fitted.classes_) != [0, 1]:
            raise ValueError(f"its classes_ are {fitted.classes_!r}, expected 0 and 1")
    return fitted


def risks_of(estimator: Any, x: pd.DataFrame) -> Floats:
    """The probability of leaving per row, to 12 digits. Raises: ValueError where a model states something else."""
    if x.empty:
        return np.zeros(0)
    stated = np.asarray(estimator.predict_proba(x), dtype=np.float64)
    if stated.shape != (len(x), 2) or not ((stated >= 0) & (stated <= 1)).all():
        raise ValueError("predict_proba states no two probabilities per row, expected numbers from 0 to 1")
    return np.round(stated[:, 1], 12)


def of_nobody(estimator: Any, kinds: Kinds) -> float:
    """The risk that a model states of a client of whom nothing is known."""
    return float(risks_of(estimator, features(pd.DataFrame({name: [None] for name in kinds}), kinds))[0])


def base_rate(left: Floats, clients: Array) -> Floats:
    """The share of leavers in the other folds, for every row: the model that knows nothing."""
    fold = folds(clients, left)
    return np.array([rate(left[fold != number]) for number in range(N_FOLDS)])[fold]


def folds(clients: Array, left: Floats) -> Codes:
    """The fold of every row, the same for all rows of a client, whatever the order of the rows.

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
    """The share of leavers, half a leaver and half a stayer added: never 0 and never 1."""
    return float((left.sum() + 0.5) / (len(left) + 1))


def best_threshold(labels: ArrayLike, risks: ArrayLike) -> float:
    """The threshold with the highest F1 (prediction = risk >= threshold).

    It lies midway between two neighbouring risks; of equals the highest is taken. Without leavers it is 0.5.
    """
    left, risk = np.asarray(labels, dtype=np.float64), np.asarray(risks, dtype=np.float64)
    if not left.any():
        return 0.5
    order = np.argsort(-risk, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(risk[order]) != 0, True))  # the last row of each distinct risk
    tp = np.cumsum(left[order])[ends]
    f1 = 2 * tp / (ends + 1 + left.sum())
    best = int(np.argmax(f1))
    upper = float(risk[order][ends[best]])
    lower = float(risk[order][ends[best] + 1]) if best + 1 < len(ends) else 0.0
    middle = (upper + lower) / 2
    return middle if middle > lower else upper


# --- calibration ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sigmoid:
    """risk = 1 / (1 + exp(slope · t + offset)) of log-odds t. The default is the identity."""

    slope: float = -1.0
    offset: float = 0.0

    def risks(self, odds: Floats) -> Floats:
        """The risk of each log-odds, to 12 digits."""
        return np.asarray(np.round(expit(-(self.slope * odds + self.offset)), 12))

    def after(self, former: Sigmoid) -> Sigmoid:
        """The one sigmoid that does what `former` does and then, to the log-odds of that, what this does."""
        return Sigmoid(-self.slope * former.slope, self.offset - self.slope * former.offset)


def fitted_sigmoid(odds: Floats, left: Floats) -> Sigmoid:
    """The sigmoid that calibrates these log-odds by these labels; the identity where all labels are the same.

    It never reverses an order: where a higher log-odds would mean a lower risk, every risk is the share of leavers.
    """
    if len(set(left.tolist())) < 2:
        return Sigmoid()
    curve = _SigmoidCalibration().fit(odds, left)
    if curve.a_ > 0:
        return Sigmoid(0.0, -float(log_odds(left.mean())))
    return Sigmoid(float(curve.a_), float(curve.b_))


def calibrated(base: Any, sigmoid: Sigmoid) -> CalibratedClassifierCV:
    """The fitted classifier with its sigmoid as one plain scikit-learn object."""
    curve = _SigmoidCalibration()
    curve.a_, curve.b_ = sigmoid.slope, sigmoid.offset
    classifier = CalibratedClassifierCV(FrozenEstimator(base), method="sigmoid")
    classifier.classes_ = base.classes_
    classifier.calibrated_classifiers_ = [_CalibratedClassifier(base, [curve], classes=base.classes_, method="sigmoid")]
    return classifier


def parts(estimator: Any) -> tuple[Any, Sigmoid]:
    """The bare classifier and the sigmoid on it, whether or not it has one."""
    if not isinstance(estimator, CalibratedClassifierCV):
        return estimator, Sigmoid()
    inner = estimator.calibrated_classifiers_[0]
    return inner.estimator, Sigmoid(inner.calibrators[0].a_, inner.calibrators[0].b_)


@dataclass(frozen=True)
class Expected:
    """How many clients are expected to leave by their risks: the mean, and the 90 % interval, both ends in it."""

    mean: float
    low: int
    high: int


def expected_leavers(risks: Floats, n_clients: int, n_rows: int, swing: float = 0.0) -> Expected:
    """How many of the clients with these risks leave, who are the first of `n_clients`.

    The spread is that of independent clients, times 1 + n_clients / n_rows: the risks themselves were calibrated on
    the n_rows training rows, and so are only as certain as the same share of these. Where the log-odds of all of them
    `swing` together from one period to the next, by this standard deviation, that comes to it.
    """
    mean = float(np.sum(risks))
    own = float(np.sum(risks * (1 - risks)))
    spread = own * (1 + n_clients / max(n_rows, 1)) + (own * swing) ** 2
    reach = TWO_SIDED_90 * math.sqrt(spread) + 0.5  # half a client: counts are whole
    return Expected(mean, max(0, math.ceil(mean - reach)), min(len(risks), math.floor(mean + reach)))
