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

from risk.dataset import _absence, _end_dates, counts
from risk.dataset._accepted_rows import AcceptedRows
from risk.dataset._months import MonthRows
from risk.dataset.dataset import Dataset, shown
from risk.dataset.intake import with_digests
from risk.dataset.manifest import Entry, Manifest
from risk.disk import files
from risk.errors import DataError
from risk.reading.reader import Source, read
from risk.reading.sql import literal
from risk.settings.schema import Schema
from risk.settings.target import Target
from risk.text import counted

UNLIMITED = 1 << 62
ABSENT, ENDED, MONTHS = "labels by absence", "labels by end date", "months of events"


@dataclass(frozen=True)
class Made:
    """What is derived: its name, its rows (the table `derived`), and what a person should know."""

    name: str
    rows: AcceptedRows
    schema: Schema
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
        return _joined(replace(whole, told=before.told), schema, [*former.values()])
    made = _made(Dataset(now, schema.files or schema, parts), schema)
    with tempfile.TemporaryDirectory() as scratch:
        sources = [*_written(made, now, Path(scratch))]
        entries = [*_taken(sources, former, schema, parts, run)]
    return with_digests(_joined(replace(whole, told=made.told), schema, entries), parts)


def faults(version: Manifest, schema: Schema, parts: Path) -> list[str]:
    """A sentence for each derived entry that does not follow from the sources. Raises: DiskError."""
    if not schema.outcome.is_derived:
        return []
    taken = given(version)
    made = _made(Dataset(taken, schema.files or schema, parts), schema)
    with tempfile.TemporaryDirectory() as scratch:
        follow = {it.name: [files.digest_file(it.path)] for it in _written(made, taken, Path(scratch))}
    stored = {it.path: [content.digest for content in it.contents] for it in version.entries if it.derived}
    names = sorted(name for name in follow.keys() | stored.keys() if follow.get(name) != stored.get(name))
    return [f"{name}: it is not what follows from the sources" for name in names]


def _joined(now: Manifest, schema: Schema, entries: list[Entry]) -> Manifest:
    """What was taken in with what is derived: beside it, or in the place of events."""
    if schema.files:
        return replace(now, events=now.entries).with_entries(entries)
    return now.with_entries([*now.entries, *entries])


def _basis(manifest: Manifest) -> list[object]:
    """All that derived rows follow from."""
    return [[entry.path, [(it.digest, it.limit) for it in entry.contents]] for entry in manifest.sources]


def _written(made: Made, now: Manifest, folder: Path) -> Iterator[Source]:
    """Yield the derived rows as files, one of each period or source, in an order that no file has a say in."""
    accepted, schema = made.rows, made.schema
    columns = (shown(column, schema, accepted.names[column.name]) for column in schema.columns)
    named = ", ".join(f'{column} as "{index}"' for index, column in enumerate(columns))
    header = (",".join(f'"{it.name.replace(chr(34), chr(34) * 2)}"' for it in schema.columns) + "\n").encode()
    names = ", ".join(accepted.names.values())
    key = accepted.period or "source"
    for place, (of,) in enumerate(accepted.run(f"select distinct {key} from derived order by all").fetchall()):
        path = folder / f"{place}.csv"
        wanted = f"select {named} from derived where {key} = {literal(str(of))} order by {names}"
        accepted.run(
            f"copy ({wanted}) to {literal(str(path))} "
            "(format csv, header false, delimiter ',', quote '\"', escape '\"', nullstr '')"
        )
        path.write_bytes(header + path.read_bytes())
        called = of if accepted.period else now.entries[of].path
        yield Source(f"{made.name}/{called}", path, is_derived=True)


def _taken(sources: list[Source], former: dict[str, Entry], schema: Schema, parts: Path, run: int) -> Iterator[Entry]:
    """Yield an entry of each source; a content that is known is not read again."""
    digests, today = {it.name: files.digest_file(it.path) for it in sources}, datetime.now(UTC).date().isoformat()
    known = {content.digest: content for entry in former.values() for content in entry.contents}
    fresh = [source for source in sources if digests[source.name] not in known]
    for source, content in read(fresh, schema.as_plain, parts, size_cap=UNLIMITED):
        if content is None or content.fault or content.n_refused:
            raise DataError(f"{source.name}: {content and content.n_refused} derived rows cannot be read back")
        # whatever is to be said of it was said where its rows were taken in
        content = replace(content, judged=today, n_given=content.n_accepted, warnings=(), odd=(), dotted={})
        known[content.digest] = content
    for source in sources:
        content, entry = known[digests[source.name]], former.get(source.name) or Entry(source.name, derived=True)
        same = [it.digest for it in entry.contents] == [content.digest]
        yield entry if same else replace(entry, contents=(content,), judged_run=run)


# --- the rules --------------------------------------------------------------------------------------------------------


def _made(dataset: Dataset, schema: Schema) -> Made:
    """Make the table `derived` by the rule of the schema."""
    rule = schema.outcome
    if schema.files:
        return _of_events(MonthRows(dataset._places, schema, dataset.parts), schema)
    rows = dataset._rows
    if not rows.period:
        today = max((content.judged for content in dataset.manifest.contents.values()), default="")
        rows.run(f"create temp table derived as {_end_dates.outcomes_of_now(rows, rule, today)}")
        return Made(ENDED, rows, schema, ())
    name, how = (ABSENT, _absent(rule)) if rule.absent_for else (ENDED, "there after their end date")
    outcomes = _absence.outcomes if rule.absent_for else _end_dates.outcomes
    rows.run(f"create temp table derived as {outcomes(rows, rule, dataset.windows)}")
    return Made(name, rows, schema, _told(name, rows, how, dataset.windows.sentences()))


def _of_events(rows: MonthRows, schema: Schema) -> Made:
    rule = schema.outcome
    found = _absence.windows(_absence.n_clients(rows, rule, "false", "made"), rule)
    outcomes = f"select {rows.client}, {rows.period}, {rows.target}, back from ({_absence.outcomes(rows, rule, found)})"
    rows.run(
        f"create temp table derived as select m.* exclude ({rows.target}), o.{rows.target}, o.back from made m "
        f"left join ({outcomes}) o on o.{rows.client} = m.{rows.client} and o.{rows.period} = m.{rows.period}"
    )
    return Made(MONTHS, rows, schema, _told(MONTHS, rows, _absent(rule), [*rows.told, *found.sentences()]))


def _absent(rule: Target) -> str:
    return f"absent for more than {rule.absent_for}"


def _told(name: str, rows: AcceptedRows, how: str, sentences: list[str]) -> tuple[str, ...]:
    """The sentences, and how many clients came back after having left."""
    n_back = int(rows.run(f"select count(distinct {rows.client}) from derived where back").fetchall()[0][0])
    clients = counted(n_back, "client who had left has", "clients who had left have")
    told = f"{clients} come back ({how}): what was known of them before is labelled as left all the same"
    return tuple(f"{name}: {it}" for it in (*sentences, *([told] if n_back else [])))


# --- the counts of a new version --------------------------------------------------------------------------------------


def with_counts(before: Manifest, after: Manifest, schema: Schema, parts: Path, fingerprints: Path) -> Manifest:
    """Return `after` with its counts: those of what was taken in, as if nothing was derived, and the outcomes.

    A file gives the rows that it would give without derived ones, so that none of them looks like a duplicate, and none
    of its contents is dropped. Raises: DiskError.
    """
    if not schema.outcome.is_derived:
        return counts.counted(before, after, schema, parts, fingerprints)
    now = given(after)
    now = now if schema.files else counts.counted(given(before), now, schema, parts, fingerprints)
    derived = [entry for entry in after.entries if entry.derived]
    n_labelled = sum(entry.n_labelled for entry in derived)
    n_rows = sum(it.n_accepted for entry in derived for it in entry.contents) if schema.files else now.counts["n_rows"]
    known = {"n_rows": n_rows, "n_labelled": n_labelled}
    return _joined(replace(after, events=(), counts=known, entries=now.entries), schema, derived)
