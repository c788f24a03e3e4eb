"""The rows of a database table or query, in order, handed on as the bytes of a CSV.

PostgreSQL copies by its own COPY; any other database hands its rows over one by one.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy
from sqlalchemy.engine import Connection
from sqlalchemy.sql.expression import ColumnClause, ColumnElement, FromClause, Select

from risk.errors import SourceError
from risk.reading.values import LONGEST_FIELD
from risk.settings.database_source import DatabaseSource

AT_ONCE = 10_000  # rows
KEPT = LONGEST_FIELD + 1  # characters of a text: one more than the reader accepts, so that it refuses it
BOOLEAN, FLOATS = 16, {700, 701}  # type numbers of PostgreSQL
TIMES = {1082, 1114, 1184}
PLAIN = {20, 21, 23, 1700, *TIMES}  # its types whose text is never blank, padded or long
FIRST_TIME, LAST_TIME = "'0001-01-02'", "'9999-12-30'"  # of Python; PostgreSQL knows more, and infinity
HIGHEST = 20  # values among which a stray number is looked for


class DatabaseRows:
    """The rows of a source in an open transaction, called `name`. Rows without a watermark are never among them."""

    def __init__(self, connection: Connection, source: DatabaseSource, name: str, columns: Sequence[str]) -> None:
        self._connection, self._source, self.name, self._columns = connection, source, name, columns
        self._copies = (connection.dialect.name, connection.dialect.driver) == ("postgresql", "psycopg")
        kinds = self._described()
        relation = _relation(source, list(kinds))
        self._watermark: ColumnElement[Any] = relation.c[source.watermark]
        self._marks = sqlalchemy.select(self._watermark).where(self._watermark.is_not(None))
        self._timed = self._copies and kinds[source.watermark] in TIMES
        shown = [_shown(relation.c[column], kinds[column] if self._copies else None) for column in columns]
        self._rows = sqlalchemy.select(*shown).where(self._watermark.is_not(None)).order_by(self._watermark, *shown)

    def present(self) -> datetime:
        """The database's own time in UTC, as of this transaction; this machine's where it tells none."""
        statement: Select[Any] = sqlalchemy.select(sqlalchemy.literal_column("current_timestamp"))
        return moment_of(self._connection.execute(statement).scalar())

    def ends(self, until: object = None) -> tuple[object, object]:
        """The lowest and the highest watermark, or the highest up to a value; None where there is no row."""
        ends = []
        for end, clamp, limit in (("min", "greatest", FIRST_TIME), ("max", "least", LAST_TIME)):
            extreme = getattr(sqlalchemy.func, end)(self._watermark)
            clamped = getattr(sqlalchemy.func, clamp)(extreme, sqlalchemy.literal_column(limit))
            ends.append(sqlalchemy.case((extreme.is_not(None), clamped)) if self._timed else extreme)
        statement = sqlalchemy.select(*ends)
        bounded = statement if until is None else statement.where(self._watermark <= self._bound(until))
        low, high = self._connection.execute(bounded).one()
        return low, high

    def highest(self) -> list[Any]:
        """The highest watermarks, of numbers or text, each once, in falling order, but for infinite ones."""
        return self._finite(self._marks.distinct().order_by(self._watermark.desc()).limit(HIGHEST))

    def middle(self) -> list[Any]:
        """The watermark in the middle of all rows, in a list; an empty one where it is no finite number."""
        return self._finite(self._marks.order_by(self._watermark).offset(max(self.n_rows() - 1, 0) // 2).limit(1))

    def _finite(self, statement: Select[Any]) -> list[Any]:
        values = self._connection.execute(statement).scalars()
        return [value for value in values if isinstance(value, str) or math.isfinite(value)]

    def after(self, value: object) -> tuple[int, str]:
        """Return how many rows come after a watermark, and the last of theirs as text."""
        last = sqlalchemy.cast(sqlalchemy.func.max(self._watermark), sqlalchemy.Text)
        statement = sqlalchemy.select(sqlalchemy.func.count(), last).where(self._watermark > self._bound(value))
        n_rows, text = self._connection.execute(statement).one()
        return int(n_rows), str(text)

    def n_rows(self) -> int:
        """The number of rows that have a watermark."""
        statement = sqlalchemy.select(sqlalchemy.func.count(self._watermark))
        return int(self._connection.execute(statement).scalar_one())

    def reach(self, value: object) -> bool:
        """Whether any row is as new as the value."""
        return self._connection.execute(self._from(value).order_by(None).limit(1)).first() is not None

    def n_unmarked(self) -> int:
        """The number of rows without a watermark."""
        statement = sqlalchemy.select(sqlalchemy.func.count()).where(self._watermark.is_(None))
        return int(self._connection.execute(statement).scalar_one())

    def hand_on(self, first: object, take: Callable[[bytes], object]) -> int:
        """Give `take` the rows from a watermark on, oldest first, as CSV with a header; return their number."""
        statement = self._rows if first is None else self._from(first)
        return self._copy(statement, take) if self._copies else self._fetch(statement, take)

    def _from(self, value: object) -> Select[Any]:
        return self._rows.where(self._watermark >= self._bound(value))

    def _bound(self, value: object) -> ColumnElement[Any]:
        """A value to compare with: PostgreSQL gives a quoted text the type of the column."""
        if self._copies:
            return sqlalchemy.literal_column("'" + str(value).replace("'", "''") + "'")
        return sqlalchemy.literal(value)

    def _copy(self, statement: Select[Any], take: Callable[[bytes], object]) -> int:
        compiled = statement.compile(dialect=self._connection.dialect, compile_kwargs={"literal_binds": True})
        sql = str(compiled) % ()  # the compiler doubles every percent sign
        driver: Any = self._connection.connection.driver_connection
        with driver.cursor() as cursor:
            with cursor.copy(f"COPY ({sql}) TO STDOUT (FORMAT csv, HEADER)") as blocks:
                for block in blocks:
                    take(bytes(block))
            return int(cursor.rowcount)

    def _fetch(self, statement: Select[Any], take: Callable[[bytes], object]) -> int:
        n_rows = 0
        result = self._connection.execution_options(stream_results=True).execute(statement)
        take(_as_csv([self._columns]))
        for rows in result.partitions(AT_ONCE):
            take(_as_csv([[_TEXTS.get(type(value), _plain)(value) for value in row] for row in rows]))
            n_rows += len(rows)
        return n_rows

    def _described(self) -> dict[str, Any]:
        """The type of every column by its name. Raises: SourceError where the table or a column is missing."""
        source, relation = self._source, _relation(self._source, [])
        if source.table:
            check_table(self._connection, source.table, self.name)
        everything = sqlalchemy.select(sqlalchemy.text("*")).select_from(relation).where(sqlalchemy.false())
        result = self._connection.execute(everything)
        columns = [(str(column[0]), column[1]) for column in result.cursor.description]
        names = [name for name, _ in columns]
        for name in (*self._columns, source.watermark):
            if names.count(name) != 1:
                fault = "stands twice in" if name in names else "is not in"
                raise SourceError(
                    f"{self.name}: column {name!r} {fault} the {'table' if source.table else 'query'}, "
                    f"which has {', '.join(names)}; name its columns as the settings do, or ask by a query"
                )
        return dict(columns)


def first_rows(connection: Connection, source: DatabaseSource, most: int) -> dict[str, list[str]]:
    """The texts of the first rows of a table, by column, as they would be handed on. Raises: SourceError."""
    check_table(connection, str(source.table), str(source.table))
    everything = sqlalchemy.select(sqlalchemy.text("*")).select_from(_relation(source, [])).limit(most)
    result = connection.execute(everything)
    rows = [[_TEXTS.get(type(value), _plain)(value) for value in row] for row in result]
    return {name: [row[place] for row in rows] for place, name in enumerate(result.keys())}


def check_table(connection: Connection, table: str, called: str) -> None:
    """Raises: SourceError where there is no such table."""
    inspector = sqlalchemy.inspect(connection)
    schema, name = _split(table)
    if inspector.has_table(name, schema=schema):
        return
    tables = sorted({*inspector.get_table_names(schema=schema), *inspector.get_view_names(schema=schema)})
    others = f"those there are: {', '.join(tables[:20])}" if tables else "there is none that this user may see"
    raise SourceError(f"{called}: there is no table {table!r}; {others}")


def moment_of(answer: object) -> datetime:
    """A time that a database tells, in UTC; the time of this machine where it tells none."""
    try:
        moment = answer if isinstance(answer, datetime) else datetime.fromisoformat(str(answer))
    except ValueError:
        moment = datetime.now(UTC)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _relation(source: DatabaseSource, names: list[str]) -> FromClause:
    columns: list[ColumnClause[Any]] = [sqlalchemy.column(name) for name in names]
    if source.table:
        schema, name = _split(source.table)
        return sqlalchemy.table(name, *columns, schema=schema)
    text = (source.query or "").replace(":", r"\:")  # a colon begins no parameter
    return sqlalchemy.text(f"{text}\n").columns(*columns).subquery("source")


def _split(table: str) -> tuple[str | None, str]:
    schema, dot, name = table.partition(".")
    return (schema, name) if dot else (None, table)


def _shown(column: ColumnElement[Any], kind: object) -> ColumnElement[Any]:
    """A column of PostgreSQL as the reader wants to see it; of any other database as it is."""
    if kind is None or kind in PLAIN:
        return column
    text: ColumnElement[Any] = sqlalchemy.cast(column, sqlalchemy.Text)
    if kind == BOOLEAN:
        text = sqlalchemy.cast(column, sqlalchemy.Integer)
    elif kind in FLOATS:
        text = sqlalchemy.cast(text, sqlalchemy.Numeric)  # no exponents
    else:
        text = sqlalchemy.func.nullif(sqlalchemy.func.left(sqlalchemy.func.btrim(text, " "), KEPT), "")
    return text.label(str(column.key))


def _as_csv(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "surrogatepass")


def _plain(value: object) -> str:
    """Return any other value as text; the reader would refuse a whole file for a NUL, and one row for U+0001."""
    return str(value).replace("\x00", "\x01").strip(" ")[:KEPT]


def _decimal(value: Decimal | float) -> str:
    number = Decimal(repr(value)) if isinstance(value, float) else value
    return format(number, "f") if number.is_finite() else str(value)


_TEXTS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "",
    int: str,
    bool: lambda value: str(int(value)),
    float: _decimal,
    Decimal: _decimal,
    datetime: lambda value: value.isoformat(" "),
    bytes: lambda value: f"\\x{value.hex()}"[:KEPT],
}
