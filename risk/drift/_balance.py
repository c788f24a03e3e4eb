"""Such clients as others: weights of exponential tilting, as even as they can be.

Source: Hainmueller, Political Analysis 20 (2012), on entropy balancing.
"""

from __future__ import annotations

import numpy as np

from risk.modeling.metrics import Floats

BALANCE_STEPS, SMALLEST_STEP, BALANCED = 40, 1e-4, 1e-8
RIDGE = 1e-3  # on the weights of standardised columns: there is an answer where no weighting can do it


def balanced(columns: Floats, means: Floats) -> Floats:
    """A weight for each row, their sum 1, by which the columns have these means, as far as the rows allow."""
    deviations = columns.std(axis=0)
    away = (columns - means) / np.where(deviations > 0, deviations, 1.0)
    slopes = np.zeros(columns.shape[1])
    value, weights = _dual(away, slopes)
    for _ in range(BALANCE_STEPS):
        mean = weights @ away
        gradient = mean + RIDGE * slopes
        hessian = (away * weights[:, None]).T @ away - np.outer(mean, mean) + RIDGE * np.eye(len(slopes))
        direction, step, before = np.linalg.solve(hessian, gradient), 1.0, value
        value, weights = _dual(away, slopes - direction)
        while value > before and step > SMALLEST_STEP:
            step /= 2
            value, weights = _dual(away, slopes - step * direction)
        slopes = slopes - step * direction
        if before - value < BALANCED:
            break
    return weights


def _dual(away: Floats, slopes: Floats) -> tuple[float, Floats]:
    """The dual of entropy balancing, to be minimised, and the weights that go with the slopes."""
    exponents = away @ slopes
    largest = float(exponents.max())
    powers = np.exp(exponents - largest)
    return largest + float(np.log(powers.mean())) + RIDGE / 2 * float(slopes @ slopes), powers / powers.sum()
