"""The folds, the threshold of the best F1, and the sigmoid that calibrates a model."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from risk.modeling import fitting
from risk.modeling.fitting import Sigmoid, best_threshold
from risk.modeling.metrics import Floats, log_odds


def rows(n: int = 4_000, slope: float = 1.0, offset: float = 0.0, seed: int = 0) -> tuple[Floats, Floats]:
    """Return log-odds that a model tells, and labels drawn from `slope` times them and `offset`."""
    draw = np.random.default_rng(seed)
    odds = draw.normal(-1, 1.5, n)
    return odds, (draw.random(n) < 1 / (1 + np.exp(-(slope * odds + offset)))).astype(float)


def test_risks_that_were_too_sure_become_true() -> None:
    odds, left = rows(20_000, slope=0.5, offset=-0.7)

    found = fitting.fitted_sigmoid(odds, left)

    assert (found.slope, found.offset) == (pytest.approx(-0.5, abs=0.05), pytest.approx(0.7, abs=0.05))
    assert found.risks(odds).mean() == pytest.approx(left.mean(), abs=0.002)


def test_a_sigmoid_after_another_is_one_sigmoid() -> None:
    odds, _ = rows(200)
    first, second = Sigmoid(-0.6, 0.4), Sigmoid(-1.7, -0.2)

    one = second.after(first).risks(odds)

    assert one == pytest.approx(second.risks(log_odds(first.risks(odds))), abs=1e-9)
    assert Sigmoid().after(first) == first
    assert second.after(Sigmoid()) == second


def test_labels_of_one_kind_leave_the_risks_as_they_are() -> None:
    odds, _ = rows(50)

    assert fitting.fitted_sigmoid(odds, np.zeros(50)) == Sigmoid()


@pytest.mark.parametrize("slope", [-1.0, -0.05])
def test_a_calibration_never_turns_an_order_round(slope: float) -> None:
    odds, left = rows(20_000, slope=slope)

    risks = fitting.fitted_sigmoid(odds, left).risks(odds)

    assert risks == pytest.approx(np.full(20_000, left.mean()))


def test_calibrations_never_nest() -> None:
    odds, left = rows(500)
    base = LogisticRegression().fit(odds[:, None], left)

    once = fitting.calibrated(base, Sigmoid(-0.5, 0.1))
    bare, sigmoid = fitting.parts(once)
    twice = fitting.calibrated(bare, Sigmoid(-2.0, 0.3).after(sigmoid))

    assert bare is base
    assert fitting.parts(base) == (base, Sigmoid())
    assert fitting.parts(twice)[0] is base
    told = Sigmoid(-2.0, 0.3).risks(log_odds(once.predict_proba(odds[:, None])[:, 1]))
    assert twice.predict_proba(odds[:, None])[:, 1] == pytest.approx(told, abs=1e-9)


def test_the_leavers_of_a_list_lie_inside_the_stated_interval() -> None:
    draw = np.random.default_rng(0)
    risks = draw.uniform(0.5, 0.95, 100)
    left = (draw.random((2_000, 100)) < risks).sum(axis=1)

    known, guessed = (fitting.expected_leavers(risks, 1_000, n_rows) for n_rows in (10**9, 1_000))

    inside = ((left >= known.low) & (left <= known.high)).mean()
    assert 0.88 <= inside <= 0.96
    assert known.mean == pytest.approx(risks.sum())
    assert guessed.low < known.low < known.high < guessed.high


def test_an_interval_never_leaves_the_list() -> None:
    none, all_of_them = (fitting.expected_leavers(np.full(5, risk), 50, 100) for risk in (0.001, 0.999))

    assert (none.low, all_of_them.high) == (0, 5)
    assert fitting.expected_leavers(np.zeros(0), 0, 0) == fitting.Expected(0.0, 0, 0)


def test_best_threshold_has_the_highest_f1_of_all() -> None:
    draw = np.random.default_rng(5)
    risks = draw.beta(1, 4, 300).round(2)
    labels = (draw.random(300) < risks).astype(int)

    threshold = best_threshold(labels, risks)

    best = max(f1_score(labels, risks >= cut, zero_division=0) for cut in np.unique(risks))
    assert f1_score(labels, risks >= threshold) == pytest.approx(best)
    assert threshold not in risks


def test_best_threshold_lies_midway_between_neighbouring_risks() -> None:
    assert best_threshold([1, 1, 0, 0], [0.9, 0.6, 0.4, 0.1]) == pytest.approx(0.5)
    assert best_threshold([1, 1], [0.3, 0.3]) == pytest.approx(0.15)


@pytest.mark.parametrize("lower", [0.3, np.nextafter(0.3, 1)])
def test_best_threshold_parts_risks_with_no_number_between_them(lower: float) -> None:
    upper = np.nextafter(lower, 1)

    assert lower < best_threshold([1, 0], [upper, lower]) <= upper


def test_best_threshold_is_one_half_without_leavers() -> None:
    assert best_threshold([0, 0], [0.1, 0.2]) == 0.5
    assert best_threshold([], []) == 0.5
