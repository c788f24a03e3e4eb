"""The audit export: one zip of what proves every decision, with a verifier that needs nothing of ours.

It holds the journal, the card, verdict and score of every release, the desk's verdict, the manifest of every release
and dataset version without any text of a row, and the SHA-256 of every file that is kept. It names no client.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from risk.dataset import manifest as manifests
from risk.dataset.manifest import Entry, Manifest
from risk.disk import files, journal, paths
from risk.errors import UsageError
from risk.reading.reader import Content

VERIFIER = Path(__file__).with_name("verify_export.py")
JOURNAL = "production_deployment/journal.jsonl"
DIGESTS, SEAL, VERIFY = "digests.json", "seal.txt", "verify.py"
OF_RELEASE = (paths.CARD, paths.VERDICT, paths.LATEST_SCORE, paths.MODEL_CARD, paths.INGESTED_FILES)
OF_DESK = (paths.CARD, paths.VERDICT, paths.LATEST_SCORE)
INCIDENTAL = (paths.LOCK, paths.TICK, paths.DELIVERY_LOCK, paths.DELIVERY)  # they tell of no decision
_YEAR = re.compile(r"(?:19|20)\d\d", re.ASCII)
_OF_CONTENT = (
    "digest", "size", "n_read", "n_accepted", "n_refused", "n_labelled", "n_given", "n_future", "first_period",
    "last_period", "last_present", "limit", "judged", "refusals", "released",
)  # fmt: skip


@dataclass(frozen=True)
class AuditExport:
    """The bytes of an export, and what is kept elsewhere: the hash of the journal's last line, and the seal."""

    content: bytes
    n_lines: int
    n_files: int
    last_line: str
    seal: str


def year_of(name: str) -> str | None:
    """The year that a file name is, before its end: 2026.zip is of 2026; None for any other name."""
    stem = name.partition(".")[0]
    return stem if _YEAR.fullmatch(stem) else None


def made(folders: Mapping[str, Path], year: str | None = None) -> AuditExport:
    """The export of an installation, the same bytes for the same state. `folders` are those that runs write into.

    Of a `year` it holds the lines of the journal of that year alone; everything else is that of today.

    Raises: UsageError where the journal has no such line.
    """
    ingested, models, production = (folders[name] for name in ("ingesteddata", "models", "production_deployment"))
    lines, previous = _lines(production / paths.JOURNAL, year)
    members = {JOURNAL: b"".join(line + b"\n" for line in lines)}
    members |= _papers(models, "models", OF_DESK)
    known = manifests.read_all(production / paths.RELEASES, ingested / paths.VERSIONS)
    for folder, found in known.items():
        is_release = folder.parent.parent == production
        name = f"{'production_deployment' if is_release else 'ingesteddata'}/{folder.parent.name}/{folder.name}"
        members |= _papers(folder, name, OF_RELEASE if is_release else (paths.INGESTED_FILES,))
        if found:
            members[f"manifests/{'release' if is_release else 'dataset'}-{folder.name}.json"] = _described(found)
    members[VERIFY] = VERIFIER.read_bytes()
    last = files.digest(lines[-1])
    kept = dict(sorted(_kept(folders)))
    whole = kept.pop(JOURNAL, None)  # of a year only some of its lines are here
    digests = {
        "program": paths.PROGRAM,
        "year": year,
        "journal": {"lines": len(lines), "previous": previous, "sha256": last, "whole": whole},
        "members": {name: files.digest(content) for name, content in sorted(members.items())},
        "kept": kept,
    }
    members[DIGESTS] = files.as_json(digests)
    seal = files.digest(members[DIGESTS])
    members[SEAL] = seal.encode()
    return AuditExport(_packed(members), len(lines), len(kept), last, seal)


def _lines(path: Path, year: str | None) -> tuple[list[bytes], str]:
    """The lines of the journal, or of a year of it, and the hash of the line before them. Raises: UsageError."""
    content = path.read_bytes() if path.exists() else b""
    every, previous = content.split(b"\n")[:-1], journal.FIRST
    if not every:
        raise UsageError(f"{path}: the journal has no line yet. Nothing was written. Run python fullprocess.py first.")
    if year is None:
        return every, previous
    years = [str(json.loads(line).get("at"))[:4] for line in every]
    if year not in years:
        known = ", ".join(sorted(set(years)))
        raise UsageError(f"{path}: the journal has no line of {year}. Nothing was written. It has lines of {known}.")
    first = next(at for at, it in enumerate(years) if it >= year)
    end = max(at for at, it in enumerate(years) if it <= year) + 1
    return every[first:end], files.digest(every[first - 1]) if first else previous


def _papers(folder: Path, name: str, papers: tuple[str, ...]) -> dict[str, bytes]:
    return {f"{name}/{paper}": (folder / paper).read_bytes() for paper in papers if (folder / paper).is_file()}


def _described(manifest: Manifest) -> bytes:
    """A manifest as JSON without texts of rows: no refused value, no warning, no id, no watermark."""
    told = {name: getattr(manifest, name) for name in ("name", "number", "input_folder", "schema", "counts", "parts")}
    return files.as_json(told | {"sources": [_source(it) for it in (*manifest.entries, *manifest.events)]})


def _source(entry: Entry) -> dict[str, Any]:
    told = {name: getattr(entry, name) for name in ("path", "state", "judged_run", "n_duplicate", "derived")}
    told |= {"reason": entry.stated_reason, "contents": [_content(it) for it in entry.contents]}
    return told | {"refused": _content(entry.refused) if entry.refused else None}


def _content(content: Content) -> dict[str, Any]:
    return {name: getattr(content, name) for name in _OF_CONTENT} | {"slices": [vars(it) for it in content.slices]}


def _kept(folders: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    """The SHA-256 of every file below the folders, where a link leads, by its place."""
    for name, root in folders.items():
        for folder, _, found in os.walk(root):
            for path in (Path(folder, it) for it in found):
                place = f"{name}/{path.relative_to(root).as_posix()}"
                if path.name in INCIDENTAL or paths.UNFINISHED in place or path.suffix == ".log" or path.is_symlink():
                    continue
                with contextlib.suppress(FileNotFoundError):
                    yield place, files.digest_file(path)


def _packed(members: Mapping[str, bytes]) -> bytes:
    """A zip without compression and times, so that the verifier can make the same bytes again."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, content in sorted(members.items()):
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            file.writestr(info, content)
    return packed.getvalue()
