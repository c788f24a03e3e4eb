"""A family that is fixed in the settings: the next challenger is of it, and fixing another is a reason to train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from risk.backtest import policies, replay
from risk.backtest.policies import Rules
from risk.decision import policy
from risk.decision.policy import Names
from risk.disk import paths
from risk.modeling import fitting, selection
from risk.settings.decision_rules import Drift, GateRule
from tests.conftest import Installations, Project, deploy, table
from tests.modeling.test_selection import KINDS, released, world


def deploy_logistic(project: Project) -> None:
    project.configure(model={"family": "logistic"})
    deploy(project, 700)


@pytest.fixture
def logistic(installations: Installations, tmp_path: Path) -> Project:
    """A project whose live model is a logistic regression of 700 rows."""
    return installations.copy(deploy_logistic, tmp_path)


def run(project: Project) -> dict[str, Any]:
    said = project.run("fullprocess", "--json")
    assert said.code == 0, said.err
    told: dict[str, Any] = said.json
    return told


@pytest.mark.slow
@pytest.mark.parametrize("family", ["quadratic", "boosting"])
def test_another_family_in_the_settings_is_the_next_challengers(logistic: Project, family: str) -> None:
    logistic.configure(model={"family": family})
    rehearsed = logistic.run("fullprocess", "--dry-run")

    told = run(logistic)

    assert rehearsed.out.startswith(f"would train: The settings ask for {family}, and the live model is logistic.")
    assert told["reason_to_train"] == policy.FAMILY
    card = logistic.json("models/trainedmodel.json")
    assert card["family"] == family
    assert [it["name"] for it in card["candidates"]] == [f"all rows, {family}"]


@pytest.mark.slow
def test_of_all_candidates_none_is_of_another_family_than_the_fixed_one(logistic: Project) -> None:
    logistic.configure(model={"family": "boosting"})
    logistic.drop("sourcedata/dataset2.csv", table(900, seed=2, turned=True, first=5_000))

    told = run(logistic)

    assert (told["reason_to_train"], told["outcome"]) == ("drift", "deployed")
    names = [it["name"] for it in logistic.json("models/trainedmodel.json")["candidates"]]
    assert names == ["all rows, boosting", "recent rows, boosting"]


@pytest.mark.slow
def test_a_refused_family_is_tried_again_with_twice_the_new_labels_and_not_before(logistic: Project) -> None:
    logistic.configure(model={"family": "quadratic"})
    first = run(logistic)["reason_to_train"]  # no label is new to the live model: not enough evidence
    logistic.drop("sourcedata/unlabelled.csv", table(300, seed=3, first=3_000, labels=False))
    without = run(logistic)["reason_to_train"]
    logistic.drop("sourcedata/dataset2.csv", table(250, seed=4, first=5_000))
    second = run(logistic)
    logistic.drop("sourcedata/dataset3.csv", table(150, seed=5, first=7_000))
    third = run(logistic).get("reason_to_train")
    logistic.drop("sourcedata/dataset4.csv", table(100, seed=6, first=8_000))
    fourth = run(logistic)

    assert (first, without, second["reason_to_train"], third) == (policy.FAMILY, None, policy.FAMILY, None)
    assert "deployed" not in (second["outcome"], fourth["outcome"])
    assert fourth["reason_to_train"] == policy.FAMILY


@pytest.mark.slow
def test_back_to_every_family_is_no_reason(logistic: Project) -> None:
    logistic.configure(model={"family": "auto"})

    told = run(logistic)

    assert (told["reason_to_train"], told["outcome"]) == (None, "no drift")


@pytest.mark.slow
def test_too_few_rows_for_the_fixed_family_are_said_and_train_once(project: Project) -> None:
    project.configure(model={"family": "boosting"})
    project.drop("testdata/testdata.csv", table(100, seed=9, first=90_000))
    project.drop("sourcedata/dataset1.csv", table(300))
    first = run(project)
    project.configure(model={"family": "boosting"}, capacity={"calls_per_week": 3})

    second = run(project)

    assert project.json("models/trainedmodel.json")["family"] == "logistic"
    lines = [json.loads(line) for line in project.text(f"production_deployment/{paths.JOURNAL}").splitlines()]
    (warned,) = next(line for line in lines if line.get("run") == first["run"] and line["kind"] == "run")["warnings"]
    assert warned.startswith("model.family is 'boosting', which needs 500 labelled rows with 30 of each outcome; there")
    assert second["reason_to_train"] is None


def test_the_champion_and_the_former_release_compete_only_with_their_own_family() -> None:
    x, left = world(1_500)
    recent = np.arange(1_500) >= 900
    champion = released(x, left, recent)
    fold = fitting.folds(np.arange(1_500), left)
    rows = selection.Labelled(x, left, np.arange(1_500), fold, recent, KINDS)

    fixed, free = (
        [(it.learned, it.family) for it in selection.candidates(rows, choice, champion, champion)]
        for choice in ("quadratic", "auto")
    )

    assert fixed == [("all rows", "quadratic"), ("recent rows", "quadratic")]
    assert ("recalibrated", "logistic") in free
    assert ("former release", "logistic") in free


@pytest.mark.slow
def test_the_backtest_changes_to_the_fixed_family_once_there_are_rows_for_it() -> None:
    x, left = world(1_600)
    frame = x.assign(client=np.arange(1_600).astype(str), left=left)
    rows = policies.Rows(frame, np.repeat(np.arange(8), 200), Names("client", "left", KINDS))
    rules = Rules(rows.names, Drift(), GateRule(), "boosting")

    ours = replay.replay(rows, rules, {policies.OURS: policies.ours}).story(policies.OURS)

    assert [it.reason for it in ours.decisions].count(policy.FAMILY) in (1, 2, 3)
    assert ours.decisions[1].reason != policy.FAMILY
