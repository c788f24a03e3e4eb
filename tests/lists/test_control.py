"""The control group: who is drawn, and what the comparison of assigned groups says."""

from __future__ import annotations

import numpy as np
import pytest

from risk.lists import control
from risk.lists.control import is_control


def groups(called: tuple[int, int], spared: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return outcomes and marks of two groups, each given as leavers and size."""
    left = [np.arange(n) < count for count, n in (called, spared)]
    return np.concatenate(left).astype(float), np.repeat([False, True], [called[1], spared[1]])


def test_a_client_is_drawn_by_name_and_month_alone() -> None:
    names = [f"c{n}" for n in range(10_000)]

    drawn = [name for name in names if is_control(name, "2026-11-27", 0.1)]

    assert drawn == [name for name in names if is_control(name, "2026-11-01", 0.1)]
    assert len(drawn) == pytest.approx(1_000, abs=100)
    assert set(drawn) < {name for name in names if is_control(name, "2026-11-27", 0.2)}
    later = {name for name in names if is_control(name, "2026-12-01", 0.1)}
    assert len(later & set(drawn)) == pytest.approx(100, abs=40)
    assert not any(is_control(name, "2026-11-27", 0) for name in names)


def test_the_interval_is_that_of_newcombe() -> None:
    found = control.compare(*groups((48, 80), (56, 70)))  # 56/70 less 48/80: 0.0524 to 0.3339 in Newcombe's table

    assert found is not None
    assert (found.difference, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=0.0001)
    assert found.needed == 0
    assert "20.0 percentage points fewer (fewer by 5.2 to 33.4 with 95 % certainty)" in found.sentence


def test_too_small_a_group_says_how_many_more_are_needed() -> None:
    found = control.compare(*groups((63, 360), (10, 40)))

    assert found is not None
    assert found.low is not None
    assert found.low < 0 < found.high  # type: ignore[operator]
    assert found.needed == pytest.approx(262, abs=25)
    assert f"To show that calls save 30 % of the leavers, {found.needed} more control clients must be known." in (
        found.sentence
    )


@pytest.mark.parametrize(
    ("called", "spared", "needed"), [((0, 50), (0, 5), None), ((5, 50), (0, 0), True), ((0, 0), (1, 5), True)]
)
def test_empty_groups_have_no_difference(called: tuple[int, int], spared: tuple[int, int], needed: object) -> None:
    found = control.compare(*groups(called, spared))

    assert found is not None
    assert (found.difference is None) == (0 in (called[1], spared[1]))
    assert bool(found.needed) == bool(needed)
    assert control.compare(np.empty(0), np.empty(0)) is None


@pytest.mark.slow
def test_the_number_of_clients_gives_the_power_that_it_promises() -> None:
    random, rate, n_called = np.random.default_rng(1), 0.2, 9
    first = control.compare(*groups((round(n_called * 40 * rate), n_called * 40), (8, 40)))
    assert first is not None
    assert first.needed
    size = 40 + first.needed

    drawn = zip(random.binomial(n_called * size, rate * 0.7, 400), random.binomial(size, rate, 400), strict=True)
    found = [control.compare(*groups((a, n_called * size), (b, size))) for a, b in drawn]

    assert np.mean([it.low > 0 for it in found]) == pytest.approx(0.8, abs=0.06)  # type: ignore[union-attr, operator]
