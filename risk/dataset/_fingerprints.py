"""Growth of the set, counted by fingerprints of rows: the cost is that of the new rows, whatever the history.

For tables without a period. Beside the parts lies the sorted set of the fingerprints of each part in use: a cache, made
again where it is lost and for another version of DuckDB, whose hashes they are. Two of 50 million different rows count
as one with a probability of 3 in 10,000; `python ingestion.py --verify` counts without fingerprints.

A fingerprint is 62 bits of the hash of a row without its target, then two bits for its outcome: 0 stayed, 1 left, 2
not known. So twins, the rows that differ in nothing but the outcome, are neighbours.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from risk.dataset._accepted_rows import SPILL, hashed
from risk.dataset.manifest import Manifest
from risk.disk import files
from risk.errors import DiskError
from risk.reading.reader import Content
from risk.reading.sql import connect, literal, pattern, quoted
from risk.settings.schema import Schema

Prints = NDArray[np.uint64]

OPEN = np.uint64(2)  # the outcome of an unlabelled row
OUTCOME, TWINS = np.uint64(3), np.uint64(2**64 - 4)
NONE: Prints = np.zeros(0, dtype=np.uint64)
Stretches = tuple[tuple[int, int], ...]  # rows of a part: (first, number) of each stretch
InUse = dict[str, Stretches]  # by part

AT_ONCE, THREADS = 2_000_000, 2  # fingerprints that are compared at once, in each thread


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
        ranges = in_ranges([self._sets(sorted(some)) for some in parts], AT_ONCE)
        with ThreadPoolExecutor(THREADS) as pool:
            grown = list(pool.map(_grown, ranges))
        files.tidy(self._folder, {self._name(*it) for it in now.items()}.__contains__)
        known = before.contents
        contents = [it for digest, it in after.contents.items() if digest not in known]
        rows, labelled = (sum(numbers) for numbers in list(zip(*grown, strict=True))[:2])
        fresh = np.concatenate([NONE, *(some for _, _, some in grown)])
        return Growth(rows, labelled, self._brought(contents, now, fresh))

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
            whole = self._sets([(it.part, in_use[it.part])])[0] if alone else None
            sets.append(as_set(self._prints(it.part)[it.first : it.first + it.rows]) if whole is None else whole)
        return union(sets)

    def _sets(self, some: Sequence[tuple[str, Stretches]]) -> list[Prints]:
        """The sets of parts; those that are not stored are made of the parts."""
        return [self._made(*it) if (stored := self._stored(*it)) is None else stored for it in some]

    def _stored(self, part: str, stretches: Stretches) -> Prints | None:
        try:
            stored: Prints = np.load(self._folder / self._name(part, stretches), mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError):
            return None
        return stored

    def _made(self, part: str, stretches: Stretches) -> Prints:
        prints = self._prints(part)
        unique = as_set(np.concatenate([prints[first : first + rows] for first, rows in stretches]))
        content = io.BytesIO()
        np.save(content, unique, allow_pickle=False)
        files.write(self._folder / self._name(part, stretches), content.getvalue())
        return unique

    def _name(self, part: str, stretches: Stretches) -> str:
        identity = repr((duckdb.__version__, self._schema.identity, part, stretches))
        return f"{files.digest(identity.encode())[:16]}.npy"

    def _prints(self, part: str) -> Prints:
        """The fingerprints of a part in the order of its rows; those of the last part are remembered."""
        if self._last[0] != part:
            columns = {quoted(it.name): it.kind == "number" for it in self._schema.columns if it.kind != "target"}
            outcome = f"coalesce({quoted(self._schema.target)}, {OPEN})::utinyint"
            path = self._parts / part
            source = f"read_parquet({literal(pattern(path))}, hive_partitioning = false)"
            query = f"select {hashed(columns)} as row, {outcome} as outcome from {source}"
            try:
                answer = connect(self._parts.parent / SPILL).execute(query).fetchnumpy()
            except duckdb.Error as error:
                raise DiskError(
                    f"{path}: cannot be read ({str(error).splitlines()[0]}); run python ingestion.py --verify"
                ) from error
            self._last = (part, (np.asarray(answer["row"]) & TWINS) | np.asarray(answer["outcome"]))
        return self._last[1]


def _grown(groups: Sequence[Sequence[Prints]]) -> tuple[int, int, Prints]:
    """Compare what went, stayed and came of one range: rows and labelled rows more, and what is new."""
    gone, kept, come = groups
    left, arrived = union(gone), union(come)
    beside = twins(union([left, arrived]), kept)
    was, is_now = union([beside, left]), union([beside, arrived])
    old, new = survivors(was), survivors(is_now)
    fresh = new[places(new, was) < 0] if len(was) else new
    return len(new) - len(old), n_labelled(new) - n_labelled(old), fresh


def _in_use(manifest: Manifest) -> InUse:
    stretches: dict[str, list[tuple[int, int]]] = {}
    for content in manifest.contents.values():
        for it in content.slices:
            stretches.setdefault(it.part, []).append((it.first, it.rows))
    return {part: tuple(sorted(some)) for part, some in stretches.items()}


# --- sets of fingerprints: sorted arrays without repeats --------------------------------------------------------------


def as_set(prints: Prints) -> Prints:
    """Return fingerprints in any order as a set."""
    ordered: Prints = np.sort(prints)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def union(sets: Sequence[Prints]) -> Prints:
    """Return what is in any of the sets."""
    filled = [prints for prints in sets if len(prints)]
    return filled[0] if len(filled) == 1 else as_set(np.concatenate([NONE, *filled]))


def places(prints: Prints, among: Prints) -> NDArray[np.int64]:
    """Return where each fingerprint stands in a set, or -1 where it is not in it."""
    if not len(among) or not len(prints):
        return np.full(len(prints), -1)
    at = np.searchsorted(among, prints)
    at[at == len(among)] = 0
    positions: NDArray[np.int64] = np.where(among[at] == prints, at, -1)
    return positions


def twins(prints: Prints, sets: Sequence[Prints]) -> Prints:
    """Return what the sets hold of the fingerprints' rows, whatever the outcome."""
    filled, held = [stored for stored in sets if len(stored)], [NONE]
    rows = as_set(prints & TWINS) if filled else NONE
    for stored in filled:
        first = np.searchsorted(stored, rows)
        for step in range(int(OPEN) + 1):
            at = np.minimum(first + step, len(stored) - 1)
            held.append(stored[at][(stored[at] & TWINS == rows) & (first + step < len(stored))])
    return union(held)


def survivors(prints: Prints) -> Prints:
    """The set without the unlabelled rows that have a labelled twin."""
    if not len(prints):
        return prints
    at = np.flatnonzero(prints & OUTCOME == OPEN)
    doubtful = at[at > 0]
    return np.delete(prints, doubtful[(prints[doubtful] ^ prints[doubtful - 1]) <= OUTCOME])


def n_labelled(prints: Prints) -> int:
    """Return how many of the fingerprints bear an outcome."""
    return int(np.count_nonzero(prints & OUTCOME != OPEN))


def in_ranges(groups: Sequence[Sequence[Prints]], at_once: int) -> Iterator[list[list[Prints]]]:
    """Yield the groups of sets cut into ranges, such that the first and the last group have about `at_once` in each."""
    n_prints = sum(len(prints) for group in (groups[0], groups[-1]) for prints in group)
    n_ranges = n_prints // at_once + 1
    bounds = [(number << 64) // n_ranges & ~3 for number in range(n_ranges)]
    for number, low in enumerate(bounds):
        high = bounds[number + 1] if number + 1 < n_ranges else None
        yield [[_between(prints, low, high) for prints in group] for group in groups]


def _between(prints: Prints, low: int, high: int | None) -> Prints:
    first = np.searchsorted(prints, np.uint64(low))
    last = len(prints) if high is None else np.searchsorted(prints, np.uint64(high))
    return prints[first:last]
