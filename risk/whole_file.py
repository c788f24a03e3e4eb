"""Of a row, only the whole file shows that it is no row: opposite outcomes of a client and period, a last line of sums.

Pure: no files. A first reading leaves a suspicion; where there is one, the file is read once more, exactly, with it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from risk.schema import Schema
from risk.values import NUMBER, SHOWN, Refusal

FEWEST = 3  # rows before a total
CHANCE = 1e-4  # below it, that figures are sums is no chance
ROUNDING = 1e-9  # of a sum that another program computed
NAMED = 3  # lines
LONGEST = 40  # characters of a number in a sum

Key = tuple[str, str]  # client and period
Ends = tuple[float, float] | None  # the lowest and the highest number of a column
Read = tuple[int, int, Sequence[str]]  # how many rows were accepted, how many refused, and the fields of the last one


@dataclass
class Suspicion:
    """What a first reading leaves for a second: clients and periods with opposite outcomes, and the line that may be

    a total (0: none). As the rows come again, it sums them up.
    """

    schema: Schema
    opposite: Collection[Key]
    last_line: int
    _sums: dict[int, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    _largest: dict[int, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    _rows: int = 0
    _keys: dict[int, Key] = field(default_factory=dict)  # of refused lines
    _lines: dict[tuple[Key, bool], list[int]] = field(default_factory=lambda: defaultdict(list))

    def judged(self, line: int, fields: Sequence[str], row: list[str] | Refusal) -> list[str] | Refusal:
        """Return a row as it is, or why it is refused in this file; `fields` are its texts in schema order."""
        if self.last_line and line == self.last_line and self._is_total(fields):
            reason = "is a total: its figures are the sums of the rows before"
            return Refusal(line, self.schema.client, fields[0].strip()[:SHOWN] or None, reason, "the row of a client")
        if self.last_line:
            self._add(fields)
        if not isinstance(row, Refusal) and self.opposite and row[-1] and (key := (row[0], row[1])) in self.opposite:
            self._keys[line] = key
            self._lines[key, row[-1] in self.schema.target_values.left].append(line)
            return Refusal(line, self.schema.target, row[-1], "", "one outcome of a client and period")
        return row

    def named(self, refusals: Iterable[Refusal]) -> list[Refusal]:
        """Return the refusals; those of opposite outcomes name each other's lines."""
        return [replace(it, reason=self._opposite(it)) if it.line in self._keys else it for it in refusals]

    def _opposite(self, refusal: Refusal) -> str:
        key = self._keys[refusal.line or 0]
        lines = self._lines[key, refusal.value not in self.schema.target_values.left]
        shown = ", ".join(map(str, lines[:NAMED])) + (f" and {len(lines) - NAMED:,} more" if len(lines) > NAMED else "")
        return f"has the opposite outcome in line{'s' * (len(lines) > 1)} {shown}, for the same client and period"

    def _add(self, fields: Sequence[str]) -> None:
        self._rows += 1
        for index, text in numbers(self.schema, fields):
            if NUMBER.fullmatch(text) and len(text) <= LONGEST:
                number = Fraction(text)
                self._sums[index] += number
                self._largest[index] = max(self._largest[index], number, key=abs)

    def _is_total(self, fields: Sequence[str]) -> bool:
        """Whether each figure is the sum of those before, or the number of rows, and a chance is excluded."""
        chance, is_any = 1 / max(self._rows, 1), False
        for index, text in numbers(self.schema, fields):
            if not NUMBER.fullmatch(text) or len(text) > LONGEST:
                return False
            number, total, unit = Fraction(text), self._sums[index], Fraction(10) ** -len(text.partition(".")[2])
            rounding = abs(total) * Fraction(1e-14 if total.denominator == 1 else ROUNDING)
            if abs(number - total) <= unit / 2 + rounding:
                others = abs(total - self._largest[index])  # a sum of one figure alone would be a copy of it
                chance, is_any = chance / max(1.0, float(others / unit)), is_any or others > 0
            elif number not in (self._rows, self._rows + 1):
                return False
        return self._rows >= FEWEST and is_any and chance < CHANCE


def numbers(schema: Schema, fields: Sequence[str]) -> Iterable[tuple[int, str]]:
    """Yield the number columns of a row that are filled, by their index in the schema."""
    for index, column in enumerate(schema.columns):
        if column.kind == "number" and (text := fields[index].strip(" ")) and text not in schema.missing:
            yield index, text


def may_be_total(schema: Schema, reading: Read, ends: Sequence[Ends], sums: Callable[[], Sequence[float]]) -> bool:
    """Whether a last row may be a total, as far as the accepted rows (with it, or without) tell.

    Most show at once that they are none: a figure is below another one. Only then the columns are summed up.
    """
    n_rows, n_refused, fields = reading
    filled = [(index, text) for index, text in numbers(schema, fields)] if fields else []
    if n_rows < FEWEST or not all(NUMBER.fullmatch(text) for _, text in filled):
        return False
    figures = {index: float(text) for index, text in filled}
    counts = {index for index, it in figures.items() if n_rows - 1 <= it <= n_rows + n_refused + 1}
    if any(_is_below(it, ends[index]) for index, it in figures.items() if index not in counts):
        return False
    totals = sums() if any(figures.values()) else ()
    found = {index for index, it in figures.items() if totals and _is_sum(it, totals[index], n_refused)}
    return any(figures[index] for index in found) and found | counts == set(figures)


def _is_below(number: float, ends: Ends) -> bool:
    return ends is not None and ends[0] >= 0 and abs(number) < ends[1] * (1 - ROUNDING) - 1


def _is_sum(number: float, total: float, n_refused: int) -> bool:
    """Whether a figure is about the sum, with itself or without; of refused rows the figures are not known."""
    others = (total, total - number)
    if n_refused:
        return abs(number) >= min(map(abs, others)) * (1 - ROUNDING)
    return any(math.isclose(number, other, rel_tol=1e-6, abs_tol=1.0) for other in others)


def opposite(rows: Iterable[Sequence[str]], schema: Schema) -> set[Key]:
    """Return the clients and periods of accepted rows whose outcomes are opposite."""
    outcomes: dict[Key, set[bool]] = defaultdict(set)
    for row in rows if schema.period else ():
        if row[-1]:
            outcomes[row[0], row[1]].add(row[-1] in schema.target_values.left)
    return {key for key, found in outcomes.items() if len(found) > 1}
