"""The deployed model and the newest report set: loaded when they change, swapped by one reference."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import logging
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from risk.disk import files, journal, paths, tick, wiped
from risk.errors import DataError, ModelError, ReleaseError, RiskError
from risk.modeling.families import is_own
from risk.registry import audit, proven, releases
from risk.report import snapshot as snapshots
from risk.service.predictions import TORN, LiveState, Shown, load_clients
from risk.service.problems import ReportObject
from risk.service.requests import Contract
from risk.settings.model_choice import NO_FAMILIES, OwnFamilies
from risk.settings.schema import Schema
from risk.text import event

if TYPE_CHECKING:
    from risk.registry.model import Model

log = logging.getLogger("risk")

PAUSE = 0.25  # seconds between two polls of the links
PATIENCE = 1.0  # seconds until what could not be loaded is tried again
OLD_CARD = (
    b"> An older program trained this model: figures in its table of factors may be of rows that cannot exist.\n\n"
)


class Watch:
    """Keeps `live` current: a thread polls links, files and journal, loads and proves what is new, assigns it."""

    def __init__(
        self, production: Path, models: Path, schema: Schema, own: OwnFamilies = NO_FAMILIES,
        ingested: Path | None = None,
    ) -> None:  # fmt: skip
        self._own, self._production, self.reports, self.schema = own, production, models / paths.REPORTS, schema
        self._ingested, above = ingested, [ingested.parent, ingested.parent.resolve()] if ingested else []
        self._roots = [str(root) for path in (models, production) for root in (path, path.resolve())]
        self._roots += map(str, above)
        self._seen: tuple[Any, ...] | None = None
        self._proven: tuple[Any, ...] | None = None
        self._live, self._again = LiveState(), 0.0
        self._process: int | None = None
        self._starting, self._polling, self._stopped = threading.Lock(), threading.Lock(), threading.Event()

    @property
    def live(self) -> LiveState:
        """What is live now. The first question in a process (a fork is one) loads it and starts the thread."""
        if self._process != os.getpid():
            self.start()
        return self._live

    def start(self) -> None:
        """Load what is live and watch from now on."""
        with self._starting:
            if self._process == os.getpid():
                return
            self._polling = threading.Lock()  # a fork may have come amid a poll of the process before
            self.poll()
            self._stopped.clear()
            threading.Thread(target=self._run, name="watch", daemon=True).start()
            self._process = os.getpid()

    def stop(self) -> None:
        """Let the thread end, and the collector see everything again: a run goes on in this process."""
        self._stopped.set()
        gc.unfreeze()

    def poll(self) -> None:
        """Load what has changed or was wrong at the last poll; what cannot be loaded leaves the former in place."""
        with self._polling:  # of two at once the older finding could be the last word
            self._poll()

    def _poll(self) -> None:
        former = self._live
        is_due = bool(former.wrong) and time.monotonic() > self._again
        seen = tuple(tick.contents(str(folder / paths.CURRENT)) for folder in (self._production, self.reports))
        has_dataset = self._ingested and os.path.lexists(self._ingested / paths.CURRENT)  # that alone is looked at
        recorded = (tick.signature(str(self._production / paths.JOURNAL)), seen[0], has_dataset)
        is_news = is_due or (recorded, seen) != (self._proven, self._seen)
        if recorded != self._proven or is_due:
            self._proven, self._again = recorded, time.monotonic() + PATIENCE
            self._live = replace(self._live, record=self._broken(), **self._last_runs())
        if seen != self._seen or is_due:
            self._seen, self._again = seen, time.monotonic() + PATIENCE
            self._live = self._loaded(self._live)
            gc.collect()  # of what came since the last one: to walk over everything would hold requests up
            gc.freeze()  # what was just loaded stays for long, and is not walked again
        if is_news and self._live.shown:
            self._live = replace(self._live, shown=self._decided(self._live.shown))
        for fault in set(self._live.wrong) - set(former.wrong):
            log.warning(event("fault", reason=fault))

    def _broken(self) -> str | None:
        """The fault of the journal, a wiped folder, or that another release is live; None where all is well."""
        try:
            broken = journal.fault(self._production / paths.JOURNAL)
            faults = [f"the record cannot be proven: {broken}"] if broken else []
            faults = faults or self._wiped() or audit.misplaced(self._production)
        except Exception as error:
            faults = [f"the record cannot be proven: {_words(error)}"]
        return self._named(faults[0]) if faults else None

    def _wiped(self) -> list[str]:
        """What of an installation is gone, so that runs refuse to work; of the dataset, whether it is there."""
        ingested, models, how = self._ingested, self.reports.parent, {"finishes_erasure": True, "reads_dataset": False}
        found = wiped.fault(self._production, ingested, models, **how) if ingested else None
        return [f"no run can work: {found}"] if found else []

    def _last_runs(self) -> dict[str, Any]:
        """The last runs, the last one, and the last that came to its end; None where nobody can read them."""
        with contextlib.suppress(RiskError, OSError, KeyError):
            runs = journal.runs(self._production / paths.JOURNAL)
            good = [it for it in runs if it["outcome"] != journal.FAILED]
            told = {"last_run": runs[-1] if runs else None, "last_good": good[-1] if good else None}
            return told | {"history": snapshots.of_history(runs) or None}
        return {"last_run": None, "last_good": None, "history": None}

    def _run(self) -> None:
        while not self._stopped.wait(PAUSE):
            try:
                self.poll()
            except Exception as error:  # the thread must outlive anything, and nobody may believe what it saw before
                log.exception("poll failed")
                self._seen = self._proven = None
                self._live = replace(self._live, faults=(f"what is live cannot be looked at: {type(error).__name__}",))

    def _loaded(self, former: LiveState) -> LiveState:
        """The new state; a fault is told, and the proven former model or set goes on answering."""
        faults: list[str] = []
        model, contract, shown, released = former.model, former.contract, former.shown, former.released
        try:
            release = releases.current(self._production)
            if release is None:
                model = contract = released = None
            elif model is None or model.name != release.name:
                model = _load_model(self._production, release, self._own)
                kinds = list(model.card.features.items())
                if contract is None or list(contract.kinds.items()) != kinds:  # its types are walked over to be let go
                    contract = Contract(self.schema, model.card.features)
                released = snapshots.of_release(model, release.provisional, release.forced)
            elif damage := proven.damage(self._production, release):
                faults.append(self._named(f"the deployed model is damaged: {damage[0]}"))
        except Exception as error:  # whatever a damaged file makes of its reader
            faults.append(self._named(f"the deployed model cannot be used: {_words(error)}"))
        try:
            folder = files.resolve(self.reports / paths.CURRENT)
            if folder is None and _is_there(self.reports / paths.CURRENT):
                raise DataError(f"the set that {paths.REPORTS}/{paths.CURRENT} names is missing")
            shown = load_shown(folder) if folder else None
        except Exception as error:
            faults.append(self._named(f"{TORN}: {_words(error)}"))
        return replace(former, model=model, contract=contract, released=released, shown=shown, faults=tuple(faults))

    def _decided(self, shown: Shown) -> Shown:
        """The report without the challenger that waited for a person when it was made, once it does so no longer."""
        if not (waits := shown.snapshot.get("waiting")):
            return shown
        with contextlib.suppress(RiskError, OSError, KeyError):
            runs = [it for it in journal.runs(self._production / paths.JOURNAL) if it["run"] > shown.snapshot["run"]]
            live = {releases.name_of(self._production), *(it["release"] for it in runs if "release" in it)}
            is_decided = any(it["waiting"] is None for it in runs if "waiting" in it)
            if is_decided or {name or releases.BASE_RATE for name in live} != {waits["against"]}:
                needs = [it for it in shown.snapshot["attention"] if it["kind"] != journal.APPROVAL]
                snapshot = ReportObject(shown.snapshot | {"waiting": None, "attention": needs})
                return replace(shown, snapshot=snapshot)
        return shown

    def _named(self, fault: str) -> str:
        """A fault that names files by their place in the installation, never by folders of the machine."""
        for root in self._roots:
            fault = fault.replace(f"{root}/", "")
        return fault


def instance(production: Path) -> str:
    """The id of an installation: what a service answers and a client compares."""
    return hashlib.sha256(str(production.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def load_shown(folder: Path) -> Shown:
    """A report set, read whole. Raises: DataError, OSError, ValueError, csv.Error where it is damaged."""
    try:
        snapshot = json.loads((folder / paths.SNAPSHOT).read_bytes(), object_hook=ReportObject)
    except (ValueError, RecursionError, FileNotFoundError, IsADirectoryError):
        snapshot = None
    if not isinstance(snapshot, dict) or not isinstance(snapshot.get("release", 0), dict | None):
        place = f"{folder.parent.name}/{folder.name}/{paths.SNAPSHOT}"
        raise DataError(f"{place} is missing, torn or of an older program")
    clients = load_clients(
        (folder / paths.CLIENT_RISKS).read_text(encoding="utf-8"), *map(snapshot.get, ("risks", "renewals"))
    )
    named = (paths.REPORT, paths.CALL_LIST, paths.CALL_LIST_EXCEL, paths.CLIENT_FEATURES)
    report, calls, sheet, features = (_content(folder / name) for name in named)
    figures = {path.name: path.read_bytes() for path in sorted(folder.glob("*.svg"))}
    return Shown(folder.name, snapshot, clients, report, calls, sheet, figures, (features or b"").splitlines())


def _is_there(link: Path) -> bool:
    """Whether a link is there. Raises: OSError where that cannot be seen."""
    try:
        os.lstat(link)
    except FileNotFoundError:
        return False
    return True


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _load_model(production: Path, release: releases.Release, own: OwnFamilies) -> Model:
    """Load a proven release, see that it answers a client of whom nothing is known, and prove its compiled form."""
    model = proven.opened(production, release, own)
    risks = model.risks(pd.DataFrame({name: [None] for name in model.card.features}))
    if risks.shape != (1,) or not 0 <= risks[0] <= 1:
        raise ModelError(f"{model.name}: answered {risks!r} to one client, expected one risk between 0 and 1")
    if isinstance(model.compiled, str) and not is_own(model.card.family):
        log.warning(event("not compiled", release=model.name, reason=model.compiled))
    return model


def _words(error: Exception) -> str:
    """Return what went wrong; an error that is not ours may quote a path of the machine, or a client."""
    return str(error) if isinstance(error, RiskError) else getattr(error, "strerror", None) or type(error).__name__


def card_of(production: Path, name: str) -> bytes | None:
    """The model card of a release, by its name or number; None where there is no such release or no card."""
    with contextlib.suppress(OSError, ReleaseError):
        folder = releases.named(production, name).folder
        is_old = releases.object_in(folder / paths.CARD).get("probes") is None
        return (OLD_CARD if is_old else b"") + (folder / paths.MODEL_CARD).read_bytes()
    return None
