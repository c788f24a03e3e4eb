"""Answers about clients, contacts and former lists as closed structs, and the contact that a request records."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from risk.dataset import outcomes
from risk.service.answers import Band, Count, Kept, Share


class ListedClient(msgspec.Struct, forbid_unknown_fields=True):
    """A current client; `renewal` where the settings name its column."""

    rank: Annotated[int, Meta(ge=1)]
    client: str
    risk: Share
    prediction: Literal[0, 1]
    owner: str | None
    value: float | None
    period: str | None
    band: Band
    renewal: Kept = UNSET


class ClientsAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """Current clients, in the order that the query asks for; `n_clients` counts all that it finds."""

    release: str | None
    n_clients: Count
    limit: Count
    offset: Count
    clients: list[ListedClient]
    owner: str | UnsetType = UNSET


class ContactTold(msgspec.Struct, forbid_unknown_fields=True):
    """A contact: when a client was called, what came of it, and where that was read."""

    client: str
    date: str
    result: str
    opinion: str
    note: str
    source: str
    line: Count


class ListEntry(msgspec.Struct, forbid_unknown_fields=True):
    """What a kept call list said of a client."""

    as_of: str
    replayed: bool
    rank: Annotated[int, Meta(ge=1)]
    risk: Share
    value: float | None
    period: str | None
    on_list: bool
    control: bool


class Driver(msgspec.Struct, forbid_unknown_fields=True):
    """What a figure adds to the log-odds of leaving, against the average client; less than 0 lowers the risk."""

    feature: str
    log_odds: float


class FileRow(msgspec.Struct, forbid_unknown_fields=True):
    """A row of a client in a file: `left` is null where the outcome is not known."""

    file: str
    period: str | None
    left: bool | None
    values: dict[str, str | float | bool | None]


class ClientAnswer(ListedClient, forbid_unknown_fields=True, kw_only=True):
    """A current client with reasons and drivers of the risk, contacts, former lists and rows in the files.

    `reasons` is null where the newest report does not tell them; `context` is what nobody can influence; `on_list`
    says whether it stands on the call list.
    """

    release: str | None
    on_list: bool
    reasons: list[str] | None
    context: list[str]
    drivers: list[Driver]
    contacts: list[ContactTold]
    history: list[ListEntry]
    rows: list[FileRow]


class ClientHistoryAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """What each kept call list said of a client, the oldest first."""

    client: str
    history: list[ListEntry]


class ContactsAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """Contacts, the newest first; `n_rejected` counts lines that were refused."""

    n_contacts: Count
    n_rejected: Count
    limit: Count
    offset: Count
    contacts: list[ContactTold]


def _text(**schema: Any) -> Meta:
    """What the description says of a text; `outcomes.faults` sees to it, in better words."""
    return Meta(extra_json_schema=schema)


_LINE = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"
_LINES = r"^[^\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029]*$"


class Recording(msgspec.Struct, forbid_unknown_fields=True):
    """A contact as a request gives it; without a day it is today's."""

    client: Annotated[str, _text(minLength=1, pattern=_LINE)]
    result: Annotated[str, _text(enum=list(outcomes.RESULTS))]
    date: Annotated[str, _text(pattern=r"^(\d{4}-\d{2}-\d{2})?$")] = ""
    opinion: Annotated[str, _text(enum=list(outcomes.OPINIONS))] = ""
    note: Annotated[str, _text(maxLength=outcomes.LONGEST_NOTE, pattern=_LINES)] = ""


class RecordedContact(msgspec.Struct, forbid_unknown_fields=True):
    """A contact as it was recorded."""

    client: str
    result: str
    date: str
    opinion: str
    note: str


class RecordedAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """The contact that is now a durable line."""

    recorded: RecordedContact


class ListGrade(msgspec.Struct, forbid_unknown_fields=True):
    """A former list beside what came of its clients."""

    as_of: str
    replayed: bool
    n_listed: Count
    n_clients: Count
    n_known: Count
    n_left: Count
    listed_known: Count
    listed_left: Count
    listed_treated: Count
    untreated_left: Count
    untreated_share_caught: Share | None
    share_caught: Share | None
    random_share: Share | None
    simple_share: Share | None
    expected: float
    expected_low: Count
    expected_high: Count
    complete: bool
    simple_rule: str | None
    newest_period: Kept = UNSET
    n_open: Count | UnsetType = UNSET


class SaidBefore(msgspec.Struct, forbid_unknown_fields=True):
    """What a list said of a client before it left."""

    as_of: str
    rank: Annotated[int, Meta(ge=1)]
    risk: Share
    on_list: bool


class LeaverTold(msgspec.Struct, forbid_unknown_fields=True):
    """A client who left, and what the last lists before said, the newest first."""

    client: str
    period: str | None
    said: list[SaidBefore]
    warned: bool


class TrackRecordAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """The kept call lists beside what came of the clients, who left, and lists that are no longer as they were."""

    lists: list[ListGrade]
    leavers: list[LeaverTold]
    n_leavers: Count
    n_unwarned: Count
    lead_days_median: float | None
    broken: list[str]
    sentence: str
