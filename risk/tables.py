"""CSV that people open in a spreadsheet: no cell of it is ever a formula."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_QUOTED = re.compile('[,"\r\n]')


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
