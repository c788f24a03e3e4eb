"""Completeness of outcomes: from counts of what was known when, after how long a period has all of its outcomes.

A step is a moment of the sources: a period, and within it a run. A period's rows may come one after the other while it
is the newest one: its age then counts from the last of them. A period is complete once 95 % of those who left and of
those who stayed have the outcome that they keep, as most of the last periods took to have it, and once it is as full as
those before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import sqrt
from statistics import median
from typing import Any

from risk.dataset._absence import usual_step

COMPLETE = 0.95  # of the outcomes
FEWEST_LATE = 2  # periods from which on a lag is no single correction
CHANCE = 3.0  # standard errors
LAST = 12  # periods by which the others are judged
TOGETHER, ENOUGH = 10, 93  # days that are looked at as one, and after which it is usual that they are no fuller
MONTH = 31  # days
STEP = 1 << 20  # from one period to the next, as runs are counted within one
SHOWN = 2  # beside the outcomes 0 and 1: that the row is there


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
    """One period: the step at which it begins, those at which it was shown, and the first with some outcome.

    `known` counts clients by their outcome (0, 1; SHOWN is their row) and the step at which it was known.
    """

    born: int
    shown: set[int]
    first: int
    known: dict[int, Counter[int]] = field(default_factory=lambda: {SHOWN: Counter()})

    def was_shown(self, step: int, with_outcomes: bool) -> None:
        """Count in that the period was shown at a step."""
        self.shown.add(step)
        self.first = min(self.first, step) if with_outcomes else self.first

    def age(self, step: int) -> int:
        """How many steps after its rows: those that come while the period is the newest one are not late."""
        if step // STEP != self.born // STEP:
            return step - self.born
        return max(0, step - max(it for it in (self.born, *self.known[SHOWN]) if it // STEP == self.born // STEP))

    def took(self, latest: Mapping[int, int]) -> tuple[int, int]:
        """After how many steps the outcomes were complete, at the least and at the most.

        Those that came at once may have been known before. `latest` is the last step of the run of each.
        """
        whole = self.whole
        if whole > self.first:
            return self.age(whole), self.age(whole)
        alone = sum(latest[it] == latest[whole] for it in self.shown) == 1
        return 0, self.age(latest[whole] if alone else whole)

    @property
    def whole(self) -> int:
        """The step at which the outcomes were complete."""
        return max(_reached(counts) for outcome, counts in self.known.items() if outcome != SHOWN)

    @property
    def n_known(self) -> int:
        """How many of the clients have an outcome."""
        return sum(counts.total() for outcome, counts in self.known.items() if outcome != SHOWN)


def measured(periods: Mapping[str, Filling], latest: Mapping[int, int], now: int, least: int) -> Lag:
    """Return the lag at a step, of so many steps at the least; `latest` is the last step of the run of each."""
    took = {period: it.took(latest) for period, it in sorted(periods.items())}
    ages = {period: periods[period].age(now) for period in took}
    shows = _evidence({period: periods[period] for period in took})
    steps = least
    for steps in sorted({least, *(it for both in took.values() for it in both if it > least)}):
        old = [period for period in took if ages[period] > steps][-LAST:]
        longer = len({shows[period] for period in old if took[period][0] > steps})
        within = sum(took[period][1] <= steps for period in old)
        if longer < (FEWEST_LATE if steps == least else 1) or longer < within:
            break
    fillings = [periods[it] for it in took]
    filled = _filled(list(took), [it.n_known for it in fillings], [it.known[SHOWN].total() for it in fillings])
    whole = [period for place, period in enumerate(took) if ages[period] >= steps and place < filled]
    waiting = tuple(period for period in took if period not in whole)
    return Lag(steps, whole[-1], waiting) if waiting and whole else Lag(steps)


def _evidence(periods: Mapping[str, Filling]) -> dict[str, str | int]:
    """By what each period shows a lag: itself, or the period that was the newest one when its history was mended.

    Rows that had not been there before are of another team, say; and where the outcomes of the oldest period change as
    well, a history was sent again. Either counts once, of however many periods it is: what comes then was not found out
    then.
    """
    mended = next((it.whole // STEP for it in periods.values()), None)
    return {
        period: came if (came := it.whole // STEP) == mended or _reached(it.known[SHOWN]) == it.whole else period
        for period, it in periods.items()
    }


def _filled(periods: Sequence[str], n_known: Sequence[int], n_clients: Sequence[int]) -> int:
    """How many of the periods are as full as those before them, or have three months after them that are no fuller.

    Where outcomes are known of some clients by chance, a period may have as much fewer as chance makes of its clients.
    Days are looked at ten at a time: who is known early is a share of each that hardly changes from day to day.
    """
    step = usual_step(date.fromisoformat(it) for it in periods if len(it) > len("2026-11")) or MONTH
    size = max(1, round(TOGETHER / step))
    ends = list(range(len(periods), 0, -size))[::-1]
    starts = [0, *ends][: len(ends)]
    clients = [sum(n_clients[a:b]) for a, b in zip(starts, ends, strict=True)]
    shares = [sum(n_known[a:b]) / n for a, b, n in zip(starts, ends, clients, strict=True)]
    enough = max(3, round(ENOUGH / step / size))
    for place in reversed(range(1, len(shares))):
        usual, later = median(shares[max(0, place - LAST) : place]), shares[place + 1 :][:enough]
        least = COMPLETE * usual - CHANCE * sqrt(usual * (1 - usual) / clients[place])
        if shares[place] >= least or sum(it >= COMPLETE * shares[place] for it in later) == enough:
            return ends[place]
    return ends[0] if ends else 0


def _reached(known: Mapping[int, int]) -> int:
    """The step at which so many of these outcomes were known."""
    total = 0
    for step in sorted(known):
        total += known[step]
        if total >= COMPLETE * sum(known.values()):
            break
    return step


def move(known: dict[int, int], n_known: int, step: int) -> None:
    """Let so many of a source's outcomes have been known at a step."""
    missing = n_known - sum(n for at, n in known.items() if at <= step)
    for at in sorted(it for it in known if it > step):
        moved = max(0, min(missing, known[at]))
        known[at], missing = known[at] - moved, missing - moved
        known[step] = known.get(step, 0) + moved
