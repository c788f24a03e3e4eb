"""What a database has that is new, taken into the manifest: its rows and its watermark are committed together."""

from __future__ import annotations

import tempfile
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

from risk.dataset import _future, database
from risk.dataset._rows import Placed, Rows
from risk.dataset.intake import add, sentence, with_digests
from risk.dataset.manifest import Entry, Manifest
from risk.dataset.quarantine import Feeds
from risk.reading.reader import Content, Slice, Source, read
from risk.schema import DatabaseSource, Schema

UNLIMITED = 1 << 62  # a first pull may be larger than any file that is let in


@dataclass(frozen=True)
class Pulled:
    """The manifest that follows, and what a person should know."""

    manifest: Manifest
    warnings: tuple[str, ...]


def pull_in(source: DatabaseSource, before: Manifest, schema: Schema, parts: Path, root: Path, run: int) -> Pulled:
    """Take in the rows of a database since its watermark: the same reader, the same refusals as for a file.

    A pull that is refused whole does not move the watermark. Raises: SourceError, ConfigError, DiskError.
    """
    name = database.name(source)
    entry = before.entry(name) or Entry(name, "in", None, (), None, run)
    with tempfile.TemporaryDirectory() as scratch:
        pulled = database.pull(source, schema, entry.watermark, Path(scratch), root)
        said = [f"{name}: {warning}" for warning in pulled.warnings]
        if pulled.path is None:
            after = replace(entry, state="in", reason=None, watermark=pulled.watermark)
            return Pulled(_with(before, after) if pulled.watermark else before, tuple(said))
        source_file = Source(name, pulled.path, is_ordered=True)
        content = next(iter(list(read([source_file], schema, parts, size_cap=UNLIMITED))))[1]
    if content is None:
        return Pulled(
            before, (*said, f"{name}: what was pulled changed while it was read; it is left for the next run")
        )
    if content.fault:
        after = replace(entry, state="refused", reason=sentence(name, content.fault), refused=content)
        return Pulled(_with(before, after), tuple(said))
    content = _without_doubted(_future.judged(content, before.periods, schema, parts), entry, schema, parts)
    if not content.n_accepted and entry.state == "held":
        return Pulled(_with(before, replace(entry, watermark=pulled.watermark)), tuple(said))
    after = add(entry, content, run, Feeds(before, schema, parts).fault_of(content), pulled.anew)
    return Pulled(with_digests(_with(before, replace(after, watermark=pulled.watermark)), parts), tuple(said))


def _without_doubted(content: Content, entry: Entry, schema: Schema, parts: Path) -> Content:
    """Return a pull without rows that were held, or released by a person: the overlap reads them once more."""
    held = [entry.refused] if entry.state == "held" and entry.refused else []
    doubted = [*held, *(it for it in entry.contents if it.released)]
    if not doubted:
        return content
    pieces = [(piece, False) for piece in content.slices]
    pieces += [(piece, True) for it in doubted for piece in it.slices]
    starts = accumulate((piece.rows for piece, _ in pieces), initial=0)
    rows = Rows([Placed(piece, at, known) for (piece, known), at in zip(pieces, starts, strict=False)], schema, parts)
    same = " and ".join(f"k.{name} is not distinct from a.{name}" for name in rows.names.values())
    query = f"from accepted a where not known and exists (from accepted k where k.known and {same})"
    found = rows.run(f"select position, {rows.target} is not null {query} order by all").fetchall()
    n_rows = len(found)
    return replace(
        content,
        slices=_cut(content.slices, [position for position, _ in found]),
        n_read=content.n_read - n_rows,
        n_accepted=content.n_accepted - n_rows,
        n_labelled=content.n_labelled - sum(labelled for _, labelled in found),
    )


def _cut(slices: Iterable[Slice], positions: Sequence[int]) -> tuple[Slice, ...]:
    """Return the slices without the rows at some positions, in rising order, counted through all of them."""
    found, begins = [], 0
    for piece in slices:
        first, end = piece.first, piece.first + piece.rows
        inside = positions[bisect_left(positions, begins) : bisect_left(positions, begins + piece.rows)]
        for place in [*(piece.first + position - begins for position in inside), end]:
            found += [Slice(piece.part, first, place - first)] if place > first else []
            first = place + 1
        begins += piece.rows
    return tuple(found)


def _with(manifest: Manifest, entry: Entry) -> Manifest:
    return manifest.with_entries([*(other for other in manifest.entries if other.path != entry.path), entry])
