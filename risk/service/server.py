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
from itertools import takewhile
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ThreadedTaskDispatcher

from risk.errors import DiskError
from risk.service import security
from risk.service.problems import Problem
from risk.service.requests import MAX_BODY
from risk.text import event

DRAIN_SECONDS = 20.0
MOST_CONNECTIONS = 2_000
FILES = 100  # descriptors left to reports, models and large bodies
MOST_WAITING = 1_000  # milliseconds of work that may wait for a thread, about: many small requests, or a few large ones
LONGEST_WAIT = 10.0  # seconds that a request waits in any case
BYTES_A_MILLISECOND = {"application/json": 25_000, "text/csv": 2_500}
BUSY = Problem(503, "the service is overloaded; retry in a few seconds", Retry_After="2")

log = logging.getLogger("risk")


class HttpServer:
    """Listens from its making on; `run` answers."""

    def __init__(self, application: Any, host: str, port: int) -> None:
        """Listen at host and port; port 0 takes a free one. Raises: DiskError where the address is taken."""
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            door = socket.create_server((host, port), family=family)
        except OSError as error:
            raise DiskError(
                f"{host}:{port} cannot be listened at ({error.strerror or error}); "
                "stop what serves there, or name another with --port or server.port"
            ) from error
        self.port: int = door.getsockname()[1]
        self._map: dict[int, Any] = {}
        self._room, self._queue, self._loop = connection_limit(), _Queue(), 0
        self._queue.set_thread_count(8)
        create_server(
            self._shedding(application), map=self._map, sockets=[door], _dispatcher=self._queue,
            connection_limit=self._room, asyncore_use_poll=True, clear_untrusted_proxy_headers=False,
            recv_bytes=65536, inbuf_overflow=4 * 2**20, channel_timeout=60,
            max_request_body_size=MAX_BODY + 2**20, ident=None,
        )  # fmt: skip
        self._listening = [it for it in self._map.values() if isinstance(it, BaseWSGIServer)]

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
        wasyncore.loop(timeout=0.2, use_poll=True, map=self._map, count=1)
        for channel in self._queue.overdue():
            channel.service()
        self._make_room()

    def _make_room(self) -> None:
        """Close connections that wait for nothing, the longest silent first, before there is no room for a new one."""
        if len(self._map) < self._room - 1:
            return
        channels = [it for it in self._map.values() if isinstance(it, HTTPChannel)]
        silent = [it for it in channels if not it.requests and not it.total_outbufs_len]
        silent.sort(key=lambda it: (_is_at_work(it), it.last_activity))
        for channel in silent[: 1 + self._room // 20]:
            channel.handle_close()

    def _shedding(self, application: Any) -> Callable[[Any, Any], Iterable[bytes]]:
        """The application; the loop's own thread refuses what has waited too long."""

        def answer(environ: Any, start_response: Any) -> Iterable[bytes]:
            if threading.get_ident() != self._loop or environ["PATH_INFO"] in security.OPEN:
                found: Iterable[bytes] = application(environ, start_response)
                return found
            body = json.dumps(BUSY.document).encode()
            headers = security.HEADERS | BUSY.headers | {"Cache-Control": "no-store", "Content-Length": str(len(body))}
            start_response("503 Service Unavailable", [*headers.items(), ("Content-Type", "application/problem+json")])
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

        return answer


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

    def overdue(self) -> list[Any]:
        """Take out requests that were refused or wait too long; one still sending an answer stays: it could block."""
        now = time.monotonic()
        with self.lock:
            late = list(takewhile(lambda it: now - it.waits_since > LONGEST_WAIT, self.queue))
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
