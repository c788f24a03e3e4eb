"""Reads files one after the other: plain lines as they are, the others record by record."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from risk.reading import spreadsheets
from risk.reading._batches import Batches, Suspects
from risk.reading._reading import Reading, Source
from risk.reading._records import prove
from risk.reading._stream import NO_CAP, read_file
from risk.reading._translation import translated
from risk.reading._whole_file import Suspicion
from risk.reading.erased import NOBODY, Erased
from risk.reading.parts import PartWriter
from risk.reading.sql import Layout
from risk.settings.schema import Schema

AT_ONCE = 50_000  # rows that are read exactly before they are handed on


class FileReader:
    """Reads one file after the other; each leaves in the same order, when all its rows are in parts."""

    def __init__(
        self,
        schema: Schema,
        parts: Path,
        size_cap: int = NO_CAP,
        target_optional: bool = False,
        erased: Erased = NOBODY,
    ) -> None:
        self._schema, self._size_cap, self._target_optional, self._erased = schema, size_cap, target_optional, erased
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
        while self._waiting and None not in self._waiting[0][1].pieces:
            source, reading = self._waiting.popleft()
            if not source.is_derived and (suspicion := self.suspects.of(reading, source.is_ordered)):
                self._waiting.appendleft((source, self._read(source, suspicion, reading.digest)))
            else:
                yield source, reading

    def _read(self, source: Source, suspicion: Suspicion | None = None, digest: str | None = None) -> Reading:
        """Read a file; once more, exactly, after a suspicion: its former rows stay in a part that no slice names."""
        optional = self._target_optional or source.is_derived
        reading = read_file(source.path, self._schema, self._take, self._size_cap, optional, suspicion, self._erased)
        reading.digest = None if suspicion and reading.digest != digest else reading.digest
        self._judge(reading)
        return reading

    def _take(self, reading: Reading, lines: bytes, following: Iterator[bytes]) -> None:
        if not self._take_plain(reading, lines):
            self._take_exactly(reading, itertools.chain([lines], following))

    def _take_plain(self, reading: Reading, lines: bytes) -> bool:
        """Take lines that are proven to be plain, unless they disprove it. A small file waits for others."""
        header, values, form = reading.exact.header, reading.exact.values, reading.exact.form
        if reading.suspicion or values.wide or header.width in header.positions:
            return False
        written = lines
        if not form.is_plain:
            lines = translated(lines, form, header, self._schema) or b""
        plain = lines and prove(lines, header.width, header.positions[1] if self._schema.period else None)
        if not plain or values.period_length not in (None, plain.length):
            return False
        if self._erased and self._erased.named_in(plain.lines, header.positions[0]):
            return False
        reading.may_be_odd |= spreadsheets.may_be_odd(plain.lines)
        layout = Layout(header.positions, header.width)
        reading.dots.count_lines(plain.lines, header.positions, self._schema)
        if reading.is_one_chunk:
            reading.written = b"" if form.is_plain else written
            self._batches.add_file(reading, plain.lines, plain.rows, layout)
        elif part := self._batches.write_now(reading, plain.lines, plain.rows, layout):
            values.bind(plain.length, part.fractional)
        else:
            return False
        reading.exact.pass_over(plain.lines, plain.rows)
        reading.exact.line += 0 if reading.is_one_chunk else plain.rows
        return True

    def _take_exactly(self, reading: Reading, chunks: Iterable[bytes]) -> None:
        rows = reading.exactly(chunks)
        while accepted := list(itertools.islice(rows, AT_ONCE)):
            self._batches.add_rows(reading, accepted)
            reading.dots.count_rows(accepted, self._schema)

    def _disproved(self, reading: Reading, lines: bytes) -> None:
        reading.n_read = reading.exact.n_blank = 0
        reading.exact.tail.clear()
        self._take_exactly(reading, [reading.written or lines])
        self._judge(reading)

    def _judge(self, reading: Reading) -> None:
        reading.judge()
        if reading.fault or reading.digest is None:
            self._batches.drop(reading)
