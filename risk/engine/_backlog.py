"""The backlog of files, read by the workers of the cluster: each runs our own reader, so a row is the same everywhere.

A worker reads into a folder of its own and then gives each part its name. A part has a name made of its content, and
the first one stays: a worker that is killed, or one that reads a file a second time, leaves nothing that differs.
Nothing is committed here.
"""

from __future__ import annotations

import functools
import os
import pickle
import socket
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from risk.disk import files
from risk.disk.paths import UNFINISHED
from risk.engine._session import asked
from risk.engine.cluster import on_this_machine
from risk.errors import ConfigError, RiskError
from risk.reading import reader
from risk.reading.reader import Content, Source
from risk.settings.schema import Schema

AT_ONCE = 8 * 1024 * 1024  # bytes of small files that one task reads
Answers = list[tuple[int, Content | None]]  # by the place of the source


@dataclass(frozen=True)
class Backlog:
    """The files to read, in groups: each is one task. Pickled, it is all that a worker is told."""

    groups: tuple[tuple[tuple[int, Source], ...], ...]
    schema: Schema
    parts: Path
    size_cap: int


def read(
    session: Any, sources: Sequence[Source], schema: Schema, parts: Path, size_cap: int
) -> Iterator[tuple[Source, Content | None]]:
    """Yield each source, in order, with what it gave. A worker is told of no cluster, nor its options.

    Raises: ConfigError, DiskError, EngineError.
    """
    files.make_folder(parts)
    backlog = Backlog(grouped(sources), on_this_machine(schema), parts.absolute(), size_cap)
    n_groups = len(backlog.groups)
    tasks = session.range(0, n_groups, 1, n_groups)
    rows = asked(lambda: tasks.mapInArrow(functools.partial(_answers, backlog), "answer binary").collect())
    contents: dict[int, Content | None] = {}
    for row in rows:
        answer: Answers | RiskError = pickle.loads(row.answer)
        if isinstance(answer, RiskError):
            raise answer
        contents.update(answer)
    with files.refusals(parts):
        files.sync(parts)
    for place, source in enumerate(sources):
        yield source, contents[place]


def grouped(sources: Sequence[Source]) -> tuple[tuple[tuple[int, Source], ...], ...]:
    """The sources with their places, small ones that follow each other together, the largest group first."""
    groups: list[list[tuple[int, Source]]] = []
    sizes: list[int] = []
    for place, source in enumerate(sources):
        size = source.path.stat().st_size if source.path.is_file() else 0
        if not sizes or sizes[-1] + size > AT_ONCE:
            groups.append([])
            sizes.append(0)
        groups[-1].append((place, source))
        sizes[-1] += size
    order = sorted(range(len(groups)), key=lambda it: -sizes[it])
    return tuple(tuple(groups[it]) for it in order)


# --- on the workers ---------------------------------------------------------------------------------------------------


def _answers(backlog: Backlog, batches: Iterable[Any]) -> Iterator[Any]:
    import pyarrow

    for batch in batches:
        for group in batch.column(0).to_pylist():
            try:
                answer: Answers | RiskError = _read(backlog, backlog.groups[group])
            except RiskError as error:
                answer = error
            yield pyarrow.RecordBatch.from_pydict({"answer": pyarrow.array([pickle.dumps(answer)], pyarrow.binary())})


def _read(backlog: Backlog, group: Sequence[tuple[int, Source]]) -> Answers:
    """Read the files of a group into parts. Raises: ConfigError where this machine does not see the folders."""
    parts = backlog.parts
    for folder in {parts, *(source.path.parent for _, source in group)}:
        if not folder.is_dir():
            raise ConfigError(
                f"engine: the worker {socket.gethostname()} sees no folder {folder}. Nothing was changed. Put the "
                "input and output folders on a file system that all workers mount under the same path."
            )
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=parts) as scratch:
        folder = Path(scratch)
        read = reader.read([it for _, it in group], backlog.schema, folder, size_cap=backlog.size_cap)
        answers = [(place, content) for (place, _), (_, content) in zip(group, read, strict=True)]
        with files.refusals(parts):
            for path in sorted(folder.iterdir()):
                _keep(path, parts / path.name)
            files.sync(parts)
    return answers


def _keep(path: Path, kept: Path) -> None:
    """Give a file its name, unless a file has it: that one has the same content."""
    try:
        os.link(path, kept)
    except FileExistsError:
        return
