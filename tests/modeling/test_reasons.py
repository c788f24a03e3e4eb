from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from risk.modeling import families, fitting, reasons
from risk.modeling.metrics import log_odds

KINDS = {"tenure": "numeric", "senior": "numeric", "contract": "categorical"}


def clients(n: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return clients of whom most have the contract that lets them leave, and who left."""
    draw = np.random.default_rng(n)
    x = pd.DataFrame({"tenure": draw.lognormal(3, 1, n).round(), "senior": draw.integers(0, 2, n) * 1.0})
    x["contract"] = draw.choice(np.array(["Month-to-month", "One year", None], dtype=object), n, p=[0.6, 0.3, 0.1])
    x.loc[::9, "tenure"] = np.nan
    pull = np.where(x["contract"] == "Month-to-month", 1.0, -2.0) - 0.03 * x["tenure"].fillna(20)
    return x, (draw.random(n) < 1 / (1 + np.exp(-pull))).astype(float)


def fitted(family: families.Family, x: pd.DataFrame, left: np.ndarray) -> reasons.Predict:
    estimator = fitting.fit(family, KINDS, fitting.features(x, KINDS), left)
    return lambda frame: fitting.risks_of(estimator, fitting.features(frame, KINDS))


@pytest.mark.slow
@pytest.mark.parametrize("family", families.KNOWN, ids=lambda it: it.name)
def test_the_rises_of_a_client_sum_to_its_log_odds_less_the_average(family: families.Family) -> None:
    x, left = clients(600)
    predict, adds_up = fitted(family, x, left), family is families.KNOWN[0]
    x = x.iloc[np.argsort(-predict(x), kind="stable")].reset_index(drop=True)

    rises = reasons.rises(predict, x.iloc[:20], KINDS, x, adds_up=adds_up)

    average = log_odds(predict(x if adds_up else reasons.compared(x, 20, len(KINDS)))).mean()
    assert sum(rises.values()) == pytest.approx(log_odds(predict(x.iloc[:20])) - average, abs=1e-9)
    assert average == pytest.approx(log_odds(predict(x)).mean(), abs=0.1)


def test_where_features_add_up_walks_find_the_terms() -> None:
    x, left = clients(90)
    features = fitting.features(x, KINDS)
    logit = fitting.fit(families.KNOWN[0], KINDS, features, left).decision_function

    rises = reasons.rises(fitted(families.KNOWN[0], x, left), x.iloc[:40], KINDS, x)

    alike = features.iloc[[0] * len(x)].reset_index(drop=True)
    for name in KINDS:
        term = logit(alike.assign(**{name: features[name]}))
        assert rises[name] == pytest.approx((term - term.mean())[:40], abs=1e-9), name


def test_long_lists_are_compared_with_fewer_clients() -> None:
    asked = []

    def predict(rows: pd.DataFrame) -> np.ndarray:
        asked.append(len(rows))
        return np.full(len(rows), 0.5)

    x = pd.DataFrame({f"f{n}": np.arange(3_000.0) for n in range(20)})

    reasons.rises(predict, x, dict.fromkeys(x, "numeric"), x)

    assert sum(asked) <= 3_000 * 21 * reasons.FEWEST_COMPARED
    assert max(asked) <= reasons.MOST_ROWS


def test_how_many_times_the_risk_it_would_be_with_another_value() -> None:
    frame = pd.DataFrame({"month": [1.0, 60.0]})

    times = reasons.times_the_risk(
        lambda rows: np.where(rows["month"] < 10, 0.9, 0.1),
        frame,
        frame[::-1].reset_index(drop=True),
        {"month": "numeric"},
    )

    assert times["month"] == pytest.approx([9.0, 1 / 9])


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

    few, many = (reasons.rises(predict, x.iloc[:n], kinds, x, adds_up=True) for n in (5, 2_000))

    for name in kinds:
        assert many[name] == pytest.approx((term[name] - term[name].mean()).to_numpy()[:2_000], abs=1e-6)
        assert few[name] == pytest.approx(many[name][:5])
