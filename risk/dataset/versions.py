"""Versions of the dataset on disk: published whole, tidied away, and verified from their parts.

Writes: in the output folder versions/<number>-<digest>/, the link `current`, and fingerprints.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from risk.dataset import derived, intake, manifest
from risk.dataset.arrivals import remembered
from risk.dataset.dataset import Dataset
from risk.dataset.manifest import Manifest
from risk.disk import files, paths
from risk.errors import RiskError
from risk.settings.schema import Schema
from risk.text import event, log


@dataclass(frozen=True)
class Versions:
    """The versions in the output folder, and the releases that may need parts of older ones.

    The newest `keep` are kept, and the one that the `desk` rests on.
    """

    folder: Path
    releases: Path
    schema: Schema
    max_final_rows: int
    keep: int = 5
    desk: str | None = None

    @property
    def parts(self) -> Path:
        return self.folder / paths.PARTS

    @property
    def current(self) -> Path | None:
        return files.resolve(self.folder / paths.CURRENT)

    def follow(self, before: Manifest, after: Manifest) -> Manifest:
        """Publish the version that follows, if anything differs from the one that is current."""
        same = self.current is not None and paths.digest_of(self.current.name) == paths.digest_of(after.name)
        return before if same else self.publish(before, after)

    def publish(self, before: Manifest, after: Manifest) -> Manifest:
        """Count, drop contents that others replaced whole, write, turn the link. Raises: DiskError."""
        after = replace(after, number=after.number + 1)
        after = derived.with_counts(before, after, self.schema, self.parts, self.folder / paths.FINGERPRINTS)
        after = remembered(before, after, self.schema, self.parts)
        n_labelled = after.counts["n_labelled"]
        written: dict[str, files.Content] = {
            paths.MANIFEST: after.as_json(),
            paths.INGESTED_FILES: "".join(f"{entry.path}\n" for entry in after.sources if entry.has_rows).encode(),
            paths.REJECTED: intake.rejected_csv(after, self.parts),
        }
        if n_labelled <= self.max_final_rows:
            written[paths.FINAL_DATA] = Dataset(after, self.schema, self.parts).write_final_data
        else:
            export = "python ingestion.py --export FILE"
            log.warning(event("finaldata.csv is left out", rows=n_labelled, write_it_with=export))
        files.publish(self.folder / paths.VERSIONS, after.name, written, self.folder / paths.CURRENT)
        log.info(event("dataset", version=after.name, rows=after.counts["n_rows"], labelled=n_labelled))
        self.tidy()
        return after

    def tidy(self) -> None:
        """Remove versions beyond those that are kept, and parts of no kept version and no release."""
        files.tidy(self.folder, lambda name: True)
        shelf = self.folder / paths.VERSIONS
        files.tidy(shelf, self._is_kept)
        kept = manifest.read_all(shelf, self.releases)
        if damaged := manifest.undescribed(kept):
            log.warning(event("no part is tidied away while a manifest is damaged", reason=damaged[0]))
            return
        named = {name for found in kept.values() if found for name in found.file_names}
        files.tidy(self.parts, lambda name: name in named)

    def surplus(self, releases: Collection[str]) -> list[Path]:
        """What `tidy` would remove once these releases are gone: versions and parts."""
        known = manifest.read_all(self.folder / paths.VERSIONS, self.releases)
        gone = [it for it in known if it.parent != self.releases and not self._is_kept(it.name)]
        kept = {it: found for it, found in known.items() if it not in gone and it.name not in releases}
        if manifest.undescribed(kept):
            return gone
        named = {name for found in kept.values() if found for name in found.file_names}
        return gone + [path for path in sorted(self.parts.glob("*")) if path.name not in named]

    def _is_kept(self, name: str) -> bool:
        number, newest = paths.number_of(name), paths.number_of(self.current.name) if self.current else 0
        return newest - self.keep < number <= newest or (name == self.desk and number <= newest)


# --- is a version what its manifest says ------------------------------------------------------------------------------


def faults(version: Manifest, folder: Path, schema: Schema, parts: Path) -> list[str]:
    """A sentence for everything that is not as the manifest says; none when the dataset is sound."""
    broken = _digests(version, parts)
    if folder.name != version.name:
        broken.append(f"{folder}: its name is not that of its manifest, {version.name}")
    if broken:
        return broken
    try:
        return [*_counts(version, schema, parts), *_published(version, folder)]
    except RiskError as error:
        return [str(error)]


def _digests(version: Manifest, parts: Path) -> list[str]:
    broken = []
    for name, digest in version.parts.items():
        path = parts / name
        if not path.is_file():
            broken.append(f"{path}: the part is missing")
        elif files.digest_file(path) != digest:
            broken.append(f"{path}: its SHA-256 is not that of the manifest")
    gone = sorted(name for name in version.file_names - set(version.parts) if not (parts / name).is_file())
    return broken + [f"{parts / name}: the list of refused rows is missing" for name in gone]


def _counts(version: Manifest, schema: Schema, parts: Path) -> list[str]:
    rows = Dataset(version, schema, parts)
    broken = [
        f"{name} is {version.counts.get(name)} in the manifest, {count} in the parts"
        for name, count in rows.counts().items()
        if version.counts.get(name) != count
    ]
    for entry in (*version.entries, *version.events):
        accepted = sum(content.n_accepted for content in entry.contents)
        stored = sum(piece.rows for content in entry.contents for piece in content.slices)
        if stored != accepted:
            broken.append(f"{entry.path}: {accepted} accepted rows in the manifest, {stored} in the parts")
    broken += derived.faults(version, schema, parts)
    if version.events:  # they give no row themselves
        return broken
    taken = derived.given(version)
    return [*broken, *_given(taken, Dataset(taken, schema, parts))]


def _given(version: Manifest, rows: Dataset) -> Iterator[str]:
    """Yield what is wrong with the rows that each source gives; without periods that depends on who came first."""
    contributions = rows.contributions() if rows.schema.period else None
    for source, entry in enumerate(version.entries):
        counts = [content.n_given for content in entry.contents]
        accepted = [content.n_accepted for content in entry.contents]
        if contributions is None:
            possible = all(0 <= one <= most for one, most in zip(counts, accepted, strict=True))
        else:
            given = (contributions.get((source, content.digest)) for content in entry.contents)
            possible = counts == [it.rows if it else 0 for it in given]
        if not possible or entry.n_duplicate != sum(accepted) - sum(counts):
            yield f"{entry.path}: {entry.n_duplicate} duplicate rows in the manifest, which its parts do not bear out"


def _published(version: Manifest, folder: Path) -> list[str]:
    path = folder / paths.FINAL_DATA
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        n_rows = sum(1 for _ in csv.reader(file)) - 1
    n_labelled = version.counts.get("n_labelled")
    return [] if n_rows == n_labelled else [f"{path}: {n_rows} rows, {n_labelled} in the manifest"]
