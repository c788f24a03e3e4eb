"""Absence: which periods can tell that a client is gone, and the outcome of each row by them.

Pure, but for the rows that it asks. A row of a period tells of a window after it. Its client stayed who is seen in the
window, and left who is not, once the window has passed and there is a whole period at its end. A period with far fewer
clients than those before is incomplete: by it nobody is absent. Where the next ones are as low, that is the new usual.
"""

from __future__ import annotations

import statistics
from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from risk.dataset._accepted_rows import AcceptedRows
from risk.reading.sql import literal
from risk.settings.target import Target
from risk.text import counted

BEFORE = 3  # whole periods, whose median is the usual number of clients
AFTER = 3  # periods that have to be as low, until a low one is whole
NAMED = 3  # periods
A_MONTH = len("2026-11")


@dataclass(frozen=True)
class Windows:
    """What periods tell of absence: the `reach` of each, those that `tell`, and the incomplete and missing ones."""

    reach: Mapping[str, str]
    tell: frozenset[str]
    incomplete: Mapping[str, tuple[int, float]]
    missing: tuple[str, ...]
    passed: str  # the last period whose window has passed; blank where none has

    def sentences(self) -> list[str]:
        """What a person should know."""
        found = []
        for period, (n_clients, usual) in list(self.incomplete.items())[-NAMED:]:
            found.append(
                f"{period} has {counted(n_clients, 'client')}, where about {usual:g} are usual: taken for incomplete, "
                "so labels that need it wait, until it is whole or three more are as low. Send the rest, or lower "
                "schema.target.smallest_share"
            )
        if self.missing:
            named = ", ".join(self.missing[-NAMED:])
            found.append(f"no row of {named}: labels that need it are not given. Send it, and they are")
        if self.reach and not self.tell:
            first = min(self.reach)
            found.append(f"no outcome is known yet: those of {first} are known once {self.reach[first]} is there")
        return found


def windows(n_clients: Mapping[str, int], rule: Target) -> Windows:
    """The windows of periods, by the number of clients who are seen in each."""
    whole, level = list[str](), list[int]()
    incomplete: dict[str, tuple[int, float]] = {}
    for place, (period, n) in enumerate(ordered := sorted(n_clients.items())):
        usual = statistics.median(level[-BEFORE:]) if level else 0
        if n < rule.smallest_share * usual:
            after = [it for _, it in ordered[place + 1 : place + 1 + AFTER]]
            lasting = statistics.median(after or [0])
            is_alike = n >= rule.smallest_share * lasting and lasting >= rule.smallest_share * n
            if len(after) < AFTER or max(after) >= rule.smallest_share * usual or not is_alike:
                incomplete[period] = (n, usual)
                continue
            level.clear()
        whole.append(period)
        level.append(n)
    by_month = all(len(period) == A_MONTH for period in n_clients)
    reach = {it: after_months(it, rule.months) if by_month else _after_days(it, rule.days) for it in n_clients}
    step = "" if by_month else str(round(usual_step(map(end_of, whole)) or 1))
    newest = whole[-1] if whole else ""
    passed = [it for it in sorted(n_clients) if reach[it] <= newest]
    tell = [it for it in passed if any(it < at <= reach[it] and _is_end(at, reach[it], step) for at in whole)]
    return Windows(
        reach, frozenset(tell), incomplete, _missing(sorted(n_clients)) if by_month else (), max(passed, default="")
    )


def _is_end(period: str, reach: str, step: str) -> bool:
    """Whether a period stands at the end of a window: it is its last month, or no other fits behind it."""
    return _after_days(period, int(step)) > reach if step else period == reach


def after_months(month: str, months: int) -> str:
    """The month so many months later."""
    number = int(month[:4]) * 12 + int(month[5:]) - 1 + months
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def _after_days(period: str, days: int) -> str:
    return (end_of(period) + timedelta(days=days)).isoformat()


def end_of(period: str) -> date:
    """The last day of a month, or the day itself."""
    first = date.fromisoformat(f"{period}-01"[: len("2026-11-27")])
    return first if len(period) > A_MONTH else first.replace(day=monthrange(first.year, first.month)[1])


def usual_step(days: Iterable[date]) -> float:
    """The usual number of days from one to the next; 0 of fewer than two."""
    ordered = sorted(set(days))
    return statistics.median((after - before).days for before, after in pairwise(ordered)) if ordered[1:] else 0.0


def _missing(months: Iterable[str]) -> tuple[str, ...]:
    """The months between others of which there is no row."""
    gaps = []
    for before, after in pairwise(months):
        month = after_months(before, 1)
        while month < after:
            gaps.append(month)
            month = after_months(month, 1)
    return tuple(gaps)


# --- as SQL -----------------------------------------------------------------------------------------------------------


def is_seen(rows: AcceptedRows, rule: Target) -> str:
    """The condition that a row shows its client: it is there or, where activity is named, some is above 0."""
    return f"({' or '.join(f'{rows.names[it]} > 0' for it in rule.activity)})" if rule.activity else "true"


def n_clients(rows: AcceptedRows, rule: Target, in_future: str, of: str = "accepted") -> dict[str, int]:
    """The number of clients who are seen in each period that does not lie in the future."""
    counts = f"count(distinct {rows.client}) filter ({is_seen(rows, rule)})"
    query = f"select {rows.period}, {counts} from {of} where not ({in_future}) group by {rows.period}"
    return {str(period): int(n) for period, n in rows.run(query).fetchall()}


def gone(rows: AcceptedRows, rule: Target, found: Windows) -> str:
    """The query of the clients who are absent for as long as it takes to have left."""
    last = f"coalesce(max({rows.period}) filter ({is_seen(rows, rule)}), min({rows.period}))"
    return f"select {rows.client} from accepted group by {rows.client} having {last} <= {literal(found.passed)}"


def outcomes(rows: AcceptedRows, rule: Target, found: Windows) -> str:
    """The query of the rows with an outcome, and `back`: whether the client was seen again after having left.

    A row after the client has left, and before it is seen again, has none.
    """
    client, period = rows.client, rows.period
    known = dict(found.reach) or {"": ""}
    listed = ", ".join(f"({literal(it)}, {literal(end)}, {it in found.tell})" for it, end in known.items())
    over = f"over (partition by {client} order by {period} rows between"
    later, until = f"{over} 1 following and unbounded following)", f"{over} unbounded preceding and current row)"
    columns = ", ".join(name for name in rows.names.values() if name != rows.target)
    return f"""with found as (select {columns}, {is_seen(rows, rule)} as seen from ({rows.resolved()})),
            placed as (select *, min(if(seen, {period}, null)) {later} as next,
                coalesce(max(if(seen, {period}, null)) {until}, min({period}) {until}) as last from found),
            windows as (from (values {listed}) as w(period, reach, tells))
        select {columns}, if(next <= w.reach, 0, 1)::tinyint as {rows.target}, next > w.reach as back
        from placed join windows w on w.period = placed.{period} left join windows l on l.period = last
        where w.tells and not coalesce(l.reach <= placed.{period}, false)"""
