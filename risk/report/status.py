"""The state of the installation: what is live, what the last run did, what is kept and how much room it takes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from risk import journal, paths
from risk.command import Answer, Run
from risk.dataset import dataset
from risk.dataset.manifest import Manifest
from risk.errors import DataError, RiskError
from risk.registry import audit, proven, releases
from risk.report import snapshot
from risk.settings import Settings

OF_NOW = (journal.RECORD, journal.STOPPED)  # these are looked at when they are asked for


def status(settings: Settings) -> Answer:
    """The state; exit code 1 when the last run failed, or journal or live release are not as recorded."""
    path = settings.production / paths.JOURNAL
    try:
        chain, sound = f"{journal.verify(path)} lines, sound", True
    except RiskError as error:
        chain, sound = str(error), False
    misplaced = audit.misplaced(settings.production) if sound else []
    runs = journal.runs(path) if sound else []
    last, live = runs[-1:], releases.linked(settings.production)
    damaged = proven.damage(settings.production, live) if sound and live else []
    is_proven = sound and live is not None and not damaged
    damaged += [it for it in audit.undescribed(settings.production, settings.ingested) if it not in damaged]
    failed = bool(last) and last[0].get("outcome") == journal.FAILED
    try:
        manifest = dataset.current(settings.ingested, settings.input_folder_path, settings.schema).manifest
    except DataError as error:
        manifest, damaged = Manifest(settings.input_folder_path, settings.schema.identity), damaged or [str(error)]
    made_with = releases.object_in(live.folder / paths.CARD).get("packages") if live and is_proven else None
    room = {folder.name: _bytes(folder) for folder in (settings.ingested, settings.models, settings.production)}
    fields: dict[str, Any] = {
        "release": live.name if live else None,
        "provisional": live.provisional if live and is_proven else None,
        "last_run": {name: last[0].get(name) for name in ("run", "at", "outcome", "sentence", "error")}
        if last
        else None,
        "dataset": manifest.name if manifest.number else None,
        **manifest.counts,
        "held": manifest.held,
        "warnings": next((it["warnings"] for it in reversed(runs) if "warnings" in it), []),
        "late": snapshot.overdue(expectation(settings), time.time()) if sound else None,
        "rejected_rows": manifest.n_refused,
        "journal": chain,
        "misplaced": misplaced[0] if misplaced else None,
        "other_versions": releases.other_versions(made_with),
        "damaged": damaged,
        "attention": [it for it in journal.attention(path) if it["kind"] not in OF_NOW] if sound else [],
        "bytes": room,
    }
    is_well = sound and not (misplaced or damaged or failed)
    return Answer("\n".join(_lines(fields)), fields, exit_code=0 if is_well else 1)


def expectation(settings: Settings, run: Run | None = None) -> dict[str, Any] | None:
    """Return when new rows are due, counted from the last arrival; a run under way counts."""
    came = journal.now() if run and run.record.get("arrived") else None
    return snapshot.expectation(
        settings.expected_every, came or journal.last_arrival(settings.production / paths.JOURNAL)
    )


def due(settings: Settings) -> float | None:
    """Return when a tick must warn of a feed that has stopped; None where a run has warned, or nothing is expected."""
    expected = expectation(settings)
    return expected["due"] if expected and expected["due"] > time.time() else None


def _lines(fields: dict[str, Any]) -> list[str]:
    last = fields["last_run"]
    kind = " (provisional)" if fields["provisional"] else ""
    ended = f"run {last['run']} at {last['at']}: {last['outcome']}." if last else "none yet"
    why = (last["error"] or last["sentence"] or "") if last else ""
    rows = f"{fields['n_rows']} rows, {fields['n_labelled']} labelled" if "n_rows" in fields else ""
    return [
        f"release:  {fields['release'] or 'none yet; run python fullprocess.py'}{kind}",
        f"last run: {ended} {why}".rstrip(),
        f"dataset:  {fields['dataset'] or 'none yet'}  {rows}".rstrip(),
        *([f"late:     {fields['late']}"] if fields["late"] else []),
        f"refused:  {fields['rejected_rows']} rows; held sources: {', '.join(fields['held']) or 'none'}",
        *(f"warning:  {warning}" for warning in fields["warnings"]),
        f"journal:  {fields['journal']}",
        *(f"warning:  {fields[name]}" for name in ("misplaced", "other_versions") if fields[name]),
        *(f"damaged:  {fault}" for fault in fields["damaged"]),
        *(f"needs attention: {it['sentence']}" for it in fields["attention"]),
        "kept:     " + ", ".join(f"{name} {size / 1e6:,.1f} MB" for name, size in fields["bytes"].items()),
    ]


def _bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
