"""How far a source that grows was taken in: the highest value of its watermark column, kept as text.

Pure: no files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

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
_TIME_TEXT = re.compile(r"\d{4}([-/.])\d\d(?:(\1\d\d)(?:([ T])\d\d:.*)?)?", re.ASCII | re.DOTALL)
_DAY = 86_400

LOCAL = timedelta(hours=14)  # by so much the clock on a wall may be ahead of UTC
JUMP, SMALL_JUMP = 10, 100_000  # times all the way before it, and steps: a number that jumps further is a stray one


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


def at(moment: datetime, like: Value) -> Value | None:
    """Return a moment, of UTC, as a watermark of the same kind and form; None for a number, or text of no time."""
    if isinstance(like, datetime):
        return moment if like.tzinfo else moment.replace(tzinfo=None)
    if isinstance(like, date):
        return moment.date()
    found = _TIME_TEXT.fullmatch(like) if isinstance(like, str) else None
    if not found:
        return None
    dash, day, separator = found.groups()
    shown = moment.strftime(dash.join(("%Y", "%m", "%d") if day else ("%Y", "%m")))
    return f"{shown}{separator}{moment:%H:%M:%S}" if separator else shown


def lies_after(known: Watermark, overlap: int, limit: Value | None) -> bool:
    """Return whether the next reading would begin after a limit, or cannot be compared with it any more."""
    try:
        return limit is not None and bool(begin(known.typed, overlap) > limit)  # type: ignore[operator]
    except TypeError:
        return True


def before_jump(highest: Sequence[Any], lowest: Any) -> Any:
    """Return the value before an absurd jump among the highest ones (distinct, in falling order); None without any."""
    for below, above in pairwise(reversed(highest)):
        if above - below > max(JUMP * (below - lowest), SMALL_JUMP):
            return below
    return None


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
