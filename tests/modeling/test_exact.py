"""Exact sums: no order and no split of the values has a say in them, and they are rounded once."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from risk.modeling.exact import ExactSum, deviation, exact_sum, joined, median, squares

DRAW = np.random.default_rng(5)
WILD = DRAW.normal(size=4_001) * 10.0 ** DRAW.integers(-300, 300, 4_001)


def test_a_sum_is_that_of_the_whole_numbers_and_fractions_as_they_are_stored() -> None:
    for values in (WILD, DRAW.lognormal(8, 3, 999), np.array([0.1] * 10), np.array([5e-324, -5e-324, 5e-324])):
        assert exact_sum(values).units / (1 << 1127) == math.fsum(values)


def test_no_order_and_no_split_changes_a_sum() -> None:
    whole = exact_sum(WILD)

    assert exact_sum(WILD[::-1]) == whole
    assert joined(exact_sum(piece) for piece in np.array_split(DRAW.permutation(WILD), 7)) == whole


def test_a_missing_value_is_not_counted() -> None:
    found = exact_sum(np.array([np.nan, 1.5, np.nan, 2.5]))

    assert (found.n, found.mean()) == (2, 2.0)
    assert exact_sum(np.array([np.nan])) == ExactSum()


def test_the_deviation_is_that_of_a_sample() -> None:
    values = DRAW.lognormal(3, 1, 501)
    mean = exact_sum(values).mean()
    assert mean is not None

    found = deviation(squares(values, mean))

    assert found == pytest.approx(statistics.stdev(values.tolist()), rel=1e-14)


def test_too_few_values_have_no_mean_and_no_deviation() -> None:
    assert exact_sum(np.array([])).mean() is None
    assert deviation(squares(np.array([3.0]), 3.0)) is None


def test_a_median_lies_between_the_two_in_the_middle() -> None:
    assert median(1.0, 4.0) == 2.5
    assert median(-0.1, 0.115) == -0.1 * 0.5 + 0.115 * 0.5
    assert median(5e-324, 5e-324) == 5e-324
    assert median(-1e308, 1.7e308) == pytest.approx(0.35e308)
    assert median(None, None) is None


def test_squares_beyond_float64_are_no_number() -> None:
    with pytest.raises(OverflowError):
        squares(np.array([1e200, -1e200]), 0.0)
