"""One sigmoid that makes the risks of a model true: fitted on rows that it has not seen, never on top of another.

Source: Platt, in Advances in Large Margin Classifiers, MIT Press (1999).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV, _CalibratedClassifier, _SigmoidCalibration
from sklearn.frozen import FrozenEstimator

from risk.modeling.metrics import Floats, clip

TWO_SIDED_90 = 1.645


@dataclass(frozen=True)
class Sigmoid:
    """risk = 1 / (1 + exp(slope · t + offset)) of log-odds t. The one as it stands leaves them as they are."""

    slope: float = -1.0
    offset: float = 0.0

    def risks(self, odds: Floats) -> Floats:
        """Return the risk of each log-odds, to 12 digits."""
        return np.asarray(np.round(expit(-(self.slope * odds + self.offset)), 12))

    def after(self, former: Sigmoid) -> Sigmoid:
        """Return the one sigmoid that does what `former` does and then, to the log-odds of that, what this does."""
        return Sigmoid(-self.slope * former.slope, self.offset - self.slope * former.offset)


def log_odds(risks: Floats) -> Floats:
    """Return the log-odds of each risk; risks are kept a little away from 0 and 1."""
    risk = clip(risks)
    return np.asarray(np.log(risk / (1 - risk)))


def fitted(odds: Floats, left: Floats) -> Sigmoid:
    """Return the sigmoid that makes these log-odds true of these labels; of one kind of label alone nothing follows.

    It never turns an order round: where a higher log-odds would mean a lower risk, every risk is the share of leavers.
    """
    if len(set(left.tolist())) < 2:
        return Sigmoid()
    found = _SigmoidCalibration().fit(odds, left)
    if found.a_ > 0:
        return Sigmoid(0.0, -float(log_odds(np.asarray(left.mean()))))
    return Sigmoid(float(found.a_), float(found.b_))


def calibrated(base: Any, sigmoid: Sigmoid) -> CalibratedClassifierCV:
    """Return the fitted classifier with its sigmoid as one plain scikit-learn object."""
    curve = _SigmoidCalibration()
    curve.a_, curve.b_ = sigmoid.slope, sigmoid.offset
    found = CalibratedClassifierCV(FrozenEstimator(base), method="sigmoid")
    found.classes_ = base.classes_
    found.calibrated_classifiers_ = [_CalibratedClassifier(base, [curve], classes=base.classes_, method="sigmoid")]
    return found


def parts(estimator: Any) -> tuple[Any, Sigmoid]:
    """Return the bare classifier and the sigmoid on it, whether or not it has one."""
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


def expected_leavers(risks: Floats, n_clients: int, n_rows: int) -> Expected:
    """Return how many of the clients with these risks leave, who are the first of `n_clients`.

    The spread is that of independent clients, times 1 + n_clients / n_rows: the risks themselves were made true by the
    n_rows learned rows, and so only as well as the same share of these could tell.
    """
    mean = float(np.sum(risks))
    spread = float(np.sum(risks * (1 - risks))) * (1 + n_clients / max(n_rows, 1))
    reach = TWO_SIDED_90 * math.sqrt(spread) + 0.5  # half a client: counts are whole
    return Expected(mean, max(0, math.ceil(mean - reach)), min(len(risks), math.floor(mean + reach)))
