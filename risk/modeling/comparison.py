"""Two models compared on the same rows: log-loss in pairs, the leavers on both lists, calibration, and the newest rows.

Source: the paired test per client: Liang and Zeger, Biometrika 73 (1986).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk.modeling.metrics import Floats, client_sums, clip, highest, log_losses

Array = NDArray[Any]

ONE_SIDED_95 = 1.645
LARGEST_LOGIT = 6.0
FLATTEST_LOGIT = 1e-4  # the variance of logit p below which a model has no slope to judge


@dataclass(frozen=True)
class Figures:
    """The figures of the gate; gains and calibrations are shares of the champion's log-loss.

    A calibration is what recalibrating that model would win. `capture_lower`, `capture_upper` and `calibration_lower`
    are one-sided 95 % bounds of the two differences (challenger less champion). Those of `forward` are of the newest
    rows, rated by the challenger's recipe without them; None where they were too few, or nothing came before them.
    """

    gain: float
    z: float
    n_rows: int
    n_clients: int
    leavers: int
    stayers: int
    champion_log_loss: float
    challenger_log_loss: float
    capture_k: int
    champion_capture: float
    challenger_capture: float
    capture_difference: float
    capture_lower: float
    capture_upper: float
    champion_calibration: float
    challenger_calibration: float
    calibration_difference: float
    calibration_lower: float
    forward_rows: int | None
    forward_gain: float | None
    forward_z: float | None


@dataclass(frozen=True)
class Forward:
    """The newest rows as they are judged forward: outcomes, both risks, clients; one entry of each per row."""

    labels: Array
    champion_risks: Array
    challenger_risks: Array
    clients: Array


def compare(
    labels: Array, champion: Array, challenger: Array, clients: Array, capture_k: int, newest: Forward | None = None
) -> Figures:
    """Return the figures of the challenger against the champion on the same rows, one entry of each array per row."""
    left = np.asarray(labels, dtype=np.float64)
    losses = log_losses(left, champion), log_losses(left, challenger)
    scale = mean(losses[0]) or 1.0
    gain, z = _gain(left, champion, challenger, clients)
    forward = (None, None) if newest is None else _gain(*vars(newest).values())
    lists = highest(champion, capture_k), highest(challenger, capture_k)
    capture, capture_error = _capture_difference(left, lists[1] - lists[0], clients)
    pulls = _pulls(left, champion), _pulls(left, challenger)
    twice_worse, calibration_error = per_client(pulls[1] - pulls[0], clients)
    return Figures(
        gain=gain,
        z=z,
        n_rows=len(left),
        n_clients=len(set(clients.tolist())),
        leavers=int(left.sum()),
        stayers=len(left) - int(left.sum()),
        champion_log_loss=mean(losses[0]),
        challenger_log_loss=mean(losses[1]),
        capture_k=min(capture_k, len(left)),
        champion_capture=mean(lists[0][left == 1]),
        challenger_capture=mean(lists[1][left == 1]),
        capture_difference=capture,
        capture_lower=capture - ONE_SIDED_95 * capture_error,
        capture_upper=capture + ONE_SIDED_95 * capture_error,
        champion_calibration=mean(pulls[0]) / 2 / scale,
        challenger_calibration=mean(pulls[1]) / 2 / scale,
        calibration_difference=twice_worse / 2 / scale,
        calibration_lower=(twice_worse / 2 - ONE_SIDED_95 * calibration_error) / scale,
        forward_rows=None if newest is None else len(newest.labels),
        forward_gain=forward[0],
        forward_z=forward[1],
    )


def _gain(left: Floats, champion: Array, challenger: Array, clients: Array) -> tuple[float, float]:
    """Return by which share of the champion's log-loss the challenger's is lower, and by how many standard errors."""
    was = log_losses(left, champion)
    better, error = per_client(was - log_losses(left, challenger), clients)
    return better / (mean(was) or 1.0), better / error if error > 0 else 0.0


def mean(values: Floats) -> float:
    """Return the mean, 0 of nothing."""
    return float(values.mean()) if len(values) else 0.0


def per_client(values: Floats, clients: Array) -> tuple[float, float]:
    """Return the mean over rows and its standard error, robust to several rows of a client."""
    if not len(values):
        return 0.0, 0.0
    middle = mean(values)
    sums = client_sums((values - middle)[:, None], clients)
    correction = len(sums) / max(len(sums) - 1, 1)
    return middle, float(np.sqrt(correction * np.square(sums).sum())) / len(values)


def _capture_difference(left: Floats, moves: Floats, clients: Array) -> tuple[float, float]:
    """Return how many more of the leavers the challenger's list holds, as a share of all, and the standard error.

    `moves` is 1 for a row that only the challenger lists, −1 for one that only the champion does, and between them
    where equal risks share places. Half a leaver is
    added on each side, else three leavers lost by chance would look significant.
    Source: Agresti and Min, Statistics in Medicine 24 (2005).
    """
    leavers, sums = float(left.sum()), client_sums((left * moves)[:, None], clients)
    difference = float(sums.sum())
    spread = np.square(sums).sum() + 1 - difference**2 / (leavers + 2)
    return difference / max(leavers, 1.0), float(np.sqrt(spread)) / (leavers + 2)


def _pulls(left: Floats, risks: Array) -> Floats:
    """Return per row how it pulls at share and slope of logit p; half the mean is what recalibrating would win.

    With g = [1, logit p less its mean], u = g (y − p), s the mean of u and V that of g gᵀ p(1 − p): the win is
    c = sᵀ V⁻ s / 2, and the pulls sᵀ V⁻ u have the mean 2c and the spread of c (delta method, V held fixed).
    """
    risk = clip(risks)
    residual, weights = left - risk, risk * (1 - risk)
    logit = np.clip(np.log(risk / (1 - risk)), -LARGEST_LOGIT, LARGEST_LOGIT)
    centred = logit - weights @ logit / max(weights.sum(), 1e-12)
    weight, spread = max(mean(weights), 1e-12), mean(weights * centred**2)
    pulls: Floats = mean(residual) / weight * residual
    if spread > FLATTEST_LOGIT * weight:
        pulls = pulls + mean(centred * residual) / spread * centred * residual
    return pulls
