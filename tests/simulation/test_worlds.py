"""The made-up worlds: what they promise about their clients and about the truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from risk.errors import UsageError
from risk.simulation._worlds import LARGE, Floats, Month, history, month, number_of, period_of, true_risk, worlds


def steady_risk(seen: Month) -> Floats:
    figures = (seen.lastmonth_activity, seen.lastyear_activity, seen.number_of_employees)
    return true_risk("steady", 0, *figures)


def area_under_curve(exited: np.ndarray, risk: np.ndarray) -> float:
    order = np.argsort(np.argsort(risk)) + 1
    leavers = exited == 1
    n_leavers, n_stayers = int(leavers.sum()), int((~leavers).sum())
    return float((order[leavers].sum() - n_leavers * (n_leavers + 1) / 2) / (n_leavers * n_stayers))


@pytest.mark.slow
def test_every_steady_month_loses_about_a_fifth_of_its_clients() -> None:
    months = list(history("steady", 24))

    shares = [float(seen.exited.mean()) for seen in months]

    assert len(shares) == 24
    assert min(shares) >= 0.18
    assert max(shares) <= 0.22


def test_a_month_keeps_its_size_and_leavers_never_come_back() -> None:
    gone: set[str] = set()

    for seen in history("steady", 12, clients=500):
        clients = set(seen.client.tolist())
        assert len(clients) == 500
        assert not clients & gone
        gone |= set(seen.client[seen.exited == 1].tolist())

    assert len(gone) > 500


def test_who_stays_is_there_in_the_next_month() -> None:
    first, second = history("steady", 2, clients=500)

    staying = set(first.client[first.exited == 0].tolist())

    assert staying == set(first.client.tolist()) & set(second.client.tolist())


@pytest.mark.slow
def test_leaving_follows_the_true_risk() -> None:
    seen = month("steady", 6, clients=20_000)

    area = area_under_curve(seen.exited, seen.risk)
    deciles = np.array_split(np.argsort(seen.risk), 10)
    errors = [abs(seen.exited[rows].mean() - seen.risk[rows].mean()) for rows in deciles]

    assert 0.80 <= area <= 0.85
    assert max(errors) < 0.04


@pytest.mark.slow
def test_the_risk_is_a_function_of_what_is_seen() -> None:
    seen = month("steady", 4)

    again = steady_risk(seen)

    assert 0.005 < np.isnan(seen.lastmonth_activity).mean() < 0.015
    np.testing.assert_array_equal(seen.risk, again)


def test_the_risk_is_the_documented_rule() -> None:
    lastmonth, lastyear, employees = np.array([0.0, 50.0, np.nan]), np.array([24, 600, 600]), np.array([10, 100, 100])

    risk = true_risk("steady", 0, lastmonth, lastyear, employees)

    usual = -2.72 - 2.1 * np.log(51) + 2.0 * np.log(601) - 0.8 * np.log(101)
    quiet = -2.72 + 2.0 * np.log(25) - 0.8 * np.log(11) + 0.6
    np.testing.assert_allclose(risk, 1 / (1 + np.exp([-quiet, -usual, -usual])))


def test_last_year_is_the_sum_of_the_months() -> None:
    months = list(history("steady", 13, clients=2_000))
    first, last = months[0], months[-1]
    stayed = np.flatnonzero(first.client == last.client)

    months_seen = np.array([seen.lastmonth_activity[stayed] for seen in months[1:]])
    complete = ~np.isnan(months_seen).any(axis=0)

    assert complete.sum() > 50
    np.testing.assert_array_equal(months_seen.sum(axis=0)[complete], last.lastyear_activity[stayed][complete])


@pytest.mark.slow
def test_activity_and_size_are_heavy_tailed_and_activity_lingers() -> None:
    first, second = history("steady", 2)
    stayed = (first.client == second.client) & ~np.isnan(first.lastmonth_activity + second.lastmonth_activity)

    skewed = [
        np.nanmean(figures) / np.nanmedian(figures) for figures in (first.lastmonth_activity, first.contract_value)
    ]
    deviation = [np.log1p(seen.lastmonth_activity) - np.log1p(seen.lastyear_activity / 12) for seen in (first, second)]

    assert min(skewed) > 1.5
    assert np.mean(first.number_of_employees) > 1.5 * np.median(first.number_of_employees)
    assert np.corrcoef(deviation[0][stayed], deviation[1][stayed])[0, 1] > 0.5


@pytest.mark.slow
def test_a_harmless_shift_moves_the_clients_and_not_the_rule() -> None:
    steady, shifted = month("steady", 8), month("harmless", 8, since=5)

    sizes = [float(np.median(seen.number_of_employees)) for seen in (steady, shifted)]

    assert sizes[1] < 0.8 * sizes[0]
    np.testing.assert_array_equal(shifted.risk, steady_risk(shifted))


@pytest.mark.slow
@pytest.mark.parametrize(("world", "share"), [("change", 0.6), ("segment", 0.25), ("baserate", 0.6)])
def test_a_harmful_change_moves_the_risk_of_many_clients(world: str, share: float) -> None:
    seen = month(world, 6)

    moved = np.abs(seen.risk - steady_risk(seen)) > 0.05

    assert moved.mean() > share


@pytest.mark.parametrize("world", ["change", "gradual", "segment", "baserate", "harmless", "broken"])
def test_a_world_is_steady_before_its_change(world: str) -> None:
    before = list(history(world, 3, clients=300, since=4))

    for seen, steady in zip(before, history("steady", 3, clients=300), strict=True):
        np.testing.assert_array_equal(seen.client, steady.client)
        np.testing.assert_array_equal(seen.risk, steady.risk)
        np.testing.assert_array_equal(seen.number_of_employees, steady.number_of_employees)


def test_a_gradual_change_is_complete_after_six_months() -> None:
    months = list(history("gradual", 8, clients=2_000, since=2))

    distance = [float(np.abs(seen.risk - steady_risk(seen)).mean()) for seen in months]

    assert distance[0] == 0
    assert distance[1:7] == sorted(distance[1:7])
    seen = months[6]
    turned = true_risk("change", 0, seen.lastmonth_activity, seen.lastyear_activity, seen.number_of_employees)
    np.testing.assert_allclose(seen.risk, turned)


@pytest.mark.slow
def test_only_large_clients_turn_in_the_segment_world() -> None:
    seen = month("segment", 5)

    moved = seen.risk != steady_risk(seen)

    assert moved.any()
    assert seen.number_of_employees[moved].min() >= LARGE


@pytest.mark.parametrize(
    ("fault", "shows"),
    [
        ("zeroed", lambda good, bad: not bad.lastmonth_activity.any()),
        ("units", lambda good, bad: np.array_equal(bad.lastyear_activity, good.lastyear_activity * 100)),
        ("swapped", lambda good, bad: np.array_equal(bad.lastyear_activity, good.number_of_employees)),
        ("constant", lambda good, bad: len(np.unique(bad.number_of_employees)) == 1),
    ],
)
def test_a_broken_feed_spoils_the_figures_of_one_month(fault: str, shows: Callable[[Month, Month], bool]) -> None:
    good = list(history("steady", 4, clients=300))

    bad = list(history("broken", 4, clients=300, since=3, fault=fault))

    assert shows(good[2], bad[2])
    assert not shows(good[3], bad[3])
    np.testing.assert_array_equal(bad[2].risk, good[2].risk)
    np.testing.assert_array_equal(bad[3].lastyear_activity, good[3].lastyear_activity)


def test_a_small_world_is_the_beginning_of_a_large_one() -> None:
    small, large = month("steady", 5, clients=200), month("steady", 5, clients=1_000)

    for name in ("client", "owner", "lastmonth_activity", "lastyear_activity", "contract_value", "exited", "risk"):
        np.testing.assert_array_equal(getattr(small, name), getattr(large, name)[:200])


def test_another_seed_is_another_world() -> None:
    first, second = month("steady", 2, clients=200, seed=1), month("steady", 2, clients=200, seed=2)

    same = first.lastyear_activity == second.lastyear_activity

    assert same.mean() < 0.1


@pytest.mark.slow
def test_no_client_is_in_two_groups() -> None:
    groups = [
        {client for seen in history("steady", 30, clients=400, group=group) for client in seen.client.tolist()}
        for group in ("source", "practice", "test")
    ]

    assert len(set().union(*groups)) == sum(len(clients) for clients in groups)


@pytest.mark.parametrize("wrong", [{"world": "stedy"}, {"fault": "zero"}, {"group": "sauce"}])
def test_an_unknown_name_is_refused(wrong: dict[str, str]) -> None:
    asked = {"world": "steady", "fault": "zeroed", "group": "source"} | wrong

    with pytest.raises(UsageError, match="expected one of"):
        month(asked.pop("world"), 1, clients=10, **asked)  # type: ignore[arg-type]


def test_every_world_says_what_happens_in_it() -> None:
    meanings = worlds()

    assert list(meanings) == ["steady", "harmless", "change", "gradual", "segment", "baserate", "broken"]
    assert all(meanings.values())


@pytest.mark.parametrize(("number", "period"), [(1, "2026-01"), (12, "2026-12"), (13, "2027-01")])
def test_months_are_counted_from_the_first(number: int, period: str) -> None:
    assert period_of(number) == period
    assert number_of(period) == number


# --- calls ------------------------------------------------------------------------------------------------------------


def test_a_call_changes_nothing_but_that_some_of_the_reached_leavers_stay() -> None:
    without, called = month("steady", 1, clients=2_000), month("steady", 1, clients=2_000, calls=200)

    saved = called.calls.place[called.calls.saved]
    results = np.array(called.calls.result)[called.calls.saved]

    np.testing.assert_array_equal(np.flatnonzero(without.exited != called.exited), saved)
    np.testing.assert_array_equal(without.risk, called.risk)
    assert len(saved) > 10
    assert (without.exited[saved] == 1).all()
    assert set(results) == {"stays"}


@pytest.mark.slow
def test_three_in_ten_of_the_reached_who_would_leave_are_saved() -> None:
    saved = reached = 0
    for seen in history("steady", 12, clients=4_000, calls=400):
        was_reached = np.array(seen.calls.result) != "not reached"
        leaving = (seen.exited[seen.calls.place] == 1) | seen.calls.saved
        saved, reached = saved + int(seen.calls.saved.sum()), reached + int((was_reached & leaving).sum())

    assert reached > 1_000
    assert 0.26 < saved / reached < 0.34


def test_the_team_calls_those_who_fell_below_their_usual_month() -> None:
    seen = month("steady", 3, clients=2_000, calls=100)

    called = seen.calls.place

    assert seen.risk[called].mean() > 2 * seen.risk.mean()
    assert np.nanmean((12 * seen.lastmonth_activity / seen.lastyear_activity)[called]) < 0.6


def test_saved_clients_are_there_in_the_next_month() -> None:
    first, second = history("steady", 2, clients=1_000, calls=100)

    saved = first.client[first.calls.place[first.calls.saved]]

    assert len(saved) > 3
    assert set(saved) <= set(second.client)
