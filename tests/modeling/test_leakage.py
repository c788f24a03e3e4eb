"""Leakage: columns that know the answer are named, honest ones are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from risk.modeling import leakage

Columns = dict[str, np.ndarray[Any, Any]]
N_LABELLED, N_CURRENT = 1_500, 400


def found(x: Columns, left: np.ndarray[Any, Any], **changes: Any) -> tuple[leakage.Leak, ...]:
    """Look for leakage in rows of which the first are labelled and the others of current clients."""
    n, clients = len(left), changes.pop("clients", np.arange(len(left)))
    here, there = ({name: it[part] for name, it in x.items()} for part in (slice(n), slice(n, None)))
    return leakage.leaks(here, left, clients, np.asarray(clients) % 5, there, dict.fromkeys(x, "numeric"), **changes)


def outcomes(n: int, seed: int = 0, share: float = 0.2) -> tuple[np.ndarray[Any, Any], np.random.Generator]:
    draw = np.random.default_rng(seed)
    return (draw.random(n) < share).astype(float), draw


def filled(marks: np.ndarray[Any, Any], values: Any, otherwise: Any = None) -> np.ndarray[Any, Any]:
    """Return text for the marked rows and one value (None: blank) for all others."""
    x = np.full(len(marks), np.nan if otherwise is None else otherwise, dtype=object)
    x[marks] = np.resize(np.asarray(values, dtype=object), int(marks.sum()))
    return x


def kinds(left: np.ndarray[Any, Any], n_current: int, draw: np.random.Generator) -> Columns:
    """Return every kind of column that knows the answer, for labelled rows and current clients."""
    n, reasons, noise = len(left) + n_current, ["price", "service", "moved"], draw.normal(size=len(left) + n_current)
    leavers, stayers = (np.append(left == it, np.zeros(n_current, dtype=bool)) for it in (1, 0))
    some = draw.random(n) < 0.5
    return {
        "exit_reason": filled(leavers, reasons),
        "reason of some": filled(leavers & some, reasons),
        "reason or none": filled(leavers, reasons, "none"),
        "exit_date": filled(leavers, [f"2026-{day:05d}" for day in range(n)]),
        "renewed": filled(stayers, "yes"),
        "renewed by some": filled(stayers & some, "yes"),
        "answer": filled(leavers, "gone", "here"),
        "refund": np.where(leavers, 1.0 + draw.integers(0, 90, n), 0.0),
        "refund of some": np.where(leavers & some, 1.0 + noise**2, 0.0),
        "number or blank": np.where(leavers, noise, np.nan),
        "blank for leavers": np.where(leavers, np.nan, noise),
        "higher": noise + 6 * leavers,
        "lower": noise - 6 * leavers,
        "in the middle": np.where(leavers, noise / 100, 3 * noise),
        "status": np.where(leavers & some, "closed", filled(some, ["gold", "basic"], "silver")),
        "dead": np.where(leavers & some, 0.0, np.exp(noise)),
    }


def honest(left: np.ndarray[Any, Any], n_current: int, draw: np.random.Generator) -> Columns:
    """Return honest columns, strong ones (AUC 0.9), rare levels and missing values."""
    later = (draw.random(n_current) < left.mean()).astype(float)
    all_left = np.append(left, later)
    n, strong = len(all_left), draw.normal(size=len(all_left)) + 1.81 * all_left
    telling = draw.random(n) < np.where(all_left == 1, 0.3, 0.3 * left.mean() / 9 / (1 - left.mean()))
    return {
        "strong": strong,
        "strong, some missing": np.where(draw.random(n) < 0.3, np.nan, strong),
        "strong, few values": np.floor(np.maximum(0, 2 * strong)),
        "strong, both ends": strong * draw.choice([-1, 1], n),
        "strong levels": np.array([f"level {it:.0f}" for it in 3 * strong], dtype=object),
        "noise": draw.normal(size=n),
        "rarely filled": filled(draw.random(n) < 0.05, ["a", "b", "c"]),
        "complaint": filled(telling, "yes"),
        "complaints": np.where(telling, 1.0 + draw.integers(0, 5, n), 0.0),
        "rare levels": np.array([f"level {min(it, 300)}" for it in draw.zipf(1.5, n)], dtype=object),
        "name": np.array([f"name {it}" for it in draw.integers(0, 10**9, n)], dtype=object),
        "the same": np.ones(n),
        "blank": np.full(n, np.nan),
    }


@pytest.mark.parametrize(("n_labelled", "n_current", "share"), [(600, 200, 0.2), (1_500, 400, 0.2), (5_000, 900, 0.5)])
def test_every_kind_of_column_that_knows_the_answer_is_named(n_labelled: int, n_current: int, share: float) -> None:
    left, draw = outcomes(n_labelled, share=share)
    x = kinds(left, n_current, draw)

    told = found(x, left)

    assert [it.column for it in told] == list(x)
    assert all(it.column in it.sentence for it in told)


def test_without_current_clients_all_but_the_level_of_a_text_are_named() -> None:
    left, draw = outcomes(N_LABELLED)
    x = kinds(left, 0, draw)

    told = found(x, left)

    assert {it.column for it in told} == set(x) - {"status"}


def end_states(left: np.ndarray[Any, Any], n_current: int, draw: np.random.Generator) -> Columns:
    """Return numbers that stand at one value, with errors, because a client has left, or not."""
    n, leavers = len(left) + n_current, np.append(left == 1, np.zeros(n_current, dtype=bool))
    ended = draw.random(n) < np.where(leavers, 0.9, 0.004)
    lapsed = draw.random(n) < np.where(leavers, 0.45, 0.001)
    noise = draw.integers(1, 90, n) / 10.0
    return {
        "remaining contract": np.where(ended, 0.0, noise),
        "remaining contract, many blank": np.where(lapsed, 0.0, np.where(draw.random(n) < 0.2, np.nan, noise)),
        "last bill": np.where(ended, 0.0, draw.normal(40, 12, n).round(2)),
        "balance at the end": np.where(ended, noise, 0.0),
        "days since cancel": np.where(ended, draw.integers(0, 60, n), 999.0),
        "months to run": np.where(ended, -1.0, draw.integers(0, 24, n)),
        "next visit": np.where(ended, np.nan, draw.integers(1, 31, n)),
        "credit left": np.where(ended, 0.0, draw.normal(0, 60, n).round()),
    }


def honest_numbers(left: np.ndarray[Any, Any], n_current: int, draw: np.random.Generator) -> Columns:
    """Return honest numbers of which one value is held by many who left and by few of the others."""
    gone = np.append(left, (draw.random(n_current) < left.mean()).astype(float))
    n, noise = len(gone), draw.integers(1, 90, len(gone)) / 10.0
    shares = {"rarer": (0.4, 0.016), "fifth": (0.2, 0.0005), "frequent": (0.9, 0.04), "blank": (0.5, 0.021)}
    at = {name: draw.random(n) < np.where(gone == 1, *these) for name, these in shares.items()}
    return {
        "tenure": np.minimum(draw.geometric(np.where(gone == 1, 0.4, 0.015), n) - 1, 72.0),
        "uses": 1.0 * draw.poisson(np.where(gone == 1, 0.5, 7)),
        "uses of some": draw.negative_binomial(1, np.where(gone == 1, 0.6, 0.04)) * 1.0,
        "days to run": np.floor(draw.exponential(np.where(gone == 1, 1, 40))),
        "complaints": 1.0 * draw.poisson(np.where(gone == 1, 3.0, 0.1)),
        "rest of the contract": np.maximum(0, draw.normal(np.where(gone == 1, -1, 8), 4)).round(1),
        "paused by some": np.where(at["rarer"], 0.0, noise),
        "paused by a fifth": np.where(at["fifth"], 0.0, noise),
        "paused by most": np.where(at["frequent"], 0.0, noise),
        "not measured": np.where(at["blank"], np.nan, noise),
    }


@pytest.mark.parametrize(("n_labelled", "n_current", "share"), [(1_500, 0, 0.2), (1_500, 400, 0.2), (20_000, 0, 0.55)])
def test_a_number_that_stands_at_one_value_because_a_client_left_is_named(
    n_labelled: int, n_current: int, share: float
) -> None:
    left, draw = outcomes(n_labelled, share=share)
    x = end_states(left, n_current, draw)

    told = found(x, left)

    assert [it.column for it in told] == list(x)
    assert all(it.column in it.sentence for it in told)


def test_a_state_that_current_clients_share_is_one_of_before_they_leave() -> None:
    left, draw = outcomes(N_LABELLED)
    leaving = np.append(left, (draw.random(N_CURRENT) < 0.2).astype(float)) == 1
    idle = draw.random(len(leaving)) < np.where(leaving, 0.9, 0.004)
    x = {"logins": np.where(idle, 0.0, draw.integers(1, 90, len(leaving)))}

    assert not found(x, left)
    assert found({"logins": x["logins"][:N_LABELLED]}, left)


@pytest.mark.slow
@pytest.mark.parametrize(("n_labelled", "n_current", "share"), [(1_000, 0, 0.2), (4_000, 800, 0.05), (20_000, 0, 0.5)])
def test_no_honest_number_is_named_for_one_of_its_values(n_labelled: int, n_current: int, share: float) -> None:
    for seed in range(20):
        left, draw = outcomes(n_labelled, seed, share)

        assert not [it for it in found(honest_numbers(left, n_current, draw), left) if it.why == "state"]


@pytest.mark.slow
@pytest.mark.parametrize(("n_labelled", "n_current", "share"), [(600, 0, 0.06), (600, 300, 0.2), (5_000, 900, 0.03)])
def test_no_honest_column_is_named(n_labelled: int, n_current: int, share: float) -> None:
    for seed in range(20):
        left, draw = outcomes(n_labelled, seed, share)

        assert not found(honest(left, n_current, draw), left)


def test_a_column_of_few_leavers_is_named_when_it_is_filled_for_them_alone() -> None:
    left = (np.arange(600) < 15).astype(float)
    x = {"exit_reason": filled(np.append(left == 1, np.zeros(200, dtype=bool)), ["price", "service"])}

    (told,) = found(x, left)

    assert (told.why, told.auc) == ("filled", None)


@pytest.mark.parametrize(("n_leavers", "named"), [(29, False), (30, True)])
def test_alone_a_column_needs_thirty_clients_of_each_outcome(n_leavers: int, named: bool) -> None:
    left = (np.arange(400) < n_leavers).astype(float)
    x = {"higher": np.arange(500)[::-1] % 400 + 1_000.0 * np.append(left, np.zeros(100))}

    assert bool(found(x, left)) == named


def test_rows_of_the_same_few_clients_are_no_evidence() -> None:
    clients = np.tile(np.arange(40), 50)
    left = (clients < 20).astype(float)

    assert not found({"higher": left + np.random.default_rng(0).random(2_000)}, left, clients=clients)


def test_the_order_of_the_rows_changes_nothing() -> None:
    left, draw = outcomes(N_LABELLED)
    x, order = kinds(left, N_CURRENT, draw), draw.permutation(N_LABELLED)
    moved = np.append(order, N_LABELLED + draw.permutation(N_CURRENT))

    told = found({name: it[moved] for name, it in x.items()}, left[order], clients=order)

    assert told == found(x, left)


def test_a_column_that_a_person_trusts_is_not_looked_at() -> None:
    left, draw = outcomes(N_LABELLED)
    x = kinds(left, N_CURRENT, draw)

    told = found(x, left, trusted=["exit_reason", "renewed"])

    assert {it.column for it in told} == set(x) - {"exit_reason", "renewed"}


def test_a_leak_is_settled_when_its_column_is_trusted_or_no_feature() -> None:
    told = [{"column": name, "sentence": name} for name in ("a", "b", "c", "a")]

    assert [it["column"] for it in leakage.still(told, {"a": 1, "b": 1}, ("b",))] == ["a"]


def test_a_column_that_current_files_lack_is_honest_where_both_outcomes_have_it() -> None:
    left, draw = outcomes(N_LABELLED)
    x = honest(left, N_CURRENT, draw)
    x = {name: np.append(it[:N_LABELLED], np.full(N_CURRENT, np.nan, dtype=it.dtype)) for name, it in x.items()}

    assert not found(x, left)
