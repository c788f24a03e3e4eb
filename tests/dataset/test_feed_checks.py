"""Faulty feeds: what is held and why, and the ordinary files that are not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from risk.dataset._feed_checks import FeedFault, Figures, faults
from risk.simulation._worlds import FAULTS, Month, history
from tests.benchmarks.feeds import KINDS, ORDINARY, STEADY, held, missed

Values = dict[str, np.ndarray]

N_CLIENTS = 500
SEEN = ("lastmonth_activity", "lastyear_activity", "number_of_employees")
KNOWN = np.array([f"c{number}" for number in range(N_CLIENTS)], dtype=object)
STRANGERS = np.array([f"d{number}" for number in range(N_CLIENTS)], dtype=object)


def figures(seed: int = 1, **changed: float) -> Values:
    """Return three columns of 500 clients: heavy-tailed, related, of different levels; each times its factor."""
    random = np.random.default_rng(seed)
    size = random.normal(0, 1, N_CLIENTS)
    logs = {"month": 4 + size, "year": 6.5 + size, "staff": 3 + 0.5 * size}
    drawn = {name: np.rint(np.exp(log + random.normal(0, 0.5, N_CLIENTS))) + 1 for name, log in logs.items()}
    return {name: column * changed.get(name, 1.0) for name, column in drawn.items()}


def later(values: Mapping[str, np.ndarray], factor: float = 1.0) -> Values:
    noise = np.random.default_rng(9).normal(0, 0.3, (len(values), N_CLIENTS))
    return {name: values[name] * factor * np.exp(one) for name, one in zip(values, noise, strict=True)}


def judged(new: Values, clients: np.ndarray = KNOWN, old: Values | None = None) -> tuple[FeedFault, ...]:
    return faults(Figures(clients, new), Figures(KNOWN, figures() if old is None else old))


def named(found: tuple[FeedFault, ...]) -> list[tuple[str, tuple[str, ...]]]:
    return [(fault.kind, fault.columns) for fault in found]


def columns(month: Month) -> Figures:
    return Figures(month.client, {name: np.asarray(getattr(month, name), dtype=np.float64) for name in SEEN})


@pytest.mark.parametrize(
    ("column", "kind"), [(0.0, "zero-filled"), (100.0, "constant"), (np.nan, "missing")], ids=["zero", "100", "blank"]
)
@pytest.mark.parametrize("clients", [KNOWN, STRANGERS], ids=["known", "strangers"])
def test_a_column_that_is_suddenly_one_value_is_found(column: float, kind: str, clients: np.ndarray) -> None:
    new = figures(2) | {"month": np.full(N_CLIENTS, column)}

    found = judged(new, clients)

    assert named(found) == [(kind, ("month",))]
    assert "500 of 500 rows; before, in " in found[0].sentence


@pytest.mark.parametrize("factor", [10, 100, 1000, 12, 1 / 10, 1 / 100, 1 / 12])
def test_other_units_are_found_client_by_client(factor: float) -> None:
    new = later(figures()) | {"year": later(figures())["year"] * factor}

    found = judged(new)

    assert named(found) == [("units", ("year",))]


def test_other_units_are_found_without_a_known_client() -> None:
    found = judged(figures(2, staff=12), STRANGERS)

    assert named(found) == [("units", ("staff",))]


@pytest.mark.parametrize("clients", [KNOWN, STRANGERS], ids=["known", "strangers"])
def test_columns_that_changed_places_are_found_and_nothing_else_is_said(clients: np.ndarray) -> None:
    values = later(figures()) if clients is KNOWN else figures(2)

    found = judged(values | {"month": values["year"], "year": values["month"]}, clients)

    assert named(found) == [("swapped", ("month", "year"))]


def test_the_sentence_says_what_was_found_with_figures() -> None:
    old = {"month": np.tile([50.0, 100.0, 200.0, 400.0, 1.0], 100)}

    (found,) = judged({"month": old["month"] * 12}, old=old)

    assert found.sentence == "month is about 12 times what it was for 500 known clients (median 1,200 instead of 100)"


@pytest.mark.parametrize("factor", [0.4, 0.5, 1.3, 2, 3, 5])
def test_true_growth_is_no_change_of_units(factor: float) -> None:
    new = later(figures(), factor)

    found = judged(new)

    assert not found


def test_clients_who_are_ten_times_larger_in_everything_are_no_change_of_units() -> None:
    new = figures(2, month=10, year=10, staff=10)

    found = judged(new, STRANGERS)

    assert not found


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_column_that_was_always_constant_is_no_fault(value: float) -> None:
    constant = {"version": np.full(N_CLIENTS, value)}

    found = judged(later(figures()) | {"version": np.full(N_CLIENTS, 7.0)}, old=figures() | constant)

    assert not found


def test_a_column_that_was_mostly_zero_or_missing_is_no_fault() -> None:
    seldom = np.where(np.arange(N_CLIENTS) < 40, 3.0, 0.0)
    old = {"seldom": seldom, "asked": np.where(seldom > 0, 1.0, np.nan)}

    found = judged({"seldom": np.zeros(N_CLIENTS), "asked": np.full(N_CLIENTS, np.nan)}, old=old)

    assert not found


def test_columns_that_are_copies_have_not_changed_places() -> None:
    old = figures()["month"]
    new = later({"month": old, "copy": old})

    found = judged(new, old={"month": old, "copy": old})

    assert not found


def test_a_month_that_moves_on_to_the_next_column_has_not_changed_places() -> None:
    peak = np.random.default_rng(3).normal(5, 1, N_CLIENTS)
    noise = np.exp(np.random.default_rng(4).normal(0, 0.1, (3, N_CLIENTS)))
    before, top, after = np.exp([peak, peak + 1, peak]) * noise

    found = judged({"month": after, "month_before": top}, old={"month": top, "month_before": before})

    assert not found


def test_a_first_file_is_not_held() -> None:
    nobody = Figures(KNOWN[:0], {name: column[:0] for name, column in figures().items()})

    found = faults(Figures(KNOWN, figures(month=0)), nobody)

    assert not found


@pytest.mark.parametrize(("n_rows", "held_columns"), [(199, 0), (200, 1)])
def test_only_files_of_two_hundred_rows_are_judged(n_rows: int, held_columns: int) -> None:
    new = {name: column[:n_rows] for name, column in figures(month=0).items()}

    found = judged(new, KNOWN[:n_rows])

    assert len(found) == held_columns


def test_the_last_row_of_a_client_is_its_newest() -> None:
    old, new = figures(), later(figures())
    stale = {name: np.concatenate([column * 10, column]) for name, column in old.items()}

    found = faults(Figures(KNOWN, new), Figures(np.tile(KNOWN, 2), stale))

    assert not found


@pytest.mark.parametrize("fault", FAULTS)
def test_every_broken_month_of_the_simulated_world_is_found(fault: str) -> None:
    before, broken = history("broken", 2, clients=600, since=2, fault=fault)

    found = faults(columns(broken), columns(before))

    kinds = {"zeroed": "zero-filled", "units": "units", "swapped": "swapped", "constant": "constant"}
    assert [one.kind for one in found] == [kinds[fault]]


@pytest.mark.slow
def test_ordinary_files_are_not_held() -> None:
    random = np.random.default_rng(21)

    found = held(random, 20 * len(ORDINARY), 200) + held(random, 10 * len(ORDINARY), 2_000)

    assert not found


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, False], ids=["known", "strangers"])
@pytest.mark.parametrize("fault", KINDS)
def test_faults_are_found(fault: str, known: bool) -> None:
    worlds = STEADY if known else STEADY[1:]

    lost = missed(np.random.default_rng(22), fault, worlds, 60, known)

    assert len(lost) <= 3
