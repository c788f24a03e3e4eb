"""The accepted rows of chosen contents as one SQL view over their parts, and the rows of the set among them.

Within the SQL the schema's columns are c0, c1, …, so that no name of theirs is taken for one of ours.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from risk.disk.paths import UNFINISHED
from risk.errors import DiskError
from risk.reading.reader import Content
from risk.reading.sql import EXACT_INTEGER, connect, literal, pattern, quoted
from risk.settings.schema import Schema

SPAN = 1 << 40  # positions of one source
BUCKET = 1024  # rows of a part, by which its slices are found: of thousands of small files one part holds all
SPILL = f"{UNFINISHED}spill"  # beside the parts; tidied away

# a number as plain decimal text: whole ones without «.0», small ones without an exponent
PLAIN = """case when typeof({x}) in ('BIGINT', 'VARCHAR') then cast({x} as varchar)
    when cast({x} as double) = trunc(cast({x} as double)) then cast(cast({x} as hugeint) as varchar)
    when contains(cast({x} as varchar), 'e-') then if(starts_with(cast({x} as varchar), '-'), '-0.', '0.')
        || repeat('0', cast(split_part(cast({x} as varchar), 'e-', 2) as integer) - 1)
        || regexp_replace(split_part(cast({x} as varchar), 'e-', 1), '[-.]', '', 'g')
    else cast({x} as varchar) end"""

# the columns that are whole in one part and decimal in another, and hold integers that float64 would change
UNITED_IN_TEXT = f"""select path_in_schema from parquet_metadata(?) where type in ('INT64', 'DOUBLE')
    group by path_in_schema having count(distinct type) = 2 and
    max(greatest(abs(try_cast(stats_min_value as double)), abs(try_cast(stats_max_value as double))))
    >= {EXACT_INTEGER}"""

COLUMNS = "select file_name, name, type from parquet_schema(?) where type is not null"
KINDS = {"INT64": "number", "DOUBLE": "number", "INT32": "target"}  # of a part's columns by their type; others are text
Columns = dict[str, str]  # c0, c1, … as a part calls them


@dataclass(frozen=True)
class Place:
    """A content in its source: the position of its first row, its place in the order of time, and whether it is of the
    known manifest.
    """

    content: Content
    source: int
    position: int
    order: int
    known: bool


class AcceptedRows:
    """The view `accepted` (c0, c1, …, position, known) over the contents at some places."""

    def __init__(self, places: Sequence[Place], schema: Schema, parts: Path) -> None:
        self._schema, self._parts = schema, parts
        self._slices: list[tuple[str, int, int, int, bool]] = []  # as in the table of that name
        for place in places:
            position = place.position
            for piece in place.content.slices:
                path, end = str(parts / piece.part), piece.first + piece.rows
                self._slices.append((path, piece.first, end, position, place.known))
                position += piece.rows
        self.names = {column.name: f"c{index}" for index, column in enumerate(schema.columns)}
        self._numbers = {column.name for column in schema.columns if column.kind == "number"}
        self.client, self.target = self.names[schema.client], self.names[schema.target]
        self.period = self.names[schema.period] if schema.period else None
        self.order = f"{self.period}, position" if self.period else "position"

    def resolved(self, where: str = "true", *, labelled: bool = False) -> str:
        """The query of the set's rows (c0, …, position) among the accepted ones that satisfy `where`.

        `where` may ask for anything but the target, so that twins stay together; known rows are left out. With periods
        `latest` is the position of a row's last twin: by it, a row stands against others of its client and period.
        """
        where = f"not known and {where}"
        inner = [name for name in self.names.values() if name != self.target]
        features, t = ", ".join(inner), self.target
        if self.period:
            outcome = f"filter ({t} is not null)"
            wanted = f"and {t} is not null" if labelled else ""
            place = f"coalesce(max(position) {outcome}, max(position)) as position"
            return f"""with twins as materialized (select {features},
                    max(position) as latest, arg_max({t}, position) {outcome} as {t}, {place}
                    from accepted where {where} group by {features})
                select {features}, {t}, position, latest from twins where latest in
                (select max(latest) from twins group by {self.client}, {self.period}) {wanted}"""
        if labelled:
            return f"""select {features}, {t}, min(position) as position from accepted
                where {t} is not null and {where} group by {features}, {t}"""
        kinds = {"stayed": f"{t} = 0", "left": f"{t} = 1", "open": f"{t} is null"}
        firsts = ", ".join(f"min(position) filter ({kind}) as p_{name}" for name, kind in kinds.items())
        return f"""with twins as materialized
                (select {features}, {firsts} from accepted where {where} group by {features})
            select {features}, 0::tinyint as {t}, p_stayed as position from twins where p_stayed is not null
            union all select {features}, 1::tinyint, p_left from twins where p_left is not null
            union all select {features}, null::tinyint, p_open from twins where p_stayed is null and p_left is null"""

    def held_out(self, share: float) -> str:
        """The condition that a row's client is among this share, by a hash of the name alone."""
        if not share:
            return "false"
        return f"(md5_number_lower('held out' || chr(31) || {self.client}) % 10000 < {round(10_000 * share)})"

    def changes(self) -> str:
        """The query of every client's and period's change of some numbers since the period before: d0, d1, …"""
        order = f"over (partition by {self.client} order by {self.period})"
        sources = (self.names[source] for source in self._schema.changes.values())
        differences = ", ".join(
            f"cast({x} as double) - lag(cast({x} as double)) {order} as d{i}" for i, x in enumerate(sources)
        )
        return f"select {self.client}, {self.period}, {differences} from ({self.resolved()})"

    def unknown(self, rows: str, among: str) -> str:
        """The query of those of these rows that are like none of the known ones, `k`, that satisfy a condition.

        Alike are rows with an outcome of which a model learns the same, as far as the parts of both have it. Where they
        have no client in common, none are.
        """
        have = set(self.names.values()).intersection(*self._former.values())
        alike = [f"k.{it} is not distinct from r.{it}" for it in (*self._taught.values(), self.target) if it in have]
        same = " and ".join([f"k.{self.target} is not null", *alike, among, str(self.client in have)])
        return f"select * from ({rows}) r where not exists (select 1 from accepted k where k.known and {same})"

    @functools.cached_property
    def _taught(self) -> Columns:
        """Client, period and features by their names: what a model learns from beside the outcome."""
        schema = self._schema
        others = {schema.owner, schema.value, schema.renewal, schema.outcome.ended_on, schema.target}
        return {name: inner for name, inner in self.names.items() if name not in others - set(schema.features)}

    def row(self) -> str:
        """The expression of a key that is the same for the same client, period and features, ever after."""
        named = [(inner, name in self._numbers) for name, inner in self._taught.items()]
        texts = (f"cast({inner} as double)" if number else inner for inner, number in named)
        pieces = ", ".join(f"coalesce(cast({text} as varchar), chr(30))" for text in texts)
        return f"md5_number_lower(concat_ws(chr(31), {pieces}))"

    def key(self) -> str:
        """The expression of a hash of what makes rows twins, or revisions of each other."""
        if self.period:
            return f"hash({self.client}, {self.period})"
        return hashed({inner: name in self._numbers for name, inner in self.names.items() if inner != self.target})

    def run(self, query: str, values: Sequence[Any] = ()) -> duckdb.DuckDBPyConnection:
        """Run a query. Raises: DiskError."""
        try:
            return self._connection.execute(query, list(values))
        except duckdb.Error as error:
            raise self._refusal(error) from error

    @functools.cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        connection = connect(self._parts.parent / SPILL)
        columns_of = "part varchar, first bigint, last bigint, place bigint, known boolean"
        connection.execute(f"create temp table slices ({columns_of})")
        if self._slices:
            columns = [list(column) for column in zip(*self._slices, strict=True)]
            connection.execute(f"insert into slices select {', '.join(['unnest(?)'] * len(columns))}", columns)
        buckets = f"unnest(range(first // {BUCKET}, (last - 1) // {BUCKET} + 1)) as bucket"
        connection.execute(f"create temp table stretches as select *, {buckets} from slices where last > first")
        connection.execute(
            f"""create temp view accepted as
                select {", ".join(self.names.values())}, known, place + nth - first as position
                from ({self._parts_sql(connection)}) join stretches
                on file = part and nth // {BUCKET} = bucket and nth >= first and nth < last"""
        )
        return connection

    def _parts_sql(self, connection: duckdb.DuckDBPyConnection) -> str:
        """The query of the parts as c0, c1, …, `file` and `nth` (its row, from 0)."""
        if not self._slices:
            kinds = {"number": "double", "target": "tinyint"}
            types = (kinds.get(column.kind, "varchar") for column in self._schema.columns)
            empty = ", ".join(f"cast(null as {kind}) as c{index}" for index, kind in enumerate(types))
            return f"select {empty}, '' as file, 0 as nth where false"
        paths = sorted({path for path, *_ in self._slices})
        united = [pattern(path) for path in paths]
        texts = {name for (name,) in connection.execute(UNITED_IN_TEXT, [united]).fetchall()}
        ours = {inner: name for name, inner in self.names.items()}
        groups: dict[tuple[object, ...], list[str]] = {}
        for path in paths:
            groups.setdefault((path if texts else "", *self._former.get(path, ours).items()), []).append(path)
        found = ((some, self._former.get(some[0], ours)) for some in groups.values())
        return " union all ".join(self._part_sql(some, columns, texts) for some, columns in found)

    @functools.cached_property
    def _former(self) -> dict[str, Columns]:
        """The columns of each part of known rows alone: it may be of another schema.

        A column of another kind is another one, and the one of outcomes is the same whatever it is called.
        """
        ours = {path for path, *_, known in self._slices if not known}
        former = [pattern(path) for path in sorted({path for path, *_ in self._slices} - ours)]
        kinds = {it.name: it.kind if it.kind in KINDS.values() else "text" for it in self._schema.columns}
        found: dict[str, Columns] = {}
        try:
            with connect() as connection:
                for path, name, stored in connection.execute(COLUMNS, [former]).fetchall() if former else ():
                    columns, kind = found.setdefault(path, {}), KINDS.get(stored, "text")
                    now = self._schema.target if kind == "target" else name
                    columns |= {self.names[now]: name} if kinds.get(now) == kind else {}
        except duckdb.Error as error:
            raise self._refusal(error) from error
        return found

    def _part_sql(self, paths: Iterable[str], columns: Columns, texts: set[str]) -> str:
        named = ((columns.get(inner), inner) for inner in self.names.values())
        shown = ((PLAIN.format(x=quoted(n)) if n in texts else quoted(n) if n else "null", c) for n, c in named)
        options = "filename = ' file', file_row_number = true, union_by_name = true, hive_partitioning = false"
        return (
            f'select {", ".join(f"{x} as {inner}" for x, inner in shown)}, " file" as file, file_row_number as nth '
            f"from read_parquet([{', '.join(literal(pattern(path)) for path in paths)}], {options})"
        )

    def _refusal(self, error: duckdb.Error) -> DiskError:
        why = str(error).splitlines()[0]
        if isinstance(error, duckdb.OutOfMemoryException | duckdb.IOException) and "space" in why.lower():
            return DiskError(f"{self._parts.parent}: no room to work with the rows ({why}); make room and run again")
        return DiskError(
            f"{self._parts}: the rows cannot be read ({why}); run python ingestion.py --verify, and put the folder "
            f"back from a backup if {self._parts.name} are damaged",
            record=f"{self._parts}: the rows cannot be read; the log says why",
        )


def hashed(columns: dict[str, bool]) -> str:
    """The expression of a 64-bit hash of columns (True for numbers): 1 and 1.0 are one, as are NULLs."""
    exact = f"abs(try_cast({{x}} as double)) < {EXACT_INTEGER}"
    number = f"case when {exact} then hash(cast({{x}} as double)) else hash({PLAIN}) end"
    return f"hash({', '.join(number.format(x=name) if is_number else name for name, is_number in columns.items())})"
