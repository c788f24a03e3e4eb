"""Spark as the engine: what it reads, counts and adds up is what DuckDB does, to the last digit.

Sums are exact, added up by our own code on the workers. The values in the middle are found by Spark, which holds the
distinct values of a column, with their counts, in one task.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk.engine import _backlog
from risk.engine._rows import AcceptedInSpark, literal
from risk.engine._session import asked, session
from risk.engine.cluster import ColumnFacts, Given, NumberFacts, Stretch, Totals, Work
from risk.modeling.exact import ExactSum, exact_sum, joined, median, squares
from risk.reading.reader import Content, Source
from risk.settings.engine_choice import EngineChoice
from risk.settings.schema import Schema

Means = tuple[float | None, ...]
SUMS = "place int, n bigint, units string"


class Spark:
    """The cluster of a master or of a Connect URL. Raises: ConfigError, EngineError."""

    def __init__(self, choice: EngineChoice) -> None:
        self._session = session(choice)

    def read(
        self, sources: Sequence[Source], schema: Schema, parts: Path, *, size_cap: int
    ) -> Iterator[tuple[Source, Content | None]]:
        """Yield each source, in order, with what it gave."""
        return _backlog.read(self._session, sources, schema, parts, size_cap)

    def given(
        self, stretches: Sequence[Stretch], schema: Schema, parts: Path, during: tuple[str, str] | None
    ) -> dict[int, Given]:
        """What each content gives to the set of a table with a period, in these periods."""
        if not stretches:
            return {}
        rows = self._rows(stretches, schema, parts)
        where = f"{rows.period} between {literal(during[0])} and {literal(during[1])}" if during else "true"
        query = f"""
            select each.place, sum(each.n) as n, sum(each.labelled) as labelled, sum(each.upheld) as upheld from
                ({rows.resolved(where)}) lateral view inline(array(
                    struct(at.place as place, 1 as n, int({rows.target} is not null) as labelled, 0 as upheld),
                    struct(latest.place as place, 0 as n, 0 as labelled, 1 as upheld))) each
            group by each.place"""
        answers = asked(lambda: rows.run(query).collect())
        return {it.place: Given(int(it.n), int(it.labelled), int(it.upheld)) for it in answers}

    def totals(self, stretches: Sequence[Stretch], schema: Schema, parts: Path) -> Totals:
        """The set. Without a period a labelled row replaces its unlabelled twin."""
        if not stretches:
            return Totals(0, 0, {})
        if schema.period:
            given = self.given(stretches, schema, parts, None).values()
            return Totals(sum(it.rows for it in given), sum(it.labelled for it in given), {})
        rows = self._rows(stretches, schema, parts)
        kinds = {kind: f"filter (where coalesce({rows.target}, 2) = {kind})" for kind in range(3)}
        columns = [
            f"coalesce(max(is_now) {of}, false) as is_{kind}, coalesce(max(was) {of}, false) as was_{kind}, "
            f"min(if(was, null, place)) {of} as first_{kind}"
            for kind, of in kinds.items()
        ]
        alive = {0: "is_0", 1: "is_1", 2: "is_2 and not is_0 and not is_1"}
        structs = [
            f"struct({alive[kind]} as alive, if(was_{kind}, null, first_{kind}) as first, {kind} < 2 as labelled)"
            for kind in kinds
        ]
        query = f"""
            select each.first as first, each.labelled as labelled, count(*) as n from
                (select {rows.features}, {", ".join(columns)} from accepted group by {rows.features})
                lateral view inline(array({", ".join(structs)})) each
            where each.alive group by each.first, each.labelled"""
        answers = asked(lambda: rows.run(query).collect())
        brought: dict[int, int] = {}
        for it in answers:
            if it.first is not None:
                brought[it.first] = brought.get(it.first, 0) + it.n
        return Totals(sum(it.n for it in answers), sum(it.n for it in answers if it.labelled), brought)

    def facts(self, stretches: Sequence[Stretch], schema: Schema, parts: Path, *, distinct: bool) -> ColumnFacts:
        """The facts of the columns of the set's labelled rows; where they are `distinct` already, of all labelled."""
        if not stretches:
            empty = NumberFacts(ExactSum(), ExactSum(), None)
            columns = schema.columns
            return ColumnFacts(
                0, {it.name: 0 for it in columns}, {it.name: empty for it in columns if it.kind == "number"}
            )
        rows = self._rows(stretches, schema, parts)
        t = rows.target
        labelled = rows.run(f"select * from accepted where {t} is not null" if distinct else rows.labelled()).persist()
        try:
            counted = [f"count({inner})" for inner in rows.names.values()]
            middle = "percentile_disc(0.5) within group (order by {x})"
            numeric = [f"double({inner})" for inner in rows.numbers.values()]
            middles = [middle.format(x=x) for x in numeric] + [f"-{middle.format(x=f'-{x}')}" for x in numeric]
            n_rows, *answers = asked(lambda: labelled.selectExpr("count(*)", *counted, *middles).collect())[0]
            numbers = labelled.selectExpr(*(f"double({inner}) as {inner}" for inner in rows.numbers.values()))
            totals = _sums(numbers, (None,) * len(rows.numbers))
            means = tuple(it.mean() if it else None for it in totals)
            squared = _sums(numbers, means)
        finally:
            labelled.unpersist()
        missing = {name: int(n_rows - n) for name, n in zip(rows.names, answers, strict=False)}
        values, half = answers[len(rows.names) :], len(rows.numbers)
        found = zip(totals, squared, map(median, values[:half], values[half:]), strict=True)
        facts = (NumberFacts(total or ExactSum(), square, middle) for total, square, middle in found)
        return ColumnFacts(int(n_rows), missing, dict(zip(rows.numbers, facts, strict=True)))

    def outcomes(self, stretches: Sequence[Stretch], schema: Schema, parts: Path) -> dict[int, int]:
        """The number of accepted rows with each outcome."""
        rows = self._rows(stretches, schema, parts)
        t = rows.target
        query = f"select {t} as outcome, count(*) as n from accepted where {t} is not null group by {t} order by {t}"
        return {it.outcome: it.n for it in asked(lambda: rows.run(query).collect())}

    def labelled(
        self, stretches: Sequence[Stretch], schema: Schema, parts: Path, work: Work
    ) -> dict[str, NDArray[Any]]:
        """What workers make of the labelled rows of the set."""
        rows = self._rows(stretches, schema, parts)
        return _worked(rows, rows.labelled(), schema, work)

    def clients(
        self, stretches: Sequence[Stretch], schema: Schema, parts: Path, limits: Mapping[int, str], work: Work
    ) -> dict[str, NDArray[Any]]:
        """What they make of the newest row of every client who has not left."""
        rows = self._rows(stretches, schema, parts)
        query = f"select * from ({rows.newest(limits)}) where coalesce({rows.target}, 0) <> 1"
        return _worked(rows, query, schema, work)

    def _rows(self, stretches: Sequence[Stretch], schema: Schema, parts: Path) -> AcceptedInSpark:
        return asked(lambda: AcceptedInSpark(self._session, stretches, schema, parts))


def _sums(numbers: Any, means: Means) -> list[ExactSum | None]:
    """Of each column the exact sum of its values, or of their squared distances from a mean; None beyond float64."""
    if not means:
        return []
    pieces = asked(lambda: numbers.mapInArrow(functools.partial(_of_batches, means), SUMS).collect())
    found: list[list[ExactSum]] = [[] for _ in means]
    beyond = {it.place for it in pieces if it.units is None}
    for it in pieces:
        found[it.place].append(ExactSum(it.n, int(it.units or 0)))
    return [None if place in beyond else joined(sums) for place, sums in enumerate(found)]


def _of_batches(means: Means, batches: Iterable[Any]) -> Iterator[Any]:
    """On a worker: the sums of its rows, one per column."""
    import pyarrow

    sums: dict[int, ExactSum | None] = dict.fromkeys(range(len(means)), ExactSum())
    for batch in batches:
        for place, mean in enumerate(means):
            values = np.asarray(batch.column(place).to_numpy(zero_copy_only=False), dtype=np.float64)
            former = sums[place]
            try:
                more = exact_sum(values) if mean is None else squares(values, mean)
                sums[place] = former + more if former is not None else None
            except OverflowError:
                sums[place] = None
    rows = [(place, it.n if it else 0, str(it.units) if it else None) for place, it in sums.items()]
    names, types = ("place", "n", "units"), (pyarrow.int32(), pyarrow.int64(), pyarrow.string())
    columns = (pyarrow.array(list(of), kind) for of, kind in zip(zip(*rows, strict=True), types, strict=True))
    yield pyarrow.RecordBatch.from_arrays(list(columns), names=list(names))


def _worked(rows: AcceptedInSpark, query: str, schema: Schema, work: Work) -> dict[str, NDArray[Any]]:
    numbers = {it.name for it in schema.columns if it.kind in ("number", "target")}
    frame = asked(lambda: rows.run(query).select(*rows.names.values(), "position"))
    columns = ", ".join([*(f"{name} {kind}" for name, kind in frame.dtypes), "row bigint, key bigint, risk double"])
    table = asked(lambda: frame.mapInArrow(functools.partial(_by_batch, work), columns).toArrow())
    found = {name: _column(table.column(inner), name in numbers) for name, inner in rows.names.items()}
    return found | {name: table.column(name).to_numpy() for name in ("position", "row", "key", "risk")}


def _by_batch(work: Work, batches: Iterable[Any]) -> Iterator[Any]:
    """On a worker: what is made of its rows."""
    import pyarrow

    for batch in batches:
        if batch.num_rows:
            yield from work(pyarrow.Table.from_batches([batch])).to_batches()


def _column(values: Any, is_number: bool) -> NDArray[Any]:
    """A column as frames hold it: float64 or objects, missing is NaN."""
    if is_number:
        return np.asarray(values.cast("float64", safe=False).to_numpy(), dtype=np.float64)
    return np.array([*(np.nan if it is None else it for it in values.to_pylist()), None], dtype=object)[:-1]
