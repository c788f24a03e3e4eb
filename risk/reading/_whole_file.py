"""Rows that only the whole file disproves: opposite outcomes of a client and period, a last line of sums.

Pure: no files. A first reading leaves a suspicion; where there is one, the file is read once more, exactly, with it.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from risk.reading.dialect import NUMBER
from risk.reading.refusals import SHOWN, Refusal
from risk.settings.schema import Schema

FEWEST = 3  # rows before a total
LAST = 5  # lines at the end of a file that may be totals
CHANCE = 1e-4  # below it, that figures are sums is no chance
ROUNDING = 1e-9  # of a sum that another program computed
SLACK = 1e-6  # of a sum that is not exact
NAMED = 3  # lines
NO_TOTAL = "the row of a client (format.skip_footer leaves out lines at the end)"
LONGEST = 40  # characters of a number in a sum
THOUSANDS = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}")  # a sum may be written with a dot in it, as 24.530

ClientPeriod = tuple[str, str]  # client and period
Ends = tuple[float, float, int, float] | None  # the lowest and highest number of a column, how many, their sum
Tail = Sequence[tuple[int, Sequence[str], bool]]  # the last lines: number, texts in schema order, whether accepted
Read = tuple[int, int, Tail]  # how many rows were accepted and refused, and the last of them


@dataclass
class Before:
    """The rows before a line, column by column: how many figures, their sum, the largest.

    `slack` is the share by which a sum may be wrong; where rows are `unknown`, sums may be larger, means different.
    """

    schema: Schema
    rows: int = 0
    figures: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    sums: dict[int, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    largest: dict[int, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    slack: float = 0.0
    unknown: bool = False

    def add(self, fields: Sequence[str], sign: int = 1) -> None:
        self.rows += sign
        for index, number in self._figures(fields):
            self.figures[index] += sign
            self.sums[index] += sign * number
            if not self.slack:
                self.largest[index] = max(self.largest[index], number, key=abs)

    def totals(self, tail: Tail) -> set[int]:
        """Return which of the last lines are no clients: the most at the end that the rows before them explain.

        A line without a figure, as a remark, is passed over.
        """
        tail = [it for it in tail if any(numbers(self.schema, it[1]))]
        for place, (_, fields, _) in enumerate(tail):
            if self.rows >= FEWEST and self._explain([it for _, it, _ in tail[place:]]):
                return {line for line, _, _ in tail[place:]}
            self.add(fields)
        return set()

    def _explain(self, lines: Sequence[Sequence[str]]) -> bool:
        """Whether each line has the sums, or means, of the rows; others before a sum must make it up as its groups."""
        chances = [self._chance(fields, is_first=place == 0) for place, fields in enumerate(lines)]
        sums = [place for place, chance in enumerate(chances) if chance is not None and chance < CHANCE]
        groups = [place for place, chance in enumerate(chances) if chance is None]
        if not sums or not groups:
            return bool(sums)
        return groups[-1] < sums[-1] and self._make_up([lines[it] for it in groups], lines[sums[-1]])

    def _chance(self, fields: Sequence[str], is_first: bool) -> float | None:
        """The probability that each figure is a sum, a mean or the number of rows by chance; None where one is not.

        A sum of lines among which a total, or its groups, stand already is twice as large.
        """
        chance, is_any, filled = 1 / max(self.rows, 1), False, list(numbers(self.schema, fields))
        for index, text in filled:
            if not NUMBER.fullmatch(text) or len(text) > LONGEST:
                return None
            readings, total = _readings(text), self.sums[index]
            unit = next((unit for it, unit in readings if self._is_sum(index, it, unit, is_first)), None)
            if unit:
                others = abs(total - self.largest[index])  # a sum of one figure alone would be a copy of it
                chance, is_any = chance / max(1.0, float(others / unit)), is_any or others > 0
            elif not any(it in (self.rows, self.rows + 1) or self._is_mean(index, it, unit) for it, unit in readings):
                return None
        return (chance if is_any else 1.0) if filled else None

    def _is_sum(self, index: int, number: Fraction, unit: Fraction, is_first: bool) -> bool:
        total = self.sums[index]
        sums = (total,) if is_first else (total, 2 * total)
        if self.unknown and abs(number) >= abs(total) * (1 - Fraction(self.slack)):
            return True
        return any(abs(number - it) <= unit / 2 + self._rounding(it) for it in sums)

    def _is_mean(self, index: int, number: Fraction, unit: Fraction) -> bool:
        n, total = self.figures[index], self.sums[index]
        return self.unknown or (n > 0 and abs(number * n - total) <= unit * n / 2 + self._rounding(total))

    def _rounding(self, total: Fraction) -> Fraction:
        exact = abs(total) * Fraction(1e-14 if total.denominator == 1 else ROUNDING)
        return exact + (abs(total) + 1) * Fraction(self.slack)

    def _make_up(self, groups: Sequence[Sequence[str]], total: Sequence[str]) -> bool:
        """Whether the figures of some lines, each with one at least, add up to the sums that a total has."""
        figures = [dict(self._figures(fields)) for fields in groups]
        for index, text in numbers(self.schema, total):
            unit = next((unit for it, unit in _readings(text) if self._is_sum(index, it, unit, False)), None)
            added = sum((it.get(index, Fraction()) for it in figures), Fraction())
            if unit and not self._is_sum(index, added, unit * len(figures), True):
                return False
        return all(any(it.values()) for it in figures)

    def _figures(self, fields: Sequence[str]) -> Iterable[tuple[int, Fraction]]:
        for index, text in numbers(self.schema, fields):
            if NUMBER.fullmatch(text) and len(text) <= LONGEST:
                yield index, Fraction(text)


@dataclass
class Suspicion:
    """The question that a first reading leaves for a second one, which sums up the rows as they come again.

    It holds clients and periods with opposite outcomes, and the last lines where some may be totals.
    """

    schema: Schema
    opposite: Collection[ClientPeriod]
    tail: Tail
    _before: Before = field(init=False)
    _totals: set[int] = field(default_factory=set)
    _keys: dict[int, ClientPeriod] = field(default_factory=dict)  # of refused lines
    _lines: dict[tuple[ClientPeriod, bool], list[int]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self._before = Before(self.schema)

    def judged(self, line: int, fields: Sequence[str], row: list[str] | Refusal) -> list[str] | Refusal:
        """A row as it is, or why it is refused in this file; `fields` are its texts in schema order."""
        if self.tail and line == self.tail[0][0]:
            self._totals = self._before.totals(self.tail)
        elif self.tail and line < self.tail[0][0]:
            self._before.add(fields)
        if line in self._totals:
            reason = "is a total: its figures are the sums of the rows before"
            return Refusal(line, self.schema.client, fields[0].strip()[:SHOWN] or None, reason, NO_TOTAL)
        if not isinstance(row, Refusal) and self.opposite and row[-1] and (key := (row[0], row[1])) in self.opposite:
            self._keys[line] = key
            self._lines[key, row[-1] in self.schema.target_values.left].append(line)
            return Refusal(line, self.schema.target, row[-1], "", "one outcome of a client and period")
        return row

    def named(self, refusals: Iterable[Refusal]) -> list[Refusal]:
        """The refusals; those of opposite outcomes name each other's lines."""
        return [replace(it, reason=self._opposite(it)) if it.line in self._keys else it for it in refusals]

    def _opposite(self, refusal: Refusal) -> str:
        key = self._keys[refusal.line or 0]
        lines = self._lines[key, refusal.value not in self.schema.target_values.left]
        shown = ", ".join(map(str, lines[:NAMED])) + (f" and {len(lines) - NAMED:,} more" if len(lines) > NAMED else "")
        return f"has the opposite outcome in line{'s' * (len(lines) > 1)} {shown}, for the same client and period"


def numbers(schema: Schema, fields: Sequence[str]) -> Iterable[tuple[int, str]]:
    """Yield the number columns of a row that are filled, by their index in the schema."""
    for index, column in enumerate(schema.columns):
        if column.kind == "number" and (text := fields[index].strip(" ")) and text not in schema.missing:
            yield index, text


def _readings(text: str) -> list[tuple[Fraction, Fraction]]:
    """The numbers that a text may stand for, each with the worth of its last digit."""
    readings = [(Fraction(text), Fraction(10) ** -len(text.partition(".")[2]))]
    return [*readings, (Fraction(text.replace(".", "")), Fraction(1))] if THOUSANDS.fullmatch(text) else readings


def may_be_totals(schema: Schema, reading: Read, ends: Sequence[Ends]) -> bool:
    """Whether there may be totals among the last lines, as far as the accepted rows (with them, or without) tell.

    Most files show at once that there are none: no figure comes near the sum of the rows before the last ones.
    """
    n_rows, n_refused, tail = reading
    accepted = [dict(numbers(schema, fields)) for _, fields, accepted in tail if accepted]
    sums = [it and it[3] - sum(float(row.get(index, 0)) for row in accepted) for index, it in enumerate(ends)]
    if n_rows < FEWEST or not any(_is_far(schema, fields, ends, sums) for _, fields, _ in tail):
        return False
    unknown = n_refused > sum(not accepted for _, _, accepted in tail)
    before = Before(schema, n_rows, slack=SLACK, unknown=unknown)
    for index, column in enumerate(ends):
        if column and math.isfinite(column[3]):
            before.figures[index], before.sums[index] = column[2], Fraction(column[3])
    for _, fields, is_accepted in tail:
        if is_accepted:
            before.add(fields, -1)
    return bool(before.totals(tail))


def _is_far(schema: Schema, fields: Sequence[str], ends: Sequence[Ends], sums: Sequence[float | None]) -> bool:
    """Whether a line has a figure that is no less than the highest one, and the sum of the rows before."""
    for index, text in numbers(schema, fields):
        if NUMBER.fullmatch(text) and len(text) <= LONGEST:
            number, column = abs(float(text.replace(".", "") if THOUSANDS.fullmatch(text) else text)), ends[index]
            least = max(column[1], sums[index] or 0) if column and column[0] >= 0 else 0
            if number and number >= least * (1 - SLACK) - 1:
                return True
    return False
