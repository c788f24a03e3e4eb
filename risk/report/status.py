"""The state of the installation: what is live, what the last run did, what is kept, and the packages it needs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from risk.command import Answer, Run
from risk.dataset import dataset, manifest
from risk.dataset.manifest import Manifest
from risk.decision import approval
from risk.disk import journal, paths, wiped
from risk.errors import DataError, DiskError, RiskError
from risk.lists import list_history, track_record_words
from risk.reading import erased
from risk.registry import audit, proven, releases
from risk.report import deliver, season_words, snapshot
from risk.settings.settings import Settings
from risk.text import counted, hours_of

ROOT = Path(__file__).parents[2]
ASKED = "check dependencies"  # the act of asking the package index
LAST_RUN = ("run", "at", "outcome", "sentence", "error")
OF_NOW = (journal.RECORD, journal.STOPPED, journal.APPROVAL)  # these are looked at when they are asked for
OTHER = "none of this schema and input folder yet; the next run reads all sources"
UNREAD = "Files that came since the last ingestion are not counted in."  # beside what waits


def status(settings: Settings) -> Answer:
    """The state; exit code 1 when the last run failed, or journal or live release are not as recorded."""
    path = settings.production / paths.JOURNAL
    try:
        chain, sound = f"{journal.verify(path)} lines, sound", True
    except RiskError as error:
        chain, sound = str(error), False
    misplaced = audit.misplaced(settings.production) if sound else []
    runs = journal.runs(path) if sound else []
    last, live = next(reversed(runs), None), releases.linked(settings.production)
    unproven = proven.damage(settings.production, live) if sound and live else []
    is_proven = sound and live is not None and not unproven
    failed = last is not None and last.get("outcome") == journal.FAILED
    try:
        rows = dataset.current(settings.ingested, settings.input_folder_path, settings.schema)
        current, lag, unread = rows.manifest, rows.lag.told, None
    except (DataError, DiskError) as error:
        current, lag, unread = Manifest(settings.input_folder_path, settings.schema.identity), {}, str(error)
    damaged = _damaged(settings, unproven, unread, sound)
    made_with = releases.object_in(live.folder / paths.CARD).get("packages") if live and is_proven else None
    folders = (settings.ingested, settings.models, settings.production)
    files = {folder.name: [path for path in folder.rglob("*") if not path.is_symlink()] for folder in folders}
    fields: dict[str, Any] = {
        "release": live.name if live else None,
        "provisional": live.provisional if live and is_proven else None,
        "last_run": {name: last.get(name) for name in LAST_RUN} if last else None,
        "dataset": current.name if current.counts else None,
        **current.counts,
        **lag,
        "held": current.held,
        "warnings": next((it["warnings"] for it in reversed(runs) if "warnings" in it), []),
        "late": snapshot.overdue(expectation(settings), time.time()) if sound else None,
        "rejected_rows": current.n_refused,
        "journal": chain if path.exists() or not damaged else "missing",
        "misplaced": misplaced[0] if misplaced else None,
        "other_versions": releases.other_versions(made_with),
        "damaged": damaged,
        "undelivered": deliver.waiting(settings.deliver, settings.production),
        "attention": [it for it in journal.attention(path) if _is_open(it, live)] if sound else [],
        "waiting": waiting(settings) if sound else None,
        "bytes": {name: sum(it.lstat().st_size for it in found if it.is_file()) for name, found in files.items()},
    }
    is_ill = not sound or misplaced or damaged or failed
    return Answer(
        "\n".join(_lines(fields, OTHER if current.number else "none yet")), fields, exit_code=1 if is_ill else 0
    )


def _is_open(thing: dict[str, Any], live: releases.Release | None) -> bool:
    """Whether this needs a person still, as far as the record tells: a list that is missing is of what was live."""
    settled = thing["kind"] == journal.NO_LIST and (live is None or live.name != thing["subject"])
    return thing["kind"] not in OF_NOW and not settled


def _damaged(settings: Settings, unproven: Sequence[str], unread: str | None, sound: bool) -> list[str]:
    """What is not as it was left; `unproven` tells of the live release, `unread` of rows, `sound` of the journal."""
    shelves = settings.ingested / paths.VERSIONS, settings.production / paths.RELEASES
    undescribed = [it for it in manifest.undescribed(manifest.read_all(*shelves)) if it not in unproven]
    wiped_away = wiped.fault(settings.production, settings.ingested, settings.models) if sound else None
    if wiped_away and (settings.production / paths.ERASING).exists():  # nothing that is half rewritten is damaged
        return [wiped_away]
    gone = [it for it in (wiped_away, erased.fault(settings.production) if sound else None) if it]
    noted = list_history.journaled(journal.read(settings.production / paths.JOURNAL) if sound else ())
    lost = list_history.lost(settings.models / paths.LISTS, noted)
    lists = [track_record_words.of_broken({"broken": lost}) or ""] if lost else []
    of_rows = [unread] if unread and not (unproven or undescribed or gone) else []  # these say why
    return [*unproven, *undescribed, *gone, *of_rows, *lists]


def waiting(settings: Settings, run: Run | None = None) -> dict[str, Any] | None:
    """The challenger that waits for a person's approval, and its evidence; None where none does or none is asked."""
    if not settings.gate.by_person:
        return None
    found = approval.waiting(settings.models, settings.production, settings.ingested, run=run.number if run else None)
    return found.told if found else None


def expectation(settings: Settings, run: Run | None = None) -> dict[str, Any] | None:
    """What is expected and when new rows came last (ISO, UTC), for the snapshot; None where nothing is.

    New rows are due so long after the last arrival; one of a run under way counts.
    """
    came = journal.now() if run and run.record.get("arrived") else None
    came = came or journal.last_arrival(settings.production / paths.JOURNAL)
    if settings.expected_every is None or came is None:
        return None
    due = datetime.fromisoformat(came).timestamp() + 3600 * hours_of(settings.expected_every)
    return {"every": settings.expected_every, "last_arrival": came, "due": due}


def due(settings: Settings) -> float | None:
    """Return when a tick is work without news (seconds since 1970): it must warn of a feed that has stopped, unless
    that was done, or the call list changes by itself; None where neither is expected.
    """
    expected, runs = expectation(settings), journal.runs(settings.production / paths.JOURNAL)
    changes = next((it["next_change"] for it in reversed(runs) if "next_change" in it), None)
    times = [expected["due"]] if expected and expected["due"] > time.time() else []
    return min([*times, *([datetime.fromisoformat(changes).timestamp()] if changes else [])], default=None)


def _lines(fields: dict[str, Any], no_dataset: str) -> list[str]:
    last = fields["last_run"]
    kind = " (provisional)" if fields["provisional"] else ""
    ended = f"run {last['run']} at {last['at']}: {last['outcome']}." if last else "none yet"
    why = (last["error"] or last["sentence"] or "") if last else ""
    rows = f"{fields['n_rows']} rows, {fields['n_labelled']} labelled" if "n_rows" in fields else ""
    return [
        f"release:  {fields['release'] or 'none yet; run python fullprocess.py'}{kind}",
        f"last run: {ended} {why}".rstrip(),
        f"dataset:  {fields['dataset'] or no_dataset}  {rows}".rstrip(),
        *(f"lag:      {it}" for it in [season_words.of_lag(fields)] if it),
        *([f"late:     {fields['late']}"] if fields["late"] else []),
        f"refused:  {counted(fields['rejected_rows'], 'row')}; held sources: {', '.join(fields['held']) or 'none'}",
        *(f"warning:  {warning}" for warning in fields["warnings"]),
        f"journal:  {fields['journal']}",
        *(f"warning:  {fields[name]}" for name in ("misplaced", "other_versions") if fields[name]),
        *(f"not sent: {it}" for it in fields["undelivered"]),
        *(f"damaged:  {fault}" for fault in fields["damaged"]),
        *([f"waiting:  {fields['waiting']['said']} {UNREAD}"] if fields["waiting"] else []),
        *(f"needs attention: {it['sentence']}" for it in fields["attention"]),
        "kept:     " + ", ".join(f"{name} {size / 1e6:,.1f} MB" for name, size in fields["bytes"].items()),
    ]


# --- packages ---------------------------------------------------------------------------------------------------------


def packages(record: Path, root: Path = ROOT) -> dict[str, Any]:
    """The direct dependencies as people are shown them; the newest versions as an index said them last, if ever."""
    asked: dict[str, Any] = next((it for it in reversed(journal.read(record)) if it.get("act") == ASKED), {})
    newest, found = asked.get("newest"), []
    for name, required in _required(root).items():
        here = releases.installed(name)
        latest = newest.get(name, here) if newest is not None else None
        told = {"name": name, "required": required, "installed": here, "newest": latest}
        found.append(told | {"up_to_date": latest == here if latest else None})
    return {"checked_on": asked["at"][:10] if asked else None, "packages": found}


def _required(root: Path) -> dict[str, str]:
    """Each direct dependency of requirements.txt with its pin from requirements.lock, else its bound."""
    direct, locked = (
        path.read_text(encoding="utf-8-sig") if path.is_file() else ""
        for path in (root / "requirements.txt", root / "requirements.lock")
    )
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", locked, re.MULTILINE))
    bounds = re.findall(r"^([a-z0-9][\w.-]*)([^#\n]*)", direct.lower(), re.MULTILINE)
    return {name: pins.get(name, bound.strip()) for name, bound in sorted(bounds)}


def ask_index() -> dict[str, str]:
    """The newest version of every outdated package, by the user's own pip configuration.

    Raises: RiskError when no index answers: pip itself would then list nothing and look content.
    """
    if _pip("index", "versions", "pip", "--retries", "0", "--timeout", "5").returncode != 0:
        why = "no package index answers, so what is newest could not be checked; try again when connected"
        raise RiskError(f"dependencies: {why}")
    listed = _pip("list", "--outdated", "--format", "json")
    try:
        return {row["name"].lower(): row["latest_version"] for row in json.loads(listed.stdout)}
    except (ValueError, KeyError, TypeError) as error:
        raise RiskError(
            f"dependencies: pip gave no list ({listed.stderr.strip()[-200:]}); run pip list --outdated to see"
        ) from error


def _pip(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)
