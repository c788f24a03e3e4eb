"""Next steps: which line of the team's file fits a reason, and what is refused in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk.dataset import next_steps
from risk.dataset.next_steps import NextStep, NextSteps, next_step
from tests.conftest import Project, table

FEATURES = ("activity", "size")
STEPS = (
    NextStep("activity", "", "", "Ask how they are."),
    NextStep("activity", "down", "", "Offer a training."),
    NextStep("activity", "", "sector=bank", "Call the bank desk."),
    NextStep("activity", "down", "tier=3", "Visit them."),
    NextStep("activity", "down", "", "Never reached."),
)


def read(folder: Path, content: str) -> NextSteps:
    (folder / "nextsteps.csv").write_text(content)
    return next_steps.read(folder / "nextsteps.csv", FEATURES, 10_000)


@pytest.mark.parametrize(
    ("feature", "direction", "row", "sentence"),
    [
        ("activity", "up", {}, "Ask how they are."),
        ("activity", "down", {}, "Offer a training."),
        ("activity", "down", {"sector": "bank"}, "Call the bank desk."),
        ("activity", "down", {"sector": "bank", "tier": 3.0}, "Visit them."),
        ("activity", "up", {"sector": "retail", "tier": 3.0}, "Ask how they are."),
        ("activity", "", {"sector": None, "tier": float("nan")}, "Ask how they are."),
        ("size", "up", {"sector": "bank"}, None),
    ],
)
def test_the_line_that_fits_best_is_the_advice(
    feature: str, direction: next_steps.Direction, row: dict[str, object], sentence: str | None
) -> None:
    assert next_step(STEPS, feature, direction, row) == sentence


def test_a_file_is_read_with_columns_in_any_order(tmp_path: Path) -> None:
    found = read(tmp_path, 'segment,sentence,feature\nsector = bank,"Call, then write.",size\n')

    assert found == NextSteps((NextStep("size", "", "sector = bank", "Call, then write."),))
    assert next_step(found.steps, "size", "up", {"sector": "bank"}) == "Call, then write."


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("sise,,,Call.", "feature is 'sise', expected one of activity, size"),
        ("size,higher,,Call.", "direction is 'higher', expected blank, up or down"),
        ("size,up,bank,Call.", "segment is 'bank', expected blank or column=value"),
        ("size,up,=bank,Call.", "segment is '=bank', expected blank or column=value"),
        ("size,up,,", "sentence is '', expected 1 to 500 characters"),
        (f"size,up,,{'x' * 501}", "expected 1 to 500 characters"),
    ],
)
def test_a_line_that_is_no_advice_is_refused_and_stops_no_other(tmp_path: Path, line: str, reason: str) -> None:
    found = read(tmp_path, f"feature,direction,segment,sentence\n{line}\nsize,down,,Ask.\n")

    assert [it.sentence for it in found.steps] == ["Ask."]
    ((refused),) = found.rejected
    assert reason in refused.reason


def test_without_a_file_nothing_is_advised(tmp_path: Path) -> None:
    assert next_steps.read(tmp_path / "nextsteps.csv", FEATURES, 10) == NextSteps()
    assert next_step((), "size", "up", {}) is None


def test_a_run_warns_of_refused_advice(project: Project) -> None:
    project.drop("sourcedata/dataset1.csv", table(20))
    project.drop("nextsteps.csv", "feature,sentence\nnothing,Call.\n")

    said = project.run("ingestion", "--json")

    assert said.code == 0
    assert "nextsteps.csv: line 2: feature is 'nothing', expected one of lastmonth_activity" in said.err
    assert "nextsteps.csv: line 2" in project.run("ingestion", "--rejected").out
