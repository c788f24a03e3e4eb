"""The records of chunks of lines, read exactly: the definition of a row. Or the proof that a chunk is plain.

Pure: no files. The strict csv reader of Python reads every record, every value is checked, every line counted. That is
slow; whatever is faster must give the same rows. Plain means: every line has as many fields as the header, no quote, no
control character, no space around a field, no blank line, no field too long, UTF-8 in normal form C without signs that
cannot be seen. Whether the values are accepted, the statistics of the part prove later.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from risk.reading._whole_file import LAST
from risk.reading.header import LINE, OTHER_ENCODING, UTF8, Header, records
from risk.reading.refusals import SHOWN, Fault, Refusal, fault
from risk.reading.values import LONGEST_FIELD, Values
from risk.settings.table_format import Format

LONGEST_LINE = 1024 * 1024
PLAIN_TEXT = "lines of at most 1 MiB"
Row = list[str] | Refusal

csv.field_size_limit(2 * LONGEST_LINE)  # a longer field is refused by us, with its line


class ExactReader:
    """Reads the records of one file, chunk after chunk; `line` is the next one.

    The rows of a table `of_rows` are counted, however many lines a field of them has.
    """

    def __init__(self, header: Header, values: Values, line: int, form: Format, of_rows: bool = False) -> None:
        self.header, self.values, self.line, self.form = header, values, line, form
        self._of_rows, self._n_inner = of_rows, 0  # how many lines are within rows
        # the last rows of as many fields as the header: line, fields, and whether accepted
        self.tail: deque[tuple[int, Sequence[str], bool]] = deque(maxlen=LAST)
        self.n_blank = 0  # lines of separators alone
        self.is_whole = False  # whether the row that was read last has so many fields
        self._pick = itemgetter(*header.positions)
        self._optional = header.width in header.positions

    def rows(self, chunks: Iterable[bytes]) -> Iterator[Row]:
        """Yield each row of the chunks: its values in schema order, or why it is refused. Blank lines, also of
        separators, are none.

        It stops after the first chunk with which a record ends; only a quote that is open takes the next one.
        Raises: Fault with the line where the file is not CSV text.
        """
        for line, record in self._records(chunks):
            if not (record and record[0].strip()) and not "".join(record).strip():
                self.n_blank += len(record) > 1
                continue
            yield self._row(line, record)

    def pass_over(self, lines: bytes, rows: int) -> None:
        """Remember the last of plain lines, which are read by others."""
        last = lines.rstrip(b"\n").rsplit(b"\n", LAST)[-LAST:]
        for line, text in enumerate(last, start=self.line + rows - len(last)):
            self.tail.append((line - self._n_inner, self._pick([*text.decode().split(","), ""]), True))

    def _row(self, line: int, record: list[str]) -> Row:
        header = self.header
        self.is_whole = len(record) == header.width
        if not self.is_whole:
            shown = self.form.delimiter.join(record)[:SHOWN]
            reason = f"has {len(record)} field{'s' * (len(record) != 1)}"
            return Refusal(line, None, shown, reason, f"{header.width} fields")
        if self._optional:
            record.append("")
        fields = self._pick(record)
        row = self.values.row(line, fields)
        if not isinstance(row, Refusal):
            self.tail.append((line, fields if self.form.is_plain else row, True))
            return row
        self.tail.append((line, self.values.translated(fields), False))
        if [text.strip(" ") for text in record[: header.width]] == list(header.names):
            return Refusal(line, None, self.form.delimiter.join(record)[:SHOWN], "repeats the header", "a row")
        return row

    def _records(self, chunks: Iterable[bytes]) -> Iterator[tuple[int, list[str]]]:
        """Yield each record with the line on which it begins."""
        before, reader = self.line, records(self._lines(chunks), self.form)
        while True:
            begin = self.line
            try:
                record = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                raise _not_csv(error, begin) from error
            self.line = before + reader.line_num
            yield begin - self._n_inner, record
            self._n_inner += self.line - begin - 1 if self._of_rows else 0

    def _lines(self, chunks: Iterable[bytes]) -> Iterator[str]:
        """Yield the lines of the chunks with their ends; `self.line` is the one on which their record begins."""
        line, characters = self.line, 0
        try:
            for chunk in chunks:
                for text in io.StringIO(_decoded(chunk, line), newline=""):
                    characters = len(text) if line == self.line else characters + len(text)
                    if len(text) == characters > LONGEST_LINE:
                        raise fault("has a line of more than 1 MiB", PLAIN_TEXT)
                    if characters > LONGEST_LINE:
                        raise fault("has a quote that is not closed within 1 MiB", "a closing quote", self.line)
                    line += 1
                    yield text
                if line == self.line:
                    return
        except Fault as error:
            raise error.at(line) from error


def _decoded(chunk: bytes, line: int) -> str:
    place = chunk.find(b"\x00")
    if place >= 0:
        raise fault("holds a NUL byte (it is binary, or UTF-16)", UTF8, line + len(LINE.findall(chunk[:place])))
    try:
        return chunk.decode("utf-8")
    except UnicodeDecodeError as error:
        place = line + len(LINE.findall(chunk[: error.start]))
        reason = f"is not UTF-8 (byte 0x{chunk[error.start]:02X}; Latin-1 or Windows-1252?)"
        raise fault(reason, f"{UTF8}; {OTHER_ENCODING}", place) from error


def _not_csv(error: csv.Error, line: int) -> Fault:
    reasons = {"unexpected end of data": "has a quote that is never closed"}
    reason = reasons.get(str(error), "has text after a closing quote" if "expected after" in str(error) else "")
    return fault(reason or f"is not CSV ({error})", "quotes as in RFC 4180", line)


# --- the proof, by bytes alone, that a chunk is plain: DuckDB reads it as the exact reading would ---------------------

SPACE, COMMA, LINE_FEED = 32, 44, 10
BLOCK = 256 * 1024  # bytes that are looked at together: they stay in the processor's cache
# control characters beyond ASCII, the byte order mark, and all that `spreadsheets` takes for invisible or for a space
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
