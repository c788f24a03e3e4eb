from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from risk.modeling import families, fitting, reasons
from risk.report import call_list
from risk.schema import Feature, Schema
from risk.settings import Capacity


def test_the_highest_risk_comes_first_and_ties_go_by_name() -> None:
    order = call_list.rank(["b", "a", "c"], np.array([0.5, 0.5, 0.9]))

    assert order.tolist() == [2, 1, 0]
    assert call_list.ranks(np.array([0.9, 0.5, 0.5, 0.1])).tolist() == [1, 2, 2, 4]


def test_differences_beyond_twelve_digits_are_none() -> None:
    order = call_list.rank(["b", "a"], np.array([0.5 + 1e-14, 0.5]))

    assert order.tolist() == [1, 0]


def test_there_is_time_to_call_so_many_in_all_or_of_each_owner() -> None:
    everyone = pd.DataFrame({"owner": ["x", "x", "y", "x", None, "y"]})

    in_all, of_each = Capacity(2, "all"), Capacity(1, "owner")

    assert call_list.first(everyone, in_all).index.tolist() == [0, 1]
    assert call_list.first(everyone[:1], in_all).index.tolist() == [0]
    assert call_list.first(everyone, of_each).index.tolist() == [0, 2, 4]
    assert call_list.first(everyone.assign(owner=None), of_each).index.tolist() == [0]


def test_a_reason_names_the_figure_that_raises_the_risk_above_the_average() -> None:
    frame = pd.DataFrame({"month": [1.0, 60.0, np.nan, 60.0], "size": [50.0] * 4, "plan": ["a", "a", "b", "a"]})
    kinds = {"month": "numeric", "size": "numeric", "plan": "categorical"}

    def predict(rows: pd.DataFrame) -> np.ndarray:
        return np.where(rows["month"].fillna(0) < 10, 0.9, 0.1) * np.where(rows["plan"] == "b", 1.05, 1)

    told = reasons.reasons(predict, frame, kinds, frame, plain(kinds))

    assert told == [["month 1 (typical 60)"], [], ["month unknown (typical 60)", "plan b (typical a)"], []]


def test_a_reason_is_said_in_the_words_of_the_settings() -> None:
    month, plan = Feature(label="Calls last month", unit="calls"), Feature("categorical", unit="months")
    schema = Schema(period="day", features={"mthact": month, "plan": plan, "d": Feature(change_of="mthact", label="D")})
    frame = pd.DataFrame({"mthact": [1.0, 60.0, np.nan, 60.0], "plan": ["a", "a", "b", "a"], "d": [0.0] * 4})

    def predict(rows: pd.DataFrame) -> np.ndarray:
        return np.where(rows["mthact"].fillna(0) < 10, 0.9, 0.1) * np.where(rows["plan"] == "b", 1.05, 1)

    told = reasons.reasons(predict, frame, schema.kinds, frame, schema.labels)

    assert told[0] == ["Calls last month 1 calls (typical 60)"]
    assert told[2] == ["Calls last month unknown (typical 60)", "plan b months (typical a)"]


def test_words_change_neither_the_dataset_nor_what_a_model_fits() -> None:
    bare, said = (Schema(features={"n": it}) for it in (Feature(), Feature(label="Number", unit="€")))

    assert (bare.identity, bare.kinds) == (said.identity, said.kinds)


def test_value_at_risk_is_value_times_risk_of_those_whose_value_is_known() -> None:
    everyone = pd.DataFrame(
        {"owner": ["Ann", "Bo", "Ann", None], "value": [100.0, 1_000.0, np.nan, 10.0], "risk": [0.5, 0.2, 0.9, 0.1]}
    )
    schema = Schema(value="worth", currency="€")

    money = call_list.money(everyone, [{"value_at_risk": 50.0}, {"value_at_risk": None}], schema)

    assert money == {
        "currency": "€", "listed": 50.0, "everyone": 251.0,
        "owners": [{"owner": "Bo", "at_risk": 200.0}, {"owner": "Ann", "at_risk": 50.0}],
    }  # fmt: skip
    assert call_list.money(everyone.assign(value=None), [], schema) is None


def plain(kinds: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the names of features as their labels."""
    return {name: (name, "") for name in kinds}


def clients(n: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return clients of whom most have the contract that lets them leave, and who left."""
    draw = np.random.default_rng(n)
    x = pd.DataFrame({"tenure": draw.lognormal(3, 1, n).round(), "senior": draw.integers(0, 2, n) * 1.0})
    x["contract"] = draw.choice(np.array(["Month-to-month", "One year", None], dtype=object), n, p=[0.6, 0.3, 0.1])
    x.loc[::9, "tenure"] = np.nan
    pull = np.where(x["contract"] == "Month-to-month", 1.0, -2.0) - 0.03 * x["tenure"].fillna(20)
    return x, (draw.random(n) < 1 / (1 + np.exp(-pull))).astype(float)


KINDS = {"tenure": "numeric", "senior": "numeric", "contract": "categorical"}


def fitted(family: families.Family, x: pd.DataFrame, left: np.ndarray) -> reasons.Predict:
    estimator = fitting.fit(family, KINDS, fitting.features(x, KINDS), left)
    return lambda frame: fitting.risks_of(estimator, fitting.features(frame, KINDS))


@pytest.mark.slow
@pytest.mark.parametrize("family", families.KNOWN, ids=lambda it: it.name)
def test_a_common_level_can_be_a_reason(family: families.Family) -> None:
    x, left = clients(600)

    told = reasons.reasons(fitted(family, x, left), x, KINDS, x, plain(KINDS))

    of_level = [why for why, contract in zip(told, x["contract"], strict=True) if contract == "Month-to-month"]
    named = [
        any(re.fullmatch(r"contract Month-to-month \(as \d+ % of clients\)", it) for it in why) for why in of_level
    ]
    assert np.mean(named) > 0.95
    assert not any("contract One year" in why for sentences in told for why in sentences)


@pytest.mark.parametrize(("n", "error"), [(90, 1e-9), (5_000, 0.02)])
def test_where_features_add_up_a_rise_is_the_term_less_its_mean_over_the_clients(n: int, error: float) -> None:
    x, left = clients(n)
    features = fitting.features(x, KINDS)
    logit = fitting.fit(families.KNOWN[0], KINDS, features, left).decision_function

    rises = reasons.against_average(fitted(families.KNOWN[0], x, left), x.iloc[:40], KINDS, x)

    alike = features.iloc[[0] * n].reset_index(drop=True)
    for name in KINDS:
        term = logit(alike.assign(**{name: features[name]}))
        assert rises[name] == pytest.approx((term - term.mean())[:40], abs=error), name


def test_long_lists_are_answered_by_fewer_questions() -> None:
    asked = []

    def predict(rows: pd.DataFrame) -> np.ndarray:
        asked.append(len(rows))
        return np.full(len(rows), 0.5)

    x = pd.DataFrame({f"f{n}": np.arange(3_000.0) for n in range(20)})

    kinds = dict.fromkeys(x, "numeric")
    reasons.reasons(predict, x, kinds, x, plain(kinds))

    assert sum(asked) <= 3_000 * (1 + 20 * reasons.FEWEST_VALUES)
    assert max(asked) <= reasons.MOST_ROWS


def test_typical_is_a_middle_value_that_occurs_and_the_most_frequent_level() -> None:
    frame = pd.DataFrame({"month": [1.0, 2.0, 9.0, np.nan], "plan": ["b", "a", "a", None], "none": [None] * 4})
    frame["flag"] = [0.0, 1.0, 0.0, 1.0]
    kinds = {"month": "numeric", "plan": "categorical", "none": "categorical", "flag": "numeric"}

    assert reasons.typical(frame, kinds) == {"month": 2.0, "plan": "a", "none": None, "flag": 0.0}


def test_where_terms_add_up_a_reason_is_exact_whatever_the_number_of_values() -> None:
    draw = np.random.default_rng(0)
    kinds = {"heavy": "numeric", "plain": "numeric", "plan": "categorical"}
    x = pd.DataFrame({"heavy": draw.lognormal(0, 2, 3_000), "plain": draw.normal(size=3_000)})
    x["plan"] = draw.choice(np.array(["a", "b", None], dtype=object), 3_000)
    term = {"heavy": 0.02 * x["heavy"], "plain": 0.5 * x["plain"], "plan": 0.8 * (x["plan"] == "b")}

    def predict(frame: pd.DataFrame) -> np.ndarray:
        logit = 0.02 * frame["heavy"] + 0.5 * frame["plain"] + 0.8 * (frame["plan"] == "b") - 1
        return np.asarray(1 / (1 + np.exp(-logit)), dtype=np.float64)

    few, many = (reasons.terms(predict, x.iloc[:n], kinds, x) for n in (5, 2_000))

    for name in kinds:
        assert many[name] == pytest.approx((term[name] - term[name].mean()).to_numpy()[:2_000], abs=1e-6)
        assert few[name] == pytest.approx(many[name][:5])
