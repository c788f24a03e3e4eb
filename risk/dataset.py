"""The dataset as a set: the rows of a manifest, distinct, in order, asked by SQL over the parts.

Without a period column a row is distinct by all its values and a labelled row replaces its unlabelled twin. With one
there is one row per client and period: of several the later source wins, and of one source the newer content.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from risk import artifacts, files
from risk import manifest as manifests
from risk.errors import DiskError
from risk.manifest import Manifest, content_order
from risk.schema import Column, Schema
from risk.typed import literal, quoted

ADDED = ("row", "content", "position")  # what frames hold beside the columns of the schema
_SPAN = 1 << 40

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
    max(greatest(abs(try_cast(stats_min_value as double)), abs(try_cast(stats_max_value as double)))) >= {2**53}"""


@dataclass(frozen=True)
class ColumnStatistics:
    mean: float | None
    median: float | None
    standard_deviation: float | None


@dataclass(frozen=True)
class Summary:
    """Of the labelled rows: their number, statistics of each number column, percent missing of every column."""

    n_rows: int
    columns: dict[str, ColumnStatistics]
    missing_percent: dict[str, float]


class Dataset:
    """The rows of one manifest. Frames hold the schema's columns (numbers float64, text object, target 0/1/NaN) and

    `row` (uint64, the same for the same client, period and features), `content` (order of the content), `position`.
    Within the SQL the schema's columns are c0, c1, …, so that no name of theirs is taken for one of ours.
    """

    def __init__(self, manifest: Manifest, schema: Schema, parts: Path, known: Manifest | None = None):
        self.manifest, self.schema, self.parts, self.known = manifest, schema, parts, known
        self._columns = {column.name: f"c{index}" for index, column in enumerate(schema.columns)}
        self._client, self._target = self._columns[schema.client], self._columns[schema.target]
        self._period = self._columns[schema.period] if schema.period else None
        self._order = f"{self._period}, position" if self._period else "position"

    def labelled(self) -> pd.DataFrame:
        """Return the labelled rows in order: what may be trained on."""
        return self._frame(f"select * from resolved where {self._target} is not null")

    def news(self) -> pd.DataFrame:
        """Return the labelled rows of contents that the known manifest does not have, without rows that it knew."""
        same = " and ".join(f"k.{name} is not distinct from r.{name}" for name in self._columns.values())
        return self._frame(
            f"""select * from resolved r where {self._target} is not null and content not in
                (select content from slices where known) and not exists
                (select 1 from accepted k where k.known and k.{self._target} is not null and {same})"""
        )

    def recent(self, contents: int | None) -> pd.DataFrame:
        """Return the news of the last so many contents; all for None. After a change, older news tell of the past."""
        news = self.news()
        last = sorted(news["content"].unique())[-(contents or len(news) or 1) :]
        return news[news["content"].isin(last)]

    def clients(self, *, left_too: bool = False) -> pd.DataFrame:
        """Return the newest row of every current client: of all accepted rows, but of nobody who has left."""
        stayed = "true" if left_too else f"{self._target} is distinct from 1"
        table, order = ("resolved", self._period) if self._period else ("newest", "position")
        return self._frame(
            f"""select * from {table} where {stayed} and ({self._client}, {order}) in
                (select ({self._client}, max({order})) from {table} group by {self._client})"""
        )

    def contributions(self) -> dict[tuple[int, str], int]:
        """Return how many rows of the set come from each (source's place, content's digest)."""
        rows = self._run("select source, digest, count(*) from resolved group by source, digest").fetchall()
        return {(int(source), digest): int(count) for source, digest, count in rows}

    def counts(self) -> dict[str, int]:
        """Return the number of distinct rows, of labelled rows and of clients."""
        found = self._run(f"select count(*), count({self._target}), count(distinct {self._client}) from resolved")
        return dict(zip(("n_rows", "n_labelled", "n_clients"), map(int, found.fetchall()[0]), strict=True))

    def summary(self) -> Summary:
        """Return the statistics of the labelled rows, exact to the last digit on every run."""
        self._run("set threads = 1")
        numbers = [column.name for column in self.schema.columns if column.kind == "number"]
        asked = ["count(*)", *(f"count(*) - count({name})" for name in self._columns.values())]
        for name in numbers:
            x = f"cast({self._columns[name]} as double)"
            asked += [f"avg({x})", f"median({x})", f"stddev_samp({x})"]
        query = f"select {', '.join(asked)} from (select * from resolved order by {self._order})"
        n_rows, *found = self._run(f"{query} where {self._target} is not null").fetchall()[0]
        missing, figures = found[: len(self._columns)], found[len(self._columns) :]
        percent = [round(100 * int(count) / n_rows, 4) if n_rows else 0.0 for count in missing]
        columns = {name: ColumnStatistics(*figures[3 * i : 3 * i + 3]) for i, name in enumerate(numbers)}
        return Summary(n_rows, columns, dict(zip(self._columns, percent, strict=True)))

    def write_final_data(self, path: Path) -> None:
        """Write the labelled rows as CSV: schema order, LF, missing = empty, integers without «.0»."""
        shown = ", ".join(f"{self._shown(column)} as {quoted(column.name)}" for column in self.schema.columns)
        self._run(
            f"copy (select {shown} from resolved where {self._target} is not null order by {self._order}) "
            f"to {literal(str(path))} (format csv, header true, delimiter ',', quote '\"', escape '\"', nullstr '')"
        )

    def _frame(self, query: str) -> pd.DataFrame:
        numbers = {column.name for column in self.schema.columns if column.kind in ("number", "target")}
        shown = ", ".join(
            f"{f'cast({inner} as double)' if name in numbers else inner} as {quoted(name)}"
            for name, inner in self._columns.items()
        )
        query = f"select {shown}, {', '.join(ADDED)} from ({query}) order by {self._order}"
        frame: pd.DataFrame = self._run(query).df()
        texts = [name for name in self._columns if name not in numbers]
        return frame.astype(dict.fromkeys(texts, object))

    def _shown(self, column: Column) -> str:
        name = self._columns[column.name]
        if column.kind == "target":
            values = self.schema.target_values
            return f"case {name} when 1 then {literal(values.left[0])} when 0 then {literal(values.stayed[0])} end"
        return PLAIN.format(x=name) if column.kind == "number" else name

    @functools.cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config={"threads": 2})
        try:
            self._build(connection)
        except duckdb.Error as error:
            raise self._refusal(error) from error
        return connection

    def _build(self, connection: duckdb.DuckDBPyConnection) -> None:
        columns = ", ".join(self._columns.values())
        features = ", ".join(name for name in self._columns.values() if name != self._target)
        place = f"{columns}, {self._row_key()} as row, content, digest, source, position"
        connection.execute(
            "create table slices (part varchar, first bigint, last bigint, start bigint, source bigint,"
            " content bigint, digest varchar, known boolean)"
        )
        if slices := list(self._slices()):
            values = [list(column) for column in zip(*slices, strict=True)]
            connection.execute(f"insert into slices select {', '.join(['unnest(?)'] * len(values))}", values)
        connection.execute(
            f"""create view accepted as select {columns}, source, content, digest, known,
                source * {_SPAN} + start + nth - first as position from ({self._parts_sql(connection, slices)})
                join slices on file = part and nth >= first and nth < last"""
        )
        if self._period:
            chosen = f"""qualify row_number() over
                (partition by {self._client}, {self._period} order by latest desc, position desc) = 1"""
        else:
            chosen = f"qualify row_number() over (partition by {columns} order by position) = 1"
        connection.execute(
            f"""create table resolved as with untwinned as
                (select *, max(position) over twins as latest from accepted where not known
                window twins as (partition by {features})
                qualify {self._target} is not null or count({self._target}) over twins = 0)
                select {place} from (select * from untwinned {chosen})"""
        )
        connection.execute(f"create view newest as select {place} from accepted where not known")

    def _row_key(self) -> str:
        named = [self.schema.client, *([self.schema.period] if self.schema.period else []), *self.schema.features]
        numbers = {column.name for column in self.schema.columns if column.kind == "number"}
        inner = ((self._columns[name], name in numbers) for name in named)
        texts = (f"cast({name} as double)" if is_number else name for name, is_number in inner)
        pieces = ", ".join(f"coalesce(cast({text} as varchar), chr(30))" for text in texts)
        return f"md5_number_lower(concat_ws(chr(31), {pieces}))"

    def _parts_sql(self, connection: duckdb.DuckDBPyConnection, slices: list[tuple[Any, ...]]) -> str:
        """Return the query of the parts as c0, c1, …, `file` and `nth` (its row, from 0)."""
        if not slices:
            kinds = {"number": "double", "target": "tinyint"}
            types = (kinds.get(column.kind, "varchar") for column in self.schema.columns)
            empty = ", ".join(f"cast(null as {kind}) as c{index}" for index, kind in enumerate(types))
            return f"select {empty}, '' as file, 0 as nth where false"
        paths = sorted({piece[0] for piece in slices})
        texts = {name for (name,) in connection.execute(UNITED_IN_TEXT, [paths]).fetchall()}
        apart = [[path] for path in paths] if texts else [paths]
        return " union all ".join(self._part_sql(some, texts) for some in apart)

    def _part_sql(self, paths: list[str], texts: set[str]) -> str:
        named = ((PLAIN.format(x=quoted(n)) if n in texts else quoted(n), c) for n, c in self._columns.items())
        options = "filename = ' file', file_row_number = true, union_by_name = true, hive_partitioning = false"
        return (
            f'select {", ".join(f"{x} as {inner}" for x, inner in named)}, " file" as file, file_row_number as nth '
            f"from read_parquet([{', '.join(map(literal, paths))}], {options})"
        )

    def _slices(self) -> Iterable[tuple[Any, ...]]:
        """Yield one row of the table `slices` per slice of a content; rows are counted through a source's contents."""
        order = content_order(self.manifest, self.known)
        for manifest, known in ((self.manifest, False), (self.known, True)):
            for source, entry in enumerate(manifest.entries if manifest else ()):
                start = 0
                for content in entry.contents:
                    for piece in content.slices:
                        place = (str(self.parts / piece.part), piece.first, piece.first + piece.rows, start, source)
                        yield (*place, order[content.digest], content.digest, known)
                        start += piece.rows

    def _run(self, query: str) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(query)
        except duckdb.Error as error:
            raise self._refusal(error) from error

    def _refusal(self, error: duckdb.Error) -> DiskError:
        told = str(error).splitlines()[0]
        return DiskError(
            f"{self.parts}: the rows of dataset {self.manifest.name} cannot be read ({told}); "
            f"run python ingestion.py --verify, and put the folder back from a backup if {artifacts.PARTS} are damaged"
        )


def current_manifest(ingested: Path, input_folder: str, schema: Schema) -> Manifest:
    """Return the manifest of the current version; an empty one for another input folder, another schema, or none."""
    folder = files.resolve(ingested / artifacts.CURRENT)
    found = manifests.read(folder) if folder else None
    empty = Manifest(input_folder.rstrip("/"), schema.identity, number=found.number if found else 0)
    return found if found and (found.input_folder, found.schema) == (empty.input_folder, empty.schema) else empty
