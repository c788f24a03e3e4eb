"""Which rows of a content lie in the future of the day on which a run judged it first.

They are taken in and named, but are nobody's newest row and put no other file into the past. The day stays in the
manifest, so whoever opens it later decides alike.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from risk.dataset.dataset import Dataset
from risk.dataset.manifest import Entry, Manifest
from risk.reading.reader import Content
from risk.schema import Schema
from risk.text import counted

LEEWAY = 31  # days that a period may begin after the day: clocks, and months that are sent ahead
SPARE = 1.1  # times the usual step from one period to the next, where that is longer


def judged(content: Content, known: set[str], schema: Schema, parts: Path) -> Content:
    """Return a content that was just read with the day of today, and how many of its rows lie in its future.

    `known` are the periods that have come so far; those of the content are added.
    """
    today = datetime.now(UTC).date()
    content = replace(content, judged=today.isoformat())
    if content.last_period is None:
        return content
    if content.last_period > _days_after(today, LEEWAY):
        content = _with_future(content, known, schema, parts, today)
    known.update({content.newest_period} if content.newest_period else ())
    return content


def all_judged(manifest: Manifest, schema: Schema, parts: Path) -> Manifest:
    """Return the manifest with every content judged: those that an older program took in are judged today."""
    if all(content.judged for content in manifest.contents.values()):
        return manifest
    known = manifest.periods
    return manifest.with_entries(
        replace(it, contents=tuple(one if one.judged else judged(one, known, schema, parts) for one in it.contents))
        for it in manifest.entries
    )


def _with_future(content: Content, known: set[str], schema: Schema, parts: Path, today: date) -> Content:
    alone = Manifest("", schema.identity).with_entries([Entry("", "in", None, (content,), None, 0)])
    counts = Dataset(alone, schema, parts).rows_by_period()
    limit = _days_after(today, max(LEEWAY, SPARE * _step([*known, *counts], today)))
    n_rows = sum(count for period, count in counts.items() if period > limit)
    if not n_rows:
        return content
    warning = (
        f"{schema.period} lies in the future in {counted(n_rows, 'row')} (the last: {content.last_period}): taken in, "
        "but nobody's newest row and no reason to call later files late; correct it in the file"
    )
    present = max((period for period in counts if period <= limit), default=None)
    warnings = (*content.warnings, warning)
    return replace(content, limit=limit, n_future=n_rows, last_present=present, warnings=warnings)


def _step(periods: Iterable[str], today: date) -> float:
    """Return the usual number of days from one period to the next, 0 where fewer than two have come."""
    begins = sorted({day for period in periods if (day := date.fromisoformat(f"{period}-01"[:10])) <= today})
    return statistics.median((after - before).days for before, after in pairwise(begins)) if begins[1:] else 0.0


def _days_after(day: date, days: float) -> str:
    """Return the day in ISO form; what sorts after it, a month too, begins later."""
    return (day + timedelta(days=days)).isoformat()
