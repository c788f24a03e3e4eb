"""What the score of a window is compared with: the errors that the release made before the window.

A model that was trained on R rows errs by chance, and its mean score on other rows has the variance V / R (V of one
row) about that of its out-of-fold residuals. What it errs by, it errs by in every row: n' rows that it has not seen,
and that came before a window, tell of it as well as training rows do. So a window of n rows is centred on both, and its
variance grows by the factor 1 + n / (R + n') alone, not by 1 + n / R.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from risk.drift._rao import Residuals
from risk.modeling.reference import Reference


def before(window: Residuals, widest: Residuals, reference: Reference) -> Reference:
    """Return the reference with the rows of the widest window that came before this one."""
    n_rows = reference.n_rows + widest.n_rows - window.n_rows
    scores = reference.n_rows * np.array(reference.mean_score) + widest.total - window.total
    return replace(reference, mean_score=tuple(scores / n_rows), n_rows=n_rows)


def centred(window: Residuals, reference: Reference) -> Residuals:
    """Return S and V centred on the reference, which is only as certain as its rows."""
    total = window.total - window.n_rows * np.array(reference.mean_score)
    return replace(window, total=total, variance=window.variance * (1 + window.n_rows / reference.n_rows))
