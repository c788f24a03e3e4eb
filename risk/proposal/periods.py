"""Periods, or events, and how leaving is derived from them where no column tells it.

Pure: no files.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from risk.proposal import name_words as words
from risk.proposal.client_column import is_unique
from risk.proposal.columns import UNIQUE, TextColumn
from risk.text import counted

MOST_PERIODS, MOST_KINDS, MOST_OF_A_KIND = 400, 8, 50
MOSTLY, RARE = 0.9, 0.05  # of who has an event that ends, it is the last; of all clients have one
DAY = datetime.timedelta(days=1)
LONGEST_ABSENCE = 360  # days that are proposed
CAPPED = (
    f"; {LONGEST_ABSENCE} days is the most that is proposed, so who buys more rarely counts as left, and as a return "
    "later. Set schema.target.absent_for for a longer time"
)


@dataclass
class Periods:
    """The period, or the columns of events, and by which rule leaving is derived where no column tells it."""

    period: str | None = None
    events: dict[str, Any] | None = None
    rule: dict[str, Any] | None = None
    whys: dict[str, str] = field(default_factory=dict)


def periods_of(columns: Mapping[str, TextColumn], client: TextColumn, target: str | None) -> Periods:
    """What tells the time of the rows of a table whose client is known."""
    found = Periods()
    dates = [it for it in columns.values() if it.kind == "date" and it.n_filled >= UNIQUE * it.n_rows]
    named = [it for it in dates if set(words.words_of(it.name)) & words.PERIODS - {"date", "day", "datum", "fecha"}]
    if is_unique(client):
        snapshots = [it for it in dates if it.n_distinct == 1 or (it in named and it.n_distinct <= 3)]
        found.period = snapshots[0].name if snapshots else None
        found.whys["period"] = "the day that all rows are of" if snapshots else "none: one row per client"
    else:
        _find_period(found, client, dates, named, target)
        if not (found.period or target) and dates:
            time = min(dates, key=lambda it: (it not in named, -it.n_distinct))
            found.events = _events(columns, client, time)
            found.whys["events"] = f"clients repeat without regular periods, so each row is an event at {time.name}"
    if target is None:
        _derive_target(found, columns)
    return found


def _find_period(
    found: Periods, client: TextColumn, dates: list[TextColumn], named: list[TextColumn], target: str | None
) -> None:
    shares = {it.name: len(set(zip(client.texts, it.texts, strict=True))) / client.n_rows for it in dates}
    fitting = [it for it in dates if shares[it.name] >= UNIQUE]
    fitting.sort(key=lambda it: (it not in named, not set(words.words_of(it.name)) & words.PERIODS, it.n_distinct))
    if fitting and (target or _is_regular(fitting[0])):
        found.period = fitting[0].name
        found.whys["period"] = f"one row per client and period; {counted(fitting[0].n_distinct, 'period')}"
        found.whys["period"] += f"; it could be {fitting[1].name}" if len(fitting) > 1 else ""
    else:
        found.whys["period"] = "none, though clients repeat: no column of dates has each client once a date"


def _is_regular(column: TextColumn) -> bool:
    """Whether dates are those of periods: of one day of the month or of the week, or ends of months."""
    moments = list(column.moments.values())
    if len(moments) > MOST_PERIODS or any((it.hour, it.minute, it.second) != (0, 0, 0) for it in moments):
        return False
    days = {it.day for it in moments}, {(it + DAY).day for it in moments}, {it.weekday() for it in moments}
    return any(len(it) == 1 for it in days)


def _events(columns: Mapping[str, TextColumn], client: TextColumn, time: TextColumn) -> dict[str, Any]:
    rest = [it for it in columns.values() if it.name not in (client.name, time.name)]
    numbers = [it for it in rest if it.kind == "number" and set(words.words_of(it.name)) & words.AMOUNTS]
    kinds = [it for it in rest if it.kind == "text" and set(words.words_of(it.name)) & words.KINDS]
    found: dict[str, Any] = {"client": client.name, "time": time.name}
    found |= {"amount": numbers[0].name} if numbers else {}
    for kind in [it for it in kinds if it.n_distinct <= MOST_OF_A_KIND][:1]:
        found |= {"kind": kind.name} | ({"kinds": sorted(kind.counts)} if kind.n_distinct <= MOST_KINDS else {})
    return found


def _find_ends(found: Periods, events: dict[str, Any], columns: Mapping[str, TextColumn]) -> None:
    """Find the kinds that end a client, as their words say and nearly no event after them denies."""
    client, time, kind = (columns[events[key]] for key in ("client", "time", "kind"))
    named = sorted(text for text in kind.counts if words.says_ended(text))
    rows = zip(client.texts, time.texts, kind.texts, strict=True)
    placed = sorted((who, time.moments[at], what in named) for who, at, what in rows if at in time.moments)
    last = {who: ends for who, _, ends in placed}
    n_ended, n_gone = len({who for who, _, ends in placed if ends}), sum(last.values())
    if not n_gone or min(n_gone, n_ended) < MOSTLY * max(n_ended, sum(map(kind.counts.__getitem__, named))):
        return
    events["ends"] = named
    if "kinds" in events:
        events["kinds"] = [it for it in events["kinds"] if it not in named]
    is_usual = n_gone >= RARE * len(last)
    found.rule = {"absent_for": "30 days"} if is_usual else {"absent_for": "60 days", "activity": ["events"]}
    told = f"{' or '.join(named)} is the last event of {n_gone:,} of the {counted(n_ended, 'client')} who have it"
    more = "" if is_usual else "; few end so, and who shows no event for long has left, too"
    found.whys["target"] = f"no column says who left; {told}, so it ends a client{more}"


def _derive_target(found: Periods, columns: Mapping[str, TextColumn]) -> None:
    if found.events and "kind" in found.events:
        _find_ends(found, found.events, columns)
    if found.rule:
        return
    ends = [it for it in columns.values() if it.kind == "date" and it.name != found.period and it.n_filled < it.n_rows]
    ends = [it for it in ends if set(words.words_of(it.name)) & words.ENDS or words.of_afterwards(it.name)]
    if ends and not found.events:
        found.rule = {"ended_on": ends[0].name}
        found.whys["target"] = f"no column says who left; {ends[0].name} is filled for those who did"
    elif found.events or (found.period and columns[found.period].n_distinct >= 3):
        found.rule, found.whys["target"] = absent_for(_absence(columns[found.period]) if found.period else 60)


def absent_for(days: int) -> tuple[dict[str, Any], str]:
    """The rule that who is absent for some days has left, in words too."""
    told = f"no column says who left; who does not appear for {days} days is taken to have left"
    return {"absent_for": f"{days} days"}, told


def _absence(period: TextColumn) -> int:
    """Twice the usual step from one period to the next, in days; 60 for months."""
    moments = sorted(set(period.moments.values()))
    steps = sorted((after - before).days for before, after in pairwise(moments))
    usual = steps[len(steps) // 2]
    return 60 if 28 <= usual <= 31 else max(2 * usual, 2)


def absence_after(gap: int) -> int:
    """The days of absence that mean leaving, where so long a gap between two events is usual: months, two to twelve."""
    return min(max(-(-gap // 30) * 30, 60), LONGEST_ABSENCE)
