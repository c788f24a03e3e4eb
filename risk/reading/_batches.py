"""Rows on their way from files to parts: small files share a part, a refused file leaves nothing in it."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from risk.reading._plain import prove
from risk.reading._stream import NO_CAP, Reading, Source, read_file
from risk.reading._suspects import Suspects
from risk.reading._whole_file import Suspicion
from risk.reading.client_ids import may_be_odd, odd_forms
from risk.reading.parts import Part, PartWriter, Stream, canonical
from risk.reading.sql import Layout
from risk.schema import Schema

FULL = 32 * 1024 * 1024  # bytes of lines in one part
AT_ONCE = 50_000  # rows that are read exactly before they are handed on


@dataclass
class _Batch(Stream):
    """Lines that wait for their part, whose they are, and the columns with integers that float64 would change."""

    wide: set[int] = field(default_factory=set)
    owners: list[tuple[Reading, int]] = field(default_factory=list)

    def add(self, reading: Reading, lines: bytes, rows: int) -> None:
        self.pieces.append(lines)
        self.rows.append(rows)
        self.owners.append((reading, reading.accept(rows)))

    def drop(self, reading: Reading) -> int:
        """Forget what the file that was read last has put in, so at the end; return the bytes."""
        dropped = 0
        while self.owners and self.owners[-1][0] is reading:
            self.owners.pop()
            self.rows.pop()
            dropped += len(self.pieces.pop())
        return dropped


class Batches:
    """Holds lines until they fill a part. What a part disproves is handed back, to be read exactly."""

    def __init__(self, writer: PartWriter, schema: Schema, disproved: Callable[[Reading, bytes], None]) -> None:
        self._writer, self._disproved = writer, disproved
        self._exact = Layout(tuple(range(len(schema.columns))), len(schema.columns), encoded=True)
        self._numbers = [index for index, column in enumerate(schema.columns) if column.kind == "number"]
        self._batches: dict[Layout, _Batch] = {}
        self._size = 0

    def add_rows(self, reading: Reading, rows: Sequence[list[str]]) -> None:
        """Take accepted rows of a file, each checked by itself."""
        reading.note_odd(odd_forms(row[0] for row in rows))
        lines, wide = canonical(rows), reading.exact.values.wide
        fractional = {index for index in self._numbers if any("." in row[index] for row in rows)}
        batch = self._batches.get(self._exact, _Batch(self._exact))
        if (batch.wide & fractional) or ((batch.fractional or set()) & wide):
            self.flush()
        self._make_room(len(lines))
        batch = self._batches.setdefault(self._exact, _Batch(self._exact))
        batch.fractional = (batch.fractional or set()) | fractional
        batch.wide |= wide
        batch.add(reading, lines, len(rows))

    def add_file(self, reading: Reading, lines: bytes, rows: int, layout: Layout) -> None:
        """Take all lines of a file that look plain."""
        self._make_room(len(lines))
        reading.n_read += rows
        self._batches.setdefault(layout, _Batch(layout)).add(reading, lines, rows)

    def write_now(self, reading: Reading, lines: bytes, rows: int, layout: Layout) -> Part | None:
        """Make lines that look plain a part of their own, or return None where it disproves them."""
        part = self._writer.write(Stream(layout, None, [lines], [rows]))
        if part:
            reading.n_read += rows
            reading.pieces[reading.accept(rows)] = part.pieces[0]
        return part

    def drop(self, reading: Reading) -> None:
        """Take the rows of the file that was read last back, as far as they are not written."""
        self._size -= sum(batch.drop(reading) for batch in self._batches.values())
        reading.forget_rows()

    def flush(self) -> None:
        """Write everything that waits."""
        while self._batches:
            batches, self._batches, self._size = list(self._batches.values()), {}, 0
            for batch in batches:
                self._write(batch)

    def _write(self, batch: _Batch) -> None:
        if not batch.owners:
            return
        part = self._writer.write(batch)
        for index, (reading, place) in enumerate(batch.owners):
            if part:
                reading.pieces[place] = part.pieces[index]
            else:
                reading.forget_rows()
                self._disproved(reading, batch.pieces[index])

    def _make_room(self, size: int) -> None:
        if self._size + size > FULL:
            self.flush()
        self._size += size


class FileReader:
    """Reads one file after the other; each leaves in the same order, when all its rows are in parts."""

    def __init__(self, schema: Schema, parts: Path, size_cap: int = NO_CAP, target_optional: bool = False) -> None:
        self._schema, self._size_cap, self._target_optional = schema, size_cap, target_optional
        self.writer = PartWriter(parts, schema)
        self._batches = Batches(self.writer, schema, self._disproved)
        self.suspects = Suspects(parts, schema, self.writer.ask)
        self._waiting: deque[tuple[Source, Reading]] = deque()

    def read(self, sources: Iterable[Source]) -> Iterator[tuple[Source, Reading]]:
        """Yield each source, in order, with what is known of it. Raises: DiskError."""
        for source in sources:
            self._waiting.append((source, self._read(source)))
            yield from self._finished()
        while self._waiting:
            self._batches.flush()
            yield from self._finished()

    def _finished(self) -> Iterator[tuple[Source, Reading]]:
        while self._waiting and not self._waiting[0][1].waits:
            source, reading = self._waiting.popleft()
            if suspicion := self.suspects.of(reading, source.is_ordered):
                self._waiting.appendleft((source, self._read(source, suspicion, reading.digest)))
            else:
                yield source, reading

    def _read(self, source: Source, suspicion: Suspicion | None = None, digest: str | None = None) -> Reading:
        """Read a file; once more, exactly, after a suspicion: its former rows stay in a part that no slice names."""
        reading = read_file(source.path, self._schema, self._take, self._size_cap, self._target_optional, suspicion)
        if suspicion and reading.digest != digest:
            reading.digest = None
        self._judge(reading)
        return reading

    def _take(self, reading: Reading, lines: bytes, following: Iterator[bytes]) -> None:
        if not self._take_plain(reading, lines):
            self._take_exactly(reading, itertools.chain([lines], following))

    def _take_plain(self, reading: Reading, lines: bytes) -> bool:
        """Take lines that are proven to be plain, unless they disprove it. A small file waits for others."""
        header, values = reading.exact.header, reading.exact.values
        if reading.suspicion or values.wide or header.width in header.positions:
            return False
        plain = prove(lines, header.width, header.positions[1] if self._schema.period else None)
        if plain is None or values.period_length not in (None, plain.length):
            return False
        reading.may_be_odd |= may_be_odd(plain.lines)
        layout = Layout(header.positions, header.width)
        reading.dots.count_lines(plain.lines, header.positions, self._schema)
        if reading.is_one_chunk:
            reading.exact.pass_over(plain.lines, plain.rows)
            self._batches.add_file(reading, plain.lines, plain.rows, layout)
            return True
        part = self._batches.write_now(reading, plain.lines, plain.rows, layout)
        if part is None:
            return False
        values.bind(plain.length, part.fractional)
        reading.exact.pass_over(plain.lines, plain.rows)
        reading.exact.line += plain.rows
        return True

    def _take_exactly(self, reading: Reading, chunks: Iterable[bytes]) -> None:
        rows = reading.exactly(chunks)
        while accepted := list(itertools.islice(rows, AT_ONCE)):
            self._batches.add_rows(reading, accepted)
            reading.dots.count_rows(accepted, self._schema)

    def _disproved(self, reading: Reading, lines: bytes) -> None:
        reading.n_read = reading.exact.n_blank = 0
        reading.exact.tail.clear()
        self._take_exactly(reading, [lines])
        self._judge(reading)

    def _judge(self, reading: Reading) -> None:
        reading.judge()
        if reading.fault or reading.digest is None:
            self._batches.drop(reading)
