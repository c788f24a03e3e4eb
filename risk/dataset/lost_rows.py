"""Lost rows: those of files that were gone when a change of the schema had all sources read again.

Their parts hold them by the former schema, and no file by the one of now. As long as the version that has them is kept
they are said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from risk.dataset.manifest import Entry, Manifest, overlaps, read_whole
from risk.disk import paths
from risk.disk.journal import LOST, Attention
from risk.reading.reader import Content
from risk.text import counted

SCHEMA, HEAD = re.compile(rb'"schema": "([^"]+)"'), 1 << 14  # bytes


@dataclass(frozen=True)
class LostRows:
    """What one file is told as, how many rows of the set it had given, and how many of them with an outcome."""

    name: str
    n_rows: int
    n_labelled: int


def before_changes(shelf: Path, schema: str) -> list[Manifest]:
    """The manifests of kept versions after which the schema changed; `schema` is the one of the next version.

    Those of large datasets are large, so of the others only the schema is read.
    """
    folders = {paths.number_of(it.name): it for it in shelf.glob("[0-9]*-*")}
    schemas = {number: _schema(folder) for number, folder in folders.items()} | {max(folders, default=0) + 1: schema}
    last = [it for it in sorted(folders) if schemas.get(it + 1, schemas[it]) != schemas[it]]
    return [found for it in last if (found := read_whole(folders[it]))]


def _schema(folder: Path) -> str:
    """The schema of a version; blank where its manifest has none near its beginning."""
    try:
        with (folder / paths.MANIFEST).open("rb") as file:
            found = SCHEMA.search(file.read(HEAD))
    except OSError:
        return ""
    return found[1].decode() if found else ""


def of_versions(kept: Iterable[Manifest], now: Manifest) -> list[Attention]:
    """What a person is told of the rows that versions had before the schema changed, and `now` has not."""
    here = (it for it in kept if it.input_folder == now.input_folder)
    return [_told(version, found) for version in here if (found := [*_lost(version, now)])]


def _told(version: Manifest, found: list[LostRows]) -> Attention:
    more = f" and {counted(len(found) - 1, 'more file')}" if len(found) > 1 else ""
    n_rows, n_labelled = sum(it.n_rows for it in found), sum(it.n_labelled for it in found)
    is_gone, back = ("are gone, so their", "files") if more else ("is gone, so its", "file")
    return Attention(
        LOST,
        version.name,
        f"{found[0].name}{more} {is_gone} {counted(n_rows, 'row')} ({n_labelled:,} with an outcome) could not be read "
        f"again under the changed schema and are no longer in the dataset. Put the {back} back to have them again.",
    )


def _lost(version: Manifest, now: Manifest) -> Iterator[LostRows]:
    """Yield what each content of files had given that neither these bytes nor others in their place give now."""
    read = {it.digest for entry in now.sources for it in (*entry.contents, entry.refused) if it}
    here = {entry.path: entry for entry in now.sources if entry.state != "gone"}
    for entry in (it for it in version.sources if not it.watermark):
        for content in (it for it in entry.contents if it.digest not in read):
            n_rows = content.n_accepted if version.events else content.n_given
            if n_rows and not _is_replaced(content, here.get(entry.path)):
                name = entry.path if entry.path not in here else f"a former {entry.path}"
                yield LostRows(name, n_rows, min(n_rows, content.n_labelled))


def _is_replaced(content: Content, entry: Entry | None) -> bool:
    """Whether a file of the same name shows what the content showed, or is refused, which is told of it."""
    if entry is None:
        return False
    shown = entry.newest
    periods = (shown.first_period, shown.last_period) if shown else (None, None)
    return entry.state != "in" or periods[0] is None or overlaps(content, (periods[0], periods[1] or periods[0]))
