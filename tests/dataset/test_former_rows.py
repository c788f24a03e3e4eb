from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from risk.dataset import dataset, former_rows
from risk.reading.sql import connect
from tests.conftest import HEADER, Project


def written(project: Project, name: str = "rows.parquet") -> list[Any]:
    known = project.settings
    rows = dataset.current(known.ingested, known.input_folder_path, known.schema)
    former_rows.write(rows, project.root / name)
    with connect(threads=1) as connection:
        return connection.execute("select * from read_parquet(?)", [str(project.root / name)]).fetchall()


def months(project: Project, n: int) -> None:
    """Take in so many months of three clients, of whom c leaves in the first."""
    project.configure(schema={"period": "period"})
    for month in range(1, n + 1):
        day = f"{2025 + (month - 1) // 12}-{(month - 1) % 12 + 1:02d}"
        lines = [f"{name},{month},9,3,{int(name == 'c')},{day}" for name in ("b", "a", *("c" * (month == 1)))]
        project.drop(f"sourcedata/{day}.csv", "\n".join([f"{HEADER},period", *lines]) + "\n")
    assert project.run("ingestion").code == 0


def test_the_newest_rows_of_each_client_are_told_with_their_file_the_newest_first(project: Project) -> None:
    months(project, 3)

    assert former_rows.columns(project.settings.schema) == HEADER.split(",")[1:4]
    assert written(project) == [
        ("a", "2025-03.csv", "2025-03", False, 3, 9, 3),
        ("a", "2025-02.csv", "2025-02", False, 2, 9, 3),
        ("a", "2025-01.csv", "2025-01", False, 1, 9, 3),
        ("b", "2025-03.csv", "2025-03", False, 3, 9, 3),
        ("b", "2025-02.csv", "2025-02", False, 2, 9, 3),
        ("b", "2025-01.csv", "2025-01", False, 1, 9, 3),
        ("c", "2025-01.csv", "2025-01", True, 1, 9, 3),
    ]


def test_no_client_has_more_than_twelve_rows_and_equal_rows_give_equal_bytes(project: Project) -> None:
    months(project, 14)

    found = written(project)
    written(project, "again.parquet")

    of_a = [row[2] for row in found if row[0] == "a"]
    assert (len(of_a), of_a[0], of_a[-1]) == (12, "2026-02", "2025-03")
    assert (project.root / "rows.parquet").read_bytes() == (project.root / "again.parquet").read_bytes()


def test_a_row_that_two_files_hold_is_told_of_both_and_one_without_outcome_as_such(project: Project) -> None:
    project.drop("sourcedata/dataset1.csv", f"{HEADER}\n'a',1,9,3,0\n\"O'Brien\",1,,3,\n")
    project.drop("sourcedata/it's two.csv", f"{HEADER}\n'a',1,9,3,0\n")
    assert project.run("ingestion").code == 0

    assert written(project) == [
        ("'a'", "it's two.csv", None, False, 1, 9, 3),
        ("'a'", "dataset1.csv", None, False, 1, 9, 3),
        ("O'Brien", "dataset1.csv", None, None, 1, None, 3),
    ]


def test_very_many_rows_are_told_of_the_newest_files_alone(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    months(project, 3)
    monkeypatch.setattr(former_rows, "MOST_ROWS", 5)

    assert {row[2] for row in written(project)} == {"2025-03", "2025-02"}
    monkeypatch.setattr(former_rows, "MOST_ROWS", 1)
    assert written(project) == []


def test_without_any_row_the_file_is_empty(project: Project, tmp_path: Path) -> None:
    assert written(project) == []
