"""The dialect of a text table: encoding, delimiter, quote, where the header stands, lines at the end that are no rows.

Pure: no files.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from risk.settings.table_format import Format

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
FIRST_LINES, LAST_LINES, DEEPEST_HEADER = 400, 20, 30
A_VALUE = re.compile(r"[-+]?[0-9][0-9.,' ]*%?|[0-9]{1,4}[-./][0-9]{1,2}([-./][0-9]{1,4})?([ T].*)?")
EAST = re.compile("[A-Za-z][¿³¹¼¾¯£¥œ][a-z]")  # letters of Central Europe, read as Western ones
csv.field_size_limit(1 << 24)


@dataclass(frozen=True)
class TextDialect:
    """How a text is written, as keys of `format`, and one sentence for each that is not the default."""

    encoding: str
    delimiter: str
    quote: str
    header_row: int
    skip_footer: int
    names: tuple[str, ...]
    whys: dict[str, str] = field(default_factory=dict)
    fault: str | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The keys of `format` that differ from its defaults."""
        return Format.differing(self)


def of_text(head: bytes, tail: bytes) -> TextDialect:
    """The dialect of a text by its beginning and its end; the same bytes where it is short."""
    encoding, why = encoding_of(head)
    whys = {"encoding": why} if why else {}
    lines = io.StringIO(decoded(head, encoding), newline="").readlines()[:FIRST_LINES]
    quote = _quote(lines)
    if quote != '"':
        whys["quote"] = "texts stand between apostrophes" if quote else "quotes stand inside texts and do not pair"
    delimiter, records = max(
        ((mark, list(_records(lines, mark, quote))) for mark in DELIMITERS), key=lambda it: _regularity(it[1])
    )
    width, place = _width(records), _header_at(records)
    if width < 2 or place is None:
        told = "one column alone" if width < 2 else "values in its first line, and no names of columns"
        fault = f"it has {told}; expected a line with the name of each column, separated by , ; | or tabs"
        fault += ". Write one above, such as client,date,amount, and part the fields in the same way"
        return TextDialect(encoding, delimiter, quote, 1, 0, (), whys, fault)
    if delimiter != ",":
        whys["delimiter"] = f"{DELIMITERS[delimiter]} part every line into {width} fields"
    number, names = records[place]
    if any("".join(record).strip() for _, record in records[:place]):
        whys["header_row"] = f"the names of the columns stand in line {number}"
    else:
        number = 1
    footer = _footer(decoded(tail, encoding), delimiter, quote, width)
    if footer:
        whys["skip_footer"] = f"the last {footer} lines have not {width} fields"
    return TextDialect(encoding, delimiter, quote, number, footer, tuple(name.strip() for name in names), whys)


def rows_of(text: str, dialect: TextDialect) -> Iterator[list[str]]:
    """The records of a piece of text, its lines whole; a torn quote ends it."""
    try:
        yield from csv.reader(io.StringIO(text, newline=""), **_quoting(dialect.delimiter, dialect.quote))
    except csv.Error:
        return


def encoding_of(head: bytes) -> tuple[str, str | None]:
    """The name of the codec and, where it is not UTF-8, why."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", "it begins with the mark of UTF-16"
    if _decodes(head, "utf-8"):
        return "utf-8", None
    letters = [byte for byte in head[: 1 << 20] if byte > 0x7F or chr(byte).isalpha()]
    if sum(byte >= 0xC0 for byte in letters) > len(letters) / 3 and _decodes(head, "cp1251"):
        return "cp1251", "it is not UTF-8, and a third of its letters are Cyrillic ones of Windows"
    western = decoded(head, "cp1252")
    if not _decodes(head, "cp1252") or len(EAST.findall(western)) > 2:
        return "cp1250", "it is not UTF-8, and read as cp1252 (Western Europe) its words are broken"
    why = "it is not UTF-8; taken as that of Windows in Western Europe (cp1250: Central Europe); look at the letters"
    return "cp1252", why


def decoded(content: bytes, encoding: str) -> str:
    """The text of some bytes, as far as they can be read."""
    return content.decode(encoding, "replace").lstrip("\ufeff")


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(content)
    except UnicodeDecodeError:
        return False
    return True


def _quoting(delimiter: str, quote: str) -> dict[str, Any]:
    return (
        {"delimiter": delimiter, "quotechar": quote} if quote else {"delimiter": delimiter, "quoting": csv.QUOTE_NONE}
    )


def _quote(lines: Sequence[str]) -> str:
    text = "".join(lines)
    around = [len(re.findall(rf"(?:^|[,;\t|]){mark}[^{mark}\n]*{mark}(?=[,;\t|\r\n]|$)", text, re.M)) for mark in "\"'"]
    if around[1] > max(around[0], len(lines) / 2):
        return "'"
    return "" if text.count('"') > 2 and not re.search('(?:^|[,;\t|]) *"', text, re.M) else '"'


def _records(lines: Sequence[str], delimiter: str, quote: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, **_quoting(delimiter, quote))
    try:
        for record in reader:
            yield reader.line_num, record
    except csv.Error:
        return


def _width(records: Sequence[tuple[int, list[str]]]) -> int:
    widths = Counter(len(record) for _, record in records if record)
    return max(widths, key=lambda width: (widths[width] * (width > 1), width), default=0)


def _header_at(records: Sequence[tuple[int, list[str]]]) -> int | None:
    """The place of the first record that is as wide as most and holds names: each once, none of them a value."""
    width = _width(records)
    for place, (_, record) in enumerate(records[:DEEPEST_HEADER]):
        names = [name.strip() for name in record]
        blank = sum(not name for name in names)  # the first may be: a row number that was written along
        if len(names) == width and blank <= 1 and not any(map(A_VALUE.fullmatch, names)):
            return place if len(set(names)) >= 0.8 * width else None
        if len(names) == width and blank <= width // 2:
            return None
    return None


def _regularity(records: Sequence[tuple[int, list[str]]]) -> tuple[bool, float, int]:
    """A key that is greatest for the delimiter that parts header and lines alike into the most fields."""
    width, place = _width(records), _header_at(records)
    below = [record for _, record in records[place or 0 :] if record]
    alike = sum(len(record) == width for record in below) / max(len(below), 1)
    return place is not None and width > 1, round(alike, 1) if width > 1 else 0.0, width


def _footer(tail: str, delimiter: str, quote: str, width: int) -> int:
    """How many of the last lines are no rows; blank lines at the very end do not count."""
    lines = tail.rstrip("\r\n \x1a").splitlines()[1:][-LAST_LINES:]
    for n_last, line in enumerate(reversed(lines)):
        record = next(iter(rows_of(line, TextDialect("", delimiter, quote, 1, 0, ()))), [])
        if len(record) == width or (quote and line.count(quote) % 2):
            return n_last
    return 0
