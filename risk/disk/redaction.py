"""Redaction: the names of clients taken out of texts, JSON, CSV and the raw bytes of logs, and found in them.

A name counts as a word of its own, and never within the longer name of another client. One that also means something
else (a number, a level of a feature) counts where a client is meant alone: in its column, or in quotes.
"""

from __future__ import annotations

import csv
import functools
import html
import io
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from risk.disk.word_search import word_search
from risk.text import markdown

PUT = "[erased]"  # stands where a name stood
SHORT = 3  # characters: a shorter name may be any word
CUT = 80  # characters after which what was refused is cut off
CLIENT = "client"  # the key and column that hold a client in what we write
NOTE = "note"  # the key and column of what a person wrote about a client: there a name means one
NAMING = (CLIENT, "value")  # the keys whose whole text may be a client; a refusal shows a value
_FORMULA = tuple("=+-@\t\r")  # cells that begin so carry an apostrophe
_NUMBER = re.compile(r"[\d.,+-]+")


@dataclass(frozen=True)
class ClientNames:
    """The names to be taken out; the names of `others` that hold one of them; those that are `shared` with values."""

    names: frozenset[str]
    others: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()

    def is_client(self, text: object) -> bool:
        """Whether a value of a client column is one of the names, as it is or as a cell for a spreadsheet."""
        if not isinstance(text, str):
            return False
        return text in self.names or (text[:1] == "'" and text.startswith(_FORMULA, 1) and text[1:] in self.names)

    def in_text(self, text: str) -> str:
        """The text without the names."""
        return (
            self.pattern.sub(lambda found: found[0] if found["other"] else PUT, text) if self.may_be_in(text) else text
        )

    def in_note(self, text: str) -> str:
        """What a person wrote, without the names; one that is a bare number may be any, and stays."""
        return self.note_pattern.sub(lambda it: it[0] if it["other"] else PUT, text) if self.may_be_in(text) else text

    def count(self, text: str, key: str = "") -> int:
        """How often a name stands in the text, which may be that of a note."""
        pattern = self.note_pattern if key == NOTE else self.pattern
        return sum(not it["other"] for it in pattern.finditer(text)) if self.may_be_in(text) else 0

    def may_be_in(self, text: str) -> bool:
        """Whether any way to write a name is in the text, as part of a longer word too."""
        return self.anywhere.search(text) is not None

    def cut(self, value: Any) -> Any:
        """What JSON holds, without the names: entries of such a client are left out, in texts another word stands."""
        if isinstance(value, str):
            return PUT if value in self.plain else self.in_text(value)
        if isinstance(value, list):
            return [self.cut(it) for it in value if not (isinstance(it, dict) and self.is_client(it.get(CLIENT)))]
        if isinstance(value, dict):
            kept = {key: it for key, it in value.items() if key not in self.plain}
            return {key: self._value(key, it) for key, it in kept.items()}
        return value

    def _value(self, key: str, value: Any) -> Any:
        if self.is_told(key, value):
            return PUT
        return self.in_note(value) if key == NOTE and isinstance(value, str) else self.cut(value)

    def is_told(self, key: str, value: object) -> bool:
        """Whether a value under a key is a client, or what a refusal shows of a row of one."""
        if key not in NAMING or not isinstance(value, str) or value in self.others:
            return False
        return value in self.names or (key != CLIENT and not self.names.isdisjoint(value.split(",")))

    def masked(self, content: bytes) -> bytes:
        """Raw bytes of the same length, with x in the place of the names."""
        text = content.decode("utf-8", "surrogateescape")
        if not self.may_be_in(text):
            return content
        shown = self.pattern.sub(lambda it: it[0] if it["other"] else "x" * len(_raw(it[0])), text)
        return _raw(shown)

    @functools.cached_property
    def plain(self) -> frozenset[str]:
        """The names that mean a client wherever they are a whole text."""
        alone = (it for it in self.names if it not in self.shared and len(it) >= SHORT)
        return frozenset(it for it in alone if not _NUMBER.fullmatch(it))

    @functools.cached_property
    def forms(self) -> tuple[str, ...]:
        return tuple(sorted({form for name in self.names for form in _forms(name)}))

    @functools.cached_property
    def anywhere(self) -> re.Pattern[str]:
        """Every way to write a name, in a cell of a CSV too, wherever it stands."""
        return word_search(written for form in self.forms for written in (form, form.replace('"', '""')))

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """Every way in which a name may be written, after the longer names of others."""
        return self._pattern_of(self.plain)

    @functools.cached_property
    def note_pattern(self) -> re.Pattern[str]:
        return self._pattern_of({it for it in self.names if not _NUMBER.fullmatch(it)})

    def _pattern_of(self, plain: Collection[str]) -> re.Pattern[str]:
        """Names that are `plain` as words, all others in quotes."""
        others = "|".join(map(re.escape, sorted(self.others, key=len, reverse=True))) or r"(?!)"
        free = {form for name in self.names for form in _forms(name) if name in plain}
        quoted = {form for name in self.names for form in _forms(name)} - free
        words = [_as_word(form) for form in sorted(free, key=len, reverse=True)]
        words += [rf"(?<=['\"`]){re.escape(it)}(?=\\?['\"`])" for it in sorted(quoted, key=len, reverse=True)]
        return re.compile(f"(?P<other>{_bounded(others)})|(?:{'|'.join(words) or '(?!)'})")


def _bounded(alternatives: str) -> str:
    return rf"(?<!\w)(?:{alternatives})(?!\w)"


def _as_word(form: str) -> str:
    before = r"(?<!\w)" if form[0].isalnum() or form[0] == "_" else ""
    after = r"(?!\w)" if form[-1].isalnum() or form[-1] == "_" else ""
    return f"{before}{re.escape(form)}{after}"


def _forms(name: str) -> set[str]:
    """A name as it is, cut off, and as JSON, Python, HTML, CSV and Markdown write it."""
    forms = {name, *([name[:CUT]] if len(name) > CUT else [])}
    for it in tuple(forms):
        forms |= {repr(it)[1:-1], json.dumps(it)[1:-1], json.dumps(it, ensure_ascii=False)[1:-1]}
        forms |= {json.dumps(repr(it), ensure_ascii=False)[2:-2]}  # as a line of the log quotes what is quoted
        forms |= {html.escape(it), html.escape(it, quote=False), it.replace('"', '""'), markdown(it)}
    return forms


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


# --- CSV --------------------------------------------------------------------------------------------------------------


def without_rows(text: str, columns: Collection[str], names: ClientNames) -> str:
    """A CSV without the records of these clients, whose column has one of these names; the others as they are.

    In cells of other columns the names are taken out. What is no CSV to its end keeps the lines without a name.
    """
    if not names.may_be_in(text):
        return text
    kept: list[str] = []
    header: list[str] | None = None
    for raw, record in records(text, names):
        if record is None:
            kept += [] if names.count(raw) else [raw]
            continue
        if not record:
            kept.append(raw)
            continue
        at = [place for place, name in enumerate(header or ()) if name in columns]
        if header is None:
            header = record
        elif any(names.is_client(record[place]) for place in at or range(len(record)) if place < len(record)):
            continue
        kept.append(names.in_text(_without_note(raw, record, header, names)))
    return "".join(kept)


def _without_note(raw: str, record: list[str], header: list[str], names: ClientNames) -> str:
    """The record as it is written, without the names in its note."""
    place = header.index(NOTE) if NOTE in header else len(record)
    if place >= len(record) or (note := names.in_note(record[place])) == record[place]:
        return raw
    line = io.StringIO()
    csv.writer(line, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow([*record[:place], note, *record[place + 1 :]])
    return line.getvalue()


def records(text: str, names: ClientNames | None = None) -> Iterator[tuple[str, list[str] | None]]:
    """Yield each record of a CSV as it is written, with its fields; None for a line that belongs to none.

    With names, what lies between the first record and those in which one of them may stand comes as it is written,
    without fields.
    """
    if names is None or not _is_record_each_line(text):
        yield from _each_record(text)
        return
    place = _end_of_line(text, len(text) - len(text.lstrip("\r\n")))
    yield from _each_record(text[:place])
    while found := names.anywhere.search(text, place):
        begin, end = text.rfind("\n", place, found.start()) + 1 or place, _end_of_line(text, found.end() - 1)
        if begin > place:
            yield text[place:begin], []
        yield from _each_record(text[begin:end])
        place = end
    if place < len(text):
        yield text[place:], []


def _end_of_line(text: str, place: int) -> int:
    return text.find("\n", place) + 1 or len(text)


def _is_record_each_line(text: str) -> bool:
    """Whether no quote stays open at the end of a line, so that every line can be read by itself."""
    if "\r" in text and text.count("\r") != text.count("\r\n"):
        return False
    with_quotes = [line for line in text.split("\n") if '"' in line] if '"' in text else []
    try:
        return sum(1 for _ in csv.reader(with_quotes, strict=True)) == len(with_quotes)
    except csv.Error:
        return False


def _each_record(text: str) -> Iterator[tuple[str, list[str] | None]]:
    lines = io.StringIO(text, newline="").readlines()
    reader, done = csv.reader(iter(lines), strict=True), 0
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield from ((line, None) for line in lines[done:])
            return
        yield "".join(lines[done : reader.line_num]), record
        done = reader.line_num
