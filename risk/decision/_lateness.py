"""Which sources come too late to tell of the present: they are taken in, warned about, and are no look.

What is late is asked of many rows: neither a mistyped period nor a small file or a copy puts later ones in the past.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from risk.dataset.inbox import natural
from risk.dataset.manifest import Entry

ENOUGH = 200  # labelled rows by which a point in time is known
MOST_ASTRAY = 0.25  # of the sources that came one after the other: with more, their names do not follow time


def reached(rows: Iterable[tuple[Any, int]]) -> Any:
    """Return the latest point, of (point, labelled rows), that enough rows have reached; None where there are fewer."""
    total = 0
    for point, n_rows in sorted(rows, reverse=True):
        total += n_rows
        if total >= ENOUGH:
            return point
    return None


def late_by_period(fresh: Sequence[Entry], until: str | None) -> list[str]:
    """Return the sources of which no row is of the period that was reached, or of a later one.

    One whose rows all lie in the future tells of no other time than the present.
    """
    return [entry.path for entry in fresh if until and "" < entry.last_period < until]


def late_by_name(fresh: Sequence[Entry], known: Sequence[Entry]) -> list[str]:
    """Return the sources whose names sort before the last one that enough rows of the known sources have reached.

    Where the known names do not sort as they came, they tell nothing of time and no source is late.
    """
    until = reached((natural(entry.path), _new_rows(entry)) for entry in known)
    if until is None or not _follow_time(known):
        return []
    return [entry.path for entry in fresh if natural(entry.path) < until]


def _new_rows(entry: Entry) -> int:
    """Return how many labelled rows the source has brought: a copy has none."""
    return sum(min(content.n_given, content.n_labelled) for content in entry.contents)


def _follow_time(known: Sequence[Entry]) -> bool:
    """Return whether sources of enough rows came in the order of their names, but for a few."""
    told = sorted((entry.judged_run, natural(entry.path)) for entry in known if _new_rows(entry) >= ENOUGH)
    latest: Any = None
    later = astray = 0
    for _, some in groupby(told, key=lambda it: it[0]):
        names = [name for _, name in some]
        if latest is not None:
            later, astray = later + len(names), astray + sum(name < latest for name in names)
        latest = max(names) if latest is None else max(latest, *names)
    return astray <= MOST_ASTRAY * later
