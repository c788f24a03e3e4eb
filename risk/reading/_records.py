"""The bytes of one file, in chunks of whole lines, and its records, read exactly: the definition of a row.

The strict csv reader of Python reads every record, every value is checked, every line counted. That is slow; whatever
is faster must give the same rows. Memory is bounded whatever the file holds.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path

from risk.reading._whole_file import LAST
from risk.reading.header import LINE, UTF8, Header
from risk.reading.values import SHOWN, Fault, Refusal, Values, fault

CHUNK = 32 * 1024 * 1024
BLOCK = 256 * 1024
LONGEST_LINE = 1024 * 1024
END_MARK = b"\x1a"
PLAIN_TEXT = "lines of at most 1 MiB"
Row = list[str] | Refusal

csv.field_size_limit(2 * LONGEST_LINE)  # a longer field is refused by us, with its line


class SourceFile:
    """One open source file, read once from its beginning to its end."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        self._before = os.fstat(self._descriptor)
        self._hash = hashlib.sha256()
        self.size = self._before.st_size
        self.has_end_mark = False

    def __enter__(self) -> SourceFile:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    @property
    def is_one_chunk(self) -> bool:
        return self.size <= CHUNK

    def check(self, size_cap: int) -> None:
        """Raises: Fault where it is no regular file, or larger than the cap."""
        if not stat.S_ISREG(self._before.st_mode):
            raise fault("is not a regular file", "a file")
        if self.size > size_cap:
            raise fault(f"has {self.size:,} bytes", f"at most {size_cap:,} (raise max_source_mb, or split it)")

    def chunks(self) -> Iterator[bytes]:
        """Yield whole lines, about CHUNK bytes at a time, a smaller file at once; the last line may lack its end.

        A mark of the end of the file, as DOS wrote it, is left out.

        Raises: Fault without a line number where a line is too long.
        """
        for lines in self._chunks():
            self.has_end_mark = lines.endswith(END_MARK)  # all chunks but the last end with a line
            yield lines.rstrip(END_MARK)

    def _chunks(self) -> Iterator[bytes]:
        rest, place = b"", 0
        while block := self._read(min(CHUNK, max(self.size - place, BLOCK))):
            place += len(block)
            line_end = block.rfind(b"\n") + 1 or block.rfind(b"\r", 0, len(block) - 1) + 1
            cut = len(block) if place >= self.size else line_end
            if cut:
                yield b"".join((rest, memoryview(block)[:cut]))
                rest = block[cut:]
            else:
                rest += block
            if len(rest) > LONGEST_LINE:
                raise fault("has a line of more than 1 MiB", PLAIN_TEXT)
        if rest:
            yield rest

    def finish(self) -> str | None:
        """The SHA-256 of the whole file, or None where it changed while it was read."""
        while self._read(BLOCK):
            pass
        after = os.fstat(self._descriptor)
        same = all(
            getattr(self._before, key) == getattr(after, key) for key in ("st_size", "st_mtime_ns", "st_ctime_ns")
        )
        return self._hash.hexdigest() if same else None

    def _read(self, size: int) -> bytes:
        block = os.read(self._descriptor, size)
        self._hash.update(block)
        return block


class ExactReader:
    """Reads the records of one file, chunk after chunk; `line` is the next one."""

    def __init__(self, header: Header, values: Values, line: int) -> None:
        self.header, self.values, self.line = header, values, line
        # the last rows of as many fields as the header: line, fields, and whether accepted
        self.tail: deque[tuple[int, Sequence[str], bool]] = deque(maxlen=LAST)
        self.n_blank = 0  # lines of separators alone
        self.is_whole = False  # whether the row that was read last has so many fields
        self._pick = itemgetter(*header.positions)
        self._optional = header.width in header.positions

    def rows(self, chunks: Iterable[bytes]) -> Iterator[Row]:
        """Yield each row of the chunks: its values in schema order, or why it is refused. Blank lines, also of
        separators, are none.

        It stops after the first chunk with which a record ends; only a quote that is open takes the next one.
        Raises: Fault with the line where the file is not CSV text.
        """
        for line, record in self._records(chunks):
            if not (record and record[0].strip()) and not "".join(record).strip():
                self.n_blank += len(record) > 1
                continue
            yield self._row(line, record)

    def pass_over(self, lines: bytes, rows: int) -> None:
        """Remember the last of plain lines, which are read by others."""
        last = lines.rstrip(b"\n").rsplit(b"\n", LAST)[-LAST:]
        for line, text in enumerate(last, start=self.line + rows - len(last)):
            self.tail.append((line, self._pick([*text.decode().split(","), ""]), True))

    def _row(self, line: int, record: list[str]) -> Row:
        header = self.header
        self.is_whole = len(record) == header.width
        if not self.is_whole:
            shown = ",".join(record)[:SHOWN]
            reason = f"has {len(record)} field{'s' * (len(record) != 1)}"
            return Refusal(line, None, shown, reason, f"{header.width} fields")
        if self._optional:
            record.append("")
        fields = self._pick(record)
        row = self.values.row(line, fields)
        self.tail.append((line, fields, not isinstance(row, Refusal)))
        if isinstance(row, Refusal) and _repeats(record, header):
            return Refusal(line, None, ",".join(record)[:SHOWN], "repeats the header", "a row")
        return row

    def _records(self, chunks: Iterable[bytes]) -> Iterator[tuple[int, list[str]]]:
        """Yield each record with the line on which it begins."""
        before, reader = self.line, csv.reader(self._lines(chunks), strict=True)
        while True:
            begin = self.line
            try:
                record = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                raise _not_csv(error, begin) from error
            self.line = before + reader.line_num
            yield begin, record

    def _lines(self, chunks: Iterable[bytes]) -> Iterator[str]:
        """Yield the lines of the chunks with their ends; `self.line` is the one on which their record begins."""
        line, characters = self.line, 0
        try:
            for chunk in chunks:
                for text in io.StringIO(_decoded(chunk, line), newline=""):
                    characters = len(text) if line == self.line else characters + len(text)
                    if len(text) == characters > LONGEST_LINE:
                        raise fault("has a line of more than 1 MiB", PLAIN_TEXT)
                    if characters > LONGEST_LINE:
                        raise fault("has a quote that is not closed within 1 MiB", "a closing quote", self.line)
                    line += 1
                    yield text
                if line == self.line:
                    return
        except Fault as error:
            raise error.at(line) from error


def _repeats(record: list[str], header: Header) -> bool:
    return [text.strip(" ") for text in record[: header.width]] == list(header.names)


def _decoded(chunk: bytes, line: int) -> str:
    place = chunk.find(b"\x00")
    if place >= 0:
        raise fault("holds a NUL byte (it is binary, or UTF-16)", UTF8, line + len(LINE.findall(chunk[:place])))
    try:
        return chunk.decode("utf-8")
    except UnicodeDecodeError as error:
        place = line + len(LINE.findall(chunk[: error.start]))
        reason = f"is not UTF-8 (byte 0x{chunk[error.start]:02X}; Latin-1 or Windows-1252?)"
        raise fault(reason, f"{UTF8} (convert it)", place) from error


def _not_csv(error: csv.Error, line: int) -> Fault:
    reasons = {"unexpected end of data": "has a quote that is never closed"}
    reason = reasons.get(str(error), "has text after a closing quote" if "expected after" in str(error) else "")
    return fault(reason or f"is not CSV ({error})", "quotes as in RFC 4180", line)
