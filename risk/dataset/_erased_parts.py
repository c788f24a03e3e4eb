"""Parts without some clients: a new part, named by its content, beside each that holds their rows."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from risk.disk import files, paths
from risk.reading.sql import connect, literal, pattern, quoted
from risk.settings.schema import Schema

WHOLE = "[!.]*.parquet"  # a kill may leave others, whose names begin with a dot


@dataclass(frozen=True)
class ErasedPart:
    """A part as it is without the clients: the places of their rows, which of these are labelled, and the new part."""

    rows: tuple[int, ...]
    labelled: frozenset[int]
    name: str
    digest: str


class ClientParts:
    """The parts in a folder, asked for some clients."""

    def __init__(self, folder: Path, schema: Schema, clients: Collection[str]) -> None:
        self._parts, self._schema, self._clients = folder, schema, sorted(clients)

    def rewritten(self) -> dict[str, ErasedPart]:
        """Write the parts that hold the clients without them, by the names of the former ones. Raises: DiskError."""
        found = {}
        for path in sorted(self._parts.glob(WHOLE)):
            if rows := self._rows_in(path):
                name, digest = self._without(path)
                labelled = frozenset(place for place, is_labelled in rows if is_labelled)
                found[path.name] = ErasedPart(tuple(place for place, _ in rows), labelled, name, digest)
        if found:
            with files.refusals(self._parts):
                files.sync(self._parts)
        return found

    def levels(self, features: Iterable[str]) -> dict[str, list[str]]:
        """The values of categorical features that rows of these clients alone have. Raises: DiskError."""
        found: dict[str, list[str]] = {}
        for name in features:
            ours, others = set[str](), set[str]()
            for path in self._with_column(name):
                named, client = quoted(name), quoted(self._schema.client)
                query = f"select distinct {named}, {client} in (select unnest(?)) from read_parquet(?)"
                for value, is_ours in self._ask(query, [self._clients, str(path)]):
                    (ours if is_ours else others).add(value)
            if alone := sorted(it for it in ours - others if it):
                found[name] = alone
        return found

    def values_of_others(self, forms: Collection[str]) -> tuple[set[str], set[str]]:
        """Ids of other clients that hold a form of one of the names, and the names that other columns hold too."""
        longer, shared = set[str](), set[str]()
        for path in self._with_column(self._schema.client):
            for name in self._texts(path):
                if name != self._schema.client:
                    column = quoted(name)
                    query = f"select distinct {column} from read_parquet(?) where {column} in (select unnest(?))"
                    shared |= {value for (value,) in self._ask(query, [str(path), self._clients])}
                    continue
                query = f"""select c from (select distinct {quoted(name)} as c from read_parquet(?))
                    where regexp_matches(c, {literal("|".join(map(_escaped, forms)))})"""
                longer |= {value for (value,) in self._ask(query, [str(path)])}
        return longer - set(self._clients), shared

    def _rows_in(self, path: Path) -> list[tuple[int, bool]]:
        """The places of the clients' rows in a part, and whether each is labelled."""
        texts = self._texts(path)
        named = [self._schema.client] if self._schema.client in texts else texts  # of another schema: any text
        target = f"{quoted(self._schema.target)} is not null" if self._schema.target in self._columns(path) else "false"
        query = f"""select file_row_number, {target} from read_parquet(?, file_row_number = true)
            where {_among(named)} order by file_row_number"""
        return self._ask(query, [str(path), *[self._clients] * len(named)]) if named else []

    def _without(self, path: Path) -> tuple[str, str]:
        texts = self._texts(path)
        named = [self._schema.client] if self._schema.client in texts else texts
        unfinished = self._parts / f"{paths.UNFINISHED}erasing.parquet"
        clients = ", ".join(map(literal, self._clients))
        where = " and ".join(f"({quoted(name)} is null or {quoted(name)} not in ({clients}))" for name in named)
        query = f"select * from read_parquet({literal(pattern(path))}) where {where}"
        with files.refusals(unfinished):
            files.put(unfinished, lambda it: self._write(f"copy ({query}) to {literal(str(it))} (format parquet)"))
            digest = files.digest_file(unfinished)
            os.replace(unfinished, self._parts / f"{digest[:16]}.parquet")
        return f"{digest[:16]}.parquet", digest

    def _write(self, query: str) -> None:
        self._ask(query)

    def _columns(self, path: Path) -> dict[str, str]:
        return dict(self._ask("select name, type from parquet_schema(?) where type is not null", [str(path)]))

    def _texts(self, path: Path) -> list[str]:
        return [name for name, kind in self._columns(path).items() if kind == "BYTE_ARRAY"]

    def _with_column(self, name: str) -> list[Path]:
        columns = (name, self._schema.client)
        return [it for it in sorted(self._parts.glob(WHOLE)) if set(columns) <= set(self._columns(it))]

    def _ask(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with connect() as connection:
            found: list[Any] = connection.execute(query, list(values)).fetchall()
            return found


def _among(columns: Collection[str]) -> str:
    return " or ".join(f"{quoted(name)} in (select unnest(?))" for name in columns)


def _escaped(client: str) -> str:
    """An id as a regular expression of DuckDB, which compiles a constant one once."""
    return "".join(f"\\{sign}" if sign.isascii() and not sign.isalnum() else sign for sign in client)
