"""The columns of a table as they are written: how numbers and dates look, what stands for a missing value.

Pure: no files.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from risk.proposal.date_forms import MOST, looked_at, moment_of, share_of
from risk.proposal.name_words import worded
from risk.reading.values import is_period
from risk.settings.table_format import Format

UNIQUE = 0.99  # of the filled rows have a value of their own
STYLES = (  # decimal and thousands, the usual ones first
    (".", ""), (",", ""), (".", ","), (",", "."), (",", " "), (".", " "), (",", "'"), (".", "'"),
)  # fmt: skip
MARKERS = worded(
    "na n/a n.a. #n/a nan null none nil ? - -- --- . .. missing unknown unbekannt undefined k.a. k.a keine- "
    "angabe (null) \\n nv n.v. <na> inconnu desconocido"
) | {"not available", "keine angabe", "n/v"}  # fmt: skip
_SIGN = r"[^\w\s.,+'()/-]"
_UNIT = re.compile(rf"({_SIGN}|[A-Z]{{3}}) ?(?=[-0-9])|(?<=[0-9]) ?({_SIGN}|[^\W\d_]{{1,10}})$")
_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " "})


@dataclass(frozen=True)
class Form:
    """How numbers and dates are written, as keys of `format`, and the texts that mean missing; why, by key."""

    decimal: str = "."
    thousands: str = ""
    units: tuple[str, ...] = ()
    dates: str = "%Y-%m-%d"
    missing: tuple[str, ...] = ()
    whys: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """The keys of `format` that differ from its defaults."""
        return Format.differing(self)

    def number(self, text: str) -> float | None:
        """The number that a text is, or None."""
        plain = without_unit(text, self.units)
        if not _pattern(self.decimal, self.thousands).fullmatch(plain):
            return None
        plain = plain.translate(_SPACES).replace(self.thousands, "") if self.thousands else plain
        return float(plain.replace(self.decimal, "."))


@dataclass(frozen=True)
class TextColumn:
    """One column: its texts, a blank one where the value is missing, and how it is written."""

    name: str
    texts: Sequence[str]
    form: Form
    date_form: str | None = None  # of strptime; None: ISO dates or months

    @functools.cached_property
    def counts(self) -> dict[str, int]:
        """How many rows hold each different text, blank ones left out."""
        counts = Counter(self.texts)
        counts.pop("", None)
        return counts

    @property
    def n_rows(self) -> int:
        return len(self.texts)

    @functools.cached_property
    def n_filled(self) -> int:
        return sum(self.counts.values())

    @property
    def n_distinct(self) -> int:
        return len(self.counts)

    @functools.cached_property
    def numbers(self) -> dict[str, float]:
        """The number of each different text that is one."""
        found = ((text, self.form.number(text)) for text in self.counts)
        return {text: number for text, number in found if number is not None}

    @functools.cached_property
    def kind(self) -> Literal["number", "date", "text", "blank"]:
        if not self.n_filled:
            return "blank"
        if self.date_form or share_of(self.counts, is_period) >= MOST:
            return "date"
        return "number" if sum(map(self.counts.__getitem__, self.numbers)) >= MOST * self.n_filled else "text"

    @functools.cached_property
    def is_whole(self) -> bool:
        return self.kind == "number" and all(number.is_integer() for number in self.numbers.values())

    @functools.cached_property
    def moments(self) -> dict[str, datetime]:
        """The date of each different text of a date column."""
        found = {}
        for text in self.counts:
            if is_period(text):
                found[text] = datetime.fromisoformat(text if len(text) == 10 else f"{text}-01")
            elif self.date_form and (moment := moment_of(text, self.date_form)):
                found[text] = moment
        return found

    @functools.cached_property
    def uniqueness(self) -> float:
        """The share of different texts among the filled rows."""
        return self.n_distinct / self.n_filled if self.n_filled else 0.0

    @property
    def example(self) -> str:
        return next(iter(self.counts), "")


def form_of(texts: Mapping[str, Sequence[str]], is_plain: bool = False) -> Form:
    """How the numbers of a table are written, by all its columns; dates are looked at by `date_form_of`.

    Rows of a database are plain: only what stands for a missing number is looked for.
    """
    counts = [looked_at(values) for values in texts.values()]
    if is_plain:
        return _with_missing(Form(), counts)
    units = tuple(sorted({unit for it in counts if (unit := _unit_of(it))}))
    shares = {style: [_numeric(it, style, units) for it in counts] for style in STYLES}
    best = max(STYLES, key=lambda it: (sum(share > 0.5 for share in shares[it]), round(sum(shares[it]), 2)))
    usual = shares[STYLES[0]]
    n_more = sum(share > 0.5 for share in shares[best]) - sum(share > 0.5 for share in usual)
    whys = {}
    if best != STYLES[0]:
        whys["decimal"] = f"so {n_more or 'more'} columns more are numbers than with a decimal point"
    if units:
        whys["units"] = f"{', '.join(units)} stand beside numbers"
    return _with_missing(Form(*best, units=units, whys=whys), counts)


def _with_missing(form: Form, counts: Sequence[Mapping[str, int]]) -> Form:
    missing = tuple(sorted({text for it in counts for text in _markers(it, form)}))
    why = {"missing": f"{', '.join(map(repr, missing))} stand where numbers are missing"} if missing else {}
    return replace(form, missing=missing, whys=form.whys | why)


def without_unit(text: str, units: Iterable[str]) -> str:
    """A text without a sign or word of these before or behind it."""
    for unit in units:
        if text.endswith(unit):
            return text.removesuffix(unit).rstrip(" \u00a0\u202f")
        if text.removeprefix("-").startswith(unit):
            return text.replace(unit, "", 1).replace(" ", "", 1) if unit + " " in text else text.replace(unit, "", 1)
    return text


@functools.cache
def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    mark = "[ \u00a0\u202f]" if thousands == " " else re.escape(thousands)
    groups = rf"|[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+" if thousands else ""
    return re.compile(rf"-?(?:0|[1-9][0-9]*{groups})(?:{re.escape(decimal)}[0-9]+)?")


def _numeric(counts: Mapping[str, int], style: tuple[str, str], units: tuple[str, ...]) -> float:
    """The share of a column that are numbers in a style, markers of missing values left out."""
    rest = {text: n for text, n in counts.items() if text.lower() not in MARKERS}
    pattern = _pattern(*style)
    return share_of(rest, lambda text: pattern.fullmatch(without_unit(text, units)))


def _unit_of(counts: Mapping[str, int]) -> str | None:
    """The one sign or word beside all numbers of a column."""
    plain = re.compile(r"-?[0-9][0-9.,' \u00a0\u202f]*")
    rest = {text: n for text, n in counts.items() if text.lower() not in MARKERS and text != "0"}
    found: Counter[str] = Counter()
    for text, n in rest.items():
        match = _UNIT.search(text)
        unit = (match[1] or match[2]) if match else None
        if unit and plain.fullmatch(without_unit(text, [unit])):
            found[unit] += n
    ((unit, n_rows),) = found.most_common(1) or [("", 0)]
    is_word = unit.isalpha() and not (len(unit) == 3 and unit.isupper())
    if not unit or n_rows < 0.95 * sum(rest.values()) or (is_word and len(rest) < 6):
        return None
    return unit


def _markers(counts: Mapping[str, int], form: Form) -> list[str]:
    """The texts of a column of numbers that say that there is none."""
    words = {text: n for text, n in counts.items() if form.number(text) is None}
    total, of_words = sum(counts.values()), sum(words.values())
    marks = {text: n for text, n in words.items() if text.lower() in MARKERS}
    is_clear = total - of_words > 0.3 * total and of_words - sum(marks.values()) <= (1 - MOST) * total
    return list(marks) if is_clear else []
