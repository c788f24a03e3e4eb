"""Parquet files: the rows that their plain CSV would give, refusals by row."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from risk.reading.reader import Content, read_frame
from risk.reading.refusals import Refusal
from risk.settings.schema import Feature, Schema
from risk.settings.table_format import Format
from tests.reading.test_formats import GERMAN, ROWS, expected_rows, read_one, schema_of
from tests.reading.test_reader import refusals_of, rows_of

QUERY = """SELECT * FROM (VALUES
    ('acme', DATE '2026-01-31', 1234, 1234.5::DOUBLE, 'big', 0), ('Müller', DATE '2026-01-31', -7, -0.25, '', 1),
    ('o''hara', DATE '2026-02-28', NULL, 12, 'a b', NULL)) AS t(corporation, month, n, x, kind, exited)"""


def parquet(folder: Path, query: str, name: str = "a.parquet", options: str = "") -> bytes:
    path = folder / f"made-{name}"
    duckdb.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet {options})")
    return path.read_bytes()


def read_query(folder: Path, query: str, schema: Schema | None = None) -> Content:
    return read_one(folder, "a.parquet", parquet(folder, query), schema or schema_of(Format()))


@pytest.mark.parametrize("form", [Format(), GERMAN])
@pytest.mark.parametrize("month", ["month", "month::TIMESTAMP", "month::TIMESTAMP_NS", "month::VARCHAR"])
@pytest.mark.parametrize("n", ["n", "n::DOUBLE", "n::DECIMAL(18,9)", "n::USMALLINT::BIGINT", "n::FLOAT"])
def test_a_parquet_file_gives_the_rows_of_its_plain_file(month: str, n: str, form: Format, tmp_path: Path) -> None:
    values = n.replace("::USMALLINT", "")
    query = f"SELECT corporation, {month} AS month, {values} AS n, x, kind, exited FROM ({QUERY})"

    content = read_query(tmp_path, query, schema_of(form))

    assert (content.fault, refusals_of(content, tmp_path)) == (None, [])
    assert rows_of(content, tmp_path) == expected_rows(tmp_path)


@pytest.mark.parametrize("pieces", [1, 1 << 25])
def test_rows_come_in_order_whatever_the_size_of_a_piece(
    pieces: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("risk.reading._stream.CHUNK", pieces)
    monkeypatch.setattr("risk.reading._parquet.FIRST_ROWS", 1000)
    rows = "SELECT 'c' || i AS corporation, '2026-01' AS month, i AS n, i / 7 AS x, 'k' AS kind, 0 AS exited"

    content = read_query(tmp_path, f"{rows} FROM range(7000) t(i)")

    assert [row[0] for row in rows_of(content, tmp_path)] == [f"c{i}" for i in range(7000)]
    assert [row[3] for row in rows_of(content, tmp_path)] == [i / 7 for i in range(7000)]


def test_a_number_is_what_is_held(tmp_path: Path) -> None:
    numbers = ["1e-05", "-1.2345678901234567e-10", "0.30000000000000004", "1e+16", "9007199254740993.0", "-0.0", "0.1"]
    values = ", ".join(f"('c', '2026-01', 1, '{it}'::DOUBLE, '', 0)" for it in numbers)

    content = read_query(tmp_path, f"SELECT * FROM (VALUES {values}) AS t(corporation, month, n, x, kind, exited)")

    assert refusals_of(content, tmp_path) == []
    assert [row[3] for row in rows_of(content, tmp_path)] == [float(it) for it in numbers]


def test_a_refusal_names_the_row(tmp_path: Path) -> None:
    more = f"{QUERY} UNION ALL SELECT 'late', NULL, 1, 'nan'::DOUBLE, '', 2"

    content = read_query(tmp_path, more)

    (refusal,) = refusals_of(content, tmp_path)
    assert (refusal.place, refusal.line, refusal.column) == ("row 4: ", 4, "month")


@pytest.mark.parametrize(
    ("expression", "told"),
    [("[1, 2]", "integer[]"), ("{'a': 1}", "struct"), ("'x'::BLOB", "blob"), ("map {'a': 1}", "map")],
)
def test_nested_values_are_refused_where_they_are_wanted(expression: str, told: str, tmp_path: Path) -> None:
    wanted = read_query(tmp_path, f"SELECT * REPLACE ({expression} AS x) FROM ({QUERY})")
    unknown = read_query(tmp_path, f"SELECT *, {expression} AS more FROM ({QUERY})")

    assert wanted.fault == Refusal(None, "x", None, f"holds {told} values", "numbers, texts or dates")
    assert rows_of(unknown, tmp_path) == expected_rows(tmp_path)
    assert unknown.warnings == ("unknown columns ignored: 'more'",)


def test_booleans_are_true_and_false(tmp_path: Path) -> None:
    from risk.settings.target import TargetValues

    schema = Schema(
        period="month", features={"kind": Feature("categorical")}, target_values=TargetValues(("false",), ("true",))
    )
    query = f"SELECT corporation, month, n > 0 AS kind, exited = 1 AS exited FROM ({QUERY})"

    content = read_query(tmp_path, query, schema)

    assert [row[2:] for row in rows_of(content, tmp_path)] == [("true", 0), ("false", 1), (None, None)]


@pytest.mark.parametrize("cut", [8, 100, -20])
def test_a_damaged_parquet_file_is_refused_whole(cut: int, tmp_path: Path) -> None:
    content = parquet(tmp_path, QUERY)

    found = read_one(tmp_path, "a.parquet", content[:cut], schema_of(Format()))
    garbled = bytearray(content)
    garbled[4:200] = bytes(196)
    other = read_one(tmp_path, "b.parquet", bytes(garbled), schema_of(Format()))

    assert found.fault
    assert "cannot be read as parquet" in found.fault.reason
    assert str(tmp_path) not in found.fault.reason
    assert other.fault or other.n_refused


def test_a_parquet_file_without_rows_or_target_is_read_as_a_plain_one(tmp_path: Path) -> None:
    content = parquet(tmp_path, f"SELECT * EXCLUDE (exited) FROM ({QUERY})", "b.parquet")
    (tmp_path / "b.parquet").write_bytes(content)
    empty = read_query(tmp_path, f"SELECT * FROM ({QUERY}) LIMIT 0")

    frame, found = read_frame(tmp_path / "b.parquet", schema_of(Format()), target_optional=True)

    assert (empty.fault, empty.n_read) == (None, 0)
    assert (found.fault, frame["n"].tolist()[:2], len(frame)) == (None, [1234.0, -7.0], len(ROWS))
