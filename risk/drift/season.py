"""Levels of the share of leavers by period, beside a model's risks: does one come back that was there before?

A level is what added to the log-odds of a model's risks makes them right for some periods. Where levels have risen and
fallen again, as with the seasons, one that lies within those seen before is no news.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from risk.modeling.metrics import Array, Codes, Floats, Marks, log_odds

SURE = 3.0  # standard errors from which one level differs from another
FEWEST, FEWEST_ROWS = 3, 30  # periods from which a rise and a fall can be told; rows from which a period has a level
YEAR, NEWTON_STEPS, UNEVEN_P = 12, 12, 0.01
PRIOR = 0.25  # the precision of a level before anything is known of it


@dataclass(frozen=True)
class History:
    """Labelled rows by period with honest risks of the live model, one array entry per row."""

    periods: Array
    labels: Floats
    risks: Floats

    @property
    def as_one(self) -> History:
        """The same rows as one period."""
        return History(np.full(len(self.periods), max(self.periods.tolist(), default="")), self.labels, self.risks)

    def among(self, rows: Marks) -> History:
        """Those of some rows."""
        return History(self.periods[rows], self.labels[rows], self.risks[rows])


@dataclass(frozen=True)
class Level:
    """The level of some periods, from `first` to `last`, its variance, the share who left, and the one stated."""

    first: str
    last: str
    offset: float
    variance: float
    share: float
    stated: float

    def above(self, other: Level) -> float:
        """By how many standard errors it lies above another."""
        return (self.offset - other.offset) / float(np.sqrt(self.variance + other.variance))


def levels(history: History, width: int = 1) -> list[Level]:
    """The level of each `width` consecutive periods, in order. Periods of too few rows say nothing and are left out."""
    names, place, sizes = np.unique(history.periods.astype(str), return_inverse=True, return_counts=True)
    told, found = np.flatnonzero(sizes >= FEWEST_ROWS), []
    for start in range(len(told) - width + 1):
        inside = history.among(np.isin(place, told[start : start + width]))
        (offset,), (variance,) = _offsets(inside, np.zeros(len(inside.labels), dtype=np.int64))
        first, last = (str(names[told[it]]) for it in (start, start + width - 1))
        shares = (float(it.mean()) for it in (inside.labels, inside.risks))
        found.append(Level(first, last, offset, variance, *shares))
    return found


def _offsets(history: History, place: Codes) -> tuple[list[float], list[float]]:
    """What added to the log-odds of each group's risks makes them right, and its variance, by Newton's steps."""
    odds = log_odds(history.risks)
    level: Floats = np.zeros(int(place.max(initial=-1)) + 1)
    steepness: Floats = np.zeros(len(level))
    for _ in range(NEWTON_STEPS):
        risks = 1 / (1 + np.exp(-(odds + level[place])))
        missing = np.bincount(place, history.labels - risks) - PRIOR * level
        steepness = np.asarray(np.bincount(place, risks * (1 - risks)) + PRIOR, dtype=np.float64)
        level = level + np.clip(missing / steepness, -1, 1)
    return level.tolist(), (1 / steepness).tolist()


def last_period(history: History) -> str | None:
    """The last period of which there are enough rows."""
    return next((it.last for it in reversed(levels(history))), None)


def familiar(now: History, past: History) -> Level | None:
    """The level before that is most like that of `now` and has gone since; None where none is.

    Levels of as many periods are compared. Of `past` only periods before those of now count, and these must have risen
    and fallen.
    """
    past = past.among(past.periods.astype(str) < min(now.periods.astype(str).tolist()))
    width = len(set(now.periods.tolist()))
    single, known = levels(past), levels(past, width)
    known = [it for it in known if any(one.first > it.last and abs(one.above(it)) > SURE for one in single)]
    if len(single) < FEWEST or not known or not _swings(single):
        return None
    lowest, highest = (pick(known, key=lambda it: it.offset) for pick in (min, max))
    level = next(iter(levels(now.as_one)), None)
    if level is None or level.above(highest) > SURE or lowest.above(level) > SURE:
        return None
    return min(known, key=lambda it: abs(it.offset - level.offset))


def moved(risks: Floats, level: float) -> Floats:
    """The risks with their log-odds moved by a level."""
    return np.asarray(1 / (1 + np.exp(-(log_odds(risks) + level)))) if level else risks


def levelled(history: History) -> Floats:
    """The risks with the level of each period set right, the order within a period as it was."""
    _, place = np.unique(history.periods.astype(str), return_inverse=True)
    offsets, _ = _offsets(history, place)
    return np.asarray(1 / (1 + np.exp(-(log_odds(history.risks) + np.array(offsets)[place]))))


def _swings(found: Sequence[Level]) -> bool:
    """Whether levels have both risen and fallen, surely."""
    pairs = [(one, other) for place, one in enumerate(found) for other in found[place + 1 :]]
    return any(b.above(a) > SURE for a, b in pairs) and any(a.above(b) > SURE for a, b in pairs)


@dataclass(frozen=True)
class Forecast:
    """The level that comes next beside a model's risks, and its standard deviation; both 0 where all was chance."""

    level: float = 0.0
    deviation: float = 0.0
    calendar: bool = False


def forecast(past: History, ahead: int = 1) -> Forecast:
    """The level `ahead` periods after the last: as it was last, or by the month of the year where that has told better.

    The calendar competes from two years of months on, where a period is a month. Both are asked of each past period by
    those before it.
    """
    found = levels(past)
    if len(found) < 2 or not _uneven(found):
        return Forecast()
    months = {it.last[:7] for it in found if _month(it.last)}
    ways = [_as_last] + ([_by_month] if len(found) == len(months) >= 2 * YEAR else [])
    told = []
    for way in ways:
        first = YEAR if way is _by_month else 1
        errors = [found[it + ahead - 1].offset - way(found[:it], ahead) for it in range(first, len(found) - ahead + 1)]
        told.append((_spread(errors), way))
    deviation, best = min(told, key=lambda it: it[0])
    return Forecast(best(found, ahead), deviation, best is _by_month)


def _spread(errors: Sequence[float]) -> float:
    """The root mean square of errors, larger for few, as the quantiles of t are; 1 of none."""
    n_errors = len(errors)
    return float(np.sqrt(np.mean(np.square(errors)))) * (n_errors + 2) / n_errors if n_errors else 1.0


def _as_last(known: Sequence[Level], ahead: int) -> float:
    return known[-1].offset


def _by_month(known: Sequence[Level], ahead: int) -> float:
    """One wave a year, fitted by least squares and shrunk a little to none."""
    months = np.array([_month(it.last) for it in known] + [(_month(known[-1].last) + ahead - 1) % YEAR + 1])
    turn = 2 * np.pi * months / YEAR
    waves = np.column_stack([np.ones(len(turn)), np.sin(turn), np.cos(turn)])
    weights, offsets = (np.array(it) for it in zip(*((1 / it.variance, it.offset) for it in known), strict=True))
    square = (waves[:-1] * weights[:, None]).T @ waves[:-1] + np.diag([1e-6, 1.0, 1.0])
    return float(waves[-1] @ np.linalg.solve(square, waves[:-1].T @ (weights * offsets)))


def _month(period: str) -> int:
    """The month of the year of an ISO month or day; 0 where it is none."""
    found = re.match(r"\d{4}-(0[1-9]|1[0-2])", period)
    return int(found[1]) if found else 0


def _uneven(found: Sequence[Level]) -> bool:
    """Whether levels differ by more than chance. Source: DerSimonian and Laird, Controlled Clinical Trials 7 (1986)."""
    from scipy.special import chdtrc  # here, for its import costs more than the rest of this module

    offsets, weights = np.array([it.offset for it in found]), 1 / np.array([it.variance for it in found])
    mean = float(weights @ offsets / weights.sum())
    return bool(chdtrc(len(found) - 1, float(weights @ (offsets - mean) ** 2)) < UNEVEN_P)
