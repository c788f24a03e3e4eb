"""What a person should know of the sources after an ingestion: warnings, and files that could not be looked at."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from risk.dataset import inbox
from risk.dataset.inbox import Inbox
from risk.dataset.manifest import Manifest
from risk.disk import journal, paths
from risk.disk.journal import Attention


def sentences(box: Inbox, unsettled: Iterable[str], after: Manifest) -> tuple[str, ...]:
    """Every warning of the files in an inbox and of the version that follows."""
    told = [f"{name}: {why}" for name, why in box.skipped.items()]
    told += [f"{name}: it changed while it was read; it is left for the next run" for name in unsettled]
    for entry in after.sources:
        told += [entry.reason] if entry.state == "refused" and entry.reason else []
        told += [f"{entry.path}: held back: {entry.reason}"] if entry.state == "held" else []
        told += [f"{entry.path}: {warning}" for content in entry.shown for warning in content.warnings]
    return (*told, *after.told)


def passed_over(folder: Path, box: Inbox) -> list[Attention]:
    """The client files that could not be looked at; links and files of other kinds are only warned about."""
    quiet = inbox.CHANGES, inbox.NO_TABLE
    return [
        Attention(journal.PASSED_OVER, name, f"{name}: {why}.")
        for name, why in box.skipped.items()
        if paths.kind_of(name) and why not in quiet and not (folder / name).is_symlink()
    ]
