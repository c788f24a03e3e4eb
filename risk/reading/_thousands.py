"""Whether a dot separates thousands: every decimal of a column has exactly three places, as 1.200 beside 980."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from risk.schema import Schema

LOOK = 256 * 1024  # bytes at the beginning of a chunk that are looked at
MOST_WHOLE = 1_000  # different ones that are remembered
ENOUGH_DOTTED, ENOUGH_WHOLE = 20, 5  # by which a file shows by itself that a dot separates thousands

_SUSPECT = re.compile(rb"[0-9]\.[0-9]{3}[,.\r\n]")
_THREE_PLACES = re.compile(r"-?[0-9]+\.[0-9]{3}")
_MILLIONS = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{3}){2,}")  # 1.200.000 is refused by row, and shows what a dot means
_DECIMAL = re.compile(r"-?[0-9]*\.[0-9]*")
_NO_THOUSANDS = re.compile(r"-?(?:0|[1-9][0-9]{3,})\..*")  # 0.125, 1234.125


@dataclass
class Dots:
    """How the numbers of a file are written, by the index of their column."""

    dotted: dict[int, int] = field(default_factory=dict)  # numbers of exactly three places
    odd: set[int] = field(default_factory=set)  # columns with one that cannot be thousands
    whole: dict[int, set[str]] = field(default_factory=dict)  # different whole numbers but 0
    decimal: set[int] = field(default_factory=set)  # columns with another decimal

    def look_at_lines(self, lines: bytes, positions: Sequence[int], schema: Schema) -> None:
        """Look at plain lines; at their beginning where they are many, and at none without a suspect."""
        start = lines[:LOOK]
        if b"." in start and _SUSPECT.search(start):
            records = (line.split(",") for line in start[: start.rfind(b"\n") + 1].decode().splitlines())
            self.look_at_rows(([record[place] for place in positions] for record in records), schema)

    def look_at_rows(self, rows: Iterable[Sequence[str]], schema: Schema) -> None:
        """Look at rows in the order of the schema."""
        numbers = [index for index, column in enumerate(schema.columns) if column.kind == "number"]
        for row in rows:
            for index in numbers:
                text = row[index]
                if "." not in text:
                    whole = self.whole.setdefault(index, set())
                    if text not in ("", "0") and len(whole) < MOST_WHOLE:
                        whole.add(text)
                elif _THREE_PLACES.fullmatch(text) or _MILLIONS.fullmatch(text):
                    self.dotted[index] = self.dotted.get(index, 0) + 1
                    self.odd |= {index} if _NO_THOUSANDS.match(text) else set()
                elif _DECIMAL.fullmatch(text):
                    self.decimal.add(index)

    def columns(self, schema: Schema) -> dict[str, bool]:
        """Return the columns in which a dot may separate thousands, and whether the file shows that by itself."""
        found = {index: count for index, count in self.dotted.items() if index not in self.decimal}
        return {schema.columns[index].name: self._shown(index, count) for index, count in found.items()}

    def _shown(self, index: int, count: int) -> bool:
        """Return whether many such numbers stand beside several whole ones, and none of those has four digits."""
        whole = set() if index in self.odd else self.whole.get(index, set())
        return count >= ENOUGH_DOTTED and len(whole) >= ENOUGH_WHOLE and max(len(it.lstrip("-")) for it in whole) < 4
