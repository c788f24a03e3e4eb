"""What the rows of every source come to: how many of them are in the set, and how many rows the set has.

Only what came, went or changed is counted; what the version before has counted stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from risk.dataset import Dataset, Given, Periods, overlaps, periods_of
from risk.fingerprints import Fingerprints
from risk.manifest import Entry, Manifest
from risk.reader import Content
from risk.schema import Schema

Place = tuple[str, str]  # a source's path and a content's digest
Counts = dict[Place, int]


def counted(before: Manifest, after: Manifest, schema: Schema, parts: Path, fingerprints: Path) -> Manifest:
    """Return `after` with its counts, without former contents of which no row is in the set any more.

    `before` is a version that is counted, or empty. Raises: DiskError.
    """
    if schema.period:
        given, grown = _by_period(before, after, schema, parts)
    else:
        given, grown = _by_fingerprint(before, after, schema, parts, fingerprints)
    n_rows, n_labelled = (before.counts.get(name, 0) for name in ("n_rows", "n_labelled"))
    counts = {"n_rows": n_rows + grown.rows, "n_labelled": n_labelled + grown.labelled}
    return replace(after.with_entries([_counted(entry, given) for entry in after.entries]), counts=counts)


def _counted(entry: Entry, given: Counts) -> Entry:
    contents = [replace(it, n_given=given.get((entry.path, it.digest), 0)) for it in entry.contents]
    kept = [it for it in contents if it is contents[-1] or it.n_given or (entry.watermark and it.refusals)]
    return replace(entry, contents=tuple(kept), n_duplicate=sum(it.n_accepted - it.n_given for it in kept))


def _by_fingerprint(
    before: Manifest, after: Manifest, schema: Schema, parts: Path, folder: Path
) -> tuple[Counts, Given]:
    """Return what each source brought when it was taken in: a row that was in already is its source's duplicate."""
    growth = Fingerprints(folder, schema, parts).growth(before, after)
    given, brought = _given(before), dict(growth.brought)
    for entry in after.entries:
        for content in entry.contents:
            place = (entry.path, content.digest)
            given[place] = given.get(place, brought.pop(content.digest, 0))
    return given, Given(growth.n_rows, growth.n_labelled)


def _by_period(before: Manifest, after: Manifest, schema: Schema, parts: Path) -> tuple[Counts, Given]:
    """Return how many rows of the set come from each content, counted anew in the periods that are concerned."""
    during = _concerned(before, after)
    if during is None:
        return _given(before), Given(0, 0)
    given, rows, labelled = _given(before), 0, 0
    for manifest, sign in ((before, -1), (after, 1)):
        for (source, digest), it in Dataset(manifest, schema, parts).contributions(during).items():
            place = (manifest.entries[source].path, digest)
            given[place] = given.get(place, 0) + sign * it.rows
            rows, labelled = rows + sign * it.rows, labelled + sign * it.labelled
    return given, Given(rows, labelled)


def _concerned(before: Manifest, after: Manifest) -> Periods | None:
    """Return the periods in which rows came, went or changed their order; None where there are none."""
    contents = {entry.path: entry.contents for entry in before.entries}
    changed: list[Content] = []
    for entry in after.entries:
        changed += _changed(contents.pop(entry.path, ()), entry.contents)
    changed += [content for gone in contents.values() for content in gone]
    during = periods_of(changed)
    former = [content for entry in after.entries for content in entry.contents[:-1]]
    while during and (wider := periods_of([*changed, *(it for it in former if overlaps(it, during))])) != during:
        during = wider  # a former content is dropped where no row of it is in any more: all of it is looked at
    return during


def _changed(former: tuple[Content, ...], now: tuple[Content, ...]) -> Iterable[Content]:
    """Return the contents that came or went, and all of them where those that stayed changed places."""
    was, is_now = ([it.digest for it in some] for some in (former, now))
    same_order = [it for it in was if it in is_now] == [it for it in is_now if it in was]
    return [it for it in (*former, *now) if not same_order or (it.digest in was) != (it.digest in is_now)]


def _given(manifest: Manifest) -> Counts:
    return {(entry.path, it.digest): it.n_given for entry in manifest.entries for it in entry.contents}
