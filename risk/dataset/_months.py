"""Months of events: one row of each client and month, made of files that hold one event a row.

A client has a row for each month from its first event until it has been without one for as long as leaving takes, or
until an event ends it. Only
months that are over count: there is an event of their last day, or a later one. Files may overlap: of equal events
there are as many as the file has that holds the most. Sums are exact to six decimals.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import duckdb

from risk.dataset._absence import after_months
from risk.dataset._accepted_rows import AcceptedRows, Place
from risk.reading.sql import literal
from risk.settings.events import AMOUNT, COUNT, KINDS, SINCE_FIRST, SINCE_LAST, Events, EventSchema
from risk.settings.schema import Schema
from risk.text import counted

LARGEST = "9e18"  # a sum beyond it is missing


class MonthRows(AcceptedRows):
    """The table `made` of all months, beside the events of which it is made."""

    def __init__(self, places: Sequence[Place], schema: Schema, parts: Path) -> None:
        super().__init__([], schema, parts)
        assert isinstance(schema.files, EventSchema)
        self._files, self._places = schema.files, places
        self._events = AcceptedRows(places, schema.files, parts)
        self.told = self._make()

    @functools.cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        return self._events._connection

    def resolved(self, where: str = "true", *, labelled: bool = False) -> str:
        """The query of all rows; none of them has an outcome."""
        return f"select * from made where {where}"

    def _make(self) -> list[str]:
        """Make the table; say what does not count."""
        self._distinct()
        newest, n_future, last = self.run(
            "select max(day) filter (counts), count(*) filter (not counts), max(day) from events"
        ).fetchall()[0]
        self.run(f"create temp table made as {self._of_months(_last_month(newest))}")
        if not n_future:
            return []
        future = counted(n_future, "event lies", "events lie")
        return [f"{future} in the future (the last: {last}), so they do not count; correct them in the file"]

    def _distinct(self) -> None:
        """Make the table of distinct events, each as often as it stands in one content."""
        events, named = self._events, self._files.events
        places = [(place.position, _day_after(place.content.judged)) for place in self._places] or [(0, "")]
        contents = ", ".join(f"({position}, {literal(limit)})" for position, limit in places)
        columns = [f"{events.names[name]} as {it}" for name, it in self._columns().items()]
        names = ", ".join(self._columns().values())
        assert named is not None
        self.run(
            f"""create temp table events as
                with contents as (from (values {contents}) as c(first, until)),
                    placed as (select {", ".join(columns)}, first, left(time, 10) <= until as counts
                        from (select *, {events.names[named.time]} as time from accepted) a
                        asof join contents c on a.position >= c.first),
                    often as (select {names}, counts, first, count(*) as n from placed group by all),
                    most as (select {names}, bool_or(counts) as counts, max(n) as n from often group by {names})
                select {names}, counts, left(time, 10) as day, {_number("left(time, 7)")} as month
                from most, unnest(range(n))"""
        )

    def _columns(self) -> dict[str, str]:
        """The columns of a file, each by the name that it has here."""
        named = self._files.events
        assert named is not None
        pairs = ((named.client, "client"), (named.time, "time"), (named.amount, "amount"), (named.kind, "kind"))
        return {name: it for name, it in pairs if name}

    def _of_months(self, last: str) -> str:
        """The query of the rows up to the last month that is over."""
        named, rule = self._files.events, self._schema.outcome
        assert named is not None
        found = {COUNT: "count(*)"}
        if named.amount:
            found[AMOUNT] = "sum(cast(cast(amount as varchar) as decimal(38, 6)))"
        if named.kind:
            found[KINDS] = "count(distinct kind)"
        found |= {name: f"count(*) filter (kind = {literal(kind)})" for name, kind in named.counted.items()}
        sums = ", ".join(f"{sql} as s{place}" for place, sql in enumerate(found.values()))
        shown = {name: f"coalesce(s{place}, 0)" for place, name in enumerate(found)}
        if named.amount:
            shown[AMOUNT] = f"if(abs({shown[AMOUNT]}) < {LARGEST}, cast({shown[AMOUNT]} as double), null)"
        shown |= {SINCE_LAST: "(ends - cast(latest as date))", SINCE_FIRST: "month - since"}
        kept = [f"{shown[name]} as {inner}" for name, inner in self.names.items() if name in shown]
        number, ends = _number(literal(last)) if last else "-1", _ends(named)
        later = f"range({rule.months})" if rule.activity or not named.ends else f"range({number} - month + 1)"
        still = " asof join turns t on t.client = every.client and t.month <= every.month where not t.over"
        still = still if named.ends else ""
        return f"""with monthly as
                    (select client, month, max(day) as day, {sums}
                    from events where counts and not {ends} group by all),
                turns as (select client, month, arg_max({ends}, (time, {ends})) as over
                    from events where counts group by all),
                every as (select distinct client, month + later as month
                    from monthly, unnest({later}) as r(later) where month + later <= {number}),
                spread as (select every.* from every{still}),
                whole as (select s.client, s.month, m.* exclude (client, month),
                    make_date(s.month // 12, s.month % 12 + 1, 1) + interval 1 month - interval 1 day as until,
                    max(m.day) over (partition by s.client order by s.month) as latest,
                    min(s.month) over (partition by s.client) as since
                    from spread s left join monthly m on m.client = s.client and m.month = s.month)
            select client as {self.client}, strftime(until, '%Y-%m') as {self.period}, {", ".join(kept)},
                null::tinyint as {self.target} from (select *, cast(until as date) as ends from whole)"""


def ended(events: AcceptedRows, places: Sequence[Place], named: Events) -> str:
    """The clients whose last event is one that ends them, also where its month is not over yet, as a list of SQL."""
    client, time, ends = events.client, events.names[named.time], _ends(named, events.names[str(named.kind)])
    until = literal(max((_day_after(place.content.judged) for place in places), default=""))
    query = f"select {client} from accepted where left({time}, 10) <= {until} group by {client}"
    found = events.run(f"{query} having arg_max({ends}, ({time}, {ends})) order by {client}").fetchall()
    return ", ".join(literal(name) for (name,) in found) or "''"


def _ends(named: Events, kind: str = "kind") -> str:
    """The condition that an event ends its client."""
    return f"coalesce({kind} in ({', '.join(map(literal, named.ends))}), false)" if named.ends else "false"


def _number(month: str) -> str:
    """The expression of a number that grows by 1 with each month."""
    return f"(cast(left({month}, 4) as bigint) * 12 + cast(right({month}, 2) as bigint) - 1)"


def _last_month(newest: str | None) -> str:
    """The last month that is over when there is an event of this day."""
    if not newest:
        return ""
    return newest[:7] if _day_after(newest)[:7] > newest[:7] else after_months(newest[:7], -1)


def _day_after(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat() if day else ""
