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
from risk.manifest import Manifest
from risk.schema import Schema

_SPAN = 1 << 40


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

    `row` (uint64, the same for the same client, period and features), `content` (order of the content), `source`.
    """

    def __init__(self, manifest: Manifest, schema: Schema, parts: Path, known: Manifest | None = None):
        self.manifest, self.schema, self.parts, self.known = manifest, schema, parts, known
        self._names = [column.name for column in schema.columns]

    def labelled(self) -> pd.DataFrame:
        """Return the labelled rows in order: what may be trained on."""
        return self._frame(f"select * from resolved where {_quote(self.schema.target)} is not null")

    def news(self) -> pd.DataFrame:
        """Return the labelled rows of contents that the known manifest does not have, without rows that it knew."""
        same = " and ".join(f"k.{_quote(name)} is not distinct from r.{_quote(name)}" for name in self._names)
        return self._frame(
            f"""select * from resolved r where {_quote(self.schema.target)} is not null and content not in
                (select content from slices where known) and not exists
                (select 1 from accepted k where k.known and k.{_quote(self.schema.target)} is not null and {same})"""
        )

    def recent(self, contents: int | None) -> pd.DataFrame:
        """Return the news of the last so many contents; all for None. After a change, older news tell of the past."""
        news = self.news()
        last = sorted(news["content"].unique())[-(contents or len(news) or 1) :]
        return news[news["content"].isin(last)]

    def clients(self) -> pd.DataFrame:
        """Return the newest row of every current client: of all accepted rows, but of nobody who has left."""
        client, period = _quote(self.schema.client), self.schema.period
        table, order = ("resolved", _quote(period)) if period else ("newest", "position")
        return self._frame(
            f"""select * from {table} where {_quote(self.schema.target)} is distinct from 1 and ({client}, {order}) in
                (select ({client}, max({order})) from {table} group by {client})"""
        )

    def contributions(self) -> dict[tuple[int, str], int]:
        """Return how many rows of the set come from each (source's place, content's digest)."""
        rows = self._all("select source, any_value(digest), count(*) from resolved group by source, content")
        return {(int(source), digest): int(count) for source, digest, count in rows}

    def counts(self) -> dict[str, int]:
        """Return the number of distinct rows, of labelled rows and of clients."""
        target, client = _quote(self.schema.target), _quote(self.schema.client)
        found = self._all(f"select count(*), count({target}), count(distinct {client}) from resolved")[0]
        return dict(zip(("n_rows", "n_labelled", "n_clients"), map(int, found), strict=True))

    def summary(self) -> Summary:
        """Return the statistics of the labelled rows, exact to the last digit on every run."""
        target = _quote(self.schema.target)
        n_rows = self.counts()["n_labelled"]
        columns = {}
        self._connection.execute("set threads = 1")
        for column in self.schema.columns:
            if column.kind == "number":
                name = f"cast({_quote(column.name)} as double)"
                query = (
                    f"select avg({name}), median({name}), stddev_samp({name}) from ordered where {target} is not null"
                )
                columns[column.name] = ColumnStatistics(*self._all(query)[0])
        blanks = ", ".join(f"count(*) - count({_quote(name)})" for name in self._names)
        missing = self._all(f"select {blanks} from resolved where {target} is not null")[0]
        percent = [round(100 * int(count) / n_rows, 4) if n_rows else 0.0 for count in missing]
        return Summary(n_rows, columns, dict(zip(self._names, percent, strict=True)))

    def write_final_data(self, path: Path) -> None:
        """Write the labelled rows as CSV: schema order, LF, missing = empty, integers without «.0»."""
        shown = ", ".join(
            f"{self._shown(column.name, column.kind)} as {_quote(column.name)}" for column in self.schema.columns
        )
        target = _quote(self.schema.target)
        self._run(
            f"copy (select {shown} from ordered where {target} is not null order by {self._order}) "
            f"to {_text(str(path))} (format csv, header true, delimiter ',', quote '\"', escape '\"', nullstr '')"
        )

    @property
    def _order(self) -> str:
        return f"{_quote(self.schema.period)}, position" if self.schema.period else "position"

    def _frame(self, query: str) -> pd.DataFrame:
        numbers = [column.name for column in self.schema.columns if column.kind in ("number", "target")]
        cast = ", ".join(f"cast({_quote(name)} as double) as {_quote(name)}" for name in numbers)
        query = f"select * exclude (digest) replace ({cast}) from ({query}) order by {self._order}"
        frame: pd.DataFrame = self._run(query).df()
        texts = [column.name for column in self.schema.columns if column.kind not in ("number", "target")]
        return frame.astype(dict.fromkeys(texts, object))

    def _shown(self, name: str, kind: str) -> str:
        if kind == "target":
            values = self.schema.target_values
            return f"case {_quote(name)} when 1 then {_text(values.left[0])} when 0 then {_text(values.stayed[0])} end"
        if kind == "number":
            x = _quote(name)
            whole = f"{x} = trunc({x}) and abs({x}) < 1e15"
            return f"case when {whole} then cast(cast({x} as bigint) as varchar) else cast({x} as varchar) end"
        return _quote(name)

    @functools.cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config={"threads": 2})
        try:
            self._build(connection)
        except duckdb.Error as error:
            raise self._refusal(error) from error
        return connection

    def _build(self, connection: duckdb.DuckDBPyConnection) -> None:
        columns = ", ".join(map(_quote, self._names))
        features = ", ".join(_quote(name) for name in self._names if name != self.schema.target)
        target, client = _quote(self.schema.target), _quote(self.schema.client)
        connection.execute(
            "create table slices (part varchar, first bigint, last bigint, offset_ bigint, source bigint,"
            " generation bigint, content bigint, digest varchar, known boolean)"
        )
        slices = list(self._slices())
        if slices:
            connection.executemany("insert into slices values (?, ?, ?, ?, ?, ?, ?, ?, ?)", slices)
        connection.execute(
            f"""create view accepted as select {columns}, s.source, s.generation, s.content, s.digest, s.known,
                s.source * {_SPAN} + s.offset_ + p.file_row_number - s.first as position
                from {self._parts_sql(slices)} p join slices s
                on p.filename = s.part and p.file_row_number >= s.first and p.file_row_number < s.last"""
        )
        if self.schema.period:
            chosen = f"""select * from untwinned qualify row_number() over (partition by {client},
                {_quote(self.schema.period)} order by source desc, generation desc, position desc) = 1"""
        else:
            chosen = f"select * from untwinned qualify row_number() over (partition by {columns} order by position) = 1"
        connection.execute(
            f"""create table resolved as with untwinned as (select * from accepted where not known
                qualify {target} is not null or count({target}) over (partition by {features}) = 0)
                select {columns}, {self._row_key()} as row, content, digest, source, position from ({chosen})"""
        )
        connection.execute(f"create view ordered as select * from resolved order by {self._order}")
        connection.execute(
            f"create view newest as select {columns}, {self._row_key()} as row, content, digest, source, position "
            "from accepted where not known"
        )

    def _row_key(self) -> str:
        named = [self.schema.client, *([self.schema.period] if self.schema.period else []), *self.schema.features]
        numbers = {column.name for column in self.schema.columns if column.kind == "number"}
        texts = (f"cast({_quote(n)} as double)" if n in numbers else _quote(n) for n in named)
        pieces = ", ".join(f"coalesce(cast({text} as varchar), chr(30))" for text in texts)
        return f"md5_number_lower(concat_ws(chr(31), {pieces}))"

    def _parts_sql(self, slices: list[tuple[Any, ...]]) -> str:
        if not slices:
            kinds = {"number": "double", "target": "tinyint"}
            empty = ", ".join(
                f"cast(null as {kinds.get(c.kind, 'varchar')}) as {_quote(c.name)}" for c in self.schema.columns
            )
            return f"(select {empty}, '' as filename, 0 as file_row_number where false)"
        paths = ", ".join(_text(path) for path in sorted({piece[0] for piece in slices}))
        return f"read_parquet([{paths}], filename = true, file_row_number = true, union_by_name = true)"

    def _slices(self) -> Iterable[tuple[Any, ...]]:
        """Yield one row of the table `slices` per slice of a content, numbered by source, generation and content."""
        order = content_order(self.manifest, self.known)
        for manifest, known in ((self.manifest, False), (self.known, True)):
            for source, entry in enumerate(manifest.entries if manifest else ()):
                for generation, content in enumerate(entry.contents):
                    offset = 0
                    for piece in content.slices:
                        path = str(self.parts / piece.part)
                        place = (path, piece.first, piece.first + piece.rows, offset, source, generation)
                        yield (*place, order[content.digest], content.digest, known)
                        offset += piece.rows

    def _run(self, query: str) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(query)
        except duckdb.Error as error:
            raise self._refusal(error) from error

    def _all(self, query: str) -> list[tuple[Any, ...]]:
        return self._run(query).fetchall()

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


def content_order(manifest: Manifest, known: Manifest | None = None) -> dict[str, int]:
    """Return the place of each content in the order of time: its last period, then the source's name, then its age."""
    placed = []
    for each in (known, manifest):
        for source, entry in enumerate(each.entries if each else ()):
            for age, content in enumerate(entry.contents):
                placed.append((content.last_period or "", source if each is manifest else -1, age, content.digest))
    ordered: dict[str, int] = {}
    for *_, digest in sorted(placed):
        ordered.setdefault(digest, len(ordered))
    return ordered


def _quote(name: str | None) -> str:
    return '"' + (name or "").replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
