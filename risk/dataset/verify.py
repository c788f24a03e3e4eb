"""Is the dataset what its manifest says? Every digest and every count, computed again from the parts."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from risk import files, paths
from risk.dataset.dataset import Dataset
from risk.dataset.manifest import Manifest
from risk.errors import RiskError
from risk.schema import Schema


def faults(manifest: Manifest, folder: Path, schema: Schema, parts: Path) -> list[str]:
    """Return a sentence for everything that is not as the manifest says; none when the dataset is sound."""
    found = [*_digests(manifest, parts), *_names(manifest, folder)]
    if found:
        return found
    try:
        return [*_counts(manifest, schema, parts), *_published(manifest, folder)]
    except RiskError as error:
        return [str(error)]


def _digests(manifest: Manifest, parts: Path) -> list[str]:
    found = []
    for name, digest in manifest.parts.items():
        path = parts / name
        if not path.is_file():
            found.append(f"{path}: the part is missing")
        elif files.digest_file(path) != digest:
            found.append(f"{path}: its SHA-256 is not that of the manifest")
    gone = sorted(name for name in manifest.file_names - set(manifest.parts) if not (parts / name).is_file())
    return found + [f"{parts / name}: the list of refused rows is missing" for name in gone]


def _names(manifest: Manifest, folder: Path) -> list[str]:
    wrong = folder.name != manifest.name
    return [f"{folder}: its name is not that of its manifest, {manifest.name}"] if wrong else []


def _counts(manifest: Manifest, schema: Schema, parts: Path) -> list[str]:
    rows = Dataset(manifest, schema, parts)
    found = [
        f"{name} is {manifest.counts.get(name)} in the manifest, {count} in the parts"
        for name, count in rows.counts().items()
        if manifest.counts.get(name) != count
    ]
    for entry in manifest.entries:
        accepted = sum(content.n_accepted for content in entry.contents)
        told = sum(piece.rows for content in entry.contents for piece in content.slices)
        if told != accepted:
            found.append(f"{entry.path}: {accepted} accepted rows in the manifest, {told} in the parts")
    return [*found, *_given(manifest, rows)]


def _given(manifest: Manifest, rows: Dataset) -> Iterator[str]:
    """Yield what is wrong with the rows that each source gives; without periods that depends on who came first."""
    found = rows.contributions() if rows.schema.period else None
    for source, entry in enumerate(manifest.entries):
        told = [content.n_given for content in entry.contents]
        accepted = [content.n_accepted for content in entry.contents]
        if found is None:
            possible = all(0 <= one <= most for one, most in zip(told, accepted, strict=True))
        else:
            given = (found.get((source, content.digest)) for content in entry.contents)
            possible = told == [it.rows if it else 0 for it in given]
        if not possible or entry.n_duplicate != sum(accepted) - sum(told):
            yield f"{entry.path}: {entry.n_duplicate} duplicate rows in the manifest, which its parts do not bear out"


def _published(manifest: Manifest, folder: Path) -> list[str]:
    path = folder / paths.FINAL_DATA
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        n_rows = sum(1 for _ in csv.reader(file)) - 1
    said = manifest.counts.get("n_labelled")
    return [] if n_rows == said else [f"{path}: {n_rows} rows, {said} in the manifest"]
