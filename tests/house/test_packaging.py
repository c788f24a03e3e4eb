"""What `pip install` and `make` promise: direct requirements, locks with hashes, wheels only, targets in words."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CARD = {"pandas", "numpy", "scikit-learn", "flask", "matplotlib", "seaborn", "requests", "reportlab", "pytest"}
LOCKS = ["requirements.lock", "requirements-dev.lock"]
TARGETS = [
    "help",
    "run",
    "test",
    "test-fast",
    "test-extras",
    "serve",
    "simulate",
    "bench",
    "cron",
    "uncron",
    "lock",
    "clean",
]
TARGETS += ["reset-demo", "demo-database"]
SUGGESTION = "make run PYTHON=python3.12"


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    hashes: tuple[str, ...]
    brought_by: frozenset[str]


def locked(lock: str) -> dict[str, Package]:
    blocks = re.split(r"^(?=[a-z0-9])", (ROOT / lock).read_text(), flags=re.MULTILINE)
    packages = {}
    for block in filter(None, blocks):
        pin = re.match(r"([a-z0-9-]+)==([\w.+]+)", block)
        assert pin, block.splitlines()[0]
        hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})\b", block))
        via = re.findall(r"^ +# (?:via|  ) *([a-z0-9-]+)$", block, flags=re.MULTILINE)
        packages[pin[1]] = Package(pin[1], pin[2], hashes, frozenset(via))
    return packages


def required() -> dict[str, str]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return dict(line.split(">=") for line in lines if line and not line.startswith("#"))


def brought(names: set[str], packages: dict[str, Package]) -> set[str]:
    """Return the names with everything they bring, however far."""
    more = names | {package.name for package in packages.values() if package.brought_by & names}
    return names if more == names else brought(more, packages)


def numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_pins_hashes_and_comments_alone(lock: str) -> None:
    pin = r"[a-z0-9-]+==[\w.]+( ; [^/]+)? \\"
    digest = r"    --hash=sha256:[0-9a-f]{64}( \\)?"
    comment = r"    # +(via)?( ?(-r |-c )?[\w.-]+( \(pyproject\.toml:dev\))?)?"

    lines = (ROOT / lock).read_text().splitlines()

    assert [line for line in lines if not re.fullmatch(f"{pin}|{digest}|{comment}", line)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes(lock: str) -> None:
    packages = locked(lock)

    assert len(packages) > 9
    assert [package.name for package in packages.values() if not package.hashes] == []


def test_the_dev_lock_agrees_with_the_lock() -> None:
    core, dev = locked("requirements.lock"), locked("requirements-dev.lock")

    shared = core.keys() & dev.keys()

    assert "pytest" in shared
    assert {name: core[name].version for name in shared} == {name: dev[name].version for name in shared}


def test_requirements_name_direct_dependencies_that_the_lock_satisfies() -> None:
    packages = locked("requirements.lock")

    lower_bounds = required()

    assert lower_bounds.keys() >= CARD
    for name, lower_bound in lower_bounds.items():
        assert numbers(packages[name].version) >= numbers(lower_bound), name
    assert brought(set(lower_bounds), packages) == packages.keys()


def test_at_most_twelve_packages_come_beside_what_the_nine_bring() -> None:
    packages = locked("requirements.lock")

    beside = packages.keys() - brought(set(CARD), packages)

    assert {"duckdb", "waitress"} <= beside
    assert len(beside) <= 12


def test_the_dev_lock_holds_what_the_dev_group_names() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]

    names = {re.split(r"\[|>=", requirement)[0] for requirement in groups["dev"]}

    assert names <= locked("requirements-dev.lock").keys()


def call_make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(
        ["make", *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def write_program(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    path.chmod(0o755)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of what make needs, in a folder with spaces, without .venv."""
    folder = tmp_path / "my own project"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.txt", *LOCKS):
        shutil.copy(ROOT / name, folder)
    return folder


def test_make_alone_lists_every_target(project: Path) -> None:
    answer = call_make(project)

    listed = re.findall(r"^make ([a-z-]+) +\S", answer.stdout, flags=re.MULTILINE)
    assert set(TARGETS) <= set(listed)


def test_make_test_leaves_no_test_out_but_what_needs_a_server_or_other_packages(project: Path) -> None:
    plan = call_make(project, "--dry-run", "test").stdout.splitlines()
    sources = {path.name: path.read_text() for path in (ROOT / "tests").rglob("*.py")}
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]

    assert [line.partition(" -m ")[2] for line in plan if "pytest" in line] == [
        'pytest -n 2 --dist worksteal -m "not extras"'
    ]
    assert sorted(name for name, text in sources.items() if "pytest.mark." + "extras" in text) == [
        "test_generated_client.py", "test_lightgbm.py", "test_package_versions.py", "test_postgres.py",
        "test_service_files.py", "test_spark.py",
    ]  # fmt: skip
    assert options["addopts"] == "--strict-markers --strict-config -q"
    assert options["testpaths"] == ["tests"]
    assert not [name for name, text in sources.items() if "\ndef test_" in text and not name.startswith("test_")]
    assert not [name for name, text in sources.items() if re.search(r"^(collect_|def pytest_)", text, re.MULTILINE)]


@pytest.mark.parametrize("target", ["run", "test"])
def test_make_installs_the_locks_with_hashes_and_wheels_alone(project: Path, target: str) -> None:
    plan = call_make(project, "--dry-run", target).stdout

    installs = [line for line in plan.splitlines() if "pip install" in line]

    assert [line.split()[-1] for line in installs] == LOCKS[: 1 if target == "run" else 2]
    for line in installs:
        assert "--no-deps --require-hashes --only-binary :all: -r " in line
    assert "apt-get" not in plan


def test_make_run_with_an_installed_venv_installs_nothing_and_says_where_to_look(project: Path) -> None:
    interpreter = f'[ "$1" = fullprocess.py ] && echo deployed || exec "{sys.executable}" "$@"'
    write_program(project / ".venv/bin/python", interpreter)
    (project / ".venv/.installed").touch()
    (project / "config.json").write_text('{"output_model_path": "models/"}')

    answers = [call_make(project, "run") for _ in range(2)]

    said = "deployed\nreport:    models/report.pdf\ncall list: models/calllist.csv\n"
    assert [answer.stdout for answer in answers] == [said, said]


def test_make_run_fails_when_the_process_fails(project: Path) -> None:
    write_program(project / ".venv/bin/python", "exit 1")
    (project / ".venv/.installed").touch()

    answer = call_make(project, "run")

    assert answer.returncode != 0
    assert "report" not in answer.stdout


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["exit 127"], f"was not found; install Python 3.11 or newer, or name one: {SUGGESTION}"),
        (
            ['[ "$1" != -V ] || echo Python 3.9.2', "case $2 in *version_info*) exit 1 ;; esac"],
            f"is Python 3.9.2, expected 3.11 or newer; name one: {SUGGESTION}",
        ),
        (
            ["case $2 in *ensurepip*) exit 1 ;; esac"],
            "has no venv module; install it (Debian, Ubuntu: apt install python3-venv), then try again",
        ),
    ],
    ids=["absent", "old", "without venv"],
)
def test_make_says_in_one_line_what_is_wrong_with_python(project: Path, lines: list[str], said: str) -> None:
    python = project / "bin/python3"
    write_program(python, *lines)

    answer = call_make(project, "run", f"PYTHON={python}")

    assert [line for line in answer.stderr.splitlines() if not line.startswith("make:")] == [f"{python} {said}"]


def test_make_makes_a_venv_that_lost_its_python_anew(project: Path) -> None:
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/python").symlink_to(project / "gone")
    (project / ".venv/.installed").touch()

    answer = call_make(project, "run", "PYTHON=no-such-python")

    assert "no-such-python was not found" in answer.stderr


@pytest.fixture
def used(project: Path) -> Path:
    """Return a project with input and with what runs wrote."""
    for name in ("sourcedata/a.csv", "models/.gitkeep", "models/reports/1/report.pdf", "production_deployment/journal"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    (project / "ingesteddata").mkdir()
    (project / "models/report.pdf").symlink_to("reports/1/report.pdf")
    return project


def answer_make(folder: Path, answer: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Call make on a terminal on which somebody types an answer."""
    ours, theirs = os.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        return subprocess.run(
            ["make", *words], cwd=folder, stdin=theirs, capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)


def test_make_clean_removes_outputs_and_keeps_their_folders_and_the_input(used: Path) -> None:
    answer = call_make(used, "clean", "YES=1")

    assert answer.returncode == 0, answer.stderr
    assert "models/: 2 files and links" in answer.stdout
    assert list((used / "models").iterdir()) == [used / "models/.gitkeep"]
    assert list((used / "production_deployment").iterdir()) == []
    assert (used / "sourcedata/a.csv").exists()
    assert call_make(used, "clean").stdout == "nothing to remove: no run has written anything\n"


def test_make_clean_asks_and_without_a_terminal_wants_a_word(used: Path) -> None:
    unasked, no, yes = call_make(used, "clean"), answer_make(used, "n", "clean"), answer_make(used, "y", "clean")

    assert (unasked.returncode, no.returncode, yes.returncode) == (2, 2, 0)
    assert "production_deployment/: 1 files and links" in unasked.stdout
    assert "nothing was removed. Answer y, or where there is no terminal: make clean YES=1" in unasked.stderr
    assert "Go on? [y/N]" in yes.stdout
    assert not (used / "production_deployment/journal").exists()


def test_a_refused_make_clean_removes_nothing(used: Path) -> None:
    before = sorted(used.rglob("*"))

    call_make(used, "clean")
    answer_make(used, "", "clean")

    assert sorted(used.rglob("*")) == before


@pytest.fixture
def cloned(project: Path) -> Path:
    """Return a project whose shipped data is committed, and was changed, added to and taken from since."""
    for name in ("sourcedata", "testdata", "practicedata", "outcomes"):
        (project / name).mkdir()
        (project / name / "a b.csv").write_text("shipped")
        (project / name / "gone.csv").write_text("shipped")
    shutil.copy(ROOT / ".gitignore", project)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "Begin"]):
        subprocess.run([*git, *words], cwd=project, check=True)
    (project / "sourcedata/a b.csv").write_text("changed")
    (project / "testdata/gone.csv").unlink()
    for name in ("sourcedata/new.csv", "sourcedata/.simulate.json", "practicedata/deep/new.csv", "other.csv"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).touch()
    subprocess.run(["git", "add", "sourcedata/new.csv"], cwd=project, check=True)
    return project


def test_make_reset_demo_brings_the_shipped_data_back_and_says_what_it_removes(cloned: Path) -> None:
    answer = call_make(cloned, "reset-demo", "YES=1")

    found = sorted(str(path.relative_to(cloned)) for path in cloned.glob("*data/**/*"))
    assert answer.returncode == 0, answer.stderr
    assert found == sorted(
        f"{name}data/{file}.csv" for name in ("source", "test", "practice") for file in ("a b", "gone")
    )
    assert (cloned / "sourcedata/a b.csv").read_text() == "shipped"
    assert (cloned / "other.csv").exists()
    for line in (
        "brought back: testdata/gone.csv",
        "removed:      practicedata/deep/new.csv",
        "sourcedata/.simulate.json",
    ):
        assert f"{line}\n" in answer.stdout
    assert "  removed:      sourcedata/new.csv\n" in answer.stdout
    assert call_make(cloned, "reset-demo").stdout.startswith("nothing to do")


def test_make_reset_demo_asks_first(cloned: Path) -> None:
    answer = call_make(cloned, "reset-demo")

    assert answer.returncode == 2
    assert "make reset-demo YES=1" in answer.stderr
    assert (cloned / "sourcedata/a b.csv").read_text() == "changed"


def test_make_reset_demo_without_a_clone_says_so(used: Path) -> None:
    answer = call_make(used, "reset-demo", "YES=1")

    assert answer.returncode == 2
    assert "this folder is no git clone" in answer.stderr
    assert (used / "sourcedata/a.csv").exists()


def test_make_demo_database_is_ignored_by_git(cloned: Path) -> None:
    (cloned / "clients.db").touch()

    seen = subprocess.run(["git", "status", "--porcelain"], cwd=cloned, capture_output=True, text=True, check=True)

    assert "clients.db" not in seen.stdout


def test_ci_runs_make_test_and_nothing_else() -> None:
    path = ROOT / ".ci/run"

    lines = path.read_text().splitlines()

    assert lines == ["#!/usr/bin/env bash", "set -euo pipefail", 'make -C "$(dirname "$0")/.." test']
    assert os.access(path, os.X_OK)


@pytest.mark.parametrize("folder", ["ingesteddata", "models", "practicemodels", "production_deployment"])
def test_an_output_folder_is_kept_and_its_contents_are_ignored(folder: str, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    (tmp_path / folder / "versions").mkdir(parents=True)
    for name in (".gitkeep", "finaldata.csv", "versions/x"):
        (tmp_path / folder / name).touch()

    seen = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout

    assert seen.splitlines() == ["?? .gitignore", f"?? {folder}/.gitkeep"]
    assert (ROOT / folder / ".gitkeep").exists()
