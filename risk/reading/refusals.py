"""Refusals: why a row, or a file as a whole, is not taken in.

Pure: no files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from risk.errors import SourceError

SHOWN = 80  # characters of a refused value


@dataclass(frozen=True)
class Refusal:
    """The reason why a row was refused or, as the fault of a `Content`, a whole file.

    Where a table has no lines, `line` is the row, and `where` names it as people do.
    """

    line: int | None
    column: str | None
    value: str | None
    reason: str
    expected: str
    where: str | None = None

    @property
    def place(self) -> str:
        """The beginning of a sentence about it."""
        place = self.where or (f"line {self.line}" if self.line else "")
        return place and f"{place}: "


class Fault(SourceError):
    """A whole file cannot be accepted."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.reason}, expected {refusal.expected}")
        self.refusal = refusal

    def at(self, line: int) -> Fault:
        """The fault with the line, where none is known yet."""
        return self if self.refusal.line is not None else Fault(replace(self.refusal, line=line))


def fault(reason: str, expected: str, line: int | None = None, column: str | None = None, value: str = "") -> Fault:
    """A fault of a whole file, ready to be raised."""
    return Fault(Refusal(line, column, value[:SHOWN] or None, reason, expected))
