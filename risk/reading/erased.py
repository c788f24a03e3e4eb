"""The register of erased clients: keyed digests of their ids, by which rows that are sent again are refused.

The key lies beside the register and belongs to its owner alone: without it nobody can tell whether a client is in it.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from risk import files, paths
from risk.errors import ErasureError

REASON, EXPECTED = "is of a client who was erased", "rows of other clients"
KEY_BYTES = 32
KEEP = "Nothing was changed. Restore it from a backup; without one,"


@dataclass(frozen=True)
class Erased:
    """The erased clients, as far as their ids can be known again; empty where nobody was erased."""

    key: bytes = b""
    digests: frozenset[str] = frozenset()
    _known: dict[str, bool] = field(default_factory=dict, compare=False)

    def __bool__(self) -> bool:
        return bool(self.digests)

    def holds(self, client: str) -> bool:
        """Whether a client was erased."""
        if not self.digests:
            return False
        if client not in self._known:
            self._known[client] = digest_of(client, self.key) in self.digests
        return self._known[client]

    def digests_of(self, clients: Iterable[str]) -> list[str]:
        """The keyed digests of clients, in order; none where nobody was erased."""
        return sorted(digest_of(it, self.key) for it in clients) if self.digests else []

    def named_in(self, lines: bytes, place: int) -> bool:
        """Whether plain lines hold an erased client in the field at a place."""
        fields = {line.split(b",", place + 1)[place] for line in lines.splitlines() if line}
        return any(self.holds(text.decode()) for text in fields)

    def without_client(self, shown: str | None, delimiter: str, longest: int) -> str | None:
        """What a refusal shows of a row; nothing where an erased client is in it, or may be in what was cut off."""
        if not self.digests or not shown:
            return shown
        fields = [text.strip(" ").strip('"') for text in (shown, *shown.split(delimiter))]
        if len(shown) >= longest or any(map(self.holds, fields)):
            return None
        return shown


NOBODY = Erased()


def read(production: Path) -> Erased:
    """The register beside a journal. Raises: ErasureError where it is damaged, or its key is missing or another one."""
    path, key_path = production / paths.ERASED, production / paths.ERASED_KEY
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return NOBODY
    try:
        head, *entries = [json.loads(line) for line in lines if line] or [{}]
        check, digests = head.get("check"), frozenset(it["client"] for it in entries)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ErasureError(f"{path}: the register is damaged ({type(error).__name__}). {KEEP} move it away.") from error
    if not digests:  # a kill came before the first client
        return NOBODY
    key = _key(key_path)
    if key is None or digest_of("", key) != check:
        what = "the key of the register is missing" if key is None else "it is not the key of the register beside it"
        raise ErasureError(
            f"{key_path}: {what}, so erased clients cannot be known again. {KEEP} move {paths.ERASED} away, "
            "and erased clients are taken in again where a file holds them."
        )
    return Erased(key, digests)


def add(production: Path, clients: Iterable[str]) -> list[str]:
    """Put clients into the register, durable; return their digests. The first one makes the key.

    Raises: ErasureError, DiskError.
    """
    path, key_path, known = production / paths.ERASED, production / paths.ERASED_KEY, read(production)
    key = known.key
    if not known:  # whatever a kill left begins again
        files.remove(path)
        files.remove(key_path)
        key = secrets.token_bytes(KEY_BYTES)
        files.append(key_path, key.hex().encode() + b"\n")
        files.append(path, _line({"check": digest_of("", key)}))
    digests = sorted(digest_of(client, key) for client in clients)
    with files.refusals(path):
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)
    if fresh := [it for it in digests if it not in known.digests]:
        files.append(path, b"".join(_line({"client": it}) for it in fresh))
    return digests


def digest_of(client: str, key: bytes) -> str:
    """The keyed digest (HMAC-SHA256) of a client."""
    return hmac.digest(key, client.encode("utf-8", "surrogateescape"), "sha256").hex()


def _key(path: Path) -> bytes | None:
    """The key, or None where there is none. Raises: ErasureError where it cannot be read, or others may read it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ErasureError(f"{path}: the key cannot be read ({error.strerror}). {KEEP} nobody is erased.") from error
    with os.fdopen(descriptor, "rb") as file:
        mode, content = stat.S_IMODE(os.fstat(file.fileno()).st_mode), file.read()
    if mode & 0o077:
        told = f"others than its owner may read the key (mode {mode:o})"
        raise ErasureError(f"{path}: {told}. Nothing was changed. Close it with chmod 600, and ask who has read it.")
    try:
        key = bytes.fromhex(content.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ErasureError(f"{path}: it is no key of {KEY_BYTES} bytes in hexadecimal. {KEEP} nobody is erased.")
    return key


def _line(record: dict[str, str]) -> bytes:
    return json.dumps(record).encode() + b"\n"
