"""All candidates side by side: how well each rates labelled rows that it has not seen, and what a fit costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from risk.errors import FamilyError
from risk.modeling import fitting, selection
from risk.modeling.candidates import Candidate, Incumbent
from risk.modeling.families import AUTO, Family
from risk.modeling.metrics import Array, Floats, Interval, Kinds, evaluate, gains, list_length, log_odds
from risk.modeling.tuning import Labelled

BASE_RATE = "base rate"
MOST_PLACES = 200  # of a curve


@dataclass(frozen=True)
class Contender:
    """One candidate on the labelled rows. The seconds are those of one fit on all of them; None without a fit.

    `slope` and `intercept` are those of the sigmoid that would calibrate its log-odds: 1 and 0 where it is calibrated.
    `recall` is the share of the leavers among the `k` at the highest risk; `gains` are as `metrics.gains` has them.
    """

    name: str
    auc: float | None
    auc_interval: Interval | None
    log_loss: float
    recall: float | None
    k: int
    slope: float | None
    intercept: float | None
    expected: float
    left: int
    cpu_seconds: float | None
    wall_seconds: float | None
    gains: list[tuple[int, int]]


@dataclass(frozen=True)
class SideBySide:
    """The contenders, the base rate first, and why families of one's own are not among them."""

    contenders: tuple[Contender, ...]
    faults: tuple[FamilyError, ...]


def compare(
    x: pd.DataFrame, left: Floats, clients: Array, kinds: Kinds, top_share: float, own: Sequence[Family] = (),
    live: Incumbent | None = None,
) -> SideBySide:  # fmt: skip
    """Return what every family makes of these rows, out of client-wise folds, beside the live model as it is."""
    nobody, k = np.zeros(len(left), dtype=bool), list_length(top_share, len(left))
    found = [_measured(BASE_RATE, left, fitting.base_rate(left, clients), k)]
    found += [_measured(f"live: {live.release}, {live.family}", left, live.risks, k)] if live else []
    faults: list[FamilyError] = []
    with threadpool_limits(1):
        rows = Labelled(x, left, clients, fitting.folds(clients, left), nobody, kinds)
        for it in selection.candidates(rows, AUTO, None, None, own):
            try:
                found.append(_rated(it, left, k))
            except FamilyError as error:
                faults.append(error)
    return SideBySide(tuple(found), tuple(faults))


def _rated(it: Candidate, left: Floats, k: int) -> Contender:
    risks = it.risks()
    cpu, wall = time.process_time(), time.perf_counter()
    it.make()
    seconds = time.process_time() - cpu, time.perf_counter() - wall
    return _measured(it.name.partition(", ")[2], left, risks, k, seconds)


def _measured(
    name: str, left: Floats, risks: Floats, k: int, seconds: tuple[float | None, float | None] = (None, None)
) -> Contender:
    scores, odds = evaluate(left, risks, 0.5, k), log_odds(risks)
    sigmoid = fitting.fitted_sigmoid(odds, left) if name != BASE_RATE else None
    return Contender(
        name, scores.auc, scores.auc_interval, scores.log_loss, scores.capture, scores.capture_k,
        -sigmoid.slope if sigmoid else None, -sigmoid.offset if sigmoid else None,
        float(risks.sum()), int(left.sum()), *seconds, gains(left, risks, MOST_PLACES),
    )  # fmt: skip
