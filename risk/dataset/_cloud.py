"""Rows of figures as a cloud of points, on a logarithmic scale and with their correlations.

It tells whether a row lies in it, and which pairs of columns have changed places; where they are known, single clients
tell that, too.

Source: Mahalanobis, 1936 (distance); Smirnov, 1948 (the largest gap of two samples).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from risk.modeling.metrics import Floats

MOST_ROWS, RIDGE = 5_000, 0.01
INSIDE, INSIDE_COLUMN = 1.3, 1.5  # mean squared distance of rows that lie in the cloud; the cloud's own is 1

GAP, A_LITTLE = 1.95, 0.03  # of the shares below a value: what chance passes once in a thousand times, and true change


@dataclass(frozen=True)
class Cloud:
    """The middle of a cloud, its deviation by column, its correlations and their inverse."""

    middle: Floats
    deviation: Floats
    correlation: Floats
    precision: Floats

    def distances(self, logarithms: Floats) -> Floats:
        """Each row's squared distance from the middle, by number of columns; a missing value lies there."""
        standardised = np.nan_to_num((logarithms - self.middle) / self.deviation)
        return np.asarray(np.sum(standardised @ self.precision * standardised, axis=1) / len(self.middle))

    def takes_back(self, rows: Floats, mended: Floats, clear_errors: float, least: float = 0.0) -> bool:
        """Whether mended rows lie in the cloud, by each column too, and nearer to its middle than they came.

        Nearer: the mean gain is so many of its standard errors, and in all columns together at least so much.
        """
        after = self.distances(mended)
        gain = self.distances(rows) - after
        widest = float(np.max(means(((mended - self.middle) / self.deviation) ** 2)))
        inside = float(after.mean()) <= INSIDE and widest <= INSIDE_COLUMN
        needed = max(clear_errors * float(gain.std()) / np.sqrt(len(rows)), least / len(self.middle))
        return inside and float(gain.mean()) >= needed


def cloud(logarithms: Floats) -> Cloud:
    """The cloud of the rows. A constant column has no say, and columns may be copies of each other."""
    figures = filled(logarithms)
    middle, spread = figures.mean(axis=0), figures.std(axis=0)
    deviation = np.where(spread > 1e-6, spread, np.inf)
    standardised = (figures - middle) / deviation
    correlation = standardised.T @ standardised / len(figures)
    return Cloud(middle, deviation, correlation, np.linalg.inv(correlation + RIDGE * np.eye(len(middle))))


def thinned(rows: Floats) -> Floats:
    """Return rows at equal steps, enough to settle a mean: 5,000 at most."""
    return rows[:: -(-len(rows) // MOST_ROWS)]


def logarithms(figures: Floats) -> Floats:
    """Return log(1 + figure), mirrored for negative ones."""
    return np.asarray(np.sign(figures) * np.log1p(np.abs(figures)))


def filled(figures: Floats) -> Floats:
    """The figures with the column's mean for a missing one, 0 where all are missing."""
    return np.where(np.isnan(figures), means(figures), figures)


def means(figures: Floats) -> Floats:
    """The mean of what is present in each column, 0 where nothing is."""
    return np.asarray(np.nansum(figures, axis=0) / np.maximum(np.sum(~np.isnan(figures), axis=0), 1))


def alike(new: Floats, old: Floats) -> bool:
    """Whether two samples may come from one distribution, or from two that differ a little."""
    new, old = (np.sort(side[~np.isnan(side)]) for side in (new, old))
    if not min(len(new), len(old)):
        return False
    both = np.concatenate([new, old])
    shares = [np.searchsorted(side, both, side="right") / len(side) for side in (new, old)]
    limit = A_LITTLE + GAP * np.sqrt(1 / len(new) + 1 / len(old))
    return float(np.max(np.abs(shares[0] - shares[1]))) <= float(limit)


# --- columns that have changed places ---------------------------------------------------------------------------------

ColumnPair = tuple[float, int, int]

TURNED = -0.6  # slope of a column's change on its distance from the other one: -1 when exchanged, above -0.5 when not
OTHER_LEVEL = np.log(4)  # related columns that are closer may pass each other with the seasons
RELATED = 0.3  # correlation
CLEAR_ERRORS, CLEAR_GAIN = 6.0, 0.5


def changed_places(new: Floats, old: Floats, known: bool) -> list[ColumnPair]:
    """The pairs of columns, the clearest first; the rows of the two are the same clients where `known`."""
    return [*sorted(_turned(new, old) if known else ()), *sorted(_exchanged(new, old))]


def _turned(new: Floats, old: Floats) -> Iterator[ColumnPair]:
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
        slopes = float(slope[first, second]), float(slope[second, first])
        if max(slopes) <= limit and sum(slopes) <= sure:
            yield max(slopes), first, second


def _differences(moments: Floats) -> Floats:
    """Return moment[i, i] - moment[i, j]."""
    return np.asarray(np.diag(moments)[:, None] - moments)


def _exchanged(new: Floats, old: Floats) -> Iterator[ColumnPair]:
    """Yield the pairs whose exchange puts the file back into the cloud of the reference, the nearest one lowest."""
    before, rows = logarithms(old), logarithms(new)
    around = cloud(before)
    for first, second in combinations(_elsewhere(around, rows, np.sqrt(1 / len(new) + 1 / len(old))), 2):
        came, mended = _exchange(around, rows, [first, second])
        fits = all(alike(mended[:, column], before[:, column]) for column in (first, second))
        if fits and around.takes_back(came, mended, CLEAR_ERRORS, CLEAR_GAIN):
            yield float(around.distances(mended).mean()), first, second


def _elsewhere(around: Cloud, rows: Floats, error: float) -> list[int]:
    """The columns whose level or spread is not that of the cloud."""
    standardised = (rows - around.middle) / around.deviation
    level, spread = means(standardised), means(standardised**2) - 1
    return [int(place) for place in np.flatnonzero((np.abs(level) > 3 * error) | (np.abs(spread) > 6 * error))]


def _exchange(around: Cloud, rows: Floats, pair: list[int]) -> tuple[Floats, Floats]:
    """The rows as they came and exchanged; related columns of about one level keep that level."""
    came, mended = rows.copy(), rows.copy()
    mended[:, pair] = rows[:, pair[::-1]]
    near = abs(around.middle[pair[0]] - around.middle[pair[1]]) < OTHER_LEVEL
    if near and abs(around.correlation[pair[0], pair[1]]) > RELATED:
        for side in (came, mended):
            side[:, pair] += around.middle[pair] - means(side[:, pair])
    return came, mended
