"""The calls that the made-up team makes, and what comes of them: a part of the hidden truth.

Each month the team calls the clients whose last month was lowest against their usual one (lastyear_activity / 12), as
people judge that: the logarithm of the ratio, plus a normal error of 0.5. Of those called 70 % are reached. Of those
reached who would leave, 30 % stay for the call: they are saved. Nobody else's outcome is changed by a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ERROR, REACHED, SAVED = 0.5, 0.7, 0.3
LAST_DAY = 20  # of the month after the snapshot: calls are made in its first weeks
NOTES = ("", "", "", "asked for a discount", "has a new contact person", "talks to another supplier", "call again")


@dataclass(frozen=True)
class MonthOfCalls:
    """One entry per call: the place of the client, the day of the month after the snapshot, and what came of it."""

    place: NDArray[np.int64]
    day: NDArray[np.int64]
    result: list[str]
    opinion: list[str]
    note: list[str]
    saved: NDArray[np.bool_]

    def csv_lines(self, clients: NDArray[np.str_], month: str) -> list[str]:
        """The line of each call made in a month, by day and client."""
        told = zip(clients[self.place].tolist(), self.day.tolist(), self.result, self.opinion, self.note, strict=True)
        ordered = sorted(told, key=lambda it: (it[1], it[0]))
        return [f"{client},{month}-{day:02d},{','.join(words)}\n" for client, day, *words in ordered]


def calls(
    n: int, draw: np.random.Generator, lastmonth: Floats, lastyear: NDArray[Any], leaving: NDArray[np.bool_]
) -> MonthOfCalls:
    """The n calls of a month in which these clients would leave without them."""
    error, chance = draw.standard_normal(len(leaving)), draw.random((len(leaving), 6))
    usual = lastyear / 12
    fall = np.log1p(np.where(np.isnan(lastmonth), usual, lastmonth)) - np.log1p(usual) + ERROR * error
    place = np.sort(np.argsort(fall, kind="stable")[:n])
    chance = chance[place]
    reached, leaves = chance[:, 0] < REACHED, leaving[place]
    saved = reached & leaves & (chance[:, 1] < SAVED)
    after = (leaves & ~saved).tolist()
    rows = list(zip(reached.tolist(), saved.tolist(), after, chance.tolist(), strict=True))
    return MonthOfCalls(
        place,
        1 + (LAST_DAY * chance[:, 2]).astype(np.int64),
        [_result(reached, saved, left, chance[3]) for reached, saved, left, chance in rows],
        [_opinion(left, chance[4]) if reached else "" for reached, _, left, chance in rows],
        [NOTES[int(len(NOTES) * chance[5])] if reached else "" for reached, _, _, chance in rows],
        saved,
    )


def _result(reached: bool, saved: bool, left: bool, chance: float) -> str:
    """What the caller writes down: those who are saved stay; of the others half are plain."""
    if not reached:
        return "not reached"
    if saved or chance < 0.5:
        return "leaving" if left else "stays"
    return "undecided" if left == (chance < 0.8) else "reached"


def _opinion(left: bool, chance: float) -> str:
    """The caller's own verdict: four in ten have none, and of those who have one seven in ten are right."""
    if chance < 0.4:
        return ""
    if chance < 0.5:
        return "unsure"
    return "leaves" if left == (chance < 0.85) else "stays"
