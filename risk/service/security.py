"""Security of the service: who is admitted, which files may be read, what a browser may do with the answers."""

from __future__ import annotations

import base64
import binascii
import functools
import hmac
import ipaddress
import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from risk.disk import paths
from risk.disk.tick import may_be_a_source
from risk.errors import ConfigError
from risk.reading import plain
from risk.reading.refusals import Fault
from risk.service.problems import Problem
from risk.service.requests import MAX_BODY
from risk.service.tokens import TOKEN, TokenFile
from risk.service.tokens import token_of as token_of  # apicalls.py sends it
from risk.settings.schema import Schema
from risk.settings.settings import Server

OPEN = ("/health", "/live", "/ready")  # whoever watches the service knows no token
_FORWARDED = re.compile(
    "(?i)forwarded|(real|client|connecting|remote|user)-?(ip|addr)|^x-original-|^(via|x-scheme|front-end-https|cdn-loop|x-envoy-.*)$"
)

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

LOCAL = "127.0.0.1:8000"
_NAME = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


@dataclass(frozen=True)
class Guard:
    """Admits whoever knows the token; without a token, this machine alone.

    The token of a file is the one that the file holds now; while it holds none, nobody is admitted.
    """

    token: str | None
    file: TokenFile | None = None

    @property
    def reach(self) -> str:
        """The callers who are answered, in words."""
        if self.token is not None:
            return "with the token: answered is whoever sends it"
        return "without a token: answered is everybody with an account on this machine, and whom a proxy on it lets in"

    @property
    def fault(self) -> str | None:
        """Why nobody is admitted; None while somebody is."""
        return self.file.now[1] if self.file else None

    def admit(
        self, host: str, sender: str | None, authorization: str, *, path: str = "/", names: Iterable[str] = ()
    ) -> None:
        """Let a request pass by its Host header, the address it came from, its Authorization, path and header names.

        Without a token the Host must name this machine: a foreign page whose name was turned to 127.0.0.1 in the
        browser's eyes (DNS rebinding) sends its own name. A header that only a proxy adds is a tripwire: behind one
        everybody comes from this machine. Raises: Problem 400, 401, 403 or 421.
        """
        if "," in host:
            raise Problem(400, "the request names more than one Host; send one")
        if self.token is not None:
            known = self.file.now[0] if self.file else self.token
            if path not in OPEN and not (known and _are_equal(_token_in(authorization), known)):
                raise Problem(401, "the token is missing or wrong; send it as Bearer, or as the password of Basic",
                              WWW_Authenticate='Basic realm="risk", charset="UTF-8"')  # fmt: skip
        elif sender and not is_loopback(sender):
            raise Problem(403, f"without a token only this machine is answered; set {TOKEN} or server.token_file")
        elif forwarded := next(filter(_FORWARDED.search, names), None):
            raise Problem(403, f"{forwarded[:40]} says that a proxy stands before this service, and there is no token; "
                          f"set {TOKEN} or server.token_file")  # fmt: skip
        elif not is_loopback(host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]):
            raise Problem(421, "the Host header does not name this machine; use http://localhost or http://127.0.0.1")


def check(admitted: Guard, asked: dict[str, Any], path: str) -> None:
    """Let the request of this environ pass. Raises: Problem as `Guard.admit` does."""
    host, token = asked.get("HTTP_HOST", ""), asked.get("HTTP_AUTHORIZATION", "")
    names = [key[5:].replace("_", "-").title() for key in asked if key.startswith("HTTP_")]
    admitted.admit(host, asked.get("REMOTE_ADDR"), token, path=path, names=names)


def address(asked: Mapping[str, Any]) -> str:
    """The address by which an admitted request of this environ came; what is no plain name is not repeated.

    A proxy that speaks HTTPS says so by X-Forwarded-Proto; without a token no request with it is admitted.
    """
    host, schemes = asked.get("HTTP_HOST", ""), (asked["wsgi.url_scheme"], asked.get("HTTP_X_FORWARDED_PROTO"))
    return f"{'https' if 'https' in schemes else 'http'}://{host if _NAME.fullmatch(host) else LOCAL}"


def guard_for(server: Server, root: Path, host: str) -> Guard:
    """The guard of a service at `host`.

    Raises: ConfigError where others could reach it and there is no token, or the token's file is not readable.
    """
    token = token_of(server, root)
    if token is None and not is_loopback(host):
        raise ConfigError(
            f"host {host!r} can be reached from other machines and there is no token; "
            f"set {TOKEN} in the environment or server.token_file in the settings, or serve on 127.0.0.1"
        )
    return Guard(token, None if os.environ.get(TOKEN) or token is None else TokenFile(root / str(server.token_file)))


def check_same_origin(site: str | None, origin: str | None, host: str) -> None:
    """Let a writing request pass that no foreign page has made: a browser adds the password of Basic by itself.

    A browser says where a request comes from by Sec-Fetch-Site, an older one by Origin; a program says neither.
    Raises: Problem 403.
    """
    if site is not None:
        ours = site.lower() in ("same-origin", "none")
    else:
        ours = origin is None or origin.lower().partition("://")[2] == host.lower()
    if not ours:
        raise Problem(403, "the request comes from a page of another origin; only pages of this service may record")


@functools.lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether a name or address is of this machine alone."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.lower().removesuffix(".") == "localhost"


def read_inside(root: Path, folders: Iterable[Path], given: str, schema: Schema) -> bytes:
    """The table, as plain CSV, that lies after all links in one of the folders; `given` starts at `root`.

    Raises: Problem 403 where it lies elsewhere, 413 where it is too large, 422 where it is no regular table.
    """
    outside = Problem(403, "the path leaves the input, test and practice folders; name a file inside", field="filepath")
    if "\0" in given or Path(given).is_absolute() or ".." in Path(given).parts:
        raise outside
    asked, real = root / given, Path(os.path.realpath(root / given))
    homes = [pair for folder in folders for pair in ((asked, folder), (real, Path(os.path.realpath(folder))))]
    below = [path.relative_to(home) for path, home in homes if path.is_relative_to(home)]
    if not any(path is real and path.is_relative_to(home) for path, home in homes):
        raise outside
    if not all(may_be_a_source(name) for path in below for name in path.parts):
        raise Problem(422, "a hidden or temporary name is no data file; name a CSV file", field="filepath")
    if not paths.kind_of(real.name):
        raise Problem(422, f"the path does not end in {', '.join(paths.TABLES)}; name such a file", field="filepath")
    try:
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Problem(422, f"the file cannot be opened ({error.strerror})", field="filepath") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Problem(422, "the path does not name a regular file; name a CSV file", field="filepath")
    with open(descriptor, "rb") as file:
        content = file.read(MAX_BODY + 1)
        if len(content) <= MAX_BODY and (real.suffix.lower() != ".csv" or schema.aliases or not schema.format.is_plain):
            content = _as_csv(descriptor, real.name, schema)
    if len(content) > MAX_BODY:
        raise Problem(413, f"the file is larger than {MAX_BODY // 2**20} MiB; send it in parts", field="filepath")
    return content


def _as_csv(descriptor: int, name: str, schema: Schema) -> bytes:
    try:
        return plain.as_csv(Path(f"/proc/self/fd/{descriptor}"), name, schema, MAX_BODY)
    except Fault as error:
        refusal = error.refusal
        told = f"{refusal.place}the file {refusal.reason}, expected {refusal.expected}"
        raise Problem(422, told, field="filepath") from error
    except OSError as error:
        raise Problem(422, f"the file cannot be read ({error.strerror})", field="filepath") from error


def _are_equal(given: str, known: str) -> bool:
    """Whether two texts are the same, in a time that does not tell how much of them is."""
    return hmac.compare_digest(*(text.encode("utf-8", "surrogateescape") for text in (given, known)))


def _token_in(authorization: str) -> str:
    """The token that an Authorization header carries: Bearer, or the password of Basic."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        try:
            return given.strip().encode("latin-1").decode()  # WSGI gives the bytes of a header as latin-1
        except UnicodeError:
            return given.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
