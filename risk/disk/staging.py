"""Rewrites of files that are kept: each is written whole beside the former one, and all are put in place at the end.

Until then every former file is as it was, so whoever is killed may begin again; after that, whoever finds the plan
may put in place what is still to be.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from risk.disk import files, paths


@dataclass(frozen=True)
class Rewrite:
    """One file and what it will hold; None where it is to go. `replaced` names digests of what is inside it."""

    path: Path
    content: files.Content | None
    replaced: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StagingPlan:
    """Files that are staged, files that are to go, and which digest becomes which."""

    staged: tuple[str, ...]
    gone: tuple[str, ...]
    replaced: Mapping[str, str]

    def told(self, base: Path) -> dict[str, Any]:
        """The plan as JSON, its paths relative to a folder."""
        named = {name: [os.path.relpath(path, base) for path in getattr(self, name)] for name in ("staged", "gone")}
        return {**named, "replaced": dict(self.replaced)}


def planned(told: Mapping[str, Any], base: Path) -> StagingPlan:
    """The plan that was told as JSON."""
    staged, gone = (tuple(os.path.normpath(base / path) for path in told[name]) for name in ("staged", "gone"))
    return StagingPlan(staged, gone, told["replaced"])


def stage(rewrites: Iterable[Rewrite]) -> StagingPlan:
    """Write the new files beside the former ones, durable; nothing else changes. Raises: DiskError."""
    staged, gone, replaced = list[str](), list[str](), dict[str, str]()
    for rewrite in rewrites:
        replaced |= rewrite.replaced
        if rewrite.content is None:
            gone.append(str(rewrite.path))
            continue
        beside = _beside(rewrite.path)
        with files.refusals(beside):
            files.remove(beside)
            files.put(beside, rewrite.content)
            if rewrite.path.exists():
                os.chmod(beside, rewrite.path.stat().st_mode & 0o777)
                replaced[files.digest_file(rewrite.path)] = files.digest_file(beside)
        staged.append(str(rewrite.path))
    for folder in sorted({Path(path).parent for path in staged}):
        with files.refusals(folder):
            files.sync(folder)
    return StagingPlan(tuple(staged), tuple(gone), replaced)


def put_in_place(plan: StagingPlan) -> None:
    """Put every staged file in the place of the former one; what was put there before stays. Raises: DiskError."""
    for path in map(Path, plan.staged):
        with files.refusals(path):
            if _beside(path).exists():
                os.replace(_beside(path), path)
    for path in map(Path, plan.gone):
        with files.refusals(path):
            files.remove(path)
    for folder in sorted({Path(path).parent for path in (*plan.staged, *plan.gone)}):
        with files.refusals(folder):
            if folder.is_dir():
                files.sync(folder)


def _beside(path: Path) -> Path:
    return path.with_name(paths.STAGED + path.name)


def overwrite(path: Path, content: bytes) -> None:
    """Write over the beginning of a file in place: who appends to it meanwhile loses nothing. Raises: DiskError."""
    with files.refusals(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            files.write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
