"""A database as a source: what is new there is pulled as one CSV file and taken into the manifest.

Its rows and its watermark are committed together. SQLAlchemy is imported when a database is asked.
"""

from __future__ import annotations

import os
import re
import tempfile
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from risk.dataset._accepted_rows import SPAN, AcceptedRows, Place
from risk.dataset._watermark import Watermark, begin, end_of, kind_of, lies_after, tail
from risk.dataset.intake import follow, sentence, with_digests
from risk.dataset.manifest import Entry, Manifest
from risk.dataset.quarantine import Feeds, judged, of_one_form
from risk.disk import files
from risk.errors import ConfigError
from risk.reading.erased import NOBODY, Erased
from risk.reading.reader import Content, Slice, Source, read
from risk.settings.database_source import IN_URL, PASSWORD, DatabaseSource
from risk.settings.schema import Schema

if TYPE_CHECKING:
    from risk.dataset._database_sql import DatabaseRows

INSTALL = ".venv/bin/python -m pip install sqlalchemy 'psycopg[binary]'"
PULLED = "pulled.csv"
UNLIMITED = 1 << 62  # a first pull may be larger than any file that is let in


@dataclass(frozen=True)
class Pull:
    """What a database gave: a CSV file as any client file, or no path where nothing is new.

    `anew`: the file holds all that is there, and replaces what was pulled before. `watermark` is to be committed
    together with the rows of the file; it is None as long as the source has no row.
    """

    path: Path | None
    watermark: Watermark | None
    n_rows: int
    anew: bool
    warnings: tuple[str, ...] = ()


def name(source: DatabaseSource) -> str:
    """The name of the source in manifest and logs."""
    return f"database/{source.table or 'query'}"


def pull(source: DatabaseSource, schema: Schema, since: Watermark | None, scratch: Path, root: Path) -> Pull:
    """Write what is new since a watermark into a CSV file in `scratch`; all rows are of one moment, oldest first.

    Raises: ConfigError, SourceError (nothing was taken in), DiskError.
    """
    question = _asked(source, schema)
    mark = since if since and since.source == question else None
    notes = ["another url, table, query or columns: everything is read again"] if since and not mark else []
    with _rows(source, schema, root) as rows:
        end = end_of(rows, source.watermark)
        if end is None:
            notes += _unmarked(source, rows)
            notes += ["it has no rows any more; what was taken in before is kept"] if mark else []
            return Pull(None, mark, 0, False, tuple(notes))
        notes += end.warnings
        blind = mark is not None and lies_after(mark, source.overlap, end.limit)
        if mark and not blind and tail(rows, mark.typed, source.overlap) == mark.tail:
            return Pull(None, mark, 0, False, tuple(notes))
        notes += _unmarked(source, rows)
        now = Watermark(str(end.value), str(kind_of(end.value)), tail(rows, end.value, source.overlap), question)
        first = begin(mark.typed, source.overlap) if mark else None
        if mark and (blind or not rows.reach(mark.typed)):
            notes.append(f"{source.watermark} ends at {now.value}, before {mark.value} of last time: all is read again")
            first = None
        path = scratch / PULLED
        with files.refusals(path), path.open("wb") as file:
            n_rows = rows.hand_on(first, file.write)
    return Pull(path, now, n_rows, mark is None, tuple(notes))


def news(source: DatabaseSource, schema: Schema, since: Watermark | None, root: Path) -> bool:
    """Whether a pull would find anything: only the rows at the end are looked at."""
    mark = since if since and since.source == _asked(source, schema) else None
    with _rows(source, schema, root) as rows:
        end = end_of(rows, source.watermark) if mark else None
        if mark and end and not lies_after(mark, source.overlap, end.limit):
            return tail(rows, mark.typed, source.overlap) != mark.tail
        return rows.ends()[1] is not None


def sample(source: DatabaseSource, root: Path, most: int) -> dict[str, list[str]]:
    """The texts of the first rows of the table of a source, by column; its watermark is not looked at.

    Raises: ConfigError, SourceError.
    """
    _check_packages()
    from risk.dataset._database_connection import opened
    from risk.dataset._database_sql import first_rows

    with opened(_without_secret(source.url), password(source, root), name(source), root) as connection:
        return first_rows(connection, source, most)


def password(source: DatabaseSource, root: Path) -> str | None:
    """The password: of the variable that the URL names, of the file, or of RISK_DATABASE_PASSWORD.

    Raises: ConfigError where the variable or the file is missing.
    """
    match = IN_URL.match(source.url)
    if match:
        variable = match[1][2:-1]
        if variable not in os.environ:
            raise ConfigError(f"key 'source.url' names the environment variable {variable}, which is not set")
        return os.environ[variable]
    if source.password_file is None:
        return os.environ.get(PASSWORD)
    path = root / source.password_file
    try:
        return path.read_text(encoding="utf-8-sig").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise ConfigError(f"key 'source.password_file': {path} is not readable ({why})") from error


@contextmanager
def _rows(source: DatabaseSource, schema: Schema, root: Path) -> Iterator[DatabaseRows]:
    _check_packages()
    from risk.dataset._database_connection import opened
    from risk.dataset._database_sql import DatabaseRows

    with opened(_without_secret(source.url), password(source, root), name(source), root) as connection:
        yield DatabaseRows(connection, source, name(source), tuple(_columns(schema)))


def _check_packages() -> None:
    try:
        import sqlalchemy  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(f"key 'source' needs the package {error.name}; run {INSTALL}") from error


def _without_secret(url: str) -> str:
    return IN_URL.sub(lambda match: match[0].replace(f":{match[1]}@", "@"), url)


def _asked(source: DatabaseSource, schema: Schema) -> str:
    """A digest of what is asked, whoever asks. What is known of another question is of no use."""
    place = re.sub("//[^@/]*@", "//", source.url)
    asked = [place, source.table, source.query, source.watermark, _columns(schema)]
    return files.digest(files.as_json(asked))[:12]


def _columns(schema: Schema) -> list[str]:
    return [column.name for column in schema.columns if schema.holds_outcome or column.kind != "target"]


def _unmarked(source: DatabaseSource, rows: DatabaseRows) -> list[str]:
    n_rows = rows.n_unmarked()
    return [f"{source.watermark} is blank in {n_rows:,} rows; they are left out until it is filled"] if n_rows else []


# --- what was pulled, taken in ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pulled:
    """The manifest that follows, and what a person should know."""

    manifest: Manifest
    warnings: tuple[str, ...]


def pull_in(
    source: DatabaseSource, before: Manifest, schema: Schema, parts: Path, root: Path, run: int,
    erased: Erased = NOBODY,
) -> Pulled:  # fmt: skip
    """Take in the rows of a database since its watermark: the same reader, the same refusals as for a file.

    A pull that is refused whole does not move the watermark. Raises: SourceError, ConfigError, DiskError.
    """
    called = name(source)
    entry = before.entry(called) or Entry(called, judged_run=run)
    with tempfile.TemporaryDirectory() as scratch:
        pulled = pull(source, schema, entry.watermark, Path(scratch), root)
        notes = [f"{called}: {warning}" for warning in pulled.warnings]
        if pulled.path is None:
            after = replace(entry, state="in", reason=None, watermark=pulled.watermark)
            return Pulled(_with(before, after) if pulled.watermark else before, tuple(notes))
        source_file = Source(called, pulled.path, is_ordered=True)
        ((_, content),) = read([source_file], schema.as_plain, parts, size_cap=UNLIMITED, erased=erased)
    if content is None:
        note = f"{called}: what was pulled changed while it was read; it is left for the next run"
        return Pulled(before, (*notes, note))
    others = before.with_entries(it for it in before.entries if it.path != called)
    content = of_one_form(content, (others if pulled.anew else before).periods, schema)
    if content.fault:
        after = replace(entry, state="refused", reason=sentence(called, content.fault), refused=content)
        return Pulled(_with(before, after), tuple(notes))
    content = _without_doubted(judged(content, before.periods, schema, parts), entry, schema, parts)
    after = entry
    if content.n_accepted or entry.state != "held":
        after = follow(entry, content, not pulled.anew, run, Feeds(before, schema, parts).fault_of(content))
    return Pulled(with_digests(_with(before, replace(after, watermark=pulled.watermark)), parts), tuple(notes))


def _without_doubted(content: Content, entry: Entry, schema: Schema, parts: Path) -> Content:
    """A pull without rows that were held, or released by a person: the overlap reads them once more."""
    held = [entry.refused] if entry.state == "held" and entry.refused else []
    doubted = [*held, *(it for it in entry.contents if it.released)]
    if not doubted:
        return content
    places = [Place(content, 0, 0, 0, False)]
    places += [Place(it, source, source * SPAN, 0, True) for source, it in enumerate(doubted, start=1)]
    rows = AcceptedRows(places, schema, parts)
    same = " and ".join(f"k.{name} is not distinct from a.{name}" for name in rows.names.values())
    query = f"from accepted a where not known and exists (from accepted k where k.known and {same})"
    repeats = rows.run(f"select position, {rows.target} is not null {query} order by all").fetchall()
    n_rows = len(repeats)
    return replace(
        content,
        slices=_cut(content.slices, [position for position, _ in repeats]),
        n_read=content.n_read - n_rows,
        n_accepted=content.n_accepted - n_rows,
        n_labelled=content.n_labelled - sum(labelled for _, labelled in repeats),
    )


def _cut(slices: Iterable[Slice], positions: Sequence[int]) -> tuple[Slice, ...]:
    """The slices without the rows at some positions, in rising order, counted through all of them."""
    kept, begins = [], 0
    for piece in slices:
        first, end = piece.first, piece.first + piece.rows
        inside = positions[bisect_left(positions, begins) : bisect_left(positions, begins + piece.rows)]
        for place in [*(piece.first + position - begins for position in inside), end]:
            kept += [Slice(piece.part, first, place - first)] if place > first else []
            first = place + 1
        begins += piece.rows
    return tuple(kept)


def _with(manifest: Manifest, entry: Entry) -> Manifest:
    return manifest.with_entries([*(other for other in manifest.entries if other.path != entry.path), entry])
