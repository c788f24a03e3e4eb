"""Finding clients in a list: the manager's own, a search, a filter, an order, a page; as the address asks."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from risk.lists.expected_gain import value_at_risk
from risk.service.predictions import Clients
from risk.service.problems import Problem
from risk.settings import capacity
from risk.text import NOTHING, counted

Row = Mapping[str, Any]

PER_PAGE = 100
LARGEST_PAGE = 10**6
SOON = 45  # days until a renewal that is called soon
ORDERS = ("rank", "value_at_risk", "renewal", "client")  # the usual one first
BY_GAIN = ("expected_gain", *ORDERS)  # of a call list in the order of expected gain
FILTERS: dict[str, Callable[[Row], bool]] = {
    "new": lambda row: row.get("move") == "new",
    "risen": lambda row: row.get("move") == "risen",
    "renews": lambda row: row.get("renews_in_days") is not None and 0 <= row["renews_in_days"] <= SOON,
    "uncalled": lambda row: not row.get("called_lately"),
}
OF_CLIENTS = ("renews",)  # filters of all clients, of whom no list tells more


@dataclass(frozen=True)
class Asked:
    """What an address asks for; `owner` is None for everybody's clients and a dash for those who have no owner.

    The first one of a page of all clients is that at `offset`, where it is given.
    """

    owner: str | None = None
    q: str = ""
    sort: str = "rank"
    show: str = ""
    page: int = 1
    usual: str = ORDERS[0]  # the order without asking
    limit: int = PER_PAGE
    offset: int = 0

    def query(self, **changes: Any) -> str:
        """The query of the address that asks the same but for these changes; the first page again."""
        asked = replace(self, **({"page": 1, "offset": 0} | changes))
        usual = {it.name: it.default for it in fields(asked)} | {"sort": asked.usual, "usual": asked.usual}
        told = {name: getattr(asked, name) for name in usual if getattr(asked, name) != usual[name]}
        return f"?{urlencode(told)}" if told else "?"


@dataclass(frozen=True)
class Page:
    """Some rows of those that were found."""

    rows: Sequence[Any]
    n_found: int
    number: int
    n_pages: int
    first: int


def orders_of(snapshot: Row) -> Sequence[str]:
    """The orders in which the call list of a report set can be shown, its own first."""
    return BY_GAIN if dict(snapshot["capacity"]).get("order") == capacity.BY_GAIN else ORDERS


def asked_by(
    query: Mapping[str, str], page: int = 1, orders: Sequence[str] = ORDERS, filters: Iterable[str] = FILTERS
) -> Asked:
    """What a query asks for. Raises: Problem 422 for an unknown order or filter."""
    sort, show = query.get("sort") or orders[0], query.get("show", "")
    asked = Asked(query.get("owner") or None, query.get("q", ""), sort, show, page, orders[0])
    for name, known in {"sort": orders, "show": ("", *filters)}.items():
        if getattr(asked, name) not in known:
            told = f"{name} is {getattr(asked, name)[:40]!r}, expected one of {', '.join(filter(None, known))}"
            raise Problem(422, told, field=name)
    return asked


def among_calls(calls: Sequence[Row], asked: Asked) -> list[Row]:
    """The calls that are asked for, in the order that is asked for."""
    words = _plain(asked.q).split()
    kept = [it for it in calls if asked.owner is None or (it["owner"] or NOTHING) == asked.owner]
    kept = [it for it in kept if not asked.show or FILTERS[asked.show](it)]
    named = ((it, _plain(f"{it['client']} {it['owner'] or ''}")) for it in kept)
    found = [it for it, name in named if all(word in name for word in words)]
    keys: dict[str, Callable[[Row], Any]] = {
        "rank": lambda it: it["rank"],
        "expected_gain": lambda it: it.get("gain_rank") or math.inf,
        "value_at_risk": lambda it: -(it.get("value_at_risk") or 0.0),
        "renewal": lambda it: _next(it.get("renews_in_days")),
        "client": lambda it: _plain(it["client"]),
    }
    return sorted(found, key=keys[asked.sort])


def places_of(clients: Clients, asked: Asked, day: str) -> Page:
    """A page of the places of the current clients who are asked for; renewals are counted from the day of the list.

    Raises: Problem 422 for a page after the last, and for what the set does not hold.
    """
    for name, given in {"sort": asked.sort, "show": asked.show}.items():
        if given in clients.lacking:
            told = f"{name} is {given!r}, of which the newest report holds nothing"
            raise Problem(422, f"{told}; name the column in {clients.lacking[given]}, run fullprocess.py", field=name)
    places, per_page = _sorted(clients, asked, day), max(asked.limit, 1)
    last = max(1, -(-len(places) // per_page))
    if asked.page > last:
        told = f"page is {asked.page}, but the last is {last}: {counted(len(places), 'client')}, {per_page} a page"
        raise Problem(422, told, field="page")
    first = asked.offset or (asked.page - 1) * asked.limit
    number = min(first // per_page, last) + 1
    return Page(places[first : first + asked.limit], len(places), number, last, first)


def _sorted(clients: Clients, asked: Asked, day: str) -> Sequence[int]:
    places, words = clients.of(asked.owner), _plain(asked.q).split()
    if words:
        named = ((place, _plain(f"{clients.names[place]} {clients.cells[place][4]}")) for place in places)
        places = [place for place, name in named if all(word in name for word in words)]
    if asked.show:
        places = [place for place in places if FILTERS[asked.show](_renewal(clients, place, day))]
    keys: dict[str, Callable[[int], Any]] = {
        "value_at_risk": lambda place: -(value_at_risk(float(clients.cells[place][5] or 0), clients.risks[place]) or 0),
        "renewal": lambda place: _next(_renewal(clients, place, day)["renews_in_days"]),
        "client": lambda place: _plain(clients.names[place]),
    }
    return sorted(places, key=keys[asked.sort]) if asked.sort in keys else places


def _renewal(clients: Clients, place: int, day: str) -> dict[str, int | None]:
    """In how many days the client's contract renews; less than 0 where it did, None where that is not known."""
    renewal = clients.renewals[place] if clients.renewals else None
    return {"renews_in_days": (date.fromisoformat(renewal) - date.fromisoformat(day)).days if renewal else None}


def _next(days: int | None) -> tuple[bool, int]:
    """What renewals are sorted by: those to come first, the next one before all; then the last ones, then unknown."""
    return (days is None or days < 0, abs(days) if days is not None else 10**6)


def among_clients(clients: Clients, asked: Asked, day: str) -> Page:
    """A page of the current clients who are asked for, each with its value at risk and its renewal."""
    page = places_of(clients, asked, day)
    rows = [clients.row(place) | _renewal(clients, place, day) for place in page.rows]
    rows = [it | {"value_at_risk": value_at_risk(it["value"], it["risk"])} for it in rows]
    return replace(page, rows=rows)


def paged(rows: Sequence[Any], number: int) -> Page:
    """One page of the rows; beyond the last page, the last one."""
    n_pages = max(1, -(-len(rows) // PER_PAGE))
    number = min(max(number, 1), n_pages)
    first = (number - 1) * PER_PAGE
    return Page(rows[first : first + PER_PAGE], len(rows), number, n_pages, first)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
