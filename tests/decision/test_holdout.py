"""Who is held out: the clients of the test files, or a share of all by hash while no test file holds an outcome."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from risk.registry import out_of_fold
from tests.conftest import HEADER, Installations, Project, table

BY_HASH = "held-out clients (20 % of all, by hash; testdata/ is empty)"


def run(project: Project, *words: str) -> dict[str, Any]:
    said = project.run("fullprocess", "--json", *words)
    assert said.code == 0, said.err
    told: dict[str, Any] = said.json
    return told


def trained_on(project: Project) -> set[str]:
    return set(out_of_fold.read(project.root / "production_deployment/current")["client"])


def everyone(project: Project) -> set[str]:
    return {line.split(",")[0] for line in project.text("ingesteddata/finaldata.csv").splitlines()[1:]}


def deploy_without(project: Project) -> None:
    project.drop("sourcedata/dataset1.csv", table(1_000))
    assert run(project)["outcome"] == "deployed"


@pytest.fixture
def without(installations: Installations, tmp_path: Path) -> Project:
    """A project of 1,000 clients with an empty test folder, after its first run."""
    return installations.copy(deploy_without, tmp_path)


@pytest.mark.slow
def test_without_test_files_a_fifth_of_the_clients_is_held_out_by_hash_and_the_report_says_so(without: Project) -> None:
    left_out = everyone(without) - trained_on(without)

    assert len(everyone(without)) == 1_000
    assert len(left_out) == pytest.approx(200, abs=40)
    scores = without.json("models/snapshot.json")["scores"]
    assert (scores["scored_on"], scores["n_rows"]) == (BY_HASH, len(left_out))
    assert float(without.text("models/latestscore.txt")) == scores["f1"]
    assert without.json("models/verdict.json")["scores"]["scored_on"] == BY_HASH
    assert BY_HASH in without.text("production_deployment/current/modelcard.md")
    assert len(without.text("models/clientrisks.csv").splitlines()) > 1 + 1_000 * 0.6  # everyone who stayed is ranked


@pytest.mark.slow
def test_who_is_held_out_hangs_on_the_name_alone_and_not_on_the_folds(without: Project) -> None:
    left_out = everyone(without) - trained_on(without)
    lines = table(1_000).splitlines()
    without.drop("sourcedata/dataset1.csv", "\n".join([lines[0], *lines[:0:-1]]) + "\n")
    run(without, "--force")

    held = out_of_fold.read(without.root / "models")["client"]

    assert not left_out & set(held)
    counts = np.bincount([zlib.crc32(name.encode()) % 5 for name in sorted(left_out)], minlength=5)
    assert counts.min() > 0.1 * len(left_out)


@pytest.mark.slow
def test_it_means_the_same_on_every_run(without: Project) -> None:
    left_out = everyone(without) - trained_on(without)
    without.drop("sourcedata/dataset2.csv", table(900, seed=2, turned=True, first=5_000))

    told = run(without)

    assert (told["reason_to_train"], told["outcome"]) == ("drift", "deployed")
    unseen = everyone(without) - set(out_of_fold.read(without.root / "models")["client"])
    assert left_out < unseen
    assert len(unseen) == pytest.approx(380, abs=60)
    assert without.json("models/snapshot.json")["scores"]["scored_on"] == BY_HASH
    gate = without.json("models/verdict.json")["gate"]
    assert gate["n_rows"] == 900 - len([name for name in unseen if name >= "c05000"])


@pytest.mark.slow
def test_they_join_the_training_when_a_test_file_with_outcomes_appears(without: Project) -> None:
    without.drop("testdata/later.csv", table(200, seed=9, first=90_000))

    run(without, "--force")

    assert set(out_of_fold.read(without.root / "models")["client"]) == everyone(without)
    scores = without.json("models/snapshot.json")["scores"]
    assert (scores["scored_on"], scores["n_rows"]) == ("held-out clients", 200)


@pytest.mark.slow
def test_clients_of_whom_a_model_has_seen_most_are_said_to_be_seen(project: Project) -> None:
    path = project.drop("testdata/testdata.csv", table(100, seed=9, first=90_000))
    project.drop("sourcedata/dataset1.csv", table(600))
    run(project)
    path.unlink()

    assert run(project)["outcome"] == "no drift"

    assert project.json("models/snapshot.json")["scores"]["scored_on"] == "seen clients"


@pytest.mark.slow
def test_test_files_without_outcomes_hold_nobody_out_themselves(project: Project) -> None:
    project.drop("testdata/testdata.csv", table(100, seed=9, first=90_000, labels=False))
    project.drop("sourcedata/dataset1.csv", table(600))

    run(project)

    told = project.json("models/snapshot.json")["scores"]["scored_on"]
    assert told == "held-out clients (20 % of all, by hash; testdata/ holds no outcome)"


@pytest.mark.slow
def test_a_test_file_that_cannot_be_read_is_told(project: Project) -> None:
    project.drop("testdata/testdata.csv", "corporation;exited\na;1\n")
    project.drop("sourcedata/dataset1.csv", table(600))

    run(project)

    (told,) = [it for it in project.json("models/snapshot.json")["warnings"] if "testdata" in it]
    assert told.startswith("testdata/testdata.csv: line 1: ")
    assert "is separated by semicolons" in told


@pytest.mark.slow
def test_another_share_holds_out_more_and_the_same_ones_first(without: Project) -> None:
    left_out = everyone(without) - trained_on(without)
    without.configure(test_share=0.4)

    run(without, "--force")

    more = everyone(without) - set(out_of_fold.read(without.root / "models")["client"])
    assert left_out < more
    assert len(more) == pytest.approx(400, abs=50)
    assert "40 % of all" in without.json("models/snapshot.json")["scores"]["scored_on"]


@pytest.mark.slow
@pytest.mark.parametrize("n_rows", [1, 2, 3, 5, 8, 26])
def test_very_few_clients_never_end_in_an_error(project: Project, n_rows: int) -> None:
    rows = [f"c{number},{number},{number},{number},{number % 2}" for number in range(n_rows)]
    project.drop("sourcedata/dataset1.csv", "\n".join([HEADER, *rows]) + "\n")

    outcome = run(project)["outcome"]

    assert outcome in ("deployed", "not enough evidence")
    scores = project.json("models/snapshot.json")["scores"]
    assert (scores is not None) == (outcome == "deployed")


@pytest.mark.slow
def test_each_script_by_hand_holds_out_the_same_clients(project: Project) -> None:
    project.drop("sourcedata/dataset1.csv", table(600))

    said = [project.run(name) for name in ("ingestion", "training", "scoring", "deployment", "reporting")]

    assert [it.code for it in said] == [0] * 5, said
    left_out = everyone(project) - trained_on(project)
    assert f"{len(left_out)} rows of {BY_HASH}" in project.run("scoring", "--production").out
    assert project.json("models/snapshot.json")["scores"]["n_rows"] == len(left_out)
