"""How far a database goes now, and which of its rows lie beyond: in its future, or after an absurd jump.

Rows beyond are taken in and named, but the watermark stays before them: they never silence those that come later.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from risk.dataset._watermark import LOCAL, Value, at, before_jump, begin, kind_of, present_of
from risk.errors import SourceError
from risk.text import counted

if TYPE_CHECKING:
    from risk.dataset._database_sql import Rows

_TAKEN_IN = "taken in, and later rows still arrive; put it right in the database"


@dataclass(frozen=True)
class End:
    """The highest watermark up to the limit, and what is to be said of rows beyond.

    The limit of times, numbers that tell the time among them, is the database's own present; that of other numbers is
    the last one before an absurd jump.
    """

    value: Value
    limit: Value | None
    said: tuple[str, ...]


def end_of(rows: Rows, column: str) -> End | None:
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
    told = (at(present, value), value) if isinstance(value, date) else _told(rows, present)
    if told:
        return _of_times(rows, column, present, *told)
    return End(value, None, ()) if isinstance(value, str) else _of_numbers(rows, column, value, lowest)


def tail(rows: Rows, value: Value, overlap: int) -> str:
    """Return the digest of the rows from a little before a watermark on: as long as it stays, none has come."""
    found = hashlib.sha256()
    rows.hand_on(begin(value, overlap), found.update)
    return found.hexdigest()


def _told(rows: Rows, present: datetime) -> tuple[Any, Any] | None:
    """Return the present in the form of the newest values, or else of the one in the middle of all."""
    return present_of(rows.highest(), present) or present_of(rows.middle(), present)


def _of_times(rows: Rows, column: str, present: datetime, limit: Any, like: Any) -> End:
    latest: Any = rows.ends(limit)[1]
    return End(latest or limit, limit, _in_the_future(rows, column, present, like))


def _in_the_future(rows: Rows, column: str, present: datetime, like: Value) -> tuple[str, ...]:
    """Say which rows lie in the future, wherever on earth their times were taken; text and numbers may be no times."""
    n_rows, last = rows.after(at(present + LOCAL, like) or like)
    lies = "lies" if isinstance(like, date) else "sorts"
    shown = f" (the last: {last})" if at(present, last) or not isinstance(like, str) else ""
    future = f"{lies} after the database's own time, {present:%Y-%m-%d %H:%M} UTC, in {counted(n_rows, 'row')}"
    return (f"{column} {future}{shown}: {_TAKEN_IN}",) if n_rows else ()


def _of_numbers(rows: Rows, column: str, highest: Any, lowest: Any) -> End:
    finite = rows.highest()
    limit = before_jump(finite, lowest) if math.isfinite(highest) else next(iter(finite), None)
    n_rows, last = rows.after(limit) if limit is not None else (0, "")
    if limit is None or (math.isfinite(highest) and 2 * n_rows > rows.n_rows()):
        return End(highest, None, ())
    said = f"{column} jumps from {limit} to {last} in {counted(n_rows, 'row')}: {_TAKEN_IN}"
    return End(limit, limit, (said,))
