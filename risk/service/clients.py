"""Clients as JSON: the current ones, one of them, what each kept list said of a client, and what came of the lists.

Reads:  the newest report set, the kept lists
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request

from risk.errors import DiskError
from risk.service import explaining, finding, responses
from risk.service.contacts import ContactLog
from risk.service.live import Watch
from risk.service.problems import OldReport, Problem
from risk.service.responses import answer
from risk.text import event

clients = Blueprint("clients", __name__)
log = logging.getLogger("risk")

MAX_LISTED = 10_000
OLD_REPORT = "an older program made the newest report; run fullprocess.py"
NO_CLIENT = "this is not a current client; /clients lists them"
QUERIES: dict[str, tuple[str, ...]] = {"clients.listing": ("limit", "offset", "owner", "q", "sort", "show", "page")}


@dataclass(frozen=True)
class Records:
    """Where the answers lie: the contacts, the newest report set, and the folder of the kept lists."""

    contacts: ContactLog
    watch: Watch
    lists: Path


def furnish(app: Flask, records: Records) -> None:
    """Let a service answer for clients."""
    app.extensions["clients"] = records
    app.register_blueprint(clients)


@clients.get("/clients")
@clients.get("/clients.json")
def listing() -> Response:
    """Return the current clients that the query asks for, in its order, some at a time."""
    shown, query = _records().watch.live.published, asked()
    page = finding.places_of(shown.clients, query, shown.as_of)
    told = {"release": shown.release, "n_clients": page.n_found, "limit": query.limit, "offset": page.first}
    told |= {"owner": query.owner} if query.owner else {}
    return answer(told | {"clients": [shown.clients.row(place) for place in page.rows]})


def asked() -> finding.Asked:
    """What the query of all clients asks for, of a program and of a browser alike. Raises: Problem 422."""
    limit = responses.whole_number("limit", finding.PER_PAGE, MAX_LISTED)
    offset = responses.whole_number("offset", 0, 2**63 - 1)
    page = responses.whole_number("page", 1, finding.LARGEST_PAGE, 1)
    if page > 1 and offset:  # a generated client sends the defaults of both
        raise Problem(422, "page and offset are both given; give one of them", field="page")
    return replace(finding.asked_by(request.args, page, filters=finding.OF_CLIENTS), limit=limit, offset=offset)


@clients.get("/clients/<path:name>")
def client(name: str) -> Response:
    """Return one current client: why the risk is what it is, contacts, what former lists said, rows in the files."""
    shown = _records().watch.live.published
    if name not in shown.clients.places:
        raise Problem(404, NO_CLIENT)
    watch = _records().watch
    call = next((it for it in shown.snapshot["call_list"] if it["client"] == name), None)
    why = call if call and "drivers" in call else explaining.why(watch.live, watch.schema, name) | (call or {})
    told = {"release": shown.release} | shown.clients.row(shown.clients.places[name])
    told |= {"on_list": call is not None, "reasons": why.get("reasons"), "context": why.get("context", [])}
    told |= {"drivers": [{"feature": it, "log_odds": rise} for it, rise in why.get("drivers") or ()]}
    told |= {"contacts": _records().contacts.outcomes.of(name)[::-1], "history": _history(name)}
    columns = shown.snapshot.get("row_columns", ())
    rows = explaining.rows_in_files(watch.reports, shown, name)
    return answer(told | {"rows": [it | {"values": dict(zip(columns, it["values"], strict=True))} for it in rows]})


@clients.get("/clients/<path:name>/history")
def history(name: str) -> Response:
    """Return what each kept call list said of a client, who may have left since."""
    slashed = f"{name}/history"
    if slashed in _records().watch.live.published.clients.places:  # a client of this very name
        return client(slashed)
    found = _history(name)
    if not found:
        raise Problem(404, "no call list named this client; /clients lists the current ones")
    return answer({"client": name, "history": found})


@clients.get("/trackrecord")
def track_record() -> Response:
    """Return the kept call lists beside what came of the clients, and who left."""
    record = _records().watch.live.published.snapshot.get("track_record")
    if record is None:
        raise OldReport(503, OLD_REPORT)
    return answer(record)


def _history(name: str) -> list[dict[str, Any]]:
    """What each kept list said of a client. Raises: Problem 503 where the lists cannot be read."""
    from risk.lists import list_history

    try:
        return list_history.of_client(_records().lists, name)
    except DiskError as error:
        log.warning(event("lists", reason=error))
        raise Problem(503, "the kept call lists cannot be read; the log says why") from error


def _records() -> Records:
    records: Records = current_app.extensions["clients"]
    return records
