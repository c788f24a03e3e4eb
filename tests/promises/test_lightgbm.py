"""The families of docs/how-to/your-own-model.md, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from risk.disk import paths
from tests.conftest import Project
from tests.registry.test_own_families import NAME, begin

ROOT = Path(__file__).resolve().parents[2]
TREES, LIGHTGBM = re.findall(
    r"^```python\n(.*?)^```$", (ROOT / "docs/how-to/your-own-model.md").read_text(), re.DOTALL | re.MULTILINE
)


@pytest.mark.slow
def test_the_family_that_the_page_shows_goes_live(project: Project) -> None:
    begin(project, TREES)

    said = project.run("fullprocess", "--json")

    assert (said.code, said.json["outcome"]) == (0, "deployed"), said.err
    assert project.json("models/trainedmodel.json")["family"] == NAME


@pytest.mark.extras
def test_lightgbm_goes_live_and_answers_and_is_the_same_in_every_fit(project: Project, tmp_path: Path) -> None:
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--target", tmp_path / "more"]
    installed = done([sys.executable, *install, "lightgbm"])
    if installed.returncode and not os.environ.get("CI"):
        pytest.skip(f"LightGBM cannot be installed here: {installed.stderr.strip()[-300:]}")
    assert installed.returncode == 0, installed.stderr
    begin(project, LIGHTGBM)
    config, more = ["--config", project.root / paths.CONFIG], os.environ | {"PYTHONPATH": str(tmp_path / "more")}

    run = done([sys.executable, "fullprocess.py", *config, "--json"], cwd=ROOT, env=more)
    card = project.json("models/trainedmodel.json")
    predicted = [sys.executable, "diagnostics.py", *config, "--predict", project.root / "testdata/testdata.csv"]
    answered, without = done(predicted, cwd=ROOT, env=more), done(predicted, cwd=ROOT)
    again = done([sys.executable, "training.py", *config], cwd=ROOT, env=more)

    assert (run.returncode, card["family"]) == (0, NAME), run.stderr
    assert run.stdout.startswith("{")
    assert ["lightgbm.basic", "Booster"] in card["own"][0]["classes"]
    assert len(answered.stdout.splitlines()) == 101, answered.stderr
    assert again.returncode == 0, again.stderr
    assert project.json("models/trainedmodel.json")["sha256"] == card["sha256"]
    assert without.returncode == 1
    assert "No module named 'lightgbm'" in without.stderr


def done(words: list[Any], **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, **settings)
