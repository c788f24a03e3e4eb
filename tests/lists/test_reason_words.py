from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from risk.lists.reason_words import Why, explained
from risk.modeling import families, fitting
from risk.settings.schema import Feature, Schema

MONTH, SIZE = Feature(label="Calls last month", unit="calls"), Feature(context=True)


def predict(rows: pd.DataFrame) -> np.ndarray:
    """The risk of few calls, of a small client and of plan b."""
    risk = np.where(rows["month"].fillna(0) < 10, 0.8, 0.2) * np.where(rows["plan"] == "b", 1.2, 1)
    return np.asarray(risk * np.where(rows["size"] < 5, 1.0, 0.5))


def told(frame: pd.DataFrame, before: pd.DataFrame | None = None, everyone: pd.DataFrame | None = None) -> list[Why]:
    schema = Schema(features={"month": MONTH, "size": SIZE, "plan": Feature("categorical")})
    nobody = pd.DataFrame(None, frame.index, frame.columns).astype(frame.dtypes.replace({np.dtype(int): float}))
    return explained(
        predict, frame, nobody if before is None else before, frame if everyone is None else everyone, schema
    )


def clients(**columns: list[object]) -> pd.DataFrame:
    frame = pd.DataFrame({"month": [60.0] * 5, "size": [50.0] * 5, "plan": ["a"] * 5} | columns)
    return frame.astype({"plan": object})


def test_a_reason_names_the_figure_beside_the_typical_one() -> None:
    why = told(clients(month=[1.0, 60.0, np.nan, 60.0, 60.0]))

    assert [it.reasons for it in why] == [
        ["Calls last month 1 calls (typical 60)"], [], ["Calls last month unknown (typical 60)"], [], [],
    ]  # fmt: skip
    assert why[0].leading == ("month", "down")
    assert why[1].leading is None


def test_a_level_is_told_by_how_much_more_often_such_a_client_leaves() -> None:
    why = told(clients(plan=["b", "a", "a", "a", "a"]))

    assert why[0].reasons == ["plan b (leaves 1.2 × as often as with a)"]
    assert why[0].leading == ("plan", "")


@pytest.mark.parametrize("level", ["b", None])
def test_of_a_level_that_no_row_had_nothing_is_claimed(level: str | None) -> None:
    schema, frame = Schema(features={"plan": Feature("categorical")}), clients(plan=[level, *"aaaa"])[["plan"]]

    def predicted(rows: pd.DataFrame) -> np.ndarray:
        return np.asarray(np.where(rows["plan"] == "a", 0.2, 0.4))

    told = [
        explained(predicted, frame, frame, frame, schema, known={"plan": some})[0].reasons[0]
        for some in ({"a", "c"}, {"a", level or ""})
    ]

    assert told[0] == f"plan {level or 'unknown'} (the model was not trained on such clients)"
    assert told[1] == f"plan {level or 'unknown'} (leaves 2.0 × as often as with a)"


def test_a_level_with_which_hardly_more_leave_is_told_without_a_bracket() -> None:
    schema, frame = Schema(features={"plan": Feature("categorical")}), clients(plan=["b", "a", "a", "a", "a"])[["plan"]]

    def nearly_all_leave(rows: pd.DataFrame) -> np.ndarray:
        return np.asarray(np.where(rows["plan"] == "b", 0.97, 0.95))

    why = explained(nearly_all_leave, frame, frame, frame, schema)

    assert why[0].reasons == ["plan b"]  # 1.02 times as often says nothing


def test_what_nobody_can_influence_is_context_and_no_reason() -> None:
    why = told(clients(size=[1.0, 50.0, 50.0, 50.0, 50.0]))

    assert (why[0].reasons, why[0].context, why[0].leading) == ([], ["size 1 (typical 50)"], None)


def test_a_figure_is_compared_with_clients_who_are_similar() -> None:
    sizes = np.repeat([1.0, 2.0, 3.0, 40.0, 100.0], 40)
    everyone = pd.DataFrame({"month": 10 * sizes, "size": sizes, "plan": "a"}).astype({"plan": object})
    everyone.loc[199, "month"] = 9.0

    why = told(everyone.loc[[199]], everyone=everyone)

    assert why[0].reasons == ["Calls last month 9 calls (similar clients: 1,000)"]


def test_what_changed_since_the_row_before_is_told() -> None:
    now, before = clients(month=[1.0, 60.0, 60.0, 60.0, 60.0], plan=["b", "b", "a", "a", "a"]), clients()
    before.loc[1:] = np.nan

    why = told(now, before)

    assert why[0].reasons[0] == "Calls last month fell from 60 to 1 calls (typical 60)"
    assert why[0].reasons[1] == "plan changed from a to b (leaves 1.2 × as often as with a)"
    assert why[1].reasons == ["plan b (leaves 1.2 × as often as with a)"]


def test_a_change_that_is_no_reason_is_told_apart_with_its_direction() -> None:
    now, before = clients(), clients(month=[1.0] * 5)

    why = told(now, before)

    assert (why[0].reasons, why[0].changed) == ([], ["Calls last month rose from 1 to 60 calls (lowers the risk)"])


def test_drivers_hold_what_each_feature_adds_up_or_down() -> None:
    why = told(clients(month=[1.0, 60.0, 60.0, 60.0, 60.0]))

    assert [label for label, _ in why[0].drivers] == ["Calls last month", "size", "plan"]
    assert why[0].drivers[0][1] > 0 > why[1].drivers[0][1]


@pytest.mark.slow
@pytest.mark.parametrize("family", families.KNOWN, ids=lambda it: it.name)
def test_a_common_level_can_be_a_reason(family: families.Family) -> None:
    draw = np.random.default_rng(6)
    kinds = {"tenure": "numeric", "contract": "categorical"}
    x = pd.DataFrame({"tenure": draw.lognormal(3, 1, 600).round()})
    x["contract"] = draw.choice(np.array(["Month-to-month", "One year", None], dtype=object), 600, p=[0.6, 0.3, 0.1])
    pull = np.where(x["contract"] == "Month-to-month", 1.0, -2.0) - 0.03 * x["tenure"]
    left = (draw.random(600) < 1 / (1 + np.exp(-pull))).astype(float)
    estimator = fitting.fit(family, kinds, fitting.features(x, kinds), left)
    schema = Schema(features={"tenure": Feature(), "contract": Feature("categorical")})

    why = explained(
        lambda frame: fitting.risks_of(estimator, fitting.features(frame, kinds)), x,
        pd.DataFrame({"tenure": np.nan, "contract": pd.Series([None] * 600, dtype=object)}), x, schema,
    )  # fmt: skip

    monthly = [
        any("contract Month-to-month (leaves" in reason for reason in it.reasons)
        for it, contract in zip(why, x["contract"], strict=True)
        if contract == "Month-to-month"
    ]
    assert np.mean(monthly) > 0.95
    assert not any("contract One year" in reason for it in why for reason in it.reasons)
