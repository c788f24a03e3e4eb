"""Whether new rows are held back: a faulty feed is not learned until a person or a good next version settles it."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from risk.dataset import Dataset
from risk.feeds import MINIMUM, Columns, faults
from risk.manifest import Entry, Manifest, content_order
from risk.reader import Content, Slice
from risk.schema import Schema

MOST = 50_000  # rows of a file, and of the newest contents, that are looked at


class Feeds:
    """Looks at new contents beside the newest rows of the dataset as it was before them."""

    def __init__(self, before: Manifest, schema: Schema, parts: Path) -> None:
        self._before, self._schema, self._parts = before, schema, parts

    def fault_of(self, content: Content) -> str | None:
        """Return what is wrong with the feed, in a sentence, or None. Small files and first files are never held."""
        if content.fault or content.n_accepted < MINIMUM or not self._before.contents:
            return None
        found = faults(self._columns([replace(content, slices=_last(content.slices, MOST))]), self._reference)
        return "; ".join(fault.sentence for fault in found) or None

    @functools.cached_property
    def _reference(self) -> Columns:
        order, contents, missing = content_order(self._before), [], MOST
        for content in sorted(self._before.contents.values(), key=lambda it: -order[it.digest]):
            if missing > 0:
                contents.append(replace(content, slices=_last(content.slices, missing)))
                missing -= content.n_accepted
        return self._columns(reversed(contents))

    def _columns(self, contents: Iterable[Content]) -> Columns:
        entry = Entry("", "in", None, tuple(contents), None, 0)
        kinds, changes = self._schema.kinds, self._schema.changes
        numbers = [name for name, kind in kinds.items() if kind == "numeric" and name not in changes]
        return Columns(*Dataset(replace(self._before, entries=(entry,)), self._schema, self._parts).figures(numbers))


def _last(slices: Iterable[Slice], most: int) -> tuple[Slice, ...]:
    """Return the last rows of the slices, at most so many."""
    found = []
    for it in reversed(tuple(slices)):
        rows = min(it.rows, most)
        most -= rows
        if rows:
            found.append(Slice(it.part, it.first + it.rows - rows, rows))
    return tuple(reversed(found))
