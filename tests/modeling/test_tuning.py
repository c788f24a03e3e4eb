"""How far a family follows its rows: few rows are not overfitted, strong signals not underfitted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from risk.modeling import families, fitting, selection, tuning
from risk.modeling.families import Size
from risk.modeling.metrics import Floats, log_losses
from risk.modeling.selection import Challenger
from risk.modeling.tuning import Labelled

NOTHING = np.log(2)


def table(n: int, n_columns: int, seed: int = 0) -> tuple[pd.DataFrame, dict[str, str]]:
    names = [f"c{place}" for place in range(n_columns)]
    x = pd.DataFrame(np.random.default_rng(seed).normal(size=(n, n_columns)), columns=names)
    return x, dict.fromkeys(names, "numeric")


def taught(x: pd.DataFrame, left: Floats, kinds: dict[str, str], choice: str = "auto") -> Challenger:
    nobody, none = np.arange(len(x)).astype(str), np.zeros(len(x), dtype=bool)
    return selection.teach(x, left, nobody, np.zeros(len(x)), none, kinds, choice)


def labelled(x: pd.DataFrame, left: Floats, kinds: dict[str, str]) -> Labelled:
    clients = np.arange(len(x))
    return Labelled(x, left, clients, fitting.folds(clients, left), np.zeros(len(x), dtype=bool), kinds)


@pytest.mark.slow
def test_few_rows_of_noise_are_hardly_overfitted() -> None:
    losses = []
    for seed in range(8):
        x, kinds = table(60, 20, seed)
        left = np.random.default_rng(seed + 100).permutation(np.repeat([0.0, 1.0], 30))
        new, outcomes = table(2_000, 20, seed + 200)[0], np.tile([0.0, 1.0], 1_000)

        made = taught(x, left, kinds)

        losses.append(log_losses(outcomes, fitting.risks_of(made.estimator, new)).mean())
    assert np.mean(losses) < 1.05 * NOTHING  # by C 1 it is 1.4 times as much


@pytest.mark.slow
def test_where_nothing_tells_who_leaves_the_share_of_leavers_is_the_answer() -> None:
    x, kinds = table(400, 10)
    left = np.random.default_rng(7).permutation(np.repeat([0.0, 1.0], [300, 100]))

    sizes = [taught(x, np.roll(left, by), kinds).size for by in range(0, 40, 5)]

    assert families.BASE_RATE in sizes
    risks = fitting.risks_of(taught(x, np.roll(left, 5 * sizes.index(families.BASE_RATE)), kinds).estimator, x)
    assert np.ptp(risks) < 1e-6
    assert risks.mean() == pytest.approx(0.25, abs=1e-3)


@pytest.mark.slow
def test_no_regression_is_worse_out_of_fold_than_the_share_of_leavers_where_that_is_chosen_by_all_rows() -> None:
    x, kinds = table(150, 30)
    left = (np.random.default_rng(3).random(150) < 0.3).astype(float)
    rows = labelled(x, left, kinds)

    found = tuning.tune(families.KNOWN[0], rows, rows.everyone)

    losses = {size: log_losses(left, risks).mean() for size, risks in found.risks.items()}
    assert losses[found.best(left, rows.everyone)] <= losses[Size(families.NOTHING)]


@pytest.mark.slow
def test_the_share_of_leavers_competes_on_all_rows_where_some_folds_choose() -> None:
    chosen = []
    for seed in range(6):
        x, kinds = table(2_500, 3, seed)
        left = np.random.default_rng(seed + 50).permutation(np.repeat([0.0, 1.0], [2_000, 500]))
        rows = labelled(x, left, kinds)

        found = tuning.tune(families.KNOWN[0], rows, rows.everyone)

        losses = {size: log_losses(left, risks).mean() for size, risks in found.risks.items()}
        best = found.best(left, rows.everyone)
        assert losses[best] == min(losses.values()) <= losses[Size(families.NOTHING)]
        chosen.append(best)
    assert Size(families.NOTHING) in chosen


@pytest.mark.slow
@pytest.mark.parametrize("rates", [False, True])
def test_levels_as_numbers_give_the_risks_that_their_names_give(rates: bool) -> None:
    x, kinds = table(1_200, 2)
    draw = np.random.default_rng(4)
    x["plan"] = pd.Series(draw.choice(["gold", "Basic", "plus", "", "é"], 1_200), dtype=object).where(
        draw.random(1_200) > 0.1, np.nan
    )
    x["place"] = pd.Series([f"p{it:.0f}" for it in draw.exponential(25, 1_200)], dtype=object)
    kinds |= {"plan": "categorical", "place": "categorical"}
    left = (draw.random(1_200) < np.where(x["plan"] == "gold", 0.6, 0.2)).astype(float)
    named, coded = labelled(x, left, kinds), labelled(x, left, kinds)
    vars(named)["coded"] = x

    for family in families.KNOWN:
        family = (family.with_rates or family) if rates else family
        by_name, by_number = (tuning.tune(family, rows, rows.everyone).risks for rows in (named, coded))

        assert by_name.keys() == by_number.keys()
        assert all(np.array_equal(by_name[size], by_number[size]) for size in by_name)


@pytest.mark.slow
def test_trees_are_added_no_further_than_one_step_beyond_those_that_helped(monkeypatch: pytest.MonkeyPatch) -> None:
    grown = dict[tuple[float, int], int]()
    fit = tuning._Climb._fit

    def noted(self: tuning._Climb, number: int, strength: float, trees: int) -> None:
        grown[strength, number] = trees
        fit(self, number, strength, trees)

    monkeypatch.setattr(tuning._Climb, "_fit", noted)
    x, kinds = table(3_000, 6)
    pull = np.sin(3 * x["c0"]) * np.sin(3 * x["c1"]) + np.sin(4 * x["c2"])
    left = (np.random.default_rng(1).random(3_000) < 1 / (1 + np.exp(-5 * pull))).astype(float)
    rows = labelled(x, left, kinds)

    found = tuning.tune(families.KNOWN[2], rows, rows.everyone)

    best = found.best(left, rows.everyone)
    most = [grown[best.strength, number] for number in range(fitting.N_FOLDS)]
    known = [size.trees for size in found.risks if size.strength == best.strength]
    steps = families.TREES
    assert max(known) > tuning.FIRST_LEAVES / best.strength  # it grew
    assert max(most) <= steps[min(steps.index(max(known)) + 1, len(steps) - 1)]
    assert most[tuning.FEWEST_SCOUTS :] == [max(known)] * (fitting.N_FOLDS - tuning.FEWEST_SCOUTS)


@pytest.mark.slow
def test_a_signal_in_small_pieces_is_followed_by_larger_trees() -> None:
    x, kinds = table(4_000, 2)
    pieces = (np.floor(2 * x["c0"]) + np.floor(2 * x["c1"])) % 2  # a chessboard
    left = (np.random.default_rng(1).random(4_000) < np.where(pieces == 1, 0.95, 0.05)).astype(float)
    smooth = (np.random.default_rng(1).random(4_000) < 1 / (1 + np.exp(2 - 2 * (x["c0"] > 0)))).astype(float)
    boosting = families.KNOWN[2]

    sizes = [
        tuning.tune(boosting, rows, rows.everyone).best(rows.left, rows.everyone)
        for rows in (labelled(x, left, kinds), labelled(x, smooth, kinds))
    ]

    assert sizes[0].strength >= 32 > 4 == sizes[1].strength


@pytest.mark.slow
def test_of_very_many_rows_a_sample_chooses_and_every_row_is_rated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "MOST_TUNED", 600)
    x, kinds = table(3_000, 3)
    left = (np.random.default_rng(1).random(3_000) < 1 / (1 + np.exp(1 - x["c0"]))).astype(float)
    rows = labelled(x, left, kinds)

    for family in families.KNOWN:
        found = tuning.tune(family, rows, rows.everyone)

        (risks,) = found.risks.values()
        assert np.isfinite(risks).all()
        assert log_losses(left, risks).mean() < 0.97 * log_losses(left, np.full(3_000, left.mean())).mean()


@pytest.mark.slow
def test_a_logarithm_is_taken_where_it_is_the_better_form_and_not_where_it_is_not() -> None:
    draw = np.random.default_rng(0)
    spent = draw.lognormal(3, 1, 3_000)
    x, kinds = pd.DataFrame({"spent": spent, "size": draw.normal(size=3_000)}), {"spent": "numeric", "size": "numeric"}

    for pull in (np.log1p(spent) - 3, (spent - spent.mean()) / spent.std()):
        truth = 1 / (1 + np.exp(1 + 1.5 * pull))
        left = (draw.random(3_000) < truth).astype(float)
        made = taught(x, left, kinds, "logistic")
        assert log_losses(left, made.risks).mean() < log_losses(left, truth).mean() + 0.01


def test_a_size_is_told_in_words() -> None:
    logistic, _, boosting = families.KNOWN

    assert logistic.says(Size(0.1)) == "inverse penalty 0.1"
    assert logistic.says(Size(families.NOTHING)) == families.BASE_RATE
    assert boosting.says(Size(16.0, 150)) == "150 trees of 16 leaves"
