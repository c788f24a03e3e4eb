"""Text for people and by people: numbers, text from data on one line or in Markdown, lines of the log, CSV."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from risk.errors import UsageError

log = logging.getLogger("risk")

NOTHING = "–"
MORE = "…"
_HOURS = {"hour": 1.0, "hours": 1.0, "day": 24.0, "days": 24.0}
TEN_YEARS = 87_660.0  # hours
LONGEST_VALUE, LONGEST_LIST = 80, 200  # characters of a value in short
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # characters that no name may hold

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_QUOTED = re.compile('[,"\r\n]')
_MARKUP = re.compile(r"[\\`*_\[\]|~$@]|:(?=//)|(?<=[wW])\.|^(?:[#+=-]|\d+[.)])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def one_line(text: object) -> str:
    """Return the text on one line, with control and other unprintable characters as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in str(text))


def event(name: str, **facts: Any) -> str:
    """A line of the log: the event, then key=value; whatever could break the line is escaped."""
    texts = {key: one_line(value) for key, value in facts.items()}
    quoted = {key: json.dumps(it, ensure_ascii=False) if " " in it or not it else it for key, it in texts.items()}
    return " ".join([name, *(f"{key}={it}" for key, it in quoted.items())])


def markdown(text: object, longest: int = 200) -> str:
    """Return text from data for Markdown (CommonMark and its tables): on one line, never markup, HTML or a link.

    What is cut ends in an ellipsis; a blank text is a dash.
    """
    shown = one_line(text).strip() or NOTHING
    shown = shown if len(shown) <= longest else shown[: longest - 1] + MORE
    escaped = _MARKUP.sub(lambda mark: f"{mark[0][:-1]}\\{mark[0][-1]}", shown)
    return "".join(_ENTITIES.get(character, character) for character in escaped)


def placed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a text, or all in a value, with each of these paths of the machine replaced by its name."""
    if isinstance(value, str):
        known = "|".join(map(re.escape, names))
        return re.sub(rf"(?<![\w/.-])(?:{known})", lambda found: names[found[0]], value) if "/" in value else value
    if isinstance(value, dict):
        return {placed(key, names): placed(it, names) for key, it in value.items()}
    return [placed(it, names) for it in value] if isinstance(value, list | tuple) else value


def check_text(option: str, text: str) -> None:
    """Raise UsageError where a word of the command line is not UTF-8: no client and no line of the journal is."""
    if not text.isascii() and any("\ud800" <= it <= "\udfff" for it in text):
        raise UsageError(
            f"{option}: it is not UTF-8 ({in_short(text)}). Nothing was changed. Type it in a terminal that is UTF-8."
        )


def in_short(value: Any) -> str:
    """A value on one line, as short as people can take it; a list ends at a whole item."""
    if not isinstance(value, list | tuple):
        text = re.sub(r"\s+", " ", "an object" if isinstance(value, dict) else repr(value))
        return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}{MORE}"
    kept: list[str] = []
    for item in map(in_short, value):
        if kept and len(", ".join([*kept, item])) > LONGEST_LIST:
            break
        kept.append(item)
    more = f" and {len(value) - len(kept)} more" if len(kept) < len(value) else ""
    return f"[{', '.join(kept)}{more}]"


# --- numbers ----------------------------------------------------------------------------------------------------------


def number(value: float | None, digits: int = 0) -> str:
    """Return a number with thousands separators; a dash where there is none."""
    if not _is_finite(value):
        return NOTHING
    return f"{value:.{digits}e}" if abs(value) >= 1e15 else f"{value:z,.{digits}f}"  # type: ignore[arg-type]


def amount(value: float | None, currency: str | None) -> str:
    """Return a sum of money, without cents."""
    return f"{number(value)} {currency}" if currency and _is_finite(value) else number(value)


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share between 0 and 1 as a percentage."""
    return f"{number(share * 100, digits)} %" if _is_finite(share) else NOTHING  # type: ignore[operator]


def short_percent(share: float) -> str:
    """Return a share as a percentage, with a digit only where it is no whole number."""
    return percent(share, 0 if abs(share - round(share, 2)) < 1e-9 else 1)


def p_value(p: float | None) -> str:
    """A p-value in print."""
    return "< 0.0001" if p is not None and p < 0.0001 else number(p, 4)


def interval(bounds: tuple[float, float] | None, digits: int = 3, *, share: bool = False) -> str:
    """Return the two bounds of an interval; a dash where it could not be had."""
    if bounds is None:
        return NOTHING
    low, high = (percent(bound) if share else number(bound, digits) for bound in bounds)
    return f"{low} to {high}"


def digits_for(figures: Mapping[str, Any]) -> int:
    """Return how many decimals suit figures of this size, so that all of a row carry the same."""
    largest = max((abs(figure) for figure in figures.values() if _is_finite(figure)), default=0.0)
    return next((digits for limit, digits in ((1000, 0), (100, 1), (1, 2)) if largest >= limit), 4)


def moment(text: str | None) -> str:
    """Return an ISO time as date and minute."""
    return f"{text[:10]} {text[11:16]} UTC" if text else NOTHING


def day(text: str, *, year: bool = True) -> str:
    """A day (ISO) as people write it: 1 July 2026, or 1 Jul."""
    written = date.fromisoformat(text)
    return f"{written.day} {written:%B %Y}" if year else f"{written.day} {written:%b}"


def counted(n: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: 1 row, 2 rows."""
    return f"{number(n)} {one if n == 1 else many or one + 's'}"


def _is_finite(value: float | None) -> bool:
    return value is not None and abs(value) < float("inf")


def hours_of(text: str) -> float:
    """The hours of a text such as «24 hours» or «7 days». Raises: ValueError."""
    number, _, unit = text.strip().partition(" ")
    hours = float(number) * _HOURS[unit] if unit in _HOURS and number.replace(".", "", 1).isdecimal() else 0.0
    if not 0 < hours <= TEN_YEARS:
        raise ValueError("expected a number and hours or days, such as '24 hours' or '7 days', ten years at most")
    return hours


# --- CSV that people open in a spreadsheet ----------------------------------------------------------------------------


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a UTF-8 CSV with LF; None is empty, and a text that a spreadsheet would compute carries an apostrophe.

    Written by hand because Python's own writer leaves a lone CR without quotes when lines end with LF.
    """
    lines = [_line(header), *map(_line, rows), ""]
    return "\n".join(lines).encode("utf-8", "backslashreplace")


def _line(row: Sequence[object]) -> str:
    return ",".join(map(_cell, row)) or '""'


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def four_digits(risk: float) -> str:
    """Return a risk as people read it; snapshot.json and the API have all its digits."""
    return f"{risk:.4f}"
