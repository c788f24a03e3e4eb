"""How features enter the scan, and what a release keeps of its training rows."""

from __future__ import annotations

import json

import numpy as np
import pytest

from risk.modeling.reference import Reference, ReferenceFeature, reference


def made(**features: np.ndarray) -> Reference:
    kinds = {name: "categorical" if values.dtype == object else "numeric" for name, values in features.items()}
    n_rows = len(next(iter(features.values())))
    return reference(features, kinds, np.arange(n_rows) % 2, np.full(n_rows, 0.5))


def test_a_reference_returns_from_json_exactly() -> None:
    numbers = np.random.default_rng(0).lognormal(size=1_000)
    levels = np.array(["a", "b", None, "c"] * 250, dtype=object)

    kept = made(size=numbers, plan=levels)

    assert Reference.from_dict(json.loads(json.dumps(kept.as_dict()))) == kept


def test_figures_without_negative_values_are_taken_by_their_logarithm() -> None:
    known = made(size=np.array([0.0, 9.0, 99.0]), change=np.array([-1.0, 1.0, 3.0]))

    size, change = known.features

    assert (size.log, change.log) == (True, False)
    assert size.mean == pytest.approx(np.log1p([0, 9, 99]).mean())
    assert (change.mean, change.deviation) == (pytest.approx(1.0), pytest.approx(np.std([-1, 1, 3])))


def test_values_are_standardised_and_winsorised() -> None:
    feature = ReferenceFeature("change", "numeric", mean=10.0, deviation=2.0)

    (column,) = feature.columns(np.array([10.0, 12.0, 1e9, -1e9, np.nan]))

    assert column.tolist() == [0.0, 1.0, 2.5, -2.5, 0.0]


def test_a_negative_value_of_a_feature_that_had_none_is_taken_as_zero() -> None:
    feature = ReferenceFeature("size", "numeric", log=True, mean=1.0)

    assert feature.columns(np.array([-5.0]))[0].tolist() == [-1.0]


@pytest.mark.parametrize(("n_missing", "words"), [(50, ("size",)), (51, ("size", "a missing size"))])
def test_missing_values_get_a_column_from_more_than_five_percent(n_missing: int, words: tuple[str, ...]) -> None:
    values = np.arange(1_000.0)
    values[:n_missing] = np.nan

    known = made(size=values)

    assert known.words == words
    assert [blank for _, blank in known.new] == [True] * (n_missing == 50)
    assert known.design({"size": values}, np.full(1_000, 0.5)).shape == (1_000, 2 + len(words) + len(known.new))


def test_frequent_levels_but_the_most_frequent_get_a_column() -> None:
    plan = np.array(["basic"] * 500 + ["gold"] * 300 + [None] * 150 + ["rare"] * 49 + ["odd"], dtype=object)

    known = made(plan=plan)

    assert known.features[0].levels == ("gold", "")
    assert known.words == ("plan = gold", "plan = missing")
    assert known.features[0].columns(np.array(["gold", None, "new"], dtype=object))[1].tolist() == [0.0, 1.0, 0.0]


def test_levels_need_ten_rows_and_are_at_most_ten() -> None:
    few = np.array(["a"] * 30 + ["b"] * 9, dtype=object)
    many = np.array([f"level {number:02}" for number in range(20)] * 100, dtype=object)

    assert made(plan=few).features[0].levels == ()
    assert made(plan=many).features[0].levels == tuple(f"level {number:02}" for number in range(1, 10))


def test_a_constant_feature_and_an_empty_one_stay_finite() -> None:
    known = made(same=np.full(50, 3.0), empty=np.full(50, np.nan))

    design = known.design({"same": np.full(5, 3.0), "empty": np.full(5, np.nan)}, np.full(5, 0.2))

    assert np.isfinite(design).all()
    assert design[:, 2].tolist() == [0.0] * 5


def test_the_mean_score_is_the_mean_of_residual_times_design() -> None:
    features, labels = {"size": np.array([1.0, 2.0, 3.0, 4.0])}, np.array([1, 0, 1, 1])
    risks = np.array([0.5, 0.25, 0.75, 0.5])

    known = reference(features, {"size": "numeric"}, labels, risks)

    expected = (known.design(features, risks) * (labels - risks)[:, None]).mean(axis=0)
    assert known.mean_score == pytest.approx(expected)
    assert (known.n_rows, known.share) == (4, 0.75)
    assert known.design(features, risks)[:, 1].tolist() == pytest.approx([0.0, -np.log(3), np.log(3), 0.0])
