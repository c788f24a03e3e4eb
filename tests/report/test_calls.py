"""What is shown of calls: opinions graded as the model is, disagreements, and treated rows from ingestion to report."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from risk.registry import out_of_fold
from risk.report import calls
from risk.report.calls import Grades
from tests.conftest import HEADER, Project, table

MONTHS = ("2026-04", "2026-05", "2026-06")
CALLED = "client,date,result,opinion\n"


def marks(text: str) -> np.ndarray:
    return np.array([letter == "1" for letter in text])


def test_people_and_the_model_are_graded_on_the_same_rows() -> None:
    said, predicted, left = marks("110010"), marks("011010"), marks("010110")

    found = calls.graded(said, predicted, left)

    assert found == Grades(n=6, model_right=4, people_right=4, n_disagreed=2, model_right_of_disagreed=1)
    assert calls.graded(marks(""), marks(""), marks("")) is None


def month(number: int, n_rows: int = 300) -> str:
    """Return a month of the same clients; of the last one no outcome is known."""
    rows = table(n_rows, seed=number, labels=number < len(MONTHS) - 1).splitlines()[1:]
    lines = [line.replace(",", f",{MONTHS[number]},", 1) for line in rows]
    return "\n".join([HEADER.replace(",", ",month,", 1), *lines]) + "\n"


def make(project: Project) -> None:
    project.configure(schema={"period": "month"}, model={"family": "logistic"})
    for number, name in enumerate(MONTHS):
        project.drop(f"sourcedata/{name}.csv", month(number))
    project.drop("testdata/testdata.csv", month(0).replace("c00", "t00"))


def run(project: Project, *words: str) -> dict[str, Any]:
    said = project.run("fullprocess", "--json", *words)
    assert said.code == 0, said.err
    shown: dict[str, Any] = project.json("models/snapshot.json")
    return shown


@pytest.mark.slow
def test_called_clients_are_kept_apart_from_training_to_report(project: Project) -> None:
    make(project)
    lines = [f"c{n:05d},2026-05-20,stays,\n" for n in range(20)] + ["t00003,2026-05-15,reached,\n"]
    project.drop("outcomes/calls.csv", CALLED + "".join(lines) + "c00030,2026-05-20,not reached,\nbroken\n")

    shown = run(project)

    told = shown["outcomes"]
    assert (told["n_contacts"], told["n_clients"], told["n_rejected"], told["n_treated"]) == (22, 22, 1, 40)
    assert told["rejected"] == [
        {"source": "outcomes/calls.csv", "line": 24, "reason": "found 1 fields, expected 4 as in line 1"}
    ]
    learned = out_of_fold.read(project.root / "production_deployment/current")
    assert len(learned) == 600 - 40
    assert not {f"c{n:05d}" for n in range(20)} & set(learned["client"])
    assert "c00030" in set(learned["client"])
    assert shown["scores"]["n_rows"] == 299
    assert told["scores"]["test"]["with"]["n_rows"] == 300
    assert told["scores"]["newest"]["without"]["n_rows"] < told["scores"]["newest"]["with"]["n_rows"]
    assert shown["newest"]["n_rows"] == told["scores"]["newest"]["without"]["n_rows"]
    assert "line 24" in " ".join(shown["warnings"])


@pytest.mark.slow
def test_where_too_few_were_not_called_all_rows_count_and_the_run_says_so(project: Project) -> None:
    make(project)
    project.drop("outcomes/calls.csv", CALLED + "".join(f"c{n:05d},2026-05-20,stays,\n" for n in range(290)))

    shown = run(project)

    assert len(out_of_fold.read(project.root / "production_deployment/current")) == 600
    assert any(it.startswith("Too few leavers or stayers were not called") for it in shown["warnings"])


@pytest.mark.slow
def test_disagreements_are_listed_and_graded_once_the_outcomes_are_known(project: Project) -> None:
    make(project)
    first = {row["client"]: row for row in run(project)["call_list"]}
    client = next(iter(first))
    owners = "".join(
        f"{name},2026-07-02,undecided,{said}\n" for name, said in ((client, "stays"), ("c00001", "unsure"))
    )
    project.drop("outcomes/calls.csv", CALLED + owners)

    told = run(project, "--force")["outcomes"]

    assert told["disagreements"] == [
        {"client": client, "owner": None, "date": "2026-07-02", "opinion": "stays", "risk": pytest.approx(
            first[client]["risk"], abs=0.2)}
    ]  # fmt: skip
    assert told["opinions"] is None

    rows = project.text(f"sourcedata/{MONTHS[2]}.csv").splitlines()
    known = [rows[0], *(line + ("1" if line.startswith(client) else "0") for line in rows[1:])]
    project.drop(f"sourcedata/{MONTHS[2]}.csv", "\n".join(known) + "\n", age=30)
    told = run(project)["outcomes"]

    assert told["disagreements"] == []
    assert told["opinions"] == {
        "n": 1, "model_right": 1, "people_right": 0, "n_disagreed": 1, "model_right_of_disagreed": 1,
    }  # fmt: skip


@pytest.mark.slow
def test_contacts_that_reached_nobody_change_no_byte_of_model_and_list(project: Project, tmp_path_factory: Any) -> None:
    other = Project(tmp_path_factory.mktemp("other"))
    for it in (project, other):
        make(it)
    project.drop("outcomes/calls.csv", "client,date,result\nc00001,2026-05-20,not reached\n")

    for it in (project, other):
        run(it)

    for name in ("models/trainedmodel.pkl", "models/clientrisks.csv", "models/calllist.csv", "models/latestscore.txt"):
        assert (project.root / name).read_bytes() == (other.root / name).read_bytes(), name
    assert other.json("models/snapshot.json")["outcomes"]["scores"] is None
