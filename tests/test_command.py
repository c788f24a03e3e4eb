"""What people are told when something is wrong: one line, the right exit code, good data unharmed."""

from __future__ import annotations

import argparse
import os
import runpy
import subprocess
import sys
import time
from pathlib import Path

import pytest

from risk import command, text
from risk.command import Answer
from risk.disk import paths
from risk.errors import DeadlineError, RiskError
from risk.settings.settings import Settings
from tests.conftest import Project, table

ROOT = Path(__file__).parents[1]
SCRIPTS = ("ingestion", "training", "scoring", "deployment", "diagnostics", "reporting", "apicalls", "fullprocess")


@pytest.mark.parametrize("name", [*SCRIPTS, "app"])
def test_every_script_runs_as_a_program_and_explains_itself(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])

    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / f"{name}.py"), run_name="__main__")

    said = capsys.readouterr()
    assert (end.value.code, said.err) == (0, "")
    assert "--config FILE" in said.out


@pytest.mark.slow
def test_stages_by_hand_in_their_order_do_what_the_whole_process_does(project: Project) -> None:
    project.drop("sourcedata/dataset1.csv", table(300))
    project.drop("testdata/testdata.csv", table(100, seed=9, first=90_000))

    said = [project.run(name) for name in SCRIPTS[:4]] + [project.run(name) for name in SCRIPTS[4:7]]

    assert [answer.code for answer in said] == [0] * 7
    assert (project.root / "production_deployment" / paths.MODEL).is_file()
    assert (project.root / "models" / paths.REPORT).is_file()
    assert project.run("fullprocess", "--json").json["outcome"] == "no drift"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("training", "there is no dataset yet; run python ingestion.py first"),
        ("scoring", "no model card; run python training.py"),
        ("deployment", "no model card; run python training.py"),
    ],
)
def test_a_stage_that_comes_too_early_says_what_to_run_first(project: Project, name: str, told: str) -> None:
    said = project.run(name)

    assert said.code == 1
    assert told in said.err
    assert said.err.count("\n") == 1


def test_a_wrong_setting_is_exit_code_two_and_one_line(deployed: Project) -> None:
    before = deployed.seen()
    deployed.configure(capcity={})
    del before["config.json"]

    said = deployed.run("fullprocess")

    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert "did you mean 'capacity'?" in said.err
    assert {name: content for name, content in deployed.seen().items() if name != "config.json"} == before


@pytest.mark.slow
def test_a_foreign_model_in_production_is_said_and_not_opened(deployed: Project) -> None:
    path = (deployed.root / "production_deployment" / paths.MODEL).resolve()
    path.write_bytes(b"cos\nsystem\n(S'touch executed'\ntR.")
    deployed.drop("sourcedata/dataset2.csv", table(300, seed=2, first=5000))

    said = deployed.run("fullprocess")

    assert said.code == 1
    assert "What is truncated or foreign is not opened" in said.err
    assert said.err.count("\n") == 1
    assert len(deployed.text("ingesteddata/finaldata.csv").splitlines()) == 601


def test_where_no_link_can_be_made_it_is_said_once_with_the_folder(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.drop("sourcedata/dataset1.csv", table(300))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)

    said = project.run("fullprocess")

    assert said.code == 1
    assert "symbolic links cannot be made in this folder" in said.err
    assert str(project.root / "ingesteddata") in said.err


@pytest.mark.slow
def test_a_second_run_at_once_says_so_and_leaves_with_75(deployed: Project) -> None:
    deployed.drop("sourcedata/dataset2.csv", table(300, seed=2, first=5000))
    with command.writing(deployed.settings):
        said = subprocess.run(
            [sys.executable, ROOT / "fullprocess.py", "--config", deployed.root / "config.json"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert said.returncode == 75
    assert said.stderr.count("\n") == 1
    assert "another run is at work" in said.stderr


def test_a_run_past_its_deadline_ends_itself_and_lets_go_of_the_lock(project: Project) -> None:
    project.configure(deadline_hours=0.05 / 3600)

    with pytest.raises(DeadlineError, match="longer than its deadline"), command.writing(project.settings):
        time.sleep(5)

    project.configure()
    with command.writing(project.settings):
        pass


def test_an_unexpected_error_is_one_line_for_people_and_a_traceback_in_the_log(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(settings: Settings, asked: argparse.Namespace) -> Answer:
        raise ZeroDivisionError("by\nzero")

    code = command.main("", work, arguments=["--config", str(project.root / "config.json")])

    err = capsys.readouterr().err
    assert code == 1
    assert "Traceback" in err
    assert err.splitlines()[-1] == "unexpected ZeroDivisionError: by\\nzero; please report it with the log"


@pytest.mark.slow
def test_a_failed_run_is_journaled_with_its_error(deployed: Project) -> None:
    path = deployed.root / "production_deployment" / "trainedmodel.pkl"
    path.resolve().write_bytes(b"torn")
    deployed.drop("sourcedata/dataset2.csv", table(600, seed=2, first=5000, turned=True))

    said = deployed.run("fullprocess", "--json")

    assert (said.code, said.json["outcome"]) == (1, "failed")
    assert "truncated or foreign" in said.json["error"]
    assert '"outcome": "failed"' in deployed.text("production_deployment/journal.jsonl").splitlines()[-1]


def test_control_characters_of_a_file_name_stay_out_of_the_log() -> None:
    line = text.event("source", path="a\nb\x1b[31m.csv", rows=3)

    assert line == r"source path=a\nb\x1b[31m.csv rows=3"


def test_an_error_has_its_own_exit_code(project: Project) -> None:
    class Special(RiskError):
        exit_code = 42

    def work(settings: Settings, asked: argparse.Namespace) -> Answer:
        raise Special("so it is")

    assert command.main("", work, arguments=["--config", str(project.root / "config.json")]) == 42


def test_the_file_for_servers_explains_itself_and_serves_nothing(tmp_path: Path) -> None:
    for words in (["--help"], []):
        said = subprocess.run(
            [sys.executable, ROOT / "wsgi.py", *words], capture_output=True, text=True, check=False, cwd=tmp_path
        )

        assert (said.returncode, said.stderr) == (0, "")
        assert "usage: wsgi.py" in said.stdout
        assert "wsgi:app" in said.stdout


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", [["fullprocess.py"], ["fullprocess.py", "--json"], ["fullprocess.py", "--status"]])
def test_an_outcome_that_cannot_be_written_is_one_line(deployed: Project, words: list[str]) -> None:
    name, *options = words
    command = [sys.executable, str(ROOT / name), "--config", str(deployed.root / "config.json"), *options]

    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("standard output: it cannot be written (No space left on device). What was done")
    assert done.stderr.count("\n") == 1
