"""The gate: may the challenger take the champion's place? Both are judged on labelled rows that neither has seen.

They are compared by log-loss in pairs, the leavers on both lists, calibration, and the newest rows.
Source: the paired test per client: Liang and Zeger, Biometrika 73 (1986).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import nan
from typing import Literal

import numpy as np

from risk.errors import GateError
from risk.modeling.metrics import (
    FLATTEST_LOGIT,
    LARGEST_LOGIT,
    Array,
    Floats,
    client_sums,
    clip,
    highest,
    log_losses,
    log_odds,
    mean,
    per_client,
)
from risk.modeling.stored import Stored
from risk.text import counted

Outcome = Literal["deploy", "refuse", "not enough evidence"]

ONE_SIDED_95, ONE_SIDED_99 = 1.645, 2.326
CLEAR_Z, CLEAR_GAIN = 3.0, 0.01  # what a challenger must exceed where the champion was made for a change


@dataclass(frozen=True)
class Comparison(Stored):
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
    forward_rows: int | None = None
    forward_gain: float | None = None
    forward_z: float | None = nan  # of decisions older than this guard


@dataclass(frozen=True)
class Forward:
    """The newest rows as they are judged forward: outcomes, both risks, clients; one entry of each per row."""

    labels: Array
    champion_risks: Array
    challenger_risks: Array
    clients: Array


@dataclass(frozen=True, kw_only=True)
class Gate(Comparison):
    """What follows from the figures, the sentence that says it to people, and whom it was judged `against`."""

    outcome: Outcome
    sentence: str
    against: str = ""


Judge = Callable[[Array, Array, Array, Array, int], Gate]


def judge(
    labels: Array, champion_risks: Array, challenger_risks: Array, clients: Array, capture_k: int, *,
    minimum: int = 30, z: float = 2.33, minimum_gain: float = 0.005, steady_gain: float | None = None,
    follows_change: bool = False, against: str = "the champion", newest: Forward | None = None, same_list: bool = False,
) -> Gate:  # fmt: skip
    """Return whether to deploy the challenger.

    It is deployed when its log-loss is better by more than `z` standard errors over clients and by more than
    `minimum_gain` of the champion's, unless it catches significantly fewer leavers among the `capture_k` highest risks,
    or is significantly worse calibrated by more than half of the gain (a bound of 0 would refuse a third of the truly
    better first models, for any fitted model is a little less calibrated than the base rate). Where the world stands
    still (`steady_gain` is given) it must win more than that share, or catch significantly more leavers, and by that
    share; 1 % with z 3 is enough where the champion `follows_change`. It is refused where it is worse on the `newest`
    rows at one-sided 1 % and by more than `minimum_gain`: what relies on time shows there alone. Of fewer than
    `minimum` of each nothing is concluded. One with the `same_list` keeps the champion's order; only its out-of-fold
    risks, each fold by a curve of its own, do not.
    """
    figures = compare(labels, champion_risks, challenger_risks, clients, capture_k, newest, same_list=same_list)
    if min(figures.leavers, figures.stayers) < minimum:
        found = f"{counted(figures.leavers, 'leaver')} and {counted(figures.stayers, 'stayer')} could be judged"
        sentence = f"{found}; at least {minimum} of each are needed to tell two models apart."
        return Gate(**vars(figures), outcome="not enough evidence", sentence=sentence)
    objections = _objections(figures, z, minimum_gain, steady_gain, follows_change)
    why = " and ".join(filter(None, [", ".join(objections[:-1]), *objections[-1:]]))
    end = f"it is refused, for {why}." if objections else "it is deployed."
    return Gate(
        **vars(figures),
        outcome="refuse" if objections else "deploy",
        sentence=f"{_finding(figures, against, same_list)}: {end}",
    )


def self_test(labels: Array, risks: Array, clients: Array, capture_k: int, *, judge: Judge = judge) -> None:
    """Check that the gate rejects the model itself and two degraded copies of it. Raises: GateError."""
    loss = mean(log_losses(labels, risks))
    for name, copy in _copies(np.asarray(labels), clip(risks)).items():
        spoiled = mean(log_losses(labels, copy)) >= loss  # mixing up the risks of a failed model may mend it
        if spoiled and (gate := judge(labels, risks, copy, clients, capture_k)).outcome == "deploy":
            raise GateError(
                f"the gate's own test: {name} would be deployed (gain {100 * gate.gain:.1f} %, z {gate.z:.2f}), "
                "expected a refusal. Nothing is deployed. Check the labelled rows of this run and the gate's settings."
            )


def _objections(
    figures: Comparison, z: float, minimum_gain: float, steady_gain: float | None, follows_change: bool
) -> list[str]:
    objections, steady = [], steady_gain or 0.0
    clear = follows_change and figures.z > CLEAR_Z and figures.gain > CLEAR_GAIN
    lists_more = figures.capture_lower > 0 and figures.capture_difference > steady * figures.champion_capture
    if figures.z < -ONE_SIDED_99:
        return ["it is worse"]
    if not figures.z > z:
        objections.append(f"this may be chance (more than z {z} is needed)")
    if not figures.gain > minimum_gain:
        objections.append(f"the gain is not more than {100 * minimum_gain:.1f} %")
    elif steady_gain is not None and figures.gain <= steady_gain and not (lists_more or clear):
        wanted = f"{100 * steady_gain:.1f} % less log-loss, or surely more leavers on its list and as many per cent"
        objections.append(f"nothing has changed, so more is asked of it ({wanted})")
    if figures.capture_upper < 0:
        objections.append("its call list catches fewer leavers")
    if figures.calibration_lower > 0 and figures.calibration_difference > max(figures.gain / 2, minimum_gain):
        objections.append("its risks are less true: it loses too much of its gain by calibration")
    # Of many rows another penalty, by chance of the folds, is enough to be surely worse: it has to be by what matters.
    if (figures.forward_z or 0.0) < -ONE_SIDED_99 and (figures.forward_gain or 0.0) < -minimum_gain:
        objections.append(f"trained without the newest {figures.forward_rows:,} rows, it is worse on these")
    return objections


def _finding(figures: Comparison, against: str, same_list: bool) -> str:
    way = "better" if figures.gain > 0 else "worse"
    shares = (f"{100 * it:.1f} %" for it in (figures.challenger_capture, figures.champion_capture))
    forward, its_list = " (not judged forward)", f"its list of {figures.capture_k:,}"
    caught = "is the same" if same_list else f"catches {' of the leavers instead of '.join(shares)}"
    if figures.forward_z is not None:
        forward = f"; forward, on the newest {figures.forward_rows:,} rows, z {figures.forward_z:.2f}"
    return (
        f"On {figures.n_rows:,} rows with {figures.leavers:,} leavers the challenger's log-loss is "
        f"{100 * abs(figures.gain):.1f} % {way} than that of {against} (z {figures.z:.2f}), "
        f"{its_list} {caught}{forward}"
    )


def _copies(labels: Array, risks: Floats) -> dict[str, Floats]:
    """Return the model itself and two degraded copies: risks mixed up, and pushed away from the labels."""
    mixed = np.random.default_rng(0).permutation(risks)
    push = np.exp(1.0 if risks.sum() >= np.sum(labels) else -1.0)
    pushed = risks * push / (1 - risks + risks * push)
    return {"a model against itself": risks, "a copy with mixed-up risks": mixed, "a copy with pushed risks": pushed}


# --- the comparison ---------------------------------------------------------------------------------------------------


def compare(
    labels: Array, champion: Array, challenger: Array, clients: Array, capture_k: int, newest: Forward | None = None, *,
    same_list: bool = False,
) -> Comparison:  # fmt: skip
    """Return the figures of the challenger against the champion on the same rows, one entry of each array per row."""
    left = np.asarray(labels, dtype=np.float64)
    losses = log_losses(left, champion), log_losses(left, challenger)
    scale = mean(losses[0]) or 1.0
    gain, z = _gain(left, champion, challenger, clients)
    forward = (None, None) if newest is None else _gain(*vars(newest).values())
    lists = highest(champion, capture_k), highest(champion if same_list else challenger, capture_k)
    capture, capture_error = _capture_difference(left, lists[1] - lists[0], clients)
    pulls = _pulls(left, champion), _pulls(left, challenger)
    twice_worse, calibration_error = per_client(pulls[1] - pulls[0], clients)
    return Comparison(
        gain=gain, z=z, n_rows=len(left), n_clients=len(set(clients.tolist())),
        leavers=int(left.sum()), stayers=len(left) - int(left.sum()),
        champion_log_loss=mean(losses[0]), challenger_log_loss=mean(losses[1]),
        capture_k=min(capture_k, len(left)),
        champion_capture=mean(lists[0][left == 1]), challenger_capture=mean(lists[1][left == 1]),
        capture_difference=capture,
        capture_lower=capture - ONE_SIDED_95 * capture_error, capture_upper=capture + ONE_SIDED_95 * capture_error,
        champion_calibration=mean(pulls[0]) / 2 / scale, challenger_calibration=mean(pulls[1]) / 2 / scale,
        calibration_difference=twice_worse / 2 / scale,
        calibration_lower=(twice_worse / 2 - ONE_SIDED_95 * calibration_error) / scale,
        forward_rows=None if newest is None else len(newest.labels), forward_gain=forward[0], forward_z=forward[1],
    )  # fmt: skip


def _gain(left: Floats, champion: Array, challenger: Array, clients: Array) -> tuple[float, float]:
    """Return by which share of the champion's log-loss the challenger's is lower, and by how many standard errors."""
    was = log_losses(left, champion)
    better, error = per_client(was - log_losses(left, challenger), clients)
    return better / (mean(was) or 1.0), better / error if error > 0 else 0.0


def _capture_difference(left: Floats, moves: Floats, clients: Array) -> tuple[float, float]:
    """Return how many more of the leavers the challenger's list holds, as a share of all, and the standard error.

    `moves` is 1 for a row that only the challenger lists, −1 for one that only the champion does, and between them
    where equal risks share places. Half a leaver is added on each side, else three lost by chance would be significant.
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
    logit = log_odds(risk, LARGEST_LOGIT)
    centred = logit - weights @ logit / max(weights.sum(), 1e-12)
    weight, spread = max(mean(weights), 1e-12), mean(weights * centred**2)
    pulls: Floats = mean(residual) / weight * residual
    if spread > FLATTEST_LOGIT * weight:
        pulls = pulls + mean(centred * residual) / spread * centred * residual
    return pulls
