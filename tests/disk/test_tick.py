from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from risk.disk import tick
from risk.settings.settings import load
from tests.conftest import Project

HEAVY = (
    "pandas",
    "numpy",
    "sklearn",
    "duckdb",
    "pydantic",
    "flask",
    "matplotlib",
    "argparse",
    "logging",
    "dataclasses",
)


@pytest.fixture
def rested(project: Project) -> Project:
    """A project whose last run saw everything that is there."""
    project.drop("sourcedata/a.csv", "x")
    settings = project.settings
    folders = [str(folder) for folder in settings.watched]
    (project.root / "production_deployment").mkdir()
    (project.root / "production_deployment" / "fullprocess.lock").touch()
    observed = tick.observe(str(settings.source_file), folders)
    tick.remember(settings, observed, {"run": 3})
    return project


def idle(project: Project, *words: str) -> bool:
    return tick.idle(["--config", str(project.root / "config.json"), *words])


def test_nothing_changed_is_idle_and_beats_the_heart(rested: Project) -> None:
    lock = rested.root / "production_deployment" / "fullprocess.lock"
    os.utime(lock, (0, 0))

    assert idle(rested)
    assert lock.stat().st_mtime > 0


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.drop("sourcedata/b.csv", "x"),
        lambda p: p.drop("sourcedata/a.csv", "x", age=5),
        lambda p: p.drop("testdata/t.csv", "x"),
        lambda p: p.configure(capacity={"calls_per_week": 9}),
        lambda p: (p.root / "sourcedata" / "a.csv").unlink(),
        lambda p: (p.root / "production_deployment" / "current").symlink_to("releases"),
        lambda p: (p.root / "production_deployment" / "tick.json").write_text("{"),
        lambda p: (p.root / "production_deployment" / "tick.json").write_text("[]"),
    ],
)
def test_whatever_changed_is_work(rested: Project, change: object) -> None:
    assert idle(rested)

    change(rested)  # type: ignore[operator]

    assert not idle(rested)


@pytest.mark.slow
def test_changed_code_is_work_in_every_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = Path(tick.__file__).parents[2]
    ours = [*program.glob("*.py"), *program.glob("risk/**/*.py")]
    for path in ours:
        copy = tmp_path / path.relative_to(program)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.touch()
    monkeypatch.setattr(tick, "__file__", str(tmp_path / "risk" / "disk" / "tick.py"))
    config = str(program / "config.json")
    before = tick.observe(config, [])

    unseen = []
    for path in ours:
        copy = tmp_path / path.relative_to(program)
        copy.write_text("changed")
        unseen += [] if tick.observe(config, []) != before else [path.name]
        copy.unlink()
        copy.touch()
        before = tick.observe(config, [])

    assert len(ours) > 50
    assert not unseen


@pytest.mark.parametrize(
    ("delivery", "is_idle"),
    [
        ('{"journal": 0, "next_try": null}', True),
        ('{"journal": 0, "next_try": 1}', False),
        ('{"journal": 0, "next_try": 1e11}', True),
        ('{"journal": -1, "next_try": null}', False),
        ("{}", False),
        ("[]", False),
        (None, False),
    ],
)
def test_a_message_that_waits_is_work_when_its_time_has_come(
    project: Project, delivery: str | None, is_idle: bool
) -> None:
    project.configure(deliver={"alert_url": "https://example.com/hook"})
    production, settings = project.root / "production_deployment", project.settings
    production.mkdir()
    (production / "fullprocess.lock").touch()
    folders = [str(folder) for folder in settings.watched]
    tick.remember(settings, tick.observe(str(settings.source_file), folders), {"run": 3})
    if delivery:
        (production / "delivery.json").write_text(delivery)

    assert idle(project) == is_idle


def test_a_temporary_file_is_no_news(rested: Project) -> None:
    rested.drop("sourcedata/b.csv.part", "x")
    rested.drop("sourcedata/.b.csv", "x")

    assert idle(rested)


def test_what_is_asked_for_by_a_word_is_never_idle(rested: Project) -> None:
    assert idle(rested, "--json")
    for word in ("--force", "--dry-run", "--status", "--practice", "--help"):
        assert not idle(rested, word)


@pytest.mark.parametrize("lost", ["", "ingesteddata", "sourcedata"])
def test_a_copy_of_an_installation_is_looked_at_itself(deployed: Project, tmp_path: Path, lost: str) -> None:
    copy = Project(shutil.copytree(deployed.root, tmp_path.with_name(f"{tmp_path.name} copied"), symlinks=True))
    before = idle(deployed)
    if lost:
        shutil.rmtree(copy.root / lost)

    assert (before, idle(copy)) == (True, False)


def test_a_folder_that_was_moved_knows_its_own_files(rested: Project, tmp_path: Path) -> None:
    moved = Project(tmp_path.rename(tmp_path.with_name(f"{tmp_path.name} moved")))
    before = idle(moved)

    moved.drop("sourcedata/b.csv", "x")

    assert (before, idle(moved)) == (True, False)


def test_the_idle_tick_imports_nothing_heavy(rested: Project) -> None:
    script = Path(tick.__file__).parents[2] / "fullprocess.py"
    code = (
        f"import runpy, sys; sys.argv = ['fullprocess.py', '--config', {str(rested.root / 'config.json')!r}]\n"
        f"try: runpy.run_path({str(script)!r}, run_name='__main__')\n"
        f"except SystemExit as end: print(end.code, [name for name in {HEAVY!r} if name in sys.modules])"
    )

    said = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False, cwd=script.parent
    )

    assert said.stdout == "no new data\n0 []\n"
    assert said.stderr == ""
    timed = [sys.executable, "-S", "-X", "importtime", str(script), "--config", str(rested.root / "config.json")]
    told = subprocess.run(timed, capture_output=True, text=True, check=False)
    assert told.stdout == "no new data\n"
    assert " json" in told.stderr
    assert " typing" not in told.stderr


def test_settings_with_a_mark_before_them_let_a_tick_be_idle(project: Project) -> None:
    path = project.root / "config.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    folders, production = [str(folder) for folder in project.settings.watched], project.root / "production_deployment"
    production.mkdir()
    (production / "fullprocess.lock").touch()
    observed = tick.observe(str(path), folders)

    tick.remember(project.settings, observed, {"run": 3})

    assert idle(project)
    assert tick.answer(["--config", str(path), "--json"]).startswith('{"run": 3')


def test_an_idle_tick_repeats_no_decision_of_the_last_run(rested: Project) -> None:
    observed = tick.observe(str(rested.settings.source_file), [str(folder) for folder in rested.settings.watched])
    last = {"run": 3, "outcome": "deployed", "verdict": "retrain", "reason": "1 of 3 windows ring", "release": "3-ab"}
    tick.remember(rested.settings, observed, last | {"reason_to_train": "drift", "steps": [{"name": "training"}]})

    told = json.loads(tick.answer(["--config", str(rested.root / "config.json"), "--json"]))

    assert told == {"run": 3, "release": "3-ab", "outcome": "no new data", "reason": "no new data",
                    "verdict": None, "reason_to_train": None, "steps": []}  # fmt: skip


def test_outcomes_alone_are_no_work(rested: Project) -> None:
    rested.drop("outcomes/calls.csv", "client,date,result\nacme,2026-11-27,stays\n")

    assert idle(rested)


def replaced(path: Path) -> None:
    """Put a file of the same size and mtime in the place of another."""
    seen, content = path.stat(), path.read_bytes()
    path.with_name("new").write_bytes(content[::-1])
    os.utime(path.with_name("new"), ns=(seen.st_atime_ns, seen.st_mtime_ns))
    os.replace(path.with_name("new"), path)


@pytest.mark.parametrize(
    "change", [replaced, Path.unlink, lambda path: path.write_text("ab"), lambda path: os.utime(path, (0, 0))]
)
def test_a_changed_file_of_the_live_release_is_work(project: Project, change: Callable[[Path], None]) -> None:
    model = project.drop("production_deployment/releases/1-aa/trainedmodel.pkl", "abc")
    production = project.root / "production_deployment"
    (production / "current").symlink_to("releases/1-aa")
    (production / "fullprocess.lock").touch()
    settings = project.settings
    folders = [str(folder) for folder in settings.watched]
    tick.remember(settings, tick.observe(str(settings.source_file), folders), {"run": 3})
    before = idle(project)

    change(model)

    assert before
    assert not idle(project)


@pytest.mark.parametrize("practice", [False, True])
@pytest.mark.parametrize("changes", [{}, {"practice": {"output_model_path": "mine"}}])
def test_the_tick_finds_the_same_folder_as_the_settings_though_it_reads_them_by_itself(
    project: Project, practice: bool, changes: dict[str, object]
) -> None:
    project.configure(**changes)
    project.drop("practicedata/readme.txt", "")
    path = project.root / "config.json"

    found = load(path, practice)

    assert tick._production(str(path), practice) == str(found.production)
