"""The watermark of a source that grows: how far it was taken in, and how far its database goes now.

Rows beyond, in the future or after an absurd jump, are taken in and named, but the watermark stays before them: they
never silence those that come later.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from risk.errors import SourceError
from risk.text import counted

if TYPE_CHECKING:
    from risk.dataset._database_sql import DatabaseRows

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
_NUMBER_TEXT = re.compile(r"\d{6,}(?:\.\d+)?", re.ASCII)
_CALENDAR = {6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # by their digits
_SINCE_1970 = {10: 1, 13: 10**3, 16: 10**6, 19: 10**9}  # seconds, or thousandths, millionths, billionths of one
_DAY = 86_400
_TAKEN_IN = "taken in, and later rows still arrive; put it right in the database"

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
    """The kind of a value that can be a watermark: a number, a time, a date or text; None for any other."""
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
    """A moment, of UTC, as a watermark of the same kind and form; None where the value reads as no time.

    A number reads as a calendar (20261127) or as what went by since 1970, in text as well.
    """
    if isinstance(like, datetime):
        return moment if like.tzinfo else moment.replace(tzinfo=None)
    if isinstance(like, date):
        return moment.date()
    if not isinstance(like, str):
        return _as_number(moment, str(int(like)))
    match = _TIME_TEXT.fullmatch(like)
    if not match:
        number = _as_number(moment, like.partition(".")[0]) if _NUMBER_TEXT.fullmatch(like) else None
        return None if number is None else str(number)
    dash, day, separator = match.groups()
    shown = moment.strftime(dash.join(("%Y", "%m", "%d") if day else ("%Y", "%m")))
    return f"{shown}{separator}{moment:%H:%M:%S}" if separator else shown


def _as_number(moment: datetime, digits: str) -> int | None:
    if pattern := _CALENDAR.get(len(digits)):
        with contextlib.suppress(ValueError):
            if datetime.strptime(digits, pattern).year >= 1970:
                return int(moment.strftime(pattern))
    unit = _SINCE_1970.get(len(digits)) if digits.isdecimal() else None
    return int(moment.timestamp()) * unit if unit else None


def present_of(values: Iterable[Any], present: datetime) -> tuple[Value, Value] | None:
    """The present in the form in which most of the values tell the time, and the first in it; None without one.

    Numbers that read as a time to come may as well count something, so they do not tell.
    """
    values = list(values)
    readings = [(limit, value) for value in values if (limit := at(present, value)) is not None]
    is_time = [isinstance(it, date) or (isinstance(it, str) and _TIME_TEXT.fullmatch(it)) for _, it in readings]
    readings = [it for it, is_one in zip(readings, is_time, strict=True) if is_one or it[1] <= it[0]]
    for limit, count in Counter(limit for limit, _ in readings).most_common(1):
        if 2 * count > len(values):
            return limit, next(value for present, value in readings if present == limit)
    return None


def lies_after(known: Watermark, overlap: int, limit: Value | None) -> bool:
    """Whether the next reading would begin after a limit, or cannot be compared with it any more."""
    try:
        return limit is not None and bool(begin(known.typed, overlap) > limit)  # type: ignore[operator]
    except TypeError:
        return True


def before_jump(highest: Sequence[Any], lowest: Any) -> Any:
    """The value before an absurd jump among the highest ones (distinct, in falling order); None without any."""
    for below, above in pairwise(reversed(highest)):
        if above - below > max(JUMP * (below - lowest), SMALL_JUMP):
            return below
    return None


def _begin_of_text(text: str, overlap: int) -> str:
    match = _ISO_TEXT.fullmatch(text)
    if not match:
        return text
    day, separator, clock = match.groups()
    if not separator:
        return (date.fromisoformat(day) - _days(overlap)).isoformat()
    return (datetime.fromisoformat(f"{day}T{clock}") - timedelta(seconds=overlap)).isoformat(separator)


def _days(seconds: int) -> timedelta:
    return timedelta(days=-(-seconds // _DAY))


# --- how far a database goes now --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class End:
    """The highest watermark up to the limit, and what a person should know of rows beyond.

    The limit of times, numbers that tell the time among them, is the database's own present; that of other numbers is
    the last one before an absurd jump.
    """

    value: Value
    limit: Value | None
    warnings: tuple[str, ...]


def end_of(rows: DatabaseRows, column: str) -> End | None:
    """Return how far the source goes now; None where it has no rows.

    Raises: SourceError where the watermark column has no order.
    """
    lowest, highest = rows.ends()
    if highest is None:
        return None
    kinds = {kind_of(lowest), kind_of(highest)}
    if None in kinds or not (len(kinds) == 1 or kinds <= {"int", "float"}):
        held = " and ".join(sorted({type(lowest).__name__, type(highest).__name__}))
        raise SourceError(
            f"{rows.name}: column {column!r} holds {held}, which has no order that grows with time; "
            "name a column of times or whole numbers in the key 'source.watermark'"
        )
    value: Any = highest
    present = rows.present()
    if isinstance(value, date):
        clock: tuple[Any, Any] | None = at(present, value), value
    else:  # the form of the newest values, or else of the one in the middle of all
        clock = present_of(rows.highest(), present) or present_of(rows.middle(), present)
    if clock:
        limit, like = clock
        latest: Any = rows.ends(limit)[1]
        return End(latest or limit, limit, _in_the_future(rows, column, present, like))
    return End(value, None, ()) if isinstance(value, str) else _of_numbers(rows, column, value, lowest)


def tail(rows: DatabaseRows, value: Value, overlap: int) -> str:
    """The digest of the rows from a little before a watermark on: as long as it stays, none has come."""
    content = hashlib.sha256()
    rows.hand_on(begin(value, overlap), content.update)
    return content.hexdigest()


def _in_the_future(rows: DatabaseRows, column: str, present: datetime, like: Value) -> tuple[str, ...]:
    """Say which rows lie in the future, wherever on earth their times were taken; text and numbers may be no times."""
    n_rows, last = rows.after(at(present + LOCAL, like) or like)
    lies = "lies" if isinstance(like, date) else "sorts"
    shown = f" (the last: {last})" if at(present, last) or not isinstance(like, str) else ""
    future = f"{lies} after the database's own time, {present:%Y-%m-%d %H:%M} UTC, in {counted(n_rows, 'row')}"
    return (f"{column} {future}{shown}: {_TAKEN_IN}",) if n_rows else ()


def _of_numbers(rows: DatabaseRows, column: str, highest: Any, lowest: Any) -> End:
    finite = rows.highest()
    limit = before_jump(finite, lowest) if math.isfinite(highest) else next(iter(finite), None)
    n_rows, last = rows.after(limit) if limit is not None else (0, "")
    if limit is None or (math.isfinite(highest) and 2 * n_rows > rows.n_rows()):
        return End(highest, None, ())
    sentence = f"{column} jumps from {limit} to {last} in {counted(n_rows, 'row')}: {_TAKEN_IN}"
    return End(limit, limit, (sentence,))
