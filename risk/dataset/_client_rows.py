"""The rows of some clients in all parts, found in one pass over each part and kept in memory.

Beside them stand the ids of others, and the values of other columns, that hold one of the names and must not be taken
for it.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from risk.disk.redaction import ClientNames
from risk.reading.sql import connect, literal, pattern, quoted

WHOLE = "[!.]*.parquet"  # a kill may leave others, whose names begin with a dot
NOBODY = frozenset[str]()
AT_ONCE = 200  # names in one regular expression: DuckDB is slow with more


@dataclass(frozen=True)
class PartRows:
    """What one part holds of the clients: the places of their rows in it, and which of these are labelled.

    It was asked by some text `columns`: that of clients, or all where it has another schema. `named` are those of the
    clients who stand in its client column, `longer` are ids of others that hold a name, and `values` those of other
    columns that are or hold one. Its rows lie in the `table` in memory, from the row `first` on.
    """

    rows: tuple[int, ...]
    labelled: frozenset[int]
    named: frozenset[str]
    longer: frozenset[str]
    values: frozenset[str]
    columns: tuple[str, ...]
    table: str
    first: int


def of_parts(folder: Path, client: str, target: str, clients: Collection[str]) -> ClientRows:
    """The rows of these clients in the parts of a folder, which are not read again while they are the same."""
    files = sorted(folder.glob(WHOLE))
    state = tuple((it.name, at.st_ino, at.st_size, at.st_mtime_ns) for it in files for at in [it.stat()])
    return _of_parts(folder, state, client, target, frozenset(clients))


@functools.lru_cache(2)  # who is a client is asked before anything is done
def _of_parts(folder: Path, state: tuple[object, ...], client: str, target: str, clients: frozenset[str]) -> ClientRows:
    return ClientRows(folder, client, target, clients)


class ClientRows:
    """The rows of some clients, by the name of their part."""

    def __init__(self, folder: Path, client: str, target: str, clients: Collection[str]) -> None:
        self._folder, self._client, self._target = folder, client, target
        self._texts: dict[str, list[str]] = {}  # columns, by the part
        self._theirs = among(clients)
        self._names = ClientNames(frozenset(clients))
        self._alike = _alike(quoted(client), self._names.forms)
        self._connection = connect()
        self._tables: dict[tuple[tuple[str, str], ...], str] = {}
        self.parts = {path.name: self._of_part(path) for path in sorted(folder.glob(WHOLE))}

    @contextlib.contextmanager
    def as_parts(self) -> Iterator[dict[str, tuple[str, int]]]:
        """Give the rows as parts that no disk holds: for each part that has some a path, and where they begin in it."""
        open_files: dict[str, int] = {}
        try:
            for table in self._tables.values():
                open_files[table] = os.memfd_create(table)
                target = literal(_path(open_files[table]))
                self._connection.execute(f"copy {table} to {target} (format parquet, use_tmp_file false)")
            having = {name: it for name, it in self.parts.items() if it.rows}
            yield {name: (_path(open_files[it.table]), it.first) for name, it in having.items()}
        finally:
            for descriptor in open_files.values():
                os.close(descriptor)

    def values(self, column: str) -> set[str]:
        """The values that the rows have in a column, where their part has it."""
        tables = [name for columns, name in self._tables.items() if dict(columns).get(column) == "VARCHAR"]
        return {value for name in tables for value in self._distinct(column, name)}

    def having(self, *columns: str) -> list[Path]:
        """The parts that have these text columns."""
        return [self._folder / name for name, texts in self._texts.items() if set(columns) <= set(texts)]

    def _of_part(self, path: Path) -> PartRows:
        part = f"read_parquet({literal(pattern(path))}, file_row_number = true)"
        columns = tuple((name, kind) for name, kind, *_ in self._run(f"describe select * from {part}"))[:-1]
        texts = self._texts[path.name] = [name for name, kind in columns if kind == "VARCHAR"]
        is_ours = self._client in texts
        named = [self._client] if is_ours else texts  # of another schema: any text
        theirs = " or ".join(f"{quoted(name)} in {self._theirs}" for name in named) or "false"
        near = self._alike if is_ours else theirs
        target = f"{quoted(self._target)} is not null" if self._target in dict(columns) else "false"
        self._connection.execute(f"create or replace temp table near as select * from {part} where {near}")
        rows = f"from near where {theirs} order by file_row_number"
        found = self._run(f"select file_row_number, {target} {rows}")
        table, first = self._kept(columns, f"select * exclude (file_row_number) {rows}") if found else ("", 0)
        return PartRows(
            tuple(place for place, _ in found), frozenset(place for place, is_labelled in found if is_labelled),
            self._ids(theirs) if is_ours else NOBODY, self._ids(f"not ({theirs})") if is_ours else NOBODY,
            self._held(part, texts) if is_ours else NOBODY, tuple(named), table, first,
        )  # fmt: skip

    def _ids(self, condition: str) -> frozenset[str]:
        return self._distinct(self._client, f"near where {condition}")

    def _held(self, part: str, texts: Iterable[str]) -> frozenset[str]:
        """The values of other columns that are or hold a name; each is searched once, however many rows have it."""
        found, alike = set[str](), _alike("value", self._names.forms)
        for name in (it for it in texts if it != self._client):
            values = f"select distinct {quoted(name)} as value from {part}"
            self._connection.execute(f"create or replace temp table held as {values}")
            found |= self._distinct("value", f"held where {alike}")
        return frozenset(filter(self._names.may_name, found))

    def _distinct(self, column: str, rows: str) -> frozenset[str]:
        return frozenset(it for (it,) in self._run(f"select distinct {quoted(column)} from {rows}") if it)

    def _kept(self, columns: tuple[tuple[str, str], ...], rows: str) -> tuple[str, int]:
        """Keep their rows beside those of other parts of the same columns; the table, and which is the first."""
        if (table := self._tables.get(columns)) is None:
            table = self._tables[columns] = f"theirs{len(self._tables)}"
            self._connection.execute(f"create or replace temp table {table} as {rows}")
            return table, 0
        ((first,),) = self._run(f"select count(*) from {table}")
        self._connection.execute(f"insert into {table} {rows}")
        return table, int(first)

    def _run(self, query: str) -> list[Any]:
        found: list[Any] = self._connection.execute(query).fetchall()
        return found


def _alike(column: str, forms: Sequence[str]) -> str:
    """The condition that a text is one of these, or holds one."""
    shortest = min(len(it.encode()) for it in forms)  # what holds it and is no longer is equal to it
    some = (forms[at : at + AT_ONCE] for at in range(0, len(forms), AT_ONCE))
    held = (f"regexp_matches({column}, {literal('|'.join(map(_escaped, it)))})" for it in some)
    return f"{column} in {among(forms)} or (strlen({column}) > {shortest} and ({' or '.join(held)}))"


def _path(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def among(names: Collection[str]) -> str:
    """Texts as what SQL looks up by their hash."""
    return f"(select unnest([{', '.join(map(literal, sorted(names)))}]::varchar[]))"


def _escaped(name: str) -> str:
    """A name as a regular expression of DuckDB, which compiles a constant one once."""
    return "".join(f"\\{sign}" if sign.isascii() and not sign.isalnum() else sign for sign in name)
