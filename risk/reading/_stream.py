"""One file from its first chunk to its last: its rows, its faults, and what was refused on the way."""

from __future__ import annotations

import contextlib
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from risk.reading import client_ids
from risk.reading._records import ExactReader
from risk.reading._scanning import Chunk, Scan, Step, n_rows, scanned
from risk.reading._thousands import Dots
from risk.reading._whole_file import Suspicion
from risk.reading.parts import Piece
from risk.reading.values import Fault, Refusal, Values
from risk.schema import Schema

NO_CAP = 1 << 62
LISTED = 1_000  # refused rows of a file that are listed one by one
ODD = 1_000  # ids of a file that are remembered as odd
TOO_MANY, TOO_LARGE_SHARE = 10, 0.2  # refused rows from which a file is refused as a whole


@dataclass(eq=False)
class Reading:
    """What is known of one file while it is read and until its rows are written."""

    exact: ExactReader = field(init=False)
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

    @property
    def told(self) -> tuple[int, float, int, int, int]:
        """Size, seconds, and the rows that were read, accepted and refused."""
        return self.size, self.seconds, self.n_read, self.n_accepted, self.n_refused

    def exactly(self, chunks: Iterable[Chunk]) -> Iterator[list[str]]:
        """Yield the accepted rows of the next chunk, each checked by itself; refused ones are remembered."""
        for row in self.exact.rows(chunk.lines for chunk in chunks):
            self.n_read += 1
            if self.suspicion and self.exact.is_whole:
                row = self.suspicion.judged(*self.exact.tail[-1][:2], row)
            if isinstance(row, Refusal):
                self._refuse(row)
            else:
                yield row

    def note_odd(self, forms: Iterable[tuple[str, str]]) -> None:
        """Remember ids that are not written as they are seen, after that form."""
        for form, written in forms:
            if len(self.odd) < ODD:
                self.odd.setdefault(form, set()).add(written)

    def _refuse(self, refusal: Refusal) -> None:
        self.n_refused += 1
        if len(self.refusals) < LISTED:
            self.refusals.append(refusal)

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

    def warnings(self, known: set[str]) -> tuple[str, ...]:
        """Return what a person should know; `known` are the clients of the file that an odd one is the twin of."""
        if self.fault:
            return ()
        found = list(self.exact.header.warnings)
        if not self.n_read:
            found.append("it brought no rows (a header and no row below it)")
        if n_blank := self.exact.n_blank:
            lines = "1 blank line of separators is" if n_blank == 1 else f"{n_blank:,} blank lines of separators are"
            found.append(f"{lines} skipped")
        if self.has_end_mark:
            found.append("the end-of-file mark (Ctrl-Z, U+001A) at its end is skipped")
        if n := self.n_totals:
            rows = "1 row is of a client" if n == 1 else f"{n:,} rows are of clients"
            found.append(f"{rows} named as totals are: where it holds sums, take it out of the file")
        if self.n_repeats:
            found.append(self._repeats())
        if rounded := client_ids.cut(self.n_cut):
            found.append(rounded)
        if twins := client_ids.alike(self.odd, known):
            found.append(twins)
        return tuple(found)

    def _repeats(self) -> str:
        n, one = self.n_repeats, self.n_repeats == 1
        if self.exact.values.has_period:
            rows = "1 row repeats" if one else f"{n:,} rows repeat"
            return f"{rows} a client and period of this file: of each, the last counts"
        rows = "1 row is of a client who has" if one else f"{n:,} rows are of clients who have"
        return f"{rows} an earlier row in this file: without a period, each that differs is kept"

    def refused_lines(self) -> bytes:
        """Return the refused rows as JSON lines."""
        return "".join(json.dumps(asdict(it), ensure_ascii=False) + "\n" for it in self.refusals).encode()


Take = Callable[[Reading, Chunk, Iterator[Chunk]], None]


def read_file(
    path: Path, schema: Schema, take: Take, *, target_optional: bool = False, suspicion: Suspicion | None = None
) -> Reading:
    """Read one file of any size by itself, no chunk of it proven; as `read_next` otherwise."""
    steps = scanned([path], schema, size_cap=NO_CAP, target_optional=target_optional, proven=False)
    return read_next(steps, schema, take, suspicion)


def read_next(steps: Iterator[Step], schema: Schema, take: Take, suspicion: Suspicion | None = None) -> Reading:
    """Hand the chunks of the next file to `take` (with those that follow) and return what became of it.

    No fault of the file is raised; what `take` raises besides is.
    """
    began, reading, scan = time.perf_counter(), Reading(suspicion=suspicion), next(steps)
    assert isinstance(scan, Scan)
    chunks, line = _Chunks(steps), None
    try:
        for chunk in chunks:
            if line is None and scan.header:
                reading.exact = ExactReader(scan.header, Values(schema), scan.line)
                reading.size, reading.is_one_chunk, line = scan.size, scan.is_one_chunk, scan.line
            take(reading, chunk, chunks)
            line = reading.exact.line
    except Fault as error:
        reading.fault = (error.at(line) if line else error).refusal
    scan.wanted = False
    with contextlib.suppress(Fault):
        deque(chunks, maxlen=0)
    reading.size, reading.digest, reading.fault = scan.size, scan.digest, reading.fault or scan.fault
    reading.has_end_mark, reading.may_be_totals = scan.has_end_mark, scan.may_be_totals
    if reading.fault and reading.digest:
        reading.n_read = n_rows(scan, schema) or reading.n_read
    reading.seconds = time.perf_counter() - began
    return reading


class _Chunks:
    """The chunks of one file among the steps of many. Raises, at its end: Fault."""

    def __init__(self, steps: Iterator[Step]) -> None:
        self._steps, self._ended = steps, False

    def __iter__(self) -> Iterator[Chunk]:
        return self

    def __next__(self) -> Chunk:
        step = None if self._ended else next(self._steps)
        if isinstance(step, Chunk):
            return step
        self._ended = True
        if isinstance(step, Fault):
            raise step
        raise StopIteration
