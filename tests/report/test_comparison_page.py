"""diagnostics.py --compare: a table and a figure, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk.report import comparison_page
from tests.conftest import Installations, Project, table
from tests.registry.test_own_families import FIT_FAILS, NAME, TREES, deploy_trees


@pytest.fixture
def trees(installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(deploy_trees, tmp_path)


def files_of(project: Project) -> dict[str, bytes]:
    kept = ("compare/", "journal.jsonl")
    return {name: content for name, content in project.seen().items() if not any(it in name for it in kept)}


@pytest.mark.slow
def test_all_candidates_stand_side_by_side_and_nothing_else_changes(trees: Project) -> None:
    trees.drop("sourcedata/dataset2.csv", table(200, seed=2, first=5_000))
    trees.run("ingestion")
    before = files_of(trees)

    said, told = trees.run("diagnostics", "--compare"), trees.run("diagnostics", "--compare", "--json").json

    assert said.code == 0, said.err
    names = [it["name"] for it in told["contenders"]]
    live = trees.json("models/snapshot.json")["release"]["name"]
    assert names == ["base rate", f"live: {live}, {NAME}", "logistic", "quadratic", "boosting", NAME]
    for name in (*names, "AUC", "log-loss", "CPU s", "compare/candidates.svg"):
        assert name in said.out
    assert Path(told["figure"]).read_text().startswith("<?xml")
    assert files_of(trees) == before
    assert trees.run("diagnostics", "--verify").code == 0


@pytest.mark.slow
def test_a_family_that_fails_is_told_and_the_others_are_compared(trees: Project) -> None:
    (trees.root / "my_models.py").write_text(FIT_FAILS)

    said = trees.run("diagnostics", "--compare")
    (trees.root / "my_models.py").write_text(TREES)

    assert said.code == 0
    assert "ACME Corp is odd" in said.err
    assert "boosting" in said.out


def test_without_both_outcomes_nothing_is_compared(project: Project) -> None:
    project.drop("sourcedata/a.csv", table(20, labels=False))
    project.run("ingestion")

    said = project.run("diagnostics", "--compare")

    assert (said.code, said.out) == (1, "")
    assert "nothing can be compared" in said.err


def test_a_figure_of_many_candidates_is_the_same_each_time() -> None:
    contenders = [{"name": f"family {it}", "left": 2, "gains": [(1, 1), (4, 2)]} for it in range(14)]

    first, second = (comparison_page.figure(contenders, 4) for _ in range(2))

    assert first == second
    assert all(f"family {it}".encode() in first for it in range(14))
