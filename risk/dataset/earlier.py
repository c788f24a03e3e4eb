"""What a source showed before its newest content took its place: numbers alone, by which its lag can be measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise

MOST_PERIODS = 24  # the newest ones that are looked at
MOST_DAYS = 184  # and all within so many, where periods are days
MOST_GONE = 100  # contents of one source: a file may be sent again every ten minutes for years
Outcomes = Mapping[str, list[int]]  # by period: rows whose client is known to have stayed, to have left, and all rows


@dataclass(frozen=True)
class GoneContent:
    """A content that is gone: the run that took it in, its newest period, and the outcomes that it held.

    Left out are periods of which it held as many outcomes as the one before it.
    """

    run: int
    newest: str
    outcomes: Outcomes


def recent(periods: Iterable[str]) -> list[str]:
    """Return the newest of these periods, in order."""
    found = sorted(set(periods))
    last = found[-1] if found else ""
    dated = len(last) > len("2026-11")
    oldest = (date.fromisoformat(last) - timedelta(MOST_DAYS)).isoformat() if dated else last
    return [it for place, it in enumerate(found) if it >= oldest or place >= len(found) - MOST_PERIODS]


def with_gone(known: Sequence[GoneContent], gone: GoneContent) -> tuple[GoneContent, ...]:
    """Return these contents with one more that is gone; of each the newest periods alone, of very many only some."""
    oldest = min(recent(period for it in (*known, gone) for period in it.outcomes), default="")
    kept, last = list[GoneContent](), dict[str, list[int]]()
    for it in (*known, gone):
        newest = {period: n for period, n in it.outcomes.items() if period >= oldest}
        if changed := {period: n for period, n in sorted(newest.items()) if last.get(period) != n}:
            kept.append(replace(it, outcomes=changed))
        last |= newest
    return tuple(_thinned(kept) if len(kept) > MOST_GONE else kept)


def _thinned(kept: Iterable[GoneContent]) -> list[GoneContent]:
    """Every two neighbours as the later one: those of one newest period, as far as there are any."""
    kept = list(kept)
    some = any(a.newest == b.newest for a, b in pairwise(kept))
    thinned, alone = kept[:1], True
    for it in kept[1:]:
        alone = not (alone and (it.newest == thinned[-1].newest or not some))
        if alone:
            thinned.append(it)
        else:
            thinned[-1] = replace(it, outcomes=dict(sorted({**thinned[-1].outcomes, **it.outcomes}.items())))
    return thinned
