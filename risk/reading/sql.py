"""Our connection to DuckDB, and the SQL by which the text of plain lines becomes typed columns that statistics prove.

Nothing of it may raise inside DuckDB (with two threads that can hang): a value that is not accepted becomes a stand-in
that the statistics of the column show.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from risk.reading.spreadsheets import RULES, SPOILED
from risk.reading.values import TIME
from risk.settings.schema import Column, Schema

if TYPE_CHECKING:
    import duckdb

# stand-ins for the characters that a plain line cannot hold; no accepted value holds them itself
ENCODED = str.maketrans({"\n": "\x01", "\r": "\x02", ",": "\x03"})
INTEGER, FRACTION = "BIGINT", "DOUBLE"
EXACT_WIDTH = 15  # bytes of a decimal that float64 holds exactly, whatever they are
EXACT_INTEGER = 2**53
NO_INTEGER, NO_FRACTION, NO_TARGET = -(2**63), "-inf", 2
DECIMAL = r"-?([1-9][0-9]*|0)(\.[0-9]+)?"

Types = dict[int, str]  # of the number columns, by their index in the schema
Statistics = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Layout:
    """How the lines of a stream are laid out: the place of each column of the schema, and the number of fields."""

    positions: tuple[int, ...]
    width: int
    encoded: bool = False


def connect(spill: Path | None = None, threads: int = 2) -> duckdb.DuckDBPyConnection:
    """A connection of its own to a database in memory; what does not fit there goes to the folder `spill`.

    A process opens few databases, for that takes longer than most queries: so tables and views have to be temporary.
    """
    return _database(spill, threads).cursor()


@functools.lru_cache(4)
def _database(spill: Path | None, threads: int) -> duckdb.DuckDBPyConnection:
    """A database that loads no extension."""
    import duckdb

    extensions = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    return duckdb.connect(config={"threads": threads, "temp_directory": str(spill or ""), **extensions})


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def pattern(path: object) -> str:
    """The path as DuckDB opens it: what it would take for a pattern stands for itself."""
    return "".join(f"[{sign}]" if sign in "[*?" else sign for sign in str(path))


@dataclass(frozen=True)
class Plan:
    """The way to make the columns of a stream.

    `types` are those of its numbers, `periods` are known to be good. Where rows are `trusted`, every value was checked
    by itself and needs no proof; where `doubtful`, ids may be spoiled.
    """

    layout: Layout
    types: Types
    periods: tuple[str, ...] = ()
    trusted: bool = False
    doubtful: bool = False


def select(path: str, schema: Schema, plan: Plan) -> str:
    """The query that reads plain lines as the columns of the schema."""
    fields = {f"f{place}": "VARCHAR" for place in range(plan.layout.width)}
    lines = (
        f"read_csv({literal(path)}, auto_detect=false, header=false, delim=',', quote='', escape='', "
        f"new_line='\\n', strict_mode=true, null_padding=false, columns={fields!r})"
    )
    names = [quoted(column.name) for column in schema.columns]
    cast = [f"try_cast(f{plan.layout.positions[index]} AS {kind}) AS v{index}" for index, kind in plan.types.items()]
    width = plan.layout.width
    shown = [
        f"{_expression(schema, index, f'f{place}' if place < width else 'NULL', plan)} AS {names[index]}"
        for index, place in enumerate(plan.layout.positions)
    ]
    return f"SELECT {', '.join(shown)} FROM (SELECT {', '.join(['*', *cast])} FROM {lines})"  # each number cast once


def ends(schema: Schema) -> str:
    """The lowest number of each column, the highest, how many and their sum as SQL, NULL where it holds none."""
    names = (quoted(column.name) if column.kind == "number" else "NULL::INT" for column in schema.columns)
    return ", ".join(f"min({name}), max({name}), count({name}), sum({name})" for name in names)


def bad_columns(schema: Schema, plan: Plan, statistics: Statistics) -> list[int]:
    """The columns whose statistics disprove that every value was accepted, by index.

    Values that were checked one by one are trusted to be what they are, so -2^63 is a value and no stand-in.
    """
    bad = []
    for index, column in enumerate(schema.columns):
        facts = statistics[quoted(column.name)]
        kind = plan.types.get(index, column.kind)
        if (plan.trusted and kind == INTEGER) or _is_proven(column, kind, facts):
            continue
        bad.append(index)
    return bad


def _is_proven(column: Column, kind: str, facts: Mapping[str, str]) -> bool:
    if kind == "client":
        return facts.get("null_count") == "0"
    if kind in ("period", "time"):
        return bool(facts.get("min"))
    if kind == "target":
        return facts.get("max") != str(NO_TARGET)
    if kind == "text" or "min" not in facts:
        return kind == "text" or facts.get("null_count") == facts.get("num_values")
    if kind == INTEGER and not -EXACT_INTEGER <= int(facts["min"]) <= int(facts["max"]) <= EXACT_INTEGER:
        return False
    if kind == "date":
        return bool(facts["min"])
    lowest = float(facts["min"])
    return lowest > float(NO_FRACTION) and (column.minimum is None or lowest >= column.minimum)


def _expression(schema: Schema, index: int, field: str, plan: Plan) -> str:
    column = schema.columns[index]
    text = field
    if plan.layout.encoded:
        text = f"translate({field}, chr(1) || chr(2) || chr(3), chr(10) || chr(13) || ',')"
    missing = f"{field} IS NULL OR {_among(text, schema.missing)}" if schema.missing else f"{field} IS NULL"
    if column.kind == "client":
        return text if plan.trusted else _client(text, plan.doubtful)
    if column.kind == "text":
        return f"CASE WHEN {missing} THEN NULL ELSE {text} END"
    if column.kind == "period":
        return _period(field, plan.periods)
    if column.kind == "time":
        form = f"regexp_full_match({field}, {literal(TIME.pattern)})"
        return f"CASE WHEN {form} AND {_is_date(f'left({field}, 10)')} THEN {field} ELSE '' END"
    if column.kind == "date":
        return f"CASE WHEN {missing} THEN NULL WHEN strlen({field}) = 10 AND {_is_date(field)} THEN {field} ELSE '' END"
    if column.kind == "target":
        return _target(schema, field, missing)
    return _number(field, f"v{index}", missing, plan.types[index], plan.trusted)


def _client(field: str, doubtful: bool) -> str:
    spoiled = f"WHEN regexp_full_match({field}, {literal(SPOILED.pattern)}) THEN NULL " if doubtful else ""
    ranges = " OR ".join(f"{field} >= '{first}' AND {field} < '{after}'" for first, after in ("0:", "A[", "a{"))
    rest = f"WHEN ltrim({field}, {literal(RULES)}) = '' THEN NULL"  # slow, so it is asked of few
    return f"CASE {spoiled}WHEN {ranges} THEN {field} {rest} ELSE {field} END"


def _number(field: str, value: str, missing: str, kind: str, trusted: bool) -> str:
    if kind == INTEGER:
        proof, stand_in = f"(cast({value} AS VARCHAR) = {field} OR {field} = '-0')", f"({NO_INTEGER + 1} - 1)"
    else:
        proof = f"strlen({field}) <= {EXACT_WIDTH} AND regexp_full_match({field}, {literal(DECIMAL)})"
        stand_in, value = f"{literal(NO_FRACTION)}::DOUBLE", f"{value} + 0.0"  # -0.0 is zero
    proof = f"{value} IS NOT NULL" if trusted else proof
    return f"CASE WHEN {missing} THEN NULL WHEN {proof} THEN {value} ELSE {stand_in} END"


def _period(field: str, known: tuple[str, ...]) -> str:
    month, date = _is_date(f"({field} || '-01')"), _is_date(field)
    at_once = f"WHEN {_among(field, known)} THEN {field} " if known else ""
    proof = f"strlen({field}) = 7 AND {month} OR strlen({field}) = 10 AND {date}"
    return f"CASE {at_once}WHEN {proof} THEN {field} ELSE '' END"


def _is_date(text: str) -> str:
    return f"cast(try_cast({text} AS DATE) AS VARCHAR) = {text}"


def _target(schema: Schema, field: str, missing: str) -> str:
    values = schema.target_values
    return (
        f"CAST(CASE WHEN {_among(field, values.stayed)} THEN 0 WHEN {_among(field, values.left)} THEN 1 "
        f"WHEN {missing} THEN NULL ELSE {NO_TARGET} END AS TINYINT)"
    )


def _among(field: str, texts: Iterable[str]) -> str:
    return f"{field} IN ({', '.join(map(literal, texts))})"
