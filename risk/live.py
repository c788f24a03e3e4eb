"""What is live now: the deployed model and the newest report set, loaded once, swapped by one reference."""

from __future__ import annotations

import contextlib
import csv
import gc
import hashlib
import json
import logging
import os
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from risk import artifacts, evidence, files, journal
from risk.contracts import Contract
from risk.errors import ModelError, RiskError
from risk.listed import Clients, load_clients
from risk.problems import Told
from risk.schema import Schema
from risk.script import event

if TYPE_CHECKING:
    from risk.model import Model

log = logging.getLogger("risk")

PAUSE = 0.25  # seconds between two looks at the links
PATIENCE = 60.0  # seconds until what could not be loaded is tried again
OLD_CARD = (
    b"> An older program trained this model: figures in its table of factors may be of rows that cannot exist.\n\n"
)


@dataclass(frozen=True)
class Shown:
    """One report set: its number, the snapshot, the current clients, PDF and call list (None where it is not there)."""

    number: str
    snapshot: dict[str, Any]
    clients: Clients
    report: bytes | None
    calls: bytes | None = None

    @property
    def release(self) -> str | None:
        """The release that the set is of."""
        released = self.snapshot["release"]
        return released["name"] if released else None


@dataclass(frozen=True)
class Live:
    """What a request sees from its beginning to its end; None where there is none yet."""

    model: Model | None = None
    contract: Contract | None = None
    shown: Shown | None = None
    faults: tuple[str, ...] = ()
    record: str | None = None

    @property
    def wrong(self) -> tuple[str, ...]:
        """Everything that a person must know of: what cannot be loaded, and a journal whose chain is broken."""
        return (*self.faults, *([self.record] if self.record else []))


class Watch:
    """Keeps `live` current: a thread looks at two links and the journal, loads and proves what is new, assigns it."""

    def __init__(self, production: Path, models: Path, schema: Schema) -> None:
        self._journal = production / artifacts.JOURNAL
        self._links = (production / artifacts.CURRENT, models / artifacts.REPORTS / artifacts.CURRENT)
        self._schema = schema
        self._seen: tuple[str | None, ...] | None = None
        self._proven: tuple[str | None, str | None] | None = None
        self._again = 0.0
        self._live = Live()
        self._process: int | None = None
        self._starting = threading.Lock()
        self._stopped = threading.Event()

    @property
    def live(self) -> Live:
        """What is live now. The first question in a process (a fork is one) loads it and starts the thread."""
        if self._process != os.getpid():
            self.start()
        return self._live

    def start(self) -> None:
        """Load what is live and watch from now on."""
        with self._starting:
            if self._process == os.getpid():
                return
            self.look()
            self._stopped.clear()
            threading.Thread(target=self._run, name="watch", daemon=True).start()
            self._process = os.getpid()

    def stop(self) -> None:
        """Let the thread end, and the collector see everything again: a run goes on in this process."""
        self._stopped.set()
        gc.unfreeze()

    def look(self) -> None:
        """Load anew what has moved since the last look; what cannot be loaded leaves the former in place."""
        self._prove()
        seen = tuple(_target(link) for link in self._links)
        if seen == self._seen and not (self._live.faults and time.monotonic() > self._again):
            return
        self._seen, self._again = seen, time.monotonic() + PATIENCE
        self._live = self._loaded(self._live)
        # What was just loaded stays for long: without this the collector walks it again and again during requests.
        gc.unfreeze()
        gc.collect()
        gc.freeze()

    def _prove(self) -> None:
        """Follow the chain of the journal when a line has come, or another hand was at it or at the live release."""
        stamp = (_stamp(self._journal), _target(self._links[0]))
        if stamp != self._proven:
            self._proven, broken = stamp, journal.fault(self._journal)
            told = [f"the record cannot be proven: {broken}"] if broken else evidence.misplaced(self._journal.parent)
            self._live = replace(self._live, record=_told(told[0]) if told else None)

    def _run(self) -> None:
        while not self._stopped.wait(PAUSE):
            try:
                self.look()
            except Exception:  # the thread must outlive anything, else the service would answer from the past for ever
                log.exception("look failed")

    def _loaded(self, former: Live) -> Live:
        """Return the new state; a fault is told, and the proven former model or set goes on answering."""
        faults: list[str] = []
        release, reports = (files.resolve(link) for link in self._links)
        model, contract, shown = former.model, former.contract, former.shown
        try:
            if release is None:
                model = contract = None
            elif model is None or model.name != release.name:
                model, contract = _load_model(release, self._schema)
        except (RiskError, OSError, ValueError) as error:
            faults.append(_told(f"the deployed model cannot be used: {error}"))
        try:
            shown = load_shown(reports) if reports else None
        except (OSError, ValueError, csv.Error) as error:
            faults.append(_told(f"the newest report cannot be shown: {error}"))
        return Live(model, contract, shown, tuple(faults), former.record)


def instance(production: Path) -> str:
    """Return the id of an installation: what a service answers and a client compares."""
    return hashlib.sha256(str(production.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def load_shown(folder: Path) -> Shown:
    """Return a report set, read whole from its folder. Raises: OSError, ValueError, csv.Error where it is damaged."""
    snapshot = json.loads((folder / artifacts.SNAPSHOT).read_bytes(), object_hook=Told)
    if not isinstance(snapshot, dict) or "release" not in snapshot:
        raise ValueError(f"{folder.name}/{artifacts.SNAPSHOT} is missing or torn")
    clients = load_clients((folder / artifacts.CLIENT_RISKS).read_text(encoding="utf-8"), snapshot.get("risks"))
    return Shown(
        folder.name, snapshot, clients, _content(folder / artifacts.REPORT), _content(folder / artifacts.CALL_LIST)
    )


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _load_model(folder: Path, schema: Schema) -> tuple[Model, Contract]:
    """Load a release and prove that it answers a client of whom nothing is known."""
    from risk.model import load

    model = load(folder)
    contract = Contract(schema, model.card.features)
    risks = model.risks(contract.blank().frame)
    if risks.shape != (1,) or not 0 <= risks[0] <= 1:
        raise ModelError(f"{folder.name}: answered {risks!r} to one client, expected one risk between 0 and 1")
    return model, contract


def _target(link: Path) -> str | None:
    with contextlib.suppress(OSError):
        return os.readlink(link)
    return None


def _stamp(path: Path) -> str | None:
    """Return what changes with a file: its size and the time of its last change."""
    with contextlib.suppress(OSError):
        found = path.stat()
        return f"{found.st_size} {found.st_mtime_ns}"
    return None


def card_of(production: Path, name: str) -> bytes | None:
    """Return the model card of a release, by its name or number; None where there is no such release or no card."""
    shelf = production / artifacts.RELEASES
    found = [folder for folder in shelf.glob("[0-9]*-*") if name in (folder.name, folder.name.partition("-")[0])]
    with contextlib.suppress(OSError, IndexError):
        papers = files.read_json(found[0] / artifacts.CARD) or {}
        return (OLD_CARD if papers.get("probes") is None else b"") + (found[0] / artifacts.MODEL_CARD).read_bytes()
    return None


def _told(fault: str) -> str:
    log.warning(event("fault", reason=fault))
    return fault
