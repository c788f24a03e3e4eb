"""An installation of an older program is opened by the program of today, which continues it.

tests/fixtures holds what a real one of each left after a first run and a second that deployed a new model: without the
report set of the first run, without the PDF and the figure, which runs make again.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from risk.disk import journal, paths
from risk.registry import releases
from tests.conftest import Installations, Project, table

FIXTURES = Path(__file__).parents[1] / "fixtures"
VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0")


def bring_back(project: Project, version: str) -> None:
    shutil.copytree(FIXTURES / f"installation-{version}", project.root, symlinks=True, dirs_exist_ok=True)


def run_again(project: Project, version: str) -> None:
    """Bring an installation back and do the first run of today's program."""
    bring_back(project, version)
    said = project.run("fullprocess", "--json")
    assert (said.code in (0, 4), said.json["outcome"]) == (True, "no drift"), said.err


@pytest.fixture(params=VERSIONS)
def older(request: pytest.FixtureRequest, installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(bring_back, tmp_path, version=request.param)


@pytest.fixture(params=VERSIONS)
def upgraded(request: pytest.FixtureRequest, installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(run_again, tmp_path, version=request.param)


@pytest.fixture
def client(older: Project) -> Iterator[FlaskClient]:
    app = create_app(older.settings)
    yield app.test_client()
    app.extensions["rooms"].watch.stop()


def production(project: Project) -> Path:
    return project.root / "production_deployment"


def test_the_fixtures_name_no_folder_of_a_machine() -> None:
    texts = [
        path for path in FIXTURES.rglob("*") if path.is_file() and path.suffix in (".json", ".jsonl", ".md", ".txt")
    ]

    assert len(texts) > 30
    assert not [path for path in texts for folder in ("/home/", "/root/", "/tmp/") if folder in path.read_text()]


def test_status_tells_of_the_last_run_and_the_live_release(older: Project) -> None:
    said = older.run("fullprocess", "--status")

    assert (said.code, said.err) == (0, "")
    assert str(releases.name_of(production(older))) in said.out


def test_its_decisions_are_explained(older: Project) -> None:
    first, last = (older.run("diagnostics", "--explain", run) for run in ("1", "last"))

    assert (first.code, last.code, first.err + last.err) == (0, 0, "")
    assert "Run 2 of fullprocess.py" in last.out
    assert "lastmonth_activity" in last.out


def test_its_files_are_verified(older: Project) -> None:
    verified, dataset = older.run("diagnostics", "--verify"), older.run("ingestion", "--verify")

    assert (verified.code, verified.err) == (0, "")
    assert dataset.code == 0


def test_its_models_open(older: Project) -> None:
    said = older.run("diagnostics", "--predict", str(older.root / "testdata/testdata.csv"))

    assert (said.code, len(said.out.splitlines())) == (0, 61), said.err


@pytest.mark.slow
def test_the_service_answers(client: FlaskClient) -> None:
    told = client.get("/releases").json
    risks = client.post("/prediction", json={"ids": ["c01000"]}).json["risks"]

    assert told["current"]["name"].startswith("2-")
    assert [it["run"] for it in told["changes"]] == [2, 1]
    assert [it["run"] for it in client.get("/history").json["history"]] == [2, 1]
    health = client.get("/health").json
    assert (health["status"], health["compiled"]) == ("ok", True)
    assert "Run 2" in client.get("/").text
    assert 0 < risks[0] < 1


@pytest.mark.slow
def test_the_next_run_goes_on_with_the_live_release(upgraded: Project) -> None:
    runs = journal.runs(production(upgraded) / paths.JOURNAL)

    assert [it["run"] for it in runs] == [1, 2, 3]
    assert journal.verify(production(upgraded) / paths.JOURNAL)
    assert str(releases.name_of(production(upgraded))).startswith("2-")
    assert all((upgraded.root / "models" / name).is_file() for name in paths.REPORT_LINKS)
    assert upgraded.run("fullprocess").out == "no new data\n"
    assert upgraded.run("diagnostics", "--verify").code == 0


@pytest.mark.slow
def test_new_rows_are_judged_against_what_was_known(upgraded: Project) -> None:
    upgraded.drop("sourcedata/dataset3.csv", table(300, seed=5, turned=True, first=3_000))

    said = upgraded.run("fullprocess", "--json")

    scan = journal.last_look(production(upgraded) / paths.JOURNAL)["scan"]
    assert (said.code, said.json["release"][:2]) == (0, "2-")
    assert scan["windows"][0]["n_rows"] == 300


@pytest.mark.slow
def test_the_release_before_can_be_made_live(older: Project) -> None:
    back = older.run("deployment", "--rollback")

    assert (back.code, back.err) == (0, "")
    assert str(releases.name_of(production(older))).startswith("1-")
    app = create_app(older.settings)
    row = {"lastmonth_activity": 3, "lastyear_activity": 40, "number_of_employees": 5}
    answer = app.test_client().post("/prediction", json=[row])
    app.extensions["rooms"].watch.stop()
    assert answer.json["release"].startswith("1-")


def test_every_released_version_left_an_installation_here() -> None:
    changelog = (FIXTURES.parents[1] / "docs/reference/changelog.md").read_text()
    released = re.findall(r"^## (\d+\.\d+\.\d+) \(", changelog, re.MULTILINE)

    assert released
    assert set(released) - {paths.PROGRAM} <= set(VERSIONS)
    assert {it.name for it in FIXTURES.iterdir()} == {f"installation-{version}" for version in VERSIONS}
