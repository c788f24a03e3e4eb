"""One tuned waitress server that, told to end, finishes what it has begun."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server

from risk.contracts import MAX_BODY
from risk.errors import DiskError

DRAIN_SECONDS = 20.0


class Server:
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
        create_server(
            application, map=self._map, sockets=[door], threads=8, connection_limit=2000, asyncore_use_poll=True,
            recv_bytes=65536, inbuf_overflow=4 * 2**20, channel_timeout=60,
            max_request_body_size=MAX_BODY + 2**20, ident=None,
        )  # fmt: skip
        self._listening = [it for it in self._map.values() if isinstance(it, BaseWSGIServer)]

    def run(self, ended: Callable[[], bool]) -> None:
        """Answer until `ended` says so, then take no more connections, finish every request and close."""
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


def _is_at_work(channel: Any) -> bool:
    """Return whether a connection has a request half received, in work, or not wholly answered."""
    return isinstance(channel, HTTPChannel) and bool(
        channel.requests or channel.total_outbufs_len or (channel.request and not channel.request.empty)
    )
