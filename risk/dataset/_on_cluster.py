"""What a cluster is asked about versions: contents as stretches of parts, growth, rated clients, and samples.

What needs SQL beyond that of Spark (keys, hashes, held-out clients) a worker asks of DuckDB, batch by batch: it is the
same SQL as here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from risk.dataset._accepted_rows import AcceptedRows, Place
from risk.dataset._fingerprints import Growth
from risk.dataset.manifest import Manifest
from risk.engine.cluster import Cluster, Stretch, on_this_machine
from risk.modeling.metrics import Codes, Floats
from risk.reading.reader import Content
from risk.reading.sql import connect, quoted
from risk.settings.schema import Schema

if TYPE_CHECKING:
    import pandas as pd

Rate = Callable[["pd.DataFrame"], Floats]
Columns = dict[str, NDArray[Any]]


def growth(cluster: Cluster, before: Manifest, after: Manifest, schema: Schema, parts: Path) -> Growth:
    """The growth of a set without a period, which is counted whole. A row of several new contents is of the first."""
    found, digests = cluster.totals(in_version(before, after), schema, parts), list(after.contents)
    n_rows, n_labelled = (found.counts[name] - before.counts.get(name, 0) for name in ("n_rows", "n_labelled"))
    return Growth(n_rows, n_labelled, {digests[place]: n for place, n in found.brought.items()})


def of_places(places: Sequence[Place]) -> list[Stretch]:
    """The stretches of contents at some places, by their index."""
    return [it for index, place in enumerate(places) for it in _of(place.content, place.position, index)]


def in_version(before: Manifest, after: Manifest) -> list[Stretch]:
    """The stretches of all contents of two versions, in the order of the later one."""
    contents, known = after.contents, before.contents
    return [
        it
        for index, (digest, content) in enumerate((contents | known).items())
        for it in _of(content, 0, index, digest in known, digest in contents)
    ]


def _of(content: Content, position: int, place: int, was: bool = False, now: bool = True) -> list[Stretch]:
    found = []
    for piece in content.slices:
        found.append(Stretch(piece.part, piece.first, piece.rows, position, place, was, now))
        position += piece.rows
    return found


@dataclass(frozen=True)
class Batch:
    """What a worker does with a table of arrow (c0, c1, …, position): the rows that satisfy a condition of DuckDB.

    Each with its key of the row, the hash by which samples are drawn, and its risk. It is pickled with the model.
    """

    schema: Schema
    where: str = "true"
    rate: Rate | None = None

    def __call__(self, table: Any) -> Any:
        import pyarrow

        rows = AcceptedRows((), self.schema, Path())
        numbers = {it.name for it in self.schema.columns if it.kind in ("number", "target")}
        named = ", ".join(
            f"{f'cast({inner} as double)' if name in numbers else inner} as {quoted(name)}"
            for name, inner in rows.names.items()
        )
        with connect(threads=1) as connection:
            connection.register("batch", table)
            connection.execute(f"create or replace temp view chosen as select * from batch where {self.where}")
            found: Any = connection.sql("from chosen").to_arrow_table()
            keys = connection.execute(f"select {rows.row()} as row, {rows.key()} as key from chosen").fetchnumpy()
            frame = connection.execute(f"select {named} from chosen").df() if self.rate else None
        risks = np.zeros(found.num_rows) if frame is None or self.rate is None else self.rate(frame)
        for name in ("row", "key"):
            found = found.append_column(name, pyarrow.array(np.asarray(keys[name], np.uint64).view(np.int64)))
        return found.append_column("risk", pyarrow.array(np.asarray(risks, np.float64)))


def sample(
    cluster: Cluster,
    places: Sequence[Place],
    schema: Schema,
    parts: Path,
    where: str,
    most: int,
) -> pd.DataFrame:
    """The labelled rows that satisfy a condition, cut down to `most` by outcome: those with the lowest hashes."""
    stretches = of_places(places)
    counts = cluster.outcomes(stretches, schema, parts)
    found = cluster.labelled(stretches, schema, parts, Batch(on_this_machine(schema), where))
    target, n = found[schema.target], sum(counts.values())
    order = np.lexsort((found["position"], found["key"].view(np.uint64)))
    kept = [order[target[order] == outcome][: round(most * count / n)] for outcome, count in counts.items()]
    at = np.concatenate([*kept, np.zeros(0, np.int64)])
    return frame_of({name: values[at] for name, values in found.items()}, places, schema)[0]


def frame_of(found: Columns, places: Sequence[Place], schema: Schema) -> tuple[pd.DataFrame, Floats]:
    """The columns as a frame of a dataset, and the risk of each row."""
    import pandas as pd

    keys = found["row"].view(np.uint64)
    order = np.lexsort((found["position"], found[schema.target], keys))
    columns = {column.name: found[column.name][order] for column in schema.columns}
    frame = pd.DataFrame({name: pd.Series(values, dtype=values.dtype) for name, values in columns.items()})
    frame["row"], position = keys[order], found["position"][order]
    begins: Codes = np.array([place.position for place in places], dtype=np.int64)
    content: Codes = np.array([place.order for place in places], dtype=np.int64)
    frame["content"] = content[np.searchsorted(begins, position, side="right") - 1]
    frame["position"] = position
    return frame, found["risk"][order]
