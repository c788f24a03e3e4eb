"""One file from its first byte to its last: its rows, its faults, and what was refused on the way."""

from __future__ import annotations

import csv
import io
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from risk.reading import client_ids, header
from risk.reading._plain import Dots
from risk.reading._records import ExactReader, SourceFile
from risk.reading._whole_file import Suspicion
from risk.reading.header import LINE, Header
from risk.reading.parts import Piece
from risk.reading.values import Fault, Refusal, Values, fault
from risk.schema import Schema
from risk.text import counted

NO_CAP = 1 << 62
START = 65_536  # bytes after the header that may explain what is wrong with it
LISTED = 1_000  # refused rows of a file that are listed one by one
ODD = 1_000  # ids of a file that are remembered as odd
TOO_MANY, TOO_LARGE_SHARE = 10, 0.2  # refused rows from which a file is refused as a whole


@dataclass(frozen=True)
class Source:
    """A file to read; its name is its path below the input folder, with «/». Of ordered rows, a later one revises."""

    name: str
    path: Path
    is_ordered: bool = False


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
    dots: Dots = field(default_factory=Dots)
    odd: dict[str, set[str]] = field(default_factory=dict)  # ids not written as they are seen, by that form
    may_be_odd: bool = False  # whether there may be more of them in lines that were not read one by one
    has_end_mark: bool = False  # as DOS wrote it
    may_be_totals: bool = False  # whether an id may be named as totals are
    n_totals: int = 0  # accepted rows of clients who are
    n_cut: int = 0  # ids of more digits than a spreadsheet keeps, if it may have rounded each of them
    n_repeats: int = 0  # accepted rows of a client, and period, that an earlier one of the file has

    @property
    def waits(self) -> bool:
        return None in self.pieces

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

    def warnings(self, forms: set[str]) -> tuple[str, ...]:
        """Return what a person should know; `forms` are the clients of the file that an odd one is the twin of."""
        if self.fault:
            return ()
        sentences = list(self.exact.header.warnings)
        if not self.n_read:
            sentences.append("it brought no rows (a header and no row below it)")
        if n_blank := self.exact.n_blank:
            lines = counted(n_blank, "blank line of separators is", "blank lines of separators are")
            sentences.append(f"{lines} skipped")
        if self.has_end_mark:
            sentences.append("the end-of-file mark (Ctrl-Z, U+001A) at its end is skipped")
        if n := self.n_totals:
            rows = counted(n, "row is of a client", "rows are of clients")
            sentences.append(f"{rows} named as totals are: where it holds sums, take it out of the file")
        if self.n_repeats:
            sentences.append(self._repeats())
        if self.n_cut >= client_ids.ENOUGH_LONG:
            ids = f"{self.n_cut:,} ids have more than 15 digits, all with zeros from the 16th on"
            sentences.append(f"{ids}: a spreadsheet may have rounded them")
        if twins := client_ids.alike(self.odd, forms):
            sentences.append(twins)
        return tuple(sentences)

    def _repeats(self) -> str:
        if self.exact.values.has_period:
            rows = counted(self.n_repeats, "row repeats", "rows repeat")
            return f"{rows} a client and period of this file: of each, the last counts"
        rows = counted(self.n_repeats, "row is of a client who has", "rows are of clients who have")
        return f"{rows} an earlier row in this file: without a period, each that differs is kept"


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
            reading.size, reading.is_one_chunk = file.size, file.is_one_chunk
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
        reading.may_be_totals = reading.may_be_totals or client_ids.may_be_totals(lines)
        yield lines


def _n_rows(reading: Reading, schema: Schema) -> int | None:
    """Return how many rows a file has that is refused as a whole; None where it is no text, or not what was read.

    Records are counted; where quotes do not close, lines.
    """
    try:
        with SourceFile(reading.path) as file:
            names = None if reading.header else {column.name for column in schema.columns[:-1]}
            n_rows = _count(file.chunks(), names)
            return n_rows if file.finish() == reading.digest else None
    except (Fault, OSError):
        return None


def _count(chunks: Iterator[bytes], wanted: set[str] | None) -> int:
    """The number of rows; a header that is `wanted` may follow in one of the first lines. Raises: Fault."""
    first = next(chunks, b"")
    head, end = header.split(first)
    separator = max(",;\t|", key=head.decode("utf-8", "replace").count)
    n_lines = n_records = 0

    def lines() -> Iterator[str]:
        nonlocal n_lines
        for chunk in itertools.chain([first[end:]], chunks):
            if wanted and b"\x00" in chunk:
                raise fault("is neither text nor has a header", header.UTF8)
            for line in io.StringIO(chunk.decode("utf-8", "replace"), newline=""):
                n_lines += bool(line.strip(f'{separator}" \r\n'))
                yield line

    rest = lines()
    try:
        for record in csv.reader(rest, delimiter=separator, strict=True):
            is_header = wanted and n_records < header.PREAMBLE and wanted.issubset(record)
            n_records = 0 if is_header else n_records + bool("".join(record).strip())
    except csv.Error:
        deque(rest, maxlen=0)
        return n_lines
    return n_records
