"""One file from its first byte to its last: its rows, its faults, and what was refused on the way."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import stat
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path

from risk.reading import header, spreadsheets
from risk.reading._compressed import inflated, only_member
from risk.reading._parquet import ParquetTable
from risk.reading._reading import Reading
from risk.reading._records import LONGEST_LINE, PLAIN_TEXT, ExactReader
from risk.reading._text import decoded, whole_lines, without_end, without_start
from risk.reading._whole_file import Suspicion
from risk.reading.erased import NOBODY, Erased
from risk.reading.header import LINE, TAB
from risk.reading.refusals import Fault, fault
from risk.reading.values import Values
from risk.reading.workbooks import Workbook
from risk.settings.schema import Schema
from risk.settings.table_format import Format

NO_CAP = 1 << 62
CHUNK = 32 * 1024 * 1024
BLOCK = 256 * 1024
END_MARK = b"\x1a"
START = 65_536  # bytes after the header that may explain what is wrong with it


class SourceFile:
    """One open source file, read once from its beginning to its end. Its name, or the one given, tells its kind.

    `form` is how the lines are written that `chunks` gives, the first of which has the number `first_line`. In a table
    without lines these are its rows, which `place_of` names; `typed` are its columns that hold numbers, not texts.
    """

    def __init__(self, path: Path, schema: Schema | None = None, name: str = "", *, has_digest: bool = True) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        self._before = os.fstat(self._descriptor)
        self._hash = hashlib.sha256() if has_digest else None
        self._name, self._cap = (name or path.name).lower(), NO_CAP
        self._schema = schema or Schema()
        self.form = self._schema.format
        self.typed: frozenset[str] = frozenset()
        self.place_of: Callable[[int, int | None], str] | None = None
        self.size = self._before.st_size
        self.first_line = self.form.header_row
        self.is_one_chunk = self.size <= CHUNK
        self.has_end_mark = False

    def __enter__(self) -> SourceFile:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def check(self, size_cap: int) -> None:
        """Raises: Fault where it is no regular file, or larger than the cap, which holds for what is inside, too."""
        self._cap = size_cap
        if not stat.S_ISREG(self._before.st_mode):
            raise fault("is not a regular file", "a file")
        if self.size > size_cap:
            raise fault(f"has {self.size:,} bytes", f"at most {size_cap:,} (raise max_source_mb, or split it)")

    def chunks(self) -> Iterator[bytes]:
        """Yield whole lines, about CHUNK bytes at a time, a smaller file at once; the last line may lack its end.

        A mark of the end of the file, as DOS wrote it, is left out, and so is what the format declares as no row.

        Raises: Fault without a line number where a line is too long, or something else is wrong with the bytes.
        """
        if self._name.endswith((".parquet", ".xlsx")):
            return self._rows()
        chunks = self._unmarked()
        chunks = without_start(chunks, self.form.header_row - 1) if self.form.header_row > 1 else chunks
        return without_end(chunks, self.form.skip_footer) if self.form.skip_footer else chunks

    def _rows(self) -> Iterator[bytes]:
        form, self.is_one_chunk = self.form, False
        self.form = replace(form, delimiter=",", quote='"', encoding="utf-8", header_row=1, skip_footer=0)
        if self._name.endswith(".xlsx"):
            workbook = Workbook(self._descriptor, form)
            self.place_of = workbook.cell
            for lines, is_all in whole_lines(workbook.blocks(), CHUNK):
                self.is_one_chunk = is_all
                yield lines
            return
        self.first_line, self.place_of = 0, lambda row, _: f"row {row}" if row else "the header"
        table = ParquetTable(self._again, self._schema, CHUNK)
        for lines in table.chunks():
            self.typed, self.form = table.typed, Format() if table.is_typed else self.form
            yield lines

    def _unmarked(self) -> Iterator[bytes]:
        for lines in self._lines():
            self.has_end_mark = lines.endswith(END_MARK)  # all chunks but the last end with a line
            yield lines.rstrip(END_MARK)

    def _lines(self) -> Iterator[bytes]:
        if self._name.endswith(".zip"):
            with only_member(self._again, self._cap) as (name, blocks):
                yield from self._of_blocks(blocks, name.lower())
        elif self._name.endswith(".gz"):
            blocks = inflated(iter(lambda: self._read(BLOCK), b""), self._cap)
            yield from self._of_blocks(blocks, self._name.removesuffix(".gz"))
        elif self.form.encoding == "utf-8":
            self._mind_tabs(self._name)
            yield from self._plain_lines()
        else:
            yield from self._of_blocks(iter(lambda: self._read(BLOCK), b""), self._name)

    def _mind_tabs(self, name: str) -> None:
        self.form = replace(self.form, delimiter=TAB) if name.endswith(".tsv") else self.form

    @property
    def _again(self) -> str:
        """The path by which the open file is read a second time, from its beginning."""
        return f"/proc/self/fd/{self._descriptor}"

    def _of_blocks(self, blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
        self._mind_tabs(name)
        for lines, is_all in whole_lines(decoded(blocks, self.form.encoding), CHUNK):
            self.is_one_chunk = is_all
            yield lines

    def _plain_lines(self) -> Iterator[bytes]:
        rest, place = b"", 0
        while block := self._read(min(CHUNK, max(self.size - place, BLOCK))):
            place += len(block)
            line_end = block.rfind(b"\n") + 1 or block.rfind(b"\r", 0, len(block) - 1) + 1
            cut = len(block) if place >= self.size else line_end
            if cut:
                yield block if not rest and cut == len(block) else b"".join((rest, memoryview(block)[:cut]))
                rest = block[cut:]
            else:
                rest += block
            if len(rest) > LONGEST_LINE:
                raise fault("has a line of more than 1 MiB", PLAIN_TEXT)
        if rest:
            yield rest

    def finish(self) -> str | None:
        """The SHA-256 of the whole file, or None where it changed while it was read, or none is wanted."""
        while self._read(BLOCK):
            pass
        after = os.fstat(self._descriptor)
        same = all(
            getattr(self._before, key) == getattr(after, key) for key in ("st_size", "st_mtime_ns", "st_ctime_ns")
        )
        return self._hash.hexdigest() if same and self._hash else None

    def _read(self, size: int) -> bytes:
        block = os.read(self._descriptor, size)
        if self._hash:
            self._hash.update(block)
        return block


Take = Callable[[Reading, bytes, Iterator[bytes]], None]


def read_file(
    path: Path,
    schema: Schema,
    take: Take,
    size_cap: int = NO_CAP,
    target_optional: bool = False,
    suspicion: Suspicion | None = None,
    erased: Erased = NOBODY,
) -> Reading:
    """Hand the lines of a file to `take`, each chunk with those that follow, and return what became of it.

    No fault of the file is raised; what `take` raises besides is.
    """
    began, reading = time.perf_counter(), Reading(path, suspicion=suspicion, erased=erased)
    try:
        with SourceFile(path, schema) as file:
            reading.size = file.size
            file.check(size_cap)
            try:
                with contextlib.closing(_chunks(reading, file, schema, target_optional)) as chunks:
                    for chunk in chunks:
                        take(reading, chunk, chunks)
            except Fault as error:
                reading.fault = reading.placed((error.at(reading.exact.line) if reading.header else error).refusal)
            reading.digest, reading.has_end_mark = file.finish(), file.has_end_mark
    except Fault as error:
        reading.fault = error.refusal
    except FileNotFoundError:
        reading.digest = None
    except OSError as error:
        reading.fault = fault(f"cannot be read ({error.strerror or error})", "a file that this user may read").refusal
    if reading.fault and reading.digest:
        reading.n_read = _n_rows(reading, schema, size_cap) or reading.n_read
    reading.seconds = time.perf_counter() - began
    return reading


def _chunks(reading: Reading, file: SourceFile, schema: Schema, target_optional: bool) -> Generator[bytes, None, None]:
    """Yield the lines after the header, chunk by chunk. Raises: Fault."""
    chunks = file.chunks()
    first = next(chunks, b"")
    reading.is_one_chunk, reading.place_of = file.is_one_chunk, file.place_of
    head, end = header.split(first)
    layout = header.read(head, first[end : end + START], schema, target_optional, file.form, file.first_line)
    line = file.first_line + len(LINE.findall(head))
    values = Values(schema, file.typed)
    reading.header, reading.exact = layout, ExactReader(layout, values, line, file.form, bool(file.place_of))
    for lines in itertools.chain([first[end:]], chunks):
        reading.may_be_totals = reading.may_be_totals or spreadsheets.may_be_totals(lines)
        yield lines


def _n_rows(reading: Reading, schema: Schema, size_cap: int) -> int | None:
    """Return how many rows a file has that is refused as a whole; None where it is no text, or not what was read.

    Records are counted; where quotes do not close, lines.
    """
    try:
        with SourceFile(reading.path, schema) as file:
            file.check(size_cap)
            names = None if reading.header else {column.name for column in schema.columns[:-1]}
            n_rows = header.n_rows(file.chunks(), names)
            return n_rows if file.finish() == reading.digest else None
    except (Fault, OSError):
        return None
