"""The lag of outcomes: how long after its rows a period's outcomes are complete, and which periods are not yet.

Time is that of the sources: a content comes at its newest period, or, where an earlier run had seen that period, at the
newest one that its own run had seen. A period is complete once 95 % of those who left and of those who stayed have the
outcome that they keep, as most of the last periods took to have it, and once it is as full as those before it.
"""

from __future__ import annotations

import bisect
import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import sqrt
from statistics import median
from typing import TYPE_CHECKING, Any

from risk.dataset._accepted_rows import SPAN
from risk.dataset.arrivals import Moment, Showing, moments, showing, showings
from risk.dataset.counts import DatasetCounts
from risk.dataset.earlier import MOST_PERIODS
from risk.reading.sql import literal

if TYPE_CHECKING:
    import pandas as pd

COMPLETE = 0.95  # of the outcomes
FEWEST_LATE = 2  # periods from which on a lag is no single correction
CHANCE = 3.0  # standard errors
ENOUGH = 3  # later periods that are as full: then that is the usual number
STEP = 1 << 20  # from one period to the next, as runs are counted within one


@dataclass(frozen=True)
class Lag:
    """After how many steps outcomes are complete, up to which period they are, and which periods hold only some."""

    steps: int = 0
    until: str | None = None
    open: tuple[str, ...] = ()

    @property
    def arrivals(self) -> int:
        """The steps in whole periods."""
        return self.steps // STEP

    @property
    def told(self) -> dict[str, Any]:
        """For people and JSON, where there is something to tell."""
        return {"outcomes_complete_until": self.until, "outcomes_incomplete": list(self.open)} if self.open else {}


@dataclass
class Filling:
    """One period: its step, the steps at which it was shown and some outcome was known first, and its clients.

    `known` counts rows by their outcome and the step at which it was known.
    """

    born: int
    shown: set[int]
    first: int
    n_clients: int
    known: dict[int, Counter[int]] = field(default_factory=dict)

    def was_shown(self, step: int, with_outcomes: bool) -> None:
        """Count in that the period was shown at a step."""
        self.shown.add(step)
        self.first = min(self.first, step) if with_outcomes else self.first

    def took(self, latest: Mapping[int, int]) -> tuple[int, int]:
        """After how many steps the outcomes were complete, at the least and at the most.

        Those that came at once may have been known before. `latest` is the last step of the run of each.
        """
        whole = max(_reached(it) for it in self.known.values())
        if whole > self.first:
            return whole - self.born, whole - self.born
        alone = sum(latest[it] == latest[whole] for it in self.shown) == 1
        return 0, (latest[whole] if alone else whole) - self.born

    @property
    def share(self) -> float:
        """How many of the clients have an outcome."""
        return sum(sum(it.values()) for it in self.known.values()) / self.n_clients


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
        can_lag = self.schema.period and self.schema.holds_outcome and self._places
        if not can_lag or not (least or self._may_lag(came)):
            return Lag()
        now = max(moment for moment, _ in came.values())
        period, past = self._rows.period, f"{self._rows.period} <= {literal(now[0])}"
        newest = f"select distinct {period} from accepted where {past} order by 1 desc limit {MOST_PERIODS}"
        periods = sorted(it for (it,) in self._rows.run(newest).fetchall())
        steps = {it: bisect.bisect_left(periods, it[0]) * STEP + it[1] for both in came.values() for it in both}
        latest = {steps[moment]: steps[last] for moment, last in came.values()}
        fillings = self._fillings(periods, {shown: steps[moment] for shown, (moment, _) in came.items()})
        return _measured(fillings, latest, steps[now], least)

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
        starts = ", ".join(f"({it.position}, {at[showing(entries[it.source], it.content)]})" for it in self._places)
        within = f"{rows.period} in ({', '.join(map(literal, periods)) or 'null'})"
        seen = f"""with seen as (select {rows.client} as client, {rows.period} as period, {rows.target} as outcome,
                    position, step from accepted asof join (values {starts}) as c (start, step) on position >= start
                    where {within})"""
        some = f"""{seen} select period, list(distinct step), min(step) filter (outcome is not null) as first,
                count(distinct client) from seen group by period having first is not null order by period"""
        known = f"""{seen}, kept as (select client, period, arg_max(outcome, position) as kept from seen
                    where outcome is not null group by client, period),
                known as (select client, period, kept, min(step) as step, arg_min(position, step) // {SPAN} as source
                    from seen join kept using (client, period) where outcome = kept group by client, period, kept)
                select period, kept, source, step, count(*) from known group by all"""
        found = {
            period: Filling(periods.index(period) * STEP, set(shown), first, n_clients)
            for period, shown, first, n_clients in rows.run(some).fetchall()
        }
        by_source = dict[tuple[str, int, int], dict[int, int]]()
        for *key, step, n in rows.run(known).fetchall():
            by_source.setdefault(tuple(key), {})[step] = n
        for (period, outcome, source), counts in by_source.items():
            for it in entries[source].earlier:
                if period in it.outcomes:
                    found[period].was_shown(at[it.run, it.newest], any(it.outcomes[period]))
                    _move(counts, it.outcomes[period][outcome], at[it.run, it.newest])
            found[period].known.setdefault(outcome, Counter()).update(counts)
        return found


# --- the lag ----------------------------------------------------------------------------------------------------------


def _measured(periods: Mapping[str, Filling], latest: Mapping[int, int], now: int, least: int) -> Lag:
    took = {period: it.took(latest) for period, it in sorted(periods.items())}
    ages = {period: now - periods[period].born for period in took}
    steps = least
    for steps in sorted({least, *(it for both in took.values() for it in both if it > least)}):
        old = [took[period] for period in took if ages[period] > steps][-MOST_PERIODS // 2 :]
        longer, within = sum(low > steps for low, _ in old), sum(high <= steps for _, high in old)
        if longer < (FEWEST_LATE if steps == least else 1) or longer < within:
            break
    filled = _filled([periods[period].share for period in took], [periods[period].n_clients for period in took])
    whole = [period for place, period in enumerate(took) if ages[period] >= steps and place < filled]
    waiting = tuple(period for period in took if period not in whole)
    return Lag(steps, whole[-1], waiting) if waiting and whole else Lag(steps)


def _filled(shares: Sequence[float], n_clients: Sequence[int]) -> int:
    """How many of the periods are as full as those before them, or have several after them that are no fuller.

    Where outcomes are known of some clients by chance, a period may have as much fewer as chance makes of its clients.
    """
    for place in reversed(range(1, len(shares))):
        usual, later = median(shares[max(0, place - MOST_PERIODS // 2) : place]), shares[place + 1 :][:ENOUGH]
        least = COMPLETE * usual - CHANCE * sqrt(usual * (1 - usual) / n_clients[place])
        if shares[place] >= least or sum(it >= COMPLETE * shares[place] for it in later) == ENOUGH:
            return place + 1
    return min(len(shares), 1)


def _reached(known: Mapping[int, int]) -> int:
    """The step at which so many of these outcomes were known."""
    total = 0
    for step in sorted(known):
        total += known[step]
        if total >= COMPLETE * sum(known.values()):
            break
    return step


def _move(known: dict[int, int], n_known: int, step: int) -> None:
    """Let so many of a source's outcomes have been known at a step."""
    missing = n_known - sum(n for at, n in known.items() if at <= step)
    for at in sorted(it for it in known if it > step):
        moved = max(0, min(missing, known[at]))
        known[at], missing = known[at] - moved, missing - moved
        known[step] = known.get(step, 0) + moved
