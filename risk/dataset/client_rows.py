"""All rows of one client in every dataset version and release that is kept, and in the test data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from risk.dataset import inbox
from risk.dataset._accepted_rows import SPAN, AcceptedRows, Place
from risk.dataset.intake import refusals_of
from risk.dataset.manifest import Entry, Manifest
from risk.reading import reader
from risk.reading.reader import Content
from risk.reading.sql import literal
from risk.settings.schema import Schema


@dataclass(frozen=True)
class ClientRow:
    """One row of a file: which one among the rows that were accepted of these bytes, its label, its values.

    `kept_in` names the dataset versions and releases that it belongs to; `state` is how the file stands.
    """

    file: str
    row: int
    content: str
    state: str
    kept_in: tuple[str, ...]
    label: str | None
    values: dict[str, Any]


@dataclass(frozen=True)
class _Held:
    """The bytes of a file as some manifests hold them."""

    entry: Entry
    content: Content
    kept_in: list[str]


def of_client(known: Mapping[str, Manifest], schema: Schema, parts: Path, client: str) -> list[ClientRow]:
    """The rows, in the order of the manifests, by name, of their files. Raises: DiskError.

    Manifests of other columns are left out. Where the files hold events, these are rows too.
    """
    fitting = {name: it for name, it in known.items() if it.schema == schema.identity}
    found = _rows(_held({name: it.entries for name, it in fitting.items()}), schema, parts, client)
    if schema.files:
        found += _rows(_held({name: it.events for name, it in fitting.items()}), schema.files, parts, client)
    return found


def refused(known: Mapping[str, Manifest], parts: Path, client: str) -> list[dict[str, Any]]:
    """What is kept of refused rows and files that names the client: of a refused row that is one value of it."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for held in _held({name: (*it.entries, *it.events) for name, it in known.items()}):
        for refusal in refusals_of(held.content, parts):
            if is_named(client, refusal.value):
                told = {"file": held.entry.path, **asdict(refusal), "kept_in": held.kept_in}
                found.setdefault((held.entry.path, refusal), told)
    return [*found.values()]


def is_named(client: str, text: str | None) -> bool:
    """Whether a text holds the name as a whole, not as a part of another word."""
    return bool(re.search(rf"(?<!\w){re.escape(client)}(?!\w)", text or ""))


def held_out(folder: Path, schema: Schema, client: str, size_cap: int) -> list[dict[str, Any]]:
    """The rows in the files of the test data. Raises: DiskError."""
    found: list[dict[str, Any]] = []
    for source in inbox.list_sources(folder, size_cap=size_cap, settle=0, names=schema.names_in_files).sources:
        frame, _ = reader.read_frame(source.path, schema)
        own = frame[(frame[schema.client] == client).to_numpy(bool)].astype(object)
        told = own.where(own.notna(), None).to_dict("records")
        found += [
            {"file": source.name, "row": int(at) + 1, "values": it} for at, it in zip(own.index, told, strict=True)
        ]
    return found


def _held(entries: Mapping[str, Sequence[Entry]]) -> list[_Held]:
    found: dict[tuple[str, str], _Held] = {}
    for name, some in entries.items():
        for entry in some:
            for content in (*entry.contents, *entry.former, *([entry.refused] if entry.refused else [])):
                held = found.setdefault((entry.path, content.digest), _Held(entry, content, []))
                held.kept_in.append(name)
    return [*found.values()]


def _rows(held: Sequence[_Held], schema: Schema, parts: Path, client: str) -> list[ClientRow]:
    there = [it for it in held if it.content.slices]
    places = [Place(it.content, at, at * SPAN, at, False) for at, it in enumerate(there)]
    accepted = AcceptedRows(places, schema, parts)
    columns = ", ".join(accepted.names.values())
    query = f"select position, {columns} from accepted where {accepted.client} = {literal(client)} order by position"
    return [*_told(accepted.run(query).fetchall(), there, schema, accepted)]


def _told(
    rows: Sequence[tuple[Any, ...]], held: Sequence[_Held], schema: Schema, accepted: AcceptedRows
) -> Iterator[ClientRow]:
    for position, *row in rows:
        values = dict(zip(accepted.names, row, strict=True))
        label = {1: "left", 0: "stayed", None: None}[values.pop(schema.target)]
        it = held[position // SPAN]
        yield ClientRow(
            it.entry.path, position % SPAN + 1, it.content.digest[:12], it.entry.state, tuple(it.kept_in), label, values
        )
