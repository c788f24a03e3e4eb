"""One file from its first byte to its last: header, chunks of lines, faults, and what was refused on the way."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from risk import header
from risk.exact import ExactReader
from risk.header import LINE
from risk.parts import Piece
from risk.schema import Schema
from risk.source import SourceFile
from risk.values import Fault, Refusal, Values, fault

LISTED = 1_000  # refused rows of a file that are listed one by one
TOO_MANY, TOO_LARGE_SHARE = 10, 0.2  # refused rows from which a file is refused as a whole
START = 65_536  # bytes after the header that may explain what is wrong with it


@dataclass(eq=False)
class Reading:
    """What is known of one file while it is read and until its rows are written."""

    exact: ExactReader = field(init=False)
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
    odd: dict[str, set[str]] = field(default_factory=dict)  # ids not in Unicode normal form C, by that form

    @property
    def waits(self) -> bool:
        return None in self.pieces

    def exactly(self, chunks: Iterable[bytes]) -> Iterator[list[str]]:
        """Yield the accepted rows of the next chunk, each checked by itself; refused ones are remembered."""
        for row in self.exact.rows(chunks):
            self.n_read += 1
            if isinstance(row, Refusal):
                self._refuse(row)
            else:
                yield row

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
        """Refuse the file as a whole where too many of its rows are."""
        if not self.fault and self.n_refused >= TOO_MANY and self.n_refused > TOO_LARGE_SHARE * self.n_read:
            first = self.refusals[0]
            share = f"{self.n_refused:,} of {self.n_read:,} rows ({self.n_refused / self.n_read:.0%}) are refused"
            self.fault = replace(first, reason=f"{first.reason}, and {share}")

    def warnings(self, known: set[str]) -> tuple[str, ...]:
        """Return what a person should know; `known` are the clients of the file that an odd one is the twin of."""
        if self.fault:
            return ()
        found = list(self.exact.header.warnings)
        if not self.n_read:
            found.append("a header and no row")
        twins = sorted(form for form, written in self.odd.items() if form in known or len(written) > 1)
        if twins:
            found.append(f"clients that differ only in their Unicode normal form: {', '.join(map(repr, twins[:5]))}")
        return tuple(found)

    def refused_lines(self) -> bytes:
        """Return the refused rows as JSON lines."""
        return "".join(json.dumps(asdict(it), ensure_ascii=False) + "\n" for it in self.refusals).encode()


Take = Callable[[Reading, bytes, Iterator[bytes]], None]


def read_file(path: Path, schema: Schema, take: Take, *, size_cap: int, target_optional: bool = False) -> Reading:
    """Hand a file's lines, chunk by chunk, to `take` (with the chunks that follow) and return what became of it.

    No fault of the file is raised; what `take` raises is.
    """
    began, reading = time.perf_counter(), Reading()
    try:
        with SourceFile(path) as file:
            reading.size, reading.is_one_chunk = file.size, file.is_one_chunk
            file.check(size_cap)
            _take_chunks(reading, file, schema, take, target_optional)
            reading.digest = file.finish()
    except Fault as error:
        reading.fault = error.refusal
    except FileNotFoundError:
        reading.digest = None
    except OSError as error:
        reading.fault = fault(f"cannot be read ({error.strerror or error})", "a file that this user may read").refusal
    reading.seconds = time.perf_counter() - began
    return reading


def _take_chunks(reading: Reading, file: SourceFile, schema: Schema, take: Take, target_optional: bool) -> None:
    line: int | None = None
    try:
        chunks = file.chunks()
        first = next(chunks, b"")
        head, end = header.split(first)
        found = header.read(head, first[end : end + START], schema, target_optional)
        line = 1 + len(LINE.findall(head))
        reading.exact = ExactReader(found, Values(schema), line)
        for chunk in itertools.chain([first[end:]], chunks):
            take(reading, chunk, chunks)
            line = reading.exact.line
    except Fault as error:
        reading.fault = (error.at(line) if line else error).refusal
