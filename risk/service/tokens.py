"""The token that lets others in: of the environment, or of a file that is read again whenever it changes."""

from __future__ import annotations

import logging
import os
import stat
import time
from pathlib import Path
from typing import NamedTuple

from risk.errors import ConfigError
from risk.settings.settings import Server
from risk.text import event

log = logging.getLogger("risk")

TOKEN = "RISK_TOKEN"
SHORTEST = 32  # bytes of a token
LONGEST = 10_000  # characters of its file
_STRONG = 'python3 -c "import secrets; print(secrets.token_urlsafe(32))" makes one'
YOUNG = 2.0  # seconds in which a file may change twice and look the same


class TokenFile:
    """The token as its file holds it now: looked at for every request, read where it is another file than before."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._read = _Reading(None, None, None)

    @property
    def now(self) -> tuple[str | None, str | None]:
        """The token, or None and why there is none: no token is better than one that was taken out."""
        try:
            at = os.stat(self._path)
            seen = (at.st_ino, at.st_dev, at.st_size, at.st_mtime_ns, at.st_ctime_ns)
            settled = time.time() - at.st_ctime > YOUNG
        except OSError:
            seen, settled = None, False
        if not settled or seen != self._read.seen:
            self._read = _Reading(seen, *self._found())
        return self._read[1:]

    def _found(self) -> tuple[str | None, str | None]:
        try:
            return _checked(_filed(Path(self._path)), "server.token_file"), None
        except ConfigError:
            return None, "server.token_file holds no token that can be used; nobody is admitted until it does"


class _Reading(NamedTuple):
    seen: tuple[int, ...] | None
    token: str | None
    fault: str | None


def token_of(server: Server, root: Path) -> str | None:
    """The token of the environment, else of the configured file, else None.

    Raises: ConfigError where the file is not readable or empty, or the token is too short to keep others out.
    """
    token, place = os.environ.get(TOKEN, ""), TOKEN
    if not token and server.token_file is None:
        return None
    if not token:
        place = str(root / str(server.token_file))
        token = _filed(Path(place))
    return _checked(token, place)


def _checked(token: str, place: str) -> str:
    token = token.strip()
    if len(token.splitlines()) > 1:
        raise ConfigError(f"{place}: found several lines, expected one with the token. Nothing is served. Keep one.")
    n_bytes = len(token.encode("utf-8", "surrogateescape"))
    if n_bytes < SHORTEST:
        raise ConfigError(
            f"{place}: the token is too short ({n_bytes} bytes, expected at least {SHORTEST}). "
            f"Nothing is served. Set a longer one; {_STRONG}."
        )
    return token


def _filed(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # who opens a pipe would wait for ever
        with open(descriptor, encoding="utf-8-sig") as file:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise OSError("it is no regular file")
            content = file.read(LONGEST)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: the token is not readable ({error}); expected a file with one line of text"
        ) from error
    if not content.strip():
        raise ConfigError(f"{path}: found nothing, expected one line with the token")
    if mode & stat.S_IRWXO:
        log.warning(event("token", reason="everybody on this machine may read or change its file; chmod o=", file=path))
    return content
