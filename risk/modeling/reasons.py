"""Reasons for a risk: the figures of a client that raise it above what it would be on average over all clients.

Each feature in turn takes the values of the reference clients; what the log-odds lose by that, on average, is what
the client's own value adds. Where features only add up this is the feature's term less its mean over the clients, and
one row is enough for all of them.

Source: the situational importance of Štrumbelj and Kononenko, Knowledge and Information Systems 41 (2014).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from risk.modeling.metrics import Floats, Kinds, log_odds
from risk.text import percent

SMALLEST_RISE, MOST_NAMED = 0.1, 3
MOST_VALUES, FEWEST_VALUES = 100, 5  # of a feature that the others are compared with; more are taken at even ranks
MOST_ASKED = 300_000  # rows that the model is asked about in all: longer lists get fewer values
MOST_ROWS = 100_000  # rows asked about at once
MOST_TERMS = 100_000  # values of a feature, where its term does not depend on the other features
COMMON = 0.05  # the share of clients from which on a typical value is said by how many have it

Predict = Callable[[pd.DataFrame], Floats]


def typical(frame: pd.DataFrame, kinds: Kinds) -> dict[str, Any]:
    """The middle value of each numeric feature and the most frequent level of each categorical one."""
    found: dict[str, Any] = {}
    for name, kind in kinds.items():
        known = frame[name].dropna()
        if kind == "numeric":
            values = known.to_numpy(np.float64)
            found[name] = float(np.quantile(values, 0.5, method="inverted_cdf")) if len(known) else np.nan
        else:
            counts = known.value_counts()
            found[name] = min(counts[counts == counts.max()].index) if len(counts) else None
    return found


def reasons(
    predict: Predict, frame: pd.DataFrame, kinds: Kinds, everyone: pd.DataFrame, *, adds_up: bool = False
) -> list[list[str]]:
    """Up to three sentences per row, the weightiest first; none where no single figure stands out.

    `everyone` holds the rows of all clients: a figure is compared with their average. `adds_up` says that the log-odds
    are a sum of one term per feature.
    """
    if frame.empty:
        return []
    rise = terms if adds_up else against_average
    usual, rises = typical(everyone, kinds), rise(predict, frame, kinds, everyone)
    sentences = []
    for place in range(len(frame)):
        order = sorted(kinds, key=lambda name: -rises[name][place])
        named = [name for name in order if rises[name][place] >= SMALLEST_RISE][:MOST_NAMED]
        sentences.append([_sentence(name, frame[name].iloc[place], usual[name], everyone[name]) for name in named])
    return sentences


def against_average(predict: Predict, frame: pd.DataFrame, kinds: Kinds, everyone: pd.DataFrame) -> dict[str, Floats]:
    """For each feature by how much the log-odds of each row are above their mean over all clients' values.

    All values of a feature count, each as often as clients have it; of very many some at even ranks.
    """
    odds = log_odds(predict(frame))
    most = int(np.clip(MOST_ASKED // (len(frame) * max(len(kinds), 1)), FEWEST_VALUES, MOST_VALUES))
    found = {}
    for name in kinds:
        values, weights = _values(everyone[name], most)
        size = max(1, MOST_ROWS // len(frame))
        means = np.zeros(len(frame))
        for start in range(0, len(values), size):
            some = values.iloc[start : start + size]
            rows = frame.iloc[np.tile(np.arange(len(frame)), len(some))]
            rows[name] = some.repeat(len(frame)).to_numpy()
            means += weights[start : start + size] @ log_odds(predict(rows)).reshape(len(some), len(frame))
        found[name] = odds - means
    return found


def terms(predict: Predict, frame: pd.DataFrame, kinds: Kinds, everyone: pd.DataFrame) -> dict[str, Floats]:
    """For each feature the term of each row less its mean over all clients, of log-odds that add up such terms.

    One typical row is asked with every value that a client has; of more than `MOST_TERMS` some at even ranks.
    """
    base, found = pd.DataFrame([typical(everyone, kinds)]).astype(everyone[list(kinds)].dtypes), {}
    for name in kinds:
        values, weights = _values(everyone[name], MOST_TERMS)
        rows = base.iloc[np.zeros(len(values) + len(frame), dtype=np.int64)].reset_index(drop=True)
        rows[name] = pd.concat([values, frame[name]], ignore_index=True)
        odds = log_odds(predict(rows))
        found[name] = odds[len(values) :] - weights @ odds[: len(values)]
    return found


def _values(column: pd.Series, most: int) -> tuple[pd.Series, Floats]:
    """The values of a column, a missing one too, each with the share of clients it stands for."""
    counts = column.value_counts(dropna=False).sort_index(na_position="last")
    if len(counts) <= most:
        return pd.Series(counts.index, dtype=column.dtype), counts.to_numpy(np.float64) / len(column)
    ranks = (np.arange(most) + 0.5) / most * len(column)
    picked = np.searchsorted(np.cumsum(counts.to_numpy()), ranks, side="right")
    return pd.Series(counts.index[picked], dtype=column.dtype), np.full(most, 1 / most)


def _sentence(name: str, value: Any, usual: Any, everyone: pd.Series) -> str:
    """The figure beside the typical one; one that is typical itself, with how many clients have it."""
    label, told = name.replace("_", " "), _plain(value)
    if told != _plain(usual):
        return f"{label} {told} (typical {_plain(usual)})"
    share = float((everyone.isna() if pd.isna(value) else everyone == value).mean())
    return f"{label} {told} ({f'as {percent(min(share, 0.99), 0)} of clients' if share >= COMMON else 'typical'})"


def _plain(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "unknown"
    return f"{value:,.10g}" if isinstance(value, (float, int)) else str(value)
