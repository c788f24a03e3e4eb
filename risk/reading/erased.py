"""The register of erased clients: keyed digests of their ids, by which rows that are sent again are refused.

The key lies beside the register and belongs to its owner alone: without it nobody can tell whether a client is in it.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from risk.disk import files, journal, paths
from risk.errors import ErasureError, JournalError

REASON, EXPECTED = "is of a client who was erased", "rows of other clients"
KEY_BYTES = 32
RENEWED = "renew register"  # the act of a person
KEEP = (
    "Nothing was changed. Restore register and key from a backup; without one, "
    "python ingestion.py --renew-register REASON makes what can be made of journal and key."
)


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
    """The register beside a journal. Raises: ErasureError where it is damaged, where it lacks someone whom the journal
    names, or where its key is missing or another one.
    """
    path, key_path = production / paths.ERASED, production / paths.ERASED_KEY
    check, digests = _register(path)
    named = {it for line in _told(production) for it in line["clients"]}
    if lost := named - digests:
        told = f"{len(lost)} of the {len(named)} erased clients whom the journal names are missing in the register"
        raise ErasureError(f"{path}: {told}, so their rows would be taken in again. {KEEP}")
    if not digests:  # a kill came before the first client
        return NOBODY
    key = _key(key_path)
    if key is None or digest_of("", key) != check:
        what = "the key of the register is missing" if key is None else "it is not the key of the register beside it"
        raise ErasureError(f"{key_path}: {what}, so erased clients cannot be known again. {KEEP}")
    return Erased(key, digests)


def fault(production: Path) -> str | None:
    """What `read` would raise, as a sentence; None where the register is sound, or nobody was erased."""
    try:
        read(production)
    except ErasureError as error:
        return str(error)
    except JournalError:  # whoever reads the journal says so
        return None
    return None


def add(production: Path, clients: Iterable[str]) -> list[str]:
    """Put clients into the register, durable; return their digests. The first one makes the key, where there is none.

    Raises: ErasureError, DiskError.
    """
    known = read(production)
    key = known.key
    if not known:  # whatever a kill left begins again
        with contextlib.suppress(ErasureError):  # a key that is torn was never used
            key = _key(production / paths.ERASED_KEY) or b""
        key = _begun(production, key)
    digests = sorted(digest_of(client, key) for client in clients)
    _append(production / paths.ERASED, [it for it in digests if it not in known.digests])
    return digests


def renew(production: Path) -> int:
    """Write the register again from the journal and the key, durable; return how many clients it holds.

    Where there is no key it is given up: the register is moved aside, and 0 returned. Raises: ErasureError, DiskError.
    """
    path, key = production / paths.ERASED, _key(production / paths.ERASED_KEY)
    lines = _told(production)
    if key and any(it.get("check") != digest_of("", key) for it in lines):
        told = "it is not the key that the journal names. Nothing was changed. Restore that one; if it is lost,"
        raise ErasureError(f"{production / paths.ERASED_KEY}: {told} move this one away and try again.")
    if key is None:
        if path.exists():
            os.replace(path, path.with_name(f"{path.name}.given-up"))
            files.sync(production)
        return 0
    digests = sorted({it for line in lines for it in line["clients"]})
    files.write(path, b"".join([_line({"check": digest_of("", key)}), *(_line({"client": it}) for it in digests)]))
    return len(digests)


def signature(production: Path) -> tuple[int, ...]:
    """By what is known that nobody was erased since."""
    try:
        at = (production / paths.ERASED).stat()
    except OSError:
        return ()
    return at.st_ino, at.st_size, at.st_mtime_ns


def check_of(production: Path) -> str:
    """The digest by which the journal knows the key again."""
    return _register(production / paths.ERASED)[0]


def _told(production: Path) -> list[dict[str, Any]]:
    """The lines of the journal that name whom the register must hold."""
    lines: list[dict[str, Any]] = []
    for it in journal.read(production / paths.JOURNAL):
        if it.get("act") == RENEWED and not it.get("n_clients"):
            lines = []  # a person gave it up
        elif it.get("kind") == journal.ERASE and it.get("clients"):
            lines.append(it)
    return lines


def _register(path: Path) -> tuple[str, frozenset[str]]:
    """The check of the key and the digests. Raises: ErasureError where they cannot be read."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
        head, *entries = [json.loads(line) for line in lines if line] or [{}]
        return str(head.get("check")), frozenset(it["client"] for it in entries)
    except FileNotFoundError:
        return "", frozenset()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ErasureError(f"{path}: the register is damaged ({type(error).__name__}). {KEEP}") from error


def _begun(production: Path, key: bytes) -> bytes:
    """Begin the register with a key, or with a new one where there is none; return it."""
    path, key_path = production / paths.ERASED, production / paths.ERASED_KEY
    files.remove(path)
    if not key:
        files.remove(key_path)
        key = secrets.token_bytes(KEY_BYTES)
        files.append(key_path, key.hex().encode() + b"\n")
    files.append(path, _line({"check": digest_of("", key)}))
    return key


def _append(path: Path, digests: Iterable[str]) -> None:
    with files.refusals(path):
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)
    if lines := b"".join(_line({"client": it}) for it in digests):
        files.append(path, lines)


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
        raise ErasureError(f"{path}: the key cannot be read ({error.strerror}). {KEEP}") from error
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
        raise ErasureError(f"{path}: it is no key of {KEY_BYTES} bytes in hexadecimal. {KEEP}")
    return key


def _line(record: dict[str, str]) -> bytes:
    return json.dumps(record).encode() + b"\n"
