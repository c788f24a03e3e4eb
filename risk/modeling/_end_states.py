"""End states: the one value of a number that stands there because a client has left, such as no months that remain.

A third of one outcome hold it and hardly any of the other, and the values beside it are not nearly so telling. An
honest number has no such step: who has few months left leaves nearly as often as who has none.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from risk.modeling.metrics import Array, Codes, Floats, Marks

BLANK = 0  # the code of a missing value
FEWEST_VALUES = 4  # of a number that has values beside one another; a mark has none
SHARE, FEWEST = 1 / 3, 30  # of the clients of an outcome are in the state
TIMES = 25  # as frequent among these as among the others; that it is less is refused at CHANCE
STEP = 10  # times the odds of the values beside it
BESIDE = 100  # rows on either side, and fewer than FEWEST are no side
CHANCE = 1e-3


@dataclass(frozen=True)
class KnownOutcomes:
    """The labelled rows, one entry per row: 1 for who left, the number of the client, the fold."""

    left: Floats
    client: Codes
    fold: Codes

    @functools.cached_property
    def totals(self) -> tuple[int, int, int]:
        """How many clients stayed, left, and are known in all."""
        return self.clients(self.left == 0), self.clients(self.left == 1), int(self.client.max(initial=-1)) + 1

    def clients(self, rows: Marks) -> int:
        """Return how many clients the marked rows are of."""
        return int(np.count_nonzero(np.bincount(self.client, rows)))


@dataclass(frozen=True)
class EndState:
    """A value, or all others (`is_other`), that clients of one outcome share; how many of either outcome do."""

    code: int
    is_other: bool
    outcome: int
    n_these: int
    n_others: int


def end_state(here: Codes, there: Codes, levels: Array, rows: KnownOutcomes) -> EndState | None:
    """The end state of a number, the most frequent of several, or None.

    `here` and `there` are the codes of labelled and of current rows; `levels` the values of the codes from 1 on.
    """
    if len(levels) < FEWEST_VALUES or min(rows.totals[:2]) < FEWEST:
        return None
    found = [it for it in _candidates(here, rows) if _is_rare(it, rows) and not _is_current(it, here, there)]
    found = [it for it in found if _is_step(it, here, levels, rows.left == it.outcome)]
    return max(found, key=lambda it: (it.n_these, -it.code), default=None)


def _candidates(here: Codes, rows: KnownOutcomes) -> Iterator[EndState]:
    counts = [np.bincount(here, rows.left == it, int(here.max()) + 1) for it in (0, 1)]
    frequent = np.flatnonzero(np.max([n / n.sum() for n in counts], axis=0) >= SHARE / 2)
    for code in map(int, frequent):
        for is_other in (False, True):
            held = (here == code) != is_other
            of = [rows.clients(held & (rows.left == outcome)) for outcome in (0, 1)]
            for outcome in (1, 0):
                if of[outcome] >= max(SHARE * rows.totals[outcome], FEWEST):
                    yield EndState(code, is_other, outcome, of[outcome], of[1 - outcome])


def _is_rare(state: EndState, rows: KnownOutcomes) -> bool:
    """Whether it is not by chance that it seems TIMES rarer among the others."""
    odds = TIMES * rows.totals[state.outcome] / rows.totals[1 - state.outcome]
    return _at_most(state.n_others, state.n_these + state.n_others, 1 / odds) <= CHANCE


def _is_current(state: EndState, here: Codes, there: Codes) -> bool:
    """Whether current clients have it nearly as often as all who are known: then they had it before they left."""
    known, current = (np.mean((it == state.code) != state.is_other) if len(it) else 0.0 for it in (here, there))
    return bool(current > known / 2)


def _is_step(state: EndState, here: Codes, levels: Array, these: Marks) -> bool:
    """Whether the odds of its outcome are more than STEP times those of the values next to it, on each side."""
    n_rows = np.bincount(here, minlength=len(levels) + 1)
    n_these = np.bincount(here, these, minlength=len(levels) + 1)
    if state.code == BLANK:
        sides = [np.arange(1, len(levels) + 1)]
    else:
        order = np.argsort(levels.astype(np.float64)) + 1
        place = int(np.flatnonzero(order == state.code)[0])
        sides = [order[:place][::-1], order[place + 1 :]]  # of each the nearest codes that hold BESIDE rows together
        sides = [side[: int(np.searchsorted(np.cumsum(n_rows[side]), BESIDE)) + 1] for side in sides]
    own = (n_these[state.code] + 0.5) / (n_rows[state.code] - n_these[state.code] + 0.5)
    beside = [(n_these[side].sum(), n_rows[side].sum()) for side in sides if n_rows[side].sum() >= FEWEST]
    if state.is_other:
        own, beside = 1 / own, [(n - k, n) for k, n in beside]
    return bool(beside) and all(_at_most(k, n, own / STEP) <= CHANCE for k, n in beside)


def _at_most(k: float, n: float, odds: float) -> float:
    """Return the chance that at most k of n are so, each with these odds."""
    from scipy.special import bdtr  # here, for its import costs more than the rest of this module

    return float(bdtr(k, n, odds / (1 + odds)))
