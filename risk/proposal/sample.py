"""A sample of the files that somebody has: their dialect, and the texts of their columns.

Reads: the beginning of every file, and some of the middle and of the end of large ones. Writes: nothing.
"""

from __future__ import annotations

import contextlib
import datetime
import gzip
import math
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from risk.errors import SourceError
from risk.proposal import dialect
from risk.proposal import name_words as words
from risk.reading import header
from risk.reading.refusals import Fault
from risk.reading.workbooks import Workbook, are_readable
from risk.settings.table_format import Format
from risk.text import counted

MOST_SHEETS = 20
MOST_FILES, MOST_ROWS = 24, 50_000  # are looked at, of parquet files; all are read
PART = MOST_ROWS // 3  # at the beginning, in the middle and at the end of a long one
BUDGET, LEAST, PIECE = 8_000_000, 500_000, 1_000_000  # bytes: of all files, of one, of its middle and its end
BINARY = 0.01  # of the bytes of a file that is no text
AS_MANY_COLUMNS = 0.5  # of the largest file's columns: else a file is another table
Texts = dict[str, list[str]]


@dataclass(frozen=True)
class Sample:
    """What was looked at of one file; `settings` are the keys of `format` that it needs, `whys` why."""

    path: Path
    texts: Texts
    settings: dict[str, Any] = field(default_factory=dict)
    whys: dict[str, str] = field(default_factory=dict)
    is_whole: bool = True

    @property
    def n_rows(self) -> int:
        return max(map(len, self.texts.values()), default=0)


@dataclass(frozen=True)
class SampledTable:
    """The samples of all files as one table; `others` are files that are none of it, `partial` columns of some."""

    texts: Texts
    samples: tuple[Sample, ...]
    paths: tuple[Path, ...]
    others: dict[str, str]
    partial: dict[str, str]

    @property
    def is_whole(self) -> bool:
        return len(self.paths) == len(self.samples) and all(it.is_whole for it in self.samples)


def table_of(paths: Sequence[Path]) -> SampledTable:
    """One table of the files that are alike. Raises: SourceError where none of them can be read."""
    samples, others = [], {}
    places = range(MOST_FILES) if len(paths) > MOST_FILES else ()
    some = [paths[place * len(paths) // MOST_FILES] for place in places] or paths
    for path in some:
        try:
            samples.append(sample(path, max(BUDGET // len(some), LEAST)))
        except SourceError as error:
            others[str(path)] = str(error)
    if not samples:
        raise SourceError("; ".join(f"{path}: {why}" for path, why in others.items()))
    largest = max(samples, key=lambda it: (any(words.as_target(name) > 1 for name in it.texts), it.n_rows))
    others |= {str(it.path): why for it in samples if (why := _unlike(it, largest))}
    alike = tuple(it for it in samples if str(it.path) not in others)
    counts = Counter(name for it in alike for name in it.texts)
    partial = {name: f"{counted(n, 'file')} of {len(alike)} have it" for name, n in counts.items() if n < len(alike)}
    texts = {name: [text for it in alike for text in it.texts[name]] for name in largest.texts if name not in partial}
    return SampledTable(texts, alike, tuple(it for it in paths if str(it) not in others), others, partial)


def _unlike(it: Sample, largest: Sample) -> str | None:
    """Say why a file is no part of the table of the largest one."""
    common = len(it.texts.keys() & largest.texts.keys())
    if common < AS_MANY_COLUMNS * len(largest.texts):
        return f"has {common} of the {len(largest.texts)} columns of {largest.path.name}"
    keys = it.settings.keys() | largest.settings.keys()
    different = sorted(key for key in keys if it.settings.get(key) != largest.settings.get(key))
    if set(different) - {"skip_footer"} and it.path.suffix == largest.path.suffix:
        return f"is written in another way than {largest.path.name} ({', '.join(different)})"
    return None


def sample(path: Path, budget: int) -> Sample:
    """Look at one file. Raises: SourceError where it is no table that can be read."""
    name = path.name.lower()
    try:
        if name.endswith(".parquet"):
            found = _of_parquet(path)
        elif name.endswith(".xlsx"):
            found = _of_workbook(path)
        else:
            found = _of_text(path, *_pieces(path, budget))
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise SourceError(f"cannot be read ({error})") from error
    if not found.n_rows:
        raise SourceError("it has no row below the names of its columns")
    return found


def _of_text(path: Path, head: bytes, pieces: list[bytes], is_whole: bool) -> Sample:
    if not head.strip():
        raise SourceError("it is empty")
    if not head.startswith(header.UTF_16):
        header.check_start(head)
        if head.count(b"\x00") > BINARY * len(head):
            raise SourceError("it holds NUL bytes: it is no text, or UTF-16 without its mark")
    form = dialect.of_text(head, pieces[-1] if pieces else head if is_whole else b"")
    if form.fault:
        raise SourceError(form.fault)
    text = dialect.decoded(head if is_whole and not pieces else head[: head.rfind(b"\n") + 1], form.encoding)
    rows = _below_header(text, form)
    for piece in pieces:
        whole_lines = piece[piece.find(b"\n") + 1 : piece.rfind(b"\n") + 1]
        rows += dialect.rows_of(dialect.decoded(whole_lines, form.encoding), form)
    width = len(form.names)
    good = [row for row in rows if len(row) == width]
    columns = zip(*good, strict=True) if good else ([] for _ in form.names)
    texts = {name: [text.strip() for text in column] for name, column in zip(form.names, columns, strict=True)}
    twice = {name for name in form.names if form.names.count(name) > 1}
    texts = {name: it for name, it in texts.items() if name not in twice}
    known = form.settings
    if ".tsv" in path.name.lower() and known.get("delimiter") == "\t":
        del known["delimiter"]  # the name says so
    return Sample(path, texts, known, form.whys, is_whole)


def _below_header(text: str, form: dialect.TextDialect) -> list[list[str]]:
    rows = iter(dialect.rows_of(text, form))
    for row in rows:
        if [name.strip() for name in row] == list(form.names):
            return list(rows)
    return []


def _pieces(path: Path, budget: int) -> tuple[bytes, list[bytes], bool]:
    """The beginning of a file, unpacked, some of its middle and its end, and whether that is all of it."""
    name = path.name.lower()
    if name.endswith(".gz"):
        with gzip.open(path) as packed:
            head = packed.read(budget + 1)
    elif name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            inside = [it for it in archive.namelist() if not it.endswith("/")]
            if len(inside) != 1:
                raise SourceError(f"it holds {counted(len(inside), 'file')}; expected a zip with one")
            with archive.open(inside[0]) as member:
                head = member.read(budget + 1)
    else:
        size = os.stat(path).st_size
        with path.open("rb") as file:
            head, pieces = file.read(budget + 1), []
            for place in (size // 2, max(size - PIECE, budget)) if size > budget + PIECE else ():
                file.seek(place)
                pieces.append(file.read(PIECE))
        return head, pieces, len(head) <= budget
    return head, [], len(head) <= budget


def _of_parquet(path: Path) -> Sample:
    import duckdb

    from risk.reading import sql

    try:
        engine, table = sql.connect(threads=1), f"(select * from read_parquet({sql.literal(str(path))})"
        (n_rows,) = engine.execute(f"select count(*) from {table})").fetchall()[0]
        places = {0: MOST_ROWS} if n_rows <= MOST_ROWS else dict.fromkeys((0, n_rows // 2, n_rows - PART), PART)
        rows = engine.execute(" union all ".join(f"{table} limit {n} offset {it})" for it, n in places.items()))
        names = [column[0] for column in rows.description or ()]
        columns = zip(*rows.fetchall(), strict=True)
    except duckdb.Error as error:
        raise SourceError(f"cannot be read as parquet ({str(error).splitlines()[0]})") from error
    texts = {name: [_text(value) for value in column] for name, column in zip(names, columns, strict=False)}
    return Sample(path, texts, is_whole=n_rows <= MOST_ROWS)


def _of_workbook(path: Path) -> Sample:
    """Look at the only sheet or, of several, at the one with the most rows of those that are tables."""
    try:
        return _of_sheet(path, None)
    except Fault as error:
        if not are_readable() or "sheet" not in str(error):
            raise
    sheets = []
    for sheet in range(1, MOST_SHEETS + 1):
        with contextlib.suppress(SourceError):
            sheets.append(_of_sheet(path, sheet))
    if not sheets:
        raise SourceError("none of its sheets is a table with the name of each column above it")
    return max(sheets, key=lambda it: it.n_rows)


def _of_sheet(path: Path, sheet: int | None) -> Sample:
    with path.open("rb") as file:
        content = b"".join(Workbook(file.fileno(), Format(sheet=sheet)).blocks())
    found = _of_text(path, content, [], True)
    known = {key: it for key, it in found.settings.items() if key in ("header_row", "skip_footer")}
    why = {"sheet": "the one with the most rows; the workbook has several"} if sheet else {}
    return replace(found, settings=({"sheet": sheet} if sheet else {}) | known, whys=found.whys | why)


def _text(value: Any) -> str:
    """A value of a typed column as a person would write it."""
    if isinstance(value, float | Decimal):
        is_whole = math.isfinite(value) and abs(float(value)) < 1e15 and value == int(value)
        return str(int(value)) if is_whole else format(Decimal(str(value)), "f")
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None).isoformat(" ").removesuffix(" 00:00:00")
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value).strip()
