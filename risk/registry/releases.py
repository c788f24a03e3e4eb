"""Releases: each a folder that never changes, the one link that says which is live, the journal that says why."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

from risk.dataset import manifest as manifests
from risk.dataset.manifest import Manifest
from risk.disk import files, journal, paths
from risk.errors import ReleaseError
from risk.registry import retention
from risk.registry.judgement import Judgement

log = logging.getLogger("risk")

_TELLING = {"sklearn": 9, "numpy": 1, "python": 2}  # numbers of a version by which a model may open or answer otherwise
_CALLED = {"sklearn": "scikit-learn"}

INTENT, DONE, ABANDONED = "intent", "done", "abandoned"
ROLLBACK = "rollback"
BASE_RATE = "base rate"  # what a verdict names as the champion where nothing was live


@dataclass(frozen=True)
class Release:
    """One release: its name `<number>-<digest of the model>` and its folder."""

    name: str
    folder: Path

    @property
    def manifest(self) -> Manifest | None:
        """What it was trained on."""
        return manifests.read(self.folder)

    @property
    def verdict(self) -> Judgement:
        return Judgement.from_dict(object_in(self.folder / paths.VERDICT))

    @property
    def provisional(self) -> bool:
        return self.verdict.provisional

    @property
    def forced(self) -> str | None:
        """The reason of the person who deployed it against its verdict; None where the verdict favoured it."""
        return None if self.verdict.deploy else self.verdict.forced


@dataclass(frozen=True)
class Origin:
    """What a release was made of: the dataset version (None where its folder is gone) and the paths of its sources."""

    dataset: str | None = None
    sources: tuple[str, ...] = ()
    provisional: bool = False


def current(production: Path) -> Release | None:
    """The release that is live, or None. Raises: ReleaseError where the link or what it names is missing."""
    live, link = linked(production), production / paths.CURRENT
    if live is None and os.path.lexists(link):
        raise ReleaseError(f"{link}: it is no link to a release. Put the link back from a backup.")
    if live is None and (done := _done(production)):
        if not (production / paths.RELEASES / done[-1]).is_dir():
            raise ReleaseError(
                f"{production}: link and folder of the last deployment, {done[-1]}, are missing. "
                "Nothing was deployed. Restore them from a backup, or go to another release with "
                "python deployment.py --rollback RELEASE."
            )
        raise ReleaseError(
            f"{link}: the link is missing; the journal's last deployment is {done[-1]}. Nothing was deployed; "
            f"put it back with python deployment.py --rollback {paths.number_of(done[-1])}"
        )
    if live and not live.folder.is_dir():
        raise ReleaseError(
            f"{link}: the release that it names is missing ({live.name}). "
            "Put its folder back, or go to another release with python deployment.py --rollback RELEASE."
        )
    return live


def linked(production: Path) -> Release | None:
    """The release that the link names, whether its folder is there or not; None where there is no link."""
    link = production / paths.CURRENT
    folder = link.parent / os.readlink(link) if link.is_symlink() else None
    return Release(folder.name, folder) if folder else None


def name_of(production: Path) -> str | None:
    """The name of the live release, or None."""
    live = linked(production)
    return live.name if live else None


def deployed(production: Path) -> Release:
    """The release that is live. Raises: ReleaseError when nothing is deployed."""
    live = current(production)
    if live is None:
        raise ReleaseError(f"{production}: no model is deployed; run python fullprocess.py")
    return live


def all_of(production: Path) -> list[Release]:
    """Every release, oldest first."""
    shelf = production / paths.RELEASES
    found = [folder for folder in shelf.glob("[0-9]*-*") if folder.is_dir()] if shelf.is_dir() else []
    return [Release(folder.name, folder) for folder in sorted(found, key=lambda folder: paths.number_of(folder.name))]


def publish(production: Path, digest: str, papers: Mapping[str, files.Content], why: dict[str, Any]) -> Release:
    """Publish a release: the intent is journaled before the link moves, its end after.

    Raises: DiskError; then the live release is the former one.
    """
    number = max((paths.number_of(release.name) for release in all_of(production)), default=0) + 1
    name = f"{number}-{digest[:12]}"
    _record(production, INTENT, name, why)
    files.link_out(production, paths.RELEASE_LINKS, paths.CURRENT)
    folder = files.publish(production / paths.RELEASES, name, papers, production / paths.CURRENT)
    _record(production, DONE, name)
    return Release(name, folder)


def roll_back(production: Path, target: Release, why: dict[str, Any]) -> None:
    """Turn the link to a former release, journaled like a deployment."""
    _record(production, INTENT, target.name, why)
    files.turn(production / paths.CURRENT, target.folder)
    _record(production, DONE, target.name)


def settle(production: Path) -> None:
    """Finish the record of a deployment that was cut off: done if the link had moved, abandoned and tidied if not.

    The conventional names are made links again where another hand has changed them.
    """
    records = journal.read(production / paths.JOURNAL)
    last = next((it for it in reversed(records) if it.get("kind") in (INTENT, DONE, ABANDONED)), None)
    if last and last["kind"] == INTENT:
        _record(production, DONE if name_of(production) == last["release"] else ABANDONED, last["release"])
    told = journal.read(production / paths.JOURNAL)
    announced, published = ({it["release"] for it in told if it.get("kind") == kind} for kind in (INTENT, DONE))
    pruning = retention.cut_off(told) or {}
    retention.take_away(production / paths.RELEASES / name for name in pruning.get("releases", ()))
    files.tidy(production, lambda name: True)
    files.tidy(production / paths.RELEASES, lambda name: name not in announced - published)
    if linked(production):
        for name in files.link_out(production, paths.RELEASE_LINKS, paths.CURRENT):
            log.warning("replaced a real file by a link path=%s", production / name)


def previous(production: Path) -> Release:
    """The release before the current one. Raises: ReleaseError when there is none."""
    release = before(production)
    if release is None:
        first = name_of(production) or "the first"
        raise ReleaseError(f"{production}: there is no release before {first}; nothing was changed")
    return release


def before(production: Path) -> Release | None:
    """The release before the current one, or None."""
    live = linked(production)
    done = _done(production)
    number = paths.number_of(live.name) if live else 0
    earlier = [it for it in all_of(production) if it.name in done and paths.number_of(it.name) < number]
    return earlier[-1] if earlier else None


def named(production: Path, name: str) -> Release:
    """A release by its name or its number. Raises: ReleaseError naming those that exist."""
    found = all_of(production)
    for release in found:
        if name in (release.name, str(paths.number_of(release.name))):
            return release
    known = ", ".join(release.name for release in found) or "none yet"
    for removed, day in retention.removed(journal.read(production / paths.JOURNAL)).items():
        if name in (removed, str(paths.number_of(removed))):
            raise ReleaseError(f"{production}: release {removed} was removed on {day}; there are: {known}")
    raise ReleaseError(f"{production}: there is no release {name!r}; there are: {known}")


def before_change(production: Path, reason: str, digest: str) -> str | None:
    """The last release that was trained for this reason, if the test data of this digest was there before it."""
    for before, after in reversed(list(pairwise(all_of(production)))):
        if object_in(after.folder / paths.CARD).get("reason") == reason:
            return after.name if before.verdict.holdout == digest else None
    return None


def rolled_back(production: Path, dataset: str) -> set[str]:
    """The digests of models that were rolled back while this dataset version was current."""
    records = journal.read(production / paths.JOURNAL)
    backs = [it for it in records if it.get("kind") == INTENT and it.get("action") == ROLLBACK]
    return {it["from_model"] for it in backs if it.get("dataset") == dataset and it.get("from_model")}


def _record(production: Path, kind: str, name: str, why: Mapping[str, Any] | None = None) -> None:
    journal.append(production / paths.JOURNAL, {"kind": kind, "release": name, **(why or {})})


def _done(production: Path) -> list[str]:
    """The names of the releases in the order in which they went live."""
    return [it["release"] for it in journal.read(production / paths.JOURNAL) if it.get("kind") == DONE]


def object_in(path: Path) -> dict[str, Any]:
    """The object in a JSON file; an empty one where there is none."""
    with contextlib.suppress(OSError):
        found = files.read_json(path)
        return found if isinstance(found, dict) else {}
    return {}


def other_versions(made_with: object) -> str | None:
    """The sentence that warns of a model made with other versions than are installed; None where it was not."""
    told = made_with if isinstance(made_with, Mapping) else {}
    was_made = {str(name): version for name, version in told.items() if isinstance(version, str)}
    here = {name: installed(_CALLED.get(name, name)) for name in _TELLING} | {"python": sys.version.split()[0]}
    others = [
        name
        for name, count in _TELLING.items()
        if name in was_made and was_made[name].split(".")[:count] != str(here[name]).split(".")[:count]
    ]
    if not others:
        return None
    was, now = (" and ".join(f"{_CALLED.get(it, it)} {said[it]}" for it in others) for said in (was_made, here))
    return (
        f"The model was made with {was}; installed is {now}. Its answers may differ; "
        "python fullprocess.py --force makes a model of the installed versions."
    )


def installed(package: str) -> str | None:
    """The version of a package that is installed, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
