from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV

from risk.modeling import families, fitting, selection
from risk.modeling.candidates import Calibrated, Fitted, Labelled
from risk.modeling.metrics import Floats, Marks, log_losses

KINDS = {"size": "numeric", "balance": "numeric", "plan": "categorical"}


def world(n: int = 800, seed: int = 0) -> tuple[pd.DataFrame, Floats]:
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
    return fitting.features(frame, KINDS), left


def out_of_fold(x: pd.DataFrame, left: Floats, clients: np.ndarray, fold: np.ndarray) -> Floats:
    """Return the risks of the logistic family for every row."""
    everyone = np.ones(len(left), dtype=bool)
    rows = Labelled(x, left, clients, fold, ~everyone, KINDS)
    return Fitted(rows, families.KNOWN[0], "all rows", everyone).risks()


@pytest.mark.slow
def test_out_of_fold_risks_come_from_models_that_never_saw_the_client() -> None:
    x, _ = world(400)
    noise = np.random.default_rng(1).integers(0, 2, 400).astype(float)
    clients = np.repeat(np.arange(200), 2).astype(str)
    fold = fitting.folds(clients, noise)

    risks = out_of_fold(x, noise, clients, fold)

    assert all(len(set(fold[clients == client])) == 1 for client in clients)
    altered = noise.copy()
    altered[fold == 0] = 1 - altered[fold == 0]
    again = out_of_fold(x, altered, clients, fold)
    assert (again[fold == 0] == risks[fold == 0]).all()
    assert (again[fold != 0] != risks[fold != 0]).any()


@pytest.mark.slow
@pytest.mark.parametrize("family", families.KNOWN, ids=lambda family: family.name)
def test_nothing_can_be_learned_from_noise(family: families.Family) -> None:
    x, _ = world(1_000)
    noise = np.random.default_rng(1).integers(0, 2, 1_000).astype(float)
    nobody, none = np.arange(1_000).astype(str), np.zeros(1_000, dtype=bool)

    taught = selection.teach(x, noise, nobody, np.zeros(1_000), none, KINDS, family.name)

    assert taught.family == family.name
    assert log_losses(noise, taught.risks).mean() > 0.99 * np.log(2)


def test_every_fold_has_the_same_share_of_clients_who_ever_left() -> None:
    clients, left = np.repeat(np.arange(500), 2).astype(str), np.zeros(1_000)
    left[1::10] = 1

    fold = fitting.folds(clients, left)

    assert np.bincount(fold).tolist() == [200] * 5
    assert np.bincount(fold[left == 1]).tolist() == [20] * 5
    assert all(len(set(fold[clients == client])) == 1 for client in clients[:50])


def test_folds_do_not_depend_on_the_order_of_the_rows() -> None:
    draw = np.random.default_rng(0)
    clients, left = draw.integers(0, 300, 1_000).astype(str), (draw.random(1_000) < 0.2).astype(float)
    mixed = draw.permutation(1_000)

    assert (fitting.folds(clients[mixed], left[mixed]) == fitting.folds(clients, left)[mixed]).all()


def test_more_activity_lowers_the_risk_and_other_columns_do_not_matter() -> None:
    x, left = world()
    estimator = fitting.fit(families.KNOWN[0], KINDS, x, left)
    some = x.head(50)

    before = fitting.risks_of(estimator, some)
    busier = fitting.risks_of(estimator, some.assign(size=some["size"] * 3))
    shuffled = fitting.risks_of(estimator, some[["plan", "size", "balance"]].assign(unknown=1))

    assert (busier < before).all()
    assert (shuffled == before).all()


def test_a_value_or_level_never_seen_gives_a_risk_all_the_same() -> None:
    x, left = world()
    estimator = fitting.fit(families.KNOWN[0], KINDS, x, left)
    odd = pd.DataFrame({"size": [-5.0, np.nan], "balance": [np.nan, 99.0], "plan": ["weekly", np.nan]})

    risks = fitting.risks_of(estimator, odd)

    assert ((risks >= 0) & (risks <= 1)).all()


def standing(risks: Floats, x: pd.DataFrame, left: Floats) -> selection.Incumbent:
    """Return a released logistic model of these rows, with risks that are told to be honest."""
    return selection.Incumbent("1-abc", "logistic", fitting.fit(families.KNOWN[0], KINDS, x, left), 0.4, risks)


def told_to(
    x: pd.DataFrame, left: Floats, recent: Marks, champion: selection.Incumbent
) -> Iterator[selection.Candidate]:
    """Return the candidates on these rows."""
    fold = fitting.folds(np.arange(len(left)), left)
    rows = selection.Labelled(x, left, np.arange(len(left)), fold, recent, KINDS)
    return selection.candidates(rows, "logistic", champion, None)


def taught_after(left: Floats, x: pd.DataFrame, recent: Marks, **others: Any) -> selection.Challenger:
    clients = np.arange(len(left)).astype(str)
    return selection.teach(x, left, clients, 1.0 * recent, recent, KINDS, "logistic", **others)


def released(x: pd.DataFrame, left: Floats, recent: Marks) -> selection.Incumbent:
    """Return a model of the older rows. Its risks of these are a little too sure here, which no test minds."""
    found = standing(np.zeros(0), x[~recent], left[~recent])
    return replace(found, risks=fitting.risks_of(found.estimator, x))


@pytest.mark.slow
def test_a_change_of_the_world_is_learned_from_the_recent_rows() -> None:
    x, left = world(1200)
    recent = np.arange(1200) >= 800
    champion = released(x, left, recent)
    left = np.where(recent & (x["plan"] == "yearly"), 1 - left, left)

    taught = taught_after(left, x, recent, champion=champion, former=champion)

    assert taught.learned == selection.RECENT_ROWS
    assert taught.n_rows == 400


@pytest.mark.slow
def test_a_change_in_few_of_many_rows_is_learned_too() -> None:
    x, left = world(6_000)
    recent = np.arange(6_000) >= 5_700
    left = np.where(recent, 1 - left, left)

    taught = taught_after(left, x, recent)

    assert (taught.learned, taught.n_rows) == (selection.RECENT_ROWS, 300)


@pytest.mark.slow
def test_without_a_change_more_rows_are_preferred() -> None:
    x, left = world(1200)
    recent = np.arange(1200) >= 800
    champion = released(x, left, recent)

    taught = taught_after(left, x, recent, champion=champion, former=champion)

    assert taught.learned == selection.ALL_ROWS
    assert taught.n_rows == 1200
    assert taught.release is None


@pytest.mark.slow
def test_when_only_the_share_of_leavers_has_changed_the_champion_is_recalibrated() -> None:
    x, left = world(3_000)
    recent = np.arange(3_000) >= 2_500
    champion = released(x, left, recent)
    gone = np.random.default_rng(1).random(3_000) < 0.5
    left = np.where(recent & gone, 1.0, left)

    taught = taught_after(left, x, recent, champion=champion)

    assert taught.learned == selection.RECALIBRATED
    base, _ = fitting.parts(taught.estimator)
    assert base is champion.estimator
    assert fitting.risks_of(taught.estimator, x)[recent].mean() == pytest.approx(left[recent].mean(), abs=0.01)
    assert taught.n_rows == 500


@pytest.mark.slow
def test_where_the_order_of_the_risks_does_not_hold_a_new_model_is_preferred_to_a_new_sigmoid() -> None:
    x, left = world(3_000)
    recent = np.arange(3_000) >= 2_500
    champion = released(x, left, recent)
    weaker = 1 / (1 + np.exp(1 - 0.2 * np.log(champion.risks / (1 - champion.risks))))
    left = np.where(recent, np.random.default_rng(2).random(3_000) < weaker, left).astype(float)

    kept, freed = (taught_after(left, x, recent, champion=champion, order_holds=holds) for holds in (True, False))

    assert kept.learned == selection.RECALIBRATED
    assert freed.learned == selection.RECENT_ROWS
    assert {it.name: it.log_loss for it in kept.compared} == {it.name: it.log_loss for it in freed.compared}


@pytest.mark.slow
def test_a_recalibrated_champion_may_be_recalibrated_and_still_has_one_sigmoid() -> None:
    x, left = world(3_000)
    recent = np.arange(3_000) >= 2_500
    first = released(x, left, recent)
    pushed = fitting.calibrated(first.estimator, fitting.Sigmoid(-0.4, 2.0))
    champion = replace(first, estimator=pushed, risks=fitting.risks_of(pushed, x))

    taught = taught_after(left, x, recent, champion=champion)
    again = next(it for it in told_to(x, left, recent, champion) if it.learned == selection.RECALIBRATED)

    base, sigmoid = fitting.parts(again.make())
    assert base is first.estimator
    assert not isinstance(base, CalibratedClassifierCV)
    assert (sigmoid.slope, sigmoid.offset) == (pytest.approx(-1, abs=0.2), pytest.approx(0, abs=0.2))
    assert taught.compared[1].log_loss < 0.9 * log_losses(left, champion.risks)[recent].mean()


@pytest.mark.slow
def test_the_former_release_comes_back_as_it_is_when_the_world_does() -> None:
    x, left = world(3_000)
    recent = np.arange(3_000) >= 2_800
    former = released(x, left, recent)
    turned = np.where(~recent & (x["plan"] == "yearly"), 1 - left, left)
    champion = released(x, turned, recent)

    taught = taught_after(turned, x, recent, champion=champion, former=former)

    assert (taught.learned, taught.release) == (selection.FORMER, "1-abc")
    assert taught.estimator is former.estimator
    assert taught.threshold == former.threshold


@pytest.mark.slow
def test_every_candidate_is_told_with_its_log_loss() -> None:
    x, left = world(1200)
    recent = np.arange(1200) >= 600
    champion = released(x, left, recent)

    taught = selection.teach(
        x, left, np.arange(1200).astype(str), 1.0 * recent, recent, KINDS, champion=champion, former=champion
    )

    assert [it.name for it in taught.compared] == [
        "all rows, logistic", "all rows, quadratic", "all rows, boosting", "recalibrated, logistic",
        "former release 1-abc, logistic", "recent rows, logistic", "recent rows, quadratic", "recent rows, boosting",
    ]  # fmt: skip
    assert [it.chosen for it in taught.compared].count(True) == 1
    assert all(0 < it.log_loss < 1 for it in taught.compared)


@pytest.mark.slow
def test_teaching_twice_gives_the_same_model() -> None:
    x, left = world(300)
    nobody, none = np.arange(300).astype(str), np.zeros(300, dtype=bool)

    first, second = (selection.teach(x, left, nobody, np.zeros(300), none, KINDS) for _ in range(2))

    assert (first.risks == second.risks).all()
    assert first.threshold == second.threshold


def test_a_fold_whose_others_know_only_stayers_gets_a_rate_and_no_error() -> None:
    x, _ = world(20)
    left = np.zeros(20)
    left[0] = 1

    taught = selection.teach(x, left, np.arange(20).astype(str), np.zeros(20), np.zeros(20, dtype=bool), KINDS)

    assert np.isfinite(taught.risks).all()
    assert (taught.risks > 0).all()


@pytest.mark.slow
def test_the_gate_is_given_risks_by_candidates_that_were_chosen_without_the_fold() -> None:
    x, left = world(600)
    everyone, clients = np.ones(600, dtype=bool), np.arange(600)
    fold = fitting.folds(clients, left)
    rows = selection.Labelled(x, left, clients, fold, ~everyone, KINDS)
    cheat = replace(rows, left=np.where(fold == 0, 1 - left, left))
    found = list(selection.candidates(rows, "auto", None, None))
    stated = [it.risks() for it in found]

    def nested(labelled: selection.Labelled) -> Floats:
        return selection._nested(labelled, found, stated, everyone, 0)

    assert (nested(rows)[fold == 0] == nested(cheat)[fold == 0]).all()


@pytest.mark.slow
def test_of_one_candidate_the_gate_judges_its_own_risks() -> None:
    x, left = world(300)
    nobody, none = np.arange(300).astype(str), np.zeros(300, dtype=bool)

    taught = selection.teach(x, left, nobody, none, none, KINDS, "logistic")

    assert (taught.nested == taught.risks).all()


@pytest.mark.slow
@pytest.mark.parametrize("family", ["logistic", "boosting"])
def test_the_newest_rows_are_rated_by_the_recipe_without_them(family: str) -> None:
    x, left = world(1_200)
    nobody, none, when = np.arange(1_200).astype(str), np.zeros(1_200, dtype=bool), np.arange(1_200) // 400

    taught = selection.teach(x, left, nobody, when, none, KINDS, family)
    altered = np.where(when == 2, 1 - left, left)
    again = selection.teach(x, altered, nobody, when, none, KINDS, family)

    assert np.isfinite(taught.forward[when == 2]).all()
    assert np.isnan(taught.forward[when < 2]).all()
    if family == "logistic":  # the folds of what is chosen follow the outcomes of all rows
        assert (again.forward[when == 2] == taught.forward[when == 2]).all()


@pytest.mark.slow
def test_newest_rows_of_a_kind_that_came_with_them_are_not_judged_forward() -> None:
    x, left = world(1_200)
    nobody, none, when = np.arange(1_200).astype(str), np.zeros(1_200, dtype=bool), np.arange(1_200) // 400
    number, level = (next(name for name in KINDS if KINDS[name] == kind) for kind in ("numeric", "categorical"))
    blank, new = (when == 2) & (np.arange(1_200) % 4 == 0), (when == 2) & (np.arange(1_200) % 4 == 1)
    x = x.assign(**{number: x[number].mask(blank), level: x[level].mask(new, "new")})

    taught = selection.teach(x, left, nobody, when, none, KINDS, "logistic")

    assert np.isnan(taught.forward[blank | new | (when < 2)]).all()
    assert np.isfinite(taught.forward[(when == 2) & ~blank & ~new]).all()


@pytest.mark.slow
@pytest.mark.parametrize("when", [np.zeros(1_200), 1.0 * (np.arange(1_200) >= 1_190)], ids=["one moment", "few rows"])
def test_where_nothing_is_older_or_few_rows_are_new_nothing_is_judged_forward(when: Floats) -> None:
    x, left = world(1_200)

    taught = selection.teach(
        x, left, np.arange(1_200).astype(str), when, np.zeros(1_200, dtype=bool), KINDS, "logistic"
    )

    assert np.isnan(taught.forward).all()


@pytest.mark.slow
def test_a_calibrated_risk_knows_nothing_of_its_own_fold() -> None:
    x, left = world(800)
    everyone = np.ones(800, dtype=bool)
    fold = fitting.folds(np.arange(800), left)
    rows = selection.Labelled(x, left, np.arange(800), fold, ~everyone, KINDS)
    altered = replace(rows, left=np.where(fold == 2, 1 - left, left))
    bare = Fitted(rows, families.KNOWN[2], selection.ALL_ROWS, everyone).risks()

    def calibrated(labelled: Labelled) -> Floats:
        made = Calibrated(labelled, families.KNOWN[2], selection.ALL_ROWS, everyone)
        made.__dict__["_bare"] = bare
        return made.risks()

    first, second = calibrated(rows), calibrated(altered)

    assert (first[fold == 2] == second[fold == 2]).all()
    assert (first[fold != 2] != second[fold != 2]).any()
