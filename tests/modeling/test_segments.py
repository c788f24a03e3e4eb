from __future__ import annotations

import numpy as np
import pytest

from risk.modeling import segments


def clients(n: int = 3_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sizes, true risks and labels."""
    draw = np.random.default_rng(0)
    sizes, risks = np.floor(draw.lognormal(4, 1, n)), draw.uniform(0.05, 0.5, n)
    return sizes, risks, (draw.random(n) < risks).astype(float)


def test_a_segment_that_gains_nothing_is_named_as_the_worst() -> None:
    sizes, risks, left = clients()
    large = sizes > np.quantile(sizes, 0.7)

    found = segments.by_size(
        "number_of_employees", sizes, left, np.where(large, 0.6, risks), np.full(3_000, left.mean())
    )

    assert [it.name for it in found.segments] == ["small", "medium", "large"]
    assert sum(it.n_rows for it in found.segments) == 3_000
    assert sum(it.leavers for it in found.segments) == left.sum()
    assert found.worst == "large"
    assert "worse" in found.sentence
    assert found.segments[0].gain > 0 > found.segments[2].gain  # type: ignore[operator]


def test_without_a_champion_the_least_true_risks_are_the_worst() -> None:
    sizes, risks, left = clients()
    small = sizes < np.quantile(sizes, 0.3)

    found = segments.by_size("value", sizes, left, np.where(small, risks / 3, risks))

    assert found.worst == "small"
    assert all(it.gain is None for it in found.segments)
    assert found.segments[0].risk < 0.5 * found.segments[0].share
    assert found.segments[1].risk == pytest.approx(found.segments[1].share, abs=0.03)


def test_equal_sizes_are_never_parted_and_unknown_ones_are_left_out() -> None:
    sizes, risks, left = clients(900)
    sizes = np.where(np.arange(900) < 600, 7.0, sizes)
    sizes[-50:] = np.nan

    found = segments.by_size("size", sizes, left, risks)

    assert sum(it.n_rows for it in found.segments) == 850
    assert [it.lowest <= 7 <= it.highest for it in found.segments].count(True) == 1


@pytest.mark.parametrize("sizes", [np.full(900, np.nan), np.full(900, 3.0), np.arange(20.0)])
def test_sizes_that_tell_nothing_name_no_worst_segment(sizes: np.ndarray) -> None:
    n = len(sizes)

    found = segments.by_size("size", sizes, np.arange(n) % 2, np.full(n, 0.5))

    assert found.worst is None
    assert "too few rows" in found.sentence


def test_size_is_worth_then_employees_then_the_first_number() -> None:
    kinds = {"plan": "categorical", "tenure": "numeric", "number_of_employees": "numeric"}

    assert segments.size_column("worth", kinds) == "worth"
    assert segments.size_column(None, kinds) == "number_of_employees"
    assert segments.size_column(None, {"plan": "categorical", "tenure": "numeric"}) == "tenure"
    assert segments.size_column(None, {"plan": "categorical"}) is None
