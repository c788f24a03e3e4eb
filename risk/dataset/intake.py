"""The intake of files: what changed in the inbox is read and makes the next manifest; the rest is not read again."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from risk.dataset.dataset import ADDED
from risk.dataset.inbox import Inbox, InboxFile
from risk.dataset.manifest import Entry, Manifest
from risk.dataset.outcomes import Outcomes
from risk.dataset.quarantine import Feeds, all_judged, judged, of_one_form
from risk.disk import files, journal, paths
from risk.disk.journal import Attention
from risk.engine import engines
from risk.errors import ConfigError, DataError
from risk.reading.erased import NOBODY, Erased
from risk.reading.reader import Content, Refusal, Source, read, read_refusals
from risk.settings.schema import Schema
from risk.text import as_csv

OURS = (*ADDED, "file_row_number")  # names that frames and parts need
QUOTATION = re.compile(": ['\"]")  # so begins what a warning quotes of a file: columns; of an older program, clients
Seen = dict[str, list[int | str]]


@dataclass(frozen=True)
class Intake:
    """The manifest that follows, the cache of what every file's signature stood for, and what a person should know."""

    manifest: Manifest
    seen: Seen
    read: tuple[str, ...]
    unsettled: tuple[str, ...]


def take_in(
    inbox: Inbox, before: Manifest, schema: Schema, parts: Path, seen: Seen, *, run: int, size_cap: int,
    erased: Erased = NOBODY,
) -> Intake:  # fmt: skip
    """Read every new or changed source and return the manifest that follows from `before`.

    `seen` maps a path to its size, mtime, ctime, inode and digest when it was read; a file that still has them is not
    opened. Files written: parts, and the refusals beside them. Raises: ConfigError, DiskError.
    """
    _check_names(schema)
    before = all_judged(before, schema, parts)
    kinds = {(it.refused.digest, paths.kind_of(it.path)): it.refused for it in before.entries if it.refused}
    by_digest = {digest: content for (digest, _), content in kinds.items() if digest} | before.contents
    sizes = {content.size for content in by_digest.values()}
    digests = {file.name: _digest(file, sizes, seen) for file in inbox.sources}
    entries = {entry.path: entry for entry in before.entries}
    held = {entry.refused.digest: entry.reason for entry in before.entries if entry.state == "held" and entry.refused}
    to_read, unsettled, keeps = [], [], bool(schema.period)
    for file in inbox.sources:
        content = by_digest.get(digests[file.name] or "")
        if content and content.fault:  # as another kind of table it may be none
            content = kinds.get((content.digest, paths.kind_of(file.name)))
        if content is None:
            to_read.append(Source(file.name, file.path))
        else:
            entry = entries.get(file.name) or Entry(file.name)
            entries[file.name] = follow(entry, content, keeps, run, held.get(content.digest))
    feeds, periods = Feeds(before, schema, parts), before.periods
    for source, content in engines.reading(schema, to_read, erased)(to_read, schema, parts, size_cap=size_cap):
        if content is None:
            unsettled.append(source.name)
            continue
        digests[source.name] = content.digest
        content = judged(of_one_form(content, periods, schema), periods, schema, parts)
        fault = feeds.fault_of(content, source.name)
        if warning := feeds.outvoted.get(content.digest):
            content = replace(content, warnings=(*content.warnings, warning))
        entries[source.name] = follow(entries.get(source.name) or Entry(source.name), content, keeps, run, fault)
    present = {file.name for file in inbox.sources} | set(inbox.skipped)
    if feeds.outvoted:
        beside = Feeds(before.with_entries(entries.values()), schema, parts)
        entries = {path: _judged_again(entry, beside, schema, run) for path, entry in entries.items()}
    kept = [entry if path in present else _gone(entry) for path, entry in entries.items()]
    cache: Seen = {f.name: [*f.signature, digest] for f in inbox.sources if (digest := digests[f.name])}
    manifest = with_digests(before.with_entries(entry for entry in kept if entry), parts)
    return Intake(manifest, cache, tuple(source.name for source in to_read), tuple(unsettled))


def _judged_again(entry: Entry, feeds: Feeds, schema: Schema, run: int) -> Entry:
    """The entry of a file with its held content taken in, where what spoke against it was outvoted."""
    if entry.state != "held" or entry.watermark or not entry.refused or feeds.fault_of(entry.refused, entry.path):
        return entry
    return follow(replace(entry, refused=None), entry.refused, bool(schema.period), run, None)


def refused_rows(manifest: Manifest, parts: Path) -> list[tuple[str, Refusal]]:
    """Return what is refused of every source now, with the source's path."""
    shown = [(entry.path, content) for entry in manifest.sources for content in entry.shown]
    return [(path, refusal) for path, content in shown for refusal in refusals_of(content, parts)]


def refusals_of(content: Content, parts: Path) -> list[Refusal]:
    """Return what is refused of one content: the fault of the file, then its rows, and how many are not listed."""
    fault = [content.fault] if content.fault else []
    rows = read_refusals(parts, content.refusals) if content.refusals else []
    more = content.n_refused - len(rows)
    cut = f"{more:,} more rows are refused and not listed ({content.n_refused:,} in all)"
    return [*fault, *rows, *([Refusal(None, None, None, cut, "rows as above")] if more > 0 and rows else [])]


def rejected_csv(manifest: Manifest, parts: Path) -> bytes:
    """The content of rejected.csv."""
    rows = (
        (source, it.where or it.line, it.column, it.value, it.reason, it.expected)
        for source, it in refused_rows(manifest, parts)
    )
    return as_csv(("source", "line", "column", "value", "reason", "expected"), rows)


def of_file(path: Path, schema: Schema, parts: Path) -> Manifest:
    """A manifest of one file alone, its rows written to `parts`. Raises: DataError when the file is refused."""
    ((_, content),) = read([Source(path.name, path)], schema, parts, size_cap=1 << 62)
    if content is None:
        raise DataError(f"{path}: it changed while it was read; try again")
    if content.fault:
        raise DataError(sentence(str(path), content.fault))
    alone = Manifest(str(path.parent), schema.identity, number=1)
    return alone.with_entries([Entry(path.name, contents=(content,))])


def sentence(source: str, refusal: Refusal) -> str:
    """A refusal as people read it: file, line, column, what was found, what was expected."""
    column = f"{refusal.column} " if refusal.column else ""
    value = f"({refusal.value!r}) " if refusal.value is not None else ""
    return f"{source}: {refusal.place}{column}{value}{refusal.reason}; expected {refusal.expected}"


def warnings_in_journal(manifest: Manifest) -> dict[str, str]:
    """What the journal keeps of each warning that quotes a file: there may be a client in it."""
    kept = {}
    for entry in manifest.sources:
        if entry.state == "refused" and entry.reason:
            kept[entry.reason] = str(entry.stated_reason)
        warnings = (it for content in entry.shown for it in content.warnings)
        for warning in (it for it in warnings if QUOTATION.search(it)):
            kept[f"{entry.path}: {warning}"] = f"{entry.path}: there is a warning; the report of the run says it"
    return kept


def _check_names(schema: Schema) -> None:
    """Raises: ConfigError where a column has a name that the program needs, or one that differs only in case."""
    names = [column.name.lower() for column in schema.columns]
    for name in names:
        if name in OURS or names.count(name) > 1:
            meaning = "kept for the program" if name in OURS else "the name of two columns but for its case"
            raise ConfigError(f"key 'schema': {name!r} is {meaning}; rename it in the settings and in the files")


def _digest(file: InboxFile, sizes: set[int], seen: Seen) -> str | None:
    """The digest of a file if its signature or its size says that it may be known; None when it must be read."""
    cached = seen.get(file.name)
    if cached and cached[:4] == list(file.signature):
        return str(cached[4])
    if file.signature[0] not in sizes:
        return None
    try:
        return files.digest_file(file.path)
    except OSError:
        return None


def _gone(entry: Entry) -> Entry | None:
    """The entry of a source that is no longer there, or None where no row of it was taken in."""
    if entry.watermark:
        return entry
    if not entry.contents:
        return None
    return replace(entry, state="gone", reason="the file is no longer there; its rows are kept", refused=None)


def release(manifest: Manifest, path: str, schema: Schema, run: int) -> Manifest:
    """The manifest with the held rows of a source taken in. Raises: DataError where it is not held."""
    entry = manifest.entry(path)
    if entry is None or entry.state != "held" or entry.refused is None:
        held = ", ".join(manifest.held) or "none"
        raise DataError(f"{path}: this source is not held; held sources: {held}")
    content = replace(entry.refused, released=entry.reason)
    keeps = bool(schema.period or entry.watermark)
    taken = replace(follow(replace(entry, refused=None), content, keeps, run, None), former=entry.contents)
    return manifest.with_entries([*(other for other in manifest.entries if other is not entry), taken])


def withdraw(manifest: Manifest, path: str, run: int) -> Manifest:
    """The manifest without the last content of a source that was released, which is held again.

    Whatever source shows it: its rows leave the set. Raises: DataError where nothing of the source was released.
    """
    entry = manifest.entry(path)
    released = next((it for it in reversed(entry.contents) if it.released), None) if entry else None
    if released is None:
        others = [it.path for it in manifest.entries if any(content.released for content in it.contents)]
        raise DataError(
            f"{path}: nothing of it was released (sources with a release: {', '.join(others) or 'none'}). "
            "Nothing was changed."
        )
    left = (_without(it, released, run) for it in manifest.entries)
    return manifest.with_entries(it for it in left if it)


def _without(entry: Entry, released: Content, run: int) -> Entry | None:
    """The entry without a released content, or None where nothing of it is left."""
    digests = [it.digest for it in entry.contents]
    if released.digest not in digests:
        return entry
    place = digests.index(released.digest)
    later = entry.contents[place + 1 :]
    left = replace(entry, contents=(*(entry.former or entry.contents[:place]), *later), former=(), judged_run=run)
    is_shown = entry.state == "in" and (entry.watermark or not later)
    if is_shown:
        return replace(left, state="held", reason=released.released, refused=replace(released, released=None))
    return left if left.contents or left.refused or left.watermark else None


def unread_calls(called: Outcomes) -> list[Attention]:
    """What needs a person among the outcomes of calls: the files of which nothing could be read."""
    told = "is no CSV of calls, so none of its contacts counts. ingestion.py --rejected says why; send a better one."
    return [Attention(journal.CALLS, it.source, f"{it.source}: {told}") for it in called.rejected if it.line is None]


def follow(entry: Entry, content: Content, keeps: bool, run: int, fault: str | None) -> Entry:
    """The entry of a source that now shows this content, beside its former ones or in their place.

    `fault` is why it is held, if it is.
    """
    if content.fault or fault:
        first = entry.judged_run if entry.refused and entry.refused.digest == content.digest else run
        held = replace(entry, state="held", reason=fault, refused=content, judged_run=first)
        if content.fault:
            return replace(held, state="refused", reason=sentence(entry.path, content.fault))
        return held
    taken = replace(entry, state="in", reason=None, refused=None)
    if not entry.watermark and entry.contents and entry.contents[-1].digest == content.digest:
        return taken
    kept = tuple(it for it in entry.contents if it.digest != content.digest) if keeps else ()
    before = entry.former if any(it.released for it in kept) else ()
    return replace(taken, contents=(*kept, replace(content, run=run)), judged_run=run, former=before)


def with_digests(manifest: Manifest, parts: Path) -> Manifest:
    """The manifest with the SHA-256 of every part, computed for those that are new."""
    return replace(
        manifest, parts={name: digest or files.digest_file(parts / name) for name, digest in manifest.parts.items()}
    )
