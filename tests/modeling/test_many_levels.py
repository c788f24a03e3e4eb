"""Categorical features of very many levels: grouped by frequency or known by rate, whichever wins out of fold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from risk.modeling import encoding, fitting, reasons, selection, tuning
from risk.modeling.families import BY_RATE, KNOWN, Family
from risk.modeling.metrics import Floats, log_losses
from risk.modeling.selection import Challenger

KINDS = {"size": "numeric", "plan": "categorical", "town": "categorical"}


def towns(n: int, n_levels: int, signal: float, seed: int = 0) -> tuple[pd.DataFrame, Floats]:
    """Return rows with a town each, which moves the log-odds by so much."""
    draw = np.random.default_rng(seed)
    place, pull = draw.integers(0, n_levels, n), draw.normal(0, signal, n_levels)
    size, plan = draw.lognormal(3, 1, n), draw.choice(["monthly", "yearly", None], n)
    frame = pd.DataFrame({"size": size, "plan": plan, "town": [f"town {it}" for it in place]})
    risk = 1 / (1 + np.exp(1.2 + 0.6 * (np.log1p(size) - 3) - pull[place]))
    return fitting.features(frame, KINDS), (draw.random(n) < risk).astype(float)


def taught(x: pd.DataFrame, left: Floats, choice: str = "logistic") -> Challenger:
    nobody, none = np.arange(len(x)).astype(str), np.zeros(len(x), dtype=bool)
    kinds = {name: KINDS[name] for name in x}
    return selection.teach(x, left, nobody, np.zeros(len(x)), none, kinds, choice)


@pytest.mark.slow
@pytest.mark.parametrize("choice", ["logistic", "quadratic"])
def test_rates_win_where_500_levels_carry_a_signal(choice: str) -> None:
    made = taught(*towns(5_000, 500, 1.0), choice)

    assert (made.family, made.encoding) == (choice, BY_RATE)
    grouped, by_rate = made.compared
    assert by_rate.name == f"all rows, {choice}, levels by rate"
    assert by_rate.log_loss < 0.98 * grouped.log_loss


@pytest.mark.slow
@pytest.mark.parametrize("family", KNOWN, ids=lambda it: it.name)
def test_levels_that_tell_nothing_are_not_learned_by_rate(family: Family) -> None:
    x, left = towns(5_000, 500, 0.0)
    fold = fitting.folds(np.arange(len(x)), left)
    rated, kinds = family.with_rates or family, {"size": "numeric", "plan": "categorical"}

    with_towns, without = (
        tuning.risks_after(it, its, x[list(its)], left, fold != 0, fold == 0)
        for it, its in ((rated, KINDS), (family, kinds))
    )

    losses = (log_losses(left[fold == 0], risks).mean() for risks in (with_towns, without))
    assert next(losses) < 1.02 * next(losses)


@pytest.mark.slow
@pytest.mark.parametrize("family", KNOWN, ids=lambda it: it.name)
def test_ten_thousand_levels_are_borne(family: Family) -> None:
    x, left = towns(20_000, 10_000, 1.0)

    for it in filter(None, (family, family.with_rates)):
        fitted = fitting.fit(it, KINDS, x, left)
        risks = fitting.risks_of(fitted, x.head(3).assign(town=["never seen", "town 1", np.nan]))
        assert ((risks > 0) & (risks < 1)).all()


def test_a_level_that_was_never_seen_has_the_rate_of_all() -> None:
    x, left = towns(5_000, 500, 1.0)
    rated = KNOWN[0].with_rates
    assert rated
    fitted, row = fitting.fit(rated, KINDS, x, left), x.head(1)

    unseen, *others = fitting.risks_of(
        fitted, pd.concat([row.assign(town="nowhere"), *(row.assign(town=it) for it in sorted(set(x["town"])))])
    )

    assert min(others) < unseen < max(others)
    assert abs(unseen - np.median(others)) < 0.05


@pytest.mark.slow
def test_without_such_a_column_nothing_more_is_fitted() -> None:
    x, left = towns(1_000, encoding.MANY_LEVELS, 1.0)

    made = taught(x, left)

    assert [it.name for it in made.compared] == ["all rows, logistic"]
    assert made.encoding == ""


@pytest.mark.slow
def test_the_rises_of_a_client_add_up_and_name_the_town() -> None:
    x, left = towns(3_000, 300, 1.5)
    made, some = taught(x, left), x.head(20)
    assert made.encoding == BY_RATE

    found = reasons.rises(lambda rows: fitting.risks_of(made.estimator, rows), some, KINDS, x, adds_up=True)

    odds = reasons.log_odds(fitting.risks_of(made.estimator, x))
    assert np.allclose(sum(found.values()), odds[:20] - odds.mean(), atol=1e-6)
    assert np.abs(found["town"]).max() > 0.5
