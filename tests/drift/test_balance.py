"""Weights that make rows such clients as others: what they reach, and what becomes of them where they cannot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.drift._balance import balanced


@given(st.integers(0, 10_000), st.integers(1, 6), st.floats(0, 0.8))
@settings(max_examples=25, deadline=None)
def test_the_columns_get_the_means_that_are_wanted(seed: int, n_columns: int, moved: float) -> None:
    random = np.random.default_rng(seed)
    columns = random.standard_normal((2_000, n_columns)) * random.uniform(0.1, 9, n_columns)
    means = columns.mean(axis=0) + moved * columns.std(axis=0) / np.sqrt(n_columns)

    weights = balanced(columns, means)

    assert weights.min() > 0
    assert weights.sum() == pytest.approx(1)
    assert weights @ columns == pytest.approx(means, abs=0.02 * columns.std(axis=0).max())


def test_rows_that_are_such_clients_already_have_equal_weights() -> None:
    columns = np.random.default_rng(1).standard_normal((500, 3))

    assert balanced(columns, columns.mean(axis=0)) == pytest.approx(np.full(500, 1 / 500))


def test_a_true_shift_is_undone_for_what_was_not_balanced_too() -> None:
    random = np.random.default_rng(2)
    old, new = random.standard_normal((50_000, 2)), random.standard_normal((50_000, 2)) + 0.7

    weights = balanced(old, new.mean(axis=0))

    assert weights @ old[:, 0] ** 2 == pytest.approx(np.mean(new[:, 0] ** 2), rel=0.05)


def test_clients_unlike_all_rows_rest_on_few_of_them() -> None:
    columns = np.random.default_rng(3).standard_normal((1_000, 2))

    weights = balanced(columns, np.array([30.0, 0.0]))

    assert np.isfinite(weights).all()
    assert 1 / np.sum(weights**2) < 10


def test_a_column_that_never_varies_and_one_that_combines_others_do_no_harm() -> None:
    columns = np.random.default_rng(4).standard_normal((1_000, 2))
    wide = np.column_stack([columns, columns.sum(axis=1), np.full(1_000, 7.0)])
    means = np.array([0.3, 0.1, 0.4, 7.0])

    assert balanced(wide, means) @ wide == pytest.approx(means, abs=0.01)
