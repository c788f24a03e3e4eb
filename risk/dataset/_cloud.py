"""Rows of figures as a cloud of points, on a logarithmic scale and with their correlations; does a row lie in it?

Source: Mahalanobis, 1936 (distance); Smirnov, 1948 (the largest gap of two samples).
"""

from __future__ import annotations

from dataclasses import dataclass

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
        """Return each row's squared distance from the middle, by number of columns; a missing value lies there."""
        standardised = np.nan_to_num((logarithms - self.middle) / self.deviation)
        return np.asarray(np.sum(standardised @ self.precision * standardised, axis=1) / len(self.middle))

    def takes_back(self, rows: Floats, mended: Floats, clear_errors: float, least: float = 0.0) -> bool:
        """Return whether mended rows lie in the cloud, by each column too, and nearer to its middle than they came.

        Nearer: the mean gain is so many of its standard errors, and in all columns together at least so much.
        """
        after = self.distances(mended)
        gain = self.distances(rows) - after
        widest = float(np.max(means(((mended - self.middle) / self.deviation) ** 2)))
        inside = float(after.mean()) <= INSIDE and widest <= INSIDE_COLUMN
        needed = max(clear_errors * float(gain.std()) / np.sqrt(len(rows)), least / len(self.middle))
        return inside and float(gain.mean()) >= needed


def cloud(logarithms: Floats) -> Cloud:
    """Return the cloud of the rows. A constant column has no say, and columns may be copies of each other."""
    figures = filled(logarithms)
    middle, spread = figures.mean(axis=0), figures.std(axis=0)
    deviation = np.where(spread > 1e-6, spread, np.inf)
    standardised = (figures - middle) / deviation
    correlation = standardised.T @ standardised / len(figures)
    return Cloud(middle, deviation, correlation, np.linalg.inv(correlation + RIDGE * np.eye(len(middle))))


def some(rows: Floats) -> Floats:
    """Return rows at equal steps, enough to settle a mean: 5,000 at most."""
    return rows[:: -(-len(rows) // MOST_ROWS)]


def logarithms(figures: Floats) -> Floats:
    """Return log(1 + figure), mirrored for negative ones."""
    return np.asarray(np.sign(figures) * np.log1p(np.abs(figures)))


def filled(figures: Floats) -> Floats:
    """Return the figures with the column's mean for a missing one, 0 where all are missing."""
    return np.where(np.isnan(figures), means(figures), figures)


def means(figures: Floats) -> Floats:
    """Return the mean of what is present in each column, 0 where nothing is."""
    return np.asarray(np.nansum(figures, axis=0) / np.maximum(np.sum(~np.isnan(figures), axis=0), 1))


def alike(one: Floats, other: Floats) -> bool:
    """Return whether two samples may come from one distribution, or from two that differ a little."""
    one, other = (np.sort(side[~np.isnan(side)]) for side in (one, other))
    if not min(len(one), len(other)):
        return False
    both = np.concatenate([one, other])
    shares = [np.searchsorted(side, both, side="right") / len(side) for side in (one, other)]
    limit = A_LITTLE + GAP * np.sqrt(1 / len(one) + 1 / len(other))
    return float(np.max(np.abs(shares[0] - shares[1]))) <= float(limit)
