"""The order of rows, and the file that holds them, tell nothing: folds, figures, verdict and model stay the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.conftest import HEADER, Project, table

PERIODS = {"schema": {"period": "period"}}
DATED = f"{HEADER},period"


def noise(n_rows: int = 1_500, seed: int = 0) -> list[str]:
    """Return rows of figures that say nothing of who leaves; a fifth does."""
    draw = np.random.default_rng(seed)
    figures = draw.lognormal(4, 1, (n_rows, 3)).astype(int)
    left = draw.random(n_rows) < 0.2
    return [
        f"c{place:05d},{a},{b},{c},{mark:d}" for place, ((a, b, c), mark) in enumerate(zip(figures, left, strict=True))
    ]


def by_outcome(rows: Sequence[str]) -> list[str]:
    return sorted(rows, key=lambda row: row[-1])


def of_month(rows: Sequence[str], month: int) -> list[str]:
    return [f"{row},2026-{month:02}" for row in rows]


def csv(rows: Sequence[str], header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def first_run(project: Project, **files: str) -> dict[str, Any]:
    """Run the whole process on these files; return the card, the verdict, and the bytes of the model."""
    held_out = table(200, seed=9, first=90_000).splitlines()[1:]
    months = project.settings.schema.period is not None
    project.drop("testdata/testdata.csv", csv(of_month(held_out, 1), DATED) if months else csv(held_out))
    for name, text in files.items():
        project.drop(f"sourcedata/{name}.csv", text)
    assert project.run("fullprocess").code == 0
    card, verdict = project.json("models/trainedmodel.json"), project.json("models/verdict.json")
    model = (project.root / "production_deployment/trainedmodel.pkl").read_bytes()
    return {"card": card, "verdict": verdict, "model": model}


def decided(run: dict[str, Any]) -> tuple[Any, ...]:
    """Return everything of a first run that the order of rows must leave as it is."""
    card, verdict = run["card"], run["verdict"]
    facts = [card[name] for name in ("family", "threshold", "scores", "reference", "candidates", "n_rows")]
    return (*facts, verdict["gate"], verdict["scores"], verdict["sentence"], verdict["provisional"], run["model"])


@pytest.mark.slow
@pytest.mark.parametrize("order", ["sorted", "files", "month"])
def test_noise_that_is_sorted_by_outcome_proves_nothing(project: Project, order: str) -> None:
    rows = by_outcome(noise())
    if order == "month":
        project.configure(**PERIODS)
    header, rows = (DATED, of_month(rows, 1)) if order == "month" else (HEADER, rows)
    cut = sum(row.split(",")[4] == "0" for row in rows) if order == "files" else len(rows)

    files = {"leavers": csv(rows[cut:], header)} if rows[cut:] else {}
    run = first_run(project, stayers=csv(rows[:cut], header), **files)

    assert run["verdict"]["provisional"]
    assert run["verdict"]["gate"]["gain"] < 0.005
    assert run["verdict"]["gate"]["z"] < 2.33
    assert 0.4 < run["card"]["scores"]["auc"] < 0.6


@pytest.mark.slow
def test_a_signal_in_sorted_order_is_proven_and_any_other_order_says_the_same(tmp_path: Any) -> None:
    rows = table(1_200).splitlines()[1:]
    orders = {"sorted": by_outcome(rows), "mixed": np.random.default_rng(1).permutation(rows).tolist()}

    runs = {}
    for name, some in orders.items():
        (tmp_path / name).mkdir()
        runs[name] = first_run(Project(tmp_path / name), dataset1=csv(some))

    assert not runs["sorted"]["verdict"]["provisional"]
    assert runs["sorted"]["card"]["scores"]["auc"] > 0.75
    assert decided(runs["sorted"]) == decided(runs["mixed"])


@pytest.mark.slow
def test_a_first_history_in_several_files_says_what_one_file_says(tmp_path: Any) -> None:
    rows = by_outcome(table(600).splitlines()[1:])
    ways = {"one": {"all": rows}, "three": {"b": rows[:100], "a": rows[100:450], "c": rows[450:]}}

    runs = {}
    for name, files in ways.items():
        (tmp_path / name).mkdir()
        runs[name] = first_run(Project(tmp_path / name), **{file: csv(some) for file, some in files.items()})

    assert decided(runs["one"]) == decided(runs["three"])


@pytest.mark.slow
def test_two_months_that_are_sorted_by_outcome_are_not_spoiled(project: Project) -> None:
    project.configure(**PERIODS)
    months = {f"m{month}": by_outcome(table(600, seed=month).splitlines()[1:]) for month in (1, 2)}

    run = first_run(project, **{name: csv(of_month(rows, int(name[1])), DATED) for name, rows in months.items()})

    assert "spoiled" not in run["verdict"]["sentence"]
    assert not run["verdict"]["provisional"]
    assert run["verdict"]["gate"]["forward_rows"] == 600


@pytest.mark.slow
@pytest.mark.parametrize("n_rows", [601, 1_013])
def test_blank_figures_rank_nobody(project: Project, n_rows: int) -> None:
    rows = [f"{row.split(',')[0]},,,,{row[-1]}" for row in noise(n_rows)]

    run = first_run(project, dataset1=csv(by_outcome(rows)))

    assert run["card"]["scores"]["auc"] == pytest.approx(0.5, abs=0.01)
    assert run["verdict"]["gate"]["gain"] == pytest.approx(0, abs=1e-3)
    assert run["verdict"]["provisional"]


@pytest.mark.slow
def test_the_order_of_the_test_data_changes_no_score(tmp_path: Any) -> None:
    rows = by_outcome(table(300, seed=9, first=90_000).splitlines()[1:])

    scores = []
    for name, some in {"up": rows, "down": rows[::-1]}.items():
        (tmp_path / name).mkdir()
        project = Project(tmp_path / name)
        project.drop("testdata/testdata.csv", csv(some))
        project.drop("sourcedata/dataset1.csv", table(400))
        project.run("fullprocess")
        scores.append(project.json("models/verdict.json")["scores"])

    assert scores[0] == scores[1]


@pytest.mark.slow
def test_the_statistics_do_not_depend_on_the_order_of_the_rows(tmp_path: Any) -> None:
    rows = [f"c{place},{place / 7:.6f},{place % 11}.1,1,{place % 2}" for place in range(2_000)]

    figures = []
    for name, some in {"up": rows, "down": rows[::-1]}.items():
        (tmp_path / name).mkdir()
        project = Project(tmp_path / name)
        project.drop("sourcedata/dataset1.csv", csv(some))
        project.run("ingestion")
        figures.append(project.run("diagnostics", "--json").json["statistics"])

    assert figures[0] == figures[1]


@pytest.mark.slow
def test_without_periods_the_newest_rows_are_those_of_the_last_run_that_brought_labels(project: Project) -> None:
    run = first_run(project, b=table(400), a=table(400, seed=2, first=1_000))
    project.drop("sourcedata/0.csv", table(700, seed=3, first=2_000, turned=True))

    assert project.run("fullprocess", "--force").code == 0

    assert run["verdict"]["gate"]["forward_rows"] is None
    assert "not judged forward" in run["verdict"]["sentence"]
    card, verdict = project.json("models/trainedmodel.json"), project.json("models/verdict.json")
    judged_forward = card["learned"] == "all rows"
    assert verdict["gate"]["forward_rows"] == (700 if judged_forward else None)
