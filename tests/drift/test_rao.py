"""The score test: against its formula, and on ill-conditioned designs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from risk.drift._rao import Limits, chi2, residuals, score_test, tail, without_first

LIMITS = Limits(alpha=0.0001, minimum_gain=0.01)


def rows(n_rows: int, columns: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    design = np.column_stack([np.ones(n_rows), generator.normal(size=(n_rows, columns))])
    risks = generator.beta(1, 4, n_rows)
    return design, (generator.random(n_rows) < risks).astype(int), risks


def test_chi2_is_the_quadratic_form() -> None:
    found = residuals(*rows(500, 4), np.arange(500))

    statistic, df = chi2(found.total, found.variance)

    assert statistic == pytest.approx(found.total @ np.linalg.solve(found.variance, found.total))
    assert df == 5
    assert tail(float(statistic), df) == pytest.approx(stats.chi2.sf(statistic, 5))


def test_a_column_that_combines_others_or_never_varies_adds_nothing() -> None:
    design, labels, risks = rows(500, 3)
    nearly = design[:, 1] + design[:, 2] + 0.01 * np.random.default_rng(1).normal(size=500)
    wide = np.column_stack([design, nearly, np.zeros(500), np.full(500, 7.0)])

    found, plain = (residuals(one, labels, risks, np.arange(500)) for one in (wide, design))

    (statistic, df), (expected, expected_df) = (chi2(one.total, one.variance) for one in (found, plain))
    assert df == expected_df == 4
    assert statistic == pytest.approx(expected, rel=0.02, abs=0.1)


def test_the_variance_comes_from_the_clients_where_they_have_several_rows() -> None:
    design, labels, risks = rows(300, 2)
    ids = np.array([f"client {number % 100}" for number in range(300)], dtype=object)

    found = residuals(design, labels, risks, ids)

    scores = design * (labels - risks)[:, None]
    sums = scores[:100] + scores[100:200] + scores[200:]
    assert found.variance == pytest.approx(sums.T @ sums)
    assert found.total == pytest.approx(scores.sum(axis=0))


def test_the_gain_is_about_what_refitting_wins() -> None:
    generator = np.random.default_rng(2)
    truth, risks = np.full(20_000, 0.23), np.full(20_000, 0.2)
    labels = (generator.random(20_000) < truth).astype(int)

    test = score_test(residuals(np.ones((20_000, 1)), labels, risks, np.arange(20_000)), LIMITS)

    share = labels.mean()
    won = share * np.log(share / 0.2) + (1 - share) * np.log((1 - share) / 0.8)
    assert test.gain == pytest.approx(won, rel=0.1)
    assert test.relative_gain == pytest.approx(test.gain / -np.mean(np.log(np.where(labels, 0.2, 0.8))))


def test_a_first_term_taken_out_leaves_the_rest_uncorrelated_with_it() -> None:
    found = residuals(*rows(400, 3), np.arange(400))

    total, variance = without_first(found.total, found.variance)

    whole = found.total @ np.linalg.solve(found.variance, found.total)
    assert whole == pytest.approx(found.total[0] ** 2 / found.variance[0, 0] + total @ np.linalg.solve(variance, total))
