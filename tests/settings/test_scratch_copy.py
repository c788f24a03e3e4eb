"""The copy of an installation in which another program is tried: whole, continued there, and the original untouched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from risk.disk import files
from risk.errors import BusyError, ConfigError
from risk.settings import scratch_copy
from risk.settings.settings import load
from tests.conftest import Installations, Project
from tests.conftest import deploy as deploy_first

ROOT = Path(__file__).parents[2]


def state(root: Path) -> dict[str, tuple[int, int, int]]:
    """Return inode, mtime and size of every file and link below a folder."""
    seen = {path: path.lstat() for path in root.rglob("*")}
    return {str(path): (at.st_ino, at.st_mtime_ns, at.st_size) for path, at in seen.items()}


def test_a_run_in_the_copy_continues_it_and_changes_nothing_of_the_original(deployed: Project, tmp_path: Path) -> None:
    before, scratch = state(deployed.root), tmp_path.parent / f"{tmp_path.name}-scratch"

    config = scratch_copy.copied(deployed.root, scratch)
    copy = Project(config.parent)
    said = copy.run("fullprocess", "--force", "--json")

    assert said.code == 0, said.err
    assert said.json["dataset"] == deployed.json("models/snapshot.json")["dataset"]["version"]
    assert copy.run("diagnostics", "--verify").code == 0
    assert state(deployed.root) == before
    shutil.rmtree(scratch)
    assert state(deployed.root) == before


@pytest.mark.parametrize(("name", "told"), [
    ("absent", "there is no such folder or file. Nothing was copied. Name the folder with config.json, or the "),
    ("sourcedata", "this folder has no config.json. Nothing was copied. Name the folder with config.json, or the "),
])  # fmt: skip
def test_what_is_no_installation_is_one_sentence(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, told: str
) -> None:
    assert scratch_copy.main([str(project.root / name), str(tmp_path / "scratch")]) == 2

    assert f"{project.root / name}: {told}" in capsys.readouterr().err


def test_nothing_is_delivered_from_a_copy_and_all_other_settings_stay(project: Project, tmp_path: Path) -> None:
    project.configure(deliver={"alert_url": "https://example.com/alert"}, drift={"alpha": 0.01})

    config = scratch_copy.copied(project.root / "config.json", tmp_path / "scratch")

    told, former = (json.loads(path.read_text()) for path in (config, project.root / "config.json"))
    assert told == {name: it for name, it in former.items() if name != "deliver"}
    assert load(config).drift.alpha == 0.01


def test_folders_elsewhere_are_found_and_those_that_runs_write_into_are_copied(tmp_path: Path) -> None:
    home = tmp_path / "data" / "app"
    home.mkdir(parents=True)
    for name in ("in", "test", "models"):
        (tmp_path / "data" / name).mkdir()
    (tmp_path / "data/models/verdict.json").write_text("{}")
    keys = {"input_folder_path": "../in", "test_data_path": str(tmp_path / "data/test"), "output_folder_path": "out"}
    keys |= {"output_model_path": str(tmp_path / "data/models"), "prod_deployment_path": "../prod"}
    (home / "config.json").write_text(json.dumps(keys))

    config = scratch_copy.copied(home, tmp_path / "scratch")

    found = load(config)
    assert (found.input_folder_path, found.input.resolve()) == ("../in", tmp_path / "data/in")
    assert found.holdout == tmp_path / "data/test"
    assert found.models.is_relative_to(tmp_path / "scratch")
    assert (found.models / "verdict.json").read_text() == "{}"
    assert Path(os.path.normpath(found.production)).is_relative_to(tmp_path / "scratch")


def test_while_a_run_is_at_work_nothing_is_copied(deployed: Project, tmp_path: Path) -> None:
    lock = deployed.root / "production_deployment/fullprocess.lock"

    with files.lock(lock), pytest.raises(BusyError, match="Nothing was copied"):
        scratch_copy.copied(deployed.root, tmp_path.parent / f"{tmp_path.name}-scratch")

    assert not (tmp_path.parent / f"{tmp_path.name}-scratch").exists()


def test_settings_that_this_program_refuses_are_named(project: Project, tmp_path: Path) -> None:
    project.configure(drfit={})

    with pytest.raises(ConfigError, match="did you mean 'drift'"):
        scratch_copy.copied(project.root, tmp_path / "scratch")


@pytest.mark.slow
def test_make_upgrade_check_tells_whether_an_older_installation_is_continued(
    installations: Installations, tmp_path: Path
) -> None:
    project = installations.copy(deploy_first, tmp_path)
    before = state(project.root)

    words = ["make", "--no-print-directory", "upgrade-check", f"DATA={project.root}"]
    shelf = tmp_path.parent / f"{tmp_path.name}-shelf"
    shelf.mkdir()
    there = os.environ | {"TMPDIR": str(shelf)}
    said = subprocess.run(words, cwd=ROOT, env=there, capture_output=True, text=True, check=False)
    unchanged = state(project.root) == before
    (project.root / "production_deployment/current/trainedmodel.pkl").unlink()
    broken = subprocess.run(words, cwd=ROOT, env=there, capture_output=True, text=True, check=False)

    assert said.returncode == 0, said.stderr
    assert (said.stdout.splitlines()[-1].endswith("nothing of it was changed"), unchanged) == (True, True)
    assert broken.returncode != 0
    assert "diagnostics.py --verify failed" in broken.stderr
    assert str(shelf) in broken.stderr
