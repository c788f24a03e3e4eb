"""The inbox: the client files in a folder, in natural order, once they no longer change."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from risk.disk import files, paths, tick
from risk.errors import DiskError
from risk.reading import workbooks
from risk.text import CONTROL

SETTLE_SECONDS = 2.0
CHANGES = "it still changes; it is left for the next run"
NO_TABLE = "no column of the schema stands in its first lines; it was passed over"
STARTS = 65_536  # bytes in which a .txt file shows that it is a table
ROOM = 32_000_000  # bytes for a version, a model and a report beside the new rows


@dataclass(frozen=True)
class InboxFile:
    """One file: its name below the folder, and what tells cheaply whether it changed (size, mtime, ctime, inode)."""

    name: str
    path: Path
    signature: tuple[int, int, int, int]


@dataclass(frozen=True)
class Inbox:
    """The sources in natural order, and why each other file was passed over, by name."""

    sources: tuple[InboxFile, ...]
    skipped: dict[str, str]


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts dataset2 before dataset10; names alike but for zeros stay apart by their text."""
    pieces = re.split(r"([0-9]+)", name)
    key = [(0, int(piece), piece) if piece.isdecimal() else (1, 0, piece) for piece in pieces if piece]
    return tuple(key)


def list_sources(folder: Path, *, size_cap: int, settle: float = SETTLE_SECONDS, names: Collection[str] = ()) -> Inbox:
    """The tables below the folder, in natural order, with a sentence for each file that was passed over.

    A .txt file in which none of the `names` of columns stands is no table, but somebody's notes.

    A file younger than `settle` seconds is looked at again once it had time to stand still; one that still changes
    is left for the next run.
    """
    before = _listing(folder)
    youngest = max((entry[1][1] for entry in before.items() if entry[1][1] <= time.time_ns()), default=0)
    pause = settle - (time.time_ns() - youngest) / 1e9
    if 0 < pause <= settle:
        time.sleep(pause)
    after = _listing(folder)
    sources, skipped = [], {}
    for name in sorted(after, key=natural):
        why = fault(folder, name, after[name], size_cap) or (CHANGES if before.get(name) != after[name] else None)
        why = why or (NO_TABLE if names and _is_note(folder / name, names) else None)
        if why:
            skipped[name.encode("utf-8", "backslashreplace").decode()] = why
        else:
            sources.append(InboxFile(name, folder / name, after[name]))
    return Inbox(tuple(sources), skipped)


def need_room(folder: Path, box: Inbox, seen: Mapping[str, Sequence[object]]) -> None:
    """Raises: DiskError when the disk of the folder has no room for the new sources; nothing was written then."""
    news = (it for it in box.sources if list(seen.get(it.name, ()))[:4] != list(it.signature))
    needed, free = ROOM + 2 * sum(source.signature[0] for source in news), shutil.disk_usage(folder).free
    if free < needed:
        raise DiskError(
            f"{folder}: {free / 1e6:,.0f} MB are free on this disk, about {needed / 1e6:,.0f} MB are needed; "
            "nothing was written, make room and run again"
        )


def _link(path: Path) -> str:
    """Say what is wrong with a link that leads to no file of the folder."""
    try:
        kind = path.stat().st_mode
    except OSError as error:
        return "a link in a circle" if error.errno == errno.ELOOP else "a link that leads nowhere"
    return "a link to a folder" if stat.S_ISDIR(kind) else "a link out of the folder"


def _listing(folder: Path) -> dict[str, tuple[int, int, int, int]]:
    with files.refusals(folder):
        entries = tick.listing(str(folder))
    return {name: (size, modified, changed, inode) for name, size, modified, changed, inode in entries}


def _is_note(path: Path, names: Collection[str]) -> bool:
    """Whether a file is text in which no column is named. Other kinds of files are not opened."""
    if path.suffix.lower() != ".txt":
        return False
    try:
        with path.open("rb") as file:
            start = file.read(STARTS).replace(b"\0", b"")  # of UTF-16
    except OSError:
        return False
    return all(name.isascii() and name.encode() not in start for name in names)


def fault(
    folder: Path, name: str, signature: Sequence[int], size_cap: int, kinds: Sequence[str] = paths.TABLES
) -> str | None:
    """Say why a file is no source, or return None."""
    path = folder / name
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8; rename it"
    if CONTROL.search(name):
        return "its name holds a line feed or another control character; rename it"
    if name.endswith("/"):
        return "a folder that cannot be read; give read access"
    if path.is_symlink() and not tick.leads_inside(str(path), str(folder)):
        return f"{_link(path)}; it was passed over, put the file itself there"
    if paths.kind_of(name) not in kinds:
        return f"not a {kinds[0] if len(kinds) == 1 else 'table'} file; it was passed over"
    if name.lower().endswith(".xlsx") and not workbooks.are_readable():
        return f"it {workbooks.NEEDS}; {workbooks.INSTALL}. It was passed over"
    try:
        kind = path.stat().st_mode
    except OSError as error:
        return f"not readable ({error.strerror}); it was passed over"
    if not stat.S_ISREG(kind):
        return "not a regular file; it was passed over"
    if not os.access(path, os.R_OK):
        return "not readable (permission denied); give read access"
    if signature[0] > size_cap:
        size, most = signature[0] / 1e6, size_cap / 1e6
        return f"{size:,.0f} MB, more than the {most:,.0f} MB of max_source_mb; split it or raise the limit"
    return None
