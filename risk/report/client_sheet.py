"""The sheet of one client: everything that is kept about the client, as JSON, as lines, and as a page to print."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from risk.dataset import client_rows, outcomes
from risk.dataset import manifest as manifests
from risk.dataset.manifest import Manifest
from risk.disk import journal, paths
from risk.lists import list_history
from risk.reading import erased
from risk.registry import out_of_fold, releases
from risk.registry.releases import object_in
from risk.report import list_words
from risk.settings.schema import Schema
from risk.text import NOTHING, as_csv, four_digits, moment, one_line

TEMPLATES = Path(__file__).parents[2] / "templates"
DESK = "the challenger on the desk"
NONE_KEPT = "Nothing is kept about this client."
OF_ROWS = ("rows", "test_rows")
OF_CALL = ("rank", "risk", "owner", "value", "period", "next_step")
WORDS = {"result": list_words.RESULTS, "opinion": list_words.OPINIONS}
# key, title, what it is, and which field stands in which column; those of rows are followed by the columns of the file
PARTS: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("rows", "Rows in files", "Row 7 is the seventh that was accepted of its file.",
     {"File": "file", "Row": "row", "File is": "state", "Kept in": "kept_in", "Outcome": "label"}),
    ("test_rows", "Rows in test data", "Row 7 is the seventh that is accepted of its file.",
     {"File": "file", "Row": "row"}),
    ("refused_rows", "Refused rows", "Of a refused row only the value is kept that was wrong.",
     {"File": "file", "Line": "line", "Column": "column", "Value": "value", "Reason": "reason", "Kept in": "kept_in"}),
    ("contacts", "Contacts", "Who was called when, and what came of it.",
     {"Date": "date", "Result": "result", "Opinion": "opinion", "Note": "note", "File": "source", "Line": "line"}),
    ("mentions", "Notes on others", "Contacts on other clients whose note names the client.",
     {"Date": "date", "Note": "note", "File": "source", "Line": "line"}),
    ("refused_contacts", "Refused contacts", "Lines that were refused and name the client.",
     {"File": "source", "Line": "line", "Reason": "reason"}),
    ("call", "On the newest call list", "With the reasons that are given.", {"Figure": "what", "Value": "is"}),
    ("lists", "Risk in kept lists", "One list a day.",
     {"Day": "as_of", "Rank": "rank", "Risk": "risk", "Value": "value", "Period": "period", "To be called": "on_list",
      "Control": "control", "Made afterwards": "replayed"}),
    ("report_sets", "Risk in kept reports", "From clientrisks.csv of each report set.",
     {"Report set": "report_set", "Rank": "rank", "Risk": "risk", "Prediction": "prediction", "Owner": "owner"}),
    ("models", "Models", "Those that were compared on rows of the client, and on how many of these they were trained.",
     {"Model": "model", "Live": "live", "Rows compared": "compared_on", "Rows trained on": "trained_on",
      "Out-of-fold risks": "risks"}),
    ("not_read", "Not read", "Kept, but of other columns than those of the settings.", {"What": "what"}),
)  # fmt: skip


@dataclass(frozen=True)
class Shelves:
    """Where everything lies that may name a client."""

    ingested: Path
    models: Path
    production: Path
    outcomes: Path
    test_data: Path


@dataclass(frozen=True)
class SheetPart:
    """A part of the sheet as a table of texts."""

    title: str
    says: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def gather(client: str, shelves: Shelves, schema: Schema, size_cap: int) -> dict[str, Any]:
    """Everything that is kept about a client, by its exact name. Raises: DiskError, JournalError."""
    known, others = _manifests(shelves, schema)
    parts = shelves.ingested / paths.PARTS
    called = outcomes.read(shelves.outcomes, size_cap, erased.read(shelves.production))
    rows = client_rows.of_client(known, schema, parts, client)
    sets = [*_report_sets(shelves.models / paths.REPORTS, client)]
    told = {
        "client": client,
        "made_at": journal.now(),
        "rows": [asdict(it) for it in rows],
        "test_rows": client_rows.held_out(shelves.test_data, schema, client, size_cap),
        "refused_rows": client_rows.refused(known | others, parts, client),
        "contacts": [vars(it) for it in called.contacts if it.client == client],
        "mentions": [
            {name: getattr(it, name) for name in ("date", "note", "source", "line")}
            for it in called.contacts
            if it.client != client and client_rows.is_named(client, it.note)
        ],
        "refused_contacts": [it.told for it in called.rejected if client_rows.is_named(client, it.searched)],
        "lists": list_history.of_client(shelves.models / paths.LISTS, client),
        "report_sets": sets,
        "call": _call(shelves.models, client),
        "models": [*_models(shelves, client)],
        "not_read": [f"{name}: of other columns than those of the settings" for name in others],
    }
    return told | {"kept": any(told[key] for key, *_ in PARTS if key != "not_read")}


def _manifests(shelves: Shelves, schema: Schema) -> tuple[dict[str, Manifest], dict[str, Manifest]]:
    """The manifest of each version and release by what it is called: of the columns of now, and of others."""
    versions, made = shelves.ingested / paths.VERSIONS, shelves.production / paths.RELEASES
    known = manifests.read_all(versions, made)
    named = {f"{'dataset' if it.parent == versions else 'release'} {it.name}": found for it, found in known.items()}
    told = {name: found for name, found in named.items() if found}
    is_ours = {name: found.schema == schema.identity for name, found in told.items()}
    return ({name: it for name, it in told.items() if is_ours[name]},
            {name: it for name, it in told.items() if not is_ours[name]})  # fmt: skip


def _report_sets(home: Path, client: str) -> Iterable[dict[str, Any]]:
    """The rank and risk of the client in every report set that is kept."""
    (cell,) = csv.reader([as_csv((), [(client,)]).decode().partition("\n")[2].rstrip("\n")])
    for folder in sorted(home.glob("[0-9]*"), key=lambda it: int(it.name)):
        path = folder / paths.CLIENT_RISKS
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                found = [it for it in csv.DictReader(file) if it["client"] == cell[0]]
            yield from ({"report_set": folder.name, **it, "client": client} for it in found)


def _call(models: Path, client: str) -> dict[str, Any] | None:
    """The client's entry on the newest call list, with the reasons; None where the client is not on it."""
    calls = object_in(models / paths.SNAPSHOT).get("call_list") or ()
    return next((dict(it) for it in calls if it["client"] == client), None)


def _models(shelves: Shelves, client: str) -> Iterable[dict[str, Any]]:
    """How many rows of the client each release was trained on or compared on, and their out-of-fold risks."""
    live = releases.name_of(shelves.production)
    folders = [(it.name, it.folder) for it in releases.all_of(shelves.production)] + [(DESK, shelves.models)]
    for name, folder in folders:
        rated = out_of_fold.read(folder)
        rated = rated[rated["client"] == client]
        if len(rated):
            trained = int(rated["learned"].sum()) if "learned" in rated else None
            told = {"model": name, "live": name == live, "compared_on": len(rated), "trained_on": trained}
            yield told | {"risks": [round(float(it), 12) for it in rated["risk"]]}


# --- for people -------------------------------------------------------------------------------------------------------


def parts_of(sheet: Mapping[str, Any], schema: Mapping[str, Any]) -> list[SheetPart]:
    """The sheet as tables, those without a row too: that nothing is kept is an answer.

    `schema` (as in snapshot.json) tells how people call the columns of the files.
    """
    call, worth = sheet["call"] or {}, list_words.column(schema.get("value") or "Value", schema)
    told = dict(sheet)
    told |= {name: [it | {f"={of}": at for of, at in it["values"].items()} for it in sheet[name]] for name in OF_ROWS}
    facts = [(worth if of == "value" else of, _text(call[of], of)) for of in OF_CALL if call.get(of)]
    facts += [("reason", it) for it in call.get("reasons") or ()] + [("change", it) for it in call.get("changed") or ()]
    told["call"] = [{"what": f"{of[:1].upper()}{of[1:]}".replace("_", " "), "is": it} for of, it in facts]
    told["not_read"] = [{"what": it} for it in sheet["not_read"]]
    names = dict.fromkeys(of for name in OF_ROWS for it in sheet[name] for of in it["values"])
    more = {name: [(list_words.column(of, schema), f"={of}") for of in names] for name in OF_ROWS}
    parts = []
    for key, title, says, shown in PARTS:
        columns = [(worth if (key, of) == ("lists", "value") else it, of) for it, of in shown.items()]
        columns += more.get(key, [])
        rows = tuple(tuple(_text(row.get(of), of) for _, of in columns) for row in told[key])
        counted = title if key == "call" and rows else f"{title} ({len(rows)})"
        parts.append(SheetPart(counted, says, tuple(it for it, _ in columns), rows))
    return parts


def _text(value: Any, of: str) -> str:
    """A value of a field as people read it."""
    if value is None or value == "":
        return "not known" if of == "label" else NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return four_digits(value) if of in ("risk", "risks") else f"{value:.10g}"
    if isinstance(value, list | tuple):
        return ", ".join(_text(it, of) for it in value)
    return str(WORDS.get(of, {}).get(value, value))


def lines(sheet: Mapping[str, Any], parts: Sequence[SheetPart]) -> str:
    """The sheet for a terminal."""
    told = [f"Client {one_line(sheet['client'])}: {'everything that is kept' if sheet['kept'] else NONE_KEPT}"]
    for part in (it for it in parts if it.rows):
        told += ["", part.title]
        told += [f"  {one_line(' | '.join(row))}" for row in (part.columns, *part.rows)]
    return "\n".join(told)


def page(sheet: Mapping[str, Any], parts: Sequence[SheetPart]) -> bytes:
    """The sheet as an HTML page that needs no other file; every text is escaped."""
    from jinja2 import Environment, FileSystemLoader

    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    told = {"sheet": sheet, "parts": parts, "none_kept": NONE_KEPT, "made_at": moment(sheet["made_at"])}
    return made.get_template("clientsheet.html").render(told).encode()
