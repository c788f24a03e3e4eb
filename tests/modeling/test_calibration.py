from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from risk.modeling import calibration
from risk.modeling.calibration import Sigmoid
from risk.modeling.fitting import Floats


def rows(n: int = 4_000, slope: float = 1.0, offset: float = 0.0, seed: int = 0) -> tuple[Floats, Floats]:
    """Return log-odds that a model tells, and labels drawn from `slope` times them and `offset`."""
    draw = np.random.default_rng(seed)
    odds = draw.normal(-1, 1.5, n)
    return odds, (draw.random(n) < 1 / (1 + np.exp(-(slope * odds + offset)))).astype(float)


def test_risks_that_were_too_sure_become_true() -> None:
    odds, left = rows(20_000, slope=0.5, offset=-0.7)

    found = calibration.fitted(odds, left)

    assert (found.slope, found.offset) == (pytest.approx(-0.5, abs=0.05), pytest.approx(0.7, abs=0.05))
    assert found.risks(odds).mean() == pytest.approx(left.mean(), abs=0.002)


def test_a_sigmoid_after_another_is_one_sigmoid() -> None:
    odds, _ = rows(200)
    first, second = Sigmoid(-0.6, 0.4), Sigmoid(-1.7, -0.2)

    one = second.after(first).risks(odds)

    assert one == pytest.approx(second.risks(calibration.log_odds(first.risks(odds))), abs=1e-9)
    assert Sigmoid().after(first) == first
    assert second.after(Sigmoid()) == second


def test_labels_of_one_kind_leave_the_risks_as_they_are() -> None:
    odds, _ = rows(50)

    assert calibration.fitted(odds, np.zeros(50)) == Sigmoid()


@pytest.mark.parametrize("slope", [-1.0, -0.05])
def test_a_calibration_never_turns_an_order_round(slope: float) -> None:
    odds, left = rows(20_000, slope=slope)

    risks = calibration.fitted(odds, left).risks(odds)

    assert risks == pytest.approx(np.full(20_000, left.mean()))


def test_calibrations_never_nest() -> None:
    odds, left = rows(500)
    base = LogisticRegression().fit(odds[:, None], left)

    once = calibration.calibrated(base, Sigmoid(-0.5, 0.1))
    bare, sigmoid = calibration.parts(once)
    twice = calibration.calibrated(bare, Sigmoid(-2.0, 0.3).after(sigmoid))

    assert bare is base
    assert calibration.parts(base) == (base, Sigmoid())
    assert calibration.parts(twice)[0] is base
    told = Sigmoid(-2.0, 0.3).risks(calibration.log_odds(once.predict_proba(odds[:, None])[:, 1]))
    assert twice.predict_proba(odds[:, None])[:, 1] == pytest.approx(told, abs=1e-9)


def test_the_leavers_of_a_list_lie_inside_the_stated_interval() -> None:
    draw = np.random.default_rng(0)
    risks = draw.uniform(0.5, 0.95, 100)
    left = (draw.random((2_000, 100)) < risks).sum(axis=1)

    known, guessed = (calibration.expected_leavers(risks, 1_000, n_rows) for n_rows in (10**9, 1_000))

    inside = ((left >= known.low) & (left <= known.high)).mean()
    assert 0.88 <= inside <= 0.96
    assert known.mean == pytest.approx(risks.sum())
    assert guessed.low < known.low < known.high < guessed.high


def test_an_interval_never_leaves_the_list() -> None:
    none, all_of_them = (calibration.expected_leavers(np.full(5, risk), 50, 100) for risk in (0.001, 0.999))

    assert (none.low, all_of_them.high) == (0, 5)
    assert calibration.expected_leavers(np.zeros(0), 0, 0) == calibration.Expected(0.0, 0, 0)
