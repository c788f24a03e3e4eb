"""Delivery of answers: packed for whoever asks for it, and not sent again to whoever holds them already.

A stored answer is one of figures that only a run or a contact changes. It may be kept by the asker alone, who asks
each time whether it is still so. Source: RFC 9110, sections 8.8, 12.5.3 and 13; RFC 9111.
"""

from __future__ import annotations

import gzip
import hashlib
from datetime import UTC, datetime

from flask import Flask, Response, current_app, request
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

FEWEST, LEVEL = 1024, 4  # bytes that are packed; of nine, where more takes longer
PACKED = ("application/json", "application/problem+json", "text/", "image/svg+xml")
KEPT = "private, no-cache"  # Cache-Control of a stored answer
UNSTORED = ("service.health", "service.alive", "service.ready", "metrics.shown", "static")
OF_REPORT = (
    "service.scoring", "service.summary_statistics", "service.diagnostics", "service.history", "service.releases",
    "downloads.report", "downloads.calls_csv", "downloads.call_sheet", "clients.listing", "clients.track_record",
    "pages.figure",
)  # fmt: skip
BY_ACCEPT = ("clients.listing", "clients.client", "clients.track_record")


def furnish(app: Flask) -> None:
    """Let a service deliver its answers so; to be called before what else is done after a request, and so done last."""
    app.after_request(_delivered)


def _delivered(response: Response) -> Response:
    if request.method == "POST" and (response.content_length or 0) < FEWEST:
        return response  # most are predictions of a few rows, which have no time to lose
    endpoint = request.endpoint
    if endpoint in BY_ACCEPT and request.path != "/clients.json":
        response.vary.add("Accept")
    may_pack = (response.mimetype or "").startswith(PACKED) and "Content-Encoding" not in response.headers
    if may_pack:
        response.vary.add("Accept-Encoding")
    is_large = (response.content_length or FEWEST) >= FEWEST
    is_packed = may_pack and is_large and _is_wanted(request.headers.get("Accept-Encoding"))
    is_good = response.status_code == 200 and request.method in ("GET", "HEAD")
    if is_good and is_stored(endpoint, response.mimetype):
        digest = hashlib.sha256(response.get_data()).hexdigest()[:32]
        response.set_etag(f"{digest}-gzip" if is_packed else digest)
        response.headers["Cache-Control"] = KEPT
        if endpoint in OF_REPORT and (made_at := _made_at()):
            response.last_modified = made_at
        response.make_conditional(request)
    if is_packed and response.status_code not in (204, 304):
        _pack(response)
    return response


def is_stored(endpoint: str | None, kind: str | None) -> bool:
    """Whether what an endpoint answers to GET in this kind may be kept by the asker."""
    return endpoint not in UNSTORED and kind != "text/html"


def of_prediction(content: bytes, asked: str | None) -> tuple[bytes, list[tuple[str, str]]]:
    """What is sent of a prediction to whoever asks with this Accept-Encoding, and the headers that say so."""
    if len(content) < FEWEST:
        return content, []
    if not _is_wanted(asked):
        return content, [("Vary", "Accept-Encoding")]
    return gzip.compress(content, LEVEL, mtime=0), [("Vary", "Accept-Encoding"), ("Content-Encoding", "gzip")]


def _is_wanted(asked: str | None) -> bool:
    """Whether an Accept-Encoding takes gzip, and likes it no less than what is not packed."""
    accepted = parse_accept_header(asked) if asked else Accept()
    return bool(accepted.quality("gzip") > 0 and accepted.quality("gzip") >= accepted.quality("identity"))


def _pack(response: Response) -> None:
    response.direct_passthrough = False
    content = response.get_data()
    if len(content) < FEWEST:
        return
    response.set_data(gzip.compress(content, LEVEL, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    etag, _ = response.get_etag()
    if etag and not etag.endswith("-gzip"):
        response.set_etag(etag, weak=True)  # of a file that is served as it lies there


def _made_at() -> datetime | None:
    """When the newest report was made."""
    shown = current_app.extensions["rooms"].watch.live.shown
    try:
        return datetime.fromisoformat(shown.snapshot.get("made_at")).astimezone(UTC).replace(microsecond=0)
    except (AttributeError, TypeError, ValueError):
        return None
