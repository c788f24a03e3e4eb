"""The accepted rows of some stretches of parts as a view of Spark SQL, and the rows of the set among them.

It is what `risk/dataset/_accepted_rows.py` is for DuckDB: c0, c1, … are the schema's columns, `place` is the content of
a row. A column that is whole in one part and decimal in another is text here, so that equal values are equal texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from risk.engine.cluster import Stretch
from risk.reading.sql import connect, pattern
from risk.settings.schema import Schema

BUCKET = 4096  # rows of a part that look for their stretch together
TYPES = {"INT64": "bigint", "DOUBLE": "double", "BYTE_ARRAY": "string", "INT32": "tinyint"}  # by that in a part
OF_STRETCH = (
    "part string, bucket bigint, first bigint, past bigint, start bigint, place int, was boolean, is_now boolean"
)
# a double as text: whole ones as whole numbers are written
AS_TEXT = "case when {x} = floor({x}) and abs({x}) < 9e18 then string(bigint({x})) else string({x}) end"
IN_GLOB = re.compile(r"([\[\]{}*?\\,])")  # what Hadoop takes for a pattern


class AcceptedInSpark:
    """The view `accepted` (c0, c1, …, position, place, was, is_now) of a session."""

    def __init__(self, session: Any, stretches: Sequence[Stretch], schema: Schema, parts: Path) -> None:
        self._session, self._schema, self._parts = session, schema, parts.absolute()
        self.names = {column.name: f"c{index}" for index, column in enumerate(schema.columns)}
        self.client, self.target = self.names[schema.client], self.names[schema.target]
        self.period = self.names[schema.period] if schema.period else None
        self.numbers = {it.name: self.names[it.name] for it in schema.columns if it.kind == "number"}
        self.features = ", ".join(name for name in self.names.values() if name != self.target)
        self._make_view(stretches)

    def run(self, query: str) -> Any:
        """The frame of Spark that answers a query."""
        return self._session.sql(query)

    def resolved(self, where: str = "true") -> str:
        """The query of the set's rows of a table with a period (c0, …, and at and latest, each a position and place).

        `at` is where the row stands, `latest` its last twin: by it, it stands against others of its client and period.
        """
        t, inner = self.target, self.features
        known, here = f"filter (where {t} is not null)", "struct(position, place)"
        return f"""
            with twins as (select {inner}, max({here}) as latest, max_by({t}, position) {known} as {t},
                    coalesce(max({here}) {known}, max({here})) as at
                    from accepted where {where} group by {inner}),
                last as (select *, max(latest.position) over (partition by {self.client}, {self.period}) as newest
                    from twins)
            select * from last where latest.position = newest"""

    def labelled(self) -> str:
        """The query of the labelled rows of the set, each with a position."""
        t = self.target
        if self.period:
            return f"select *, at.position as position from ({self.resolved()}) where {t} is not null"
        first = f"select {self.features}, {t}, min(position) as position from accepted"
        return f"{first} where {t} is not null group by {self.features}, {t}"

    def newest(self, limits: Mapping[int, str]) -> str:
        """The query of the newest row of every client; what is beyond the limit of its content is in the future."""
        if not self.period:
            last = f"max(position) over (partition by {self.client}) as last"
            return f"select * from (select *, {last} from accepted) where position = last"
        future = " or ".join(f"(place = {at} and {self.period} > {literal(day)})" for at, day in limits.items())
        last = f"coalesce(max({self.period}) filter (where not ({future or 'false'})), max({self.period}))"
        newest = f"select {self.client}, {last} as {self.period} from accepted group by {self.client}"
        rows = f"({self.resolved()}) join ({newest}) using ({self.client}, {self.period})"
        return f"select *, at.position as position from {rows}"

    def _make_view(self, stretches: Sequence[Stretch]) -> None:
        rows = [row for it in stretches for row in _in_buckets(it)]
        self._session.createDataFrame(rows, OF_STRETCH).createOrReplaceTempView("stretches")
        named = sorted({it.part for it in stretches})
        self._parts_of(named).createOrReplaceTempView("parts")
        self._session.sql(
            f"""select /*+ broadcast(s) */ {", ".join(self.names.values())}, s.place, s.was, s.is_now,
                s.start + p.nth - s.first as position from parts p join stretches s
                on p.file = s.part and p.nth div {BUCKET} = s.bucket and p.nth >= s.first and p.nth < s.past"""
        ).createOrReplaceTempView("accepted")

    def _parts_of(self, parts: Sequence[str]) -> Any:
        """The parts as one frame (c0, c1, …, file, nth): those whose columns have the same types are read together."""
        kinds = self._types(parts)
        united = {name for name in self.names if len({types.get(name) for types in kinds.values()}) > 1}
        groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for part, types in kinds.items():
            groups.setdefault(tuple((name, types[name]) for name in self.names), []).append(part)
        frames = [self._read(some, dict(types), united) for types, some in groups.items()]
        found = frames[0]
        for frame in frames[1:]:
            found = found.unionAll(frame)
        return found

    def _read(self, parts: Sequence[str], types: dict[str, str], united: set[str]) -> Any:
        columns = ", ".join(f"{_quoted(name)} {kind}" for name, kind in types.items())
        shown = []
        for name, inner in self.names.items():
            x = _quoted(name)
            text = AS_TEXT.format(x=x) if types[name] == "double" else f"string({x})"
            shown.append(f"{text if name in united else x} as {inner}")
        folder = IN_GLOB.sub(r"\\\1", str(self._parts))
        paths = [f"file://{folder}/{part}" for part in parts]
        frame = self._session.read.schema(columns).parquet(*paths)
        return frame.selectExpr(*shown, "_metadata.file_name as file", "_metadata.row_index as nth")

    def _types(self, parts: Sequence[str]) -> dict[str, dict[str, str]]:
        """The types of the columns of each part, as Spark names them."""
        paths = {str(self._parts / part): part for part in parts}
        query = "select file_name, name, type from parquet_schema(?) where type is not null"
        found: dict[str, dict[str, str]] = {}
        for path, name, kind in connect().execute(query, [[pattern(it) for it in paths]]).fetchall():
            found.setdefault(paths[path], {})[name] = TYPES[kind]
        return found


def _in_buckets(it: Stretch) -> Iterator[tuple[object, ...]]:
    """Yield a stretch once for each bucket of rows that it reaches into."""
    past = it.first + it.rows
    for bucket in range(it.first // BUCKET, (past - 1) // BUCKET + 1):
        yield it.part, bucket, it.first, past, it.position, it.place, it.was, it.now


def literal(text: str) -> str:
    """A text as SQL of Spark."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
