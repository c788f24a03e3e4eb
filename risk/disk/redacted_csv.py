"""Redaction of CSV: records of clients taken out of it, and the records in which one of them may stand."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator

import numpy as np

from risk.disk.redaction import NOTE, ClientNames

_QUOTE, _LINE_END = b'"\n'
_BEFORE, _AFTER = np.zeros(256, bool), np.zeros(256, bool)  # what stands beside a field in quotes, or a doubled quote
_BEFORE[[*b'",\n']] = _AFTER[[*b'",\r\n']] = True


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
    """Whether quotes stand as in RFC 4180 and none stays open at the end of a line: each line can be read by itself."""
    if "\r" in text and text.count("\r") != text.count("\r\n"):
        return False
    if '"' not in text:
        return True
    signs = np.frombuffer(f"\n{text}\n".encode("utf-8", "replace"), np.uint8)
    quotes = np.flatnonzero(signs == _QUOTE)
    opening, closing = quotes[: len(quotes) // 2 * 2 : 2], quotes[1::2]
    if len(quotes) % 2 or not (_BEFORE[signs[opening - 1]].all() and _AFTER[signs[closing + 1]].all()):
        return False
    ends = np.flatnonzero(signs == _LINE_END)
    return bool((np.searchsorted(ends, opening) == np.searchsorted(ends, closing)).all())


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
