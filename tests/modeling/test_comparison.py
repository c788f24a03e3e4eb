"""All candidates side by side."""

from __future__ import annotations

import numpy as np
import pytest

from risk.modeling import comparison, fitting, selection
from risk.modeling.comparison import BASE_RATE
from tests.modeling.test_selection import KINDS, world


@pytest.mark.slow
def test_every_family_stands_beside_the_base_rate_with_the_figures_of_the_choice() -> None:
    x, left = world(800)
    clients, none = np.arange(800).astype(str), np.zeros(800, dtype=bool)
    taught = selection.teach(x, left, clients, np.zeros(800), none, KINDS)

    found = comparison.compare(x, left, clients, KINDS, 0.1)

    base, *others = found.contenders
    assert (base.name, base.slope, base.cpu_seconds) == (BASE_RATE, None, None)
    assert [it.name for it in others] == ["logistic", "quadratic", "boosting"]
    assert [it.log_loss for it in others] == pytest.approx([it.log_loss for it in taught.compared])
    for it in others:
        assert it.auc
        assert it.auc > 0.7
        assert it.log_loss < base.log_loss
        assert it.expected == pytest.approx(it.left, rel=0.1)
        assert it.slope == pytest.approx(1, abs=0.3)
        assert it.wall_seconds
        assert it.gains[-1] == (800, int(left.sum()))


@pytest.mark.slow
def test_the_live_model_is_rated_by_the_risks_that_it_has_stated() -> None:
    x, left = world(300)
    live = selection.Incumbent("1-abc", "logistic", None, 0.5, fitting.base_rate(left, np.arange(300).astype(str)))

    found = comparison.compare(x, left, np.arange(300).astype(str), KINDS, 0.1, live=live)

    assert [it.name for it in found.contenders] == [BASE_RATE, "live: 1-abc, logistic", "logistic"]
    assert found.contenders[1].log_loss == found.contenders[0].log_loss
