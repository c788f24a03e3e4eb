"""The lag of outcomes: how long after its rows a period's outcomes are complete, and which periods are not yet.

Time is that of the sources: each content comes at its newest period. A period is complete once 95 % of those who left
and of those who stayed have the outcome that they keep, as most of the last periods took to have it.
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from risk.dataset._accepted_rows import Place
from risk.dataset.counts import DatasetCounts
from risk.dataset.manifest import Entry
from risk.reading.sql import literal

if TYPE_CHECKING:
    import pandas as pd

COMPLETE, MOST_PERIODS = 0.95, 24  # of the outcomes; the newest periods that are looked at


@dataclass(frozen=True)
class Lag:
    """After how many further arrivals outcomes are complete, up to which period they are, and which hold only some."""

    arrivals: int = 0
    until: str | None = None
    open: tuple[str, ...] = ()

    @property
    def told(self) -> dict[str, Any]:
        """For people and JSON, where there is something to tell."""
        return {"outcomes_complete_until": self.until, "outcomes_incomplete": list(self.open)} if self.open else {}


class LaggedRows(DatasetCounts):
    """The rows of one manifest, with the periods whose outcomes are not complete."""

    @functools.cached_property
    def lag(self) -> Lag:
        """How late outcomes come; no lag without periods, where outcomes are derived, and where nothing comes again."""
        if not self.schema.period or not self.schema.holds_outcome:
            return Lag()
        clocks = _clocks(self._places, self.manifest.entries)
        times = sorted({it for it in clocks if it})
        ranks = {clock: rank for rank, clock in enumerate(times)}
        came = list(zip(self._places, (ranks.get(it, 0) for it in clocks), strict=True))
        if not any(rank and (it.content.first_period or times[-1]) <= times[rank - 1] for it, rank in came):
            return Lag()
        return _lag(self._when_known(came, times[-MOST_PERIODS:]), len(times) - 1)

    def labelled_by_period(self) -> list[tuple[str, int]]:
        """Each period that is complete and not in the future with the number of accepted rows with an outcome."""
        condition = f"{self._rows.target} is not null and not ({self._in_future()}) and {self._is_whole()}"
        return list(self.rows_by_period(condition).items())

    @functools.cached_property
    def _open_then(self) -> tuple[str, ...]:
        """The periods of which the known manifest had only some outcomes: these are news once all are known.

        None where it is of another schema: no model of these columns has learned from it.
        """
        is_ours = self.known and self.known.schema == self.schema.identity
        return LaggedRows(self.known, self.schema, self.parts).lag.open if self.known and is_ours else ()

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

    def _when_known(self, came: Sequence[tuple[Place, int]], times: Sequence[str]) -> list[Any]:
        """Of each period: when its rows were shown first, and for each outcome how many rows had it so much later."""
        rows = self._rows
        starts = ", ".join(f"({it.position}, {rank})" for it, rank in came)
        return rows.run(
            f"""with seen as (select {rows.client} as client, {rows.period} as period, {rows.target} as outcome,
                    position, clock from accepted asof join (values {starts}) as c (start, clock) on position >= start
                    where {rows.period} between {literal(times[0])} and {literal(times[-1])}),
                first as (select period, min(clock) as shown from seen group by period),
                kept as (select client, period, arg_max(outcome, position) as kept from seen
                    where outcome is not null group by client, period),
                known as (select client, period, kept, min(clock) as clock from seen join kept using (client, period)
                    where outcome = kept group by client, period, kept)
                select period, shown, kept, clock - shown, count(*) from known join first using (period) group by all"""
        ).fetchall()


def _clocks(places: Sequence[Place], entries: Sequence[Entry]) -> list[str]:
    """When each content came: at its newest period; one that replaced another of its source, at the newest by then."""
    newest = sorted((it.judged_run, it.last_period) for it in entries)
    clocks = []
    for place in places:
        entry, own = entries[place.source], place.content.newest_period or ""
        again = len(entry.contents) > 1 and place.content is entry.contents[-1]
        by_then = newest[: bisect.bisect_right([run for run, _ in newest], entry.judged_run)] if again else []
        clocks.append(max([own, *(period for _, period in by_then)]))
    return clocks


def _lag(counts: Sequence[tuple[str, int, int, int, int]], now: int) -> Lag:
    by_period: dict[str, dict[int, dict[int, int]]] = {}
    ages: dict[str, int] = {}
    for period, shown, outcome, lag, n in counts:
        by_period.setdefault(period, {}).setdefault(outcome, {})[lag] = n
        ages[period] = now - shown
    took = {period: max(_taken(it) for it in outcomes.values()) for period, outcomes in by_period.items()}
    arrivals = 0
    while old := [period for period in sorted(took) if ages[period] > arrivals][-MOST_PERIODS // 2 :]:
        if 2 * sum(took[it] <= arrivals for it in old) > len(old):
            break
        arrivals += 1
    waiting = tuple(period for period in sorted(took) if ages[period] < arrivals)
    whole = [period for period in sorted(took) if ages[period] >= arrivals]
    return Lag(arrivals, whole[-1], waiting) if waiting and whole else Lag(arrivals)


def _taken(lags: Mapping[int, int]) -> int:
    """After how many arrivals so many of these outcomes were known."""
    total, known = sum(lags.values()), 0
    for lag in sorted(lags):
        known += lags[lag]
        if known >= COMPLETE * total:
            return lag
    return 0
