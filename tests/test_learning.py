from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from risk import learning

KINDS = {"size": "numeric", "balance": "numeric", "plan": "categorical"}


def world(n: int = 800, seed: int = 0) -> tuple[pd.DataFrame, learning.Floats]:
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": draw.lognormal(3, 1, n),
            "balance": draw.normal(0, 1, n),
            "plan": draw.choice(["monthly", "yearly", None], n),
        }
    )
    pull = 0.8 * (np.log1p(frame["size"]) - 3) + frame["balance"] - 1.5 * (frame["plan"] == "monthly")
    left = (draw.random(n) < 1 / (1 + np.exp(1 + pull))).astype(float).to_numpy()
    return learning.features(frame, KINDS), left


def test_out_of_fold_risks_come_from_models_that_never_saw_the_client() -> None:
    x, _ = world(400)
    noise = np.random.default_rng(1).integers(0, 2, 400).astype(float)
    clients = np.repeat(np.arange(200), 2).astype(str)
    contents = np.tile([0, 1], 200)
    fold = learning.folds(clients, contents)

    risks = learning.out_of_fold(learning.families()[0], KINDS, x, noise, fold, np.ones(400, dtype=bool))

    assert all(len(set(fold[clients == client])) == 1 for client in clients)
    altered = noise.copy()
    altered[fold == 0] = 1 - altered[fold == 0]
    again = learning.out_of_fold(learning.families()[0], KINDS, x, altered, fold, np.ones(400, dtype=bool))
    assert (again[fold == 0] == risks[fold == 0]).all()
    assert (again[fold != 0] != risks[fold != 0]).any()


def test_clients_that_occur_once_are_folded_in_blocks_of_time() -> None:
    fold = learning.folds(np.arange(10).astype(str), np.zeros(10))

    assert fold.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_more_activity_lowers_the_risk_and_other_columns_do_not_matter() -> None:
    x, left = world()
    estimator = learning.fit(learning.families()[0], KINDS, x, left)
    some = x.head(50)

    before = learning.risks_of(estimator, some)
    busier = learning.risks_of(estimator, some.assign(size=some["size"] * 3))
    shuffled = learning.risks_of(estimator, some[["plan", "size", "balance"]].assign(unknown=1))

    assert (busier < before).all()
    assert (shuffled == before).all()


def test_a_value_or_level_never_seen_gives_a_risk_all_the_same() -> None:
    x, left = world()
    estimator = learning.fit(learning.families()[0], KINDS, x, left)
    odd = pd.DataFrame({"size": [-5.0, np.nan], "balance": [np.nan, 99.0], "plan": ["weekly", np.nan]})

    risks = learning.risks_of(estimator, odd)

    assert ((risks >= 0) & (risks <= 1)).all()


def test_a_change_of_the_world_is_learned_from_the_recent_rows() -> None:
    x, left = world(1200)
    recent = np.arange(1200) >= 800
    left = np.where(recent, 1 - left, left)

    taught = learning.teach(x, left, np.arange(1200).astype(str), 1.0 * recent, recent, KINDS)

    assert taught.learned == learning.RECENT_ROWS
    assert taught.n_rows == 400


def test_without_a_change_more_rows_are_preferred() -> None:
    x, left = world(1200)
    recent = np.arange(1200) >= 800

    taught = learning.teach(x, left, np.arange(1200).astype(str), 1.0 * recent, recent, KINDS)

    assert taught.learned == learning.ALL_ROWS
    assert taught.n_rows == 1200


def test_teaching_twice_gives_the_same_model() -> None:
    x, left = world(300)
    nobody, none = np.arange(300).astype(str), np.zeros(300, dtype=bool)

    first, second = (learning.teach(x, left, nobody, np.zeros(300), none, KINDS) for _ in range(2))

    assert (first.risks == second.risks).all()
    assert first.threshold == second.threshold


def test_a_fold_whose_others_know_only_stayers_gets_a_rate_and_no_error() -> None:
    x, _ = world(20)
    left = np.zeros(20)
    left[0] = 1

    taught = learning.teach(x, left, np.arange(20).astype(str), np.zeros(20), np.zeros(20, dtype=bool), KINDS)

    assert np.isfinite(taught.risks).all()
    assert (taught.risks > 0).all()


@pytest.mark.parametrize("choice", ["auto", "logistic"])
def test_a_family_can_be_fixed(choice: str) -> None:
    assert [family.name for family in learning.families(choice)] == ["logistic"]
    assert not learning.richer_than("logistic", choice)
