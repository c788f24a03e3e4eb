"""The files that somebody names, or that lie in a folder: those with the name of a table, and the others.

Reads: folders. Writes: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from risk.dataset.inbox import natural
from risk.disk import paths
from risk.errors import UsageError

SHOWN = 3


def files_in(names: Iterable[str]) -> list[Path]:
    """The files of these names and, in natural order, those in folders. Raises: UsageError where there is none."""
    found: list[Path] = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            found += sorted(filter(_is_table, _inside(path)), key=lambda it: natural(str(it)))
        elif not path.is_file():
            raise UsageError(f"{name}: there is no such file or folder; name the files that hold your clients")
        else:
            found.append(path)
    if not found:
        raise UsageError(
            f"{', '.join(map(str, names))}: no table is there; expected files that end in {', '.join(paths.TABLES)}"
        )
    return found


def passed_over(names: Iterable[str]) -> dict[str, str]:
    """The folders among these that hold files which are no tables by their names, with some of these names."""
    told = {}
    for folder in filter(Path.is_dir, map(Path, names)):
        others = sorted(it.name for it in _inside(folder) if not _is_table(it))
        more = f" and {len(others) - SHOWN:,} more" if len(others) > SHOWN else ""
        if others:
            told[str(folder)] = f"{', '.join(others[:SHOWN])}{more}: no tables by their names"
    return told


def _inside(folder: Path) -> list[Path]:
    """The files below a folder, but for hidden ones and the locks of open spreadsheets."""
    found = (it for it in folder.rglob("*") if it.is_file())
    return [it for it in found if not any(part.startswith((".", "~$")) for part in it.relative_to(folder).parts)]


def _is_table(path: Path) -> bool:
    return bool(paths.kind_of(path.name))
