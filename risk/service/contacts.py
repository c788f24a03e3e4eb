"""Contacts: who was called and what came of it, shown as soon as it is there, and the one thing that a request writes.

Reads:  the folder of outcomes, when its listing changes
Writes: recorded.csv in it, one line a request, under a lock of its own
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import logging
import os
import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec
from flask import Blueprint, Response, request

from risk.dataset import outcomes
from risk.dataset.outcomes import Outcomes
from risk.disk import files, paths, tick
from risk.errors import DiskError, ErasureError
from risk.reading import erased
from risk.service import responses, security
from risk.service.client_answers import Recording
from risk.service.live import Watch
from risk.service.predictions import NO_REPORT
from risk.service.problems import Problem, check_names, misfit
from risk.text import event

MAX_BODY = 16 * 2**10  # bytes: a note of 500 characters, all of them escaped, and the names around it
A_MINUTE, TRIES = 60, 600  # contacts that are recorded in one, and requests to record, refused ones too
PATIENCE = 5.0  # seconds until the lock must be free
MAX_LISTED = 10_000
EARLIEST_ZONE = timedelta(hours=14)  # where on earth the day begins first
HEADER = ",".join(outcomes.COLUMNS).encode() + b"\n"
ONCE_EACH = f"send {', '.join(outcomes.COLUMNS)} once each"

QUERIES: dict[str, tuple[str, ...]] = {"contacts.listing": ("limit", "offset", "client")}

log = logging.getLogger("risk")


class ContactLog:
    """The contacts in a folder, kept in memory until its listing changes, and the file to which new ones are added."""

    def __init__(self, folder: Path, size_cap: int, production: Path) -> None:
        self._folder, self._size_cap, self._production = folder, size_cap, production
        self._seen: tuple[Any, ...] | None = None
        self._outcomes, self._reading = Outcomes(), threading.Lock()
        self._fault: str | None = None
        self._recorded: deque[float] = deque()
        self._tried: deque[float] = deque()

    @property
    def outcomes(self) -> Outcomes:
        """All contacts that are there now; the former ones where the folder cannot be read."""
        with self._reading:
            try:
                seen = (sorted(tick.listing(str(self._folder))), erased.signature(self._production))
                if seen != self._seen:
                    gone = erased.read(self._production)
                    self._outcomes, self._seen = outcomes.read(self._folder, self._size_cap, gone), seen
                self._fault = None
            except (OSError, DiskError, ErasureError) as error:
                why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
                if self._fault is None:
                    log.warning(event("outcomes", reason=error))
                self._fault = f"the contacts cannot be read ({why}): who was called since is not known"
            return self._outcomes

    @property
    def fault(self) -> str | None:
        """Why the contacts cannot be read now; None where they can."""
        _ = self.outcomes
        return self._fault

    @property
    def known(self) -> Outcomes:
        """All contacts. Raises: Problem 503 where none could be read yet."""
        found = self.outcomes
        if self._fault and self._seen is None:
            raise Problem(503, self._fault)
        return found

    def last(self, client: str) -> dict[str, Any] | None:
        """The newest contact of a client, as the call list holds it."""
        found = self.outcomes.last(client)
        return {name: getattr(found, name) for name in ("date", "result", "opinion", "note")} if found else None

    def admit(self, *, is_sound: bool) -> None:
        """Count a request, or one that is sound. Raises: Problem 429 where there were too many within a minute."""
        times, most, what = (self._recorded, A_MINUTE, "contacts") if is_sound else (self._tried, TRIES, "requests")
        with self._reading:
            now = time.monotonic()
            while times and now - times[0] >= 60:
                times.popleft()
            if len(times) >= most:
                wait = str(int(61 - now + times[0]))
                raise Problem(429, f"more than {most} {what} in a minute; retry in {wait} s", Retry_After=wait)
            times.append(now)

    def record(self, contact: dict[str, str]) -> None:
        """Add a contact as one durable line. Raises: DiskError, with nothing added; Problem 503 where others write."""
        line = io.StringIO()  # every field in quotes: so the rest of a torn line is never taken for a whole one
        csv.writer(line, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(contact[it] for it in outcomes.COLUMNS)
        path = self._folder / paths.RECORDED
        files.make_folder(self._folder, 0o700)
        with files.refusals(path), _locked(self._folder / paths.RECORDED_LOCK):
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o600)
            try:
                size = _whole_lines(descriptor, path)
                try:
                    files.write_all(descriptor, (b"" if size else HEADER) + line.getvalue().encode())
                    os.fsync(descriptor)
                except OSError:
                    os.ftruncate(descriptor, size)
                    raise
            finally:
                os.close(descriptor)
            if not size:
                files.sync(self._folder)


def _whole_lines(descriptor: int, path: Path) -> int:
    """Return the size of the file once it ends with a whole line: a line that was cut off stays, to be told of.

    Raises: DiskError where the file is of another kind.
    """
    size = os.fstat(descriptor).st_size
    start = os.pread(descriptor, len(HEADER), 0)
    if start != HEADER and HEADER.startswith(start):
        os.ftruncate(descriptor, 0)
        return 0
    if start != HEADER:
        what = f"its first line is not {HEADER.decode().strip()}"
        raise DiskError(f"{path}: {what}. It is unchanged. Give it another name.")
    if os.pread(descriptor, 1, size - 1) != b"\n":
        log.warning(event("outcomes", healed=path.name, reason="its last line was cut off"))
        files.write_all(descriptor, b"\n")
        return size + 1
    return size


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of recorded.csv. Raises: Problem 503 where another holds it for long."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Problem(503, "another request is writing for too long; retry", Retry_After="5") from None
                time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


# --- the endpoints ----------------------------------------------------------------------------------------------------


def blueprint(kept: ContactLog, watch: Watch) -> Blueprint:
    """Return the endpoints of the contacts."""
    contacts = Blueprint("contacts", __name__)

    @contacts.get("/outcomes")
    def listing() -> Response:
        """Return the contacts with all clients or with one, the newest first, some at a time."""
        limit = responses.whole_number("limit", 100, MAX_LISTED)
        offset, client = responses.whole_number("offset", 0, 2**63 - 1), request.args.get("client")
        now = kept.known
        found = now.newest if client is None else now.of(client)[::-1]
        told = {"n_contacts": len(found), "n_rejected": len(now.rejected), "limit": limit, "offset": offset}
        return responses.answer(told | {"contacts": found[offset : offset + limit]})

    @contacts.post("/outcomes")
    def recording() -> Response:
        """Record that a current client was called, and what came of it."""
        headers = request.headers
        security.check_same_origin(headers.get("Sec-Fetch-Site"), headers.get("Origin"), headers.get("Host", ""))
        kept.admit(is_sound=False)
        kind, body = responses.text_body("application/json", responses.FORM, most=MAX_BODY)
        contact = msgspec.structs.asdict(_of_form(body) if kind == responses.FORM else _of_json(body))
        contact["date"] = contact["date"] or datetime.now().date().isoformat()
        contact["note"] = re.sub(r" *[\r\n]+ *", " ", contact["note"].strip("\r\n"))  # as people type in a field
        _check(contact, watch)
        kept.admit(is_sound=True)
        try:
            kept.record(contact)
        except DiskError as error:
            log.error(event("outcomes", reason=error))
            raise Problem(503, "nothing is recorded, for the folder cannot be written; the log says why") from error
        if kind == responses.FORM:
            return Response(status=303, headers={"Location": f"/clients/{quote(contact['client'], safe='')}"})
        return responses.answer({"recorded": contact}, 201)

    return contacts


def _check(contact: dict[str, str], watch: Watch) -> None:
    """Raises: Problem 422 for what no contact can be, 404 for one of nobody who is a current client."""
    for field, why in outcomes.faults(contact):
        raise Problem(422, why, field=field)
    if contact["date"] > (datetime.now(UTC) + EARLIEST_ZONE).date().isoformat():
        raise Problem(422, f"date is {contact['date']!r}, which lies in the future; expected a day until today",
                      field="date")  # fmt: skip
    if watch.live.shown is None:
        raise Problem(503, watch.live.torn or NO_REPORT)
    if contact["client"] not in watch.live.shown.clients.places:
        raise Problem(404, "this is not a current client; /clients lists them", field="client")


def _of_json(body: bytes) -> Recording:
    try:
        given = msgspec.json.decode(body, type=Recording)
    except msgspec.ValidationError as error:
        raise misfit(str(error), unknown="") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f"the body is not JSON in UTF-8 ({error}); send one object") from error
    check_names(body, 0)
    return given


def _of_form(body: bytes) -> Recording:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict",
                          max_num_fields=len(outcomes.COLUMNS))  # fmt: skip
    except ValueError as error:
        raise Problem(400, f"the form cannot be read ({error}); {ONCE_EACH}") from error
    if len(dict(pairs)) < len(pairs):
        raise Problem(422, f"a field occurs twice; {ONCE_EACH}")
    try:
        return msgspec.convert(dict(pairs), Recording)
    except msgspec.ValidationError as error:
        raise misfit(str(error), unknown="") from error
