"""What somebody has after cloning the project and running it once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from risk.disk import paths

ROOT = Path(__file__).parents[2]


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return [name for name in filter(None, listed.split("\0")) if (ROOT / name).is_file()]


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "fullprocess.py", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)


def test_nothing_that_git_ignores_is_in_the_repository() -> None:
    words = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]

    assert subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT).stdout == ""


@pytest.mark.parametrize("name", [paths.RECORDED, paths.RECORDED_LOCK, "../.schemathesis/default/cache/x"])
def test_what_the_service_and_its_tests_leave_in_a_clone_is_ignored(name: str) -> None:
    assert subprocess.run(["git", "check-ignore", "--quiet", f"outcomes/{name}"], cwd=ROOT).returncode == 0


@pytest.mark.slow
def test_the_shipped_data_give_a_proven_release_and_every_file_and_then_all_is_quiet(tmp_path: Path) -> None:
    clone = tmp_path / "a fresh clone"
    for name in tracked():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name)

    first = run(clone)

    assert first.returncode == 0, first.stderr
    check_every_file(clone)
    assert [name for name in tracked() if (clone / name).read_bytes() != (ROOT / name).read_bytes()] == []
    (clone / "production_deployment" / paths.TICK).unlink()
    again, idle = run(clone), run(clone)
    assert again.stderr == idle.stderr == ""
    assert again.stdout.count("\n") == 1
    assert idle.stdout == "no new data\n"


def check_every_file(clone: Path) -> None:
    told = json.loads((clone / "models" / paths.SNAPSHOT).read_text())
    assert told["outcome"] == "deployed"
    assert told["release"]["provisional"] is False
    assert all((clone / "ingesteddata" / name).is_file() for name in paths.DATASET_LINKS)
    assert all((clone / "models" / name).is_file() for name in paths.REPORT_LINKS)
    assert all((clone / "production_deployment" / name).is_file() for name in paths.RELEASE_LINKS)
    assert (clone / "models" / paths.API_RETURNS).is_file()
