"""Retention of releases: which may be removed, and what the journal says of those that were.

A removed release keeps its lines: its digests in the line that announced it, and the day in that of the pruning.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from risk.disk import files, paths

PRUNE, PRUNED = "prune", "pruned"  # the act that names what will be removed, and the line that ends it
Record = Mapping[str, Any]


def removed(records: Iterable[Record]) -> dict[str, str]:
    """The releases that were pruned, each with the day (UTC); one may be there again, put back by a person."""
    acts = (it for it in records if it.get("act") == PRUNE)
    return {name: str(it.get("at"))[:10] for it in acts for name in it.get("releases") or ()}


def cut_off(records: Iterable[Record]) -> Record | None:
    """The last pruning where it did not come to its end."""
    last = [it for it in records if it.get("act") == PRUNE or it.get("kind") == PRUNED][-1:]
    return last[0] if last and last[0].get("act") == PRUNE else None


def take_away(folders: Iterable[Path]) -> None:
    """Remove folders, each out of sight by one rename first: nobody sees a part of one. Raises: DiskError."""
    for folder in folders:
        gone = folder.with_name(paths.UNFINISHED + folder.name)
        with files.refusals(folder):
            files.remove(gone)
            if folder.is_dir():
                os.rename(folder, gone)
                files.sync(folder.parent)
                files.remove(gone)


def of_desk(models: Path, production: Path) -> dict[str, str | None]:
    """What the challenger on the desk rests on while it is not live: its `dataset`, and the `release` that it is."""
    card = files.read_json(models / paths.CARD)
    link = production / paths.CURRENT
    live = os.path.basename(os.readlink(link)) if link.is_symlink() else ""
    if not isinstance(card, dict) or str(card.get("sha256")).startswith(paths.digest_of(live) or "none"):
        return {"dataset": None, "release": None}
    return {name: card.get(name) for name in ("dataset", "release")}
