"""Excel workbooks: the rows that their plain CSV would give, refusals by sheet and cell, and what is too much."""

from __future__ import annotations

import datetime
import io
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from risk.reading.refusals import Refusal
from risk.settings.table_format import Format
from tests.reading.test_formats import GERMAN, NAMES, expected_rows, read_one, schema_of
from tests.reading.test_reader import refusals_of, rows_of

DAYS = datetime.date(2026, 1, 31), datetime.date(2026, 2, 28)
CELLS: list[list[Any]] = [
    ["acme", DAYS[0], 1234, 1234.5, "big", 0],
    ["Müller", DAYS[0], -7, -0.25, None, 1],
    ["o'hara", DAYS[1], None, 12, "a b", None],
]


def workbook(sheets: dict[str, list[list[Any]]], first: tuple[int, int] = (0, 0), **options: Any) -> bytes:
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, options)
    date = book.add_format({"num_format": "dd.mm.yyyy"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for row, cells in enumerate(rows, start=first[0]):
            for column, cell in enumerate(cells, start=first[1]):
                if isinstance(cell, datetime.date):
                    sheet.write_datetime(row, column, cell, date)
                elif isinstance(cell, str) and cell.startswith("="):
                    sheet.write_formula(row, column, cell, None, "#DIV/0!")
                elif cell is not None:
                    sheet.write(row, column, cell)
    book.close()
    return content.getvalue()


def changed(content: bytes, part: str, change: Callable[[str], str]) -> bytes:
    """Return a workbook with one of its parts changed."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            inside = old.read(name)
            new.writestr(name, change(inside.decode()) if name == part else inside)
    return written.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize("form", [Format(), GERMAN])
@pytest.mark.parametrize("first", [(0, 0), (3, 2)])
def test_a_sheet_gives_the_rows_of_its_plain_file(first: tuple[int, int], form: Format, tmp_path: Path) -> None:
    content = read_one(tmp_path, "a.xlsx", workbook({"Data": [NAMES, *CELLS]}, first), schema_of(form))

    assert (content.fault, refusals_of(content, tmp_path)) == (None, [])
    assert rows_of(content, tmp_path) == expected_rows(tmp_path)


def test_text_in_a_cell_is_read_as_declared(tmp_path: Path) -> None:
    texts = [["acme", "31.01.2026", "1.234", "1.234,5 €", "big", "0"], *CELLS[1:]]

    content = read_one(tmp_path, "a.xlsx", workbook({"Data": [NAMES, *texts]}), schema_of(GERMAN))

    assert rows_of(content, tmp_path) == expected_rows(tmp_path)


def test_a_refusal_names_sheet_and_cell_though_a_cell_has_many_lines(tmp_path: Path) -> None:
    more = [
        ["x\ny\nz", DAYS[0], 1, 2, "", 0],
        ["late", DAYS[0], 1, "=1/0", "", 0],
        ["soon", "x", 1, 1, "", 0],
        [],
        ["a"],
    ]
    rows = [NAMES, *CELLS, *more]

    content = read_one(tmp_path, "a.xlsx", workbook({"Data": rows}, (2, 1)), schema_of(Format()))

    told = [(it.place, it.line, it.column, it.value) for it in refusals_of(content, tmp_path)]
    assert told == [
        ("sheet 'Data', E8: ", 8, "x", "#DIV/0!"),
        ("sheet 'Data', C9: ", 9, "month", "x"),
        ("sheet 'Data', C11: ", 11, "month", None),
    ]
    assert [row[0] for row in rows_of(content, tmp_path)] == ["acme", "Müller", "o'hara", "x\ny\nz"]


@pytest.mark.slow
def test_the_sheet_and_its_rows_are_as_declared(tmp_path: Path) -> None:
    rows = [["Clients"], [], NAMES, *CELLS, ["Total", None, 1227, None, None, None], ["", ""]]
    content = workbook({"Notes": [["nothing"]], "Data": rows})

    for sheet in ("Data", 2):
        found = read_one(
            tmp_path, f"{sheet}.xlsx", content, schema_of(Format(sheet=sheet, header_row=3, skip_footer=1))
        )
        assert rows_of(found, tmp_path) == expected_rows(tmp_path)
    undeclared = read_one(tmp_path, "a.xlsx", content, schema_of(Format()))
    other = read_one(tmp_path, "b.xlsx", content, schema_of(Format(sheet="Dat")))
    header = read_one(tmp_path, "c.xlsx", content, schema_of(Format(sheet=2)))

    assert undeclared.fault == Refusal(
        None, None, None, "has 2 sheets ('Notes', 'Data')", "one; format.sheet names the one to read"
    )
    assert other.fault
    assert other.fault.reason == "has no sheet 'Dat' (but 'Notes', 'Data')"
    assert header.fault
    assert "format.header_row 3 would read it" in header.fault.expected


def wide(ref: str) -> Callable[[str], str]:
    return lambda text: re.sub('<dimension ref="[^"]*"', f'<dimension ref="{ref}"', text)


def far_away(text: str) -> str:
    row = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    return re.sub("<dimension [^>]*>", "", text).replace("</sheetData>", row)


ONE = workbook({"Data": [NAMES, *CELLS]})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (changed(ONE, SHEET, wide("A1:XFD1048576")), "has a sheet of 17,179,869,184 cells (A1:XFD1048576)"),
        (changed(ONE, SHEET, far_away), "cannot be read within 2 GB of memory"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "is an old Excel workbook, or has a password"),
        (ONE[:-40], "is damaged, or no Excel workbook"),
        (ONE[:200], "is damaged, or no Excel workbook"),
        (b"no workbook", "is damaged, or no Excel workbook"),
        (changed(ONE, SHEET, lambda text: text[:300]), "is damaged, or no Excel workbook"),
        (changed(ONE, "xl/workbook.xml", lambda text: ""), "is damaged, or no Excel workbook"),
        (b"", "is damaged, or no Excel workbook"),
    ],
)
def test_a_damaged_or_hostile_workbook_is_refused_whole(content: bytes, told: str, tmp_path: Path) -> None:
    found = read_one(tmp_path, "a.xlsx", content, schema_of(Format()))

    assert found.fault
    assert told in found.fault.reason
    assert found.n_accepted == 0


def test_a_million_empty_rows_below_the_table_are_no_rows(tmp_path: Path) -> None:
    def long(text: str) -> str:
        return wide("A1:F1048576")(text).replace("</sheetData>", '<row r="1048576"><c r="A1048576"/></row></sheetData>')

    content = read_one(tmp_path, "a.xlsx", changed(ONE, SHEET, long), schema_of(Format()))

    assert rows_of(content, tmp_path) == expected_rows(tmp_path)


def test_without_the_package_one_sentence_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    content = read_one(tmp_path, "a.xlsx", ONE, schema_of(Format()))

    assert content.fault == Refusal(
        None, None, None, "needs the package python-calamine", "it, by `make xlsx`, or the sheet saved as CSV"
    )
