"""Sets of fingerprints as sorted arrays without repeats: their union, their twins, who is in which.

A fingerprint is 62 bits of the hash of a row without its target, then two bits for its outcome: 0 stayed, 1 left, 2
not known. So twins, the rows that differ in nothing but the outcome, are neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Prints = NDArray[np.uint64]

OPEN = np.uint64(2)  # the outcome of an unlabelled row
OUTCOME, TWINS = np.uint64(3), np.uint64(2**64 - 4)
NONE: Prints = np.zeros(0, dtype=np.uint64)


def as_set(prints: Prints) -> Prints:
    """Return fingerprints in any order as a set."""
    found: Prints = np.sort(prints)
    return found[np.concatenate([[True], found[1:] != found[:-1]])] if len(found) else found


def union(sets: Sequence[Prints]) -> Prints:
    """Return what is in any of the sets."""
    filled = [one for one in sets if len(one)]
    return filled[0] if len(filled) == 1 else as_set(np.concatenate([NONE, *filled]))


def places(prints: Prints, among: Prints) -> NDArray[np.int64]:
    """Return where each fingerprint stands in a set, or -1 where it is not in it."""
    if not len(among) or not len(prints):
        return np.full(len(prints), -1)
    at = np.searchsorted(among, prints)
    at[at == len(among)] = 0
    found: NDArray[np.int64] = np.where(among[at] == prints, at, -1)
    return found


def twins(prints: Prints, sets: Sequence[Prints]) -> Prints:
    """Return what the sets hold of the fingerprints' rows, whatever the outcome."""
    filled, found = [one for one in sets if len(one)], [NONE]
    rows = as_set(prints & TWINS) if filled else NONE
    for one in filled:
        first = np.searchsorted(one, rows)
        for step in range(int(OPEN) + 1):
            at = np.minimum(first + step, len(one) - 1)
            found.append(one[at][(one[at] & TWINS == rows) & (first + step < len(one))])
    return union(found)


def survivors(prints: Prints) -> Prints:
    """Return the set without the unlabelled rows that have a labelled twin."""
    if not len(prints):
        return prints
    at = np.flatnonzero(prints & OUTCOME == OPEN)
    doubtful = at[at > 0]
    return np.delete(prints, doubtful[(prints[doubtful] ^ prints[doubtful - 1]) <= OUTCOME])


def n_labelled(prints: Prints) -> int:
    """Return how many of the fingerprints bear an outcome."""
    return int(np.count_nonzero(prints & OUTCOME != OPEN))


def in_ranges(groups: Sequence[Sequence[Prints]], at_once: int) -> Iterator[list[list[Prints]]]:
    """Yield the groups of sets cut into ranges, such that the first and the last group have about `at_once` in each."""
    n_prints = sum(len(one) for group in (groups[0], groups[-1]) for one in group)
    n_ranges = n_prints // at_once + 1
    bounds = [(number << 64) // n_ranges & ~3 for number in range(n_ranges)]
    for number, low in enumerate(bounds):
        high = bounds[number + 1] if number + 1 < n_ranges else None
        yield [[_between(one, low, high) for one in group] for group in groups]


def _between(one: Prints, low: int, high: int | None) -> Prints:
    first = np.searchsorted(one, np.uint64(low))
    last = len(one) if high is None else np.searchsorted(one, np.uint64(high))
    return one[first:last]
