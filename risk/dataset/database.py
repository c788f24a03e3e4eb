"""A database as a source: what is new there, as one CSV file.

Light: SQLAlchemy is imported when a database is asked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from risk import files
from risk.dataset._database_end import end_of, tail
from risk.dataset._watermark import Watermark, begin, kind_of, lies_after
from risk.errors import ConfigError
from risk.schema import IN_URL, PASSWORD, DatabaseSource, Schema

if TYPE_CHECKING:
    from risk.dataset._database_sql import Rows

INSTALL = ".venv/bin/python -m pip install sqlalchemy 'psycopg[binary]'"
PULLED = "pulled.csv"


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
    """Return the name of the source in manifest and logs."""
    return f"database/{source.table or 'query'}"


def pull(source: DatabaseSource, schema: Schema, since: Watermark | None, scratch: Path, root: Path) -> Pull:
    """Write what is new since a watermark into a CSV file in `scratch`; all rows are of one moment, oldest first.

    Raises: ConfigError, SourceError (nothing was taken in), DiskError.
    """
    asked = _asked(source, schema)
    known = since if since and since.source == asked else None
    said = ["another url, table, query or columns: everything is read anew"] if since and not known else []
    with _rows(source, schema, root) as rows:
        end = end_of(rows, source.watermark)
        if end is None:
            said += _unmarked(source, rows)
            said += ["it has no rows any more; what was taken in before is kept"] if known else []
            return Pull(None, known, 0, False, tuple(said))
        said += end.said
        blind = known is not None and lies_after(known, source.overlap, end.limit)
        if known and not blind and tail(rows, known.typed, source.overlap) == known.tail:
            return Pull(None, known, 0, False, tuple(said))
        said += _unmarked(source, rows)
        now = Watermark(str(end.value), str(kind_of(end.value)), tail(rows, end.value, source.overlap), asked)
        first = begin(known.typed, source.overlap) if known else None
        if known and (blind or not rows.reach(known.typed)):
            said.append(f"{source.watermark} ends at {now.value}, before {known.value} of last time: all is read again")
            first = None
        path = scratch / PULLED
        with files.refusals(path), path.open("wb") as file:
            n_rows = rows.hand_on(first, file.write)
    return Pull(path, now, n_rows, known is None, tuple(said))


def news(source: DatabaseSource, schema: Schema, since: Watermark | None, root: Path) -> bool:
    """Whether a pull would find anything: only the rows at the end are looked at."""
    known = since if since and since.source == _asked(source, schema) else None
    with _rows(source, schema, root) as rows:
        end = end_of(rows, source.watermark) if known else None
        if known and end and not lies_after(known, source.overlap, end.limit):
            return tail(rows, known.typed, source.overlap) != known.tail
        return rows.ends()[1] is not None


def password(source: DatabaseSource, root: Path) -> str | None:
    """Return the password: of the variable that the URL names, of the file, or of RISK_DATABASE_PASSWORD.

    Raises: ConfigError where the variable or the file is missing.
    """
    found = IN_URL.match(source.url)
    if found:
        variable = found[1][2:-1]
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
def _rows(source: DatabaseSource, schema: Schema, root: Path) -> Iterator[Rows]:
    try:
        from risk.dataset._database_connection import opened
        from risk.dataset._database_sql import Question, Rows
    except ModuleNotFoundError as error:
        raise ConfigError(f"key 'source' needs the package {error.name}; run {INSTALL}") from error
    columns = tuple(column.name for column in schema.columns)
    question = Question(name(source), source.table, source.query, columns, source.watermark)
    url = IN_URL.sub(lambda it: it[0].replace(f":{it[1]}@", "@"), source.url)
    with opened(url, password(source, root), question.name, root) as connection:
        yield Rows(connection, question)


def _asked(source: DatabaseSource, schema: Schema) -> str:
    """Return a digest of what is asked, whoever asks. What is known of another question is of no use."""
    place = re.sub("//[^@/]*@", "//", source.url)
    names = [column.name for column in schema.columns]
    return files.digest(files.as_json([place, source.table, source.query, source.watermark, names]))[:12]


def _unmarked(source: DatabaseSource, rows: Rows) -> list[str]:
    n_rows = rows.n_unmarked()
    return [f"{source.watermark} is blank in {n_rows:,} rows; they are left out until it is filled"] if n_rows else []
