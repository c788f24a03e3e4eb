"""The families that compete: which, on what rows, and what they can bear."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
import pytest

from risk.modeling import families, fitting, selection
from risk.modeling.families import KNOWN, Family
from risk.settings import model_choice
from tests.modeling.test_selection import KINDS, world

QUADRATIC, BOOSTING = KNOWN[1:]
EACH = pytest.mark.parametrize("family", KNOWN, ids=lambda family: family.name)


def names(*words: object) -> list[str]:
    return [family.name for family in families.families(*words)]  # type: ignore[arg-type]


def test_on_few_rows_the_simplest_competes_alone() -> None:
    assert names("auto", 499, 200) == ["logistic"]
    assert names("auto", 5_000, 29) == ["logistic"]
    assert names("auto", 500, 30) == ["logistic", "quadratic", "boosting"]


def test_one_family_can_be_fixed_and_the_simplest_stands_in_for_it() -> None:
    assert names("boosting", 500, 30) == ["boosting"]
    assert names("boosting", 100, 30) == ["logistic"]
    assert names("logistic", 5_000, 900) == ["logistic"]


def test_every_family_can_be_named_in_the_settings() -> None:
    allowed = get_args(model_choice.BuiltIn)

    assert allowed == ("auto", *(family.name for family in KNOWN))


@EACH
def test_no_column_order_nor_further_column_matters(family: Family) -> None:
    x, left = world(900)
    fitted = fitting.fit(family, KINDS, x, left)

    turned = x[["plan", "size", "balance"]].assign(unknown=1)

    assert (fitting.risks_of(fitted, turned) == fitting.risks_of(fitted, x)).all()


@EACH
def test_what_was_never_seen_gives_a_risk_all_the_same(family: Family) -> None:
    x, left = world(900)
    x.loc[::10, ["size", "plan"]] = np.nan
    fitted = fitting.fit(family, KINDS, x.assign(nothing=np.nan), left)
    odd = pd.DataFrame({"size": [-5.0, np.nan], "balance": [np.nan, 99.0], "plan": ["weekly", np.nan]})

    risks = fitting.risks_of(fitted, odd)

    assert ((risks >= 0) & (risks <= 1)).all()


@EACH
def test_a_column_that_is_always_blank_and_one_that_never_varies_are_borne(family: Family) -> None:
    x, left = world(900)
    x = x.assign(blank=np.nan, same=3.0, void=pd.Series([np.nan] * 900, dtype=object))
    x.loc[700, "blank"] = 1.0
    kinds = KINDS | {"blank": "numeric", "same": "numeric", "void": "categorical"}

    fitted = fitting.fit(family, kinds, x, left)

    assert np.isfinite(fitting.risks_of(fitted, x)).all()


def test_rows_of_which_nothing_is_known_give_the_share_of_leavers() -> None:
    x = pd.DataFrame({"a": np.full(600, np.nan), "b": np.full(600, np.nan)})
    left = (np.arange(600) % 4 == 0).astype(float)

    fitted = fitting.fit(BOOSTING, dict.fromkeys("ab", "numeric"), x, left)

    assert fitting.risks_of(fitted, x) == pytest.approx(np.full(600, 0.25), abs=0.001)


@EACH
def test_a_column_of_hundreds_of_levels_is_borne(family: Family) -> None:
    x, left = world(2_000)
    x["plan"] = [f"level {number}" for number in np.random.default_rng(0).integers(0, 700, 2_000)]

    fitted = fitting.fit(family, KINDS, x, left)

    assert np.isfinite(fitting.risks_of(fitted, x)).all()


@pytest.mark.slow
def test_each_family_follows_what_a_simpler_one_cannot() -> None:
    draw = np.random.default_rng(0)
    x = pd.DataFrame(draw.normal(size=(3_000, 2)), columns=["a", "b"])
    nobody, none = np.arange(3_000).astype(str), np.zeros(3_000, dtype=bool)
    bowl, steps = 1 / (1 + np.exp(2.5 - x["a"] ** 2 - x["a"] * x["b"])), np.where(np.sin(4 * x["a"]) > 0, 0.6, 0.1)

    curved, stepped = (
        selection.teach(
            x, (draw.random(3_000) < risk).astype(float), nobody, np.zeros(3_000), none, dict.fromkeys("ab", "numeric")
        )
        for risk in (bowl, steps)
    )

    assert (curved.family, stepped.family) == ("quadratic", "boosting")
    assert curved.compared[1].log_loss < 0.9 * curved.compared[0].log_loss
    assert stepped.compared[2].log_loss < 0.95 * stepped.compared[1].log_loss


@EACH
def test_a_table_without_any_number_is_borne(family: Family) -> None:
    x, left = world(900)

    fitted = fitting.fit(family, {"plan": "categorical"}, x[["plan"]], left)

    assert len(set(fitting.risks_of(fitted, x[["plan"]]).tolist())) > 1


def test_no_value_makes_a_square_run_away() -> None:
    x, left = world(900)
    fitted = fitting.fit(QUADRATIC, KINDS, x, left)
    far = x.iloc[[0, 0]].assign(size=[1e9, 1e12])

    risks = fitting.risks_of(fitted, far)

    assert risks[0] == risks[1]


def test_of_very_many_numbers_no_products_are_made() -> None:
    draw = np.random.default_rng(0)
    x = pd.DataFrame(draw.normal(size=(600, 21))).rename(columns=str)
    left = (draw.random(600) < 0.3).astype(float)

    widths = [
        fitting.fit(QUADRATIC, dict.fromkeys(names, "numeric"), x, left)[-1].coef_.size
        for names in (list(x), list(x)[:20])
    ]

    assert widths == [21, 20 + 20 * 21 // 2]


def test_what_is_trimmed_away_changes_no_answer() -> None:
    x, left = world(900)
    x.loc[::10, "plan"] = np.nan
    odd = x.assign(plan="never seen")
    whole = BOOSTING.make(KINDS, x).fit(x, left)
    before = whole.predict_proba(x), whole.predict_proba(odd)

    trimmed = BOOSTING.trim(whole)

    assert (trimmed.predict_proba(x) == before[0]).all()
    assert (trimmed.predict_proba(odd) == before[1]).all()


@pytest.mark.slow
@pytest.mark.parametrize("n_rows", [600, 12_000])
def test_few_leavers_among_many_rows_are_borne(n_rows: int) -> None:
    x, _ = world(n_rows)
    left = np.zeros(n_rows)
    left[:30] = 1
    nobody, none = np.arange(n_rows).astype(str), np.zeros(n_rows, dtype=bool)

    taught = selection.teach(x, left, nobody, np.zeros(n_rows), none, KINDS)

    assert np.isfinite(taught.risks).all()
    assert len(taught.compared) == 3


def test_a_regression_keeps_the_order_of_clients_who_are_all_larger_than_those_it_was_trained_on() -> None:
    caught = []
    for seed in range(6):
        draw = np.random.default_rng(seed)
        logs = draw.normal(5, 1, (20_500, 3))
        odds = (logs - 5) @ [-0.9, -0.4, 0.3] - 1.6
        left = (draw.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(float)
        kinds = dict.fromkeys("abc", "numeric")
        learned = pd.DataFrame(np.exp(logs[:500]), columns=list("abc"))
        taught = selection.teach(
            learned, left[:500], np.arange(500), np.zeros(500), np.zeros(500, dtype=bool), kinds, "logistic"
        )
        larger = pd.DataFrame(np.exp(logs[500:] + 1), columns=list("abc"))
        risks, first = fitting.risks_of(taught.estimator, larger), 2_000
        there = np.argsort(-odds[500:])[:first]
        caught.append(np.isin(np.argsort(-risks)[:first], there).mean())

    assert np.mean(caught) > 0.8  # 0.77 with values as they are, however large
