"""An archive that is to be restored, proven: whole, every file as the backup wrote it, none of them lands elsewhere."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from risk.disk import paths
from risk.errors import DataError
from risk.registry._archive import FORMAT, LEFT_OUT, LINKS, LISTING

CHUNK = 2**20
BROKEN = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, OverflowError, RecursionError)
MALFORMED = (KeyError, TypeError, AttributeError)


@dataclass(frozen=True)
class ProvenArchive:
    """What an archive says of itself, once every file was found to be as it says."""

    file: Path
    listing: Mapping[str, Any]
    config: bytes

    @property
    def links(self) -> Mapping[str, str]:
        return self.listing["links"]  # type: ignore[no-any-return]


def prove(file: Path) -> ProvenArchive:
    """Read the whole archive. Raises: DataError where any of it is not as it was written, or would land elsewhere."""
    if not file.is_file():
        found = "it is a folder" if file.is_dir() else "there is no such file"
        raise DataError(f"{file}: {found}. Nothing was restored. Name a backup, a .tar.gz.")
    digests, kept = {}, {paths.CONFIG: b"", LISTING: b""}
    for info, stream in members(file):
        if (why := _fault(info)) or info.name in digests:
            raise DataError(f"{file}: {info.name[:200]!r} {why or 'is there twice'}. Nothing was restored.")
        digest = sha256()
        for chunk in chunks(file, stream):
            digest.update(chunk)
            if info.name in kept:
                kept[info.name] += chunk
        digests[info.name] = digest.hexdigest()
    digests.pop(LISTING, None)
    with damage(file):
        listing = json.loads(kept[LISTING])
        if listing["backup"] != FORMAT:
            raise ValueError("it is of another program")
        if listing["files"] != digests:
            differ = sorted(name for name, _ in listing["files"].items() ^ digests.items())
            raise ValueError(f"not as it was written: {differ[0]}")
        if f"{paths.PRODUCTION}/{paths.JOURNAL}" not in digests or paths.CONFIG not in digests:
            raise ValueError("journal or settings are missing")
        for link, target in listing["links"].items():
            room = link.partition("/")[0]
            of_it = f"{os.path.dirname(link)}/{target}/"
            if link != f"{room}/{LINKS.get(room)}" or ".." in target or not any(it.startswith(of_it) for it in digests):
                raise ValueError(f"{link} leads to nothing in it")
    return ProvenArchive(file, listing, kept[paths.CONFIG])


def _fault(info: tarfile.TarInfo) -> str | None:
    """Why a member is not restored; None for a plain file of an installation."""
    room, _, rest = info.name.partition("/")
    steps = rest.split("/")
    if info.name not in (paths.CONFIG, LISTING):
        if room not in {*LINKS, paths.OUTCOMES} or any(it in ("", ".", "..") for it in steps) or "\0" in rest:
            return "would land outside of the installation"
        if (
            steps[-1] in LEFT_OUT
            or any(it.startswith(paths.UNFINISHED) for it in steps)
            or f"{rest}/".startswith(f"{LINKS.get(room)}/")
        ):
            return "is no file of a backup"
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or info.issparse():
        return "is no plain file"
    return None


def members(file: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Every member in its order; to the end, so that the checksum of the whole is compared too. Raises: DataError."""
    with contextlib.ExitStack() as opened:
        with damage(file):
            unzipped = opened.enter_context(gzip.GzipFile(fileobj=opened.enter_context(file.open("rb"))))
            tar = opened.enter_context(tarfile.open(fileobj=unzipped, mode="r|"))
        while True:
            with damage(file):
                info = tar.next()
                stream = tar.extractfile(info) if info and info.isreg() else None
            if info is None:
                break
            yield info, stream  # type: ignore[misc]
        with damage(file):
            while unzipped.read(CHUNK):
                pass


def chunks(file: Path, stream: IO[bytes]) -> Iterator[bytes]:
    while True:
        with damage(file):
            chunk = stream.read(CHUNK)
        if not chunk:
            return
        yield chunk


@contextlib.contextmanager
def damage(file: Path) -> Iterator[None]:
    try:
        yield
    except (*BROKEN, *MALFORMED) as error:
        told = str(error) or type(error).__name__
        raise DataError(
            f"{file}: no backup of this program, or damaged ({told[:200]}). Nothing was restored. Take another backup."
        ) from error
