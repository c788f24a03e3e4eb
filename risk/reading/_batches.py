"""Rows on their way from files to parts: small files share a part, a file that is refused leaves nothing in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from risk.reading._stream import Reading
from risk.reading.client_ids import odd_forms
from risk.reading.parts import Part, PartWriter, Stream, canonical
from risk.reading.sql import Layout
from risk.schema import Schema

FULL = 32 * 1024 * 1024  # bytes of lines in one part


@dataclass
class _Batch:
    """Lines of one layout that will be one part; of rows that were read exactly it knows what their numbers are."""

    layout: Layout
    fractional: set[int] | None
    wide: set[int] = field(default_factory=set)
    lines: list[bytes] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    owners: list[tuple[Reading, int]] = field(default_factory=list)

    def add(self, reading: Reading, lines: bytes, rows: int) -> None:
        self.lines.append(lines)
        self.rows.append(rows)
        self.owners.append((reading, reading.accept(rows)))

    def drop(self, reading: Reading) -> int:
        """Forget what the file that was read last has put in, so at the end; return the bytes."""
        dropped = 0
        while self.owners and self.owners[-1][0] is reading:
            self.owners.pop()
            self.rows.pop()
            dropped += len(self.lines.pop())
        return dropped

    def stream(self) -> Stream:
        fractional = None if self.fractional is None else frozenset(self.fractional)
        return Stream(self.layout, self.lines, self.rows, fractional)


class Gathering:
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
        batch = self._batches.get(self._exact)
        if batch and ((batch.wide & fractional) or ((batch.fractional or set()) & wide)):
            self.flush()
        self._make_room(len(lines))
        batch = self._batches.setdefault(self._exact, _Batch(self._exact, set()))
        batch.fractional = (batch.fractional or set()) | fractional
        batch.wide |= wide
        batch.add(reading, lines, len(rows))

    def add_file(self, reading: Reading, lines: bytes, rows: int, layout: Layout) -> None:
        """Take all lines of a file that look plain."""
        self._make_room(len(lines))
        reading.n_read += rows
        self._batches.setdefault(layout, _Batch(layout, None)).add(reading, lines, rows)

    def write_now(self, reading: Reading, lines: bytes, rows: int, layout: Layout) -> Part | None:
        """Make lines that look plain a part of their own, or return None where it disproves them."""
        part = self._writer.write(Stream(layout, [lines], [rows]))
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
        part = self._writer.write(batch.stream())
        for index, (reading, place) in enumerate(batch.owners):
            if part:
                reading.pieces[place] = part.pieces[index]
            else:
                reading.forget_rows()
                self._disproved(reading, batch.lines[index])

    def _make_room(self, size: int) -> None:
        if self._size + size > FULL:
            self.flush()
        self._size += size
