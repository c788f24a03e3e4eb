"""The first line of a client file: which field holds which column, or why the file is not one of ours.

Pure: no files.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from risk.reading.values import SHOWN, fault
from risk.schema import Schema

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
FIRST_LINE = re.compile(rb"(?:[ ]*(?:\r\n|\n|\r))*[^\r\n]*(?:\r\n|\n|\r)?")
LINE = re.compile(rb"\r\n|\n|\r")
PREAMBLE = 20  # lines in which the header is looked for, to say where it is
KNOWN_STARTS = {
    b"\x1f\x8b": "is compressed (gzip)",
    b"PK\x03\x04": "is a zip file or an Excel workbook",
    b"BZh": "is compressed (bzip2)",
    b"\xfd7zXZ\x00": "is compressed (xz)",
    b"\x28\xb5\x2f\xfd": "is compressed (zstd)",
    b"7z\xbc\xaf\x27\x1c": "is compressed (7-Zip)",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook",
    b"PAR1": "is a parquet file",
    b"SQLite format 3\x00": "is an SQLite database",
    b"%PDF": "is a PDF document",
    b"\xff\xfe": "is not UTF-8 but UTF-16",
    b"\xfe\xff": "is not UTF-8 but UTF-16",
}
UTF8 = "CSV text in UTF-8"


@dataclass(frozen=True)
class Header:
    """Where each column of the schema stands in the file; a column that need not be there stands behind the last."""

    names: tuple[str, ...]
    positions: tuple[int, ...]
    width: int
    warnings: tuple[str, ...]


def split(start: bytes) -> tuple[bytes, int]:
    """The header line, its byte order mark removed, and the number of bytes up to the first row.

    Raises: Fault where the bytes are empty or those of a known other kind of file.
    """
    for signature, reason in KNOWN_STARTS.items():
        if start.startswith(signature):
            raise fault(reason, UTF8)
    mark = 3 if start.startswith(b"\xef\xbb\xbf") else 0
    match = FIRST_LINE.match(start, mark)
    line = match[0] if match else b""
    if not line.strip():
        raise fault("is empty", "a header and rows")
    if b"\x00" in line:
        raise fault("holds NUL bytes (it is binary, or UTF-16)", UTF8, 1)
    return line, mark + len(line)


def read(line: bytes, after: bytes, schema: Schema, target_optional: bool) -> Header:
    """The meaning of a header line (with the blank lines before it).

    Raises: Fault where it is not a header of this schema.
    """
    number = len(LINE.findall(line.rstrip(b"\r\n"))) + 1
    names = _names(line, number)
    wanted = [column.name for column in schema.columns]
    required = wanted[:-1] if target_optional or not schema.holds_outcome else wanted
    _check_missing(names, required, number, after)
    if schema.target in names and not (target_optional or schema.holds_outcome):
        expected = "no such column (or another name of the derived one, in schema.target.name)"
        raise fault("is in the header although it is derived", expected, number, schema.target)
    for name in wanted:
        if names.count(name) > 1:
            raise fault("stands twice in the header", "each column once", number, name)
    extra = [name for name in names if name not in wanted and name not in schema.ignore]
    if extra and schema.extra_columns == "refuse":
        raise fault("is not in the schema", f"only {', '.join(wanted)}", number, extra[0])
    warnings = (f"unknown columns ignored: {', '.join(map(repr, extra))}",) if extra else ()
    positions = tuple(names.index(name) if name in names else len(names) for name in wanted)
    return Header(tuple(names), positions, len(names), warnings)


def _names(line: bytes, number: int) -> list[str]:
    try:
        text = line.decode("utf-8")
        record = next(csv.reader([text.strip("\r\n ")], strict=True), [])
    except UnicodeDecodeError as error:
        raise fault("has a header that is not UTF-8", f"{UTF8} (convert it)", number) from error
    except csv.Error as error:
        raise fault(f"has a header that is not CSV ({error})", "names separated by commas", number) from error
    return [name.strip(" ") for name in record]


def _check_missing(names: list[str], required: Sequence[str], number: int, after: bytes) -> None:
    missing = [name for name in required if name not in names]
    if not missing:
        return
    shown = ",".join(names)
    expected = f"a header with {', '.join(required)}"
    separator = next((word for mark, word in SEPARATORS.items() if len(names) == 1 and mark in shown), None)
    if separator:
        raise fault(f"is separated by {separator}", f"{expected}, separated by commas", number, None, shown)
    later = _line_of_header(required, number, after)
    if later:
        raise fault(f"has its header in line {later}", "the header before everything else", number, None, shown)
    verb = "is" if len(missing) == 1 else "are"
    raise fault(f"{verb} missing from the header {_quoted(names)}", expected, number, ", ".join(missing))


def _quoted(names: Sequence[str]) -> str:
    """The first names of a header, each of them whole unless it is long by itself."""
    kept = list(names)
    while len(kept) > 1 and len(",".join(kept)) > SHOWN:
        kept.pop()
    shown, more = ",".join(kept), len(names) - len(kept)
    shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
    return f"{shown!r}{f' and {more:,} more' if more else ''}"


def _line_of_header(required: Sequence[str], number: int, after: bytes) -> int | None:
    """The line that holds all names, where a preamble stands before it."""
    for place, line in enumerate(LINE.split(after[:65536])[:PREAMBLE], start=number + 1):
        names = {name.strip(' "') for name in line.decode("utf-8", "replace").split(",")}
        if names.issuperset(required):
            return place
    return None


def n_rows(chunks: Iterator[bytes], wanted: set[str] | None) -> int:
    """The number of records below the header, or of lines where quotes do not close.

    A header that is `wanted` may follow in one of the first lines. Raises: Fault.
    """
    first = next(chunks, b"")
    head, end = split(first)
    separator = max(",;\t|", key=head.decode("utf-8", "replace").count)
    n_lines = n_records = 0

    def lines() -> Iterator[str]:
        nonlocal n_lines
        for chunk in itertools.chain([first[end:]], chunks):
            if wanted and b"\x00" in chunk:
                raise fault("is neither text nor has a header", UTF8)
            for line in io.StringIO(chunk.decode("utf-8", "replace"), newline=""):
                n_lines += bool(line.strip(f'{separator}" \r\n'))
                yield line

    rest = lines()
    try:
        for record in csv.reader(rest, delimiter=separator, strict=True):
            is_header = wanted and n_records < PREAMBLE and wanted.issubset(record)
            n_records = 0 if is_header else n_records + bool("".join(record).strip())
    except csv.Error:
        deque(rest, maxlen=0)
        return n_lines
    return n_records
