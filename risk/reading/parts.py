"""Parquet parts of accepted rows: one COPY each, durable under a name made of their content.

DuckDB only ever reads lines that are already known to be plain, and the statistics of what it wrote must agree.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from risk.disk import files
from risk.disk.paths import UNFINISHED
from risk.errors import DiskError
from risk.reading import spreadsheets, sql
from risk.reading._whole_file import Ends
from risk.reading.sql import FRACTION, INTEGER, Layout, Plan, literal, quoted
from risk.reading.values import is_period
from risk.settings.schema import Schema

if TYPE_CHECKING:
    import duckdb

PEEK = 64 * 1024  # bytes in which fractions are looked for before the first try
FEW = 20  # periods that are known before the first try


@dataclass(frozen=True)
class Slice:
    """Rows of one source in a part."""

    part: str
    first: int
    rows: int


@dataclass
class Stream:
    """Lines for one part, in pieces that have `rows` lines each.

    `fractional` names the columns that are float64 where every value was checked one by one; None: the part proves it.
    """

    layout: Layout
    fractional: set[int] | None = None
    pieces: list[bytes] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Piece:
    """One piece of a stream as it was stored."""

    slice: Slice
    n_labelled: int
    first_period: str | None
    last_period: str | None
    ends: tuple[Ends, ...]  # of each column of the schema
    keys: NDArray[np.uint64]  # of each row's client and period


@dataclass(frozen=True)
class Part:
    """A part as it was written; `fractional` names its float64 columns."""

    pieces: tuple[Piece, ...]
    fractional: frozenset[int]


def canonical(rows: Sequence[Sequence[str]]) -> bytes:
    """Return accepted rows as plain lines."""
    lines = []
    for row in rows:
        line = ",".join(row)
        if line.count(",") >= len(row) or "\n" in line or "\r" in line:
            line = ",".join([text.translate(sql.ENCODED) for text in row])
        lines.append(line)
    return "\n".join([*lines, ""]).encode()


class PartWriter:
    """Writes parts, and files beside them, into one folder; DuckDB starts with the first part."""

    def __init__(self, folder: Path, schema: Schema) -> None:
        self._folder, self._schema = folder, schema

    def write(self, stream: Stream) -> Part | None:
        """Make one part durable, or return None where the statistics disprove the lines.

        The folder is not synced. Raises: DiskError where the disk or DuckDB refuses.
        """
        plan: Plan | None = self._plan(stream)
        with files.refusals(self._folder), _in_memory(stream.pieces) as (path, content):
            files.make_folder(self._folder)
            while plan is not None:
                name = self._name(plan, content)
                bad = [] if (self._folder / name).exists() else self._make(plan, path, name, sum(stream.rows))
                if not bad:
                    fractional = frozenset(index for index, kind in plan.types.items() if kind == FRACTION)
                    return Part(tuple(self._pieces(stream, name)), fractional)
                plan = _next_plan(plan, bad)
        return None

    def keep(self, name: str, content: bytes) -> None:
        """Make a file durable beside the parts; the folder is not synced. Raises: DiskError where the disk refuses."""
        with files.refusals(self._folder):
            files.make_folder(self._folder)
            unfinished = self._folder / f"{UNFINISHED}{name}"
            files.put(unfinished, content)
            os.rename(unfinished, self._folder / name)

    def _plan(self, stream: Stream) -> Plan:
        """Return what to try first: float64 where it is known or the first lines show a fraction."""
        kinds = [column.kind for column in self._schema.columns]
        numbers = [index for index, kind in enumerate(kinds) if kind == "number"]
        lines = [line.split(b",") for piece in stream.pieces[:8] for line in piece[:PEEK].split(b"\n")[:-1]]
        places, periods = stream.layout.positions, tuple[str, ...]()
        fractional, trusted = stream.fractional, stream.fractional is not None
        if fractional is None:
            fractional = {index for index in numbers if any(b"." in line[places[index]] for line in lines)}
        if "period" in kinds:
            seen = {line[places[kinds.index("period")]].decode() for line in lines}
            periods = tuple(sorted(filter(is_period, seen))[:FEW])
        types = {index: FRACTION if index in fractional else INTEGER for index in numbers}
        doubtful = not trusted and any(map(spreadsheets.may_be_spoiled, stream.pieces))
        return Plan(stream.layout, types, periods, trusted, doubtful)

    def _name(self, plan: Plan, content: str) -> str:
        identity = repr((content, self._schema.identity, plan.layout, sorted(plan.types.items())))
        return f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.parquet"

    def _make(self, plan: Plan, path: str, name: str, rows: int) -> list[int]:
        """Write the part; return the columns that its statistics disprove, and then leave nothing behind."""
        unfinished = self._folder / f"{UNFINISHED}{name}"
        query = sql.select(path, self._schema, plan)
        try:
            result = self.ask(f"COPY ({query}) TO {literal(str(unfinished))} (FORMAT parquet, RETURN_STATS)")[0]
        except DiskError:
            files.remove(unfinished)
            raise
        bad = sql.bad_columns(self._schema, plan, result[4]) if result[1] == rows else [0]
        if not bad:
            files.sync(unfinished)
            os.rename(unfinished, self._folder / name)
            return []
        files.remove(unfinished)
        if plan.trusted:
            raise DiskError(f"{unfinished}: DuckDB wrote {result[1]} of {rows} rows, or changed some; run again")
        return bad

    def _pieces(self, stream: Stream, name: str) -> list[Piece]:
        """Return what the part holds of each piece, asked of the part itself."""
        period = quoted(self._schema.period) if self._schema.period else "NULL"
        facts = f"count({quoted(self._schema.target)}), min({period}), max({period}), {sql.ends(self._schema)}"
        firsts = [0, *itertools.accumulate(stream.rows)][:-1]
        part = f"read_parquet({literal(str(self._folder / name))}, file_row_number=true)"
        if len(firsts) == 1:
            answers = self.ask(f"SELECT {facts} FROM {part}")
        else:
            joined = f"{part} ASOF JOIN (SELECT unnest(?::BIGINT[]) AS start) ON file_row_number >= start"
            answers = self.ask(f"SELECT {facts} FROM {joined} GROUP BY start ORDER BY start", [firsts])
        pieces = []
        for first, rows, answer, keys in zip(firsts, stream.rows, answers, self._keys(part, firsts), strict=True):
            n_labelled, first_period, last_period, *figures = answer
            columns = (figures[place : place + 4] for place in range(0, len(figures), 4))
            ends = tuple((float(low), float(high), n, float(total)) if n else None for low, high, n, total in columns)
            pieces.append(Piece(Slice(name, first, rows), n_labelled, first_period, last_period, ends, keys))
        return pieces

    def _keys(self, part: str, firsts: Sequence[int]) -> list[NDArray[np.uint64]]:
        named = ", ".join(quoted(it) for it in (self._schema.client, self._schema.period) if it)
        keys = self.columns(f"SELECT hash({named}) AS key FROM {part}")["key"]
        return np.split(np.asarray(keys, np.uint64), firsts[1:])

    def ask(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows that answer a query. Raises: DiskError where DuckDB refuses."""
        answers: list[Any] = self._run(query, values, lambda it: it.fetchall())
        return answers

    def columns(self, query: str) -> dict[str, NDArray[Any]]:
        """The columns that answer a query. Raises: DiskError where DuckDB refuses."""
        columns: dict[str, NDArray[Any]] = self._run(query, (), lambda it: it.fetchnumpy())
        return columns

    def _run(self, query: str, values: Sequence[Any], fetch: Callable[[duckdb.DuckDBPyConnection], Any]) -> Any:
        import duckdb

        try:
            return fetch(self._connection.execute(query, list(values)))
        except duckdb.Error as error:
            raise DiskError(
                f"{self._folder}: DuckDB refused ({error}); make room or give access and run again",
                record=f"{self._folder}: DuckDB refused; the log says why",
            ) from error

    @functools.cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        return sql.connect()


@contextlib.contextmanager
def _in_memory(pieces: Sequence[bytes]) -> Iterator[tuple[str, str]]:
    """Give the pieces as one file that no disk holds; yields its path and its SHA-256."""
    descriptor, content = os.memfd_create("lines"), hashlib.sha256()
    try:
        for piece in pieces:
            files.write_all(descriptor, piece)
            content.update(piece)
        yield f"/proc/self/fd/{descriptor}", content.hexdigest()
    finally:
        os.close(descriptor)


def _next_plan(plan: Plan, bad: list[int]) -> Plan | None:
    """The plan with the bad columns as float64, or None where that cannot help."""
    if any(plan.types.get(index) != INTEGER for index in bad):
        return None
    return replace(plan, types=plan.types | dict.fromkeys(bad, FRACTION))
