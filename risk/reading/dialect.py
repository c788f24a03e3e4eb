"""Numbers and dates as a file writes them, in plain form; of one that is written otherwise, the setting for it.

Pure: no files. A text that does not have the declared form is none: nothing is guessed.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from dataclasses import replace
from datetime import date, datetime

from risk.settings.table_format import ISO, Format

NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
SPACES = "[ \u00a0\u202f]"
GROUPS = {"": "", " ": SPACES, "'": "['\u2019]"}
SAMPLE = 1234.5
PATTERNS = "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%Y%m%d", "%Y-%m-%d %H:%M:%S"
OF_UNITS = re.compile("[$£¥€%‰]|EUR|USD|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK")  # no other text leaves the file
GROUPING = "", ".", ",", "'", " "


class Dialect:
    """How one file writes its numbers and dates."""

    def __init__(self, form: Format) -> None:
        self._form = form
        group = GROUPS.get(form.thousands, re.escape(form.thousands))
        grouped = f"|[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+" if group else ""
        unit = f"(?:{'|'.join(map(re.escape, sorted(form.units, key=len, reverse=True)))})" if form.units else "(?!)"
        number = f"(?P<whole>0|[1-9][0-9]*{grouped})(?:{re.escape(form.decimal)}(?P<fraction>[0-9]+))?"
        self._pattern = re.compile(f"(?P<minus>-)?(?:{unit}{SPACES}*)?(?P<after>-)?{number}(?:{SPACES}*{unit})?")
        self._is_plain = form.decimal == "." and not form.thousands and not form.units

    def number(self, text: str) -> str | None:
        """The number in plain form, or None where the text is none."""
        if self._is_plain:
            return text if NUMBER.fullmatch(text) else None
        match = self._pattern.fullmatch(text)
        if match is None or (match["minus"] and match["after"]):
            return None
        whole, fraction = re.sub("[^0-9]", "", match["whole"]), match["fraction"]
        sign = "-" if match["minus"] or match["after"] else ""
        return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"

    def date(self, text: str) -> str | None:
        """The date in ISO form, a month where the pattern tells no day, or None where the text is none."""
        if self._form.dates == ISO:
            return None
        day = _date(text, self._form.dates)
        return None if day is None else day.date().isoformat()[: 10 if _tells_days(self._form.dates) else 7]

    def time(self, text: str) -> str | None:
        """The time in ISO form, a date where the pattern tells no hour, or None where the text is none."""
        moment = None if self._form.dates == ISO else _date(text, self._form.dates)
        return None if moment is None else moment.isoformat(" ")[: 19 if "%H" in self._form.dates else 10]

    @functools.cached_property
    def a_number(self) -> str:
        """What is expected of a number."""
        if self._is_plain:
            return "a plain decimal number"
        whole, fraction = f"{SAMPLE:,}".split(".")
        return f"a number such as {whole.replace(',', self._form.thousands)}{self._form.decimal}{fraction}"

    @functools.cached_property
    def a_date(self) -> str:
        """What is expected of a date besides the ISO forms; blank where nothing is."""
        return "" if self._form.dates == ISO else f"{date(2026, 12, 31).strftime(self._form.dates)} or "

    def for_number(self, text: str) -> str:
        """Say which setting would read a text as a number that is none as declared; blank where none would."""
        declared, ways = self._form, list[list[str]]()
        units = tuple(dict.fromkeys((*declared.units, *OF_UNITS.findall(text))))
        for decimal, thousands, words in itertools.product(".,", GROUPING, {declared.units, units}):
            if decimal == thousands or (thousands != declared.thousands and thousands not in text):
                continue
            other = replace(declared, decimal=decimal, thousands=thousands, units=words)
            if Dialect(other).number(text) is not None:
                named = [f'format.decimal "{decimal}"'] * (decimal != declared.decimal)
                named += [f'format.thousands "{thousands}"'] * (thousands != declared.thousands)
                named += [f"format.units {json.dumps(words, ensure_ascii=False)}"] * (words != declared.units)
                ways.append(named)
        fewest = min(map(len, ways), default=0)
        shortest = sorted(" and ".join(named) for named in ways if len(named) == fewest)
        return f" ({' or '.join(shortest)} would read it)" if fewest else ""

    def for_date(self, text: str) -> str:
        """Say which patterns would read a text as a date; blank where none would."""
        patterns = [f'"{it}"' for it in PATTERNS if it != self._form.dates and _date(text, it)]
        return f" (format.dates {' or '.join(patterns)} would read it)" if patterns else ""


def _date(text: str, pattern: str) -> datetime | None:
    if any(sign.isdigit() and not sign.isascii() for sign in text):
        return None
    try:
        return datetime.strptime(text, pattern)
    except ValueError:
        return None


@functools.lru_cache(8)
def _tells_days(pattern: str) -> bool:
    return date(2026, 12, 1).strftime(pattern) != date(2026, 12, 2).strftime(pattern)
