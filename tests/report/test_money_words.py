from __future__ import annotations

from typing import Any

from risk.lists import control
from risk.report import money_words, situation
from tests.report.test_situation import make_snapshot

ORDERS = {
    "n_rows": 1955, "n_leavers": 371, "n_lists": 1, "n_without_value": 0, "acceptance": 0.3, "call_cost": 60.0,
    "orders": [
        {"order": "risk", "n_listed": 40, "n_left": 29, "value_left": 6022.69, "saved": -593.193},
        {"order": "expected gain", "n_listed": 40, "n_left": 1, "value_left": 49169.98, "saved": 12350.994},
    ],
    "difference": 12944.187, "low": 3412.4, "high": 22475.97, "first_period": "2026-07", "last_period": "2026-07",
}  # fmt: skip
CAPACITY = {"calls_per_week": 50, "per": "all", "order": "expected gain", "acceptance": 0.3, "call_cost": 12.5}
BY_GAIN = {"listed": 2481.4, "n_left_over": 31, "n_losing": 1, "n_without_value": 2, "typical_value": 55.4}
MONEY = {"listed": 400.0, "everyone": 99000.0, "currency": "€", "owners": []}


def by_gain(n: int = 40, **changes: Any) -> dict[str, Any]:
    found = make_snapshot(n, capacity=CAPACITY, schema={"currency": "€"}, money=MONEY)
    found["list"] |= {"expected_gain": BY_GAIN | changes}
    return found | {"call_list": [call | {"expected_gain": 62.0} for call in found["call_list"]]}


def test_the_situation_by_expected_gain_says_what_calls_gain_and_how_many_are_left_over() -> None:
    snapshot = by_gain()

    assert situation.situation(snapshot, snapshot["call_list"]) == (
        "40 to call this week. About 34 of them are expected to leave without a call (90 % interval: 30 to 38); "
        "the calls are expected to gain 2,480 €. 31 calls are left over, for nobody else is worth one."
    )
    assert situation.situation(snapshot, snapshot["call_list"][:2], "Ann").endswith("gain 124 €.")


def test_a_provisional_release_expects_no_gain() -> None:
    snapshot = by_gain() | {"expected_leavers": None}

    assert situation.situation(snapshot, snapshot["call_list"]) == (
        "40 to call this week. 400 € are at risk. 31 calls are left over, for nobody else is worth one."
    )


def test_where_nobody_is_worth_a_call_the_situation_says_so() -> None:
    assert situation.situation(by_gain(0), []) == situation.NOT_WORTH
    assert "in all. 1,000 clients are not worth a call; 31 calls" in str(money_words.of_list(by_gain(0, n_losing=1000)))


def of_nobody() -> dict[str, Any]:
    """Return a list in the order of expected gain of clients of whom none has a value."""
    snapshot = by_gain(listed=None, n_left_over=0, n_losing=0, n_without_value=2501, typical_value=None)
    gone = {"value": None, "value_at_risk": None, "expected_gain": None, "gain_rank": None}
    return snapshot | {"money": None, "call_list": [call | gone for call in snapshot["call_list"]]}


def test_where_no_client_has_a_value_the_gain_is_not_known_and_the_list_goes_by_risk() -> None:
    snapshot = of_nobody()

    assert situation.situation(snapshot, snapshot["call_list"]) == (
        "40 to call this week. About 34 of them are expected to leave without a call (90 % interval: 30 to 38); what "
        "the calls gain is not known, for no client has a value."
    )
    assert money_words.of_list(snapshot) == (
        "The list is to be in the order of expected gain, but none of the 2,501 clients has a value: it goes by risk."
    )


def test_the_details_name_the_rule_and_who_is_left_out() -> None:
    assert money_words.of_list(by_gain()) == (
        "The list is in the order of expected gain (30 % of value × risk less 12.5 € a call): 2,481 € in all. "
        "1 other client is not worth a call; 31 calls are left over. "
        "2 clients have no value; the middle one, 55 €, stands for it."
    )
    assert money_words.of_list(make_snapshot(capacity={"calls_per_week": 1, "per": "all"})) is None


def test_both_orders_are_told_with_leavers_money_and_interval() -> None:
    assert money_words.both_orders({"orders": ORDERS, "schema": {"currency": "€"}}) == (
        "By the newest outcomes of 2026-07 (1,955 clients, 371 leavers) the 40 first by risk hold 29 leavers worth "
        "6,023 €, the 40 first by expected gain hold 1 leaver worth 49,170 €. If calls keep 30 % of these and "
        "one costs 60 €, the calls bring -593 € and 12,351 €: by expected gain 12,944 € more (95 %: 3,412 to 22,476)."
    )
    assert money_words.both_orders({"schema": {}}) is None
    assert money_words.table(ORDERS, "€").rows == [
        ["by risk", "40", "29", "6,023", "2,400", "-593"],
        ["by expected gain", "40", "1", "49,170", "2,400", "12,351"],
    ]


def test_a_cost_has_no_currency_that_says_more_than_its_sign() -> None:
    monthly = by_gain() | {"schema": {"currency": "€ a month"}}

    said, both = (
        money_words.of_list(monthly),
        money_words.both_orders({"orders": ORDERS} | {"schema": monthly["schema"]}),
    )
    table = money_words.table(ORDERS, "€ a month")

    assert "(30 % of value × risk less 12.5 a call)" in str(said)
    assert "and one costs 60, the calls bring" in str(both)
    assert [it.title for it in table.columns][3:5] == ["Value of these (€ a month)", "Cost"]


def test_a_list_of_nobody_and_a_difference_that_is_certain_are_told_plainly() -> None:
    nobody = ORDERS["orders"][1] | {"n_listed": 0, "n_left": 0, "value_left": 0.0, "saved": 0.0}
    orders = ORDERS | {"orders": [ORDERS["orders"][0] | {"saved": -4000.0}, nobody], "acceptance": 0.0}
    certain = {"difference": 4000.0, "low": 4000.0, "high": 4000.0}

    said = money_words.both_orders({"orders": orders | certain, "schema": {"currency": "€"}})
    same = money_words.both_orders({"orders": ORDERS | dict.fromkeys(certain, 0.0), "schema": {}})

    assert str(said).endswith(
        "hold 29 leavers worth 6,023 €, by expected gain nobody is worth a call. If calls keep 0 % of these and one "
        "costs 60 €, the calls bring -4,000 € and 0 €: by expected gain 4,000 € more."
    )
    assert str(same).endswith("bring -593 and 12,351: by expected gain as much.")


def of_past(
    expected: float, half: float, came: float, order: str = "expected gain", n_lists: int = 1,
    behind: str | None = None, **schema: Any,
) -> str | None:  # fmt: skip
    """Return what is said of lists of past clients whose leavers were to be worth so much, and were worth what came."""
    bounds = {"value_expected": expected, "value_low": expected - half, "value_high": expected + half}
    lists = [it | bounds | {"value_left": came, "saved": 0.3 * came - 2400} for it in ORDERS["orders"]]
    schema = {"currency": "€", "value": "revenue", "features": {"x": "numeric"}} | schema
    changes = {
        "orders": ORDERS | {"orders": lists, "n_lists": n_lists},
        "schema": schema,
        "capacity": CAPACITY | {"order": order},
        "release": {"behind": behind},
    }
    return money_words.kept_promise(by_gain() | changes)


def test_where_the_newest_outcomes_brought_less_or_more_than_the_risks_promised_both_figures_are_told() -> None:
    assert of_past(238_873.7, 108_118, 98_622) == (
        "On the newest outcomes such a list was to gain 69,262 € by the same reckoning, for as many leavers as there "
        "were, and would have gained 27,187 €, clearly less: name 'revenue' in schema.features too, so that the "
        "risks know what a client is worth."
    )
    assert of_past(90_000.0, 1000, 98_622, features={"revenue": "numeric"}) == (
        "On the newest outcomes such a list was to gain 24,600 € by the same reckoning, for as many leavers as there "
        "were, and would have gained 27,187 €, clearly more: count on the second figure rather than on the first."
    )
    assert of_past(90_000.0, 1000, 98_622, "risk", value="worth", features={"worth": "numeric"}) == (
        "On the newest outcomes such a list held 90,000 € at risk by the same reckoning, for as many leavers as there "
        "were, and clients worth 98,622 € left, clearly more: count on the second figure rather than on the first."
    )


def test_what_several_lists_promised_together_is_not_told_of_one() -> None:
    by_gain, by_risk = (str(of_past(90_000.0, 1000, 98_622, order, 2)) for order in ("expected gain", "risk"))

    assert by_gain.startswith("On the newest outcomes 2 such lists together were to gain 24,600 €")
    assert by_risk.startswith("On the newest outcomes 2 such lists together held 90,000 € at risk")


def test_a_promise_that_was_kept_or_of_which_nothing_is_known_is_not_told() -> None:
    assert of_past(238_873.7, 150_000, 98_622) is None
    assert of_past(0.0, 0, 0) is None
    assert of_past(238_873.7, 108_118, 98_622, behind="2-ab") is None
    assert money_words.kept_promise(by_gain()) is None
    assert money_words.kept_promise(by_gain() | {"orders": ORDERS}) is None  # of an older program


def test_the_acceptance_that_the_control_group_shows_stands_beside_the_one_that_is_set() -> None:
    left, drawn = [1] * 14 + [0] * 26 + [1] * 20 + [0] * 20, [False] * 40 + [True] * 40
    found = control.compare(left, drawn)  # type: ignore[arg-type]
    assert found is not None
    told = {"acceptance": found.acceptance, "acceptance_low": found.acceptance_low}

    snapshot = {"outcomes": {"control": told | {"acceptance_high": found.acceptance_high}}, "capacity": CAPACITY}

    assert money_words.measured(snapshot) == (
        "By the control group calls kept 30 % of those who would have left (95 %: -18 to 59 %); "
        "capacity.acceptance is 30 %."
    )
    assert money_words.measured({"outcomes": {"control": {"sentence": "x"}}, "capacity": CAPACITY}) is None
