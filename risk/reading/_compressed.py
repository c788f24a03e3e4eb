"""Compressed tables, a block at a time: the bytes are counted as they come out, and never more is kept than a block."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from risk.reading.refusals import fault
from risk.text import CONTROL

BLOCK = 1024 * 1024
GZIP = 16 + zlib.MAX_WBITS
LARGEST = 64_000_000_000  # bytes inside of a file that has no cap
TEXTS = ".csv", ".tsv", ".txt"
NOISE = "__MACOSX/", ".DS_Store", "Thumbs.db"  # what systems add by themselves


def inflated(blocks: Iterable[bytes], cap: int) -> Iterator[bytes]:
    """What a gzip file holds, one member or several. Raises: Fault."""
    decoder, n_bytes = zlib.decompressobj(GZIP), 0
    for block in blocks:
        rest = block
        while rest:
            if decoder.eof:
                rest = rest.lstrip(b"\0")  # as tapes fill a block
                decoder = zlib.decompressobj(GZIP) if rest else decoder
                continue
            try:
                piece = decoder.decompress(rest, BLOCK)
            except zlib.error as error:
                raise fault("is damaged, or no gzip", "a whole gzip file") from error
            rest = decoder.unused_data or decoder.unconsumed_tail
            n_bytes += len(piece)
            _check_size(n_bytes, cap)
            yield piece
    if not decoder.eof:
        raise fault("is cut off (gzip)", "the whole file")


@contextlib.contextmanager
def only_member(path: str, cap: int) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Give the name and the bytes of the only file in a zip archive. Nothing is unpacked to a disk. Raises: Fault."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = _the_only(archive.infolist())
            _check_size(member.file_size, cap)
            with archive.open(member) as file:
                yield member.filename, iter(lambda: file.read(BLOCK), b"")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise fault("is damaged, or no zip file", "a whole zip file with one table in it") from error


def _the_only(members: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    files = [it for it in members if not it.is_dir() and not any(noise in it.filename for noise in NOISE)]
    if len(files) != 1:
        shown = ", ".join(it.filename for it in files[:3]) + (", …" if len(files) > 3 else "")
        raise fault(f"holds {len(files)} files", "one .csv, .tsv or .txt file in it", value=shown)
    member, name = files[0], files[0].filename
    if CONTROL.search(name) or name.startswith("/") or "\\" in name or ".." in PurePosixPath(name).parts:
        raise fault("holds a file whose name leaves the archive", "a plain name", value=name)
    if not name.lower().endswith(TEXTS):
        raise fault("holds a file of another kind", "one .csv, .tsv or .txt file in it (unpack others)", value=name)
    if member.flag_bits & 1:
        raise fault("is protected by a password", "an archive without one", value=name)
    return member


def _check_size(n_bytes: int, cap: int) -> None:
    most = min(cap, LARGEST)
    if n_bytes > most:
        raise fault(f"holds more than {most:,} bytes", f"at most {most:,} (raise max_source_mb, or split it)")
