"""What a source showed before its newest content took its place: numbers alone, by which its lag can be measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

MOST_PERIODS = 24  # the newest ones that are looked at
MOST_GONE = 100  # contents of one source: a file may be sent again every ten minutes for years
Outcomes = Mapping[str, list[int]]  # by period: of how many rows was known that the client stayed, that it left


@dataclass(frozen=True)
class GoneContent:
    """A content that is gone: the run that took it in, its newest period, and the outcomes that it held.

    Left out are periods of which it held as many outcomes as the one before it.
    """

    run: int
    newest: str
    outcomes: Outcomes


def with_gone(known: Iterable[GoneContent], gone: GoneContent) -> tuple[GoneContent, ...]:
    """These contents with one more that is gone; of each the newest periods alone, of very many two as the later."""
    oldest = min(sorted(gone.outcomes)[-MOST_PERIODS:], default="")
    kept, last = list[GoneContent](), dict[str, list[int]]()
    for it in (*known, gone):
        recent = {period: n for period, n in it.outcomes.items() if period >= oldest}
        if changed := {period: n for period, n in sorted(recent.items()) if last.get(period) != n}:
            kept.append(replace(it, outcomes=changed))
        last |= recent
    if len(kept) > MOST_GONE:
        pairs, rest = zip(kept[::2], kept[1::2], strict=False), kept[len(kept) // 2 * 2 :]
        kept = [replace(b, outcomes=dict(sorted({**a.outcomes, **b.outcomes}.items()))) for a, b in pairs] + rest
    return tuple(kept)
