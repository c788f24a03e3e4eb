"""How far a source that grows was taken in: the highest value of its watermark column, kept as text.

Pure: no files.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

Value = int | float | Decimal | date | str

_READ: dict[str, Callable[[str], Value]] = {
    "int": int,
    "float": float,
    "Decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "str": str,
}
_ISO_TEXT = re.compile(r"(\d{4}-\d\d-\d\d)(?:([ T])(\d\d:\d\d:\d\d).*)?", re.ASCII)
_DAY = 86_400


@dataclass(frozen=True)
class Watermark:
    """How far a source was taken in.

    `value` and `kind` (the type that it was read as) name the highest value; `tail` is the digest of the rows that
    are read again next time; `source` is the digest of what was asked, because another question has another answer.
    """

    value: str
    kind: str
    tail: str
    source: str

    @property
    def typed(self) -> Value:
        return _READ[self.kind](self.value)


def kind_of(value: object) -> str | None:
    """Return the kind of a value that can be a watermark: a number, a time, a date or text; None for any other."""
    kind = type(value).__name__
    return kind if kind in _READ else None


def begin(value: Value, overlap: int) -> Value:
    """Return where the next reading begins: so many seconds of a time, or steps of a number, before the highest value.

    Dates go back by whole days. Text goes back where it is a date or time in ISO form, which sorts as time does.
    """
    try:
        if isinstance(value, str):
            return _begin_of_text(value, overlap)
        if isinstance(value, datetime):
            return value - timedelta(seconds=overlap)
        if isinstance(value, date):
            return value - _days(overlap)
    except (ValueError, OverflowError):
        return value
    return value - overlap


def _begin_of_text(text: str, overlap: int) -> str:
    found = _ISO_TEXT.fullmatch(text)
    if not found:
        return text
    day, separator, clock = found.groups()
    if not separator:
        return (date.fromisoformat(day) - _days(overlap)).isoformat()
    return (datetime.fromisoformat(f"{day}T{clock}") - timedelta(seconds=overlap)).isoformat(separator)


def _days(seconds: int) -> timedelta:
    return timedelta(days=-(-seconds // _DAY))
