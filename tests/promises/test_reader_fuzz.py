"""The fast reading and the exact one agree on thousands of files that are nearly right."""

from __future__ import annotations

import os
import random
from pathlib import Path

import duckdb
import pytest

from risk.reading import reader
from risk.reading.reader import Content, Source
from risk.settings.schema import Feature, Schema
from risk.settings.target import TargetValues
from tests.exactly import exact_rows

SCHEMAS = (
    Schema(),
    Schema(
        period="period",
        owner="owner",
        value="worth",
        features={"calls": Feature(minimum=0), "score": Feature(), "city": Feature("categorical")},
        target_values=TargetValues(("No",), ("Yes", "it's")),
        missing=("?", "N/A"),
    ),
)
NUMBERS = [
    *(
        "0",
        "7",
        "-3",
        "12.5",
        "-0.25",
        "007",
        "-0",
        "-0.0",
        "0.0",
        "+5",
        "5.",
        ".5",
        "1_000",
        "1e3",
        "inf",
        "nan",
        "NaN",
    ),
    *("0x10", "５", "1,5", "true", "?", "N/A", "NULL", "-?", "-1", "--1", "1-", "1.2.3", "00", "0.10", "-00.5", "1.50"),
    *("9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809"),
    *("0.30000000000000004", "123456789012345.5", "99999999999999.9", "123456789012345678", "12345678901234.123"),
    *("999999999999999", "1234567890123456", "9007199254740992", "0." + "0" * 400 + "1", "1" + "0" * 400 + ".5"),
]
PERIODS = [
    *("2026-01", "2026-13", "2026-1", "2026-02-28", "2026-02-29", "2024-02-29", "2026-01-1", "20260101", "0000-01"),
    *("9999-12", "2026-W1", "2026-W01-1", "２０２６-01", "0001-01-01", "12026-01", "2026-01-01T00:00"),
]
TEXTS = [
    "acme",
    "007",
    "NA",
    "null",
    "Ünal",
    "a\u0301",
    "\u00e1",
    "漢字",
    "a b",
    "o'hara",
    "x" * 1001,
    "é" * 600,
    "a\x85b",
    "😀",
    "\u00a0",
    *("c1\u00a0", "c\u200b2", "c  3", "c 3", "7", "7.0", "6.00054E+14", "3E5", "1.5e9", "#N/A", "##", "#5", "a+b.c"),
]
ODD = [
    "",
    " ",
    " a",
    "a ",
    '"a"',
    '"a, b"',
    '"a\nb"',
    '"a""b"',
    'a"b',
    ' "a"',
    '"a',
    "a\tb",
    "a\x00b",
    "\ufeffa",
    "a\x01",
    "\x7f",
    "a,b",
    "a\rb",
]
TARGETS = ["0", "1", "2", "Yes", "No", "it's", "yes", "", "?", "01", "1.0"]
SEED = os.environ.get("FUZZ_SEED", "1")
POOLS = {"client": TEXTS, "text": TEXTS, "number": NUMBERS, "period": PERIODS, "target": TARGETS}


def good(schema: Schema, chance: random.Random) -> list[str]:
    left, stayed = schema.target_values.left[0], schema.target_values.stayed[0]
    values = {
        "client": f"c{chance.randrange(99)}",
        "text": chance.choice(("north", "")),
        "period": "2026-01",
        "target": chance.choice((left, stayed, "")),
    }
    return [
        values.get(column.kind) or (str(chance.randrange(900)) if column.kind == "number" else "")
        for column in schema.columns
    ]


def fuzzed(schema: Schema, chance: random.Random) -> bytes:
    """Return a file of some good rows with a few odd values in them, and now and then an odd shape."""
    names = [column.name for column in schema.columns]
    rows = [good(schema, chance) for _ in range(chance.randrange(1, 12))]
    for _ in range(chance.choice((0, 1, 1, 1, 1, 3))):
        place = chance.randrange(len(names))
        pool = ODD if chance.random() < 0.2 else POOLS[schema.columns[place].kind]
        chance.choice(rows)[place] = chance.choice(pool)
    order = chance.sample(range(len(names)), len(names)) if chance.random() < 0.3 else range(len(names))
    table = [[row[index] for index in order] for row in [names, *rows]]
    if chance.random() < 0.1:
        table[chance.randrange(1, len(table))] += ["more"]
    if chance.random() < 0.05:
        table[chance.randrange(1, len(table))] = chance.choice(([], [""], [" "], table[0], ["total: 3"]))
    if chance.random() < 0.1:
        table += [[total(column, chance) for column in zip(*table[1:], strict=False)]]
    table += [[""] * len(names)] * chance.choice((0, 0, 0, 0, 1, 3))
    if chance.random() < 0.1:
        table = [[*row, "extra"] for row in table]
    end = chance.choice(("\n", "\n", "\n", "\r\n", "\r"))
    text = end.join(",".join(row) for row in table) + chance.choice((end, end, "", end * 2, "\n"))
    content = text.encode()
    if chance.random() < 0.05:
        place = chance.randrange(len(content))
        content = content[:place] + bytes([chance.randrange(256)]) + content[place:]
    return (b"\xef\xbb\xbf" if chance.random() < 0.1 else b"") + content


def total(column: tuple[str, ...], chance: random.Random) -> str:
    """Return what stands below a column in a line of totals: the sum, the number of rows, or nothing."""
    try:
        return chance.choice((str(sum(map(int, column))), str(sum(map(int, column))), str(len(column)), ""))
    except ValueError:
        return chance.choice(("", "Total"))


def stored(content: Content, parts: Path, connection: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for it in content.slices:
        found = connection.execute(f"select * from '{parts / it.part}'").fetchall()
        rows += found[it.first : it.first + it.rows]
    return rows


def same(text: str, value: object, kind: str, schema: Schema) -> bool:
    if not text or value is None:
        return not text and value is None
    if kind == "number":
        return str(value) == text if isinstance(value, int) else float(text) == value
    if kind == "target":
        return value == (text in schema.target_values.left)
    return value == text


@pytest.mark.parametrize(
    ("chunk", "n_files"),
    [(1 << 25, 60), pytest.param(1 << 25, 240, marks=pytest.mark.slow), pytest.param(100, 60, marks=pytest.mark.slow)],
    ids=["whole, in short", "whole", "in chunks"],
)
@pytest.mark.parametrize("schema", SCHEMAS, ids=["plain", "rich"])
def test_the_fast_and_the_exact_reading_agree(
    chunk: int, n_files: int, schema: Schema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("risk.reading._stream.CHUNK", chunk)
    monkeypatch.setattr("risk.reading._batches.FULL", 0)
    chance, connection, parts = random.Random(f"{SEED}{chunk}{n_files}"), duckdb.connect(), tmp_path / "parts"
    sources = [Source(f"{number}.csv", tmp_path / f"{number}.csv") for number in range(n_files)]
    for source in sources:
        source.path.write_bytes(fuzzed(schema, chance))

    contents = list(reader.read(sources, schema, parts, size_cap=1 << 30))

    for source, content in contents:
        rows, expected = exact_rows(source.path, schema)
        assert content is not None
        refused = reader.read_refusals(parts, content.refusals) if content.refusals else []
        told = (content.n_read, content.n_accepted, content.n_refused, refused, content.fault, content.warnings)
        warnings = reader.warnings_of(expected, {row[0] for row in rows})
        whole = (expected.n_read, len(rows), expected.n_refused, expected.refusals, expected.fault, warnings)
        assert told == whole, source.path.read_bytes()
        assert content.n_read == content.n_accepted + content.n_refused or content.fault
        assert_same(rows, stored(content, parts, connection), schema)


def assert_same(rows: list[list[str]], found: list[tuple[object, ...]], schema: Schema) -> None:
    assert len(found) == len(rows)
    for texts, values in zip(rows, found, strict=True):
        for text, value, column in zip(texts, values, schema.columns, strict=True):
            assert same(text, value, column.kind, schema), (texts, values)
