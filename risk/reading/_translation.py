"""Lines of another dialect made comma-separated ones by bytes alone, where that surely means the same.

Pure: no files. What is not sure is None: then the lines are read record by record, which is the definition.
"""

from __future__ import annotations

import functools
import re

import numpy as np
from numpy.typing import NDArray

from risk.reading.header import Header
from risk.settings.schema import Schema
from risk.settings.table_format import ISO, Format

Bytes = NDArray[np.uint8]
ISO_LENGTH = 10
LINE_FEED, COMMA, POINT = ord("\n"), ord(","), ord(".")
FIXED = re.compile("(%[dmY])([^%0-9a-zA-Z])(%[dmY])\\2(%[dmY])")  # of ten characters, as ISO dates have
WIDTHS, PLACES = {"%d": 2, "%m": 2, "%Y": 4}, {"%Y": 0, "%m": 5, "%d": 8}


def translated(lines: bytes, form: Format, header: Header, schema: Schema) -> bytes | None:
    """The lines with commas, points and ISO dates, or None where they are not plainly so."""
    if form.thousands or form.units or not form.delimiter.isascii():
        return None
    if any(set(text) & set(".,") or len(text) == ISO_LENGTH for text in schema.missing):  # it would be translated, too
        return None
    if b'"' in lines or (form.quote and form.quote.encode() in lines):
        return None
    lines = lines.replace(b"\r\n", b"\n") if b"\r" in lines else lines
    found = np.frombuffer(lines if lines.endswith(b"\n") else lines + b"\n", np.uint8).copy()
    is_delimiter = found == ord(form.delimiter)
    ends = np.flatnonzero(is_delimiter | (found == LINE_FEED))
    if len(ends) % header.width or not (found[ends[header.width - 1 :: header.width]] == LINE_FEED).all():
        return None
    numbers = [header.columns[it.name] for it in schema.columns if it.kind == "number"]
    is_number = np.zeros(header.width, np.bool_)
    is_number[numbers] = True
    if not _turn_decimals(found, ends, is_number, form):
        return None
    found[is_delimiter] = COMMA
    if form.dates != ISO:
        starts = np.concatenate(([0], ends[:-1] + 1))
        places = [header.columns[it.name] for it in schema.columns if it.kind in ("period", "date", "time")]
        for place in places:
            if not _turn_dates(found, starts[place :: header.width], ends[place :: header.width], form.dates):
                return None
    return found.tobytes()


def _turn_decimals(found: Bytes, ends: NDArray[np.int64], is_number: NDArray[np.bool_], form: Format) -> bool:
    """Make decimal commas points; False where a comma stands elsewhere, or a point in a number."""
    commas = np.flatnonzero(found == COMMA) if form.delimiter != "," else np.empty(0, np.int64)
    if len(commas) and not (form.decimal == "," and is_number[_columns(commas, ends, len(is_number))].all()):
        return False
    if form.decimal == ",":
        points = np.flatnonzero(found == POINT)
        if len(points) and is_number[_columns(points, ends, len(is_number))].any():
            return False
        found[commas] = POINT
    return True


def _columns(places: NDArray[np.int64], ends: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """The column in which each place lies."""
    return np.searchsorted(ends, places) % width


def _turn_dates(found: Bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], pattern: str) -> bool:
    """Make dates of a fixed width ISO dates; blank ones stay. What is no date then is none as it was written."""
    order = _order(pattern)
    filled = starts[ends > starts]
    if order is None or not (ends[ends > starts] - filled == len(order)).all():
        return False
    dates = found[filled[:, None] + np.arange(len(order))]
    separator = ord(FIXED.fullmatch(pattern)[2])  # type: ignore[index]
    is_separator = dates == separator
    expected = [place for place, sign in enumerate(_example(pattern)) if sign == chr(separator)]
    digits = (dates >= ord("0")) & (dates <= ord("9"))
    if not is_separator[:, expected].all() or int(digits.sum()) != 8 * len(dates):
        return False
    dates[is_separator] = ord("-")
    found[filled[:, None] + np.arange(len(order))] = dates[:, order]
    return True


def _example(pattern: str) -> str:
    return "".join("9" * WIDTHS[it] if it in WIDTHS else it for it in re.findall("%.|.", pattern))


@functools.lru_cache(8)
def _order(pattern: str) -> list[int] | None:
    """From where each character of an ISO date comes, or None where the pattern has no fixed width of ten."""
    match = FIXED.fullmatch(pattern)
    if match is None or {match[1], match[3], match[4]} != set(WIDTHS) or ord(match[2]) > 127:
        return None
    order, place = [0] * 10, 0
    for part in (match[1], match[3], match[4]):
        for offset in range(WIDTHS[part]):
            order[PLACES[part] + offset] = place + offset
        place += WIDTHS[part] + 1
    separators = [it for it, sign in enumerate(_example(pattern)) if sign == match[2]]
    order[4], order[7] = separators
    return order
