"""How the set grows, counted by fingerprints of rows: the cost is that of what came, whatever the history.

For tables without a period. Beside the parts lies the sorted set of the fingerprints of each part in use: a cache, made
again where it is lost and for another version of DuckDB, whose hashes they are. Two of 50 million different rows count
as one with a probability of 3 in 10,000; `python ingestion.py --verify` counts without fingerprints.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from risk import files
from risk.errors import DiskError
from risk.manifest import Manifest
from risk.reader import Content
from risk.rows import connect, hashed
from risk.schema import Schema
from risk.sorted_sets import NONE, OPEN, TWINS, Prints, as_set, in_ranges, n_labelled, places, survivors, twins, union
from risk.typed import literal, pattern, quoted

InUse = dict[str, tuple[tuple[int, int], ...]]  # of each part, which of its rows: (first, number) of each stretch

AT_ONCE = 4_000_000  # fingerprints that are compared at once


@dataclass(frozen=True)
class Growth:
    """By how much the set has grown, and how many of its rows each new content, by digest, has brought."""

    n_rows: int
    n_labelled: int
    brought: dict[str, int]


class Fingerprints:
    """The fingerprints of a dataset's parts, kept in a folder."""

    def __init__(self, folder: Path, schema: Schema, parts: Path) -> None:
        self._folder, self._schema, self._parts = folder, schema, parts
        self._last: tuple[str, Prints] = ("", NONE)

    def growth(self, before: Manifest, after: Manifest) -> Growth:
        """Compare two manifests. A row that several new contents hold was brought by the first. Raises: DiskError."""
        former, now = _in_use(before), _in_use(after)
        parts = (former.items() - now.items(), former.items() & now.items(), now.items() - former.items())
        rows = labelled = 0
        fresh = [NONE]
        for gone, kept, come in in_ranges([[self._set(*it) for it in sorted(some)] for some in parts], AT_ONCE):
            left, arrived = union(gone), union(come)
            beside = twins(union([left, arrived]), kept)
            was, is_now = union([beside, left]), union([beside, arrived])
            old, new = survivors(was), survivors(is_now)
            rows, labelled = rows + len(new) - len(old), labelled + n_labelled(new) - n_labelled(old)
            fresh.append(new[places(new, was) < 0] if len(was) else new)
        files.tidy(self._folder, {self._name(*it) for it in now.items()}.__contains__)
        known = before.contents
        contents = [it for digest, it in after.contents.items() if digest not in known]
        return Growth(rows, labelled, self._brought(contents, now, np.concatenate(fresh)))

    def _brought(self, contents: list[Content], in_use: InUse, fresh: Prints) -> dict[str, int]:
        """Return how many of the fresh fingerprints each content is the first to hold."""
        if len(fresh) == sum(it.n_accepted for it in contents):
            return {it.digest: it.n_accepted for it in contents}
        taken, brought = np.zeros(len(fresh), dtype=bool), {}
        for content in contents:
            at = places(self._of_content(content, in_use), fresh)
            at = at[at >= 0]
            brought[content.digest] = int(np.count_nonzero(~taken[at]))
            taken[at] = True
        return brought

    def _of_content(self, content: Content, in_use: InUse) -> Prints:
        sets = []
        for it in content.slices:
            alone = in_use[it.part] == ((it.first, it.rows),)
            some = (
                self._set(it.part, in_use[it.part]) if alone else self._prints(it.part)[it.first : it.first + it.rows]
            )
            sets.append(some if alone else as_set(some))
        return union(sets)

    def _set(self, part: str, stretches: tuple[tuple[int, int], ...]) -> Prints:
        path = self._folder / self._name(part, stretches)
        try:
            stored: Prints = np.load(path, mmap_mode="r", allow_pickle=False)
            return stored
        except (OSError, ValueError):
            prints = self._prints(part)
        found = as_set(np.concatenate([prints[first : first + rows] for first, rows in stretches]))
        content = io.BytesIO()
        np.save(content, found, allow_pickle=False)
        files.write(path, content.getvalue())
        return found

    def _name(self, part: str, stretches: tuple[tuple[int, int], ...]) -> str:
        told = repr((duckdb.__version__, self._schema.identity, part, stretches))
        return f"{files.digest(told.encode())[:16]}.npy"

    def _prints(self, part: str) -> Prints:
        """Return the fingerprints of a part in the order of its rows; those of the last part are remembered."""
        if self._last[0] != part:
            columns = {quoted(it.name): it.kind == "number" for it in self._schema.columns if it.kind != "target"}
            outcome = f"coalesce({quoted(self._schema.target)}, {OPEN})::utinyint"
            path = self._parts / part
            source = f"read_parquet({literal(pattern(path))}, hive_partitioning = false)"
            query = f"select {hashed(columns)} as row, {outcome} as outcome from {source}"
            try:
                found = self._connection.execute(query).fetchnumpy()
            except duckdb.Error as error:
                raise DiskError(
                    f"{path}: cannot be read ({str(error).splitlines()[0]}); run python ingestion.py --verify"
                ) from error
            self._last = (part, (np.asarray(found["row"]) & TWINS) | np.asarray(found["outcome"]))
        return self._last[1]

    @functools.cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        return connect(self._parts)


def _in_use(manifest: Manifest) -> InUse:
    stretches: dict[str, list[tuple[int, int]]] = {}
    for content in manifest.contents.values():
        for it in content.slices:
            stretches.setdefault(it.part, []).append((it.first, it.rows))
    return {part: tuple(sorted(some)) for part, some in stretches.items()}
