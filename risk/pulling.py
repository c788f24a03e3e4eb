"""What a database has that is new, taken into the manifest: its rows and its watermark are committed together."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from risk import database, future
from risk.holding import Feeds
from risk.intake import add, sentence, with_digests
from risk.manifest import Entry, Manifest
from risk.reader import Source, read
from risk.schema import Schema

UNLIMITED = 1 << 62  # a first pull may be larger than any file that is let in


@dataclass(frozen=True)
class Pulled:
    """The manifest that follows, and what a person should know."""

    manifest: Manifest
    warnings: tuple[str, ...]


def pull_in(
    source: database.DatabaseSource, before: Manifest, schema: Schema, parts: Path, root: Path, run: int
) -> Pulled:
    """Take in the rows of a database since its watermark: the same reader, the same refusals as for a file.

    A pull that is refused whole does not move the watermark. Raises: SourceError, ConfigError, DiskError.
    """
    name = database.name(source)
    entry = before.entry(name) or Entry(name, "in", None, (), None, run)
    with tempfile.TemporaryDirectory() as scratch:
        pulled = database.pull(source, schema, entry.watermark, Path(scratch), root)
        said = [f"{name}: {warning}" for warning in pulled.warnings]
        if pulled.path is None:
            after = replace(entry, state="in", reason=None, watermark=pulled.watermark)
            return Pulled(_with(before, after) if pulled.watermark else before, tuple(said))
        content = next(iter(list(read([Source(name, pulled.path)], schema, parts, size_cap=UNLIMITED))))[1]
    if content is None:
        return Pulled(
            before, (*said, f"{name}: what was pulled changed while it was read; it is left for the next run")
        )
    if content.fault:
        after = replace(entry, state="refused", reason=sentence(name, content.fault), refused=content)
        return Pulled(_with(before, after), tuple(said))
    content = future.judged(content, before.periods, schema, parts)
    after = add(entry, content, run, Feeds(before, schema, parts).fault_of(content), pulled.anew)
    return Pulled(with_digests(_with(before, replace(after, watermark=pulled.watermark)), parts), tuple(said))


def _with(manifest: Manifest, entry: Entry) -> Manifest:
    return manifest.with_entries([*(other for other in manifest.entries if other.path != entry.path), entry])
