"""End dates: the outcome of each row by the date on which its client ended, as far as it is known by now.

A date that the next row of the client takes back is none, unless a row after it still states it. Rows at an end or
after it tell nothing, until the client is back.
"""

from __future__ import annotations

from risk.dataset._absence import Windows
from risk.dataset._accepted_rows import SPAN, AcceptedRows
from risk.reading.sql import literal
from risk.settings.target import Target


def is_over(rows: AcceptedRows, rule: Target, found: Windows) -> str:
    """The condition that a newest row states an end that has come."""
    end = rows.names[str(rule.ended_on)]
    return f"coalesce(left({end}, strlen({rows.period})) <= {literal(max(found.reach, default=''))}, false)"


def outcomes(rows: AcceptedRows, rule: Target, found: Windows) -> str:
    """The query of the rows with an outcome, and `back`: whether the client was there again after it had ended."""
    client, period, end = rows.client, rows.period, rows.names[str(rule.ended_on)]
    known = dict(found.reach) or {"": ""}
    listed = ", ".join(f"({literal(it)}, {literal(until)}, {it in found.tell})" for it, until in known.items())
    columns = ", ".join(f"f.{name}" for name in rows.names.values() if name != rows.target)
    return f"""with found as materialized (select * exclude ({rows.target}) from ({rows.resolved()})),
            periods as materialized (select period, reach, tells, lag(period) over (order by period) as former,
                lead(period) over (order by period) as following from (values {listed}) as w(period, reach, tells)),
            stated as (select {client}, left({end}, strlen({period})) as at, {end}, max({period}) as last
                from found where {end} is not null group by all),
            ends as materialized (select s.{client}, s.at, s.last from stated s join periods p on p.period = s.last
                left join found f on f.{client} = s.{client} and f.{period} = p.following
                where f.{client} is null or s.last > s.at),
            over as (select distinct f.{client}, p.period from found f join periods p on p.period = f.{period}
                join ends e on e.{client} = f.{client}
                where e.at <= p.period and (e.at > coalesce(p.former, '') or p.period <= e.last)
                union select {client}, {period} from found where left({end}, strlen({period})) <= {period}),
            leaving as (select distinct f.{client}, f.{period} from found f join periods p on p.period = f.{period}
                join ends e on e.{client} = f.{client} where e.at > p.period and e.at <= p.reach),
            back as (select distinct f.{client} from found f join ends e on e.{client} = f.{client}
                where f.{period} > e.at and (f.{client}, f.{period}) not in (from over))
        select {columns}, if(l.{client} is null, 0, 1)::tinyint as {rows.target},
            l.{client} is not null and f.{client} in (from back) as back
        from found f join periods p on p.period = f.{period}
            left join leaving l on l.{client} = f.{client} and l.{period} = f.{period}
        where p.tells and (f.{client}, f.{period}) not in (from over)"""


def outcomes_of_now(rows: AcceptedRows, rule: Target, today: str) -> str:
    """The query of the rows with an outcome where there are no periods, and the source of each.

    Who has an end date left, unless it lies in the future; then nobody knows.
    """
    end = rows.names[str(rule.ended_on)]
    columns = ", ".join(name for name in rows.names.values() if name != rows.target)
    return f"""select {columns}, ({end} is not null)::tinyint as {rows.target}, position // {SPAN} as source
        from ({rows.resolved()}) where {end} is null or {end} <= {literal(today)}"""
