"""Outcomes of calls: who was called when, and what came of it, read strictly from the CSV files of one folder.

Nothing heavy is imported: the service reads them too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from risk.dataset import _strict_csv, inbox
from risk.dataset._strict_csv import Record, RejectedLine
from risk.disk import files, tick
from risk.reading.erased import NOBODY, REASON, Erased
from risk.text import CONTROL, in_short

REQUIRED, OPTIONAL = ("client", "date", "result"), ("opinion", "note")
COLUMNS = (*REQUIRED, *OPTIONAL)
NOT_REACHED = "not reached"
RESULTS = ("reached", NOT_REACHED, "stays", "undecided", "leaving")
OPINIONS = ("", "stays", "leaves", "unsure")
LONGEST_NOTE = 500
FIRST_DAY = "1990-01-01"  # nobody has records of calls before
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True)
class Contact:
    """One call: its day (ISO), what came of it, what the caller thinks the client will do, and where it was read."""

    client: str
    date: str
    result: str
    opinion: str = ""
    note: str = ""
    source: str = ""
    line: int = 0

    @property
    def told(self) -> tuple[str, ...]:
        """What the line tells, wherever it stands."""
        return self.client, self.date, self.result, self.opinion, self.note


@dataclass(frozen=True)
class Outcomes:
    """All contacts in the order of client, day, source and line, each once, and the lines that were refused."""

    contacts: tuple[Contact, ...] = ()
    rejected: tuple[RejectedLine, ...] = ()

    @cached_property
    def digest(self) -> str:
        """A digest of what was contacted, whichever files say it."""
        told = sorted(it.told for it in self.contacts)
        return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()[:12]

    @cached_property
    def clients(self) -> dict[str, tuple[Contact, ...]]:
        """The contacts of each client, the oldest first."""
        return {client: tuple(found) for client, found in groupby(self.contacts, key=lambda it: it.client)}

    @cached_property
    def newest(self) -> tuple[Contact, ...]:
        """All contacts, those of the newest day first."""
        return tuple(sorted(self.contacts, key=lambda it: it.date, reverse=True))

    def of(self, client: str) -> tuple[Contact, ...]:
        """The contacts of a client, the oldest first."""
        return self.clients.get(client, ())

    def last(self, client: str) -> Contact | None:
        """The newest contact of a client."""
        return next(reversed(self.of(client)), None)

    def reached(self, day: str) -> dict[str, str]:
        """The last day until this one (ISO) on which each client was reached."""
        talks = (it for it in self.contacts if it.result != NOT_REACHED and it.date <= day)
        return {it.client: it.date for it in talks}  # the oldest first

    @property
    def facts(self) -> dict[str, Any]:
        """What a run records of them: digest and counts, no name."""
        counts = {"n_contacts": len(self.contacts), "n_clients": len(self.clients), "n_rejected": len(self.rejected)}
        return {"digest": self.digest, **counts}

    @property
    def warnings(self) -> Iterator[tuple[str, str]]:
        """One warning for each file with refusals, and the same without any text of the file."""
        return _strict_csv.sentences(self.rejected)


def read(folder: Path, size_cap: int, gone: Erased = NOBODY) -> Outcomes:
    """Return what the CSV files below a folder tell; nothing where there is none. Raises: DiskError.

    Contacts of clients who were erased are refused.
    """
    with files.refusals(folder):
        listing = sorted(tick.listing(str(folder)))
    contacts: dict[tuple[str, ...], Contact] = {}
    tomorrow = (date.today() + timedelta(days=1)).isoformat()
    rejected: list[RejectedLine] = []
    for name, *signature in listing:
        source = f"{folder.name}/{name}".encode("utf-8", "backslashreplace").decode()
        if why := inbox.fault(folder, name, signature, size_cap, (".csv",)):
            rejected.append(RejectedLine(source, None, why))
            continue
        found = of_file(folder / name, source, size_cap)
        rejected += found.rejected
        for contact in found.contacts:
            if gone.holds(contact.client):
                rejected.append(RejectedLine(source, contact.line, REASON))
            elif contact.date > tomorrow:  # where a day begins first, it may be that already
                why = f"date is {contact.date}, which lies in the future"
                rejected.append(RejectedLine(source, contact.line, why, ",".join(contact.told)))
            else:
                contacts.setdefault(contact.told, contact)
    in_order = sorted(contacts.values(), key=lambda it: (it.client, it.date, it.source, it.line))
    return Outcomes(tuple(in_order), tuple(rejected))


def of_file(path: Path, source: str, size_cap: int) -> Outcomes:
    """Return what one file tells, in its order."""
    found = _strict_csv.read(path, source, REQUIRED, OPTIONAL, _fault, size_cap, verbatim="note")
    contacts = (Contact(**record, source=source, line=line) for line, record in found.records)
    return Outcomes(tuple(contacts), found.rejected)


def faults(record: Record) -> Iterator[tuple[str, str]]:
    """Yield each column of a contact whose text is none, and what was found and expected."""
    expected = {
        "client": "the name of a client" if not record["client"] else None,
        "date": None if _is_day(record["date"]) else "a day such as 2026-11-27",
        "result": None if record["result"] in RESULTS else f"one of {', '.join(RESULTS)}",
        "opinion": None if record["opinion"] in OPINIONS else f"blank or one of {', '.join(OPINIONS[1:])}",
        "note": None if len(record["note"]) <= LONGEST_NOTE else f"{LONGEST_NOTE} characters at most",
    }
    for name, text in record.items():
        if CONTROL.search(text):
            yield name, f"{name} holds a tab, a line feed or another control character, expected text on one line"
        elif expected[name]:
            yield name, f"{name} is {in_short(text)}, expected {expected[name]}"


def _fault(record: Record) -> str | None:
    """The first fault of a record on one line."""
    client, day, result, opinion, note = (record[name] for name in COLUMNS)
    is_one = client and result in RESULTS and opinion in OPINIONS and len(note) <= LONGEST_NOTE and _is_day(day)
    return None if is_one else next(why for _, why in faults(record))


@lru_cache(10_000)
def _is_day(text: str) -> bool:
    try:
        return bool(_DAY.fullmatch(text) and date.fromisoformat(text) and text >= FIRST_DAY)
    except ValueError:
        return False
