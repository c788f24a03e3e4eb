"""Counts of rows: what each source gives to the set, by period and by client, and how many rows the set has.

For a new version only what came, went or changed is counted; what the version before has counted stands. The contents
have positions: each source has a range of its own, in which its rows are numbered through its contents.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk.dataset import _absence, _on_cluster
from risk.dataset._accepted_rows import SPAN, AcceptedRows, Place
from risk.dataset._end_dates import is_over
from risk.dataset._fingerprints import Fingerprints, Growth
from risk.dataset._months import ended
from risk.dataset.manifest import Entry, Manifest, Periods, content_order, overlaps, periods_of
from risk.engine import engines
from risk.engine.cluster import Cluster, Given
from risk.reading.reader import Content
from risk.reading.spreadsheets import alike, odd_forms
from risk.reading.sql import literal
from risk.settings.schema import Schema

SourceContent = tuple[str, str]  # a source's path and a content's digest
Counts = dict[SourceContent, int]


class DatasetCounts:
    """The rows of one manifest. A share of the clients may be `spared`, as held out."""

    def __init__(
        self, manifest: Manifest, schema: Schema, parts: Path, known: Manifest | None = None, spared: float = 0
    ):
        self.manifest, self.schema, self.parts, self.known, self._spared = manifest, schema, parts, known, spared

    def contributions(self, during: Periods | None = None) -> dict[tuple[int, str], Given]:
        """The rows of the set in the periods, by the content they come from (source's place, content's digest)."""
        some = [place for place in self._places if overlaps(place.content, during)]
        if self.schema.period and (cluster := self._cluster):
            found = cluster.given(_on_cluster.of_places(some), self.schema, self.parts, during)
            return {(some[at].source, some[at].content.digest): found[at] for at in sorted(found)}
        rows = self._rows_of(some)
        last = "latest" if rows.period else "position"
        shown = f"position, {last} as last, {rows.target} is not null as labelled"
        answer = rows.run(f"select {shown} from ({rows.resolved(self._during(during))})").fetchnumpy()
        at, last_at = (self._at(np.asarray(answer[name])) for name in ("position", "last"))
        places = (at, at[np.asarray(answer["labelled"]).astype(bool)], last_at)
        counts = zip(*(np.bincount(each, minlength=len(self._places)).tolist() for each in places), strict=True)
        keys = ((place.source, place.content.digest) for place in self._places)
        return {key: Given(*numbers) for key, numbers in zip(keys, counts, strict=True) if any(numbers)}

    def counts(self) -> dict[str, int]:
        """The number of rows in the set and of labelled ones."""
        if cluster := self._cluster:
            return cluster.totals(_on_cluster.of_places(self._places), self.schema, self.parts).counts
        query = f"select count(*), count({self._rows.target}) from ({self._rows.resolved()})"
        return dict(zip(("n_rows", "n_labelled"), map(int, self._rows.run(query).fetchall()[0]), strict=True))

    def rows_by_period(self, where: str = "true") -> dict[str, int]:
        """Each period with the number of accepted rows in it."""
        query = f"select {self._rows.period}, count(*) from accepted where {where} group by all"
        return {str(period): int(n_rows) for period, n_rows in self._rows.run(query).fetchall()}

    def alike(self) -> str | None:
        """Say how many clients look like another one of the dataset, whichever file it is in."""
        forms: dict[str, set[str]] = {}
        for form, written in odd_forms(it for content in self.manifest.contents.values() for it in content.odd):
            forms.setdefault(form, set()).add(written)
        if not forms or len(self.manifest.contents) == 1:
            return None
        query = f"select distinct {self._rows.client} from accepted where list_contains(?, {self._rows.client})"
        return alike(forms, {row[0] for row in self._rows.run(query, [list(forms)]).fetchall()})

    def names_a_client(self, text: str) -> bool:
        """Whether the id of a client, of four characters or more, stands in the text as a word of its own."""
        query = f"select distinct {self._rows.client} from accepted where strlen({self._rows.client}) > 3"
        clients = self._rows.run(f"{query} and contains(?, {self._rows.client})", [text]).fetchall()
        return any(re.search(rf"(?<!\w){re.escape(client)}(?!\w)", text) for (client,) in clients)

    def n_clients(self) -> int:
        """The number of clients who have ever had an accepted row."""
        return int(self._rows.run(f"select count(distinct {self._rows.client}) from accepted").fetchall()[0][0])

    def _during(self, periods: Periods | None) -> str:
        """The condition that a row's period lies in the periods."""
        period = self._rows.period
        return f"{period} between {literal(periods[0])} and {literal(periods[1])}" if periods and period else "true"

    def _in_future(self) -> str:
        """The condition that a row lies in the future of the day on which its content was judged first."""
        places = ((it.position, sum(s.rows for s in it.content.slices), it.content.limit) for it in self._places)
        rows = f"position between {{}} and {{}} and {self._rows.period} > {{}}"
        return " or ".join(rows.format(at, at + n - 1, literal(limit)) for at, n, limit in places if limit) or "false"

    def _is_current(self) -> str:
        """The condition that a newest row is of a client who has not left."""
        rows, rule, stays = self._rows, self.schema.outcome, f"{self._rows.target} is distinct from 1"
        if (files := self.schema.files) and (named := getattr(files, "events", None)) and named.ends:
            taken = DatasetCounts(self.manifest.with_entries(self.manifest.sources), files, self.parts)
            stays += f" and {rows.client} not in ({ended(taken._rows, taken._places, named)})"
        if rule.absent_for:
            return f"{stays} and {rows.client} not in ({_absence.gone(rows, rule, self.windows)})"
        return f"{stays} and not {is_over(rows, rule, self.windows)}" if rule.ended_on and rows.period else stays

    @functools.cached_property
    def windows(self) -> _absence.Windows:
        """What the periods tell of absence."""
        rule = self.schema.outcome
        return _absence.windows(_absence.n_clients(self._rows, rule, self._in_future()), rule)

    def _at(self, positions: NDArray[Any]) -> NDArray[np.int64]:
        """The place of the content in which each position lies."""
        begins = np.array([place.position for place in self._places], dtype=np.int64)
        return np.searchsorted(begins, positions, side="right") - 1

    @property
    def _cluster(self) -> Cluster | None:
        return engines.cluster(self.schema, (self.parts / name for name in self.manifest.parts))

    @functools.cached_property
    def _rows(self) -> AcceptedRows:
        return self._rows_of(self._places)

    def _rows_of(self, places: list[Place]) -> AcceptedRows:
        return AcceptedRows(places, self.schema, self.parts)

    @functools.cached_property
    def _places(self) -> list[Place]:
        return self._placed(self.manifest, False)

    def _placed(self, manifest: Manifest, known: bool) -> list[Place]:
        """The contents by position: rows are counted through a source's contents."""
        order, places = content_order(self.manifest, self.known), []
        for source, entry in enumerate(manifest.entries):
            position = source * SPAN
            for content in entry.contents:
                places.append(Place(content, source, position, order[content.digest], known))
                position += sum(piece.rows for piece in content.slices)
        return places


# --- the counts of a new version --------------------------------------------------------------------------------------


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


def _counted(entry: Entry, given: Counts, idle: set[SourceContent]) -> Entry:
    """The entry without its idle former contents, unless they tell of refused rows."""
    kept = [
        replace(content, n_given=given.get((entry.path, content.digest), 0))
        for content in entry.contents
        if content is entry.contents[-1]
        or (entry.watermark and content.refusals)
        or (entry.path, content.digest) not in idle
    ]
    return replace(entry, contents=tuple(kept), n_duplicate=sum(it.n_accepted - it.n_given for it in kept))


def _by_fingerprint(
    before: Manifest, after: Manifest, schema: Schema, parts: Path, folder: Path
) -> tuple[Counts, Growth, set[SourceContent]]:
    """Return what each source brought when it was taken in: a row that was in already is its source's duplicate."""
    if cluster := engines.cluster(schema, (parts / name for name in after.parts)):  # it counts the whole set
        growth = _on_cluster.growth(cluster, before, after, schema, parts)
    else:
        growth = Fingerprints(folder, schema, parts).growth(before, after)
    given, brought = _given(before), dict(growth.brought)
    for entry in after.entries:
        for content in entry.contents:
            place = (entry.path, content.digest)
            given[place] = given.get(place, brought.pop(content.digest, 0))
    return given, growth, {place for place, it in _contents(after) if not it.n_accepted}


def _by_period(
    before: Manifest, after: Manifest, schema: Schema, parts: Path
) -> tuple[Counts, Growth, set[SourceContent]]:
    """The rows of the set that come from each content, counted again in the periods that changed.

    Idle is a content there of which no row is in the set, and none that upholds another one.
    """
    given, idle = _given(before), {place for place, it in _contents(after) if not it.n_accepted}
    n_rows = n_labelled = 0
    during = _concerned(before, after)
    if during is None:
        return given, Growth(0, 0, {}), idle
    idle |= {place for place, it in _contents(after) if overlaps(it, during)}
    for manifest, sign in ((before, -1), (after, 1)):
        for (source, digest), it in DatasetCounts(manifest, schema, parts).contributions(during).items():
            place = (manifest.entries[source].path, digest)
            given[place] = given.get(place, 0) + sign * it.rows
            n_rows, n_labelled = n_rows + sign * it.rows, n_labelled + sign * it.labelled
            idle -= {place} if sign > 0 else set()
    return given, Growth(n_rows, n_labelled, {}), idle


def _concerned(before: Manifest, after: Manifest) -> Periods | None:
    """The periods in which rows came, went or changed their order; None where there are none."""
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
    """The contents that came or went, and all of them where those that stayed changed places."""
    was, is_now = ([it.digest for it in some] for some in (former, now))
    same_order = [it for it in was if it in is_now] == [it for it in is_now if it in was]
    return [it for it in (*former, *now) if not same_order or (it.digest in was) != (it.digest in is_now)]


def _given(manifest: Manifest) -> Counts:
    return {place: it.n_given for place, it in _contents(manifest)}


def _contents(manifest: Manifest) -> Iterator[tuple[SourceContent, Content]]:
    for entry in manifest.entries:
        yield from (((entry.path, it.digest), it) for it in entry.contents)
