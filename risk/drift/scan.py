"""Has the reason for leaving changed? A scan of the deployed model's residuals over windows, then an effect gate.

The residual y − p has mean zero under any harmless shift of the clients, and goes with something after every harmful
one: with 1 (the share of leavers), with logit p (over- or under-confidence), or with a feature (its effect).

Source: Podkopaev and Ramdas, ICLR 2022; Mahadevan and Mathioudakis 2024 for the effect gate; Hainmueller, Political
Analysis 20 (2012) for weights by entropy balancing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from risk.drift import _rao
from risk.drift._rao import SMALLEST_EIGENVALUE, Limits, Residuals, ScoreTest
from risk.drift.moved import Verdict, moved
from risk.drift.window import Window
from risk.modeling.metrics import Floats, client_sums, clip
from risk.modeling.reference import Reference

N_WINDOWS = 4  # share alpha, also while there are fewer of them
MOST_TERMS, ROWS_PER_TERM = 60, 5  # squares and products: at most so many, with so many leavers and stayers each
BALANCE_STEPS, SMALLEST_STEP, BALANCED = 40, 1e-4, 1e-8
RIDGE = 1e-3  # on the weights of standardised columns: there is an answer where no weighting can do it


@dataclass(frozen=True)
class WindowResult(ScoreTest):
    """The score test of one window; `balanced_p`: its p beside training rows that were weighted to be such clients."""

    contents: int
    n_rows: int
    leavers: int
    stayers: int
    balanced_p: float | None = None


@dataclass(frozen=True)
class Scan:
    """A verdict, the windows it comes from, what moved and in the last how many contents, how many rows are missing."""

    verdict: Verdict
    windows: tuple[WindowResult, ...]
    moved: str | None = None
    moved_in: int | None = None
    rows_needed: int | None = None
    richer: ScoreTest | None = None


def scan(
    windows: Sequence[Window], reference: Reference, *, alpha: float = 0.005, draws: int = 299, seed: int = 0,
    minimum_gain: float = 0.01, minimum: int = 30, learned: Callable[[], Window | None] = lambda: None,
) -> Scan:  # fmt: skip
    """Test each window and say whether the reason for leaving has changed.

    A window rings when its tail p is below `alpha` / 4, no bootstrap draw is as large, and refitting wins more than
    `minimum_gain` of its log-loss, also beside the `learned` rows (with their out-of-fold risks), weighted to be such
    clients as came. With fewer than `minimum` leavers or stayers in the widest window nothing is concluded.
    """
    windows = [window for window in windows if window.n_rows]
    limits = Limits(alpha / N_WINDOWS, draws, seed, minimum_gain)
    bare = [_residuals(window, reference) for window in windows]
    found = [_centred(residuals, reference) for residuals in bare]
    results = tuple(_result(*pair, limits) for pair in zip(windows, found, strict=True))
    rows = learned() if any(result.rings for result in results) else None
    if rows:
        results = tuple(_beside(*pair, rows, reference, limits) for pair in zip(results, bare, strict=True))
    widest = max(windows, key=lambda window: window.n_rows, default=None)
    if widest is None or min(widest.leavers, widest.n_rows - widest.leavers) < minimum:
        return Scan("not enough evidence", results, rows_needed=_rows_needed(widest, reference, minimum))
    ringing = [index for index, result in enumerate(results) if result.rings]
    if not ringing:
        richer = _richer(widest, reference, limits)
        return Scan("richer family" if richer and richer.rings else "no drift", results, richer=richer)
    clearest = min(ringing, key=lambda index: (results[index].p, -results[index].chi2))
    verdict, words = moved(windows[clearest], found[clearest], reference, minimum_gain)
    return Scan(verdict, results, words, windows[clearest].contents)


def _residuals(window: Window, reference: Reference) -> Residuals:
    design = reference.design(window.features, window.risks)
    return _rao.residuals(design, window.labels, window.risks, window.clients)


def _centred(bare: Residuals, reference: Reference) -> Residuals:
    """S and V centred on the release's own out-of-fold residuals, which are only as certain as its rows."""
    centred = bare.total - bare.n_rows * np.array(reference.mean_score)
    return replace(bare, total=centred, variance=bare.variance * (1 + bare.n_rows / reference.n_rows))


def _beside(
    result: WindowResult, bare: Residuals, learned: Window, reference: Reference, limits: Limits
) -> WindowResult:
    """A result that rings only if it does centred on training rows that are weighted to be such clients.

    Where a model is wrong for some clients it always was, and more of them come, the mix has changed and no reason.
    """
    if not result.rings:
        return result
    known = _residuals(learned, reference)
    old, new = (np.column_stack([it.design[:, 1:], it.design[:, 1:] ** 2]) for it in (known, bare))
    weights = balanced(old, new.mean(axis=0))
    scores = known.design * (weights * (learned.labels - known.risks))[:, None]
    sums, n_rows = client_sums(scores, learned.clients), bare.n_rows
    statistic, df = _rao.chi2(bare.total - n_rows * sums.sum(axis=0), bare.variance + n_rows**2 * sums.T @ sums)
    p, gain = _rao.tail(float(statistic), df), (float(statistic) - df) / (2 * n_rows)
    return replace(result, balanced_p=p, rings=p < limits.alpha and gain > limits.minimum_gain * bare.log_loss)


def _result(window: Window, found: Residuals, limits: Limits) -> WindowResult:
    test = vars(_rao.score_test(found, limits))
    n_rows, leavers = window.n_rows, window.leavers
    return WindowResult(**test, contents=window.contents, n_rows=n_rows, leavers=leavers, stayers=n_rows - leavers)


def _richer(window: Window, reference: Reference, limits: Limits) -> ScoreTest | None:
    """The test of squares and products beyond the terms of the scan; None where they are too many for the rows.

    It is not centred: it asks whether they carry anything at all, from the first day on. What goes with the terms of
    the scan is taken out of them, so that neither drift nor the estimation error of a linear champion rings here.
    """
    rarer, risks = min(window.leavers, window.n_rows - window.leavers), clip(window.risks)
    first = reference.design(window.features, risks)
    terms = range(2, first.shape[1])
    pairs = [*zip(terms, terms, strict=True), *combinations(terms, 2)][: min(MOST_TERMS, rarer // ROWS_PER_TERM)]
    second = np.column_stack([first[:, i] * first[:, j] for i, j in pairs])
    weights = (risks * (1 - risks))[:, None]
    slopes = np.linalg.pinv(first.T @ (weights * first), rcond=1e-9, hermitian=True) @ (first.T @ (weights * second))
    rest = second - first @ slopes
    new = np.sum(weights * rest**2, axis=0) > SMALLEST_EIGENVALUE * np.sum(weights * second**2, axis=0)
    if not new.any():
        return None
    return _rao.score_test(_rao.residuals(rest[:, new], window.labels, risks, window.clients), limits)


def _rows_needed(widest: Window | None, reference: Reference, minimum: int) -> int:
    """How many more rows bring `minimum` leavers and stayers, at the mean of found and expected share."""
    n_rows, leavers, share = 0, 0, reference.share
    if widest is not None:
        n_rows, leavers = widest.n_rows, widest.leavers
        share = (leavers / n_rows + float(np.mean(widest.risks))) / 2
    share = min(max(share, 0.001), 0.999)
    return math.ceil(max((minimum - leavers) / share, (minimum - n_rows + leavers) / (1 - share)))


# --- such clients as others: weights of exponential tilting, as even as they can be -----------------------------------


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
