"""A backup: everything that runs have written, in one archive, taken while a run may be at work and without its lock.

What moves (the three links, journal, desk, lists) is as a kill at one instant would have left it; what never changes
(parts, versions, releases, report sets) is all that this names, and whatever else is kept.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from risk.command import Answer
from risk.disk import files, paths, wiped
from risk.errors import BusyError, DataError, UsageError
from risk.registry import releases
from risk.registry._archive import MODELS, Archive, Backup, Installed, MovedError

__all__ = ["Installed", "answer", "make", "rooms"]

TRIES, STALE = 3, 60  # seconds after which what a kill left is removed


class Sink:
    """An open file as `gzip` writes it; once it is `closed`, what an abandoned archive still writes goes nowhere."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self.closed = descriptor, False

    def write(self, content: bytes) -> int:
        if not self.closed:
            files.write_all(self._descriptor, content)
        return len(content)

    def flush(self) -> None:
        """Nothing waits."""


def rooms(ingested: Path, models: Path, production: Path) -> dict[str, Path]:
    """The folders by their names in an archive."""
    return {paths.INGESTED: ingested, MODELS: models, paths.PRODUCTION: production}


def answer(installed: Installed, file: str) -> Answer:
    """Write a backup and say what it holds. Raises: UsageError, BusyError, DataError, JournalError, DiskError."""
    made = make(installed, Path(file))
    told = f"{file}: {made.n_files} files, {made.n_bytes / 1e6:,.1f} MB, up to line {made.journal_lines} of the journal"
    fields = {"outcome": "backed up", "file": str(file), "files": made.n_files, "bytes": made.n_bytes}
    return Answer(told, fields | {"journal_lines": made.journal_lines})


def make(installed: Installed, file: Path) -> Backup:
    """Write a backup, for its owner's eyes alone.

    Raises: UsageError, BusyError, DiskError; DataError, JournalError, ReleaseError where something is lost.
    """
    _check_place(installed, file)
    folders, production = installed.rooms, installed.rooms[paths.PRODUCTION]
    wiped.check(production, folders[paths.INGESTED], folders[MODELS])
    releases.current(production)
    if not (production / paths.JOURNAL).exists():
        raise DataError(f"{production}: no run has written anything yet, so there is nothing to back up")
    for _ in range(TRIES):
        with contextlib.suppress(MovedError), _unfinished(file) as (path, descriptor):
            sink = Sink(descriptor)
            try:
                made = Archive(installed, sink).write(file)
            finally:
                sink.closed = True
            os.fsync(descriptor)
            _check_place(installed, file)  # another backup may have taken the name
            os.replace(path, file)
            files.sync(file.parent)
            return made
    raise BusyError(f"{file}: runs changed what was copied, {TRIES} times; nothing was written. Try again.")


def _check_place(installed: Installed, file: Path) -> None:
    copied = (*installed.rooms.values(), installed.outcomes)
    inside = [it for it in copied if file.resolve().is_relative_to(it.resolve())]
    told = None
    if os.path.lexists(file):
        told = "it is there already; name another file"
    elif not file.parent.is_dir():
        told = f"there is no folder {file.parent}; make it, or name another"
    elif inside:
        told = f"it lies in {inside[0].name}, which is backed up itself; name a file elsewhere"
    if told:
        raise UsageError(f"--backup {file}: {told}. Nothing was written.")


@contextlib.contextmanager
def _unfinished(file: Path) -> Iterator[tuple[Path, int]]:
    """A new file beside it that only its owner can read, locked; what kills have left there before is removed."""
    with files.refusals(file):
        for left in file.parent.iterdir():
            if not left.name.startswith(f"{paths.UNFINISHED}{file.name}."):
                continue
            with contextlib.suppress(OSError), left.open("rb") as other:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - left.stat().st_mtime > STALE:
                    left.unlink()
        path = file.with_name(f"{paths.UNFINISHED}{file.name}.{os.getpid()}.{time.monotonic_ns()}")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield path, descriptor
        finally:
            os.close(descriptor)
            files.remove(path)
