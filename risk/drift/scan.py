"""Has the reason for leaving changed? A scan of the deployed model's residuals over windows, then an effect gate.

The residual y − p has mean zero under any harmless shift of the clients, and goes with something after every harmful
one: with 1 (the share of leavers), with logit p (over- or under-confidence), or with a feature (its effect).

Source: Podkopaev and Ramdas, ICLR 2022; Mahadevan and Mathioudakis 2024 for the effect gate; Hainmueller, Political
Analysis 20 (2012) for weights by entropy balancing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from risk.drift import _rao
from risk.drift._balance import balanced
from risk.drift._centring import before, centred
from risk.drift._rao import Limits, Residuals
from risk.drift.finding import UNCLEAR_P, Scan, WindowResult
from risk.drift.moved import moved
from risk.drift.window import Window
from risk.modeling.metrics import Floats, client_sums
from risk.modeling.reference import Reference

N_WINDOWS = 5  # share alpha, also while there are fewer of them
DOUBTFUL_P = 0.05  # the tail p from which a check speaks against a steady world
FEWEST_EXPECTED = 5.0  # leavers and stayers among the clients of a new kind, for their χ² to be nearly right


def scan(
    windows: Sequence[Window], reference: Reference, *, alpha: float = 0.0005, minimum_gain: float = 0.01,
    minimum: int = 30, learned: Callable[[], Window | None] = lambda: None,
) -> Scan:  # fmt: skip
    """Test each window and say whether the reason for leaving has changed.

    They come from the narrowest on; each ends with the rows of the one before, and is compared with training rows and
    the news before it. It rings when its tail p is below `alpha` / 5 and refitting wins more than `minimum_gain` of its
    log-loss, also beside these rows (`learned` are those of the training, with their out-of-fold risks), weighted to be
    such clients as came. With fewer than `minimum` leavers or stayers in the widest window nothing is concluded.
    """
    windows = [window for window in windows if window.n_rows]
    limits, widest = Limits(alpha / N_WINDOWS, minimum_gain), windows[-1] if windows else None
    design = _design(widest, reference) if widest else np.empty((0, 0))
    bare = [_residuals(window, _told(design[len(design) - window.n_rows :], window, reference)) for window in windows]
    then = [before(it, bare[-1], reference) for it in bare]
    found = [centred(*pair) for pair in zip(bare, then, strict=True)]
    results = tuple(_result(*pair, limits) for pair in zip(windows, found, strict=True))
    if widest and any(result.rings for result in results) and (rows := learned()):
        results = tuple(
            _beside(result, own, _with_news(rows, widest, window), reference, limits) if result.rings else result
            for result, own, window in zip(results, bare, windows, strict=True)
        )
    if widest is None or min(widest.leavers, widest.n_rows - widest.leavers) < minimum:
        return Scan("not enough evidence", results, rows_needed=_rows_needed(widest, reference, minimum))
    doubts = _doubts(windows, bare, reference, minimum)
    if not (ringing := [index for index, result in enumerate(results) if result.rings]):
        yet = telling(results, minimum_gain)
        unclear = bool(yet and not yet.is_of_clients and (yet.balanced_p is None or yet.balanced_p >= limits.alpha))
        return Scan("no drift", results, doubts=doubts, unclear=unclear)
    clearest = min(ringing, key=lambda index: (results[index].p, -results[index].chi2))
    verdict, words = moved(windows[clearest], found[clearest], then[clearest], minimum_gain)
    return Scan(verdict, results, words, windows[clearest].contents, doubts=doubts)


def telling(results: Sequence[WindowResult], minimum_gain: float) -> WindowResult | None:
    """The window of least p whose pattern is neither likely by chance nor too small to matter; None where none is."""
    found = [it for it in results if it.p < UNCLEAR_P and it.relative_gain > minimum_gain]
    return min(found, key=lambda it: it.p, default=None)


def _design(window: Window, reference: Reference) -> Floats:
    return reference.design(window.features, window.risks)


def _told(design: Floats, window: Window, reference: Reference) -> Floats:
    """The design with the columns of what is new blank where too few of such clients came."""
    new, asked = _new(design, reference), np.ones(design.shape[1])
    asked[len(asked) - new.shape[1] :] = np.minimum(window.risks @ new, (1 - window.risks) @ new) >= FEWEST_EXPECTED
    return design * asked


def _new(design: Floats, reference: Reference) -> Floats:
    return design[:, design.shape[1] - len(reference.new) :]


def _residuals(window: Window, design: Floats) -> Residuals:
    return _rao.residuals(design, window.labels, window.risks, window.clients)


def _doubts(windows: Sequence[Window], bare: Sequence[Residuals], reference: Reference, minimum: int) -> int:
    """How many of the disjoint checks have a tail p below 5 %: each of the rows that a window adds to the one before.

    Those with fewer than `minimum` leavers or stayers say nothing.
    """
    doubts = inner = 0
    for window, found in zip(windows, bare, strict=True):
        own, inner, labels = window.n_rows - inner, window.n_rows, window.labels[: window.n_rows - inner]
        if min(np.sum(labels), own - np.sum(labels)) >= minimum:
            rows = found
            if own < window.n_rows:
                rows = _rao.residuals(found.design[:own], labels, found.risks[:own], window.clients[:own])
            rows = centred(rows, before(found, bare[-1], reference))
            statistic, df = _rao.chi2(rows.total, rows.variance)
            doubts += _rao.tail(float(statistic), df) < DOUBTFUL_P
    return doubts


def _with_news(learned: Window, widest: Window, window: Window) -> Window:
    """Training rows and the news before the window, as one; their clients count as others."""
    end = widest.n_rows - window.n_rows
    features = {name: np.concatenate([it, widest.features[name][:end]]) for name, it in learned.features.items()}
    labels = np.concatenate([learned.labels, widest.labels[:end]])
    risks = np.concatenate([learned.risks, widest.risks[:end]])
    clients = [pd.factorize(it)[0] for it in (learned.clients, widest.clients[:end])]
    return Window(0, features, labels, risks, np.concatenate([clients[0], clients[1] + len(learned.labels)]))


def _beside(
    result: WindowResult, bare: Residuals, learned: Window, reference: Reference, limits: Limits
) -> WindowResult:
    """A result that rings only if it does centred on known rows that are weighted to be such clients.

    Where a model is wrong for some clients it always was, and more of them come, the mix has changed and no reason.
    """
    asked = np.ones(bare.design.shape[1])
    asked[len(asked) - len(reference.new) :] = _new(bare.design, reference).any(axis=0)
    known = _residuals(learned, _design(learned, reference) * asked)
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


def _rows_needed(widest: Window | None, reference: Reference, minimum: int) -> int:
    """How many more rows bring `minimum` leavers and stayers, at the mean of found and expected share."""
    n_rows, leavers, share = 0, 0, reference.share
    if widest is not None:
        n_rows, leavers = widest.n_rows, widest.leavers
        share = (leavers / n_rows + float(np.mean(widest.risks))) / 2
    share = min(max(share, 0.001), 0.999)
    return math.ceil(max((minimum - leavers) / share, (minimum - n_rows + leavers) / (1 - share)))
