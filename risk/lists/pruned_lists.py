"""Kept lists beyond the days that are kept: which these are, and their removal from files of days and of years."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from risk.disk import files
from risk.lists import list_files, list_history
from risk.lists.list_files import KeptList


def surplus(folder: Path, noted: Mapping[str, str], most: int | None) -> list[KeptList]:
    """The lists that the journal names of all days but the newest `most`; a list that is lost is none of them."""
    days = sorted(set(noted.values()))[-most:] if most else []
    there = list_history.on_disk(folder) if days else []
    return [it for it in there if it.facts.as_of < days[0] and it.digest in noted]


def n_bytes(folder: Path, gone: list[KeptList]) -> int:
    """About how many bytes their removal frees: of a file that holds others too, the share of its rows."""
    rows: dict[str, int] = {}
    for it in list_files.held(folder):
        rows[it.file] = rows.get(it.file, 0) + it.n
    return sum((folder / it.file).stat().st_size * it.n // max(rows.get(it.file, 1), 1) for it in gone)


def remove(folder: Path, digests: Mapping[str, str]) -> None:
    """Remove these lists and all that files hold of their days or earlier ones. Raises: DiskError.

    A file that holds later lists too is rewritten without them, whole or not at all.
    """
    last = max(digests.values(), default="")
    held = list_files.held(folder)
    for file in sorted({it.file for it in held if it.facts.as_of <= last}):
        stay = [it for it in held if it.file == file and it.facts.as_of > last]
        if stay:
            list_files.rewrite(folder, stay)
        else:
            with files.refusals(folder):
                files.remove(folder / file)
    if folder.is_dir():
        files.sync(folder)
