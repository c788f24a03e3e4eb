"""Metrics of risks against outcomes, with 95 % intervals; the types of the arrays that all of these take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from risk.modeling.stored import Stored

Array = NDArray[Any]
Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]
Kinds = Mapping[str, str]  # of the features: numeric or categorical
Interval = tuple[float, float]

FLATTEST_LOGIT = 1e-4  # the variance of log-odds below which a model has no slope to judge
LARGEST_LOGIT = 6.0  # where log-odds are a column of a test: one extreme risk must not decide it
SMALLEST_RISK = 1e-6  # a risk of exactly 0 or 1 would make one surprise cost infinitely much
F1_DRAWS = 2_000
MOST_DRAWS, FEWEST_DRAWS = 1_000, 100
DRAWN_CELLS, CHUNK_CELLS = 5_000_000, 1_000_000  # draws times rows: in all, for the time; at once, for the memory


@dataclass(frozen=True)
class Confusion:
    """Counts of predictions against labels; a leaver is a positive."""

    tp: int
    fp: int
    fn: int
    tn: int


@dataclass(frozen=True)
class Bin:
    """Rows of neighbouring risks: their mean risk and the share of them who left."""

    risk: float
    share: float
    n_rows: int


@dataclass(frozen=True)
class Scores(Stored):
    """All scores of one model on one set of rows; None where one class alone leaves a score undefined."""

    f1: float
    f1_interval: Interval | None
    auc: float | None
    auc_interval: Interval | None
    log_loss: float
    log_loss_interval: Interval | None
    brier: float
    brier_interval: Interval | None
    capture: float | None
    capture_interval: Interval | None
    capture_k: int
    n_rows: int
    n_leavers: int
    confusion: Confusion
    calibration: tuple[Bin, ...]


def evaluate(labels: ArrayLike, risks: ArrayLike, threshold: float, capture_k: int, *, seed: int = 0) -> Scores:
    """Every score of risks against labels (0/1); none depends on the order of rows of equal risk.

    F1 is 0.0 when nobody is rightly predicted to leave. Capture is the share of all leavers who are among the
    `capture_k` highest risks; rows of equal risk share the places that are left.

    Raises: ValueError without rows.
    """
    left, risk = np.asarray(labels, dtype=np.float64), np.asarray(risks, dtype=np.float64)
    n_rows, n_leavers = len(left), int(left.sum())
    if n_rows == 0:
        raise ValueError("no rows to score: expected at least one row with a label")
    capture_k, confusion = min(capture_k, n_rows), _confusion(left, risk >= threshold)
    scores = _ranked_scores(left, risk, capture_k, np.ones((1, n_rows)))[0]
    intervals = _intervals(left, risk, capture_k, seed) if 0 < n_leavers < n_rows else (None,) * 4
    return Scores(
        f1=float(_f1(confusion.tp, confusion.fp, confusion.fn)),
        f1_interval=_f1_interval(confusion, seed) if 0 < n_leavers < n_rows else None,
        auc=_number(scores[0]), auc_interval=intervals[0],
        log_loss=float(scores[1]), log_loss_interval=intervals[1],
        brier=float(scores[2]), brier_interval=intervals[2],
        capture=_number(scores[3]), capture_interval=intervals[3],
        capture_k=capture_k, n_rows=n_rows, n_leavers=n_leavers,
        confusion=confusion, calibration=_calibration(left, risk),
    )  # fmt: skip


def clip(risks: ArrayLike) -> Floats:
    """The risks, kept a little away from 0 and 1."""
    return np.clip(np.asarray(risks, dtype=np.float64), SMALLEST_RISK, 1 - SMALLEST_RISK)


def log_odds(risks: ArrayLike, largest: float = np.inf) -> Floats:
    """The log-odds of the clipped risks, cut at ± `largest`."""
    risk = clip(risks)
    return np.asarray(np.clip(np.log(risk / (1 - risk)), -largest, largest), dtype=np.float64)


def list_length(top_share: float, n_rows: int) -> int:
    """How many clients a list of the `top_share` at the highest risk holds."""
    return max(1, round(top_share * n_rows))


def log_losses(labels: ArrayLike, risks: ArrayLike) -> Floats:
    """The log-loss of each row."""
    risk = clip(risks)
    losses: Floats = -np.log(np.where(np.asarray(labels) == 1, risk, 1 - risk))
    return losses


def highest(risks: ArrayLike, k: int) -> Floats:
    """1 for the rows with the `k` highest risks and 0 for others; equals at the end share the places left."""
    risk = np.asarray(risks, dtype=np.float64)
    if k >= len(risk):
        return np.ones(len(risk))
    last = np.partition(risk, len(risk) - k)[len(risk) - k]
    above, equal = risk > last, risk == last
    return np.asarray(above + equal * ((k - above.sum()) / equal.sum()), dtype=np.float64)


def client_sums(rows: Floats, clients: Sequence[object] | Array) -> Floats:
    """The rows (n_rows, columns) added up per client (n_clients, columns). Whole numbers are quickest."""
    if isinstance(clients, np.ndarray) and clients.dtype.kind == "i":
        present = np.bincount(clients) > 0
        n_clients, number = int(present.sum()), (np.cumsum(present) - 1)[clients]
    else:
        ids = clients.tolist() if isinstance(clients, np.ndarray) else list(clients)
        numbers = {client: place for place, client in enumerate(dict.fromkeys(ids))}
        n_clients, number = len(numbers), np.fromiter(map(numbers.__getitem__, ids), dtype=np.int64, count=len(ids))
    if n_clients == len(rows):
        return rows
    return np.column_stack([np.bincount(number, column, n_clients) for column in rows.T])


def mean(values: Floats) -> float:
    """The mean; 0 of no values."""
    return float(values.mean()) if len(values) else 0.0


def per_client(values: Floats, clients: Array) -> tuple[float, float]:
    """The mean over rows and its standard error, robust to several rows of a client.

    Source: Liang and Zeger, Biometrika 73 (1986).
    """
    if not len(values):
        return 0.0, 0.0
    middle = mean(values)
    sums = client_sums((values - middle)[:, None], clients)
    correction = len(sums) / max(len(sums) - 1, 1)
    return middle, float(np.sqrt(correction * np.square(sums).sum())) / len(values)


def _confusion(labels: Floats, predictions: Marks) -> Confusion:
    left = labels == 1
    return Confusion(
        tp=int(np.sum(left & predictions)), fp=int(np.sum(~left & predictions)),
        fn=int(np.sum(left & ~predictions)), tn=int(np.sum(~left & ~predictions)),
    )  # fmt: skip


def f1_score(labels: Floats, risks: Floats, threshold: float) -> float:
    """The F1 score of predictions by a threshold."""
    confusion = _confusion(labels, risks >= threshold)
    return float(_f1(confusion.tp, confusion.fp, confusion.fn))


def _f1(tp: ArrayLike, fp: ArrayLike, fn: ArrayLike) -> Floats:
    twice, wrong = 2.0 * np.asarray(tp), np.asarray(fp) + np.asarray(fn)
    return np.asarray(twice / np.maximum(twice + wrong, 1))


def _f1_interval(confusion: Confusion, seed: int) -> Interval:
    counts = np.array([confusion.tp, confusion.fp, confusion.fn, confusion.tn])
    draws = np.random.default_rng(seed).multinomial(counts.sum(), counts / counts.sum(), size=F1_DRAWS)
    return _interval(_f1(draws[:, 0], draws[:, 1], draws[:, 2]))


def _interval(draws: Floats) -> Interval:
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return float(low), float(high)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _intervals(labels: Floats, risks: Floats, capture_k: int, seed: int) -> tuple[Interval, ...]:
    """The bootstrap intervals of the four ranked scores."""
    generator, n_rows = np.random.default_rng(seed), len(labels)
    left = int(np.clip(DRAWN_CELLS // n_rows, FEWEST_DRAWS, MOST_DRAWS))
    chunks = []
    while left > 0:
        size = min(left, max(1, CHUNK_CELLS // n_rows))
        drawn = generator.integers(0, n_rows, (size, n_rows)) + np.arange(size)[:, None] * n_rows
        weights = np.bincount(drawn.ravel(), minlength=size * n_rows).reshape(size, n_rows).astype(np.float64)
        chunks.append(_ranked_scores(labels, risks, capture_k, weights))
        left -= size
    return tuple(_interval(column) for column in np.concatenate(chunks).T)


def _ranked_scores(labels: Floats, risks: Floats, capture_k: int, weights: Floats) -> Floats:
    """AUC, log-loss, Brier and capture (columns) for each row of `weights`.

    A row of `weights` says how often each row, in order of falling risk, was drawn.
    """
    order = np.argsort(-risks, kind="stable")
    left, risk = labels[order], risks[order]
    leavers, rows = weights * left, weights
    n_rows, n_leavers = weights.sum(axis=1), leavers.sum(axis=1)
    log_loss, brier = weights @ log_losses(left, risk) / n_rows, weights @ (left - risk) ** 2 / n_rows
    starts = np.flatnonzero(np.insert(np.diff(risk) != 0, 0, True))
    if len(starts) < len(risk):  # rows of equal risk are one group from here on
        leavers, rows = np.add.reduceat(leavers, starts, axis=1), np.add.reduceat(weights, starts, axis=1)
    stayers = rows - leavers
    below = stayers.sum(axis=1, keepdims=True) - np.cumsum(stayers, axis=1) + stayers / 2
    taken = np.clip(capture_k - (np.cumsum(rows, axis=1) - rows), 0, rows) / np.maximum(rows, 1)
    with np.errstate(invalid="ignore"):  # 0/0 is nan: undefined with one class
        auc = np.einsum("ij,ij->i", leavers, below) / (n_leavers * (n_rows - n_leavers))
        capture = np.einsum("ij,ij->i", leavers, taken) / n_leavers
    return np.column_stack([auc, log_loss, brier, capture])


def _calibration(labels: Floats, risks: Floats) -> tuple[Bin, ...]:
    """Up to ten bins of about equal size in order of risk, of ten rows at least: fewer say nothing.

    Rows of equal risk are in one bin, that of the row in their middle.
    """
    order = np.argsort(risks, kind="stable")
    _, first, group = np.unique(risks[order], return_index=True, return_inverse=True)
    middle = (first + np.append(first[1:], len(order)) - 1) // 2
    place = (middle * min(10, max(1, len(order) // 10)) // max(len(order), 1))[group]
    parts = (order[place == number] for number in np.unique(place))
    return tuple(Bin(float(risks[part].mean()), float(labels[part].mean()), len(part)) for part in parts)


def gains(labels: ArrayLike, risks: ArrayLike, most: int = 60) -> list[tuple[int, int]]:
    """How many leavers the first so many rows hold, in order of risk: at `most` places, never between equal risks."""
    left, risk = np.asarray(labels, dtype=np.float64), np.asarray(risks, dtype=np.float64)
    order = np.argsort(-risk, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(risk[order])), len(order) - 1) if len(order) else np.array([], dtype=int)
    kept = ends[np.unique(np.linspace(0, len(ends) - 1, min(most, len(ends))).astype(int))]
    return list(zip((kept + 1).tolist(), left[order].cumsum()[kept].astype(int).tolist(), strict=True))
