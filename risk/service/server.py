"""The waitress server: it refuses requests under overload and finishes those in flight on shutdown."""

from __future__ import annotations

import json
import logging
import math
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterable
from itertools import product, takewhile
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask, ThreadedTaskDispatcher

from risk.errors import DiskError
from risk.service import security
from risk.service.problems import Problem
from risk.service.requests import MAX_BODY
from risk.service.traffic import HEADER, ID, ROUTE, Traffic, id_for
from risk.text import event

DRAIN_SECONDS = 20.0
MOST_CONNECTIONS = 2_000
THREADS = 4  # they share the interpreter: more of them answer no more, and keep the loop from reading
MOST_AT_ONCE = 20  # connections that are taken beside what is read
FILES = 100  # descriptors left to reports, models and large bodies
MOST_WAITING = 1_000  # milliseconds of work that may wait for a thread, about: many small requests, or a few large ones
LONGEST_WAIT = 0.15  # seconds that a request waits while all threads are at work
BYTES_A_MILLISECOND = {"application/json": 25_000, "text/csv": 2_500}
OVERLOADED = "overloaded"  # the label of what was refused, whatever it asked for
UNREADABLE = {
    400: "this is no request of HTTP that can be read",
    413: f"the body is larger than {MAX_BODY // 2**20} MiB; send it in several requests",
    431: "the headers are too large; send fewer",
    500: "the service failed to answer; its log says why",
}
BUSY = Problem(503, "the service is overloaded; retry in a few seconds", Retry_After="2")

log = logging.getLogger("risk")


class HttpServer:
    """Listens from its making on; `run` answers."""

    def __init__(self, application: Any, host: str, port: int, traffic: Traffic | None = None) -> None:
        """Listen at host and port; port 0 takes a free one. Raises: DiskError where the address is taken."""
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            door = socket.create_server((host, port), family=family)
        except (OSError, OverflowError) as error:
            raise DiskError(
                f"{host}:{port} cannot be listened at ({getattr(error, 'strerror', None) or error}); "
                "stop what serves there, or name another with --port or server.port"
            ) from error
        self.port: int = door.getsockname()[1]
        self._map: dict[int, Any] = {}
        self._room, self._queue, self._loop, self._undisturbed = connection_limit(), _Queue(), 0, threading.Lock()
        self._queue.set_thread_count(THREADS)
        create_server(
            self._shedding(application, (traffic or Traffic()).around(_refuse)),
            map=self._map, sockets=[door], _dispatcher=self._queue,
            connection_limit=self._room, asyncore_use_poll=True, clear_untrusted_proxy_headers=False,
            recv_bytes=65536, inbuf_overflow=4 * 2**20, channel_timeout=60,
            max_request_body_size=MAX_BODY + 2**20, ident=None,
        )  # fmt: skip
        self._listening = [it for it in self._map.values() if isinstance(it, BaseWSGIServer)]
        for listening in self._listening:
            listening.channel_class = type("Channel", (HTTPChannel,), {"error_task_class": _Unreadable})

    def run(self, ended: Callable[[], bool]) -> None:
        """Answer until `ended` says so, then take no more connections, finish every request and close."""
        self._loop = threading.get_ident()
        while not ended():
            self._turn()
        for listening in self._listening:
            listening.accepting = False
            listening.del_channel()
            listening.socket.close()
        patience = time.monotonic() + DRAIN_SECONDS
        while any(map(_is_at_work, list(self._map.values()))) and time.monotonic() < patience:
            self._turn()
        self._listening[0].task_dispatcher.shutdown()
        wasyncore.close_all(self._map, ignore_all=True)

    def _turn(self) -> None:
        if self._queue.is_full:
            self._undisturbed_turn()
        else:
            wasyncore.loop(timeout=0.2, use_poll=True, map=self._map, count=1)
        for channel in self._queue.overdue():
            channel.service()
        self._make_room()

    def _undisturbed_turn(self) -> None:
        """Read and take what has come while no thread begins anything, then leave them as long to themselves.

        Else each read waits for the threads at work, and requests wait for seconds before anybody could refuse them.
        """
        began = time.monotonic()
        with self._undisturbed:
            wasyncore.loop(timeout=0.0, use_poll=True, map=self._map, count=3)  # a large body comes in parts
            for listening, _ in product(self._listening, range(MOST_AT_ONCE)):
                if listening.readable():
                    listening.handle_accept()
        time.sleep(min(max(time.monotonic() - began, 0.001), 0.05))

    def _make_room(self) -> None:
        """Close connections that wait for nothing, the longest silent first, before there is no room for a new one."""
        if len(self._map) < self._room - 1:
            return
        channels = [it for it in self._map.values() if isinstance(it, HTTPChannel)]
        silent = [it for it in channels if not it.requests and not it.total_outbufs_len]
        silent.sort(key=lambda it: (_is_at_work(it), it.last_activity))
        for channel in silent[: 1 + self._room // 20]:
            channel.handle_close()

    def _shedding(self, application: Any, refuse: Any) -> Callable[[Any, Any], Iterable[bytes]]:
        """The application; the loop's own thread refuses what has waited too long."""

        def answer(environ: Any, start_response: Any) -> Iterable[bytes]:
            is_loop = threading.get_ident() == self._loop
            if not is_loop:
                with self._undisturbed:
                    pass
            is_refused = is_loop and environ["PATH_INFO"] not in security.OPEN
            found: Iterable[bytes] = (refuse if is_refused else application)(environ, start_response)
            return found

        return answer


def _refuse(environ: Any, start_response: Any) -> Iterable[bytes]:
    environ[ROUTE] = OVERLOADED
    headers, body = _written(BUSY, environ[ID])
    start_response("503 Service Unavailable", headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _written(problem: Problem, name: str) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of a problem that the application knows nothing of; `name` is the id of the request."""
    body = json.dumps(problem.document | {"request_id": name}).encode()
    headers = security.HEADERS | problem.headers | {"Cache-Control": "no-store", "Content-Length": str(len(body))}
    return [*headers.items(), ("Content-Type", "application/problem+json")], body


class _Unreadable(ErrorTask):  # type: ignore[misc]
    """The answer to what is no request, or a too large one, and to a fault of the server itself."""

    def execute(self) -> None:
        error, name = self.request.error, id_for(self.request.headers.get("X_REQUEST_ID"))
        headers, body = _written(Problem(error.code, UNREADABLE.get(error.code, error.reason)), name)
        error.to_response = lambda ident: (f"{error.code} {error.reason}", [*headers, (HEADER, name)], body)
        super().execute()


class _Queue(ThreadedTaskDispatcher):  # type: ignore[misc]
    """Requests that wait for one of the threads; those for which there is no time are left to the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[Any] = []
        self.told = -math.inf

    def add_task(self, task: Any) -> None:
        """Let a request wait, unless no thread is free and too much waits already."""
        with self.lock:
            request = task.requests[0]
            kind = str(request.headers.get("CONTENT_TYPE", "")).partition(";")[0].strip().lower()
            milliseconds = 1 + request.body_bytes_received // BYTES_A_MILLISECOND.get(kind, 25_000)
            task.waits_since, task.work = time.monotonic(), milliseconds
            free = len(self.threads) - self.stop_count - self.active_count
            too_much = task.work + sum(it.work for it in self.queue) > MOST_WAITING
            if too_much and len(self.queue) >= max(free, 1) and not task.total_outbufs_len:
                self.refused.append(task)
            else:
                self.queue.append(task)
                self.queue_cv.notify()

    @property
    def is_full(self) -> bool:
        """Whether requests wait and all threads are at work."""
        return bool(self.queue) and self.active_count >= len(self.threads) - self.stop_count

    def overdue(self) -> list[Any]:
        """Take out requests that were refused or wait too long; one still sending an answer stays: it could block."""
        now = time.monotonic()
        with self.lock:
            all_work = self.is_full
            late = list(takewhile(lambda it: all_work and now - it.waits_since > LONGEST_WAIT, self.queue))
            late = [it for it in late if not it.total_outbufs_len]
            for task in late:
                self.queue.remove(task)
            late, self.refused = late + self.refused, []
        if late and now - self.told > 60:
            self.told = now
            log.warning(event("overloaded", requests_refused=len(late)))
        return late


def connection_limit() -> int:
    """How many connections there is room for; the limit of open files is raised for them where it may be."""
    wanted, (soft, hard) = MOST_CONNECTIONS + FILES, resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < wanted:  # no limit is -1
        soft = wanted if hard < 0 else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(MOST_CONNECTIONS, max(soft - FILES, soft // 2)) if soft >= 0 else MOST_CONNECTIONS


def _is_at_work(channel: Any) -> bool:
    """Whether a connection has a request half received, in work, or not wholly answered."""
    return isinstance(channel, HTTPChannel) and bool(
        channel.requests or channel.total_outbufs_len or (channel.request and not channel.request.empty)
    )
