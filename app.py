"""Serve predictions, the newest figures and the page.

Reads:  production_deployment/current, models/reports/current, models/lists, outcomes_path; test, input and practice
        files that a request names
Writes: outcomes_path: recorded.csv, one line for each contact that is recorded
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, Response, current_app, render_template, request
from jinja2 import UndefinedError

from risk import command
from risk.errors import DiskError
from risk.paths import CALL_LIST, LISTS, REPORT
from risk.report import list_history
from risk.report import snapshot as snapshots
from risk.service import contacts, live, responses, security
from risk.service.predictions import NO_REPORT, Shown, listed, predicted
from risk.service.problems import OldReport, Problem
from risk.service.requests import Ids
from risk.service.responses import answer
from risk.service.server import HttpServer
from risk.settings import Settings
from risk.text import event, log, placed

service = Blueprint("service", __name__)

NO_MODEL = "no model is deployed; run fullprocess.py"
OLD_REPORT = "an older program made the newest report; run fullprocess.py"
MAX_LISTED = 10_000


@dataclass(frozen=True)
class Rooms:
    """What the views need, made once."""

    settings: Settings
    watch: live.Watch
    contacts: contacts.ContactLog
    instance: str
    reach: str


def create_app(settings: Settings, host: str | None = None) -> Flask:
    """Return the service as a WSGI application. Raises: ConfigError where others could reach it without a token."""
    app = Flask(__name__)
    app.url_map.merge_slashes = False  # nothing is redirected
    admitted = security.guard_for(settings.server, settings.root, host or settings.server.host)
    watch = live.Watch(settings.production, settings.models, settings.schema)
    kept, instance = contacts.ContactLog(settings.outcomes, settings.size_cap), live.instance(settings.production)
    app.extensions["rooms"] = Rooms(settings, watch, kept, instance, admitted.reach)
    for part in (service, contacts.blueprint(kept, watch)):
        app.register_blueprint(part)
    queries = {"service.clients": ("limit", "offset", "owner"), "contacts.listing": ("limit", "offset", "client")}
    responses.furnish(app, admitted, queries)
    return app


@service.post("/prediction")
def prediction() -> Response:
    """Return prediction, risk and rank of every client asked for, in the order of the request."""
    now = _rooms().watch.live
    if now.model is None or now.contract is None:
        raise Problem(503, now.faults[0] if now.faults else NO_MODEL)
    settings = _rooms().settings
    practice = settings.root / settings.practice.input_folder_path
    asked = responses.asked(now.contract, settings.root, (settings.input, settings.holdout, practice))
    return answer(listed(now, asked) if isinstance(asked, Ids) else predicted(now, asked))


@service.get("/scoring")
def scoring() -> Response:
    """Return how good the deployed model is."""
    shown = _shown()
    scores = shown.snapshot["scores"]
    names = ("f1", "f1_interval", "n_rows", "auc", "log_loss", "confusion", "scored_on")
    if scores is None or shown.release is None:
        raise Problem(503, NO_MODEL)
    return answer({"release": shown.release} | {name: scores[name] for name in names})


@service.get("/summarystats")
def summary_statistics() -> Response:
    """Return mean, median and standard deviation of the numeric columns of the dataset."""
    snapshot = _shown().snapshot
    statistics = {name: snapshot["statistics"][name] for name in ("n_rows", "columns")}
    return answer({"dataset": snapshot["dataset"]["version"]} | statistics)


@service.get("/diagnostics")
def diagnostics() -> Response:
    """Return seconds of the steps, missing values and dependencies."""
    snapshot = _shown().snapshot
    return answer({name: snapshot[name] for name in ("seconds", "missing_percent", "dependencies")})


@service.get("/clients")
def clients() -> Response:
    """Return current clients by rank, all or those of an `owner`: `limit` of them after the first `offset`."""
    shown = _shown()
    limit = responses.whole_number("limit", 100, MAX_LISTED)
    offset = responses.whole_number("offset", 0, sys.maxsize)
    places, owner = shown.clients.of(request.args.get("owner")), request.args.get("owner")
    told = {"release": shown.release, "n_clients": len(places), "limit": limit, "offset": offset}
    told |= {} if owner is None else {"owner": owner}
    return answer(told | {"clients": [shown.clients.row(place) for place in places[offset : offset + limit]]})


@service.get("/clients/<path:name>")
def client(name: str) -> Response:
    """Return one current client with all contacts, and with the reasons if the client is on the call list."""
    shown = _shown()
    if name not in shown.clients.places:
        raise Problem(404, "this is not a current client; /clients lists them")
    reasons = next((call["reasons"] for call in shown.snapshot["call_list"] if call["client"] == name), None)
    told = {"release": shown.release} | shown.clients.row(shown.clients.places[name])
    told |= {"reasons": reasons, "contacts": _rooms().contacts.outcomes.of(name)[::-1]}
    return answer(told | {"history": _history(name)})


@service.get("/clients/<path:name>/history")
def client_history(name: str) -> Response:
    """Return what each kept call list said of a client, who may have left since."""
    slashed = f"{name}/history"
    if slashed in _shown().clients.places:  # a client of this very name
        return client(slashed)
    history = _history(name)
    if not history:
        raise Problem(404, "no call list named this client; /clients lists the current ones")
    return answer({"client": name, "history": history})


@service.get("/trackrecord")
def track_record() -> Response:
    """Return the kept call lists beside what came of the clients, and who left."""
    record = _shown().snapshot.get("track_record")
    if record is None:
        raise Problem(503, OLD_REPORT)
    return answer(record)


@service.get("/history")
def history() -> Response:
    """Return the last runs, the newest first."""
    return answer({"history": _shown().snapshot["history"]})


@service.get("/releases")
def releases() -> Response:
    """Return the current release and, of the last runs, those that changed it."""
    snapshot = _shown().snapshot
    changes = [run for run in snapshot["history"] if run["outcome"] in ("deployed", "rolled back")]
    return answer({"current": snapshot["release"], "changes": changes})


@service.get("/releases/<name>/card")
def card(name: str) -> Response:
    """Return the model card of a release, by its name or number, as Markdown."""
    content = live.card_of(_rooms().settings.production, name)
    if content is None:
        raise Problem(404, "there is no such release, or it has no model card; deployment.py --list shows them all")
    return Response(content, mimetype="text/markdown")


@service.get("/report")
def report() -> Response:
    """Return the report as a PDF."""
    return responses.file(_shown().report, "application/pdf", f'inline; filename="{REPORT}"')


@service.get("/calllist.csv")
def call_list() -> Response:
    """Return the call list as the CSV file that the newest report set holds."""
    return responses.file(_shown().calls, "text/csv", f'attachment; filename="{CALL_LIST}"')


@service.get("/health")
def health() -> Response:
    """Return how the service is, and of which installation and release; 503 where anything is wrong or missing."""
    now = _rooms().watch.live
    shown, faults = now.shown, now.wrong
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


@service.get("/")
def index() -> Response:
    """Return the page for people."""
    now, settings = _rooms().watch.live, _rooms().settings
    if now.shown is None:
        folder = placed(settings.input_folder_path, settings.places)
        start = render_template("start.html", faults=now.wrong, torn=now.torn, input_folder=folder)
        return Response(start, 503 if now.torn else 200)
    late = snapshots.overdue(now.shown.snapshot.get("expected"), time.time())
    try:
        return Response(render_template("index.html", it=now.shown.snapshot, now=now, late=late))
    except (OldReport, UndefinedError, TypeError, AttributeError, KeyError, ValueError) as error:
        why = str(error) if isinstance(error, OldReport) else OLD_REPORT
        return Response(render_template("start.html", faults=(*now.wrong, why), old=True), 503)


def serve(settings: Settings, host: str | None = None, port: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests in flight. Raises: ConfigError, DiskError."""
    host, ended = host or settings.server.host, threading.Event()
    app = create_app(settings, host)
    server = HttpServer(app, host, settings.server.port if port is None else port)
    for code in (signal.SIGTERM, signal.SIGINT):
        signal.signal(code, lambda *_: ended.set())
    app.extensions["rooms"].watch.start()
    named = f"[{host}]" if ":" in host else host
    command.say(f"{app.extensions['rooms'].reach}; serving on http://{named}:{server.port}/")
    server.run(ended.is_set)
    app.extensions["rooms"].watch.stop()


def _rooms() -> Rooms:
    rooms: Rooms = current_app.extensions["rooms"]
    return rooms


def _history(name: str) -> list[dict[str, Any]]:
    try:
        return list_history.of_client(_rooms().settings.models / LISTS, name)
    except DiskError as error:
        log.warning(event("fault", reason=error))
        raise Problem(503, "the kept call lists cannot be read; the log says why") from error


def _shown() -> Shown:
    now = _rooms().watch.live
    if now.shown is None:
        raise Problem(503, now.torn or (NO_MODEL if now.model is None else NO_REPORT))
    return now.shown


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to serve on (default: server.host)")
    parser.add_argument("--port", type=int, help="port to serve on (default: server.port)")


def _work(settings: Settings, asked: argparse.Namespace) -> command.Answer:
    serve(settings, asked.host, asked.port)
    return command.Answer("stopped")


if __name__ == "__main__":
    sys.exit(command.main(__doc__ or "", _work, options=_options))
