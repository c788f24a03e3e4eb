"""Serve predictions, the newest figures and the page.

Reads:  production_deployment/current, models/reports/current, models/lists, outcomes_path; test, input and practice
        files that a request names; of output_folder_path, whether the link `current` is there
Writes: outcomes_path: recorded.csv, one line for each contact that is recorded; the access log, where one is named
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request

from risk import command
from risk.disk.paths import LISTS
from risk.report import snapshot as snapshots
from risk.service import (
    access,
    clients,
    contacts,
    delivery,
    describing,
    direct,
    downloads,
    explaining,
    live,
    metrics,
    pages,
    responses,
    security,
    traffic,
)
from risk.service.predictions import NO_MODEL, OLD_SCORES, Shown, listed, predicted
from risk.service.problems import Problem
from risk.service.requests import Ids
from risk.service.responses import answer
from risk.service.server import HttpServer
from risk.settings.settings import Settings
from risk.text import placed

service = Blueprint("service", __name__)
QUERIES = {"service.prediction": ("reasons",)}


@dataclass(frozen=True)
class Rooms:
    """What the views need, made once."""

    settings: Settings
    watch: live.Watch
    instance: str
    admitted: security.Guard
    contacts: contacts.ContactLog
    traffic: traffic.Traffic
    folders: tuple[Path, ...]  # in which a file lies that a request names

    @property
    def wrong(self) -> tuple[str, ...]:
        """Everything that a person must know of."""
        return (*self.watch.live.wrong, *filter(None, [self.admitted.fault, self.contacts.fault]))


def create_app(settings: Settings, host: str | None = None, access_log: str | None = None) -> Flask:
    """Return the service as a WSGI application. Raises: ConfigError where others could reach it without a token."""
    app = Flask(__name__)
    app.url_map.merge_slashes = False  # nothing is redirected
    admitted = security.guard_for(settings.server, settings.root, host or settings.server.host)
    watch = live.Watch(settings.production, settings.models, settings.schema, settings.own, settings.ingested)
    kept, instance = (
        contacts.ContactLog(settings.outcomes, settings.size_cap, settings.production),
        live.instance(settings.production),
    )
    app.wsgi_app = direct.before(app.wsgi_app, watch, admitted)  # type: ignore[method-assign, assignment]
    seen = traffic.furnish(app, access.opened(access_log or settings.server.access_log, settings.root))
    folders = (settings.input, settings.holdout, settings.root / settings.practice.input_folder_path)
    app.extensions["rooms"] = rooms = Rooms(settings, watch, instance, admitted, kept, seen, folders)
    app.context_processor(lambda: {"wrong": rooms.wrong})
    app.register_blueprint(service)
    app.register_blueprint(contacts.blueprint(kept, watch))
    app.register_blueprint(metrics.blueprint(seen, watch, settings.production, lambda: rooms.wrong))
    clients.furnish(app, clients.Records(kept, watch, settings.models / LISTS))
    delivery.furnish(app)
    app.register_blueprint(downloads.blueprint(watch, settings.production))
    responses.furnish(app, admitted, QUERIES | downloads.QUERIES | pages.QUERIES | clients.QUERIES | contacts.QUERIES)
    folder = placed(settings.input_folder_path, settings.places)
    pages.furnish(app, pages.Places(watch, settings.production, folder, kept.last))
    describing.furnish(app, watch, settings.schema, needs_token=admitted.token is not None)
    return app


@service.post("/prediction")
def prediction() -> Response:
    """Return prediction, risk and rank of every client asked for, in the order of the request."""
    rooms = _rooms()
    now, settings = rooms.watch.live, rooms.settings
    if now.model is None or now.contract is None:
        raise Problem(503, now.faults[0] if now.faults else NO_MODEL)
    asked = responses.asked(now.contract, settings.root, rooms.folders, settings.schema)
    told = listed(now, asked) if isinstance(asked, Ids) else predicted(now, asked)
    request.environ[traffic.ROWS] = len(asked.clients)
    if request.query_string and (n_reasons := responses.whole_number("reasons", 0, explaining.MOST_REASONS)):
        told = explaining.beside(told, now, settings.schema, asked, n_reasons)
    return answer(told)


@service.get("/scoring")
def scoring() -> Response:
    """Return how good the model of the newest report is; `warning` says where another one is deployed by now."""
    now, shown = _rooms().watch.live, _shown()
    scores = shown.snapshot["scores"]
    names = ("f1", "f1_interval", "n_rows", "auc", "log_loss", "confusion", "scored_on")
    if scores is None or shown.release is None:
        raise Problem(503, NO_MODEL)
    is_old = now.model is None or now.model.name != shown.release
    told = {"release": shown.release} | {name: scores[name] for name in names}
    return answer(told | {"warning": OLD_SCORES.format(shown.release) if is_old else None})


@service.get("/summarystats")
def summary_statistics() -> Response:
    """Return mean, median and standard deviation of the numeric columns, over the n_rows rows with a known outcome."""
    snapshot = _shown().snapshot
    statistics = {name: snapshot["statistics"][name] for name in ("n_rows", "columns")}
    return answer({"dataset": snapshot["dataset"]["version"]} | statistics)


@service.get("/diagnostics")
def diagnostics() -> Response:
    """Return seconds of the steps, missing values and dependencies."""
    snapshot = _shown().snapshot
    return answer({name: snapshot[name] for name in ("seconds", "missing_percent", "dependencies")})


@service.get("/history")
def history() -> Response:
    """Return the last runs, the newest first."""
    return answer({"history": _history()})


@service.get("/releases")
def releases() -> Response:
    """Return the current release and, of the last runs, those that changed it."""
    changes = [run for run in _history() if run["outcome"] in ("deployed", "rolled back")]
    return answer({"current": _rooms().watch.live.released, "changes": changes})


@service.get("/health")
def health() -> Response:
    """Return how the service is, and of which installation and release; 503 where anything is wrong or missing."""
    now = _rooms().watch.live
    shown, faults = now.shown, _rooms().wrong
    status = "faulty" if faults else "ok" if now.model else "no model"
    state = {
        "status": status,
        "detail": "; ".join(faults) or (None if now.model else NO_MODEL),
        "instance": _rooms().instance,
        "release": now.model.name if now.model else None,
        "report": shown.number if shown else None,
        "report_release": shown.release if shown else None,
        "made_at": shown.snapshot["made_at"] if shown else None,
        "late": snapshots.overdue(shown.snapshot.get("expected"), time.time()) if shown else None,
        "warning": now.model.warning if now.model else None,
        "compiled": not isinstance(now.model.compiled, str) if now.model else None,
        "not_compiled": now.model.compiled if now.model and isinstance(now.model.compiled, str) else None,
        "attention": shown.snapshot.get("attention", []) if shown else [],
    }
    return answer(state, 200 if status == "ok" else 503)


@service.get("/live")
def alive() -> Response:
    """Return that the process lives."""
    return answer({"status": "live"})


@service.get("/ready")
def ready() -> Response:
    """Return whether predictions can be answered: the proven model in memory is enough."""
    now = _rooms().watch.live
    if now.model is None or now.contract is None:
        raise Problem(503, now.faults[0] if now.faults else NO_MODEL)
    return answer({"status": "ready", "release": now.model.name})


def serve(settings: Settings, host: str | None = None, port: int | None = None, log: str | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests in flight. Raises: ConfigError, DiskError."""
    host, ended = host or settings.server.host, threading.Event()
    app = create_app(settings, host, log)
    rooms: Rooms = app.extensions["rooms"]
    server = HttpServer(app, host, settings.server.port if port is None else port, rooms.traffic)
    for code in (signal.SIGTERM, signal.SIGINT):
        signal.signal(code, lambda *_: ended.set())
    rooms.watch.start()
    named = f"[{host}]" if ":" in host else host
    command.say(f"{rooms.admitted.reach}; serving on http://{named}:{server.port}/")
    server.run(ended.is_set)
    rooms.watch.stop()


def _rooms() -> Rooms:
    rooms: Rooms = current_app.extensions["rooms"]
    return rooms


def _shown() -> Shown:
    return _rooms().watch.live.published


def _history() -> list[dict[str, Any]]:
    """The last runs by the journal; where nobody can read it, by the newest report."""
    shown, history = _shown(), _rooms().watch.live.history
    found: list[dict[str, Any]] = history or shown.snapshot["history"]
    return found


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to serve on (default: server.host)")
    parser.add_argument("--port", type=int, help="port to serve on (default: server.port)")
    parser.add_argument("--access-log", metavar="FILE", help="a line of JSON for each request; - is standard output")


def _work(settings: Settings, asked: argparse.Namespace) -> command.Answer:
    serve(settings, asked.host, asked.port, asked.access_log)
    return command.Answer("stopped")


if __name__ == "__main__":
    sys.exit(command.main(__doc__ or "", _work, options=_options, during_erasure=("run", "host", "port", "access_log")))
