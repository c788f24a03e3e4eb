"""The access log: one line of JSON a request, by route and never by path, so that it holds no client's name."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from risk.errors import DiskError
from risk.text import event

OUT = "-"  # stands for standard output
PAUSE = 1.0  # seconds between two looks whether the file was moved away
SILENCE = 60.0  # seconds between two warnings that lines are lost

log = logging.getLogger("risk")


class AccessLog:
    """Writes each line at once, whole; a file that was moved away, as logrotate does, is begun again."""

    def __init__(self, path: str, root: Path) -> None:
        """Open the file, or standard output; a relative path starts at `root`. Raises: DiskError."""
        self._path = None if path == OUT else root / path
        self._lock, self._looked, self._warned = threading.Lock(), time.monotonic(), -math.inf
        try:
            self._file = self._opened()
        except OSError as error:
            raise DiskError(
                f"{path}: the access log cannot be written ({error.strerror}). Nothing is served. "
                "Name another file with --access-log or server.access_log."
            ) from error

    def tell(
        self, name: str, kind: tuple[str, str, str], seconds: float, address: str | None, rows: int | None,
        headers: Iterable[tuple[str, str]],
    ) -> None:  # fmt: skip
        """Write the line of a request of a kind (route, method, status). A line that cannot be written is lost."""
        route, method, status = kind
        size = next((int(text) for key, text in headers if key == "Content-Length"), None)
        told = {
            "at": datetime.now(UTC), "request_id": name, "method": method, "route": route, "status": int(status),
            "milliseconds": round(1000 * seconds, 3), "bytes": size, "rows": rows, "address": address,
        }  # fmt: skip
        line = msgspec.json.encode(told) + b"\n"
        try:
            self._follow()
            os.write(self._file, line)
        except OSError as error:
            if time.monotonic() - self._warned > SILENCE:
                self._warned = time.monotonic()
                log.warning(event("access log", reason=error.strerror))

    def _opened(self) -> int:
        if self._path is None:
            return os.dup(1)
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _follow(self) -> None:
        """Open the file of this name where it is another one by now, or gone."""
        if self._path is None or time.monotonic() - self._looked < PAUSE:
            return
        with self._lock:
            self._looked = time.monotonic()
            try:
                is_same = os.path.samestat(os.stat(self._path), os.fstat(self._file))
            except FileNotFoundError:
                is_same = False
            if not is_same:
                opened = self._opened()
                os.dup2(opened, self._file, inheritable=False)  # no thread ever sees a closed one
                os.close(opened)


def opened(path: str | None, root: Path) -> AccessLog | None:
    """The access log of this path, if any. Raises: DiskError."""
    return AccessLog(path, root) if path else None
