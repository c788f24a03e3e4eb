"""Serve predictions, the newest figures and the page.

Reads: production_deployment/current, models/reports/current, test, input and practice files that a request names.
Writes: nothing.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from dataclasses import dataclass

from flask import Blueprint, Flask, Response, current_app, render_template, request
from jinja2 import UndefinedError

from risk import command
from risk.paths import CALL_LIST, REPORT
from risk.report import snapshot as snapshots
from risk.report import tables, words
from risk.service import live, responses, security
from risk.service.predictions import NO_REPORT, listed, predicted
from risk.service.problems import NotTold, Problem
from risk.service.requests import Contract, File, Ids, Rows
from risk.service.responses import answer
from risk.service.server import Server
from risk.settings import Settings
from risk.text import counted, moment, number, percent, placed

service = Blueprint("service", __name__)

NO_MODEL = "no model is deployed; run fullprocess.py"
OLD_REPORT = "an older program made the newest report; run fullprocess.py"
MAX_LISTED = 10_000
SHOWN = {"calls": 200, "sources": 50}  # on the page


@dataclass(frozen=True)
class Rooms:
    """What the views need, made once."""

    settings: Settings
    watch: live.Watch
    instance: str
    reach: str


def create_app(settings: Settings, host: str | None = None) -> Flask:
    """Return the service as a WSGI application; it loads what is live when first asked.

    Raises: ConfigError where other machines could reach `host` and there is no token.
    """
    app = Flask(__name__)
    app.url_map.merge_slashes = False  # nothing is redirected
    app.jinja_env.filters.update(number=number, percent=percent, moment=moment, counted=counted)
    app.jinja_env.globals.update(words=words, tables=tables, most=SHOWN)
    admitted = security.guard_for(settings.server, settings.root, host or settings.server.host)
    watch = live.Watch(settings.production, settings.models, settings.schema)
    app.extensions["rooms"] = Rooms(settings, watch, live.instance(settings.production), admitted.reach)
    app.register_blueprint(service)
    responses.furnish(app, admitted, {"service.clients": ("limit", "offset", "owner")})
    return app


@service.post("/prediction")
def prediction() -> Response:
    """Return prediction, risk and rank of every client asked for, in the order of the request."""
    now = _rooms().watch.live
    if now.model is None or now.contract is None:
        raise Problem(503, now.faults[0] if now.faults else NO_MODEL)
    asked = _asked(now.contract)
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
    statistics = snapshot["statistics"]
    return answer({"dataset": snapshot["dataset"]["version"]} | {it: statistics[it] for it in ("n_rows", "columns")})


@service.get("/diagnostics")
def diagnostics() -> Response:
    """Return seconds of the steps, missing values and dependencies."""
    snapshot = _shown().snapshot
    return answer({name: snapshot[name] for name in ("seconds", "missing_percent", "dependencies")})


@service.get("/clients")
def clients() -> Response:
    """Return current clients by rank, all or those of an `owner`: `limit` of them after the first `offset`."""
    shown = _shown()
    limit, offset = _whole_number("limit", 100, MAX_LISTED), _whole_number("offset", 0, sys.maxsize)
    places, owner = shown.clients.of(request.args.get("owner")), request.args.get("owner")
    told = {"release": shown.release, "n_clients": len(places), "limit": limit, "offset": offset}
    told |= {} if owner is None else {"owner": owner}
    return answer(told | {"clients": [shown.clients.row(place) for place in places[offset : offset + limit]]})


@service.get("/clients/<path:name>")
def client(name: str) -> Response:
    """Return one current client, with the reasons if the client is on the call list."""
    shown = _shown()
    if name not in shown.clients.places:
        raise Problem(404, "this is not a current client; /clients lists them")
    reasons = [row["reasons"] for row in shown.snapshot["call_list"] if row["client"] == name]
    row = shown.clients.row(shown.clients.places[name])
    return answer({"release": shown.release} | row | {"reasons": reasons[0] if reasons else None})


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
    content = _shown().report
    if content is None:
        raise Problem(503, NO_REPORT)
    return Response(
        content, mimetype="application/pdf", headers={"Content-Disposition": f'inline; filename="{REPORT}"'}
    )


@service.get("/calllist.csv")
def call_list() -> Response:
    """Return the call list as the CSV file that the newest report set holds."""
    content = _shown().calls
    if content is None:
        raise Problem(503, NO_REPORT)
    return Response(
        content, mimetype="text/csv", headers={"Content-Disposition": f'attachment; filename="{CALL_LIST}"'}
    )


@service.get("/health")
def health() -> Response:
    """Return how the service is, and of which installation and release; 503 where anything is wrong or missing."""
    now, rooms = _rooms().watch.live, _rooms()
    status = "faulty" if now.wrong else "ok" if now.model else "no model"
    told: dict[str, object] = {"status": status, "detail": "; ".join(now.wrong) or (None if now.model else NO_MODEL)}
    told |= {"instance": rooms.instance, "release": now.model.name if now.model else None}
    shown = now.shown
    told |= {"report": shown.number if shown else None, "report_release": shown.release if shown else None}
    late = snapshots.overdue(shown.snapshot.get("expected"), time.time()) if shown else None
    told |= {"made_at": shown.snapshot["made_at"] if shown else None, "late": late}
    told |= {"warning": now.model.warning if now.model else None}
    told |= {"attention": shown.snapshot.get("attention", []) if shown else []}
    return answer(told, 200 if status == "ok" else 503)


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
    except (NotTold, UndefinedError, TypeError, AttributeError, KeyError, ValueError) as error:
        why = str(error) if isinstance(error, NotTold) else OLD_REPORT
        return Response(render_template("start.html", faults=(*now.wrong, why), old=True), 503)


def serve(settings: Settings, host: str | None = None, port: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests in flight.

    Raises: ConfigError without a token where one is needed, DiskError where the address is taken.
    """
    host, ended = host or settings.server.host, threading.Event()
    app = create_app(settings, host)
    server = Server(app, host, settings.server.port if port is None else port)
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


def _shown() -> live.Shown:
    now = _rooms().watch.live
    if now.shown is None:
        raise Problem(503, now.torn or (NO_MODEL if now.model is None else NO_REPORT))
    return now.shown


def _asked(contract: Contract) -> Rows | Ids:
    """Return what the body asks for; a file that it names is read."""
    kind, body = responses.text_body()
    if kind == "text/csv":
        return contract.read_csv(body)
    asked = contract.read_json(body)
    if not isinstance(asked, File):
        return asked
    settings = _rooms().settings
    practice = settings.root / settings.practice.input_folder_path
    return contract.read_csv(
        security.read_inside(settings.root, (settings.input, settings.holdout, practice), asked.path)
    )


def _whole_number(name: str, default: int, most: int) -> int:
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text) <= most):
        raise Problem(422, f"{name} is {text[:40]!r}, expected a whole number from 0 to {most}", field=name)
    return int(text)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to serve on (default: server.host)")
    parser.add_argument("--port", type=int, help="port to serve on (default: server.port)")


def _work(settings: Settings, asked: argparse.Namespace) -> command.Answer:
    serve(settings, asked.host, asked.port)
    return command.Answer("stopped")


if __name__ == "__main__":
    sys.exit(command.main(__doc__ or "", _work, options=_options))
