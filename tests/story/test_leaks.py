"""A column that knows the answer, from the files to all who read of it, and what a person can say to it."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app import create_app
from risk.decision import policy
from risk.disk import journal
from tests.conftest import HEADER, Installations, Project, table

NUMBERS = dict.fromkeys(HEADER.split(",")[1:-1], "numeric")
COLUMN = "exit_reason"
SCHEMA = {"features": NUMBERS | {COLUMN: "categorical"}}


def with_reasons(text: str, reason: str = "price", honest: bool = False) -> str:
    """Return a client file with the column exit_reason: filled for leavers alone, or, where honest, for anybody."""
    head, *rows = list(csv.reader(io.StringIO(text)))
    draw = np.random.default_rng(len(rows)).random(len(rows))
    told = [
        reason if (share < 0.5 if honest else row[-1] == "1") else "" for row, share in zip(rows, draw, strict=True)
    ]
    lines = [[*row[:-1], it, row[-1]] for row, it in zip(rows, told, strict=True)]
    return "\n".join(",".join(line) for line in [[*head[:-1], COLUMN, head[-1]], *lines]) + "\n"


def configure(project: Project, schema: dict[str, Any]) -> None:
    project.configure(schema=schema, model={"family": "logistic"})


def fill(project: Project, honest: bool = False) -> Project:
    """Give a project labelled and current clients."""
    project.drop("testdata/testdata.csv", with_reasons(table(200, seed=9, first=90_000), honest=honest))
    project.drop("sourcedata/dataset1.csv", with_reasons(table(1_500), honest=honest))
    project.drop("sourcedata/dataset2.csv", with_reasons(table(400, seed=3, first=7_000, labels=False), honest=honest))
    return project


def leak(project: Project) -> None:
    configure(project, SCHEMA)
    assert fill(project).run("fullprocess", "--json").json["outcome"] == "deployed"


def prove(project: Project) -> None:
    configure(project, SCHEMA)
    assert fill(project, honest=True).run("fullprocess", "--json").json["outcome"] == "deployed"


def refuse(project: Project) -> None:
    prove(project)
    for name, text in (("dataset1", table(1_500)), ("dataset2", table(400, seed=3, first=7_000, labels=False))):
        project.drop(f"sourcedata/{name}.csv", with_reasons(text))
    assert project.run("fullprocess", "--force", "--json").json["outcome"] == "challenger rejected"


@pytest.fixture
def leaking(installations: Installations, tmp_path: Path) -> Project:
    """A project whose exit_reason is filled for leavers alone, after its first run."""
    return installations.copy(leak, tmp_path)


@pytest.fixture
def refused(installations: Installations, tmp_path: Path) -> Project:
    """A project with a proven model, whose challenger was refused because exit_reason began to know the answer."""
    return installations.copy(refuse, tmp_path)


def provisional(project: Project) -> bool:
    found: bool = project.json("models/snapshot.json")["release"]["provisional"]
    return found


def records(project: Project) -> list[dict[str, Any]]:
    return journal.runs(project.root / "production_deployment/journal.jsonl")


@pytest.mark.slow
def test_a_column_filled_for_leavers_only_is_named_everywhere_and_the_model_is_provisional(project: Project) -> None:
    configure(project, SCHEMA)
    fill(project)

    said = project.run("fullprocess")

    assert COLUMN in said.out
    assert "schema.ignore" in said.out
    assert "schema.trusted" in said.out
    assert COLUMN in said.err
    assert provisional(project)
    shown = project.json("models/snapshot.json")
    assert [it["column"] for it in shown["leaks"]] == [COLUMN]
    assert any(COLUMN in it for it in shown["warnings"])
    card = project.json("production_deployment/current/trainedmodel.json")
    assert [it["column"] for it in card["leaks"]] == [COLUMN]
    caveats = project.text("production_deployment/current/modelcard.md").split("## Caveats")[1].split("\n## ")[0]
    assert r"exit\_reason" in caveats
    assert [it["column"] for it in records(project)[-1]["leaks"]] == [COLUMN]
    assert COLUMN in project.run("diagnostics", "--explain", "last").out


@pytest.mark.slow
def test_predictions_and_the_page_warn_of_the_column(leaking: Project) -> None:
    client = create_app(leaking.settings).test_client()
    row = dict.fromkeys(NUMBERS, 1) | {"corporation": "new", COLUMN: None}

    computed = client.post("/prediction", json={"clients": [row]}).get_json()
    listed = client.post("/prediction", json={"ids": ["c07000"]}).get_json()

    for answer in (computed, listed):
        (warning,) = [it for it in answer["warnings"] if it["row"] is None]
        assert warning["field"] == COLUMN
        assert "schema.trusted" in warning["message"]
    page = client.get("/").get_data(as_text=True)
    assert page.count(COLUMN) >= 2
    assert "not been proven" not in page


@pytest.mark.slow
def test_a_run_without_training_goes_on_naming_the_column(leaking: Project) -> None:
    leaking.drop("sourcedata/dataset3.csv", with_reasons(table(50, seed=5, first=8_000, labels=False)))

    leaking.run("fullprocess")

    shown = leaking.json("models/snapshot.json")
    assert shown["decision"]["reason_to_train"] is None
    assert [it["column"] for it in shown["leaks"]] == [COLUMN]
    assert sum(COLUMN in it for it in shown["warnings"]) == 1


@pytest.mark.slow
def test_a_column_that_is_trusted_leads_to_a_proven_model_by_itself(leaking: Project) -> None:
    configure(leaking, SCHEMA | {"trusted": [COLUMN]})

    would = leaking.run("fullprocess", "--dry-run", "--json").json
    said = leaking.run("fullprocess", "--json").json

    assert would["train"]
    assert (said["outcome"], said["reason_to_train"]) == ("deployed", policy.TRUSTED)
    assert not provisional(leaking)
    shown = leaking.json("models/snapshot.json")
    assert shown["leaks"] == []
    assert not any(COLUMN in it for it in shown["warnings"])
    assert leaking.run("fullprocess", "--json").json["outcome"] == "no new data"
    assert COLUMN in leaking.run("diagnostics", "--explain", "last").out


@pytest.mark.slow
@pytest.mark.parametrize("features", [NUMBERS, SCHEMA["features"]])
def test_a_column_that_is_ignored_leads_to_a_proven_model_without_it(leaking: Project, features: Any) -> None:
    configure(leaking, {"features": features, "ignore": [COLUMN]})

    said = leaking.run("fullprocess", "--json").json

    assert (said["outcome"], said["reason_to_train"]) == ("deployed", "another schema")
    assert not provisional(leaking)
    assert COLUMN not in leaking.json("models/trainedmodel.json")["features"]


@pytest.mark.slow
def test_a_proven_model_stays_when_a_column_begins_to_know_the_answer(refused: Project) -> None:
    project = refused

    first = project.json("models/reports/1/snapshot.json")["release"]
    assert not first["provisional"]
    assert project.json("models/snapshot.json")["release"]["name"] == first["name"]
    verdict = project.json("models/verdict.json")
    assert COLUMN in verdict["sentence"]
    assert "proven" in verdict["sentence"]
    shown = project.json("models/snapshot.json")
    assert not shown["release"]["provisional"]
    assert [it["column"] for it in shown["leaks"]] == [COLUMN]


@pytest.mark.slow
def test_what_a_leak_refused_is_judged_again_once_its_column_is_trusted(refused: Project) -> None:
    project = refused
    configure(project, SCHEMA | {"trusted": [COLUMN]})

    said = project.run("fullprocess", "--json").json

    assert (said["outcome"], said["reason_to_train"]) == ("deployed", policy.TRUSTED)
    assert not provisional(project)


@pytest.mark.slow
def test_a_person_may_deploy_it_by_force_and_it_is_provisional(refused: Project) -> None:
    said = refused.run("deployment", "--force", "we know it")

    assert said.code == 0
    assert "(provisional)" in said.out


@pytest.mark.slow
def test_an_honest_column_is_not_named(project: Project) -> None:
    configure(project, SCHEMA)

    said = fill(project, honest=True).run("fullprocess")

    assert COLUMN not in said.out + said.err
    assert not provisional(project)
    assert project.json("models/snapshot.json")["leaks"] == []


@pytest.mark.slow
def test_when_the_rest_proves_nothing_the_model_without_the_column_still_replaces_the_one_with_it(
    project: Project,
) -> None:
    configure(project, {"features": {"number_of_employees": "numeric", COLUMN: "categorical"}})
    lines = [line.split(",") for line in with_reasons(table(600, seed=4)).splitlines()]
    shuffled = np.random.default_rng(0).permutation([line[3] for line in lines[1:]])
    rows = [",".join([*line[:3], str(it), *line[4:]]) for line, it in zip(lines[1:], shuffled, strict=True)]
    project.drop("sourcedata/dataset1.csv", "\n".join([",".join(lines[0]), *rows]) + "\n")
    project.drop("testdata/testdata.csv", with_reasons(table(200, seed=9, first=90_000)))
    project.run("fullprocess")
    configure(project, {"features": {"number_of_employees": "numeric"}, "ignore": [COLUMN]})

    said = project.run("fullprocess", "--json").json

    assert said["outcome"] == "deployed"
    assert provisional(project)
    assert project.json("production_deployment/current/trainedmodel.json")["leaks"] == []


@pytest.mark.slow
def test_a_leak_needs_a_person_once_by_exit_code_and_until_it_is_settled_in_status(project: Project) -> None:
    configure(project, SCHEMA)
    first = fill(project).run("fullprocess")
    status = project.run("fullprocess", "--status", "--json").json["attention"]

    second = project.run("fullprocess")
    configure(project, SCHEMA | {"trusted": [COLUMN]})
    settled = project.run("fullprocess", "--json")

    assert (first.code, second.code, settled.code) == (4, 0, 0)
    assert f"needs attention: The column {COLUMN} seems to know the answer." in first.out
    assert [it["kind"] for it in status] == ["leak"]
    assert settled.json["attention"] == []


@pytest.mark.slow
def test_a_level_of_leavers_is_found_whichever_rows_of_a_client_come_first(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    _, *rows = table(700).splitlines()
    marks = ["closed" if row[-1] == "1" and draw.random() < 0.6 else draw.choice(["gold", "silver"]) for row in rows]
    labelled = [f"{row[:-2]},{mark},{row[-1]}" for row, mark in zip(rows, marks, strict=True)]
    current = [f"{row[:-2]},{draw.choice(['gold', 'silver'])}," for row in rows if row[-1] == "0"]
    head = f"{HEADER.removesuffix('exited')}{COLUMN},exited"

    found = []
    for name, lines in {"labels first": labelled + current, "current first": current + labelled}.items():
        (tmp_path / name).mkdir()
        project = Project(tmp_path / name)
        configure(project, SCHEMA)
        project.drop("testdata/testdata.csv", with_reasons(table(200, seed=9, first=90_000), honest=True))
        project.drop("sourcedata/dataset1.csv", "\n".join([head, *lines]) + "\n")
        project.run("fullprocess")
        found.append((project.json("models/trainedmodel.json")["leaks"], provisional(project)))

    assert [it["column"] for it in found[0][0]] == [COLUMN]
    assert found[0] == found[1]
