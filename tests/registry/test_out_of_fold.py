"""The headline tells of the newest outcomes, each rated by a model that was not trained on it, and says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from risk.dataset import manifest
from risk.dataset.dataset import Dataset
from risk.dataset.manifest import Manifest
from risk.registry import model, out_of_fold
from risk.report import pdf, words
from tests.conftest import Project, table
from tests.report.test_pdf import read_text

HEADER = "corporation,period,lastmonth_activity,lastyear_activity,number_of_employees,exited"


def drop(project: Project, name: str, n: int, period: str | None = None, **how: Any) -> None:
    """Drop a table; with a period, each of its rows is of that period."""
    lines = table(n, **how).splitlines()
    rows = [f"{line.partition(',')[0]},{period},{line.partition(',')[2]}" for line in lines[1:]]
    project.drop(name, "\n".join([HEADER, *rows] if period else lines) + "\n")


def shown(project: Project) -> dict[str, Any]:
    said = project.run("fullprocess")
    assert said.code == 0, said.err
    told: dict[str, Any] = project.json("models/snapshot.json")
    return told


def rows_of(project: Project) -> tuple[Dataset, model.Model, Path]:
    folder = (project.root / "production_deployment/current").resolve()
    found = manifest.read(project.settings.ingested / "current") or Manifest("", "")
    return Dataset(found, project.settings.schema, project.settings.ingested / "parts"), model.load(folder), folder


@pytest.mark.slow
def test_after_a_change_the_headline_tells_of_the_time_after_it(project: Project) -> None:
    drop(project, "sourcedata/dataset1.csv", 800)
    drop(project, "testdata/testdata.csv", 300, seed=9, first=90_000)
    shown(project)
    drop(project, "sourcedata/dataset2.csv", 800, seed=1, first=5000, turned=True)

    told = shown(project)

    found, scores = told["newest"], told["scores"]
    assert (found["sources"], found["n_rows"], found["n_out_of_fold"]) == (["dataset2.csv"], 800, 800)
    assert found["auc"] > scores["auc"] + 0.1
    assert scores["before_change"] == told["release"]["name"]
    report = read_text(pdf.report(told, {}))
    headline = [
        (f"{100 * found['capture']:.0f} %", "of the leavers were in the first 80 of 800: outcomes in dataset2.csv"),
        (f"{found['f1']:.2f}", "F1: outcomes in dataset2.csv"),
    ]
    assert words.key_figures(told)[-2:] == headline
    assert all(f"{value} {meaning}" in report or meaning in report for value, meaning in headline)
    for place in (words.scored_on(scores, found), report):
        assert f"was there before the last change was found (release {told['release']['name']})" in place
    for place in (words.newest_on(found), report):
        assert "Each was rated by a model that was not trained on it (out of fold)." in place


@pytest.mark.slow
def test_the_figures_are_those_of_the_remembered_risks(project: Project) -> None:
    drop(project, "sourcedata/dataset1.csv", 500)
    drop(project, "testdata/testdata.csv", 100, seed=9, first=90_000)

    found = shown(project)["newest"]

    rows, live, folder = rows_of(project)
    frame = rows.labelled()
    risks = out_of_fold.remembered(frame["corporation"], frame["row"], folder)
    predicted, left = risks >= live.card.threshold, frame["exited"].to_numpy() == 1
    assert found["confusion"]["tp"] == int((predicted & left).sum())
    assert found["confusion"]["fp"] == int((predicted & ~left).sum())
    assert not np.allclose(risks, live.risks(frame))


@pytest.mark.slow
def test_rows_that_the_model_was_not_trained_on_have_its_own_answers(project: Project) -> None:
    drop(project, "sourcedata/dataset1.csv", 800)
    drop(project, "testdata/testdata.csv", 100, seed=9, first=90_000)
    shown(project)
    drop(project, "sourcedata/dataset2.csv", 700, seed=1, first=5000)

    told = shown(project)

    assert told["outcome"] == "no drift"
    assert (told["newest"]["sources"], told["newest"]["n_out_of_fold"]) == (["dataset2.csv"], 0)
    assert "The model was not trained on them." in words.newest_on(told["newest"])


@pytest.mark.slow
def test_as_many_of_the_newest_periods_are_taken_as_hold_enough_outcomes(project: Project) -> None:
    project.configure(schema={"period": "period"})
    sizes = {"2026-01": 600, "2026-02": 400, "2026-03": 40, "2026-04": 20}
    for number, (period, n) in enumerate(sizes.items()):
        drop(project, f"sourcedata/{'dcba'[number]}.csv", n, period, seed=number)
    drop(project, "testdata/testdata.csv", 200, "2025-12", seed=9, first=90_000)

    told = shown(project)

    found = told["newest"]
    assert (found["first_period"], found["last_period"], found["n_rows"]) == ("2026-02", "2026-04", 460)
    assert min(found["n_leavers"], found["n_rows"] - found["n_leavers"]) >= out_of_fold.FEWEST
    assert words.key_figures(told)[-1][1] == "F1: outcomes of 2026-02 to 2026-04"
    assert "older than the newest outcomes, which are of 2026-04." in words.scored_on(told["scores"], told["newest"])
    assert "rows of test data of 2025-12;" in words.scored_on(told["scores"], told["newest"])


@pytest.mark.slow
def test_with_too_few_outcomes_the_headline_names_the_test_data(project: Project) -> None:
    drop(project, "sourcedata/dataset1.csv", 60)
    drop(project, "testdata/testdata.csv", 100, seed=9, first=90_000)

    told = shown(project)

    assert told["newest"] is None
    assert words.key_figures(told)[-1][1] == "F1: test data"
    assert "The model was trained on no row of these clients." in words.scored_on(told["scores"], told["newest"])


@pytest.mark.slow
def test_of_very_many_rows_a_sample_is_measured_and_said_to_be_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(out_of_fold, "MOST_ROWS", 300)
    drop(project, "sourcedata/dataset1.csv", 400)
    drop(project, "sourcedata/dataset2.csv", 600, seed=1, first=5000)
    drop(project, "testdata/testdata.csv", 100, seed=9, first=90_000)

    found = shown(project)["newest"]

    assert (found["sampled"], found["sources"]) == (True, ["dataset2.csv"])
    assert 200 < found["n_rows"] < 400
    assert words.newest_on(found).startswith("Measured on a sample of ")


@pytest.mark.slow
def test_a_snapshot_of_an_older_program_has_test_data_alone(project: Project) -> None:
    drop(project, "sourcedata/dataset1.csv", 400)
    drop(project, "testdata/testdata.csv", 100, seed=9, first=90_000)
    told = shown(project)
    told.pop("newest")
    for name in ("n_seen", "before_change", "first_period", "last_period"):
        told["scores"].pop(name)

    report = read_text(pdf.report(told, {}))

    assert "the newest that are known" not in report
    assert "out of fold" not in report
    assert words.key_figures(told)[-1][1] == "F1: test data"
    assert "The model was trained on no row of these clients." in report


@pytest.mark.slow
def test_a_report_of_a_file_and_a_folder_claims_nothing_that_it_does_not_know(project: Project) -> None:
    drop(project, "sourcedata/dataset1.csv", 400)
    drop(project, "testdata/testdata.csv", 100, seed=9, first=90_000)
    shown(project)
    where = str(project.root / "elsewhere")

    said = project.run(
        "reporting", "--data", str(project.root / "sourcedata/dataset1.csv"), "--model", str(project.root / "models"),
        "--to", where,
    )  # fmt: skip

    assert said.code == 0, said.err
    told = project.json("elsewhere/snapshot.json")
    assert "The model was trained on these clients, so it looks better" in words.scored_on(
        told["scores"], told["newest"]
    )
    assert told["newest"]["n_out_of_fold"] == 400
    assert "nothing was decided by it" in told["reason"]
    risks = {it["client"]: it["risk"] for it in told["call_list"]}
    assert risks == {it["client"]: it["risk"] for it in project.json("models/snapshot.json")["call_list"]}
