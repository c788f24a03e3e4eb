"""Operations of the service for its description: what each endpoint takes, answers and refuses, by its name in Flask.

The address, the methods and the first sentence are those of the view itself; the keys of the query those that it
knows.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from risk.service import answers, client_answers
from risk.service.downloads import EXCEL
from risk.service.explaining import MOST_REASONS
from risk.service.finding import BY_GAIN, FILTERS, LARGEST_PAGE, OF_CLIENTS, ORDERS

JSON, CSV, HTML, SVG = "application/json", "text/csv", "text/html", "image/svg+xml"
TAGS = {
    "predictions": "Risks of clients, now.",
    "clients": "Current clients, former call lists, and what came of them.",
    "contacts": "Who was called, and what came of it.",
    "figures": "How good the model is, the data, and the runs.",
    "files": "Files of the newest report.",
    "health": "Whether the service works. Of these only /metrics asks for a token.",
    "pages": "Pages for people, and this description.",
}
PREDICTION = "prediction"
CONTACT = "contact"


@dataclass(frozen=True)
class Operation:
    """An endpoint: `kinds` are the kinds of its answer, each with the struct of its JSON or None.

    Of several structs (a tuple) it is one. `problems` are the statuses of its refusals beside those of all; `names`
    the numbers and texts of its query.
    """

    tag: str
    kinds: Mapping[str, Any]
    problems: tuple[int, ...] = (503,)
    status: int = 200
    body: str | None = None
    names: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    others: Mapping[int, Any] = field(default_factory=dict)  # further answers, each a struct


def whole(default: int | None, most: int, told: str, least: int = 0) -> dict[str, Any]:
    """A whole number of a query; None as default where to leave it out is not the same as any number."""
    usual = {} if default is None else {"default": default}
    return {"schema": {"type": "integer", "minimum": least, "maximum": most} | usual, "description": told}


def text(told: str, known: Sequence[str] = ()) -> dict[str, Any]:
    """A text of a query; of some known ones, where there are such, or empty."""
    return {"schema": {"type": "string"} | ({"enum": ["", *known]} if known else {}), "description": told}


OWNER = text("The clients of this owner; a dash (–): those without one. Empty: all.")
SEARCH = text("Words that all occur in the name of the client or owner.")
PAGE = whole(None, LARGEST_PAGE, "Which page, of `limit` clients each; not beside `offset`. It must exist.", 1)
SHOW = text("`renews`: only clients whose contract renews within 45 days.", OF_CLIENTS)
OF_LISTING = {
    "limit": whole(100, 10_000, "How many clients to answer."),
    "offset": whole(None, 2**63 - 1, "How many clients to leave out before the first; not beside `page`."),
    "owner": OWNER, "q": SEARCH, "sort": text("The order; empty: by rank.", ORDERS), "show": SHOW, "page": PAGE,
}  # fmt: skip
OF_LIST = {
    "owner": OWNER, "q": SEARCH, "sort": text("The order; empty: that of the list.", ORDERS),
    "show": text("Only calls that are new, risen, renewing within 45 days, or not called lately.", tuple(FILTERS)),
    "page": whole(1, LARGEST_PAGE, "Which page, of a hundred calls each. A page after the last is the last.", 1),
}  # fmt: skip
OF_CONTACTS = {
    "limit": whole(100, 10_000, "How many contacts to answer."),
    "offset": whole(0, 2**63 - 1, "How many contacts to leave out before the first."),
    "client": text("Only contacts of this client."),
}  # fmt: skip
REASONS = whole(0, MOST_REASONS, "How many reasons to give for each risk, in the words of the call list. "
                "With more than 1,000 rows, any reasons are refused.")  # fmt: skip


def figures(struct: Any) -> Operation:
    """Figures of the newest report."""
    return Operation("figures", {JSON: struct})


def page(**more: Any) -> Operation:
    """A page for people."""
    return Operation("pages", {HTML: None}, **more)


OPERATIONS: dict[str, Operation] = {
    "service.prediction": Operation(
        "predictions", {JSON: answers.PredictionAnswer}, (400, 403, 413, 415, 503), body=PREDICTION,
        names={"reasons": REASONS},
    ),
    "service.scoring": figures(answers.ScoringAnswer),
    "service.summary_statistics": figures(answers.SummaryAnswer),
    "service.diagnostics": figures(answers.DiagnosticsAnswer),
    "service.history": figures(answers.HistoryAnswer),
    "service.releases": figures(answers.ReleasesAnswer),
    "metrics.shown": Operation("health", {"text/plain": None}, ()),
    "downloads.card": Operation("files", {"text/markdown": None}, (404,)),
    "downloads.report": Operation("files", {"application/pdf": None}),
    "downloads.calls_csv": Operation("files", {CSV: None}, names={"owner": OWNER}),
    "downloads.call_sheet": Operation("files", {EXCEL: None}, names={"owner": OWNER}),
    "service.health": Operation("health", {JSON: answers.HealthAnswer}, (), others={503: answers.HealthAnswer}),
    "service.alive": Operation("health", {JSON: answers.LiveAnswer}, ()),
    "service.ready": Operation("health", {JSON: answers.ReadyAnswer}),
    "contacts.listing": Operation("contacts", {JSON: client_answers.ContactsAnswer}, names=OF_CONTACTS),
    "contacts.recording": Operation(
        "contacts", {JSON: client_answers.RecordedAnswer}, (400, 403, 404, 413, 415, 429, 503), 201, CONTACT,
    ),
    "clients.listing": Operation(
        "clients", {JSON: client_answers.ClientsAnswer, HTML: None}, names=OF_LISTING
    ),
    "clients.client": Operation("clients", {JSON: client_answers.ClientAnswer, HTML: None}, (404, 503)),
    "clients.history": Operation(
        "clients", {JSON: (client_answers.ClientHistoryAnswer, client_answers.ClientAnswer)}, (404, 503)
    ),
    "clients.track_record": Operation("clients", {JSON: client_answers.TrackRecordAnswer, HTML: None}),
    "pages.index": page(names=OF_LIST),
    "pages.model": page(), "pages.drift": page(), "pages.data": page(), "pages.runs": page(),
    "pages.figure": Operation("files", {SVG: None}, (404,)),
    "description.document": Operation("pages", {JSON: dict[str, Any]}, ()),
    "description.docs": page(problems=()),
}  # fmt: skip


def names_of(endpoint: str, by_gain: bool, lacking: Container[str]) -> Mapping[str, Mapping[str, Any]]:
    """The query of an endpoint, where the list is in this order and the report set lacks these orders and filters."""
    names = OPERATIONS[endpoint].names
    if endpoint == "pages.index" and by_gain:
        return {**names, "sort": text(names["sort"]["description"], BY_GAIN)}
    if endpoint != "clients.listing":
        return names
    held = {name: [it for it in names[name]["schema"]["enum"] if it not in lacking] for name in ("sort", "show")}
    return {**names, **{name: {**names[name], "schema": {"type": "string", "enum": it}} for name, it in held.items()}}
