"""One table of rows for every reader there is: bytes in, the row exactly as written or its refusal out.

Files are read plain, exactly and in chunks, as parts and as a frame; request bodies answer the same questions of the
columns that a model needs.
"""

from __future__ import annotations

import copy
import csv
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from risk.reading import reader
from risk.reading.reader import Refusal, Source, read_frame
from risk.reading.sql import literal, quoted
from risk.service.problems import Problem
from risk.service.requests import Contract
from risk.settings.schema import Feature, Schema
from risk.settings.table_format import Format
from tests.exactly import exact_rows

SCHEMA = Schema(
    period="day",
    renewal="renewal",
    missing=("?", "-1"),
    features={"n": Feature(), "least": Feature(minimum=0), "kind": Feature("categorical")},
)
NAMES = [column.name for column in SCHEMA.columns]
FIRST, LAST = "first,2026-01-31,1,1,big,2026-12-01,0", "last,2026-01-31,3,1,,,"
ASKED = {"n": "numeric", "least": "numeric", "kind": "categorical"}  # of a request
NOT_ASKED = ("is too large", "is not held exactly")  # float64 is what a model computes with

KEPT = {
    "n": [
        *("0", "7", "-3", "12.5", "-0.25", "0.0", "-0", "-0.0", "1.50", "0.10", "100", "-10", " 5 ", "", "?", "-1"),
        *("9007199254740993", "9223372036854775807", "-9223372036854775808", "0.30000000000000004", "99999999999999.9"),
        *("0.000000000000001", "1234567890123.45"),
    ],
    "least": ["0", "0.0", "-0.00"],
    "corporation": [
        *("007", "NA", "null", "None", "?", "-1", "漢字", "😀", "o'hara", "a  b", "x" * 1000, "=1+1", "  padded "),
        *("a, b", 'say "hi"', "a\n\r\nb", "caf\u00e9"),
    ],
    "kind": [
        *("007", "NA", "漢字", "😀", "o'hara", "a  b", "x" * 200, "=1+1", "  padded ", "a, b", 'say "hi"', "", "?"),
    ],
    "day": ["2024-02-29", " 2026-01-01 ", "9999-12-31"],
    "renewal": ["2024-02-29", " 2026-01-01 ", "", "?"],
    "exited": ["0", "1", "", "?"],
}  # fmt: skip
REFUSED = {
    ("n", "is not a number"): [
        *("abc", "1_000", "1e3", "1E400", "0x10", "inf", "NaN", "+5", "5.", ".5", "007", "00", "-00.5", "1,5", "1 000"),
        *("--1", "-", "５", "1.2.3", "٣"),
    ],
    ("n", "is too large"): ["9223372036854775808", "-9223372036854775809", "1" + "0" * 400],
    ("n", "is not held exactly"): [
        *("0.1234567890123456789", "9007199254740993.0", "0." + "0" * 400 + "1", "1" + "0" * 400 + ".5"),
        "1.0000000000000000",
    ],
    ("least", "is below 0"): ["-0.5", "-2"],
    ("day", "is not a period"): [
        *("2026-02-29", "2026-13", "2026-1", "2026-W1", "20260131", "2026-W01-1", "0000-01", "２０２６-01"),
        *("31.01.2026", "2026-01-31T00:00", "2026/01"),
    ],
    ("day", "is a month (YYYY-MM)"): ["2026-01"],
    ("renewal", "is not a date"): ["2026-02-29", "2026-01", "soon", "31.01.2026", "２０２６-01-31", "20260131"],
    ("day", "is blank"): ["", " "],
    ("corporation", "is blank"): ["", " "],
    ("corporation", "has 1,001 characters"): ["x" * 1001],
    ("corporation", "has no letter and no digit"): ["--", "[", "= =", "─\u200b─", "*\u00a0*"],
    ("exited", "is not a known outcome"): ["yes", "2", "1.0", "01"],
    **{
        (column, f"holds the character U+{ord(character):04X}"): [f"a{character}b"]
        for character in "\x01\t\x0b\x1f\x7f\x80\x85\x9f\ufeff"
        for column in ("corporation", "kind")
    },
}  # fmt: skip
LINES = [
    ("acme,2026-01-31,1", None, "acme,2026-01-31,1", "has 3 fields"),
    ("acme,2026-01-31,1,1,,,0,9", None, "acme,2026-01-31,1,1,,,0,9", "has 8 fields"),
    ("Total: 5", None, "Total: 5", "has 1 field"),
    (",".join(NAMES), None, ",".join(NAMES), "repeats the header"),
    (" , ".join(NAMES), None, " , ".join(NAMES), "repeats the header"),
    (' "acme",2026-01-31,1,1,,,0', "corporation", '"acme"', "has a space before its quote"),
    ('acme,2026-01-31,"3\n",1,,,0', "n", "3\n", "is not a number"),
]

Row = tuple[object, ...]


@dataclass(frozen=True)
class Told:
    """What a reader gave: the accepted rows, and line, column, value and reason of the refused ones."""

    rows: list[Row]
    refused: list[Row]


def typed(fields: list[str]) -> Row:
    """Return accepted texts as values."""
    numbers = [(float(text) if "." in text else int(text)) if text else None for text in fields[2:4]]
    return (*fields[:2], *numbers, *(it or None for it in fields[4:6]), int(fields[6]) if fields[6] else None)


def refusals(found: list[Refusal]) -> list[Row]:
    return [(it.line, it.column, it.value, it.reason) for it in found]


def as_parts(paths: list[Path], schema: Schema = SCHEMA) -> list[Told]:
    parts, sources = paths[0].parent / "parts", [Source(path.name, path) for path in paths]
    found, known = [], dict[str, list[Row]]()
    for _, content in reader.read(sources, schema, parts, size_cap=1 << 30):
        assert content
        rows: list[Row] = []
        for it in content.slices:
            if it.part not in known:
                known[it.part] = duckdb.execute(f"select * from '{parts / it.part}'").fetchall()
            rows += known[it.part][it.first : it.first + it.rows]
        refused = reader.read_refusals(parts, content.refusals) if content.refusals else []
        found.append(Told(rows, refusals(refused)))
    return found


def as_a_frame(path: Path) -> Told:
    frame, content = read_frame(path, SCHEMA)
    assert content.n_accepted == len(frame)
    rows = [tuple(None if it is None or it != it else it for it in row) for row in frame.itertuples(index=False)]
    return Told(rows, refusals(exact_rows(path, SCHEMA)[1].refusals))


def in_one_piece(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> list[Told]:
    return as_parts(paths)


def in_chunks(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> list[Told]:
    monkeypatch.setattr("risk.reading._stream.CHUNK", 16)
    return as_parts(paths)


def exactly(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> list[Told]:
    monkeypatch.setattr("risk.reading._file_reader.prove", lambda *_: None)
    return as_parts(paths)


def for_the_gate(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> list[Told]:
    return [as_a_frame(path) for path in paths]


SWAPPED = str.maketrans(",;\"'", ";,'\"")  # turns one dialect into the other, and back again


def in_another_dialect(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> list[Told]:
    schema = copy.copy(SCHEMA)
    object.__setattr__(schema, "format", Format(delimiter=";", quote="'", encoding="utf-16"))
    for path in paths:
        path.write_bytes(path.read_bytes().decode().translate(SWAPPED).encode("utf-16"))
    found = as_parts(paths, schema)
    return [
        Told(
            [tuple(map(turned, row)) for row in told.rows],
            [(line, column, turned(value), reason) for line, column, value, reason in told.refused],
        )
        for told in found
    ]


def turned(value: object) -> object:
    return value.translate(SWAPPED) if isinstance(value, str) else value


def as_parquet(paths: list[Path]) -> list[Told]:
    for path in paths:
        with path.open(newline="") as file:
            names, *rows = csv.reader(file)
        values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
        query = f"SELECT * FROM (VALUES {values}) AS t({', '.join(map(quoted, names))})"
        duckdb.execute(f"COPY ({query}) TO '{path.with_suffix('.parquet')}' (FORMAT parquet)")
    found = as_parts([path.with_suffix(".parquet") for path in paths])
    return [Told(told.rows, [(int(str(line)) + 1, *rest) for line, *rest in told.refused]) for told in found]


def compressed(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> list[Told]:
    monkeypatch.setattr("risk.reading._stream.CHUNK", 64)
    for path in paths:
        path.with_suffix(".csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    return as_parts([path.with_suffix(".csv.gz") for path in paths])


Read = Callable[[list[Path], pytest.MonkeyPatch], list[Told]]
READERS = pytest.mark.parametrize(
    "read",
    [
        in_one_piece,
        in_chunks,
        exactly,
        in_another_dialect,
        compressed,
        pytest.param(for_the_gate, marks=pytest.mark.slow),
    ],
)


def written(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n\r') else text


def line(column: str, text: str) -> str:
    good = ["acme", "2026-01-31", "2", "1", "", "2026-12-01", "1"]
    return ",".join(written(text) if name == column else value for name, value in zip(NAMES, good, strict=True))


def file_of(folder: Path, *lines: str, end: str = "\n") -> Path:
    path = folder / f"{len(list(folder.iterdir()))}.csv"
    path.write_bytes("".join(it + end for it in (",".join(NAMES), *lines)).encode())
    return path


def assert_each(found: list[Told], expected: dict[Any, Told]) -> None:
    """Every file, named by what is in it, was told as expected."""
    assert len(found) == len(expected)
    assert [(what, it) for (what, one), it in zip(expected.items(), found, strict=True) if it != one] == []


def kept(column: str, text: str) -> Row:
    blank = "" if text.strip(" ") in SCHEMA.missing and column not in ("corporation", "day") else text.strip(" ")
    good = ["acme", "2026-01-31", "2", "1", "", "2026-12-01", "1"]
    return typed([blank if name == column else value for name, value in zip(NAMES, good, strict=True)])


@READERS
@pytest.mark.parametrize("column", KEPT)
def test_a_good_value_is_kept_as_it_is_written(
    column: str, read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [file_of(tmp_path, FIRST, line(column, text), LAST) for text in KEPT[column]]

    found = read(paths, monkeypatch)

    first, last = typed(FIRST.split(",")), typed(LAST.split(","))
    assert_each(found, {text: Told([first, kept(column, text), last], []) for text in KEPT[column]})


@READERS
@pytest.mark.parametrize("column", dict.fromkeys(column for column, _ in REFUSED))
def test_any_other_value_is_refused_by_line_and_column(
    column: str, read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = [(text, reason) for (its_column, reason), texts in REFUSED.items() if its_column == column for text in texts]
    paths = [file_of(tmp_path, FIRST, line(column, text), LAST) for text, _ in bad]

    found = read(paths, monkeypatch)

    rows = [typed(FIRST.split(",")), typed(LAST.split(","))]
    told = {it: Told(rows, [(3, column, it[0].strip(" ")[:80] or None, it[1])]) for it in bad}
    assert_each(found, told)


@READERS
@pytest.mark.parametrize(("negative", "positive"), [("-0", "0"), ("-0.00", "0.00")])
def test_zero_has_one_sign(
    negative: str, positive: str, read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [file_of(tmp_path, FIRST, line("n", text), LAST) for text in (negative, positive)]

    told = read(paths, monkeypatch)

    assert repr(told[0].rows) == repr(told[1].rows)
    assert "-0.0" not in repr(told[0].rows)


@pytest.mark.parametrize("column", KEPT)
def test_a_text_in_a_parquet_file_is_read_as_in_a_plain_one(
    column: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = [text for (its_column, _), texts in REFUSED.items() if its_column == column for text in texts]
    paths = [file_of(tmp_path, FIRST, line(column, text), LAST) for text in [*KEPT[column], *bad]]

    expected, found = exactly(paths, monkeypatch), as_parquet(paths)

    assert [(told, it) for told, it in zip(expected, found, strict=True) if told != it] == []


@READERS
def test_a_line_of_another_shape_is_refused(read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [file_of(tmp_path, FIRST, row, LAST) for row, *_ in LINES]

    found = read(paths, monkeypatch)

    rows = [typed(FIRST.split(",")), typed(LAST.split(","))]
    told = {row: Told(rows, [(3, column, value[:80], reason)]) for row, column, value, reason in LINES}
    assert_each(found, told)


@READERS
def test_every_kind_of_line_end_is_read(read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = []
    for end in ("\n", "\r\n", "\r"):
        paths += [file_of(tmp_path, FIRST, "", line("n", "x"), LAST, end=end) for _ in range(2)]
        paths[-1].write_bytes(paths[-1].read_bytes().removesuffix(end.encode()))

    found = read(paths, monkeypatch)

    assert [[it[:2] for it in told.refused] for told in found] == [[(4, "n")]] * 6
    assert [told.rows for told in found] == [[typed(FIRST.split(",")), typed(LAST.split(","))]] * 6


# --- the same of a request --------------------------------------------------------------------------------------------


def asked(*lines: str) -> Any:
    return Contract(SCHEMA, ASKED).read_csv("".join(f"{it}\n" for it in (",".join(NAMES), *lines)).encode())


@pytest.mark.parametrize(("column", "text"), [(column, text) for column in ASKED for text in KEPT[column]])
def test_a_request_keeps_a_good_value(column: str, text: str) -> None:
    found = asked(FIRST, line(column, text), LAST)

    assert found.clients == ["first", "acme", "last"]
    told, expected = found.frame[column][1], kept(column, text)[NAMES.index(column)]
    assert pd.isna(told) if expected is None else told == (expected if column == "kind" else float(str(expected)))
    assert not str(told).startswith("-0.0")


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (column, text)
        for (column, reason), texts in REFUSED.items()
        if column in ASKED and reason not in NOT_ASKED and not reason.startswith("holds the character")
        for text in texts
    ]
    + [("n", "9" * 400)],
)
def test_a_request_refuses_any_other_number(column: str, text: str) -> None:
    with pytest.raises(Problem) as caught:
        asked(FIRST, line(column, text), LAST)

    assert (caught.value.status, caught.value.row, caught.value.field) == (422, 1, column)
    assert "line 3" in str(caught.value)
