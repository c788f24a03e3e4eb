"""Answers of an endpoint for the description: their statuses, kinds and headers, each where it is really given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from risk.service import delivery, downloads, security, traffic
from risk.service.answers import ProblemDocument
from risk.service.operations import HTML, JSON, OPERATIONS
from risk.service.pages import INSTEAD

PROBLEM = "application/problem+json"
TEXT = {"type": "string"}
OF_ALL = {
    400: "The request names more than one Host.",
    401: "The token is missing or wrong.",
    403: "Without a token: a proxy or another machine asks.",
    421: "Without a token: the Host header does not name this machine.",
    422: "The query or the body is not as it is described.",
    503: "The service is overloaded.",
}
MORE = {
    400: f"The body cannot be read. {OF_ALL[400]}",
    403: f"The file lies outside the folders, or a page of another site asks. {OF_ALL[403]}",
    404: "Nothing has this name.",
    413: "The body, the file or the number of rows is too large.",
    415: "The body is packed, not in UTF-8, or of another kind.",
    429: "Too many requests within a minute.",
    503: "No model is live, no report is made, or it cannot be read.",
}
OF_PAGE = "The newest report is damaged, or an older program made it."
WITHOUT_REPORT = "Without any report a page says how to make one."
UNCHANGED = "The same as the answer with this ETag."
HEADERS: dict[str, dict[str, Any]] = {
    traffic.HEADER: {"required": True, "schema": {"type": "string", "pattern": f"^{traffic.PLAIN.pattern}$"},
                     "description": "The id of the request: the one it came with, where that is plain, or a new one."},
    "Cache-Control": {"required": True, "schema": {"type": "string", "enum": ["no-store", delivery.KEPT]},
                      "description": f"`{delivery.KEPT}` with an ETag: keep the answer, and ask whether it is new."},
    "ETag": {"schema": TEXT, "description": "Stands for this very content. A page has none."},
    "Last-Modified": {"schema": TEXT, "description": "When the newest report was made."},
    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds until it is worth asking again."},
    "WWW-Authenticate": {"schema": TEXT, "description": "Makes a browser ask for the token."},
}  # fmt: skip
OF_STATUS = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
IF_NONE_MATCH = {
    "name": "If-None-Match", "in": "header", "required": False, "schema": TEXT,
    "description": "The ETag of an answer that you keep; 304 says that it is still the same.",
}  # fmt: skip


def kinds_of(rule: str, endpoint: str) -> Mapping[str, Any]:
    """The kinds of the answer at an address; a page stands in for JSON at some alone."""
    kinds = OPERATIONS[endpoint].kinds
    return {kind: it for kind, it in kinds.items() if kind != HTML or len(kinds) == 1 or rule in INSTEAD}


def is_stored(rule: str, endpoint: str) -> bool:
    """Whether whoever asks may keep the answer, or that of one of its kinds."""
    is_get = OPERATIONS[endpoint].body is None
    return is_get and any(delivery.is_stored(endpoint, kind) for kind in kinds_of(rule, endpoint))


def answers(
    rule: str, endpoint: str, schema_of: Callable[[Any], dict[str, Any]], *, needs_token: bool
) -> dict[str, Any]:
    """All answers of an endpoint by status; `schema_of` gives the schema of a struct."""
    operation, kinds = OPERATIONS[endpoint], kinds_of(rule, endpoint)
    words = f"{HTTPStatus(operation.status).phrase}."
    words += f" {WITHOUT_REPORT}" if HTML in kinds and operation.problems else ""
    found: dict[int, dict[str, Any]] = {operation.status: {"description": words, "content": {
        kind: {"schema": schema_of(it) if it else TEXT} for kind, it in kinds.items()}}}  # fmt: skip
    if is_stored(rule, endpoint):
        found[304] = {"description": UNCHANGED}
    for status, it in operation.others.items():
        found[status] = {"description": HTTPStatus(status).phrase, "content": {JSON: {"schema": schema_of(it)}}}
    problem = {PROBLEM: {"schema": schema_of(ProblemDocument)}, HTML: {"schema": TEXT}}
    for status in {422, *operation.problems, *_of_all(rule, needs_token)}:
        found.setdefault(status, {"description": _why(status, rule, endpoint), "content": problem})
    return {str(it): found[it] | {"headers": _headers(it, rule, endpoint)} for it in sorted(found)}


def _of_all(rule: str, needs_token: bool) -> tuple[int, ...]:
    """The refusals that have nothing to do with what is asked for."""
    if rule in security.OPEN:
        return (400,) if needs_token else (400, 403, 421)
    return (400, 401, 503) if needs_token else (400, 403, 421, 503)


def _why(status: int, rule: str, endpoint: str) -> str:
    operation = OPERATIONS[endpoint]
    if status not in operation.problems:
        return OF_ALL[status]
    told = OF_PAGE if status == 503 and operation.tag == "pages" else MORE[status]
    return f"{told} Or the service is overloaded." if status == 503 and rule not in security.OPEN else told


def _headers(status: int, rule: str, endpoint: str) -> dict[str, Any]:
    names = [traffic.HEADER, "Cache-Control", *([OF_STATUS[status]] if status in OF_STATUS else [])]
    if status in (200, 304) and is_stored(rule, endpoint):
        names += ["ETag", *(["Last-Modified"] if status == 200 and endpoint in delivery.OF_REPORT else [])]
    told: dict[str, Any] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    if status == 200 and endpoint in downloads.DISPOSITIONS:
        told["Content-Disposition"] = {"schema": {"type": "string", "const": downloads.DISPOSITIONS[endpoint]}}
    return told
