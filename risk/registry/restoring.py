"""A backup brought back, into folders that are empty: every file is proven before the first one is written.

While it is at work a file marks the place, so that no run takes what is half there for an installation; a restore that
was cut off is begun again by the next one, from whatever backup.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from risk.command import Answer
from risk.disk import files, journal, paths
from risk.errors import ConfigError, DataError, UsageError
from risk.registry import releases
from risk.registry._archive import LEFT_OUT, LINKS, LISTING, MODELS
from risk.registry._proven_archive import ProvenArchive, chunks, damage, members, prove
from risk.settings import settings_file

ROOM_KEYS = {
    paths.INGESTED: "output_folder_path", MODELS: "output_model_path", paths.PRODUCTION: "prod_deployment_path",
}  # fmt: skip
INPUTS = ("input_folder_path", "test_data_path")
OUTER = {paths.INGESTED: paths.DATASET_LINKS, MODELS: paths.REPORT_LINKS, paths.PRODUCTION: paths.RELEASE_LINKS}


@dataclass(frozen=True)
class Restored:
    """What was brought back, and the folders of files that no backup holds and that are empty."""

    n_files: int
    made_at: str
    program: str
    empty: tuple[str, ...]


@dataclass(frozen=True)
class _Target:
    """The folders that a settings file names."""

    config: Path
    rooms: Mapping[str, Path]
    outcomes: Path
    inputs: tuple[Path, ...]

    @property
    def production(self) -> Path:
        return self.rooms[paths.PRODUCTION]

    @property
    def marker(self) -> Path:
        return self.production / paths.RESTORING

    def path(self, name: str) -> Path:
        """Where a file of the archive goes."""
        room, _, rest = name.partition("/")
        return self.config if not rest else (self.outcomes if room == paths.OUTCOMES else self.rooms[room]) / rest


def answer(file: str, config: Path, named: bool) -> Answer:
    """Bring a backup back and say what is there now. Raises: as `restore`.

    Where no settings file was `named` it goes here, if this is an empty folder, and else where scripts look for one.
    """
    if not named and {it.name for it in Path().iterdir()} <= {Path(file).name}:
        config = Path(paths.CONFIG)
    found = restore(Path(file), config)
    made = f"as of {found.made_at}, by program {found.program}"
    told = f"{config.absolute().parent}: {found.n_files} files restored, {made}. "
    if found.empty:
        told += f"No backup holds the files of {' and '.join(found.empty)}: put them back before the next run. "
    fields = {"outcome": "restored", "files": found.n_files, "made_at": found.made_at, "empty": found.empty}
    return Answer(f"{told}Now check it: python diagnostics.py --verify", fields)


def restore(file: Path, config: Path) -> Restored:
    """Bring a backup back to where a settings file says; without one the backup's own is put there, last of all.

    Raises: UsageError where something is there, DataError for a damaged archive, ConfigError, BusyError, DiskError.
    """
    proven = prove(file)
    target = _target(proven, config)
    is_cut_off = target.marker.exists()
    if not is_cut_off:
        _check_empty(target, proven.listing["files"])
    with files.lock(target.production / paths.LOCK):
        if target.marker.exists():
            _clear(target)
        else:
            _check_empty(target, proven.listing["files"])
        new = [
            it for it in proven.listing["files"] if it.startswith(f"{paths.OUTCOMES}/") and not target.path(it).exists()
        ]
        files.write(target.marker, files.as_json({"outcomes": [it.partition("/")[2] for it in new]}))
        try:
            _bring_back(proven, target)
        except BaseException:
            _clear(target)
            raise
        empty = tuple(it.name for it in target.inputs if not it.is_dir() or not os.listdir(it))
        for folder in target.inputs:
            files.make_folder(folder)
        with files.refusals(target.production):
            files.remove(target.marker)
            files.sync(target.production)
    listing = proven.listing
    return Restored(len(listing["files"]), str(listing.get("at")), str(listing.get("program")), empty)


# --- the place --------------------------------------------------------------------------------------------------------


def _target(proven: ProvenArchive, config: Path) -> _Target:
    """Where the backup goes. Raises: ConfigError, UsageError where the settings there are others than the backup's."""
    with damage(proven.file):
        of_backup = json.loads(proven.config)
    there = settings_file.read(config) if os.path.lexists(config) else None
    if there is not None:
        told = [{key: it for key, it in some.items() if not key.endswith("_path")} for some in (there, of_backup)]
        if differ := sorted(key for key in {*told[0], *told[1]} if told[0].get(key) != told[1].get(key)):
            raise UsageError(
                f"{config}: it is not that of the backup (other {', '.join(differ)}). Nothing was restored. "
                "Move it away to have the backup's."
            )
    root, named = config.absolute().parent, there or of_backup
    defaults = dict.fromkeys((*ROOM_KEYS.values(), *INPUTS)) | {"outcomes_path": paths.OUTCOMES}
    folders: dict[str, Any] = {key: named.get(key, default) for key, default in defaults.items()}
    for key, folder in folders.items():
        if not isinstance(folder, str) or not folder or "\0" in folder:
            raise ConfigError(f"{config}: key {key!r} names no folder. Nothing was restored.")
        if there is None and (os.path.isabs(folder) or ".." in Path(folder).parts):
            raise UsageError(
                f"{config}: the backup's settings name a folder elsewhere ({key}: {folder}). Nothing was restored. "
                "Put a settings file there first; its folders may be others than the backup's."
            )
    rooms = {room: root / folders[key] for room, key in ROOM_KEYS.items()}
    return _Target(config, rooms, root / folders["outcomes_path"], tuple(root / folders[key] for key in INPUTS))


def _check_empty(target: _Target, listed: Mapping[str, str]) -> None:
    """Raise UsageError where a run has written anything, or outcomes are there that the backup does not hold."""
    found = next((path for folder in target.rooms.values() for path in _content(folder)), None)
    if found is None:
        top = target.outcomes
        for path in (it for it in sorted(top.rglob("*")) if it.is_symlink() or it.is_file()):
            if path.name in LEFT_OUT:
                continue
            if path.is_symlink() or listed.get(f"{paths.OUTCOMES}/{path.relative_to(top)}") != files.digest_file(path):
                found = path
                break
    if found is not None:
        folders = ", ".join(str(it) for it in (*target.rooms.values(), target.outcomes))
        raise UsageError(
            f"{found}: it is there, and a backup is restored into empty folders alone. Nothing was restored. "
            f"Move away what is in {folders}, then restore again."
        )


def _content(folder: Path) -> Iterator[Path]:
    """What of a folder is more than locks, logs and what is unfinished."""
    for path in sorted(folder.rglob("*")):
        is_content = path.is_symlink() or not path.is_dir()
        is_ours = path.name in LEFT_OUT or path.name.endswith(".log")
        if is_content and not is_ours and not any(it.startswith(paths.UNFINISHED) for it in path.parts):
            yield path


def _clear(target: _Target) -> None:
    """Take away what a restore has written, the mark last of all. Raises: DiskError."""
    new = releases.object_in(target.marker).get("outcomes", [])
    with files.refusals(target.production):
        for folder in target.rooms.values():
            for path in [*_content(folder)]:
                files.remove(path)
            for path in sorted(folder.rglob("*"), reverse=True):
                if path.is_dir() and not path.is_symlink() and not os.listdir(path):
                    os.rmdir(path)
        for name in new:
            files.remove(target.outcomes / name)
        files.remove(target.marker)
        files.sync(target.production)


# --- bringing it back -------------------------------------------------------------------------------------------------


def _bring_back(proven: ProvenArchive, target: _Target) -> None:
    for room in (paths.INGESTED, paths.PRODUCTION):
        files.make_private(target.rooms[room])
    folders, config_mode = set(), 0o600
    for info, stream in members(proven.file):
        path = target.path(info.name)
        if info.name == paths.CONFIG:
            config_mode = info.mode
        if info.name in (paths.CONFIG, LISTING) or (info.name.startswith(f"{paths.OUTCOMES}/") and path.exists()):
            continue
        files.make_folder(path.parent)
        if _put(path, chunks(proven.file, stream), info.mode) != proven.listing["files"].get(info.name):
            raise DataError(f"{proven.file}: it changed while it was read. Nothing was restored.")
        folders.add(path.parent)
    for folder in sorted(folders):
        files.sync(folder)
    for room, folder in target.rooms.items():
        if to := proven.links.get(f"{room}/{LINKS[room]}"):
            link = folder / LINKS[room]
            files.link_out(folder, OUTER[room], LINKS[room])
            files.turn(link, link.parent / to)
    releases.settle(target.production)
    act = {
        "kind": "act",
        "act": "restore",
        "backup": files.digest_file(proven.file),
        "made_at": proven.listing.get("at"),
    }
    journal.append(target.production / paths.JOURNAL, act)
    if not os.path.lexists(target.config):
        unfinished = target.config.with_name(paths.UNFINISHED + target.config.name)
        with files.refusals(target.config):
            files.remove(unfinished)
            _put(unfinished, iter([proven.config]), config_mode)
            os.replace(unfinished, target.config)
            files.sync(target.config.parent)


def _put(path: Path, chunks: Iterator[bytes], mode: int) -> str:
    """Write a new file and make its bytes durable; return their digest. Raises: DiskError, DataError."""
    digest = sha256()
    with files.refusals(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            for chunk in chunks:
                digest.update(chunk)
                files.write_all(descriptor, chunk)
            os.fchmod(descriptor, (stat.S_IMODE(mode) & 0o777) | 0o600)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return digest.hexdigest()
