"""CSV bodies: records with their lines, and whole columns that are plain, as a reader of single cells reads them.

`rows_of`, `numbers` and `texts` return None where anything is in doubt; then the cells are read one by one, and
refused by row and field.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence, Set

from risk.reading.dialect import NUMBER
from risk.reading.header import SEPARATORS
from risk.service.problems import Problem

MAX_HEADER = 100_000

_NUMBERS = re.compile(rf"(?:{NUMBER.pattern}\n)*+")


def decoded(content: bytes, wanted: Collection[str]) -> str:
    """The text of a body that has a header. Raises: Problem 400 or 422."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(400, f"byte {error.start} is not UTF-8; save the file as CSV in UTF-8") from error
    start = "".join(text.lstrip("\r\n ")[:MAX_HEADER].splitlines()[:1]).strip()
    if not start:
        raise Problem(422, f"the text is empty; send a header with {', '.join(wanted)} and a line per client")
    separator = next((word for mark, word in SEPARATORS.items() if mark in start), None)
    if separator and "," not in start and start.strip('"') not in wanted:
        raise Problem(422, f"line 1: is separated by {separator}, expected {', '.join(wanted)}, separated by commas")
    return text


def records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line of its beginning (the header is 1) and the fields of every record; blank lines are none."""
    lines, line = csv.reader(io.StringIO(text, newline=""), strict=True), 1
    try:
        for cells in lines:
            if cells:
                yield line, cells
            line = lines.line_num + 1
    except csv.Error as error:
        raise Problem(400, f"line {line}: not readable as CSV ({error}); quote fields with commas or quotes") from error


def rows_of(text: str, most: int) -> list[list[str]] | None:
    """The header and the rows of a CSV text, `most` of them, all as long as the header; blank lines are none."""
    try:
        rows = [*filter(None, csv.reader(io.StringIO(text, newline=""), strict=True))]
    except csv.Error:
        return None
    is_plain = 1 < len(rows) <= most + 1 and set(map(len, rows)) == {len(rows[0])}
    return rows if is_plain else None


def numbers(cells: Sequence[str], missing: Set[str], minimum: float | None) -> list[float | None] | None:
    """Plain decimal numbers, none below the minimum and none too large for a float; None for what is missing."""
    stripped = list(map(str.strip, cells))
    told = stripped if missing.isdisjoint(stripped) else [text for text in stripped if text not in missing]
    joined = "\n".join([*told, ""])
    if joined.count("\n") != len(told) or not _NUMBERS.fullmatch(joined):
        return None
    found = list(map(float, told))
    if found and (max(map(abs, found)) == float("inf") or (minimum is not None and min(found) < minimum)):
        return None
    if told is stripped:
        return list(found)
    left = iter(found)
    return [None if text in missing else next(left) for text in stripped]


def texts(cells: Sequence[str], missing: Set[str], longest: int) -> list[str | None] | None:
    """Texts, none longer than `longest`; None for what is missing."""
    stripped = list(map(str.strip, cells))
    if max(map(len, stripped)) > longest:
        return None
    return list(stripped) if missing.isdisjoint(stripped) else [None if it in missing else it for it in stripped]
