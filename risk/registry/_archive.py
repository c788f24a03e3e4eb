"""The archive of a backup: what moves, read at one instant, and what never changes, copied then.

It holds plain files alone, under names that are the same whatever the settings call the folders, and at its end their
digests and where the links point.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import stat
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from risk.dataset import manifest
from risk.disk import journal, paths, wiped
from risk.errors import DataError
from risk.registry import retention

MODELS, LISTING, FORMAT = "models", "backup.json", 1
LINKS = {paths.INGESTED: paths.CURRENT, MODELS: f"{paths.REPORTS}/{paths.CURRENT}", paths.PRODUCTION: paths.CURRENT}
LOCKS = {paths.LOCK, paths.DELIVERY_LOCK, paths.RECORDED_LOCK}
LEFT_OUT = {*LOCKS, paths.TICK, paths.SIGNATURES, paths.RESTORING, ".gitkeep"}  # locks and caches; logs too
SHELVES = {paths.INGESTED: paths.VERSIONS, MODELS: paths.REPORTS, paths.PRODUCTION: paths.RELEASES}
APART = {*SHELVES.values(), paths.PARTS, paths.FINGERPRINTS}  # folders of a room that are not walked
INSTANTS, PAUSE, SMALL = 200, 0.05, 2**20


class MovedError(Exception):
    """A run has changed or removed what was being copied."""


@dataclass(frozen=True)
class Installed:
    """Where an installation lies; `secrets` are files that are never copied."""

    config: Path
    rooms: Mapping[str, Path]  # by their name in the archive
    outcomes: Path
    secrets: frozenset[Path] = frozenset()


@dataclass(frozen=True)
class Backup:
    """What an archive holds."""

    file: Path
    n_files: int
    n_bytes: int
    journal_lines: int


@dataclass(frozen=True)
class Held:
    """A file as it was when it was opened, whatever becomes of its name."""

    content: BinaryIO
    at: os.stat_result


class Archive:
    """One try: the archive as it is written, and what was copied into it."""

    def __init__(self, installed: Installed, sink: Any) -> None:
        self._installed, self._rooms = installed, installed.rooms
        self._zip = gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=sink, mtime=0)
        self._tar = tarfile.open(fileobj=self._zip, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._digests: dict[str, str] = {}
        self._copied: dict[Path, os.stat_result] = {}
        self._n_bytes = 0

    def write(self, file: Path) -> Backup:
        with contextlib.ExitStack() as opened:
            links, moving, folders = self._instant(opened)
            self._add(paths.CONFIG, moving.pop(paths.CONFIG))
            self._published(links, folders)
            lines = moving[f"{paths.PRODUCTION}/{paths.JOURNAL}"].content.read().count(b"\n")
            for name, held in moving.items():
                held.content.seek(0)
                self._add(name, held)
        self._outcomes()
        self._check_unchanged()
        told = {"backup": FORMAT, "program": paths.PROGRAM, "at": journal.now(), "journal_lines": lines}
        listing = json.dumps(told | {"links": links, "files": self._digests}, indent=1).encode()
        info = tarfile.TarInfo(LISTING)
        info.size, info.mode = len(listing), 0o600
        self._tar.addfile(info, io.BytesIO(listing))
        self._tar.close()
        self._zip.close()
        return Backup(file, len(self._digests), self._n_bytes, lines)

    # --- what moves ---

    def _instant(self, opened: contextlib.ExitStack) -> tuple[dict[str, str], dict[str, Held], list[tuple[str, Path]]]:
        """Where the links point, all that is no published folder, and the names of these, of one instant.

        Raises: ErasureError, MovedError.
        """
        for _ in range(INSTANTS):
            with contextlib.ExitStack() as these, contextlib.suppress(FileNotFoundError):
                before = self._seen()
                held = {name: _opened(these, path) for name, path in self._loose()}
                wiped.check_erased(self._rooms[paths.PRODUCTION])
                if self._seen() == before:
                    opened.enter_context(these.pop_all())
                    return before[0], held, before[2]
            time.sleep(PAUSE)
        raise MovedError

    def _seen(self) -> tuple[dict[str, str], dict[str, tuple[int, ...]], list[tuple[str, Path]]]:
        links = {f"{room}/{LINKS[room]}": folder / LINKS[room] for room, folder in self._rooms.items()}
        targets = {name: os.readlink(link) for name, link in links.items() if os.path.lexists(link)}
        published = [(room, it) for room in self._rooms for it in self._folders(room)]
        return targets, {name: _signature(path.stat()) for name, path in self._loose()}, published

    def _loose(self) -> Iterator[tuple[str, Path]]:
        yield paths.CONFIG, self._installed.config
        others = {it.resolve() for it in (*self._rooms.values(), self._installed.outcomes)}
        for room, top in self._rooms.items():
            for folder, folders, names in os.walk(top, onerror=_raised):
                here = Path(folder)
                folders[:] = [
                    it for it in sorted(folders)
                    if not it.startswith(paths.UNFINISHED) and (here / it).resolve() not in others
                    and not (here == top and it in APART)
                ]  # fmt: skip
                for name in sorted(names):
                    if self._is_ours(here / name) and not name.endswith(".log"):
                        yield f"{room}/{(here / name).relative_to(top)}", here / name

    def _is_ours(self, path: Path) -> bool:
        if path.name in LEFT_OUT or path.name.startswith(paths.UNFINISHED) or path.resolve() in self._installed.secrets:
            return False
        return stat.S_ISREG(path.lstat().st_mode)

    # --- what never changes ---

    def _folders(self, room: str) -> list[Path]:
        shelf = self._rooms[room] / SHELVES[room]
        found = (it for it in (shelf.iterdir() if shelf.is_dir() else ()) if paths.number_of(it.name) and it.is_dir())
        return sorted(found, key=lambda it: (paths.number_of(it.name), it.name))

    def _published(self, links: Mapping[str, str], folders: Sequence[tuple[str, Path]]) -> None:
        """Copy parts, then the folders made of them; one that was tidied away meanwhile is left out, unless needed."""
        parts = self._rooms[paths.INGESTED] / paths.PARTS
        there = set(os.listdir(parts)) if parts.is_dir() else set()
        known = {folder: manifest.read_whole(folder) for room, folder in folders if room != MODELS}
        gone = set()
        for name in sorted({name for found in known.values() if found for name in found.file_names}):
            try:
                self._copy(f"{paths.INGESTED}/{paths.PARTS}", [parts / name])
            except FileNotFoundError:
                gone.add(name)
        desk = retention.of_desk(self._rooms[MODELS], self._rooms[paths.PRODUCTION])
        needed = {os.path.basename(it) for it in links.values()} | {desk["dataset"]}
        for room, folder in folders:
            found, is_needed = known.get(folder), room == paths.PRODUCTION or folder.name in needed
            lost = found.file_names & gone if found else set()
            is_whole = (folder / {MODELS: paths.SNAPSHOT}.get(room, paths.MANIFEST)).is_file()
            if is_needed and lost & there:
                raise MovedError
            try:
                if is_needed or (is_whole and not lost):
                    place = f"{room}/{folder.relative_to(self._rooms[room])}"
                    self._copy(place, [folder / name for name in sorted(os.listdir(folder))])
            except FileNotFoundError as error:
                if is_needed:
                    raise MovedError from error
        for name, target in links.items():
            if not any(it.startswith(f"{os.path.dirname(name)}/{target}/") for it in self._digests):
                raise DataError(f"{name}: what it names is missing ({target}). Nothing was written. Put it back first.")

    def _copy(self, place: str, of: list[Path]) -> None:
        """Copy files into one folder, all of them or none. Raises: FileNotFoundError."""
        with contextlib.ExitStack() as opened:
            held = {path: _opened(opened, path) for path in of if self._is_ours(path)}
            for path, file in held.items():
                self._add(f"{place}/{path.name}", file)
                self._copied[path] = file.at

    def _check_unchanged(self) -> None:
        """Raise MovedError where what never changes did, as when a client is erased."""
        for path, at in self._copied.items():
            with contextlib.suppress(FileNotFoundError):
                if _signature(path.stat()) != _signature(at):
                    raise MovedError

    def _outcomes(self) -> None:
        """Copy the outcomes as they are now: others write there, whenever they like."""
        top = self._installed.outcomes
        for folder, _, names in os.walk(top, onerror=_raised) if top.is_dir() else ():
            for path in (Path(folder, name) for name in sorted(names)):
                with contextlib.suppress(FileNotFoundError), contextlib.ExitStack() as opened:
                    if self._is_ours(path):
                        self._add(f"{paths.OUTCOMES}/{path.relative_to(top)}", _opened(opened, path))

    def _add(self, name: str, held: Held) -> None:
        """Write a file into the archive, of just the size that it had when it was opened."""
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = held.at.st_size, stat.S_IMODE(held.at.st_mode), int(held.at.st_mtime)
        content = _Hashed(held.content, info.size)
        self._tar.addfile(info, content)  # type: ignore[arg-type]
        self._digests[name], self._n_bytes = content.digest.hexdigest(), self._n_bytes + info.size


class _Hashed:
    """A file as `tarfile` reads it, with its SHA-256. Raises: MovedError where it has become shorter."""

    def __init__(self, content: BinaryIO, size: int) -> None:
        self._content, self._left, self.digest = content, size, sha256()

    def read(self, n: int) -> bytes:
        found = self._content.read(min(n, self._left))
        if not found and self._left and n:
            raise MovedError
        self._left -= len(found)
        self.digest.update(found)
        return found


def _opened(opened: contextlib.ExitStack, path: Path) -> Held:
    try:
        file = opened.enter_context(path.open("rb"))
    except PermissionError as error:
        raise DataError(f"{path}: it cannot be read ({error.strerror}). Nothing was written.") from error
    at = os.fstat(file.fileno())
    if at.st_size > SMALL:
        return Held(file, at)
    content = file.read(at.st_size)
    file.close()
    return Held(io.BytesIO(content), at)


def _raised(error: OSError) -> None:
    raise error


def _signature(at: os.stat_result) -> tuple[int, ...]:
    return at.st_size, at.st_mtime_ns, at.st_ino
