"""When contents came, as periods and runs tell it, and what is remembered of those that others replaced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from risk.dataset._accepted_rows import SPAN
from risk.dataset.counts import DatasetCounts
from risk.dataset.earlier import GoneContent, with_gone
from risk.dataset.manifest import Entry, Manifest
from risk.reading.reader import Content
from risk.settings.schema import Schema

Moment = tuple[str, int]  # the newest period that had been seen, and the number of runs since the one that brought it
Showing = tuple[int, str]  # the run that took a content in, and its newest period


def showing(entry: Entry, content: Content) -> Showing:
    """When a source showed a content; older programs kept the run of the last one alone."""
    last = entry.judged_run if content is entry.contents[-1] else 0
    return content.run or last, content.newest_period or ""


def showings(entry: Entry) -> Iterator[Showing]:
    """Yield when a source showed its contents, also those that are gone."""
    yield from (showing(entry, it) for it in entry.contents)
    yield from ((it.run, it.newest) for it in entry.earlier)


def moments(shown: Iterable[Showing]) -> dict[Showing, tuple[Moment, Moment]]:
    """When each content came, and when at the latest: of a run that brings a history nobody knows it."""
    runs: dict[int, set[str]] = {}
    for run, own in shown:
        runs.setdefault(run, set()).add(own)
    newest, late = "", 0
    came = dict[Showing, tuple[Moment, Moment]]()
    for run in sorted(runs):
        before, newest = newest, max(newest, *runs[run])
        late = late + 1 if newest == before else 0
        for own in runs[run]:
            came[run, own] = (newest, late) if before and own <= before else (own, 0), (newest, late)
    return came


def remembered(before: Manifest, after: Manifest, schema: Schema, parts: Path) -> Manifest:
    """Return `after` with the numbers of the contents of `before` that are gone. Raises: DiskError."""
    if not schema.period or not schema.holds_outcome:
        return after
    kept = {entry.path: {it.digest for it in entry.contents} for entry in after.entries}
    gone = [
        (entry.path, showing(entry, it), it)
        for entry in before.entries
        for it in entry.contents
        if it.digest not in kept.get(entry.path, {it.digest}) and it.newest_period and not it.released
    ]
    entries = {entry.path: entry for entry in after.entries}
    counts = _outcomes([content for *_, content in gone], schema, parts) if gone else []
    for (path, (run, newest), _), outcomes in zip(gone, counts, strict=True):
        earlier = with_gone(entries[path].earlier, GoneContent(run, newest, outcomes))
        entries[path] = replace(entries[path], earlier=earlier)
    return replace(after, entries=tuple(entries.values()))


def _outcomes(contents: Iterable[Content], schema: Schema, parts: Path) -> list[dict[str, list[int]]]:
    """How many rows of each period stayed and left, and how many there were, of each content."""
    alone = tuple(Entry("", contents=(it,)) for it in contents)
    counts = DatasetCounts(Manifest("", schema.identity, entries=alone), schema, parts)
    rows = counts._rows
    n_rows = ", ".join([*(f"count(*) filter ({rows.target} = {outcome})" for outcome in (0, 1)), "count(*)"])
    past = f"from accepted where not ({counts._in_future()})"
    found: list[dict[str, list[int]]] = [{} for _ in alone]
    query = f"select position // {SPAN}, {rows.period}, {n_rows} {past} group by all"
    for place, period, *counted in rows.run(query).fetchall():
        found[place][period] = counted
    return found
