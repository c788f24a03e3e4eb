"""May the challenger take the champion's place? Both are judged on the same labelled rows that neither has seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from risk.errors import GateError
from risk.modeling.comparison import Array, Figures, Forward, compare, mean
from risk.modeling.metrics import Floats, clip, log_losses

Outcome = Literal["deploy", "refuse", "not enough evidence"]

ONE_SIDED_99 = 2.326


@dataclass(frozen=True)
class Gate(Figures):
    """What follows from the figures, and the sentence that says it to people."""

    outcome: Outcome
    sentence: str


Judge = Callable[[Array, Array, Array, Array, int], Gate]


def judge(
    labels: Array, champion_risks: Array, challenger_risks: Array, clients: Array, capture_k: int, *,
    minimum: int = 30, z: float = 2.33, minimum_gain: float = 0.005, steady_gain: float | None = None,
    against: str = "the champion", newest: Forward | None = None,
) -> Gate:  # fmt: skip
    """Return whether to deploy the challenger.

    It is deployed when its log-loss is better by more than `z` standard errors over clients and by more than
    `minimum_gain` of the champion's, unless it catches significantly fewer leavers among the `capture_k` highest risks,
    or is significantly worse calibrated by more than half of the gain (a bound of 0 would refuse a third of the truly
    better first models, for any fitted model is a little less calibrated than the base rate). Where the world stands
    still (`steady_gain` is given) it must win more than that share, or catch significantly more leavers, and by that
    share. It is refused where it is worse on the `newest` rows at one-sided 1 %: what relies on time shows there alone.
    With fewer than `minimum` leavers or stayers nothing is concluded.
    """
    figures = compare(labels, champion_risks, challenger_risks, clients, capture_k, newest)
    if min(figures.leavers, figures.stayers) < minimum:
        found = f"{figures.leavers:,} leavers and {figures.stayers:,} stayers could be judged"
        sentence = f"{found}; at least {minimum} of each are needed to tell two models apart."
        return Gate(**vars(figures), outcome="not enough evidence", sentence=sentence)
    objections = _objections(figures, z, minimum_gain, steady_gain)
    end = f"it is refused, for {' and '.join(objections)}." if objections else "it is deployed."
    return Gate(
        **vars(figures), outcome="refuse" if objections else "deploy", sentence=f"{_finding(figures, against)}: {end}"
    )


def self_test(labels: Array, risks: Array, clients: Array, capture_k: int, *, judge: Judge = judge) -> None:
    """Do nothing when the gate keeps out a model's equal and its spoiled copies.

    Raises: GateError when one of them would be deployed.
    """
    loss = mean(log_losses(labels, risks))
    for name, copy in _copies(np.asarray(labels), clip(risks)).items():
        spoiled = mean(log_losses(labels, copy)) >= loss  # mixing up the risks of a failed model may mend it
        if spoiled and (gate := judge(labels, risks, copy, clients, capture_k)).outcome == "deploy":
            raise GateError(
                f"the gate's own test: {name} was to be deployed (gain {100 * gate.gain:.1f} %, z {gate.z:.2f}), "
                "expected a refusal; nothing is deployed. Check the labelled rows of this run and the gate's settings."
            )


def _objections(figures: Figures, z: float, minimum_gain: float, steady_gain: float | None) -> list[str]:
    objections = []
    if not figures.z > z:
        objections.append(f"this may be chance (more than z {z} is needed)")
    if not figures.gain > minimum_gain:
        objections.append(f"the gain is not more than {100 * minimum_gain:.1f} %")
    elif steady_gain is not None and not _worth_it(figures, steady_gain):
        wanted = f"{100 * steady_gain:.1f} % less log-loss, or surely more leavers on its list and as many per cent"
        objections.append(f"nothing has changed, so more is asked of it ({wanted})")
    if figures.capture_upper < 0:
        objections.append("its call list catches fewer leavers")
    if figures.calibration_lower > 0 and figures.calibration_difference > max(figures.gain / 2, minimum_gain):
        objections.append("its risks are less true: it loses too much of its gain by calibration")
    if figures.forward_z is not None and figures.forward_z < -ONE_SIDED_99:
        objections.append(f"trained without the newest {figures.forward_rows:,} rows, it is worse on these")
    return objections


def _worth_it(figures: Figures, steady_gain: float) -> bool:
    more = figures.capture_lower > 0 and figures.capture_difference > steady_gain * figures.champion_capture
    return figures.gain > steady_gain or more


def _finding(figures: Figures, against: str) -> str:
    way = "better" if figures.gain > 0 else "worse"
    shares = (f"{100 * it:.1f} %" for it in (figures.challenger_capture, figures.champion_capture))
    caught = " of the leavers instead of ".join(shares)
    return (
        f"On {figures.n_rows:,} rows with {figures.leavers:,} leavers the challenger's log-loss is "
        f"{100 * abs(figures.gain):.1f} % {way} than that of {against} (z {figures.z:.2f}), "
        f"its list of {figures.capture_k:,} catches {caught}; {_forward(figures)}"
    )


def _forward(figures: Figures) -> str:
    if figures.forward_z is None:
        return "not judged forward"
    return f"forward, on the newest {figures.forward_rows:,} rows, z {figures.forward_z:.2f}"


def _copies(labels: Array, risks: Floats) -> dict[str, Floats]:
    """Return the model itself and two copies of it, their risks mixed up and pushed further away from the labels."""
    mixed = np.random.default_rng(0).permutation(risks)
    push = np.exp(1.0 if risks.sum() >= np.sum(labels) else -1.0)
    pushed = risks * push / (1 - risks + risks * push)
    return {"a model against itself": risks, "a copy with mixed-up risks": mixed, "a copy with pushed risks": pushed}
