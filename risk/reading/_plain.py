"""The proof, by bytes alone, that a chunk of lines is plain: DuckDB then reads of it what the exact reading would.

Pure: no files. Plain means: every line has as many fields as the header, no quote, no control character, no space
around a field, no blank line, no field too long, UTF-8 in normal form C without signs that cannot be seen. Whether the
values are accepted, the statistics of the part prove later.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from risk.reading.values import LONGEST_FIELD
from risk.schema import Schema

SPACE, COMMA, LINE_FEED = 32, 44, 10
BLOCK = 256 * 1024  # bytes that are looked at together: they stay in the processor's cache
# control characters beyond ASCII, the byte order mark, and all that `client_ids` takes for invisible or for a space
INVISIBLE = re.compile(
    b"\xc2[\x80-\xa0\xad]|\xcd\x8f|\xd8\x9c|\xe1(?:\x85[\x9f\xa0]|\x9a\x80|\x9e[\xb4\xb5]|\xa0[\x8b-\x8f])"
    b"|\xe2(?:\x80[\x80-\x8f\xa8-\xaf]|\x81[\x9f-\xaf]|\xa0\x80)|\xe3(?:\x80\x80|\x85\xa4)"
    b"|\xef(?:\xb8[\x80-\x8f]|\xbb\xbf|\xbe\xa0|\xbf[\xb0-\xbb])|\xf0(?:\x9b\xb2[\xa0-\xa3]|\x9d\x85[\xb3-\xba])"
    b"|\xf3\xa0"
)


@dataclass(frozen=True)
class Plain:
    """Plain lines, each ended by one LF; `length` is that of every value in the column that was asked about."""

    lines: bytes
    rows: int
    length: int | None


def prove(chunk: bytes, width: int, place: int | None = None) -> Plain | None:
    """The lines of a chunk if they are plain and, where a place is given, all values there are equally long."""
    if b'"' in chunk or chunk.startswith(b" ") or not _is_plain_text(chunk):
        return None
    chunk = chunk.replace(b"\r\n", b"\n") if b"\r" in chunk else chunk
    lines = chunk if chunk.endswith(b"\n") else chunk + b"\n"
    lengths = _lengths(lines, width)
    if lengths is None or lengths.max() > LONGEST_FIELD:
        return None
    length = None if place is None else int(lengths[0, place])
    if place is not None and not (lengths[:, place] == length).all():
        return None
    return Plain(lines, len(lengths), length)


def _is_plain_text(chunk: bytes) -> bool:
    if b"\x7f" in chunk:
        return False
    if chunk.isascii():
        return True
    try:
        text = chunk.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not INVISIBLE.search(chunk) and unicodedata.is_normalized("NFC", text)


def _lengths(lines: bytes, width: int) -> NDArray[np.int32] | None:
    """The bytes of every field, one row a line, or None where a line has not exactly `width` fields."""
    characters = np.frombuffer(lines, dtype=np.uint8)
    has_spaces, ends, rows = b" " in lines, [], 0
    for start in range(0, len(characters), BLOCK):
        block = characters[start : start + BLOCK + 1]  # the one after tells whether a space stands before a separator
        is_end = block == LINE_FEED
        is_separator = is_end | (block == COMMA)
        if np.count_nonzero(block < SPACE) != np.count_nonzero(is_end) or (has_spaces and _touch(block, is_separator)):
            return None
        ends.append(np.flatnonzero(is_separator[:BLOCK]).astype(np.int32) + np.int32(start))
        rows += int(np.count_nonzero(is_end[:BLOCK]))
    places = np.concatenate(ends)
    if len(places) != rows * width or not (characters[places[width - 1 :: width]] == LINE_FEED).all():
        return None
    lengths = np.empty_like(places)
    lengths[0] = places[0]
    np.subtract(places[1:], places[:-1] + np.int32(1), out=lengths[1:])
    return lengths.reshape(rows, width)


def _touch(characters: NDArray[np.uint8], is_separator: NDArray[np.bool_]) -> bool:
    """Whether a space stands right after or before a separator."""
    is_space = characters == SPACE
    return bool((is_space[1:] & is_separator[:-1]).any() or (is_space[:-1] & is_separator[1:]).any())


# --- a dot that separates thousands: every decimal of a column has exactly three places, as 1.200 beside 980 ----------

SAMPLED = 256 * 1024  # bytes at the beginning of a chunk
MOST_WHOLE = 1_000  # different ones that are remembered
ENOUGH_DOTTED, ENOUGH_WHOLE = 20, 5  # by which a file shows by itself that a dot separates thousands

_SUSPECT = re.compile(rb"[0-9]\.[0-9]{3}[,.\r\n]")
_THREE_PLACES = re.compile(r"-?[0-9]+\.[0-9]{3}")
_MILLIONS = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{3}){2,}")  # 1.200.000 is refused by row, and shows what a dot means
_DECIMAL = re.compile(r"-?[0-9]*\.[0-9]*")
_NO_THOUSANDS = re.compile(r"-?(?:0|[1-9][0-9]{3,})\..*")  # 0.125, 1234.125


@dataclass
class Dots:
    """How the numbers of a file are written, by the index of their column."""

    dotted: dict[int, int] = field(default_factory=dict)  # numbers of exactly three places
    odd: set[int] = field(default_factory=set)  # columns with one that cannot be thousands
    whole: dict[int, set[str]] = field(default_factory=dict)  # different whole numbers but 0
    decimal: set[int] = field(default_factory=set)  # columns with another decimal

    def count_lines(self, lines: bytes, positions: Sequence[int], schema: Schema) -> None:
        """Count in plain lines: at their beginning where they are many, and not at all without a suspect."""
        start = lines[:SAMPLED]
        if b"." in start and _SUSPECT.search(start):
            records = (line.split(",") for line in start[: start.rfind(b"\n") + 1].decode().splitlines())
            self.count_rows(([record[place] for place in positions] for record in records), schema)

    def count_rows(self, rows: Iterable[Sequence[str]], schema: Schema) -> None:
        """Count in rows in the order of the schema."""
        numbers = [index for index, column in enumerate(schema.columns) if column.kind == "number"]
        for row in rows:
            for index in numbers:
                text = row[index]
                if "." not in text:
                    whole = self.whole.setdefault(index, set())
                    if text not in ("", "0") and len(whole) < MOST_WHOLE:
                        whole.add(text)
                elif _THREE_PLACES.fullmatch(text) or _MILLIONS.fullmatch(text):
                    self.dotted[index] = self.dotted.get(index, 0) + 1
                    self.odd |= {index} if _NO_THOUSANDS.match(text) else set()
                elif _DECIMAL.fullmatch(text):
                    self.decimal.add(index)

    def columns(self, schema: Schema) -> dict[str, bool]:
        """The columns in which a dot may separate thousands, and whether the file shows that by itself."""
        counts = {index: count for index, count in self.dotted.items() if index not in self.decimal}
        return {schema.columns[index].name: self._shown(index, count) for index, count in counts.items()}

    def _shown(self, index: int, count: int) -> bool:
        """Whether many such numbers stand beside several whole ones, and none of those has four digits."""
        whole = set() if index in self.odd else self.whole.get(index, set())
        return count >= ENOUGH_DOTTED and len(whole) >= ENOUGH_WHOLE and max(len(it.lstrip("-")) for it in whole) < 4
