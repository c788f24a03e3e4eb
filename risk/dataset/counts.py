"""What the rows of every source come to: how many of them are in the set, and how many rows the set has.

Only what came, went or changed is counted; what the version before has counted stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from risk.dataset._fingerprints import Fingerprints, Growth
from risk.dataset.dataset import Dataset
from risk.dataset.manifest import Entry, Manifest, Periods, overlaps, periods_of
from risk.reading.reader import Content
from risk.schema import Schema

Place = tuple[str, str]  # a source's path and a content's digest
Counts = dict[Place, int]


def counted(before: Manifest, after: Manifest, schema: Schema, parts: Path, fingerprints: Path) -> Manifest:
    """Return `after` with its counts, without former contents of which no row is in the set and that uphold none.

    What `before` has counted stands; everything is counted where it is empty, or of a program that kept no counts of
    contents. Raises: DiskError.
    """
    if not any(content.n_given for _, content in _contents(before)):
        before = replace(before, entries=(), counts={})
    if schema.period:
        given, grown, idle = _by_period(before, after, schema, parts)
    else:
        given, grown, idle = _by_fingerprint(before, after, schema, parts, fingerprints)
    n_rows, n_labelled = (before.counts.get(name, 0) for name in ("n_rows", "n_labelled"))
    counts = {"n_rows": n_rows + grown.n_rows, "n_labelled": n_labelled + grown.n_labelled}
    return replace(after.with_entries([_counted(entry, given, idle) for entry in after.entries]), counts=counts)


def _counted(entry: Entry, given: Counts, idle: set[Place]) -> Entry:
    """Return the entry without its idle former contents, unless they tell of refused rows."""
    contents = [replace(it, n_given=given.get((entry.path, it.digest), 0)) for it in entry.contents]
    told = [entry.watermark and it.refusals for it in contents]
    kept = [
        it
        for it, refusals in zip(contents, told, strict=True)
        if it is contents[-1] or refusals or (entry.path, it.digest) not in idle
    ]
    return replace(entry, contents=tuple(kept), n_duplicate=sum(it.n_accepted - it.n_given for it in kept))


def _by_fingerprint(
    before: Manifest, after: Manifest, schema: Schema, parts: Path, folder: Path
) -> tuple[Counts, Growth, set[Place]]:
    """Return what each source brought when it was taken in: a row that was in already is its source's duplicate."""
    growth = Fingerprints(folder, schema, parts).growth(before, after)
    given, brought = _given(before), dict(growth.brought)
    for entry in after.entries:
        for content in entry.contents:
            place = (entry.path, content.digest)
            given[place] = given.get(place, brought.pop(content.digest, 0))
    return given, growth, {place for place, it in _contents(after) if not it.n_accepted}


def _by_period(before: Manifest, after: Manifest, schema: Schema, parts: Path) -> tuple[Counts, Growth, set[Place]]:
    """Return how many rows of the set come from each content, counted anew in the periods that are concerned.

    Idle is a content there of which no row is in the set, and none that upholds another one.
    """
    given, idle = _given(before), {place for place, it in _contents(after) if not it.n_accepted}
    n_rows = n_labelled = 0
    during = _concerned(before, after)
    if during is None:
        return given, Growth(0, 0, {}), idle
    idle |= {place for place, it in _contents(after) if overlaps(it, during)}
    for manifest, sign in ((before, -1), (after, 1)):
        for (source, digest), it in Dataset(manifest, schema, parts).contributions(during).items():
            place = (manifest.entries[source].path, digest)
            given[place] = given.get(place, 0) + sign * it.rows
            n_rows, n_labelled = n_rows + sign * it.rows, n_labelled + sign * it.labelled
            idle -= {place} if sign > 0 else set()
    return given, Growth(n_rows, n_labelled, {}), idle


def _concerned(before: Manifest, after: Manifest) -> Periods | None:
    """Return the periods in which rows came, went or changed their order; None where there are none."""
    contents = {entry.path: entry.contents for entry in before.entries}
    changed: list[Content] = []
    for entry in after.entries:
        changed += _changed(contents.pop(entry.path, ()), entry.contents)
    changed += [content for gone in contents.values() for content in gone]
    former = [content for entry in after.entries for content in entry.contents[:-1]]
    changed += [content for content in former if not content.n_given]
    during = periods_of(changed)
    while during and (wider := periods_of([*changed, *(it for it in former if overlaps(it, during))])) != during:
        during = wider  # a former content is dropped where no row of it is in any more: all of it is looked at
    return during


def _changed(former: tuple[Content, ...], now: tuple[Content, ...]) -> Iterable[Content]:
    """Return the contents that came or went, and all of them where those that stayed changed places."""
    was, is_now = ([it.digest for it in some] for some in (former, now))
    same_order = [it for it in was if it in is_now] == [it for it in is_now if it in was]
    return [it for it in (*former, *now) if not same_order or (it.digest in was) != (it.digest in is_now)]


def _given(manifest: Manifest) -> Counts:
    return {place: it.n_given for place, it in _contents(manifest)}


def _contents(manifest: Manifest) -> Iterator[tuple[Place, Content]]:
    for entry in manifest.entries:
        yield from (((entry.path, it.digest), it) for it in entry.contents)
