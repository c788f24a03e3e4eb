"""Releases of other versions of the packages, and the oldest versions that requirements.txt allows."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sklearn

from app import create_app
from risk.disk import files, paths
from risk.errors import ModelError
from risk.modeling import allowed_names
from risk.registry import model, releases
from tests.conftest import Project, table

ROOT = Path(__file__).resolve().parents[2]
HERE = sys.version.split()[0]


def made_with(folder: Path, **versions: str) -> None:
    """Let a card say that its model was made with other versions."""
    path = folder / paths.CARD
    card = json.loads(path.read_text())
    path.write_bytes(files.as_json(card | {"packages": card["packages"] | versions}))


@pytest.mark.parametrize(
    ("versions", "told"),
    [
        ({"sklearn": sklearn.__version__, "python": HERE, "pandas": "1.0.0"}, None),
        ({}, None),
        ({"sklearn": "1.7.2"}, f"made with scikit-learn 1.7.2; installed is scikit-learn {sklearn.__version__}."),
        ({"numpy": "1.26.4", "sklearn": "1.7.2"}, "made with scikit-learn 1.7.2 and numpy 1.26.4; installed is"),
        ({"python": "3.9.1"}, f"made with python 3.9.1; installed is python {HERE}."),
        ({"python": f"{HERE.rpartition('.')[0]}.99"}, None),
    ],
)
def test_a_model_of_other_versions_is_one_sentence(versions: dict[str, str], told: str | None) -> None:
    found = releases.other_versions(versions)

    assert found == told if told is None else told in str(found)
    assert not found or found.endswith("python fullprocess.py --force makes a model of the installed versions.")


@pytest.mark.slow
def test_status_health_and_report_tell_of_a_release_of_another_version_in_one_line(deployed: Project) -> None:
    deployed.run("training")
    deployed.run("scoring")
    made_with(deployed.root / "models", sklearn="1.7.2")
    assert deployed.run("deployment", "--force", "made elsewhere").code == 0

    status, reported = deployed.run("fullprocess", "--status"), deployed.run("reporting")
    health = create_app(deployed.settings).test_client().get("/health").json

    assert status.out.count("scikit-learn 1.7.2") == 1
    assert reported.code == 0
    assert reported.err.count("InconsistentVersion") == 0
    (told,) = [it for it in deployed.json("models/snapshot.json")["warnings"] if "scikit-learn" in it]
    assert told == health["warning"] == deployed.run("fullprocess", "--status", "--json").json["other_versions"]


@pytest.mark.slow
def test_a_file_of_another_version_is_opened_without_warnings(deployed: Project, tmp_path: Path) -> None:
    folder = deployed.root / "models"
    content = (folder / paths.MODEL).read_bytes().replace(sklearn.__version__.encode(), b"1.7.2")
    assert len(content) == (folder / paths.MODEL).stat().st_size
    (folder / paths.MODEL).unlink()
    (folder / paths.MODEL).write_bytes(content)
    made_with(folder, sklearn="1.7.2")
    card = deployed.json("models/trainedmodel.json")
    (folder / paths.CARD).write_bytes(files.as_json(card | {"sha256": files.digest(content)}))

    found = model.load(folder)  # warnings are errors in the tests

    assert found.warning


def test_a_file_that_another_version_made_and_this_one_cannot_open_is_told_with_both(deployed: Project) -> None:
    folder = deployed.root / "models"
    content = pickle.dumps(ModelError("any class of another version"), protocol=4)
    (folder / paths.MODEL).write_bytes(content)
    card = deployed.json("models/trainedmodel.json") | {"sha256": files.digest(content)}
    (folder / paths.CARD).write_bytes(files.as_json(card))
    made_with(folder, sklearn="1.7.2")

    with pytest.raises(ModelError, match=r"does not open here.*scikit-learn 1\.7\.2.*--force") as caught:
        model.load(folder)

    assert sklearn.__version__ in str(caught.value)


@pytest.mark.slow
def test_by_force_a_live_model_that_cannot_be_opened_is_replaced(deployed: Project) -> None:
    path = (deployed.root / "production_deployment/current").resolve() / paths.MODEL
    path.write_bytes(path.read_bytes()[:-9])
    deployed.drop("sourcedata/dataset2.csv", table(600, seed=2, first=5_000))
    assert deployed.run("fullprocess").code == 1

    said = deployed.run("fullprocess", "--force", "--json")

    assert (said.code, said.json["outcome"]) == (0, "deployed"), said.err
    assert said.json["release"].startswith("2-")


def test_the_names_of_older_files_lead_to_the_names_of_today() -> None:
    assert set(allowed_names.RENAMED.values()) <= model._ALLOWED
    assert not set(allowed_names.RENAMED) & model._ALLOWED


def lower_bounds() -> list[str]:
    """Return the oldest version of each package that requirements.txt allows, as pip takes it."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [line.replace(">=", "==") for line in lines if line and not line.startswith("#")]


def done(words: list[Any], **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, **settings)


@pytest.mark.extras
def test_the_whole_process_runs_with_the_oldest_versions_that_are_allowed(project: Project, tmp_path: Path) -> None:
    python = tmp_path / "oldest" / "bin" / "python"
    done([sys.executable, "-m", "venv", tmp_path / "oldest"], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    installed = done([*install, *lower_bounds()])
    if installed.returncode and not os.environ.get("CI"):
        pytest.skip(f"the oldest versions cannot be installed here: {installed.stderr.strip()[-300:]}")
    assert installed.returncode == 0, installed.stderr
    project.drop("sourcedata/dataset1.csv", table(800))
    project.drop("testdata/testdata.csv", table(100, seed=9, first=90_000))
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "RISK_"))}
    config = ["--config", project.root / paths.CONFIG]

    for family in ("auto", "boosting", "quadratic"):
        project.configure(model={"family": family})
        run = done([python, "fullprocess.py", *config, "--force", "--json"], cwd=ROOT, env=plain)
        assert run.returncode == 0, run.stderr
        assert (family == "auto") or project.json("models/trainedmodel.json")["family"] == family
    answered = done([python, "diagnostics.py", *config, "--predict", project.root / "testdata/testdata.csv"], cwd=ROOT)

    assert len(answered.stdout.splitlines()) == 101, answered.stderr
    opened = model.load(project.root / "models")
    assert opened.warning
    assert f"scikit-learn {opened.card.packages['sklearn']}" in opened.warning
