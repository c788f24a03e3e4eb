"""A classifier of one's own beside its log-odds, which our sigmoid calibrates, whatever scores it has itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from risk.modeling.fitting import risks_of
from risk.modeling.metrics import Array, Floats, log_odds


class WithOdds(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Answers as `estimator` does; its decision is the log-odds of the risk."""

    def __init__(self, estimator: Any):
        self.estimator = estimator

    def fit(self, x: pd.DataFrame, y: Array) -> WithOdds:
        self.estimator.fit(x, y)
        self.classes_ = np.asarray(self.estimator.classes_)
        return self

    def predict_proba(self, x: pd.DataFrame) -> Floats:
        return np.asarray(self.estimator.predict_proba(x), dtype=np.float64)

    def predict(self, x: pd.DataFrame) -> Array:
        return np.asarray(self.classes_[(self.decision_function(x) > 0).astype(np.int64)])

    def decision_function(self, x: pd.DataFrame) -> Floats:
        """Return the log-odds. Raises: ValueError where no probabilities are stated."""
        return log_odds(risks_of(self.estimator, x))
