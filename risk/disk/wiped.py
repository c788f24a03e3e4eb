"""A wiped folder, told from a fresh installation: what lies in the others names runs that it does not tell of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from risk.disk import files, journal, paths
from risk.errors import DataError, ErasureError, JournalError, RiskError

REREAD = "reread"  # the act of a person who gives the former dataset up
NOTHING = "Nothing was read, trained or deployed."
RESTORE = (
    f"{NOTHING} Mount or put back what is missing, or restore all from a backup (docs/how-to/backup-and-restore.md)."
)


@dataclass(frozen=True)
class Trace:
    """What runs left in a place: the run that it was made by, and how many lines the journal had then; 0 if unknown."""

    place: Path
    run: int = 0
    lines: int = 0


def check_erased(production: Path) -> None:
    """Raise ErasureError where an erasure is not done: nothing else may read or write what it has half rewritten."""
    if (order := production / paths.ERASING).exists():
        told = "an erasure was cut off, or is at work. Nothing was done, and nothing is to be restored. Run"
        raise ErasureError(f"{order}: {told} python ingestion.py or fullprocess.py, which finishes it.")


def check(
    production: Path, ingested: Path, models: Path, *, finishes_erasure: bool = False, reads_dataset: bool = True
) -> None:
    """Raise JournalError or DataError where journal or dataset are gone, or the journal is older than what is there.

    Raise ErasureError where an erasure was cut off, except for what finishes it. Who may not read the dataset sees
    only whether it is there.

    A run that is killed never leaves that: the journal is begun before anything else, and grows before what names it.
    """
    path = production / paths.JOURNAL
    if (production / paths.RESTORING).exists():
        told = "a backup is being restored here, or that was cut off"
        raise JournalError(f"{production}: {told}. Nothing was done. Run python fullprocess.py --restore FILE again.")
    if not finishes_erasure:
        check_erased(production)
    traces = list(_traces(production, ingested, models, reads_dataset))
    folders = f"{ingested.name}, {models.name} and {production.name}"
    over = f"To start over instead, move {folders} away (make clean) and run again."
    if not path.exists():
        if traces:
            told = f"the journal is missing, but {traces[0].place} is there, so this is no fresh installation"
            raise JournalError(f"{path}: {told}. {RESTORE} {over}")
        return
    records, next_run = journal.read(path), journal.next_run(path)
    for it in traces:
        if it.run > next_run or it.lines > len(records):
            told = f"{it.place} is of run {it.run}" if it.run > next_run else f"{it.place} knows {it.lines} lines of it"
            found = f"it has {len(records)} lines and its next run is {next_run}, but {told}: it was cut or replaced"
            raise JournalError(f"{path}: {found}. {RESTORE} {over}")
    told_of = (it for it in reversed(records) if it.get("act") == REREAD or it.get("kind") == "run")
    last: dict[str, Any] = next((it for it in told_of if it.get("act") == REREAD or it.get("dataset")), {})
    if last.get("dataset") and not os.path.lexists(ingested / paths.CURRENT):
        found = f"the link is missing, but run {last.get('run')} left dataset {last['dataset']} there"
        again = "To read the input folder again instead, without the rows of files that have left it: "
        raise DataError(f"{ingested / paths.CURRENT}: {found}. {RESTORE} {again}python fullprocess.py --reread")


def give_up(production: Path, ingested: Path) -> None:
    """Journal a person's word that the former dataset is lost; then a run may begin another. Raises: BusyError."""
    with files.lock(production / paths.LOCK):
        if (production / paths.JOURNAL).exists() and not os.path.lexists(ingested / paths.CURRENT):
            journal.append(production / paths.JOURNAL, {"kind": "act", "act": REREAD})


def fault(production: Path, ingested: Path, models: Path, **how: bool) -> str | None:
    """What `check` would raise, as a sentence; None where nothing is wiped."""
    try:
        check(production, ingested, models, **how)
    except RiskError as error:
        return str(error)
    return None


def _traces(production: Path, ingested: Path, models: Path, reads_dataset: bool) -> Iterator[Trace]:
    """What only runs leave, beside the journal."""
    link = ingested / paths.CURRENT
    if os.path.lexists(link) or _holds(ingested / paths.VERSIONS):
        manifest = _object_in(link / paths.MANIFEST) if reads_dataset else {}
        lists = [it for it in (manifest.get("entries"), manifest.get("events")) if isinstance(it, list)]
        runs = (_number(it.get("judged_run")) for entries in lists for it in entries if isinstance(it, dict))
        yield Trace(link, max(runs, default=0))
    if os.path.lexists(link := models / paths.REPORTS / paths.CURRENT):
        shown = _object_in(link / paths.SNAPSHOT)
        anchor = shown.get("journal")
        lines = _number(anchor.get("lines")) if isinstance(anchor, dict) else 0
        yield Trace(link, _number(shown.get("run")), lines)
    if os.path.lexists(card := models / paths.CARD):
        yield Trace(card, _number(_object_in(card).get("run")))
    if os.path.lexists(link := production / paths.CURRENT):
        yield Trace(link)
    if _holds(shelf := production / paths.RELEASES):
        yield Trace(shelf)


def _holds(shelf: Path) -> bool:
    return shelf.is_dir() and any(paths.number_of(name) for name in os.listdir(shelf))


def _object_in(path: Path) -> dict[str, Any]:
    found = files.read_json(path)
    return found if isinstance(found, dict) else {}


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
