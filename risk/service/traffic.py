"""Every request as it passes: its id, what it is counted as, its line in the access log."""

from __future__ import annotations

import logging
import re
import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from random import getrandbits
from time import perf_counter
from typing import Any

from flask import Flask, current_app, has_request_context, request
from werkzeug.exceptions import HTTPException

from risk.service.access import AccessLog

Environ = dict[str, Any]
Application = Callable[[Any, Any], Iterable[bytes]]

ID, ROUTE, ROWS = (
    "risk.request_id",
    "risk.route",
    "risk.rows",
)  # of a request's environ; who answers without Flask sets the route
HEADER = "X-Request-Id"
UNKNOWN = "unknown"  # the one label of every path that no route serves, and of every method beside these
METHODS = ("GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH")
MOST_UNCOUNTED = 1_000  # requests
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Traffic:
    """The requests of this process: how many of each kind, how long they took, how many rows were predicted.

    Its labels are bounded: routes as the service declares them, known methods, status codes; never a path.
    """

    def __init__(self, access: AccessLog | None = None) -> None:
        self.kinds: dict[tuple[str, str, str], int] = {}
        self.times: dict[str, list[float]] = {}  # of a route: requests by bucket, the slower ones, seconds in all
        self.rows = 0
        self.lock = threading.Lock()
        self._passed: deque[tuple[str, str, str, float, int]] = deque()
        self._access = access

    def around(self, application: Application) -> Application:
        """The application; each answer carries the id of its request and is counted."""

        def answer(environ: Environ, start_response: Any) -> Iterable[bytes]:
            began, status, sent = perf_counter(), "500", None
            environ[ID] = name = id_for(environ.get("HTTP_X_REQUEST_ID"))

            def start(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
                nonlocal status, sent
                status, sent = line[:3], headers
                asked = environ.get("werkzeug.request")  # Flask takes it away soon
                rule = getattr(asked, "url_rule", None) or _of_another_method(asked, status)
                if rule is not None:
                    environ[ROUTE] = rule.rule
                headers.append((HEADER, name))
                return start_response(line, headers, exc_info) if exc_info else start_response(line, headers)

            try:
                return application(environ, start)
            finally:
                self.passed(environ, status, perf_counter() - began, sent or ())

        return answer

    def passed(self, environ: Environ, status: str, seconds: float, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Keep a request to be counted, and write its line."""
        route, method, rows = environ.get(ROUTE, UNKNOWN), environ["REQUEST_METHOD"], environ.get(ROWS)
        method = method if method in METHODS else UNKNOWN
        self._passed.append((route, method, status, seconds, rows or 0))
        if len(self._passed) >= MOST_UNCOUNTED:
            self.count()
        if self._access:
            kind = (route, method, status)
            self._access.tell(environ[ID], kind, seconds, environ.get("REMOTE_ADDR"), rows, headers)

    def count(self) -> None:
        """Count what has passed: many at once cost a request less than each by itself."""
        with self.lock:
            for _ in range(len(self._passed)):
                route, method, status, seconds, rows = self._passed.popleft()
                self.kinds[route, method, status] = self.kinds.get((route, method, status), 0) + 1
                times = self.times.setdefault(route, [0.0] * (len(BUCKETS) + 2))
                times[bisect_left(BUCKETS, seconds)] += 1
                times[-1] += seconds
                self.rows += rows


def furnish(app: Flask, access: AccessLog | None) -> Traffic:
    """Let a service count what passes, and its log name the request that a line is about."""
    traffic = Traffic(access)
    app.wsgi_app = traffic.around(app.wsgi_app)  # type: ignore[method-assign, assignment]
    logging.getLogger("risk").addFilter(_named)
    return traffic


def _of_another_method(asked: Any, status: str) -> Any:
    """The rule of the path of a request whose method it does not allow."""
    if status != "405" or asked is None:
        return None
    with suppress(HTTPException):
        adapter = current_app.create_url_adapter(asked)
        return adapter.match(method=next(iter(adapter.allowed_methods())), return_rule=True)[0] if adapter else None
    return None


def id_for(given: str | None) -> str:
    """The id of a request: the one it brings where that is plain and short, else a new one."""
    return given if given and PLAIN.fullmatch(given) else f"{getrandbits(64):016x}"  # no secret; a fork draws others


def _named(record: logging.LogRecord) -> bool:
    """Add the id of the request under way to a line of the log."""
    if has_request_context() and (name := request.environ.get(ID)):
        record.msg = f"{record.msg} request_id={name}"
    return True
