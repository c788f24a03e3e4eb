"""Checks for faulty feeds: a column stuck or blank, in other units, or under another one's name.

Where enough clients of the file are known, each is compared with its own newest row: neither another mix of clients nor
heavy tails look like a fault then. Else the file is compared with all reference rows as a cloud of points, and a fault
is named only if undoing it puts the file back into the cloud. Not found: exchanged columns that are nearly copies, or,
where no single client tells, look alike; without known clients, units that change in several columns at once or in a
file of other clients than before (such clients may exist); a stuck column that was nearly constant before.
Source: docs/explanation/statistics.md; trimmed means and their errors: Wilcox, Introduction to Robust Estimation, 3.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from risk.dataset._cloud import alike, changed_places, cloud, logarithms, thinned
from risk.modeling.metrics import Floats

FaultKind = Literal["constant", "zero-filled", "missing", "units", "swapped"]

MINIMUM = 200  # rows
ENOUGH_KNOWN = 50  # clients
STUCK_SHARE, USUAL_SHARE, FEW_VALUES = 0.99, 0.9, 12
ALIKE_ROWS, STUCK_P = 10, 1e-4  # rows of a file are alike: ten of them are counted as one
MISSING_NOW, MISSING_BEFORE = 0.9, 0.5
FACTORS = np.array([factor for power in (10.0, 100.0, 1000.0, 12.0) for factor in (power, 1 / power)])
# Of a logarithm. Business itself moves by some per cent, so the first is half way from 10 to 12; it may grow to the
# second where two and a half standard errors ask for it.
UNITS_TOLERANCE, WIDEST_TOLERANCE = 0.09, 0.35
CLEAR_ERRORS = 8.0  # how far from 1 the ratio must be
TRIMMED = 0.1
OTHER_SIZE = np.log(4)  # nearer medians are those of one feed


@dataclass(frozen=True)
class Figures:
    """The number columns of a file, or of the reference: the newest row of each client. NaN is missing."""

    clients: NDArray[Any]
    values: Mapping[str, Floats]


@dataclass(frozen=True)
class FeedFault:
    """What is wrong with which columns, and a sentence with the figures."""

    kind: FaultKind
    columns: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class _Comparison:
    """All rows of the file, and what is held against each other: row by row the same client where `known`."""

    names: tuple[str, ...]
    rows: Floats
    new: Floats
    old: Floats
    known: bool

    @property
    def whom(self) -> str:
        return f"{len(self.old):,} known clients" if self.known else f"{len(self.old):,} earlier rows"

    def without(self, faults: list[FeedFault]) -> _Comparison:
        faulty = {name for fault in faults for name in fault.columns}
        kept = [place for place, name in enumerate(self.names) if name not in faulty]
        names = tuple(self.names[place] for place in kept)
        return _Comparison(names, self.rows[:, kept], self.new[:, kept], self.old[:, kept], self.known)

    def medians(self, place: int) -> str:
        new, old = (_figure(float(np.nanmedian(side[:, place]))) for side in (self.new, self.old))
        return f"{new} instead of {old}"


def faults(file: Figures, reference: Figures) -> tuple[FeedFault, ...]:
    """What is wrong with a file; nothing for fewer rows than the minimum, or with too few rows to compare with.

    Columns that the reference lacks are not looked at. Of several rows of a client the last one counts as its newest.
    """
    comparison = _comparison(file, reference)
    if comparison is None:
        return ()
    named: list[FeedFault] = []
    for looking in (_missing, _stuck, _swapped, _units):
        named += looking(comparison.without(named))
    return tuple(named)


def comparable(file: Figures, reference: Figures) -> bool:
    """Whether there are rows enough to compare a file with a reference."""
    return _comparison(file, reference) is not None


def agree(file: Figures, reference: Figures, names: Sequence[str]) -> bool:
    """Whether columns of a file are about as large as in a reference, and as blank."""
    comparison = _comparison(file, reference)
    if comparison is None:
        return False
    places = [comparison.names.index(name) for name in names]
    sides = (np.nan_to_num(side[:, places]) for side in (comparison.new, comparison.old))  # 0 where most is missing
    new, old = (logarithms(np.median(side, axis=0)) for side in sides)
    return bool(np.all(np.abs(new - old) < OTHER_SIZE))


def _comparison(file: Figures, reference: Figures) -> _Comparison | None:
    names = tuple(name for name in file.values if name in reference.values)
    new, old = _places(file.clients, reference.clients)
    known = len(new) >= ENOUGH_KNOWN
    if not names or len(file.clients) < MINIMUM or (not known and len(reference.clients) < MINIMUM):
        return None
    rows, earlier = (np.column_stack([one.values[name] for name in names]) for one in (file, reference))
    pair = (rows[new], earlier[old]) if known else (rows, earlier)
    return _Comparison(names, rows, thinned(pair[0]), thinned(pair[1]), known)


def _places(clients: NDArray[Any], earlier: NDArray[Any]) -> tuple[list[int], list[int]]:
    """Return where the clients that are in both have their last row, here and there."""
    there = dict(zip(earlier.tolist(), range(len(earlier)), strict=True))
    here = dict(zip(clients.tolist(), range(len(clients)), strict=True))
    both = [(place, there[client]) for client, place in here.items() if client in there]
    return [new for new, _ in both], [old for _, old in both]


# --- a column is blank or stuck ---------------------------------------------------------------------------------------


def _missing(comparison: _Comparison) -> Iterator[FeedFault]:
    now, before = (np.isnan(side).mean(axis=0) for side in (comparison.rows, comparison.old))
    for place in np.flatnonzero((now >= MISSING_NOW) & (before <= MISSING_BEFORE)):
        n_rows, name = len(comparison.rows), comparison.names[place]
        figures = f"{name} is missing in {round(now[place] * n_rows):,} of {n_rows:,} rows"
        yield FeedFault("missing", (name,), f"{figures}; before, in {100 * before[place]:.1f} % of {comparison.whom}")


def _stuck(comparison: _Comparison) -> Iterator[FeedFault]:
    for place, name in enumerate(comparison.names):
        new, old = _present(comparison.rows[:, place]), _present(comparison.old[:, place])
        if min(len(new), len(old)) < ENOUGH_KNOWN or _share(new, value := float(np.median(new))) < STUCK_SHARE:
            continue
        before = _share(old, value)
        chance = ((before * len(old) + 1) / (len(old) + 1)) ** (len(new) / ALIKE_ROWS)
        # A figure of a whole file, such as a rate of interest, is constant in each and has few values in the reference.
        varied = value == 0 or comparison.known or len(np.unique(old)) > FEW_VALUES
        if chance < STUCK_P and not _usual(old) and varied:
            figures = f"{name} is {_figure(value)} in {np.sum(new == value):,} of {len(comparison.rows):,} rows"
            sentence = f"{figures}; before, in {100 * before:.1f} % of {comparison.whom}"
            yield FeedFault("constant" if value else "zero-filled", (name,), sentence)


def _present(values: Floats) -> Floats:
    return values[~np.isnan(values)]


def _share(values: Floats, value: float) -> float:
    return float(np.mean(values == value))


def _usual(values: Floats) -> bool:
    """Whether a column was nearly constant."""
    return _share(values, float(np.median(values))) >= USUAL_SHARE


# --- columns have changed places --------------------------------------------------------------------------------------


def _swapped(comparison: _Comparison) -> Iterator[FeedFault]:
    pairs = changed_places(comparison.new, comparison.old, comparison.known)
    taken: set[int] = set()
    for _, first, second in pairs:
        if not taken & {first, second}:
            taken |= {first, second}
            names = comparison.names[first], comparison.names[second]
            medians = [f"the median of {comparison.names[one]} is {comparison.medians(one)}" for one in (first, second)]
            figures = f"{medians[0]}, {medians[1]}, beside {comparison.whom}"
            yield FeedFault("swapped", names, f"{names[0]} and {names[1]} have changed places: {figures}")


# --- a column is in other units ---------------------------------------------------------------------------------------


def _units(comparison: _Comparison) -> Iterator[FeedFault]:
    for place, name in enumerate(comparison.names):
        factor = _factor(*_ratio(comparison.new[:, place], comparison.old[:, place], comparison.known))
        if factor and not _usual(_present(comparison.old[:, place])):
            if not comparison.known and not _undone(comparison, place, factor):
                continue
            times = f"{factor:,.0f} times" if factor > 1 else f"1/{1 / factor:,.0f} of"
            figures = f"{'for' if comparison.known else 'in'} {comparison.whom} (median {comparison.medians(place)})"
            yield FeedFault("units", (name,), f"{name} is about {times} what it was {figures}")


def _ratio(new: Floats, old: Floats, known: bool) -> tuple[float, float]:
    """The logarithm of the ratio of new to old figures, and its standard error; zeros are left out."""
    if known:
        both = np.nan_to_num(new * old) > 0
        return _trimmed_mean(np.log(new[both] / old[both]))
    sizes = (np.abs(side[np.nan_to_num(side) != 0]) for side in (new, old))
    (here, error), (there, other) = (_trimmed_mean(np.log(size)) for size in sizes)
    return here - there, float(np.hypot(error, other))


def _trimmed_mean(values: Floats) -> tuple[float, float]:
    cut = int(TRIMMED * len(values))
    if len(values) < ENOUGH_KNOWN:
        return 0.0, np.inf
    ordered = np.sort(values)
    error = np.clip(values, ordered[cut], ordered[-1 - cut]).std() / (1 - 2 * TRIMMED) / np.sqrt(len(values))
    return float(ordered[cut : len(values) - cut].mean()), float(error)


def _factor(shift: float, error: float) -> float:
    """The change of units that a ratio shows; 0 for none."""
    nearest = FACTORS[np.argmin(np.abs(np.log(FACTORS) - shift))]
    tolerance = max(UNITS_TOLERANCE, min(2.5 * error, WIDEST_TOLERANCE))
    shown = abs(np.log(nearest) - shift) <= tolerance and abs(shift) >= CLEAR_ERRORS * error
    return float(nearest) if shown else 0.0


def _undone(comparison: _Comparison, place: int, factor: float) -> bool:
    """Whether the file without the change of units looks like the reference: in the column alone, and in all."""
    rows, factors = comparison.new, np.ones(len(comparison.names))
    factors[place] = factor
    if not alike(comparison.new[:, place] / factor, comparison.old[:, place]):
        return False
    around = cloud(logarithms(comparison.old))
    return around.takes_back(logarithms(rows), logarithms(rows / factors), 2)


def _figure(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 100 or figure == round(figure) else f"{figure:.3g}"
