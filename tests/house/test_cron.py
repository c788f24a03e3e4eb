"""`make cron` and `make uncron` against a stand-in `crontab`; the installed line is run as cron would run it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CRONTAB = """#!/bin/sh
case $1 in
    -l) cat "$HOME/table" 2>/dev/null || { echo "no crontab for you" >&2; exit 1; } ;;
    -) cat >"$HOME/table" ;;
    *) exit 2 ;;
esac
"""
INTERPRETER = """#!/bin/sh
[ -x .venv/bin/python ] && [ "$1" = fullprocess.py ] || exit 9
cat said
exit "$(cat code)"
"""


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@dataclass(frozen=True)
class Project:
    """A copy of what cron meets: Makefile, template, a stand-in interpreter; and a user with a crontab."""

    folder: Path
    home: Path

    @property
    def table(self) -> str:
        return (self.home / "table").read_text()

    @property
    def line(self) -> str:
        (line,) = (line for line in self.table.splitlines() if "fullprocess.py" in line)
        return line

    def call(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self.home}/bin{os.pathsep}{os.environ['PATH']}", "HOME": str(self.home)}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    def run_as_cron(self, said: str, code: int) -> subprocess.CompletedProcess[str]:
        (self.folder / "said").write_text(said)
        (self.folder / "code").write_text(str(code))
        command = re.sub(r"(?<!\\)%", "\n", self.line.split(" ", 5)[5]).replace(r"\%", "%")  # as crontab(5) has it
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.home)}
        return subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.home,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "it's 100% mine & yours"
    write_program(folder / ".venv/bin/python", INTERPRETER)
    for name in ("Makefile", "cronjob.txt", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    (folder / "production_deployment").mkdir()
    (folder / ".venv/.installed").touch()  # newer than the lock: make installs nothing
    write_program(tmp_path / "home/bin/crontab", CRONTAB)
    return Project(folder, tmp_path / "home")


def test_cron_given_twice_leaves_one_block(project: Project) -> None:
    project.call("make", "cron")

    again = project.call("make", "cron")

    assert again.returncode == 0, again.stderr
    assert project.table.count("# >>> risk\n") == project.table.count("# <<< risk\n") == 1
    assert project.line.startswith("*/10 * * * * cd ")
    assert "@" not in project.line


def test_cron_twice_writes_the_same_bytes(project: Project) -> None:
    (project.home / "table").write_text("0 5 * * * backup\n")
    project.call("make", "cron")
    first = project.table

    project.call("make", "cron")

    assert project.table == first


def test_cron_and_uncron_leave_other_lines_alone(project: Project) -> None:
    others = "MAILTO=me@example.com\n\n0 5 * * * backup 'a  b' 100\\% \\\\n\n# risk is my hobby\n"
    (project.home / "table").write_text(others)

    project.call("make", "cron")
    with_block = project.table
    project.call("make", "uncron")

    assert with_block.startswith(others + "# >>> risk\n")
    assert project.table == others


def test_every_changes_the_minutes(project: Project) -> None:
    project.call("make", "cron")

    project.call("make", "cron", "EVERY=5")

    assert project.line.startswith("*/5 * * * * ")


def test_uncron_takes_the_only_block_and_may_be_given_again(project: Project) -> None:
    project.call("make", "cron")

    codes = [project.call("make", "uncron").returncode for _ in range(2)]

    assert codes == [0, 0]
    assert project.table == ""


@pytest.mark.parametrize("every", ["0", "60", "-5", "1.5", "ten", "05", "", "5; echo 6", "100"])
def test_a_wrong_every_is_one_line_and_changes_nothing(project: Project, every: str) -> None:
    project.call("make", "cron")
    before = project.table

    answer = project.call("make", "cron", f"EVERY={every}")

    assert answer.returncode == 2
    said = [line for line in answer.stderr.splitlines() if not line.startswith("make:")]
    assert said == [f"EVERY is '{every}', expected a whole number of minutes from 1 to 59: make cron EVERY=10"]
    assert project.table == before


@pytest.mark.parametrize("target", ["cron", "uncron"])
def test_a_block_without_its_end_is_refused_and_nothing_is_lost(project: Project, target: str) -> None:
    torn = "# >>> risk\n0 5 * * * backup\n"
    (project.home / "table").write_text(torn)

    answer = project.call("make", target)

    assert answer.returncode == 2
    assert "mend it with crontab -e" in answer.stderr
    assert project.table == torn


@pytest.mark.parametrize("code", [0, 75])
def test_the_installed_line_says_nothing_when_well(project: Project, code: int) -> None:
    project.call("make", "cron")

    ticks = [project.run_as_cron("no new data\n", code) for _ in range(2)]

    assert [tick.stdout + tick.stderr for tick in ticks] == ["", ""]
    assert (project.folder / "production_deployment/fullprocess.log").read_text() == "no new data\n" * 2


@pytest.mark.parametrize("code", [1, 2, 4, 139])
def test_the_installed_line_prints_the_last_lines_of_the_log_on_failure(project: Project, code: int) -> None:
    project.call("make", "cron")
    lines = [f"line {number}" for number in range(1, 41)]

    tick = project.run_as_cron("\n".join(lines) + "\n", code)

    assert tick.returncode == code
    assert tick.stdout.splitlines() == lines[-20:]


def test_the_installed_line_speaks_when_the_project_was_moved(project: Project) -> None:
    project.call("make", "cron")
    moved = Project(project.folder.rename(project.home / "moved"), project.home)

    tick = moved.run_as_cron("deployed\n", 0)

    assert tick.returncode != 0
    assert str(project.folder) in tick.stderr


def test_the_block_starts_no_api(project: Project) -> None:
    project.call("make", "cron")

    active = [line for line in project.table.splitlines() if not line.startswith("#")]

    assert active == [project.line]
    assert "app.py" not in project.line
    assert "# @reboot cd " in project.table
