"""CSV bodies: records with their lines, and whole columns that are plain, as a reader of single cells reads them.

`columns_of`, `numbers` and `texts` return None where anything is in doubt; then the cells are read one by one, and
refused by row and field.
"""

from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Collection, Iterator, Sequence, Set
from itertools import repeat

import msgspec

from risk.reading.header import SEPARATORS
from risk.service.problems import Problem

MAX_HEADER = 100_000

LEAST = -sys.float_info.max
_NUMBERS = msgspec.json.Decoder(list[float])


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


def columns_of(text: str, most: int) -> tuple[list[str], list[Sequence[str]]] | None:
    """The header and the columns of a CSV text with `most` rows, all as long as the header; blank lines are none."""
    if '"' in text or "\r" in text.replace("\r\n", ""):
        try:
            header, *rows = [*filter(None, csv.reader(io.StringIO(text, newline=""), strict=True))]
        except csv.Error:
            return None
        is_plain = 0 < len(rows) <= most and set(map(len, rows)) == {len(header)}
        return (header, list(zip(*rows, strict=True))) if is_plain else None
    lines = [*filter(None, text.replace("\r\n", "\n").split("\n"))]
    commas, longest = set(map(str.count, lines, repeat(","))), max(map(len, lines))
    if not 1 < len(lines) <= most + 1 or len(commas) != 1 or longest > csv.field_size_limit():
        return None
    cells, width = ",".join(lines).split(","), commas.pop() + 1
    return cells[:width], [cells[place::width] for place in range(width, 2 * width)]


def numbers(cells: Sequence[str], missing: Set[str], minimum: float | None) -> list[float | None] | None:
    """Plain decimal numbers, none below the minimum and none too large for a float; None for what is missing."""
    stripped = list(map(str.strip, cells))
    told = stripped if missing.isdisjoint(stripped) else [text for text in stripped if text not in missing]
    joined = ",".join(told)
    if "e" in joined or "E" in joined:
        return None
    try:  # a number of JSON without an exponent is a plain decimal number
        found = _NUMBERS.decode(f"[{joined}]")
    except msgspec.MsgspecError:
        return None
    if len(found) != len(told) or (
        found and (max(found) == math.inf or min(found) < (LEAST if minimum is None else minimum))
    ):
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
