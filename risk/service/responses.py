"""Requests and responses in Flask: bodies and queries read, JSON answers, protective headers, problem details."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from flask import Flask, Response, render_template, request
from werkzeug.exceptions import ClientDisconnected, HTTPException

from risk.reading.header import KNOWN_STARTS
from risk.report import tables, words
from risk.service import security, traffic
from risk.service.problems import MAX_NAME, Problem
from risk.service.requests import MAX_BODY, Contract, File, Ids, RequestedRows
from risk.settings.schema import Schema
from risk.text import amount, counted, event, moment, number, percent

log = logging.getLogger("risk")

FORM = "application/x-www-form-urlencoded"
SHOWN = {"sources": 50}  # on the page
_STARTS = tuple(KNOWN_STARTS)
_PROTECTION = tuple((name.lower(), name, text) for name, text in security.HEADERS.items())
SENTENCES = {
    404: "nothing is at this path; /docs lists the endpoints",
    405: "the method is not allowed here; the header Allow names those that are",
    413: f"the body is larger than {MAX_BODY // 2**20} MiB; send it in several requests",
}


def furnish(app: Flask, admitted: security.Guard, queries: Mapping[str, Sequence[str]]) -> None:
    """Let a service admit requests, protect its answers and say no in these ways.

    `queries` names the keys that an endpoint knows in its query; others know none.
    """

    def admit() -> None:
        security.check(admitted, request.environ, request.path)
        if request.endpoint and request.environ.get("QUERY_STRING"):
            _check_query(queries.get(request.endpoint, ()))

    app.extensions["queries"] = queries
    app.jinja_env.filters.update(number=number, amount=amount, percent=percent, moment=moment, counted=counted)
    app.jinja_env.globals.update(words=words, tables=tables, most=SHOWN)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.before_request(admit)
    app.after_request(_protect)
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(Exception, _fault)


def answer(value: Any, status: int = 200, kind: str = "application/json") -> Response:
    """A value as a JSON answer."""
    return Response(msgspec.json.encode(value), status, mimetype=kind)


def wants_page() -> bool:
    """Whether a browser asks: it names HTML and likes it better than JSON; a program that names nothing gets JSON."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def asked(contract: Contract, root: Path, folders: Sequence[Path], schema: Schema) -> RequestedRows | Ids:
    """Return what the body asks for; a file that it names is read, where it lies in one of the folders."""
    kind, body = text_body("application/json", "text/csv")
    if kind == "text/csv":
        return contract.read_csv(body)
    found = contract.read_json(body)
    if isinstance(found, File):
        return contract.read_csv(security.read_inside(root, folders, found.path, schema))
    return found


def whole_number(name: str, default: int, most: int, least: int = 0) -> int:
    """A number of the query. Raises: Problem 422 where it is none from `least` to `most`."""
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise Problem(422, f"{name} is {text[:40]!r}, expected a whole number from {least} to {most}", field=name)
    return int(text)


def text_body(*kinds: str, most: int = MAX_BODY) -> tuple[str, bytes]:
    """Return kind and bytes of the request's body.

    Raises: Problem 415 where it is no text in UTF-8 of one of the kinds, 413 where it has more bytes.
    """
    kind, charset = request.mimetype, request.mimetype_params.get("charset", "utf-8")
    packed = request.environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if packed not in ("", "identity"):
        raise Problem(415, f"the body is compressed ({packed[:40]}); send it uncompressed", Accept_Encoding="identity")
    if kind not in kinds:
        found = f"the Content-Type is {kind[:80]!r}" if kind else "the body has no Content-Type"
        hint = "; curl -d sends that unless it is told otherwise" if kind == FORM else ""
        csv = ", or text/csv for CSV" if "text/csv" in kinds else ""
        raise Problem(415, f"{found}{hint}; send it with -H 'Content-Type: application/json'{csv}")
    if charset.lower() not in ("utf-8", "utf8", "us-ascii"):
        raise Problem(415, "the body is not in UTF-8; send it in UTF-8")
    body = _body()
    is_cut = request.content_length is None and len(body) == MAX_BODY  # of chunks, Werkzeug reads so much and no more
    if len(body) > most or is_cut:
        raise Problem(413, f"the body is larger than {most:,} bytes; send less")
    if body.startswith(_STARTS):
        other = next(reason for start, reason in KNOWN_STARTS.items() if body.startswith(start))
        raise Problem(415, f"the body {other}; send JSON or CSV text in UTF-8")
    return kind, body


def _body() -> bytes:
    """The body; one that says its length is read without the streams that Werkzeug lays around it."""
    environ = request.environ
    told = environ.get("CONTENT_LENGTH") or ""
    if told.isascii() and told.isdigit() and int(told) <= MAX_BODY and "HTTP_TRANSFER_ENCODING" not in environ:
        body: bytes = environ["wsgi.input"].read(int(told))
        if len(body) < int(told):
            raise ClientDisconnected
        return body
    try:
        return request.get_data(cache=False)
    except HTTPException:
        raise
    except Exception as error:  # each server below has its own for bytes that are no chunks
        raise Problem(400, "the chunks of the body are not those of HTTP; send it with its length") from error


def _check_query(known: Sequence[str]) -> None:
    names = [name for name, _ in request.args.items(multi=True)]
    for name in names:
        if name not in known:
            told = f"known here: {', '.join(known)}" if known else "nothing is known here"
            raise Problem(422, f"{name[:40]!r} is not known in the query; {told}", field=name[:MAX_NAME])
        if names.count(name) > 1:
            raise Problem(422, f"{name} occurs twice in the query; give it once", field=name)


def _protect(response: Response) -> Response:
    present = {name.lower() for name in response.headers.keys()}  # noqa: SIM118
    for lower, name, text in _PROTECTION:
        if lower not in present:
            response.headers.add(name, text)
    cached = "no-cache" if request.endpoint == "static" else "no-store"
    if "cache-control" in present:
        response.headers["Cache-Control"] = cached
    else:
        response.headers.add("Cache-Control", cached)
    return response


def _problem(problem: Problem) -> Response:
    told = problem.document | {"request_id": request.environ.get(traffic.ID)}
    if wants_page():
        response = Response(render_template("problem.html", problem=told), problem.status)
    else:
        response = answer(told, problem.status, "application/problem+json")
    response.headers.update(problem.headers)
    return response


def _http_problem(error: HTTPException) -> Response:
    """Turn Werkzeug's refusals (404, 405, 413, …) into problem details; Allow and the like are kept."""
    status = error.code or 500
    response = _problem(Problem(status, SENTENCES.get(status) or (error.description or error.name).rstrip(".")))
    kept = [(name, text) for name, text in error.get_headers() if name.lower() != "content-type"]
    response.headers.extend(kept)
    return response


def _fault(error: Exception) -> Response:
    route = request.url_rule.rule if request.url_rule else traffic.UNKNOWN  # a path may hold a client's name
    log.error(event("request failed", route=route), exc_info=error)
    return _problem(Problem(500, "the service failed to answer; its log says why"))
