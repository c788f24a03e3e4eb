"""Kept call lists without some clients; each list has the digest of the rows that are left."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from risk.disk.staging import Rewrite
from risk.lists import list_files
from risk.lists.list_files import KeptList
from risk.reading.sql import connect, literal, pattern

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def rewrites(folder: Path, clients: Collection[str]) -> Iterator[Rewrite]:
    """Yield each file of lists that holds one of the clients, as it is without them. Raises: DiskError.

    A list whose rows are not those of its digest keeps it: it stays as broken as it was.
    """
    by_file = sorted(list_files.held(folder), key=lambda it: it.file)
    for file, lists in itertools.groupby(by_file, key=lambda it: it.file):
        held = list(lists)
        with list_files.refusals(folder), connect(threads=1) as connection:
            if not _n_rows(connection, folder / file, clients):
                continue
            cut = [_cut(connection, folder, it, clients) for it in held]
            content = _content(connection, folder / file, clients, cut)
        replaced = {was.digest: now.digest for was, now in zip(held, cut, strict=True) if was.digest != now.digest}
        name = f"{file[: len('2026-01-01')]}-{cut[0].digest[:12]}{list_files.SUFFIX}" if "-" in file else file
        yield Rewrite(folder / name, content, replaced)
        if name != file:
            yield Rewrite(folder / file, None)


def _n_rows(connection: DuckDBPyConnection, path: Path, clients: Collection[str]) -> int:
    query = "select count(*) from read_parquet(?) where client in (select unnest(?))"
    return int(connection.execute(query, [str(path), sorted(clients)]).fetchall()[0][0])


def _cut(connection: DuckDBPyConnection, folder: Path, kept: KeptList, clients: Collection[str]) -> KeptList:
    """A list without the clients."""
    rows = list_files.rows_of(connection, folder, kept)
    stay = ~np.isin(rows["client"].astype(object), list(clients))
    left: Mapping[str, Any] = {name: column[stay] for name, column in rows.items()}
    if stay.all() or list_files.digest(kept.facts, rows) != kept.digest:
        return replace(kept, n=int(stay.sum()))
    return replace(kept, n=int(stay.sum()), digest=list_files.digest(kept.facts, left))


def _content(connection: DuckDBPyConnection, path: Path, clients: Collection[str], kept: list[KeptList]) -> bytes:
    """The bytes of a file of lists without the clients."""
    named = ", ".join(map(literal, sorted(clients)))
    query = f"select * from read_parquet({literal(pattern(path))}) where client not in ({named})"
    with tempfile.TemporaryDirectory() as scratch:
        written = Path(scratch) / path.name
        connection.execute(
            f"copy ({query} order by client, as_of) to {literal(str(written))} ({list_files.options(kept)})"
        )
        return written.read_bytes()
