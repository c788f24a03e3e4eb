"""Exact sums and medians of float64: the same to the last digit whatever the order and the split of the values.

A float64 is a whole number times a power of two, and whole numbers are added without rounding. So the sums of the
pieces of a column add up to that of the column; one division at the end rounds, once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from risk.modeling.metrics import Floats

BITS, LOWEST = 53, -1074  # of a mantissa; the exponent of the smallest float64
LOW = 32  # bits of the lower half
AT_ONCE = 1 << 20  # so many lower halves add up exactly in float64


@dataclass(frozen=True)
class ExactSum:
    """How many values there are, and their sum in units of 2^-1074 / 2^53."""

    n: int = 0
    units: int = 0

    def __add__(self, other: ExactSum) -> ExactSum:
        return ExactSum(self.n + other.n, self.units + other.units)

    def mean(self, less: int = 0) -> float | None:
        """The sum by the number of values less so many; None where that is not above 0."""
        return self.units / ((self.n - less) << (BITS - LOWEST)) if self.n > less else None


def exact_sum(values: Floats) -> ExactSum:
    """The sum of the values; NaN is missing and not counted. Raises: OverflowError where one is infinite."""
    values = values[~np.isnan(values)]
    if not np.isfinite(values).all():
        raise OverflowError
    total = 0
    for start in range(0, len(values), AT_ONCE):
        mantissa, exponent = np.frexp(values[start : start + AT_ONCE])
        whole = np.ldexp(mantissa, BITS).astype(np.int64)
        first = int(exponent.min())
        for part, shift in ((whole >> LOW, LOW), (whole & ((1 << LOW) - 1), 0)):
            sums = np.bincount(exponent - first, weights=part.astype(np.float64))
            total += sum(int(it) << (place + first - LOWEST + shift) for place, it in enumerate(sums) if it)
    return ExactSum(len(values), total)


def squares(values: Floats, mean: float) -> ExactSum:
    """The sum of the squared distances from the mean. Raises: OverflowError where one is beyond float64."""
    with np.errstate(over="ignore"):
        return exact_sum((values - mean) ** 2)


def deviation(total: ExactSum) -> float | None:
    """The standard deviation of a sample by the sum of squared distances; None of fewer than two values."""
    variance = total.mean(less=1)
    return None if variance is None else math.sqrt(variance)


def median(lower: float | None, upper: float | None) -> float | None:
    """The value between the two middle ones of a column, which are one where their number is odd; None without any."""
    if lower is None or upper is None:
        return None
    return lower if lower == upper else lower * 0.5 + upper * 0.5


def joined(sums: Iterable[ExactSum]) -> ExactSum:
    """The sum of all pieces."""
    return sum(sums, ExactSum())
