"""The lag of outcomes: how long after its rows a period's outcomes are complete, and which periods are not yet.

Time is that of the sources: a content comes at its newest period, or, where an earlier run had seen that period, at the
newest one that its own run had seen. What is complete then, `completeness` tells from the counts.
"""

from __future__ import annotations

import bisect
import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from risk.dataset._accepted_rows import SPAN
from risk.dataset.arrivals import Moment, Showing, moments, showing, showings
from risk.dataset.completeness import SHOWN, STEP, Filling, Lag, measured, move
from risk.dataset.counts import DatasetCounts
from risk.dataset.earlier import recent
from risk.reading.sql import literal

if TYPE_CHECKING:
    import pandas as pd

MOST_LAGS = 8

_lags: dict[tuple[object, ...], Lag] = {}  # of the manifests that were measured last, as every stage asks again


class LaggedRows(DatasetCounts):
    """The rows of one manifest, with the periods whose outcomes are not complete."""

    @functools.cached_property
    def lag(self) -> Lag:
        """How late outcomes come; no lag without periods, where outcomes are derived, and where nothing comes again."""
        return self._lag(0)

    def labelled_by_period(self) -> list[tuple[str, int]]:
        """Each period that is complete and not in the future with the number of accepted rows with an outcome."""
        condition = f"{self._rows.target} is not null and not ({self._in_future()}) and {self._is_whole()}"
        return list(self.rows_by_period(condition).items())

    @functools.cached_property
    def _open_then(self) -> tuple[str, ...]:
        """The periods of which the known manifest had only some outcomes: these are news once all are known.

        None where it is of another schema: no model of these columns was trained on it.
        """
        is_ours = self.known and self.known.schema == self.schema.identity
        return (
            LaggedRows(self.known, self.schema, self.parts)._lag(self.lag.steps).open if self.known and is_ours else ()
        )

    def _joined(self, news: pd.DataFrame) -> pd.DataFrame:
        """News with the rows of a period in one content, the last, where outcomes come late: else a half would tell."""
        if self.lag.open or self._open_then:
            news["content"] = news.groupby(self.schema.period)["content"].transform("max")
        return news

    def _tells(self) -> str:
        """The condition that a row is no held-out client's, and of a period whose outcomes are complete."""
        return f"not {self._rows.held_out(self._spared)} and {self._is_whole()}"

    def _is_whole(self) -> str:
        """The condition that a row is of no period of which only some outcomes are known yet."""
        return self._is_in_none(self._rows.period, self.lag.open)

    @staticmethod
    def _is_in_none(period: str | None, periods: Sequence[str]) -> str:
        return f"{period} not in ({', '.join(map(literal, periods))})" if periods else "true"

    def _lag(self, least: int) -> Lag:
        """The lag, of so many steps at the least."""
        came = moments(it for entry in self.manifest.entries for it in showings(entry))
        can_lag = self.schema.period and self.schema.holds_outcome and any(it.content.n_accepted for it in self._places)
        if not can_lag or not (least or self._may_lag(came)):
            return Lag()
        key = (self.parts, self.schema.identity, self.manifest.name, *sorted(came.items()), least)
        if key not in _lags:
            for former in list(_lags)[: max(0, len(_lags) + 1 - MOST_LAGS)]:
                del _lags[former]
            _lags[key] = self._measured(came, least)
        return _lags[key]

    def _measured(self, came: Mapping[Showing, tuple[Moment, Moment]], least: int) -> Lag:
        now = max(moment for moment, _ in came.values())
        distinct = f"select distinct {self._rows.period} from accepted where {self._rows.period} <= {literal(now[0])}"
        periods = recent(it for (it,) in self._rows.run(distinct).fetchall())
        steps = {it: bisect.bisect_left(periods, it[0]) * STEP + it[1] for both in came.values() for it in both}
        latest = {steps[moment]: steps[last] for moment, last in came.values()}
        fillings = self._fillings(periods, {shown: steps[moment] for shown, (moment, _) in came.items()})
        return measured(fillings, latest, steps[now], least)

    def _may_lag(self, came: Mapping[Showing, tuple[Moment, Moment]]) -> bool:
        """Whether rows of a period came again, or later than others, or some have an outcome and some have none."""
        times = sorted({moment for moment, _ in came.values()})
        before = {moment: former for (former, _), moment in pairwise(times)}
        return any(
            entry.earlier
            or any(
                0 < it.n_labelled < it.n_accepted
                or (it.first_period or times[-1][0]) <= before.get(came[showing(entry, it)][0], "")
                for it in entry.contents
            )
            for entry in self.manifest.entries
        )

    def _fillings(self, periods: Sequence[str], at: Mapping[Showing, int]) -> dict[str, Filling]:
        """How those of the periods of which some outcome is known came to have theirs; each content came at a step."""
        rows, entries = self._rows, self.manifest.entries
        places = [it for it in self._places if it.content.n_accepted]
        starts = ", ".join(f"({it.position}, {at[showing(entries[it.source], it.content)]})" for it in places)
        within = f"{rows.period} in ({', '.join(map(literal, periods)) or 'null'})"
        rows.run(f"""create or replace temp table seen as select {rows.client} as client, {rows.period} as period,
            {rows.target} as outcome, position, step
            from accepted asof join (values {starts}) as c (start, step) on position >= start where {within}""")
        some = """select period, list(distinct step), min(step) filter (outcome is not null) as first
            from seen group by period having first is not null order by period"""
        known = f"""with kept as (select client, period, arg_max(outcome, position) as kept from seen
                where outcome is not null group by client, period),
            known as (select client, period, kept, min(step) as step, arg_min(position, step) // {SPAN} as source
                from seen join kept using (client, period) where outcome = kept group by client, period, kept
                union all select client, period, {SHOWN}, min(step), arg_min(position, step) // {SPAN}
                from seen group by client, period)
            select period, kept, source, step, count(*) from known group by all"""
        found = {
            period: Filling(periods.index(period) * STEP, set(shown), first)
            for period, shown, first in rows.run(some).fetchall()
        }
        by_source = dict[tuple[str, int, int], dict[int, int]]()
        for period, *key, step, n in rows.run(known).fetchall():
            if period in found:
                by_source.setdefault((period, *key), {})[step] = n
        for (period, outcome, source), counts in by_source.items():
            for it in entries[source].earlier:
                if period in it.outcomes:
                    found[period].was_shown(at[it.run, it.newest], any(it.outcomes[period][:SHOWN]))
                    move(counts, it.outcomes[period][outcome], at[it.run, it.newest])
            found[period].known.setdefault(outcome, Counter()).update(counts)
        return found
