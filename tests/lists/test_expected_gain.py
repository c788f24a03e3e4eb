from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.drift import season
from risk.lists import both_orders, call_list, expected_gain, moves
from risk.lists.moves import FormerList
from risk.registry.out_of_fold import NewestRows, RatedRows
from risk.settings.capacity import BY_GAIN, Capacity
from risk.settings.schema import Feature, Schema

IN_ORDER = Capacity(2, order=BY_GAIN, acceptance=0.5, call_cost=10)
VALUES = st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(0, 50).map(float))
CLIENTS = st.lists(st.tuples(st.floats(0, 1), VALUES, st.sampled_from([None, "Ann", "Bo"])), max_size=40)


def clients(*rows: tuple[float, Any, Any]) -> pd.DataFrame:
    """Return clients a, b, c… of a risk, a value and an owner each; the risks fall."""
    ordered = sorted(rows, key=lambda row: -row[0])
    frame = pd.DataFrame(ordered, columns=["risk", "value", "owner"]).astype({"risk": float, "owner": object})
    return frame.assign(client=[f"c{place:02d}" for place in range(len(frame))])


def listed(
    everyone: pd.DataFrame, capacity: Capacity, former: set[str] | None = None, off: set[str] | None = None
) -> str:
    chosen = moves.chosen(everyone, capacity, off or set(), former or set())
    return " ".join(name.removeprefix("c0") for name in chosen["client"])


EVERYONE = clients((0.9, 10.0, "A"), (0.8, 100.0, "A"), (0.7, 20.0, "A"), (0.5, 200.0, "B"), (0.4, None, "B"))


def test_the_order_by_expected_gain_leaves_out_whom_a_call_loses_money() -> None:
    assert expected_gain.gains(EVERYONE, IN_ORDER).tolist() == [-5.5, 30.0, -3.0, 40.0, 2.0]
    assert listed(EVERYONE, IN_ORDER) == "3 1"
    assert listed(EVERYONE, replace(IN_ORDER, calls_per_week=5)) == "3 1 4"
    assert listed(EVERYONE, replace(IN_ORDER, order="risk")) == "0 1"
    assert listed(EVERYONE, replace(IN_ORDER, call_cost=40.0)) == "3"
    assert listed(EVERYONE, replace(IN_ORDER, call_cost=50.0)) == ""
    assert listed(EVERYONE, replace(IN_ORDER, acceptance=0.0)) == ""


def test_the_middle_value_stands_for_one_that_is_not_known() -> None:
    everyone = clients((0.9, None, None), (0.8, 100.0, None), (0.3, 400.0, None), (0.1, 40.0, None), (0.1, None, None))

    assert expected_gain.values(everyone).tolist() == [100.0, 100.0, 400.0, 40.0, 100.0]
    assert listed(everyone, replace(IN_ORDER, calls_per_week=9)) == "2 0 1"


def test_a_negative_value_is_warned_of_and_counts_as_nothing_to_be_saved() -> None:
    everyone = clients((0.9, -500.0, "A"), (0.8, 100.0, "A"), (0.7, None, "B"), (0.2, -20.0, "B"))
    schema = Schema(owner="owner", value="value", currency="€")

    money = call_list.money(everyone, [{"value_at_risk": 80.0}], schema)
    told = expected_gain.of_list([{"expected_gain": 30.0, "control": False}], everyone, set(), IN_ORDER)

    assert expected_gain.values(everyone).tolist() == [0.0, 100.0, 0.0, 0.0]
    assert (told or {})["typical_value"] == 0.0
    assert listed(everyone, replace(IN_ORDER, call_cost=0.0)) == "1"
    assert [expected_gain.value_at_risk(it, 0.5) for it in (-500.0, 100.0, None)] == [0.0, 50.0, None]
    assert money is not None
    assert (money["everyone"], [it["at_risk"] for it in money["owners"]]) == (80.0, [80.0, 0.0])
    assert expected_gain.warnings(everyone, "€") == [
        "2 clients have a negative value, the lowest of -500 €. It counts as 0 in values at risk and expected gains, "
        "for there is nothing to be saved. Where that is not meant, correct it in the file."
    ]
    assert expected_gain.warnings(EVERYONE, None) == expected_gain.warnings(everyone.assign(value=None), None) == []


def test_where_no_value_is_known_the_list_is_by_risk() -> None:
    everyone = EVERYONE.assign(value=None)

    told = expected_gain.of_list([{"expected_gain": None, "control": False}] * 2, everyone, set(), IN_ORDER)

    assert listed(everyone, IN_ORDER) == "0 1"
    assert expected_gain.of_calls(everyone[:1], everyone, IN_ORDER) == [{"expected_gain": None, "gain_rank": None}]
    assert told == {"listed": None, "n_left_over": 0, "n_losing": 0, "n_without_value": 5, "typical_value": None}


def test_equal_gains_go_by_risk_then_by_name_and_share_a_rank() -> None:
    everyone = clients((0.8, 50.0, None), (0.4, 100.0, None), (0.4, 100.0, None), (0.2, 100.0, None))

    told = expected_gain.of_calls(everyone, everyone, IN_ORDER)

    assert listed(everyone, replace(IN_ORDER, calls_per_week=3)) == "0 1 2"
    assert [(it["expected_gain"], it["gain_rank"]) for it in told] == [(10.0, 1), (10.0, 1), (10.0, 1), (0.0, 4)]
    assert expected_gain.of_calls(everyone, everyone, Capacity()) == [{}, {}, {}, {}]


def test_the_list_by_expected_gain_is_as_quiet_and_leaves_the_same_clients_in_peace() -> None:
    everyone = clients(*((0.9 - place / 100, 1000.0 - place, None) for place in range(13)))
    ten = Capacity(10, order=BY_GAIN)

    assert listed(everyone, ten).split()[-1] == "9"
    assert listed(everyone, ten, {"c10"}).split()[-1] == "c10"
    assert listed(everyone, ten, {"c11"}).split()[-1] == "9"
    assert listed(everyone, ten, off={"c00"}).split()[-1] == "c10"
    assert listed(EVERYONE, IN_ORDER, {"c00"}) == "3 1"  # whom a call loses money does not stay


def test_calls_that_are_left_over_are_counted_of_each_owner() -> None:
    capacity = replace(IN_ORDER, per="owner", calls_per_week=3)
    calls = [{"expected_gain": 40.0, "control": False}, {"expected_gain": 30.0, "control": True}]
    calls += [{"expected_gain": 2.0, "control": False}]

    told = expected_gain.of_list(calls, EVERYONE, set(), capacity)

    assert listed(EVERYONE, capacity) == "3 1 4"
    assert told == {"listed": 42.0, "n_left_over": 2, "n_losing": 2, "n_without_value": 1, "typical_value": 60.0}
    assert expected_gain.of_list(calls, EVERYONE, set(), replace(capacity, order="risk")) is None


@given(CLIENTS, st.integers(1, 9), st.sampled_from(["all", "owner"]), st.floats(0, 1), st.floats(0, 1e4))
def test_the_order_by_expected_gain_never_expects_less_than_the_order_by_risk(
    rows: list[tuple[float, float | None, str | None]], k: int, per: Any, acceptance: float, cost: float
) -> None:
    everyone = clients(*rows)
    by_gain = Capacity(k, per, BY_GAIN, acceptance, cost)

    def total(capacity: Capacity) -> float:
        return float(np.nansum(gains[moves.chosen(everyone, capacity, (), set()).index]))

    gains = expected_gain.gains(everyone, by_gain)
    assert total(by_gain) >= total(replace(by_gain, order="risk")) - 1e-6
    assert not (gains[moves.chosen(everyone, by_gain, (), set()).index] <= 0).any()


def test_who_gave_the_place_to_a_greater_gain_or_is_not_worth_a_call_is_told_so() -> None:
    former = pd.DataFrame({"rank": [1, 2, 3], "risk": [0.9, 0.7, 0.5], "on_list": True}, index=["c00", "c02", "c03"])

    gone = moves.gone(FormerList("2026-11-20", "1-a", former), [{"client": "c01"}], EVERYONE, (), IN_ORDER)

    assert [it["why"] for it in gone] == [
        "a call is not worth its cost",
        "a call is not worth its cost",
        "others are expected to gain more",
    ]


# --- both orders by what came of past clients -------------------------------------------------------------------------


def past(*left: int) -> pd.DataFrame:
    return EVERYONE.assign(left=[float(it) for it in left])


def test_both_orders_are_compared_by_who_left_and_what_they_were_worth() -> None:
    found = both_orders.compared([past(1, 1, 0, 0, 1), past(0, 0, 1, 1, 1)], IN_ORDER)

    by_risk, by_gain = found["orders"]
    known = ("order", "n_listed", "n_left", "value_left", "saved")
    assert [by_risk[name] for name in known] == ["risk", 4, 2, 110.0, 15.0]
    assert [by_gain[name] for name in known] == ["expected gain", 4, 2, 300.0, 110.0]
    assert [it["value_expected"] for it in (by_risk, by_gain)] == pytest.approx([169.1, 327.2], abs=0.1)
    assert both_orders.compared([past(0, 0, 0, 0, 1)], replace(IN_ORDER, call_cost=0))["orders"][1]["value_left"] == 0
    assert (found["n_rows"], found["n_leavers"], found["n_lists"], found["n_without_value"]) == (10, 6, 2, 2)
    assert (found["difference"], found["low"] < 95 < found["high"]) == (95.0, True)


def test_equal_lists_differ_by_nothing_with_certainty() -> None:
    same = clients((0.9, 1000.0, None), (0.5, 1000.0, None)).assign(left=[1.0, 0.0])

    found = both_orders.compared([same], IN_ORDER)

    assert (found["difference"], found["low"], found["high"]) == (0, 0, 0)


@pytest.mark.parametrize("acceptance", [0.0, 0.5, 1.0])
def test_the_order_by_gain_may_call_nobody_and_saves_nothing(acceptance: float) -> None:
    found = both_orders.compared([past(1, 1, 1, 1, 1)[:4]], replace(IN_ORDER, acceptance=acceptance, call_cost=1000.0))

    assert not any(it for name, it in found["orders"][1].items() if name != "order")


def kept(everyone: pd.DataFrame, truth: Any, rng: np.random.Generator) -> float:
    """The share of draws in which what came of a list of 60 lies within what was promised."""
    left = (everyone.assign(left=(rng.random(len(everyone)) < truth).astype(float)) for _ in range(200))
    found = [both_orders.compared([it], replace(IN_ORDER, calls_per_week=60, call_cost=0))["orders"] for it in left]
    return float(np.mean([it["value_low"] <= it["value_left"] <= it["value_high"] for _, it in found]))


def test_what_the_risks_promised_of_a_list_has_the_spread_of_who_leaves_by_them() -> None:
    rng = np.random.default_rng(0)
    worth = rng.lognormal(4, 1, 300)
    everyone = clients(*((risk, it, None) for risk, it in zip(rng.uniform(0.1, 0.9, 300), worth, strict=True)))
    risk, value = everyone["risk"].to_numpy(), everyone["value"].to_numpy()

    assert 0.9 <= kept(everyone, risk, rng) <= 0.99
    assert kept(everyone, np.where(value > 60, 0.4, 1.2) * risk, rng) < 0.05


@pytest.mark.parametrize("level", [-1.0, 1.0])
def test_a_promise_is_not_broken_by_how_many_leave(level: float) -> None:
    rng = np.random.default_rng(1)
    worth = rng.lognormal(4, 1, 300)
    everyone = clients(*((risk, it, None) for risk, it in zip(rng.uniform(0.1, 0.9, 300), worth, strict=True)))

    assert 0.9 <= kept(everyone, season.moved(everyone["risk"].to_numpy(), level), rng) <= 0.99


def test_each_list_of_the_past_has_a_level_of_its_own() -> None:
    of = {100.0: 1, 1000.0: 9}  # a value, and how many of ten leave
    lists = [clients(*[(0.5, it, None)] * 60).assign(left=[float(at % 10 < of[it]) for at in range(60)]) for it in of]

    by_risk, _ = both_orders.compared(lists, replace(IN_ORDER, calls_per_week=60))["orders"]

    assert by_risk["value_expected"] == pytest.approx(by_risk["value_left"], rel=0.01)


def test_a_past_period_in_which_no_value_was_known_is_not_counted() -> None:
    schema = Schema(client="client", target="left", features={"x": Feature("numeric")}, value="value", period="period")
    rows = pd.concat([past(1, 0, 1, 0, 1).assign(period=period, x=1.0) for period in ("2026-01", "2026-02")])
    rows = rows.assign(value=rows["value"].where(rows["period"] == "2026-02")).reset_index(drop=True)
    rated = RatedRows(NewestRows(rows, {}, sampled=False), rows["risk"].to_numpy(), 0)

    found = both_orders.of_newest(rated, schema, IN_ORDER)
    newest = NewestRows(rows[5:], {}, sampled=False)  # as they are found among rows of more periods
    among = both_orders.of_newest(RatedRows(newest, rated.risks[5:], 0), schema, IN_ORDER)

    assert found is not None
    assert found == among
    assert (found["n_lists"], found["n_rows"], found["first_period"]) == (1, 5, "2026-02")
    assert found["orders"][0]["saved"] == pytest.approx(0.5 * 10 - 20)
