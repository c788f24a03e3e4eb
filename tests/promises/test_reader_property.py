"""Random tables, written by random habits: every row comes back exactly, or is refused by its line."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk.reading import reader, spreadsheets
from risk.reading.reader import Source
from risk.settings.schema import Feature, Schema

SCHEMA = Schema(features={"visits": Feature(minimum=0), "score": Feature(), "city": Feature("categorical")})
NAMES = [column.name for column in SCHEMA.columns]
LINE_END = re.compile("\r\n|\r|\n")

texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff") | st.sampled_from(',"\n\r; '),
    max_size=12,
)
stripped = texts.map(lambda text: text.strip(" "))
whole = st.integers(0, 2**63 - 1)
decimals = st.decimals(-(10**9), 10**9, places=3).map(lambda number: f"{number + 0:f}" if number else "0.5")
fields = st.tuples(
    stripped.filter(lambda text: spreadsheets.seen(text).strip(spreadsheets.RULES) and not spreadsheets.spoiled(text)),
    whole.map(str) | st.just(""),
    decimals | st.just(""),
    stripped,
    st.sampled_from(["0", "1", ""]),
)


@dataclass(frozen=True)
class Habit:
    """How a program writes CSV."""

    end: str
    mark: bool
    quotes_all: bool
    padding: str
    order: list[int]
    last_end: bool


habits = st.builds(
    Habit,
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "", " ", "  "]),
    st.permutations(range(5)),
    st.booleans(),
)
damages = st.sampled_from([None] * 9 + ["short", "long", "blank line", "number", "outcome", "client", "rule"])


def written(text: str, habit: Habit) -> str:
    if habit.quotes_all or any(mark in text for mark in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return f"{habit.padding}{text}{habit.padding}"


def damaged(row: list[str], damage: str | None) -> list[str]:
    changes = {"number": (1, "1e3"), "outcome": (4, "maybe"), "client": (0, ""), "rule": (0, "[--]")}
    place, value = changes.get(damage or "", (0, row[0]))
    return [value if index == place else text for index, text in enumerate(row)]


def line_of(row: list[str], damage: str | None, habit: Habit) -> str:
    fields = [written(damaged(row, damage)[index], habit) for index in habit.order]
    return {"short": ",".join(fields[1:]), "long": ",".join([*fields, "0"]), "blank line": " "}.get(
        damage or "", ",".join(fields)
    )


def is_blank(row: tuple[str, ...], damage: str | None, habit: Habit) -> bool:
    """Whether nothing but separators remains of a row."""
    record = next(csv.reader(io.StringIO(line_of(list(row), damage, habit), newline="")), [])
    return not "".join(record).strip()


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(fields, damages), max_size=9), habits)
def test_every_row_is_accepted_exactly_or_refused_by_line(
    rows: list[tuple[tuple[str, ...], str | None]], habit: Habit
) -> None:
    text = ",".join(written(NAMES[index], habit) for index in habit.order)
    lines = []
    for row, damage in rows:
        text += habit.end
        lines.append(len(LINE_END.findall(text)) + 1)
        text += line_of(list(row), damage, habit)
    text += habit.end if habit.last_end else ""
    accepted = [row for row, damage in rows if damage is None]
    refused = [line for line, row in zip(lines, rows, strict=True) if row[1] and not is_blank(*row, habit)]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_bytes(text.encode("utf-8-sig" if habit.mark else "utf-8"))
        content = next(iter(reader.read([Source(path.name, path)], SCHEMA, Path(folder), size_cap=1 << 30)))[1]
        assert content
        told = [it.line for it in reader.read_refusals(Path(folder), content.refusals)] if content.refusals else []
        found = [
            row
            for it in content.slices
            for row in duckdb.execute(f"select * from '{Path(folder) / it.part}'").fetchall()
        ]

    expected = [
        (
            row[0],
            int(row[1]) if row[1] else None,
            float(row[2]) if row[2] else None,
            row[3] or None,
            int(row[4]) if row[4] else None,
        )
        for row in accepted
    ]
    assert content.fault is None
    assert content.n_read == content.n_accepted + content.n_refused == len(accepted) + len(refused)
    assert told == refused
    assert found == expected
