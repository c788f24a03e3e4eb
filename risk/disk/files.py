"""Files that appear whole or not at all, the one link that moves, and the one lock.

Every durable operation of the project goes through this module by `os`, so that the crash tests can stop before each.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from risk.disk.paths import UNFINISHED
from risk.errors import BusyError, DiskError

LINKLESS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP)  # what a file system says that knows no links
Content = bytes | Callable[[Path], None] | Path


def digest(content: bytes) -> str:
    """Return the SHA-256 of the bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def as_json(value: Any) -> bytes:
    """Return the one way in which we write JSON files: indented, in the caller's order, one line feed at the end."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, or None where there is none or it is torn."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        if getattr(error, "errno", errno.ENOENT) not in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP):
            raise
        return None


def write(path: Path, content: Content) -> None:
    """Make the file whole or not at all: a new file beside it, fsynced, renamed over it, the folder fsynced.

    Raises: DiskError where the disk refuses.
    """
    unfinished = path.with_name(UNFINISHED + path.name)
    with refusals(path):
        make_folder(path.parent)
        put(unfinished, content)
        os.replace(unfinished, path)
        sync(path.parent)


def append(path: Path, line: bytes) -> None:
    """Add one line to the end of a file and make it durable.

    Raises: DiskError where the disk refuses.
    """
    with refusals(path):
        new = not path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            write_all(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if new:
            sync(path.parent)


def publish(shelf: Path, name: str, files: Mapping[str, Content], link: Path) -> Path:
    """Make the folder `shelf/name` whole and durable, then turn `link` to it: the rename of the link is the commit.

    A reader who resolves the link once and stays in that folder sees all of one version. Returns the folder.
    Raises: DiskError where the disk refuses or links cannot be made.
    """
    folder, unfinished = shelf / name, shelf / (UNFINISHED + name)
    with refusals(folder):
        make_folder(shelf)
        remove(unfinished)
        remove(folder)
        os.mkdir(unfinished)
        for file_name, content in files.items():
            put(unfinished / file_name, content)
        sync(unfinished)
        os.rename(unfinished, folder)
        sync(shelf)
    turn(link, folder)
    return folder


def turn(link: Path, target: Path) -> None:
    """Point `link` at `target` (relative to it) by one rename, and make that durable.

    A real file or empty folder under the link's name is replaced. Raises: DiskError where links cannot be made.
    """
    unfinished = link.with_name(UNFINISHED + link.name)
    with refusals(link):
        remove(unfinished)
        try:
            os.symlink(os.path.relpath(target, link.parent), unfinished)
        except OSError as error:
            if error.errno not in LINKLESS:
                raise OSError(error.errno, error.strerror, str(unfinished)) from error
            raise DiskError(
                f"{link.parent}: symbolic links cannot be made in this folder ({error.strerror}), "
                "but every version is published by one; move the folder to a file system that has them"
            ) from error
        os.replace(unfinished, link)
        sync(link.parent)


def link_out(folder: Path, names: Iterable[str], through: str) -> list[str]:
    """Make the conventional names in `folder` links through `through`; return those that replaced a real file.

    They may dangle: they are made before the first commit, so that a kill never leaves a torn set.
    """
    replaced = []
    for name in names:
        path, target = folder / name, folder / through / name
        if path.is_symlink() and os.readlink(path) == os.path.relpath(target, folder):
            continue
        if path.exists() and not path.is_symlink():
            replaced.append(name)
        make_folder(folder)
        turn(path, target)
    return replaced


def resolve(link: Path) -> Path | None:
    """Return the folder that a link names now, or None: callers stay in it, whatever moves meanwhile."""
    try:
        folder = link.parent / os.readlink(link)
    except OSError:
        return None
    return folder if folder.is_dir() else None


def tidy(folder: Path, keep: Callable[[str], bool]) -> list[str]:
    """Remove what in a folder is unfinished or not to be kept; return the names."""
    if not folder.is_dir():
        return []
    gone = sorted(name for name in os.listdir(folder) if name.startswith(UNFINISHED) or not keep(name))
    with refusals(folder):
        for name in gone:
            remove(folder / name)
    return gone


def remove(path: Path) -> None:
    """Remove a file, link or whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder and its parents, each durable."""
    if path.is_dir():
        return
    make_folder(path.parent)
    with refusals(path):
        os.mkdir(path, mode)
        sync(path.parent)


def make_private(folder: Path) -> None:
    """Make a folder that only its owner may enter; one that is there is closed."""
    make_folder(folder, 0o700)
    with refusals(folder):
        if folder.stat().st_mode & 0o077:
            os.chmod(folder, 0o700)


def sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the one lock of an installation; the kernel lets go of it however the process ends.

    Raises: BusyError at once when another process holds it.
    """
    with refusals(path):
        make_folder(path.parent, 0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(f"{path}: another run is at work; nothing was done, try again when it has ended") from error
        os.utime(path)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what the disk refuses at `path` into one sentence."""
    try:
        yield
    except OSError as error:
        raise DiskError(
            f"{error.filename or path}: cannot write ({error.strerror or error}). Existing files are unchanged. "
            "Free some space or fix the permissions, then run again."
        ) from error


def put(path: Path, content: Content) -> None:
    """Write a file and make its bytes durable; its name is not durable yet."""
    if isinstance(content, Path):
        content = content.read_bytes()
    if callable(content):
        content(path)
        descriptor = os.open(path, os.O_RDONLY)
    else:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        if isinstance(content, bytes):
            write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of the bytes: one call of the system may take only a part."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
