"""Quarantine for suspicious files: their rows stay out until a person releases them or a good version replaces them.

Rows that lie in the future of the day on which a run judged their content first are named here, too. The day stays in
the manifest, so whoever opens it later decides alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk.dataset._absence import usual_step
from risk.dataset._feed_checks import ENOUGH_KNOWN, MINIMUM, FeedFault, Figures, agree, comparable, faults
from risk.dataset.dataset import Dataset
from risk.dataset.manifest import Entry, Manifest, content_order
from risk.disk.journal import HELD, NO_ROWS, REJECTED, Attention
from risk.modeling.metrics import Floats
from risk.reading.reader import Content, Refusal, Slice
from risk.reading.values import PERIOD_FORMS
from risk.settings.schema import Schema
from risk.text import counted

ENOUGH_WHOLE, WHOLE_SHARE = 20, 0.99  # so many values, and the share of whole ones among them, make a whole column
THOUSANDS = {
    ".": "held whole numbers, and every decimal has exactly three places now, as where a dot separates thousands "
    "(1.200 for 1200); send it without dots, or release it if these are decimals",
    ",": "held whole numbers, and every decimal has exactly three places now, as where a comma separates thousands "
    "(1,200 for 1200); send it without commas, or release it if these are decimals",
}
SEVERAL = 5  # contents that are left out of the reference, one at a time
LEEWAY = 31  # days that a period may begin after the day: clocks, and months that are sent ahead
SPARE = 1.1  # times the usual step from one period to the next, where that is longer
AS_BEFORE = "as in all files before (convert it, or begin a new installation of files that are all in the other form)"
MOST = 50_000  # rows of a file, and of the newest contents, that are looked at


class Feeds:
    """Looks at new contents beside the newest rows of the dataset as it was before them.

    What a person took in has no say in what is a fault, only in what is none. A fault must show beside the other rows
    with each of their contents left out, so that no bad one speaks against a good one.
    """

    def __init__(self, before: Manifest, schema: Schema, parts: Path) -> None:
        self._before, self._schema, self._parts = before, schema, parts
        self._released = frozenset(digest for digest, it in before.contents.items() if it.released)
        self.outvoted: dict[str, str] = {}
        self._numbers: dict[str, Floats] = {}
        self._references: dict[frozenset[str], tuple[Figures, NDArray[Any]]] = {}

    def fault_of(self, content: Content, path: str = "") -> str | None:
        """Return what is wrong with the feed, in a sentence, or None. Small files and first files are never held.

        Where one content alone speaks against it, held ones of other sources may speak for it: then `outvoted` says so.
        """
        if content.fault:
            return None
        if dotted := [name for name, shown in content.dotted.items() if self._separates(name, shown)]:
            return "; ".join(f"{name} {THOUSANDS[self._schema.format.decimal]}" for name in dotted)
        if content.n_accepted < MINIMUM or not self._before.contents or self._schema.holds_events:
            return None
        file, _ = self._columns([_last(content, MOST)])
        everything = self._reference(frozenset())[0]
        released = self._released if comparable(file, self._reference(self._released)[0]) else frozenset()
        named = faults(file, self._reference(released)[0])
        for doubted in self._doubted(file, released) if named else ():
            beside = self._reference(released | {doubted})[0]
            if comparable(file, beside):
                shown = {name for fault in faults(file, beside) for name in fault.columns}
                named = tuple(fault for fault in named if shown & set(fault.columns))
        if released:
            named = tuple(fault for fault in named if not agree(file, everything, fault.columns))
        sentence = "; ".join(fault.sentence for fault in named)
        if named and (acquittal := self._acquitted(file, named, path, self._reference(released)[1])):
            self.outvoted[content.digest] = f"{sentence}; {acquittal}"
            return None
        return sentence or None

    def _acquitted(self, file: Figures, named: Sequence[FeedFault], path: str, against: NDArray[Any]) -> str | None:
        """Say which held sources agree with a file against one content: one for its own next version, else two."""
        if len(digests := set(against.tolist())) > 1:
            return None
        columns = [name for fault in named for name in fault.columns]
        owners = [it.path for it in self._before.entries if digests & {content.digest for content in it.contents}]
        agreeing = []
        for entry in self._before.entries:
            if entry.state == "held" and entry.path != path and entry.refused:
                beside, _ = self._columns([_last(entry.refused, MOST)])
                agreeing += [entry.path] if agree(file, beside, columns) and not faults(file, beside) else []
        if len(agreeing) < (1 if path in owners else 2):
            return None
        return (
            f"taken in, because {' and '.join(agreeing)} agree with it against {' and '.join(owners)}: look at that one"
        )

    def _separates(self, name: str, shown: bool) -> bool:
        """Whether a dot separates thousands: in a column that was whole, or where the file shows it by itself.

        What a person released has settled that for its columns.
        """
        if any(name in content.dotted for content in self._before.contents.values() if content.released):
            return False
        if name not in self._numbers and self._before.contents:
            values = self._dataset(self._newest(frozenset())).figures([name])[1][name]
            self._numbers[name] = values[~np.isnan(values)]
        values = self._numbers.get(name, np.empty(0))
        return bool(np.mean(values == np.rint(values)) >= WHOLE_SHARE) if len(values) >= ENOUGH_WHOLE else shown

    def _doubted(self, file: Figures, released: frozenset[str]) -> list[str]:
        """The contents from which most of the rows come that the file is compared with."""
        reference, contents = self._reference(released)
        shared = np.isin(reference.clients, file.clients)
        digests, counts = np.unique(
            contents[shared if shared.sum() >= ENOUGH_KNOWN else slice(None)], return_counts=True
        )
        return [str(digest) for digest in digests[np.argsort(-counts, kind="stable")[:SEVERAL]]]

    def _reference(self, without: frozenset[str]) -> tuple[Figures, NDArray[Any]]:
        """The newest rows of the dataset without some contents, and the content of each."""
        if without not in self._references:
            self._references[without] = self._columns(self._newest(without))
        return self._references[without]

    def _newest(self, without: frozenset[str]) -> list[Content]:
        """The newest rows of the dataset as contents, oldest first."""
        order, contents, missing = content_order(self._before), [], MOST
        kept = (content for digest, content in self._before.contents.items() if digest not in without)
        for content in sorted(kept, key=lambda it: -order[it.digest]):
            if missing > 0:
                contents.append(_last(content, missing))
                missing -= content.n_accepted
        return contents[::-1]

    def _columns(self, contents: Iterable[Content]) -> tuple[Figures, NDArray[Any]]:
        kinds, changes = self._schema.kinds, self._schema.changes
        numbers = [name for name, kind in kinds.items() if kind == "numeric" and name not in changes]
        clients, values, digests = self._dataset(contents).figures(numbers)
        return Figures(clients, values), digests

    def _dataset(self, contents: Iterable[Content]) -> Dataset:
        entry = Entry("", contents=tuple(contents))
        return Dataset(replace(self._before, entries=(entry,)), self._schema, self._parts)


def _last(content: Content, most: int) -> Content:
    """The content with its last rows, at most so many."""
    kept: list[Slice] = []
    for piece in reversed(content.slices):
        rows = min(piece.rows, most)
        most -= rows
        kept += [Slice(piece.part, piece.first + piece.rows - rows, rows)] if rows else []
    return replace(content, slices=tuple(reversed(kept)))


def of_one_form(content: Content, known: set[str], schema: Schema) -> Content:
    """A content that was just read; refused whole where its periods are dates and all `known` ones months, or so."""
    forms, form = {len(it) for it in known}, len(content.last_period or "")
    if schema.holds_events or not form or len(forms) != 1 or form in forms:
        return content
    expected = f"{PERIOD_FORMS[min(forms)]} {AS_BEFORE}"
    fault = Refusal(None, schema.period, content.last_period, f"is {PERIOD_FORMS[form]}", expected)
    nothing = replace(content, n_accepted=0, n_refused=content.n_read, n_labelled=0, slices=(), refusals=None)
    return replace(nothing, first_period=None, last_period=None, warnings=(), odd=(), dotted={}, fault=fault)


# --- rows of the future: taken in and named, but nobody's newest row, and no reason to call other files late ----------


def judged(content: Content, known: set[str], schema: Schema, parts: Path) -> Content:
    """A content that was just read with the day of today, and how many of its rows lie in its future.

    `known` are the periods that have come so far; those of the content are added.
    """
    today = datetime.now(UTC).date()
    content = replace(content, judged=today.isoformat())
    if content.last_period is None:
        return content
    if content.last_period > (today + timedelta(days=LEEWAY)).isoformat():
        content = _with_future(content, known, schema, parts, today)
    known.update({content.newest_period} if content.newest_period else ())
    return content


def all_judged(manifest: Manifest, schema: Schema, parts: Path) -> Manifest:
    """The manifest with every content judged: those that an older program took in are judged today."""
    if all(content.judged for content in manifest.contents.values()):
        return manifest
    periods, entries = manifest.periods, []
    for entry in manifest.entries:
        contents = (it if it.judged else judged(it, periods, schema, parts) for it in entry.contents)
        entries.append(replace(entry, contents=tuple(contents)))
    return manifest.with_entries(entries)


def _with_future(content: Content, known: set[str], schema: Schema, parts: Path, today: date) -> Content:
    alone = Manifest("", schema.identity).with_entries([Entry("", contents=(content,))])
    counts = Dataset(alone, schema, parts).rows_by_period()
    begins = (date.fromisoformat(f"{period}-01"[:10]) for period in (*known, *counts))
    step = usual_step(day for day in begins if day <= today)
    limit = (today + timedelta(days=max(LEEWAY, SPARE * step))).isoformat()  # what sorts after it begins later
    n_rows = sum(count for period, count in counts.items() if period > limit)
    if not n_rows:
        return content
    warning = (
        f"{schema.period} lies in the future in {counted(n_rows, 'row')} (the last: {content.last_period}): taken in, "
        "but no client's newest row that has an earlier one, and no reason to call later files late; correct the file"
    )
    present = max((period for period in counts if period <= limit), default=None)
    warnings = (*content.warnings, warning)
    return replace(content, limit=limit, n_future=n_rows, last_present=present, warnings=warnings)


# --- what a person has to settle --------------------------------------------------------------------------------------


def attention(manifest: Manifest) -> list[Attention]:
    """The sources that are refused or held whole, and that the input folder gives no row at all."""
    matters = [_of_source(entry) for entry in manifest.sources]
    folder = manifest.input_folder
    if not any(entry.state == "in" and entry.has_rows for entry in manifest.sources):
        kept = "; what was taken in before is kept" if manifest.contents else ""
        gives = "every source that has rows is held back" if manifest.held else "it gives no row at all"
        sentence = f"{folder}: {gives} ({counted(len(manifest.sources), 'source')} known){kept}."
        matters.append(Attention(NO_ROWS, folder, f"{sentence} Look at what sends the files."))
    return [it for it in matters if it]


def _of_source(entry: Entry) -> Attention | None:
    newest = entry.newest
    if entry.state == "held":
        sentence = (
            f"{entry.path}: held back: {entry.reason}. Take it in with ingestion.py --release, or send a good version."
        )
        return Attention(HELD, entry.path, sentence)
    if entry.state == "refused":
        reason = str(entry.stated_reason).removeprefix(f"{entry.path}: ")
        return Attention(REJECTED, entry.path, f"{entry.path}: refused whole: {reason}. Send a good version.")
    if entry.state == "in" and newest and newest.n_read and not newest.n_accepted:
        sentence = f"{entry.path}: {counted(newest.n_read, 'row was', 'rows were')} read and none is accepted"
        return Attention(REJECTED, entry.path, f"{sentence}; rejected.csv says why. Send a good version.")
    return None
