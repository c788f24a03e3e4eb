"""The forms of the dates in a column. Pure: no files."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from risk.reading.values import is_period

MOST = 0.98  # of the filled rows have a form, or the column has it not
LOOKED_AT = 3_000  # different values of a column
DATES = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S.%f",
    "%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%Y", "%m.%Y", "%Y/%m", "%d-%b-%Y",
    "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%b %Y", "%b-%y", "%b-%Y", "%B %Y", "%Y.%m.%d",
)  # fmt: skip
NUMBER_DATES = {6: "%Y%m", 8: "%Y%m%d"}  # of whole numbers, where a name says that they are periods


def date_form_of(texts: Sequence[str], as_numbers: bool) -> tuple[str, str | None] | None:
    """The form of the dates in a column, and another that would fit as well; None where it holds no such dates.

    `as_numbers`: whole numbers such as 202401 may be dates.
    """
    counts = looked_at(texts)
    sample = dict(sorted(counts.items(), key=lambda it: -it[1])[:300])
    if not sample or share_of(sample, is_period) >= MOST:
        return None
    forms: Sequence[str] = DATES
    if all(text.isdecimal() for text in sample):
        lengths = {len(text) for text in sample}
        forms = (
            [NUMBER_DATES[length] for length in lengths & set(NUMBER_DATES)] if as_numbers and len(lengths) == 1 else []
        )
    elif not any(mark in text for text in list(sample)[:20] for mark in "-/. :"):
        return None
    fitting = [it for it in forms if share_of(sample, lambda text, it=it: moment_of(text, it) is not None) >= MOST]
    if not fitting:
        return None
    return fitting[0], next((it for it in fitting[1:] if it[:2] != fitting[0][:2]), None)


def looked_at(texts: Sequence[str]) -> dict[str, int]:
    counts = Counter(texts)
    counts.pop("", None)
    if len(counts) <= LOOKED_AT:
        return dict(counts)
    items = list(counts.items())
    return dict(items[:: len(items) // LOOKED_AT + 1])


def share_of(counts: Mapping[str, int], fits: Any) -> float:
    total = sum(counts.values())
    return sum(n for text, n in counts.items() if fits(text)) / total if total else 0.0


@functools.lru_cache(50_000)
def moment_of(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)
    except ValueError:
        return None
