"""A folder of many kinds of tables, from ingestion to the answers of the service."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from tests.conftest import Project, table
from tests.ingesting import current, rejected
from tests.reading.test_formats import zipped
from tests.reading.test_parquet import parquet
from tests.reading.test_workbooks import workbook

GERMAN = {"delimiter": ";", "decimal": ",", "thousands": ".", "encoding": "cp1252", "units": ["€"]}
NAMES = {"names": {"corporation": ["Kunde"]}, "ignore": []}


def german(text: str) -> bytes:
    """Return a plain table as a German program exports it."""
    lines = [line.split(",") for line in text.splitlines()]
    lines[0][0] = "Kunde"
    return "\r\n".join(";".join(line) for line in lines).encode("cp1252")


def cells(text: str) -> list[list[Any]]:
    rows = list(csv.reader(io.StringIO(text)))
    return [rows[0], *([row[0], *(int(it) for it in row[1:])] for row in rows[1:])]


@pytest.fixture
def company(project: Project) -> Project:
    project.configure(format=GERMAN, schema=NAMES)
    project.drop("sourcedata/a.csv", german(table(150)))
    project.drop("sourcedata/b.csv.gz", gzip.compress(german(table(150, seed=2, first=1000))))
    project.drop("sourcedata/c.zip", zipped({"c.txt": german(table(150, seed=3, first=2000))}))
    project.drop("sourcedata/d.xlsx", workbook({"Data": cells(table(150, seed=4, first=3000))}))
    plain = project.drop("plain.csv", table(150, seed=5, first=4000))
    project.drop("sourcedata/e.parquet", parquet(project.root, f"SELECT * FROM '{plain}'"))
    project.drop("sourcedata/notes.txt", "call them back")
    project.drop("testdata/test.xlsx", workbook({"Data": cells(table(100, seed=6, first=9000))}))
    return project


@pytest.mark.slow
def test_a_folder_of_many_kinds_becomes_a_list_and_the_service_reads_them(company: Project) -> None:
    said = company.run("fullprocess")

    assert said.code == 0, said
    assert current(company).counts["n_rows"] == 750
    assert {entry.state for entry in current(company).entries} == {"in"}
    assert company.run("diagnostics", "--predict", str(company.root / "testdata/test.xlsx")).code == 0
    client = create_app(company.settings).test_client()
    answers = [
        client.post("/prediction", json={"filepath": path}) for path in ("sourcedata/a.csv", "testdata/test.xlsx")
    ]
    assert [it.status_code for it in answers] == [200, 200], [it.get_json() for it in answers]
    assert [len(it.get_json()["predictions"]) for it in answers] == [150, 100]


def test_a_refused_cell_is_told_with_sheet_and_cell_everywhere(company: Project) -> None:
    rows = cells(table(30, seed=4, first=3000))
    rows[7][2] = "many"
    path = company.drop("sourcedata/d.xlsx", workbook({"Data": rows}))

    check = company.run("ingestion", "--check", str(path))
    company.run("ingestion")

    assert (
        "sheet 'Data', C8: lastyear_activity ('many') is not a number; expected a number such as 1.234,5" in check.out
    )
    assert [it["line"] for it in rejected(company)] == ["sheet 'Data', C8"]


def test_a_refused_file_that_gets_the_right_name_is_read(company: Project) -> None:
    content = gzip.compress(german(table(20, seed=7, first=5000)))
    company.drop("sourcedata/late.csv", content)
    company.run("ingestion")
    first = current(company).entry("late.csv")
    (company.root / "sourcedata/late.csv").rename(company.root / "sourcedata/late.csv.gz")

    company.run("ingestion")

    assert first
    assert first.state == "refused"
    assert "a name that ends in .csv.gz" in str(first.reason)
    assert current(company).entry("late.csv.gz").state == "in"  # type: ignore[union-attr]


def test_another_format_reads_the_files_again(company: Project, tmp_path: Path) -> None:
    company.run("ingestion")
    before = current(company).schema

    company.configure(format=GERMAN | {"decimal": ".", "thousands": ""}, schema=NAMES)
    company.run("ingestion")

    assert current(company).schema != before
    assert current(company).counts["n_rows"] == 750
