"""Rao's score test: do the residuals of given risks go with the columns of a design?

S = Σ g(y − p) has mean zero and variance V when the risks are right; χ² = Sᵀ V⁻ S, and (χ² − df) / 2 estimates
the log-loss that refitting on these columns would win, without a fit.

Source: Rao, Proc. Cambridge Phil. Soc. 44 (1948); per client: Liang and Zeger, Biometrika 73 (1986).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from risk.modeling.metrics import Array, Floats, Marks, client_sums, clip, log_losses
from risk.modeling.stored import Stored

SMALLEST_EIGENVALUE = 0.02  # of the correlation form, whose mean eigenvalue is 1


@dataclass(frozen=True)
class ScoreTest(Stored):
    """χ² on `df` degrees of freedom, its tail p, the gain of refitting in log-loss per client and relative to it."""

    chi2: float
    df: int
    p: float
    gain: float
    relative_gain: float
    rings: bool


@dataclass(frozen=True)
class Limits:
    """What rings: a tail p below `alpha` and a relative gain above `minimum_gain`."""

    alpha: float
    minimum_gain: float


@dataclass(frozen=True)
class Residuals:
    """S and V (`total`, `variance`) of the columns of a design, with the rows they come from."""

    total: Floats
    variance: Floats
    design: Floats
    risks: Floats
    log_loss: float

    @property
    def n_rows(self) -> int:
        return len(self.risks)


def residuals(design: Floats, labels: Array, risks: Array, clients: Array) -> Residuals:
    """Return S and V of a design: V from the risks, or from sums per client where a client has several rows."""
    clipped = clip(risks)
    rows = design * (np.asarray(labels, dtype=np.float64) - clipped)[:, None]
    sums = client_sums(rows, clients)
    by_risks = len(sums) == len(rows)
    variance = (design * (clipped * (1 - clipped))[:, None]).T @ design if by_risks else sums.T @ sums
    return Residuals(rows.sum(axis=0), variance, design, clipped, float(log_losses(labels, clipped).mean()))


def score_test(found: Residuals, limits: Limits) -> ScoreTest:
    """Return the test of the residuals."""
    statistic, df = chi2(found.total, found.variance)
    p, gain = tail(statistic, df), (float(statistic) - df) / (2 * found.n_rows)
    rings = p < limits.alpha and gain > limits.minimum_gain * found.log_loss
    return ScoreTest(float(statistic), df, p, gain, gain / found.log_loss, rings)


def chi2(total: Floats, variance: Floats) -> tuple[Floats, int]:
    """Return χ² on the well-conditioned part of V, and its rank.

    The first term is taken out first: χ² stays, and the correlations of the others become those of centred columns.
    """
    first = np.square(total[0]) / variance[0, 0]
    rest, varies, deviations, correlation = correlation_form(total, variance)
    eigenvalues, vectors = np.linalg.eigh(correlation)
    kept = eigenvalues > SMALLEST_EIGENVALUE
    whitened = (vectors[:, kept] / deviations[:, None] / np.sqrt(eigenvalues[kept])).T @ rest[varies]
    return first + np.square(whitened).sum(axis=0), 1 + int(kept.sum())


def correlation_form(total: Floats, variance: Floats) -> tuple[Floats, Marks, Floats, Floats]:
    """Return S without the first term, which of its terms vary, and their deviations and correlations."""
    rest, others = without_first(total, variance)
    varies = np.diag(others) > 1e-8 * np.diag(variance)[1:]
    deviations = np.sqrt(np.diag(others)[varies])
    return rest, varies, deviations, others[np.ix_(varies, varies)] / np.outer(deviations, deviations)


def without_first(total: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Return S and V of all terms but the first, with what goes with the first taken out."""
    slopes = variance[0, 1:] / variance[0, 0]
    return total[1:] - np.multiply.outer(slopes, total[0]), variance[1:, 1:] - np.outer(slopes, variance[0, 1:])


def tail(statistic: float | Floats, df: int) -> float:
    """Return the probability that χ² on `df` degrees of freedom is larger."""
    from scipy.special import chdtrc  # here, for its import costs more than the rest of this module

    return float(chdtrc(df, statistic)) if df > 0 else 1.0
