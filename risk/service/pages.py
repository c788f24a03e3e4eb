"""Pages for browsers: the list, all clients, one client, and the evidence. They read the report set, nothing else."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Flask, Response, current_app, render_template, request
from jinja2 import UndefinedError

from risk.disk import paths
from risk.lists import expected_gain, track_record_words
from risk.report import call_words, list_words, missing_list, money_words, situation
from risk.report import snapshot as snapshots
from risk.report.card_blocks import blocks
from risk.service import clients, finding, responses
from risk.service.live import Watch, card_of
from risk.service.predictions import LiveState, Shown
from risk.service.problems import OldReport, Problem
from risk.text import MORE, NOTHING

pages = Blueprint("pages", __name__)

OLD_REPORT = "an older program made the newest report; run fullprocess.py"
LONGEST = 120  # characters of a name on a page
REST = 4  # weeks, of a report set that does not tell them
MOST_OWNERS = 100  # that a page lists
NAVIGATION = (
    ("/", "List"), ("/clients", "Clients"), ("/trackrecord", "Track record"), ("/model", "Model"), ("/drift", "Drift"),
    ("/data", "Data"), ("/runs", "Runs"),
)  # fmt: skip
QUERIES: dict[str, tuple[str, ...]] = {"pages.index": ("owner", "q", "sort", "show", "page")}
OF_FIGURES = "default-src 'none'; style-src 'unsafe-inline'; sandbox"  # a plot carries its own colours


@dataclass(frozen=True)
class Places:
    """What the pages need, made once; `contact_of` answers a client's last contact that is newer than the list."""

    watch: Watch
    production: Path
    input_folder: str
    contact_of: Callable[[str], dict[str, Any] | None] = lambda name: None


def furnish(app: Flask, places: Places) -> None:
    """Let a service show pages: their own paths, and those that answer programs with JSON."""
    app.extensions["pages"] = places
    app.register_blueprint(pages)
    app.before_request(_page_instead)
    app.context_processor(_of_header)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(clip=_clip, client_url=lambda name: f"/clients/{quote(name, safe='')}")
    app.jinja_env.filters.update(level=situation.level, owner=lambda name: name or NOTHING, figure="{:,.10g}".format)
    app.jinja_env.globals.update(list_words=list_words, call_words=call_words, money_words=money_words)
    app.jinja_env.globals.update(situation=situation.situation, missing_list=missing_list, soon=finding.SOON)
    app.jinja_env.globals.update(filters=tuple(finding.FILTERS), track_record_words=track_record_words)


@pages.get("/")
def index() -> Response:
    """Return the page with the call list."""
    number = responses.whole_number("page", 1, finding.LARGEST_PAGE, 1)

    def facts(shown: Shown) -> dict[str, Any]:
        orders = finding.orders_of(shown.snapshot)
        asked = finding.asked_by(request.args, number, orders)
        every = [_with_contact(call, shown.snapshot) for call in shown.snapshot["call_list"]]
        owned = finding.among_calls(every, finding.Asked(asked.owner))
        page = finding.paged(finding.among_calls(every, asked), asked.page)
        counts = {it: len(finding.among_calls(owned, finding.Asked(show=it))) for it in ("", *finding.FILTERS)}
        told = {"asked": asked, "orders": orders, "page": page, "owned": owned, "counts": counts}
        return told | {"owners": _owners({call["owner"] for call in every})}

    return _page("index.html", facts)


@pages.get("/model")
def model() -> Response:
    """Return the page on how good the model is."""

    def facts(shown: Shown) -> dict[str, Any]:
        card = card_of(_places().production, shown.release) if shown.release else None
        return {"card": blocks((card or b"").decode())}

    return _page("model.html", facts)


@pages.get("/drift")
def drift() -> Response:
    """Return the page on what the check for drift saw."""
    return _page("drift.html")


@pages.get("/data")
def data() -> Response:
    """Return the page on the files, their rows and columns."""
    return _page("data.html")


@pages.get("/runs")
def runs() -> Response:
    """Return the page on the runs so far."""
    return _page("runs.html")


@pages.get("/figures/<name>")
def figure(name: str) -> Response:
    """Return a plot of the newest report set as SVG."""
    shown = _places().watch.live.shown
    if shown is None or name not in shown.figures:
        raise Problem(404, "the newest report has no figure of this name")
    return Response(shown.figures[name], mimetype="image/svg+xml", headers={"Content-Security-Policy": OF_FIGURES})


# --- pages of paths that answer programs with JSON --------------------------------------------------------------------


def _clients() -> Response:
    asked = clients.asked()

    def facts(shown: Shown) -> dict[str, Any]:
        page = finding.among_clients(shown.clients, asked, shown.as_of)
        told = {"owners": _owners(shown.clients.owners), "filters": finding.OF_CLIENTS}
        return {"asked": asked, "page": page, "renews": bool(shown.clients.renewals)} | told

    return _page("clients.html", facts)


def _client(name: str) -> Response:
    def facts(shown: Shown) -> dict[str, Any]:
        answer: Any = current_app.view_functions[str(request.endpoint)](name=name)
        told, calls = answer.get_json(), shown.snapshot["call_list"]
        call: dict[str, Any] = next((_with_contact(it, shown.snapshot) for it in calls if it["client"] == name), {})
        form = any(str(rule) == "/outcomes" for rule in current_app.url_map.iter_rules())
        why = told | {"drivers": [(it["feature"], it["log_odds"]) for it in told["drivers"]]}
        rows = [it | {"values": list(it["values"].values())} for it in told["rows"]]
        at_risk, features = expected_gain.value_at_risk(told["value"], told["risk"]), _features(shown, name)
        found = {"told": told, "call": call, "why": why, "rows": rows, "form": form, "at_risk": at_risk}
        return found | {"features": features, "new_levels": _new_levels(features, shown)}

    return _page("client.html", facts)


INSTEAD: dict[str, Callable[..., Response]] = {
    "/clients": _clients,
    "/clients/<path:name>": _client,
    "/trackrecord": lambda: _page("trackrecord.html"),
}


def _page_instead() -> Response | None:
    """The page of a path that answers programs with JSON, where a browser asks."""
    rule = str(request.url_rule) if request.url_rule and request.method in ("GET", "HEAD") else ""
    if rule not in INSTEAD or not responses.wants_page():
        return None
    response = INSTEAD[rule](**(request.view_args or {}))
    response.vary.add("Accept")
    return response


# --- what every page shows --------------------------------------------------------------------------------------------


def _page(template: str, facts: Callable[[Shown], dict[str, Any]] = lambda _: {}) -> Response:
    """A page of the newest report set; where there is none, or an older program made it, what to do instead."""
    places = _places()
    now = places.watch.live
    if now.shown is None:
        start = render_template("start.html", torn=now.torn, input_folder=places.input_folder)
        return Response(start, 503 if now.torn else 200)
    try:
        told = _told(now, places.production) | facts(now.shown)
        return Response(render_template(template, it=now.shown.snapshot, shown=now.shown, now=now, **told))
    except Problem as problem:
        if not isinstance(problem, OldReport):
            raise
        why = str(problem)
    except (UndefinedError, TypeError, AttributeError, KeyError, ValueError):
        why = OLD_REPORT
    return Response(render_template("start.html", why=why, old=True), 503)


def _told(now: LiveState, production: Path) -> dict[str, Any]:
    """How the pipeline stands."""
    assert now.shown
    moment, looked = time.time(), None
    with contextlib.suppress(OSError):
        looked = os.stat(production / paths.LOCK).st_mtime
    return {
        "clock": moment,
        "looked": looked,
        "late": snapshots.overdue(now.shown.snapshot.get("expected"), moment),
        "alarm": list_words.pipeline(now.last_run, now.last_good, looked, moment),
    }


def _of_header() -> dict[str, Any]:
    """The links of the header, where there is anything to show, and which of them this page is."""
    links = NAVIGATION if _places().watch.live.shown else ()
    here = next((it for it, _ in NAVIGATION if request.path == it or request.path.startswith(f"{it}/")), None)
    return {"navigation": links, "here": here, "mine": request.args.get("owner")}


def _places() -> Places:
    places: Places = current_app.extensions["pages"]
    return places


def _with_contact(call: dict[str, Any], snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """The call with the client's last contact, and whether it reached the client within the rest before the list."""
    last = _places().contact_of(call["client"]) or call.get("contact")
    rest = timedelta(weeks=dict(snapshot["capacity"]).get("snooze_weeks", REST))
    since = str(date.fromisoformat((snapshot.get("as_of") or snapshot["made_at"])[:10]) - rest)
    lately = last is not None and last["result"] != "not reached" and last["date"] >= since
    return call | {"contact": last, "called_lately": lately}


def _owners(names: set[str | None]) -> list[str]:
    owners = sorted({name or NOTHING for name in names})
    return owners if owners != [NOTHING] and len(owners) <= MOST_OWNERS else []


def _features(shown: Shown, name: str) -> dict[str, Any]:
    """The features of a current client; none where the set does not hold them."""
    columns = shown.columns([shown.clients.places[name]])
    return {
        it: int(value) if isinstance(value, float) and value.is_integer() else value for it, (value,) in columns.items()
    }


def _new_levels(features: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    """The client's levels that no training row had; none where all have one risk, or another model is live by now."""
    now = _places().watch.live
    if now.model is None or now.model.same_risk is not None or now.model.name != shown.release:
        return {}
    known = now.trained.levels
    return {name: value for name, value in features.items() if value and value not in known.get(name, {value})}


def _clip(text: object, longest: int = LONGEST) -> str:
    shown = str(text)
    return shown if len(shown) <= longest else shown[: longest - 1] + MORE
