"""The proof, by bytes alone, that a chunk of lines is plain: DuckDB then reads of it what the exact reading would.

Pure: no files. Plain means: every line has as many fields as the header, no quote, no control character, no space
around a field, no blank line, no field too long, UTF-8 in normal form C without signs that cannot be seen. Whether the
values are accepted, the statistics of the part prove later.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from risk.reading.values import LONGEST_FIELD

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
    """Return the lines of a chunk if they are plain and, where a place is given, all values there are equally long."""
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
    """Return the bytes of every field, one row a line, or None where a line has not exactly `width` fields."""
    characters = np.frombuffer(lines, dtype=np.uint8)
    has_spaces, found, rows = b" " in lines, [], 0
    for start in range(0, len(characters), BLOCK):
        block = characters[start : start + BLOCK + 1]  # the one after tells whether a space stands before a separator
        is_end = block == LINE_FEED
        is_separator = is_end | (block == COMMA)
        if np.count_nonzero(block < SPACE) != np.count_nonzero(is_end) or (has_spaces and _touch(block, is_separator)):
            return None
        found.append(np.flatnonzero(is_separator[:BLOCK]).astype(np.int32) + np.int32(start))
        rows += int(np.count_nonzero(is_end[:BLOCK]))
    places = np.concatenate(found)
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
