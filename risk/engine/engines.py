"""Which engine works on some files: a Spark cluster where the settings name one and there is enough to do, else DuckDB.

What an engine answers does not depend on which one it is. DuckDB's SQL lies with what asks; Spark's lies in this
package alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from risk.engine.cluster import Cluster
from risk.reading import reader
from risk.reading.erased import Erased
from risk.reading.reader import Content, Source
from risk.settings.schema import Schema


def cluster(schema: Schema, paths: Iterable[Path]) -> Cluster | None:
    """The cluster that the settings name, if what lies under the paths is worth its while; None where DuckDB works.

    Raises: ConfigError where Spark is not installed.
    """
    choice = schema.engine
    if choice.kind == "duckdb":
        return None
    from risk.engine import _session

    _session.check(choice)
    if sum(it.stat().st_size for it in paths if it.is_file()) < choice.from_mb * 1_000_000:
        return None
    from risk.engine.spark import Spark

    return Spark(choice)


def reading(
    schema: Schema, sources: Sequence[Source], erased: Erased
) -> Callable[..., Iterator[tuple[Source, Content | None]]]:
    """What reads the sources: the cluster, or our reader here where clients were erased, of whom no worker is told."""
    found = cluster(schema, (source.path for source in sources)) if not erased else None
    return found.read if found else functools.partial(reader.read, erased=erased)
