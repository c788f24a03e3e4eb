"""Client files become parquet parts: every row is accepted exactly as it is written, or refused with its line.

Reads: the source files. Writes: parts, and files of refused rows beside them, in one folder.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from risk import files
from risk.reading._batches import Gathering
from risk.reading._scanning import Chunk, Step, scanned, weight
from risk.reading._stream import Reading, read_file, read_next
from risk.reading._suspects import Suspects
from risk.reading._whole_file import Suspicion
from risk.reading.ahead import ahead
from risk.reading.client_ids import may_be_odd
from risk.reading.parts import PartWriter, Slice
from risk.reading.sql import Layout
from risk.reading.values import Refusal
from risk.schema import Schema

if TYPE_CHECKING:
    import pandas as pd

    from risk.reading._plain import Plain

__all__ = ["Content", "Refusal", "Slice", "Source", "read", "read_frame", "read_refusals"]

AT_ONCE = 50_000  # rows that are read exactly before they are handed on
ODD_KEPT = 100  # ids of a content
AHEAD = 4 * 1024 * 1024  # bytes of small files that are read ahead together; of a large one it is a chunk


@dataclass(frozen=True)
class Source:
    """A file to read; its name is its path below the input folder, with «/». Of ordered rows, a later one revises."""

    name: str
    path: Path
    is_ordered: bool = False


@dataclass(frozen=True)
class Content:
    """What the current bytes of one file gave. A file that cannot be opened, or is too large, has an empty digest.

    `n_given` is how many rows of the set come from it; only a published manifest knows. `judged` is the day on which a
    run judged it first. Where rows lie in the future of that day, `limit` is the last day that does not, `n_future` the
    number of such rows, and `last_present` the last period of the others. `released` is why it was held, where a person
    took it in all the same. `odd` are the first ids that are not written as they are seen.
    """

    digest: str
    size: int
    seconds: float
    n_read: int
    n_accepted: int
    n_refused: int
    n_labelled: int
    first_period: str | None
    last_period: str | None
    slices: tuple[Slice, ...]
    refusals: str | None
    fault: Refusal | None
    warnings: tuple[str, ...]
    n_given: int = 0
    judged: str = ""
    limit: str | None = None
    n_future: int = 0
    last_present: str | None = None
    released: str | None = None
    dotted: dict[str, bool] = field(default_factory=dict)
    odd: tuple[str, ...] = ()

    @property
    def newest_period(self) -> str | None:
        """The last period that does not lie in the future."""
        return self.last_present if self.limit else self.last_period


def read(
    sources: Iterable[Source], schema: Schema, parts: Path, *, size_cap: int
) -> Iterator[tuple[Source, Content | None]]:
    """Yield each source, in order, with what it gave; None where the file vanished or changed while it was read.

    The folder of the parts is synced once, at the end. Raises: DiskError where the disk refuses.
    """
    room, sources = _Room(schema, parts), list(sources)
    steps = scanned((source.path for source in sources), schema, size_cap=size_cap, target_optional=False, proven=True)
    with contextlib.closing(ahead(steps, weight, AHEAD)) as steps_ahead:
        for source in sources:
            room.take(source, steps_ahead)
            yield from room.finished()
    while room.waits:
        room.finish()
        yield from room.finished()
    if parts.is_dir():
        with files.refusals(parts):
            files.sync(parts)


def read_refusals(parts: Path, name: str) -> list[Refusal]:
    """Return the refused rows of one content, as far as they are listed."""
    lines = (parts / name).read_text(encoding="utf-8").split("\n")
    return [Refusal(**json.loads(line)) for line in lines if line]


def read_frame(path: Path, schema: Schema, *, target_optional: bool = False) -> tuple[pd.DataFrame, Content]:
    """Return the accepted rows of one file, columns in schema order, and what it gave; nothing is written.

    Numbers are int64, or float64 where one is missing or has a fraction; texts are objects with None; the target is
    0, 1 or NaN. The column of the target need not be there if it is optional. A file with a fault gives no rows.
    """
    from risk.reading._frame import read_rows

    frame, reading = read_rows(path, schema, target_optional)
    periods = list(frame[schema.period]) if schema.period else []
    known = set(frame[schema.client]) if reading.odd else set()
    content = Content(
        reading.digest or "",
        *reading.told,
        n_labelled=int(frame[schema.target].notna().sum()),
        first_period=min(periods, default=None),
        last_period=max(periods, default=None),
        slices=(),
        refusals=None,
        fault=reading.fault,
        warnings=reading.warnings(known),
    )
    return frame, content


class _Room:
    """Reads one file after the other; their contents leave in the same order, when all their rows are in parts."""

    def __init__(self, schema: Schema, parts: Path) -> None:
        self._schema = schema
        self._writer = PartWriter(parts, schema)
        self._gathering = Gathering(self._writer, schema, self._disproved)
        self._suspects = Suspects(parts, schema, self._writer.ask)
        self._taken: deque[tuple[Source, Reading]] = deque()

    @property
    def waits(self) -> bool:
        return bool(self._taken)

    def take(self, source: Source, steps: Iterator[Step]) -> None:
        reading = read_next(steps, self._schema, self._take_chunk)
        self._judge(reading)
        self._taken.append((source, reading))

    def finish(self) -> None:
        self._gathering.flush()

    def finished(self) -> Iterator[tuple[Source, Content | None]]:
        while self._taken and not self._taken[0][1].waits:
            source, reading = self._taken.popleft()
            if suspicion := self._suspects.of(reading, source.is_ordered):
                self._taken.appendleft((source, self._again(source, reading, suspicion)))
            else:
                yield source, None if reading.digest is None else self._content(reading, reading.digest)

    def _again(self, source: Source, former: Reading, suspicion: Suspicion) -> Reading:
        """Read a file once more, exactly; rows of the first reading stay in a part that no slice names."""
        reading = read_file(source.path, self._schema, self._take_chunk, suspicion=suspicion)
        reading.digest = reading.digest if reading.digest == former.digest else None
        self._judge(reading)
        return reading

    def _take_chunk(self, reading: Reading, chunk: Chunk, following: Iterator[Chunk]) -> None:
        if not (chunk.plain and self._take_plain(reading, chunk.plain)):
            self._take_exactly(reading, itertools.chain([chunk], following))

    def _take_plain(self, reading: Reading, plain: Plain) -> bool:
        """Take plain lines, unless they disprove it. A small file is one chunk and waits for others."""
        header, values = reading.exact.header, reading.exact.values
        reading.may_be_odd |= may_be_odd(plain.lines)
        if values.wide or values.period_length not in (None, plain.length):
            return False
        layout = Layout(header.positions, header.width)
        reading.dots.look_at_lines(plain.lines, header.positions, self._schema)
        if reading.is_one_chunk:
            reading.exact.pass_over(plain.lines, plain.rows)
            self._gathering.add_file(reading, plain.lines, plain.rows, layout)
            return True
        part = self._gathering.write_now(reading, plain.lines, plain.rows, layout)
        if part is None:
            return False
        values.bind(plain.length, part.fractional)
        reading.exact.pass_over(plain.lines, plain.rows)
        reading.exact.line += plain.rows
        return True

    def _take_exactly(self, reading: Reading, chunks: Iterable[Chunk]) -> None:
        rows = reading.exactly(chunks)
        while accepted := list(itertools.islice(rows, AT_ONCE)):
            self._gathering.add_rows(reading, accepted)
            reading.dots.look_at_rows(accepted, self._schema)

    def _disproved(self, reading: Reading, lines: bytes) -> None:
        reading.n_read = reading.exact.n_blank = 0
        reading.exact.tail.clear()
        self._take_exactly(reading, [Chunk(lines, None)])
        self._judge(reading)

    def _judge(self, reading: Reading) -> None:
        reading.judge()
        if reading.fault or reading.digest is None:
            self._gathering.drop(reading)

    def _content(self, reading: Reading, digest: str) -> Content:
        pieces = [piece for piece in reading.pieces if piece]
        slices = _joined(piece.slice for piece in pieces)
        name = f"{digest[:16]}-{self._schema.identity}.refused" if reading.refusals else None
        if name:
            self._writer.keep(name, reading.refused_lines())
        known = self._suspects.known(slices, list(reading.odd)) if reading.odd else set()
        return Content(
            digest,
            *reading.told,
            n_labelled=sum(piece.n_labelled for piece in pieces),
            first_period=min((piece.first_period for piece in pieces if piece.first_period), default=None),
            last_period=max((piece.last_period for piece in pieces if piece.last_period), default=None),
            slices=slices,
            refusals=name,
            fault=reading.fault,
            warnings=reading.warnings(known),
            dotted=reading.dots.columns(self._schema),
            odd=tuple(sorted(it for written in reading.odd.values() for it in written)[:ODD_KEPT]),
        )


def _joined(slices: Iterable[Slice]) -> tuple[Slice, ...]:
    """Return the slices, those that follow each other in a part made one."""
    joined: list[Slice] = []
    for it in slices:
        last = joined[-1] if joined else None
        if last and last.part == it.part and last.first + last.rows == it.first:
            joined[-1] = Slice(it.part, last.first, last.rows + it.rows)
        else:
            joined.append(it)
    return tuple(joined)
