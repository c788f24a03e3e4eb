"""What is a look at new labels, what comes too late for one, and what is told where there are none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ingesting import months

from risk import journal
from risk.dataset import manifest
from risk.registry import releases
from tests.conftest import HEADER, Installations, Project, table


def deploy_dataset5(project: Project) -> None:
    project.drop("testdata/testdata.csv", table(60, seed=9, first=50_000))
    project.drop("sourcedata/dataset5.csv", table(900, seed=1))
    assert project.run("fullprocess", "--json").json["outcome"] == "deployed"


@pytest.fixture
def live(installations: Installations, tmp_path: Path) -> Project:
    """A project whose live model is trained on dataset5.csv."""
    return installations.copy(deploy_dataset5, tmp_path)


def last(project: Project) -> dict[str, object]:
    return journal.runs(project.settings.production / "journal.jsonl")[-1]


@pytest.mark.slow
def test_a_source_that_sorts_before_what_was_judged_is_taken_in_and_no_look(live: Project) -> None:
    live.drop("sourcedata/dataset10.csv", table(300, seed=2, first=2_000))
    live.run("fullprocess")
    assert last(live)["scan"]
    live.drop("sourcedata/dataset7.csv", table(600, seed=3, turned=True, first=4_000))

    said = live.run("fullprocess", "--json")

    told = last(live)
    assert (said.json["outcome"], told["scan"]) == ("no drift", None)
    assert "dataset7.csv: taken in, but sorts before" in said.json["reason"]
    assert any("dataset7.csv" in str(warning) for warning in told["warnings"])  # type: ignore[union-attr]
    assert live.json("ingesteddata/current/manifest.json")["counts"]["n_rows"] == 1_800


def test_beside_a_late_source_a_timely_one_is_a_look(live: Project) -> None:
    live.drop("sourcedata/dataset3.csv", table(300, seed=2, first=2_000))
    live.drop("sourcedata/dataset6.csv", table(300, seed=3, first=4_000))

    live.run("fullprocess", "--json")

    assert last(live)["scan"]


@pytest.mark.slow
def test_a_judged_source_that_changes_is_a_look(live: Project) -> None:
    live.drop("sourcedata/dataset6.csv", table(300, seed=2, first=2_000))
    live.run("fullprocess")
    live.drop("sourcedata/dataset6.csv", table(300, seed=4, first=2_000))

    live.run("fullprocess")

    assert last(live)["scan"]


@pytest.mark.slow
def test_with_periods_time_decides_and_not_the_name(project: Project) -> None:
    project.configure(schema={"period": "month"})

    def month(name: str, period: str, seed: int, turned: bool = False) -> None:
        rows = table(600, seed=seed, turned=turned).splitlines()[1:]
        project.drop(f"sourcedata/{name}.csv", months(*(row.replace(",", f",{period},", 1) for row in rows)))

    rows = [row.replace(",", ",2024-09,", 1) for row in table(60, seed=9, first=50_000).splitlines()[1:]]
    project.drop("testdata/testdata.csv", months(*rows))
    month("b", "2024-05", 1)
    assert project.run("fullprocess", "--json").json["outcome"] == "deployed"

    month("a", "2024-06", 2)
    project.run("fullprocess")
    assert last(project)["scan"]
    month("z", "2024-01", 3, turned=True)
    project.run("fullprocess")
    assert last(project)["scan"] is None


def test_rows_without_outcomes_are_compared_and_train_nothing(live: Project) -> None:
    live.drop("sourcedata/dataset6.csv", table(400, seed=2, first=2_000, labels=False))

    said = live.run("fullprocess", "--json")

    told = last(live)["unlabelled"]
    assert (said.json["outcome"], "training" in str(said.json["steps"])) == ("not enough evidence", False)
    assert not told["differ"]  # type: ignore[index]
    assert told["sentence"] in said.json["reason"]  # type: ignore[index]
    assert "why clients leave cannot be seen" in said.json["reason"]


def test_other_clients_without_outcomes_are_told_with_the_column(live: Project) -> None:
    rows = [row.split(",") for row in table(150, seed=2, first=2_000, labels=False).splitlines()[1:]]
    smaller = [",".join([name, a, b, str(int(c) // 8), left]) for name, a, b, c, left in rows]
    live.drop("sourcedata/dataset6.csv", "\n".join([HEADER, *smaller]) + "\n")

    said = live.run("fullprocess", "--json")

    assert said.json["outcome"] == "not enough evidence"
    assert "most in number_of_employees" in said.json["reason"]


@pytest.mark.slow
def test_a_release_names_the_dataset_that_its_model_learned(live: Project) -> None:
    live.run("training")
    live.run("scoring")
    trained_on = live.json("models/trainedmodel.json")["dataset"]
    live.drop("sourcedata/dataset6.csv", table(300, seed=2, first=2_000))
    live.run("ingestion")

    assert live.run("deployment", "--force", "for a test").code == 0

    release = releases.current(live.settings.production)
    assert release is not None
    found = manifest.read(release.folder)
    assert found is not None
    assert found.name == trained_on
    assert found.name != (live.root / "ingesteddata/current").resolve().name


@pytest.mark.slow
def test_a_model_whose_dataset_is_not_kept_is_not_deployed(live: Project) -> None:
    live.run("training")
    live.run("scoring")
    before = releases.name_of(live.settings.production)
    trained_on = live.root / "ingesteddata/versions" / live.json("models/trainedmodel.json")["dataset"]
    trained_on.rename(trained_on.with_name("9-elsewhere"))

    said = live.run("deployment", "--force", "for a test")

    assert said.code == 1
    assert "python training.py" in said.err
    assert releases.name_of(live.settings.production) == before


def test_nobody_need_read_to_the_end(live: Project) -> None:
    script = Path(__file__).parents[2] / "deployment.py"
    command = f"'{sys.executable}' '{script}' --config '{live.root}/config.json' --list | true"

    said = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert said.stderr == ""
