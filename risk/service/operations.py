"""Operations of the service for its description: what each endpoint takes, answers and refuses, by its name in Flask.

The address, the methods and the first sentence are those of the view itself; the keys of the query those that it
knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from risk.service import answers, client_answers
from risk.service.downloads import EXCEL
from risk.service.explaining import MOST_REASONS
from risk.service.finding import BY_GAIN, FILTERS, OF_CLIENTS, ORDERS

JSON, CSV, HTML, SVG = "application/json", "text/csv", "text/html", "image/svg+xml"
TAGS = {
    "predictions": "Risks of clients, now.",
    "clients": "Current clients, former call lists, and what came of them.",
    "contacts": "Who was called, and what came of it.",
    "figures": "How good the model is, the data, and the runs.",
    "files": "Files of the newest report.",
    "health": "Whether the service works; but for the figures no token is asked for.",
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
    others: Mapping[int, Any] = field(default_factory=dict)  # further answers: a struct, or words for one without body


def whole(default: int, most: int, told: str, least: int = 0) -> dict[str, Any]:
    """A whole number of a query."""
    return {"schema": {"type": "integer", "minimum": least, "maximum": most, "default": default}, "description": told}


def text(told: str, known: Sequence[str] = ()) -> dict[str, Any]:
    """A text of a query; of some known ones, where there are such, or empty."""
    return {"schema": {"type": "string"} | ({"enum": ["", *known]} if known else {}), "description": told}


OWNER = text("The clients of this owner. Empty: on a page those of all, in JSON those without one; a dash (–): "
             "on a page those without one.")  # fmt: skip
OWNER_OF_LIST = text("The calls of this owner; a dash (–): of clients without one.")
SEARCH = text("Words that all occur in the name of the client or owner.")
PAGE = whole(1, 10_000, "A page of so many, instead of an offset.", 1)
SHOW = text("Clients whose contract renews within 45 days.", OF_CLIENTS)
OF_LISTING = {
    "limit": whole(100, 10_000, "At most so many clients."),
    "offset": whole(0, 2**63 - 1, "Without the first so many."),
    "owner": OWNER, "q": SEARCH, "sort": text("The order; empty: by rank.", ORDERS), "show": SHOW, "page": PAGE,
}  # fmt: skip
OF_LIST = {
    "owner": OWNER, "q": SEARCH, "sort": text("The order; empty: that of the list.", ORDERS),
    "show": text("New or risen since the last list, renewing soon, or not called lately.", tuple(FILTERS)),
    "page": whole(1, 10**6, "A page of a hundred.", 1),
}  # fmt: skip
OF_CONTACTS = {
    "limit": whole(100, 10_000, "At most so many contacts."),
    "offset": whole(0, 2**63 - 1, "Without the first so many."), "client": text("Those of one client."),
}  # fmt: skip
REASONS = whole(0, MOST_REASONS, "At most so many reasons for each risk, in the words of the call list; 0: none. "
                "For more than 1,000 rows they are refused.")  # fmt: skip


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
    "downloads.calls_csv": Operation("files", {CSV: None}, names={"owner": OWNER_OF_LIST}),
    "downloads.call_sheet": Operation("files", {EXCEL: None}, names={"owner": OWNER_OF_LIST}),
    "service.health": Operation("health", {JSON: answers.HealthAnswer}, (), others={503: answers.HealthAnswer}),
    "service.alive": Operation("health", {JSON: answers.LiveAnswer}, ()),
    "service.ready": Operation("health", {JSON: answers.ReadyAnswer}),
    "contacts.listing": Operation("contacts", {JSON: client_answers.ContactsAnswer}, names=OF_CONTACTS),
    "contacts.recording": Operation(
        "contacts", {JSON: client_answers.RecordedAnswer}, (400, 403, 404, 413, 415, 429, 503), 201, CONTACT,
        others={303: "Recorded from a form; the page of the client comes next."},
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


def orders(by_gain: bool) -> dict[str, Any]:
    """The order of the page with the list, of a list in this order."""
    return text(OF_LIST["sort"]["description"], BY_GAIN if by_gain else ORDERS)
