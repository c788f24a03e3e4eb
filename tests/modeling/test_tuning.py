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
def test_a_signal_in_small_pieces_is_followed_by_larger_trees() -> None:
    x, kinds = table(4_000, 4)
    pieces = sum((np.floor(2 * x[name]).astype(int) % 2) * 2**place for place, name in enumerate(kinds))
    left = (np.random.default_rng(1).random(4_000) < np.where(np.isin(pieces, [1, 4, 7, 10, 13]), 0.95, 0.05)).astype(
        float
    )
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
