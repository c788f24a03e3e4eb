"""What all answers of the service have in common: JSON, headers that close them to others, how it says no."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from risk import guard
from risk.contracts import MAX_BODY
from risk.problems import Problem
from risk.script import event

log = logging.getLogger("risk")

SENTENCES = {
    404: "there is nothing at this path; / shows what there is",
    405: "the method is not allowed here; the header Allow names those that are",
    413: f"the body is larger than {MAX_BODY // 2**20} MiB; send it in several requests",
}


def furnish(app: Flask, admitted: guard.Guard) -> None:
    """Let a service admit requests, protect its answers and say no in these ways."""

    def admit() -> None:
        headers = request.headers
        host, token = request.environ.get("HTTP_HOST", ""), headers.get("Authorization", "")
        names = (name for name, _ in headers)
        admitted.admit(host, request.remote_addr, token, path=request.path, names=names)

    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.before_request(admit)
    app.after_request(_protect)
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(Exception, _fault)


def answer(value: Any, status: int = 200, kind: str = "application/json") -> Response:
    """Return a value as a JSON answer."""
    return Response(msgspec.json.encode(value), status, mimetype=kind)


def _protect(response: Response) -> Response:
    response.headers.update(guard.HEADERS)
    response.headers["Cache-Control"] = "no-cache" if request.endpoint == "static" else "no-store"
    return response


def _problem(problem: Problem) -> Response:
    response = answer(problem.document, problem.status, "application/problem+json")
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
    log.error(event("request failed", path=request.path), exc_info=error)
    return _problem(Problem(500, "the service failed to answer; its log says why"))
