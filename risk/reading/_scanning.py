"""Files on their way into memory: bytes hashed, the header read, chunks proven plain; no row is judged, none written.

What is found depends on the bytes of the files alone, so it may be done ahead, in another thread.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from risk.reading import client_ids, header
from risk.reading._source import SourceFile
from risk.reading.header import LINE, Header
from risk.reading.values import Fault, Refusal, fault
from risk.schema import Schema

if TYPE_CHECKING:
    from risk.reading._plain import Plain

START = 65_536  # bytes after the header that may explain what is wrong with it


@dataclass(eq=False)
class Scan:
    """What is known of one file: its header when its first chunk is there, its digest when it ends."""

    path: Path
    header: Header | None = None
    line: int = 1  # of the first row
    size: int = 0
    is_one_chunk: bool = True
    has_end_mark: bool = False
    may_be_totals: bool = False
    digest: str | None = ""  # None: the file vanished or changed while it was read
    fault: Refusal | None = None
    wanted: bool = True  # False: nobody needs the rest of its chunks


@dataclass(frozen=True)
class Chunk:
    """Whole lines of a file, and these lines again where they are proven plain."""

    lines: bytes
    plain: Plain | None


Step = Scan | Chunk | Fault | None  # of each file: itself, its chunks, and its end, which may be a fault


def scanned(
    paths: Iterable[Path], schema: Schema, *, size_cap: int, target_optional: bool, proven: bool
) -> Iterator[Step]:
    """Yield the steps of each file, one file after the other; with `proven` each chunk is tried for a plain one."""
    for path in paths:
        scan, end = Scan(path), None
        yield scan
        try:
            with SourceFile(path) as file:
                scan.size, scan.is_one_chunk = file.size, file.is_one_chunk
                file.check(size_cap)
                try:
                    for lines in _lines(scan, file, schema, target_optional):
                        scan.may_be_totals = scan.may_be_totals or client_ids.may_be_totals(lines)
                        yield Chunk(lines, _proven(scan, lines, schema) if proven else None)
                        if not scan.wanted:
                            break
                except Fault as error:
                    end = error
                scan.digest, scan.has_end_mark = file.finish(), file.has_end_mark
        except Fault as error:
            scan.fault = error.refusal
        except FileNotFoundError:
            scan.digest = None
        except OSError as error:
            scan.fault = fault(f"cannot be read ({error.strerror or error})", "a file that this user may read").refusal
        yield end


def n_rows(scan: Scan, schema: Schema) -> int | None:
    """Return how many rows a file has that is refused as a whole; None where it is no text, or not what was read.

    Records are counted; where quotes do not close, lines.
    """
    try:
        with SourceFile(scan.path) as file:
            found = _n_rows(file.chunks(), None if scan.header else {it.name for it in schema.columns[:-1]})
            return found if file.finish() == scan.digest else None
    except (Fault, OSError):
        return None


def _n_rows(chunks: Iterator[bytes], wanted: set[str] | None) -> int:
    """Return the number of rows; a header that is `wanted` may follow in one of the first lines. Raises: Fault."""
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


def weight(step: Step) -> int:
    """Return how many bytes a step holds in memory."""
    return len(step.lines) if isinstance(step, Chunk) else 0


def _lines(scan: Scan, file: SourceFile, schema: Schema, target_optional: bool) -> Iterator[bytes]:
    """Yield the lines after the header, chunk by chunk. Raises: Fault."""
    chunks = file.chunks()
    first = next(chunks, b"")
    head, end = header.split(first)
    scan.header = header.read(head, first[end : end + START], schema, target_optional)
    scan.line = 1 + len(LINE.findall(head))
    yield from itertools.chain([first[end:]], chunks)


def _proven(scan: Scan, lines: bytes, schema: Schema) -> Plain | None:
    from risk.reading._plain import prove

    assert scan.header
    period = next((index for index, column in enumerate(schema.columns) if column.kind == "period"), None)
    return prove(lines, scan.header.width, None if period is None else scan.header.positions[period])
