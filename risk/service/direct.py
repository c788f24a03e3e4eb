"""POST /prediction of plain JSON, answered before Flask: what Flask does around it costs more than one row.

Whatever is not plain, or cannot be answered, goes to Flask as it came: both roads give the same answer.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import msgspec

from risk.service import delivery, security, traffic
from risk.service.live import Watch
from risk.service.predictions import predicted
from risk.service.problems import Problem
from risk.service.requests import RequestedRows

PATH, KIND = "/prediction", "application/json"
DIGITS = 6  # of the length of a body: of a larger one what Flask costs is little
_USUAL = (("REQUEST_METHOD", "POST"), ("CONTENT_TYPE", KIND), ("QUERY_STRING", ""), ("SCRIPT_NAME", ""))
_UNUSUAL = ("HTTP_TRANSFER_ENCODING", "HTTP_CONTENT_ENCODING")


def before(application: traffic.Application, watch: Watch, admitted: security.Guard) -> traffic.Application:
    """The application, of which plain predictions are answered here."""

    def answer(environ: traffic.Environ, start_response: Any) -> Iterable[bytes]:
        length = _length(environ, admitted) if environ["PATH_INFO"] == PATH else 0
        if not length:
            return application(environ, start_response)
        body = environ["wsgi.input"].read(length)
        content = _answer(environ, body, watch) if len(body) == length else None
        if content is None:
            environ["wsgi.input"] = io.BytesIO(body)
            return application(environ, start_response)
        content, headers = delivery.of_prediction(content, environ.get("HTTP_ACCEPT_ENCODING"))
        headers += [("Content-Type", KIND), ("Content-Length", str(len(content))), ("Cache-Control", "no-store")]
        environ[traffic.ROUTE] = PATH
        start_response("200 OK", [*headers, *security.HEADERS.items()])
        return [content]

    return answer


def _length(environ: traffic.Environ, admitted: security.Guard) -> int:
    """The bytes of a plain request's body; 0 where Flask has to look at it, or whoever asks is not admitted."""
    told = environ.get("CONTENT_LENGTH") or ""
    is_plain = all(environ.get(name, "") == usual for name, usual in _USUAL) and told.isascii() and told.isdigit()
    if not is_plain or len(told) > DIGITS or not environ.keys().isdisjoint(_UNUSUAL):
        return 0
    try:
        security.check(admitted, environ, PATH)
    except Problem:
        return 0
    return int(told)


def _answer(environ: traffic.Environ, body: bytes, watch: Watch) -> bytes | None:
    """The predictions that a body asks for; None where it asks for something else, or is to be refused."""
    try:
        now = watch.live
        asked = now.contract.read_json(body) if now.contract else None
        if not isinstance(asked, RequestedRows):
            return None
        told = msgspec.json.encode(predicted(now, asked))
    except Exception:  # Flask meets it again, and says what it is
        return None
    environ[traffic.ROWS] = len(asked.clients)
    return told
