"""Derived rows: those whose outcome follows from what was taken in, as if a company had sent them when it was known.

They stand in entries of their own, one of each period, behind those of all files. They are made again wherever a file
changes what they follow from, and are news like those of any file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from risk import files
from risk.dataset import _absence, _end_dates, counts
from risk.dataset.dataset import Dataset
from risk.dataset.intake import with_digests
from risk.dataset.manifest import Entry, Manifest
from risk.errors import DataError
from risk.reading.reader import Content, Source, read
from risk.reading.sql import literal
from risk.schema import Schema
from risk.text import counted

UNLIMITED = 1 << 62
ABSENT, ENDED = "labels by absence", "labels by end date"


@dataclass(frozen=True)
class Made:
    """The name of what is derived, and what a person should know; its rows are in the table `derived`."""

    name: str
    told: tuple[str, ...]


def given(manifest: Manifest) -> Manifest:
    """The manifest of what was taken in alone, without all that is derived of it."""
    if manifest.sources == manifest.entries:
        return manifest
    n_rows = 0 if manifest.events else manifest.counts.get("n_rows", 0)
    known = {"n_rows": n_rows, "n_labelled": 0} if manifest.counts else {}
    return replace(manifest, events=(), told=(), counts=known).with_entries(manifest.sources)


def with_derived(before: Manifest, now: Manifest, schema: Schema, parts: Path, run: int) -> Manifest:
    """The manifest of what was taken in with what follows from it. What `before` has derived alike stands.

    Files written: parts. Raises: DiskError.
    """
    if not schema.outcome.is_derived:
        return now
    former = {entry.path: entry for entry in before.entries if entry.derived}
    whole = replace(now, parts=before.parts | now.parts)
    if before.counts and _basis(given(before)) == _basis(now):
        return replace(whole, told=before.told).with_entries([*now.sources, *former.values()])
    rows = Dataset(now, schema, parts)
    with tempfile.TemporaryDirectory() as scratch:
        made = _by_absence(rows) if schema.outcome.absent_for else _by_end_date(rows)
        sources = [*_written(rows, made, Path(scratch))]
        entries = [*_taken(sources, former, schema, parts, run)]
    return with_digests(replace(whole, told=made.told).with_entries([*now.sources, *entries]), parts)


def _basis(manifest: Manifest) -> list[object]:
    """All that derived rows follow from."""
    return [[entry.path, [(it.digest, it.limit) for it in entry.contents]] for entry in manifest.sources]


def _written(rows: Dataset, made: Made, folder: Path) -> Iterator[Source]:
    """Yield the derived rows as files, one of each period or source, in an order that no file has a say in."""
    accepted, schema = rows._rows, rows.schema
    shown = ", ".join(f'{rows._shown(column)} as "{index}"' for index, column in enumerate(schema.columns))
    header = (",".join(f'"{it.name.replace(chr(34), chr(34) * 2)}"' for it in schema.columns) + "\n").encode()
    names = ", ".join(accepted.names.values())
    key = accepted.period or "source"
    for place, (of,) in enumerate(accepted.run(f"select distinct {key} from derived order by all").fetchall()):
        path = folder / f"{place}.csv"
        wanted = f"select {shown} from derived where {key} = {literal(str(of))} order by {names}"
        accepted.run(
            f"copy ({wanted}) to {literal(str(path))} "
            "(format csv, header false, delimiter ',', quote '\"', escape '\"', nullstr '')"
        )
        path.write_bytes(header + path.read_bytes())
        called = of if accepted.period else rows.manifest.entries[of].path
        yield Source(f"{made.name}/{called}", path, is_derived=True)


def _taken(sources: list[Source], former: dict[str, Entry], schema: Schema, parts: Path, run: int) -> Iterator[Entry]:
    """Yield an entry of each source; a content that is known is not read again."""
    digests = {source.name: files.digest_file(source.path) for source in sources}
    known = {content.digest: content for entry in former.values() for content in entry.contents}
    fresh = [source for source in sources if digests[source.name] not in known]
    for source, content in read(fresh, schema, parts, size_cap=UNLIMITED):
        if content is None or content.fault or content.n_refused:
            raise DataError(f"{source.name}: {content and content.n_refused} derived rows cannot be read back")
        known[content.digest] = _judged(content)
    for source in sources:
        content, entry = known[digests[source.name]], former.get(source.name) or Entry(source.name, derived=True)
        same = [it.digest for it in entry.contents] == [content.digest]
        yield entry if same else replace(entry, contents=(content,), judged_run=run)


def _judged(content: Content) -> Content:
    """A content of which everything was said where its rows were taken in."""
    today = datetime.now(UTC).date().isoformat()
    return replace(content, judged=today, n_given=content.n_accepted, warnings=(), odd=(), dotted={})


# --- the rules --------------------------------------------------------------------------------------------------------


def _by_absence(rows: Dataset) -> Made:
    accepted, rule = rows._rows, rows.schema.outcome
    found = rows.windows
    accepted.run(f"create temp table derived as {_absence.outcomes(accepted, rule, found)}")
    told = [f"{ABSENT}: {sentence}" for sentence in found.sentences()]
    return Made(ABSENT, (*told, *_returns(rows, ABSENT, f"absent for more than {rule.absent_for}")))


def _by_end_date(rows: Dataset) -> Made:
    accepted, rule = rows._rows, rows.schema.outcome
    if accepted.period:
        found = rows.windows
        accepted.run(f"create temp table derived as {_end_dates.outcomes(accepted, rule, found)}")
        told = [f"{ENDED}: {sentence}" for sentence in found.sentences()]
        return Made(ENDED, (*told, *_returns(rows, ENDED, "there after their end date")))
    today = max((content.judged for content in rows.manifest.contents.values()), default="")
    accepted.run(f"create temp table derived as {_end_dates.outcomes_of_now(accepted, rule, today)}")
    return Made(ENDED, ())


def _returns(rows: Dataset, name: str, how: str) -> list[str]:
    """Say how many clients came back after having left."""
    accepted = rows._rows
    answer = accepted.run(f"select count(distinct {accepted.client}) from derived where back").fetchall()
    n_back = int(answer[0][0])
    clients = counted(n_back, "client who had left has", "clients who had left have")
    told = f"{name}: {clients} come back ({how}): what was known of them before is labelled as left all the same"
    return [told] if n_back else []


# --- the counts of a new version --------------------------------------------------------------------------------------


def with_counts(before: Manifest, after: Manifest, schema: Schema, parts: Path, fingerprints: Path) -> Manifest:
    """Return `after` with its counts: those of what was taken in, as if nothing was derived, and the outcomes.

    A file gives the rows that it would give without derived ones, so that none of them looks like a duplicate, and none
    of its contents is dropped. Raises: DiskError.
    """
    if not schema.outcome.is_derived:
        return counts.counted(before, after, schema, parts, fingerprints)
    now = counts.counted(given(before), given(after), schema, parts, fingerprints)
    derived = [entry for entry in after.entries if entry.derived]
    n_labelled = sum(entry.n_labelled for entry in derived)
    known = now.counts | {"n_labelled": n_labelled}
    return replace(after, counts=known).with_entries([*now.entries, *derived])
