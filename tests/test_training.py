"""Training on the real files of a project: what the card tells, and what of very many rows is learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import training
from risk.command import Run
from risk.decision import policy
from risk.disk import journal, paths
from risk.drift.finding import Scan, Verdict
from risk.modeling import selection
from risk.registry import out_of_fold, releases
from risk.settings.settings import load
from tests.conftest import Installations, Project, table


def deploy_of_many(project: Project) -> None:
    project.configure(model={"family": "logistic", "max_training_rows": 1_000})
    project.drop("testdata/testdata.csv", table(200, seed=9, first=90_000))
    project.drop("sourcedata/dataset1.csv", table(3_000))
    assert project.run("fullprocess", "--json").json["outcome"] == "deployed"


def turn(project: Project) -> None:
    deploy_of_many(project)
    project.drop("sourcedata/dataset2.csv", table(700, seed=2, turned=True, first=5_000))
    assert project.run("fullprocess", "--json").json["outcome"] == "deployed"


@pytest.fixture
def small(installations: Installations, tmp_path: Path) -> Project:
    """A project that learns from 1,000 rows at most."""
    return installations.copy(deploy_of_many, tmp_path)


@pytest.fixture
def turned(installations: Installations, tmp_path: Path) -> Project:
    """The same after 700 rows of clients who leave for other reasons."""
    return installations.copy(turn, tmp_path)


@pytest.mark.slow
def test_of_very_many_rows_a_sample_is_learned_and_the_card_says_so(small: Project) -> None:
    card = small.json("models/trainedmodel.json")

    assert card["n_rows"] == pytest.approx(1_000, abs=2)
    assert card["n_labelled"] == 3_000
    assert len(out_of_fold.read(small.root / "models")) == card["n_rows"]
    shares = [line.endswith(",1") for line in small.text("ingesteddata/finaldata.csv").splitlines()[1:]]
    assert card["base_rate"] == pytest.approx(np.mean(shares), abs=0.005)


@pytest.mark.slow
def test_after_a_change_every_recent_row_is_kept(turned: Project) -> None:
    card = turned.json("models/trainedmodel.json")
    assert (card["learned"], card["n_rows"], card["n_labelled"]) == ("recent rows", 700, 3_700)


@pytest.mark.slow
def test_the_rows_that_were_learned_are_marked_and_lie_beside_new_ones_when_the_scan_rings(turned: Project) -> None:
    production = turned.root / "production_deployment"

    line = journal.last_look(production / paths.JOURNAL)
    first, second = (out_of_fold.read(release.folder) for release in releases.all_of(production))

    assert first["learned"].all()
    assert second["learned"].sum() == 700 < len(second)
    assert all((it["balanced_p"] is not None) == it["rings"] for it in line["scan"]["windows"])
    assert line["scan"]["windows"][0]["rings"]


@pytest.mark.slow
def test_the_card_and_the_journal_tell_what_was_compared(turned: Project) -> None:
    told = turned.json("models/trainedmodel.json")["candidates"]

    assert [it["name"] for it in told] == ["all rows, logistic", "recalibrated, logistic", "recent rows, logistic"]
    assert [it["chosen"] for it in told] == [False, False, True]
    line = turned.text(f"production_deployment/{paths.JOURNAL}").splitlines()[-1]
    assert '"candidates": [{"name": "all rows, logistic"' in line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verdict", "words", "holds"),
    [
        ("retrain", "the effect of size rose", False),
        ("recalibrate", "the share of leavers rose", True),
        ("recalibrate", "the risks are too bold (over-confidence)", False),
    ],
)
def test_a_training_is_told_whether_the_order_of_the_risks_holds(
    small: Project, monkeypatch: pytest.MonkeyPatch, verdict: Verdict, words: str, holds: bool
) -> None:
    class ToldError(Exception):
        """Ends the training once it was told."""

    def teach(*_: object, order_holds: bool = True, **__: object) -> None:
        raise ToldError(order_holds)

    monkeypatch.setattr(selection, "teach", teach)
    settings = load(small.root / "config.json")
    why = policy.train(policy.DRIFT, "", verdict, Scan(verdict, (), words, 1))

    with pytest.raises(ToldError) as told:
        training.train(settings, Run(settings, "fullprocess", 2), why)

    assert told.value.args == (holds,)


@pytest.mark.slow
@pytest.mark.parametrize(("steady_gain", "outcome"), [(0.0, "deployed"), (1.0, "challenger rejected")])
def test_twice_the_rows_replace_the_model_only_for_what_is_worth_it(
    project: Project, steady_gain: float, outcome: str
) -> None:
    project.configure(model={"family": "logistic"}, gate={"steady_gain": steady_gain})
    project.drop("testdata/testdata.csv", table(200, seed=9, first=90_000))
    project.drop("sourcedata/dataset1.csv", table(500))
    assert project.run("fullprocess", "--json").json["outcome"] == "deployed"
    project.drop("sourcedata/dataset2.csv", table(4_000, seed=2, first=5_000))

    said = project.run("fullprocess", "--json").json

    assert (said["reason_to_train"], said["outcome"]) == (policy.DOUBLED, outcome)
    assert ("nothing has changed" in project.json("models/verdict.json")["sentence"]) == (outcome != "deployed")
