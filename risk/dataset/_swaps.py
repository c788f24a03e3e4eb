"""Which pairs of columns have changed places: told by single clients, or by the cloud that all of them make."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from risk.dataset._cloud import Cloud, alike, cloud, filled, logarithms, means
from risk.modeling.metrics import Floats

Pair = tuple[float, int, int]

TURNED = -0.6  # slope of a column's change on its distance from the other one: -1 when exchanged, above -0.5 when not
OTHER_LEVEL = np.log(4)  # related columns that are closer may pass each other with the seasons
RELATED = 0.3  # correlation
CLEAR_ERRORS, CLEAR_GAIN = 6.0, 0.5


def changed_places(new: Floats, old: Floats, known: bool) -> list[Pair]:
    """Return the pairs of columns, the clearest first; the rows of the two are the same clients where `known`."""
    return [*sorted(_turned(new, old) if known else ()), *sorted(_exchanged(new, old))]


def _turned(new: Floats, old: Floats) -> Iterator[Pair]:
    """Yield the pairs whose difference turned its sign client by client, the clearest with the lowest figure.

    With d the difference of two columns in the reference and u the change of one of them since, the slope of u on d
    is -1 for both when they were exchanged; above -1/2 for one of them when not, even if nothing lasts from month to
    month, or if one holds what the other held a month ago.
    """
    n_clients, before = len(old), filled(logarithms(old))
    change = filled(logarithms(new)) - before
    middle, moved = before.mean(axis=0), change.mean(axis=0)
    variance, covariance = (
        (side - mean).T @ (before - middle) / n_clients for side, mean in ((before, middle), (change, moved))
    )
    apart = np.abs(middle[:, None] - middle) >= OTHER_LEVEL
    spread = _differences(variance) + _differences(variance).T + apart * (middle[:, None] - middle) ** 2
    shared = _differences(covariance) + apart * moved[:, None] * (middle[:, None] - middle)
    slope = np.divide(shared, spread, out=np.zeros_like(spread), where=spread > 1e-9)
    limit, sure = TURNED - 2.6 / np.sqrt(n_clients), -1 - 5 / np.sqrt(n_clients)
    for first, second in combinations(range(len(middle)), 2):
        one, other = float(slope[first, second]), float(slope[second, first])
        if max(one, other) <= limit and one + other <= sure:
            yield max(one, other), first, second


def _differences(moments: Floats) -> Floats:
    """Return moment[i, i] - moment[i, j]."""
    return np.asarray(np.diag(moments)[:, None] - moments)


def _exchanged(new: Floats, old: Floats) -> Iterator[Pair]:
    """Yield the pairs whose exchange puts the file back into the cloud of the reference, the nearest one lowest."""
    before, rows = logarithms(old), logarithms(new)
    around = cloud(before)
    for first, second in combinations(_elsewhere(around, rows, np.sqrt(1 / len(new) + 1 / len(old))), 2):
        came, mended = _exchange(around, rows, [first, second])
        fits = all(alike(mended[:, one], before[:, one]) for one in (first, second))
        if fits and around.takes_back(came, mended, CLEAR_ERRORS, CLEAR_GAIN):
            yield float(around.distances(mended).mean()), first, second


def _elsewhere(around: Cloud, rows: Floats, error: float) -> list[int]:
    """Return the columns whose level or spread is not that of the cloud."""
    standardised = (rows - around.middle) / around.deviation
    level, spread = means(standardised), means(standardised**2) - 1
    return [int(place) for place in np.flatnonzero((np.abs(level) > 3 * error) | (np.abs(spread) > 6 * error))]


def _exchange(around: Cloud, rows: Floats, pair: list[int]) -> tuple[Floats, Floats]:
    """Return the rows as they came and exchanged; related columns of about one level keep that level."""
    came, mended = rows.copy(), rows.copy()
    mended[:, pair] = rows[:, pair[::-1]]
    near = abs(around.middle[pair[0]] - around.middle[pair[1]]) < OTHER_LEVEL
    if near and abs(around.correlation[pair[0], pair[1]]) > RELATED:
        for side in (came, mended):
            side[:, pair] += around.middle[pair] - means(side[:, pair])
    return came, mended
