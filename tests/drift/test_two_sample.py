"""New rows without outcomes beside those that the model learned from."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from risk.drift import two_sample
from risk.drift.two_sample import Side, TwoSample
from risk.modeling.reference import Reference, reference

KINDS = {"size": "numeric", "activity": "numeric", "plan": "categorical"}
PLANS = np.array(["basic", "gold", None], dtype=object)


def side(seed: int, n_rows: int = 1_000, *, clients: str = "c", **moved: NDArray[np.float64] | float) -> Side:
    random = np.random.default_rng(seed)
    share = float(moved.get("gold", 0.3))
    features = {
        "size": random.lognormal(3, 1, n_rows) * moved.get("size", 1.0),
        "activity": np.exp(random.standard_normal(n_rows) * moved.get("spread", 1.0)),
        "plan": random.choice(PLANS, n_rows, p=[0.9 - share, share, 0.1]),
    }
    return Side(features, np.array([f"{clients}{number}" for number in range(n_rows)], dtype=object))


def known(learned: Side) -> Reference:
    n_rows = learned.n_rows
    return reference(learned.features, KINDS, np.arange(n_rows) % 2, np.full(n_rows, 0.5))  # type: ignore[arg-type]


def told(new: Side, learned: Side) -> TwoSample:
    found = two_sample.compare(new, learned, known(learned))
    assert found is not None
    return found


@pytest.mark.slow
def test_equal_clients_are_seldom_said_to_differ() -> None:
    found = [told(side(seed, 400), side(seed + 1_000, 400)) for seed in range(60)]

    assert sum(it.differ for it in found) <= 2
    assert 0.45 < np.mean([it.auc for it in found]) < 0.55


def test_the_same_clients_a_month_later_do_not_differ() -> None:
    first = side(1)
    random = np.random.default_rng(2)
    later = {
        name: values * random.lognormal(0, 0.3, 1_000) for name, values in first.features.items() if name != "plan"
    }

    assert not told(Side(later | {"plan": first.features["plan"]}, first.clients), first).differ


@pytest.mark.parametrize(
    ("moved", "column"), [({"size": 0.4}, "size"), ({"spread": 2.5}, "activity"), ({"gold": 0.7}, "plan")]
)
def test_what_differs_is_named(moved: dict[str, float], column: str) -> None:
    found = told(side(3, clients="new", **moved), side(4))

    assert found.differ
    assert found.columns == (column,)
    assert column in found.sentence


def test_the_sentence_says_what_cannot_be_seen() -> None:
    assert all("why clients leave cannot be seen" in told(side(5, size=size), side(6)).sentence for size in (1.0, 0.3))


def test_few_rows_say_nothing() -> None:
    assert two_sample.compare(side(1, 9), side(2), known(side(2))) is None


def test_a_difference_too_small_to_matter_is_none() -> None:
    found = told(side(7, 20_000, clients="new", size=1.08), side(8, 20_000))

    assert found.p < two_sample.ALPHA
    assert not found.differ


def test_of_very_many_rows_some_are_looked_at() -> None:
    found = told(side(9, 50_000), side(10, 30_000))

    assert (found.n_rows, found.n_learned) == (16_667, 15_000)


def test_missing_values_and_unknown_levels_are_no_trouble() -> None:
    new = side(11)
    new.features["size"][:500] = np.nan
    new.features["plan"][:500] = "never seen"

    found = told(new, side(12))

    assert found.differ
    assert set(found.columns) <= {"size", "plan"}
