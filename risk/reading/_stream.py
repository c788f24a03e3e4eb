"""One file from its first byte to its last: its rows, its faults, and what was refused on the way."""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from risk.reading import header, spreadsheets
from risk.reading._records import LONGEST_LINE, PLAIN_TEXT, ExactReader
from risk.reading._whole_file import Suspicion
from risk.reading.header import LINE, Header
from risk.reading.parts import Piece
from risk.reading.values import Fault, Refusal, Values, fault
from risk.schema import Schema

NO_CAP = 1 << 62
CHUNK = 32 * 1024 * 1024
BLOCK = 256 * 1024
END_MARK = b"\x1a"
START = 65_536  # bytes after the header that may explain what is wrong with it
LISTED = 1_000  # refused rows of a file that are listed one by one
ODD = 1_000  # ids of a file that are remembered as odd
TOO_MANY, TOO_LARGE_SHARE = 10, 0.2  # refused rows from which a file is refused as a whole


@dataclass(frozen=True)
class Source:
    """A file to read; its name is its path below the input folder, with «/». Of ordered rows, a later one revises.

    The rows of a derived one were accepted before, and bring outcomes that no file may hold.
    """

    name: str
    path: Path
    is_ordered: bool = False
    is_derived: bool = False


@dataclass(eq=False)
class Reading:
    """What is known of one file while it is read and until its rows are written."""

    path: Path
    header: Header | None = None
    exact: ExactReader = field(init=False)  # there with the header
    suspicion: Suspicion | None = None  # what a first reading of this file left
    digest: str | None = ""  # None: the file vanished or changed while it was read
    size: int = 0
    is_one_chunk: bool = True
    seconds: float = 0.0
    n_read: int = 0
    n_accepted: int = 0
    n_refused: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    fault: Refusal | None = None
    pieces: list[Piece | None] = field(default_factory=list)  # None: not written yet
    dots: spreadsheets.Dots = field(default_factory=spreadsheets.Dots)
    odd: dict[str, set[str]] = field(default_factory=dict)  # ids not written as they are seen, by that form
    may_be_odd: bool = False  # whether there may be more of them in lines that were not read one by one
    has_end_mark: bool = False  # as DOS wrote it
    may_be_totals: bool = False  # whether an id may be named as totals are
    n_totals: int = 0  # accepted rows of clients who are
    n_cut: int = 0  # ids of more digits than a spreadsheet keeps, if it may have rounded each of them
    n_repeats: int = 0  # accepted rows of a client, and period, that an earlier one of the file has

    def exactly(self, chunks: Iterable[bytes]) -> Iterator[list[str]]:
        """Yield the accepted rows of the next chunk, each checked by itself; refused ones are remembered."""
        for row in self.exact.rows(chunks):
            self.n_read += 1
            if self.suspicion and self.exact.is_whole:
                row = self.suspicion.judged(*self.exact.tail[-1][:2], row)
            if isinstance(row, Refusal):
                self.n_refused += 1
                self.refusals += [row] if len(self.refusals) < LISTED else []
            else:
                yield row

    def note_odd(self, forms: Iterable[tuple[str, str]]) -> None:
        """Remember ids that are not written as they are seen, after that form."""
        for form, written in forms:
            if len(self.odd) < ODD:
                self.odd.setdefault(form, set()).add(written)

    def accept(self, rows: int) -> int:
        """Count accepted rows; return the place of their piece."""
        self.n_accepted += rows
        self.pieces.append(None)
        return len(self.pieces) - 1

    def forget_rows(self) -> None:
        """Count no row as accepted."""
        self.n_accepted = 0
        self.pieces.clear()

    def judge(self) -> None:
        """Refuse the file as a whole where too many of its rows are; its reason names no client."""
        if self.suspicion:
            self.refusals = self.suspicion.named(self.refusals)
        if not self.fault and self.n_refused >= TOO_MANY and self.n_refused > TOO_LARGE_SHARE * self.n_read:
            first = self.refusals[0]
            share = f"{self.n_refused:,} of {self.n_read:,} rows ({100 * self.n_refused / self.n_read:.0f} %)"
            names = first.column in (None, self.exact.values.client)
            value, reason = None if names else first.value, f"{first.reason}, and {share} are refused"
            self.fault = replace(first, value=value, reason=reason)


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


Take = Callable[[Reading, bytes, Iterator[bytes]], None]


def read_file(
    path: Path,
    schema: Schema,
    take: Take,
    size_cap: int = NO_CAP,
    target_optional: bool = False,
    suspicion: Suspicion | None = None,
) -> Reading:
    """Hand the lines of a file to `take`, each chunk with those that follow, and return what became of it.

    No fault of the file is raised; what `take` raises besides is.
    """
    began, reading = time.perf_counter(), Reading(path, suspicion=suspicion)
    try:
        with SourceFile(path) as file:
            reading.size, reading.is_one_chunk = file.size, file.size <= CHUNK
            file.check(size_cap)
            try:
                chunks = _chunks(reading, file, schema, target_optional)
                for chunk in chunks:
                    take(reading, chunk, chunks)
            except Fault as error:
                reading.fault = (error.at(reading.exact.line) if reading.header else error).refusal
            reading.digest, reading.has_end_mark = file.finish(), file.has_end_mark
    except Fault as error:
        reading.fault = error.refusal
    except FileNotFoundError:
        reading.digest = None
    except OSError as error:
        reading.fault = fault(f"cannot be read ({error.strerror or error})", "a file that this user may read").refusal
    if reading.fault and reading.digest:
        reading.n_read = _n_rows(reading, schema) or reading.n_read
    reading.seconds = time.perf_counter() - began
    return reading


def _chunks(reading: Reading, file: SourceFile, schema: Schema, target_optional: bool) -> Iterator[bytes]:
    """Yield the lines after the header, chunk by chunk. Raises: Fault."""
    chunks = file.chunks()
    first = next(chunks, b"")
    head, end = header.split(first)
    layout = header.read(head, first[end : end + START], schema, target_optional)
    reading.header, reading.exact = layout, ExactReader(layout, Values(schema), 1 + len(LINE.findall(head)))
    for lines in itertools.chain([first[end:]], chunks):
        reading.may_be_totals = reading.may_be_totals or spreadsheets.may_be_totals(lines)
        yield lines


def _n_rows(reading: Reading, schema: Schema) -> int | None:
    """Return how many rows a file has that is refused as a whole; None where it is no text, or not what was read.

    Records are counted; where quotes do not close, lines.
    """
    try:
        with SourceFile(reading.path) as file:
            names = None if reading.header else {column.name for column in schema.columns[:-1]}
            n_rows = header.n_rows(file.chunks(), names)
            return n_rows if file.finish() == reading.digest else None
    except (Fault, OSError):
        return None
