"""The first line of a client file: which field holds which column, or why the file is not one of ours.

Pure: no files.
"""

from __future__ import annotations

import csv
import functools
import io
import itertools
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from risk.reading.refusals import SHOWN, Fault, fault
from risk.settings.schema import Schema
from risk.settings.table_format import Format

if TYPE_CHECKING:
    from _csv import Reader

TAB = "\t"
SEPARATORS = {";": "semicolons", TAB: "tabs", "|": "bars", ",": "commas"}
OTHER_ENCODING = 'format.encoding, such as "cp1252", would read it'
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
UTF_16 = b"\xff\xfe", b"\xfe\xff"
EXPECTED = {  # of some of them
    b"\x1f\x8b": "a name that ends in .csv.gz",
    b"PK\x03\x04": "a name that ends in .zip or .xlsx",
    b"PAR1": "a name that ends in .parquet",
    b"\xd0\xcf\x11\xe0": "a workbook saved as .xlsx, without a password",
    b"\xff\xfe": f'{UTF8}; format.encoding "utf-16" would read it',
    b"\xfe\xff": f'{UTF8}; format.encoding "utf-16" would read it',
}


@dataclass(frozen=True)
class Header:
    """Where each column of the schema stands in the file; a column that need not be there stands behind the last."""

    names: tuple[str, ...]
    columns: dict[str, int]
    warnings: tuple[str, ...]

    @functools.cached_property
    def positions(self) -> tuple[int, ...]:
        """The places in the order of the schema."""
        return tuple(self.columns.values())

    @functools.cached_property
    def width(self) -> int:
        """The number of fields."""
        return len(self.names)


def check_start(start: bytes) -> None:
    """Raises: Fault where the bytes are those of a known other kind of file."""
    for signature, reason in KNOWN_STARTS.items():
        if start.startswith(signature):
            raise fault(reason, EXPECTED.get(signature, UTF8))


def split(start: bytes) -> tuple[bytes, int]:
    """The header line, its byte order mark removed, and the number of bytes up to the first row.

    Raises: Fault where the bytes are empty or those of a known other kind of file.
    """
    check_start(start)
    mark = 3 if start.startswith(b"\xef\xbb\xbf") else 0
    match = FIRST_LINE.match(start, mark)
    line = match[0] if match else b""
    if not line.strip():
        raise fault("is empty", "a header and rows")
    if b"\x00" in line:
        raise fault("holds NUL bytes (it is binary, or UTF-16)", UTF8, 1)
    return line, mark + len(line)


def read(line: bytes, after: bytes, schema: Schema, target_optional: bool, form: Format, first: int = 1) -> Header:
    """The meaning of a header line (with the blank lines before it), the first of which has the number `first`.

    Raises: Fault where it is not a header of this schema.
    """
    number = len(LINE.findall(line.rstrip(b"\r\n"))) + first
    written = names_in(line, number, form)
    names = [schema.aliases.get(name, name) for name in written]
    wanted = [column.name for column in schema.columns]
    required = wanted[:-1] if target_optional or not schema.holds_outcome else wanted
    if any(name not in names for name in required):
        raise _missing(names, required, after, schema, form, number)
    if schema.target in names and not (target_optional or schema.holds_outcome):
        expected = "no such column (or another name of the derived one, in schema.target.name)"
        raise fault("is in the header although it is derived", expected, number, schema.target)
    for name in wanted:
        if names.count(name) > 1:
            both = [it for it, its_name in zip(written, names, strict=True) if its_name == name]
            if len(set(both)) > 1:
                raise fault(f"has {len(both)} columns, {' and '.join(both)}", "one of these columns", number, name)
            raise fault("stands twice in the header", "each column once", number, name)
    extra = [name for name in names if name not in wanted and name not in schema.ignore]
    if extra and schema.extra_columns == "refuse":
        raise fault("is not in the schema", f"only {', '.join(wanted)}", number, extra[0])
    warnings = (f"unknown columns ignored: {', '.join(map(repr, extra))}",) if extra else ()
    return Header(tuple(written), {it: names.index(it) if it in names else len(names) for it in wanted}, warnings)


def records(lines: Iterable[str], form: Format) -> Reader:
    """The strict records of some lines, as the format delimits and quotes them."""
    if not form.quote:
        return csv.reader(lines, delimiter=form.delimiter, quoting=csv.QUOTE_NONE, strict=True)
    return csv.reader(lines, delimiter=form.delimiter, quotechar=form.quote, strict=True)


def names_in(line: bytes, number: int, form: Format) -> list[str]:
    """The names as they are written. Raises: Fault where the line is none of names."""
    blank = "\r\n " if form.delimiter != " " else "\r\n"
    try:
        record = next(records([line.decode("utf-8").strip(blank)], form), [])
    except UnicodeDecodeError as error:
        raise fault("has a header that is not UTF-8", f"{UTF8}; {OTHER_ENCODING}", number) from error
    except csv.Error as error:
        raise fault(f"has a header that is not CSV ({error})", "names separated by commas", number) from error
    return [name.strip(" ") for name in record]


def _missing(
    names: list[str], required: Sequence[str], after: bytes, schema: Schema, form: Format, number: int
) -> Fault:
    """Why columns are missing from a header, and the setting that would find them, if one would."""
    missing, shown = [name for name in required if name not in names], form.delimiter.join(names)
    expected = f"a header with {', '.join(required)}"
    other = next((mark for mark in SEPARATORS if mark != form.delimiter and len(names) == 1 and mark in shown), None)
    if other:
        setting = f"format.delimiter {json.dumps(other)} would read it"
        would = f"{expected}, separated by {SEPARATORS.get(form.delimiter, repr(form.delimiter))}; {setting}"
        return fault(f"is separated by {SEPARATORS[other]}", would, number, None, shown)
    if later := _line_of_header(set(missing), number, after, schema, form):
        would = f"the header in line {form.header_row}; format.header_row {later} would read it"
        return fault(f"has its header in line {later}", would, number, None, shown)
    verb = "is" if len(missing) == 1 else "are"
    known = "; schema.names takes other names of a column" if len(missing) < len(required) else ""
    return fault(f"{verb} missing from the header {_quoted(names)}", f"{expected}{known}", number, ", ".join(missing))


def _quoted(names: Sequence[str]) -> str:
    """The first names of a header, each of them whole unless it is long by itself."""
    kept = list(names)
    while len(kept) > 1 and len(",".join(kept)) > SHOWN:
        kept.pop()
    shown, more = ",".join(kept), len(names) - len(kept)
    shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
    return f"{shown!r}{f' and {more:,} more' if more else ''}"


def _line_of_header(missing: set[str], number: int, after: bytes, schema: Schema, form: Format) -> int | None:
    """The line that holds all names, where a preamble stands before it."""
    for place, line in enumerate(LINE.split(after[:65536])[:PREAMBLE], start=number + 1):
        names = {name.strip(' "') for name in line.decode("utf-8", "replace").split(form.delimiter)}
        if {schema.aliases.get(name, name) for name in names}.issuperset(missing):
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
