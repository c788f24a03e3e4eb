"""Parts without some clients: a new part, named by its content, beside each that holds their rows."""

from __future__ import annotations

import functools
import os
from bisect import bisect_left
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from risk.dataset import _client_rows
from risk.dataset._client_rows import ClientRows, among
from risk.disk import files, paths
from risk.reading.reader import Slice
from risk.reading.sql import connect, literal, pattern, quoted
from risk.settings.schema import Schema


@dataclass(frozen=True)
class ErasedPart:
    """A part as it is without the clients: the places of their rows, which of these are labelled, and the new part."""

    rows: tuple[int, ...]
    labelled: frozenset[int]
    name: str
    digest: str

    def within(self, piece: Slice) -> tuple[int, int]:
        """From which to which of the clients' rows lie in a piece of the former part."""
        begin, end = (bisect_left(self.rows, place) for place in (piece.first, piece.first + piece.rows))
        return begin, end


class ClientParts:
    """The parts in a folder, asked for some clients."""

    def __init__(self, folder: Path, schema: Schema, clients: Collection[str]) -> None:
        self._parts, self._schema, self._clients = folder, schema, sorted(clients)

    @functools.cached_property
    def rows(self) -> ClientRows:
        """The clients' rows in all parts, as these were before any was rewritten."""
        return _client_rows.of_parts(self._parts, self._schema.client, self._schema.target, self._clients)

    def rewritten(self) -> dict[str, ErasedPart]:
        """Write the parts that hold the clients without them, by the names of the former ones. Raises: DiskError."""
        found = {}
        for former, theirs in self.rows.parts.items():
            if theirs.rows:
                name, digest = self._without(self._parts / former, theirs.columns)
                found[former] = ErasedPart(theirs.rows, theirs.labelled, name, digest)
        if found:
            with files.refusals(self._parts):
                files.sync(self._parts)
        return found

    def named(self) -> set[str]:
        """Those of the clients who stand in the client column of a part."""
        return {name for it in self.rows.parts.values() for name in it.named}

    def levels(self, features: Iterable[str]) -> dict[str, list[str]]:
        """The values of categorical features that rows of these clients alone have. Raises: DiskError."""
        found: dict[str, list[str]] = {}
        for name in features:
            ours = self.rows.values(name)
            for path in self.rows.having(name, self._schema.client) if ours else ():
                value, client = quoted(name), quoted(self._schema.client)
                others = f"{value} in {among(ours)} and ({client} in {among(self._clients)}) is not true"
                ours -= _values(f"select distinct {value} from read_parquet({literal(pattern(path))}) where {others}")
            if ours:
                found[name] = sorted(ours)
        return found

    def values_of_others(self) -> tuple[set[str], set[str]]:
        """Ids of other clients that hold a form of one of the names, and values of other columns that do."""
        parts = self.rows.parts.values()
        return {name for it in parts for name in it.longer}, {value for it in parts for value in it.values}

    def _without(self, path: Path, columns: Iterable[str]) -> tuple[str, str]:
        unfinished = self._parts / f"{paths.UNFINISHED}erasing.parquet"
        where = " and ".join(f"({quoted(name)} in {among(self._clients)}) is not true" for name in columns)
        query = f"select * from read_parquet({literal(pattern(path))}) where {where}"
        with files.refusals(unfinished):
            files.put(unfinished, lambda it: _write(f"copy ({query}) to {literal(str(it))} (format parquet)"))
            digest = files.digest_file(unfinished)
            os.replace(unfinished, self._parts / f"{digest[:16]}.parquet")
        return f"{digest[:16]}.parquet", digest


def _values(query: str) -> set[str]:
    with connect() as connection:
        return {value for (value,) in connection.execute(query).fetchall()}


def _write(query: str) -> None:
    with connect() as connection:
        connection.execute(query)
