"""The audit: the journal's chain, and every digest that it and the cards name, computed again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from risk.dataset import manifest as manifests
from risk.dataset.manifest import Manifest
from risk.disk import files, journal, paths, wiped
from risk.errors import JournalError
from risk.reading import erased
from risk.registry import releases, retention
from risk.registry.proven import RESTORE, Record, announced, digest_faults, untold
from risk.registry.releases import DONE, INTENT, Origin, Release, object_in

TRIES = 3  # a run may be at work: what it changed meanwhile is checked again


@dataclass(frozen=True)
class Audit:
    """How much was checked, and a sentence for everything that is not as it was recorded.

    `removed` are the releases that were pruned, each with its day; what the journal says of them still holds.
    """

    n_lines: int
    n_releases: int
    n_versions: int
    n_parts: int
    faults: tuple[str, ...]
    removed: Mapping[str, str] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        return not self.faults

    @property
    def told_of_removed(self) -> str:
        """The pruned releases as the end of a line; blank where there are none."""
        told = [f"{name} on {day}" for name, day in self.removed.items()]
        return f"; removed: {', '.join(told)}" if told else ""


def check(production: Path, ingested: Path, reports: Path) -> Audit:
    """Compute again the chain, the files of every release, the names of dataset versions, and the parts of all.

    The reports show a journal that was cut or rewritten whole: each names the last line of its time. Writes nothing and
    takes no lock. Whether the counts of the dataset follow from its parts is a question for `dataset/verify`.
    """
    records, faults = _settled(production)
    wiped_away = wiped.fault(production, ingested, reports.parent)
    if wiped_away and (production / paths.ERASING).exists():  # what is half rewritten is not to be restored
        broken = journal.fault(production / paths.JOURNAL)
        return Audit(len(records), 0, 0, 0, (wiped_away, *([broken] if broken else [])))
    shelves = (ingested / paths.VERSIONS, production / paths.RELEASES)
    known = manifests.read_all(*shelves)
    n_versions = sum(folder.parent == shelves[0] for folder in known)
    if wiped_away:
        faults.append(wiped_away)
    register = erased.fault(production)
    faults += [register] if register else []
    faults += manifests.undescribed(known)
    faults += [
        f"{folder}: its name is not that of its manifest, {found.name}; {RESTORE}"
        for folder, found in known.items()
        if found and folder.parent == shelves[0] and found.name != folder.name
    ]
    parts = sorted({pair for found in known.values() if found for pair in found.parts.items()})
    faults += _reported(production / paths.JOURNAL, reports)
    faults += _linked(production, paths.RELEASE_LINKS, paths.CURRENT)
    faults += _linked(ingested, paths.DATASET_LINKS, paths.CURRENT)
    faults += _linked(reports.parent, paths.REPORT_LINKS, f"{reports.name}/{paths.CURRENT}")
    faults += [fault for pair in parts for fault in _part(*pair, known, ingested / paths.PARTS)]
    gone = retention.removed(records).items()
    removed = {name: day for name, day in gone if shelves[1] / name not in known}
    return Audit(len(records), len(known) - n_versions, n_versions, len(parts), tuple(faults), removed)


def misplaced(production: Path) -> list[str]:
    """A sentence where production is not what the journal says was deployed last; none where it is.

    A deployment may move the link between reading journal and link, so what seems wrong is checked again.
    """
    faults: list[str] = []
    for _ in range(TRIES):
        records = journal.read(production / paths.JOURNAL)
        faults = list(_live(production, records, [it.get("release") for it in records if it.get("kind") == DONE]))
        if not faults:
            break
    return faults


def _linked(folder: Path, names: Iterable[str], through: str) -> Iterator[str]:
    """Say which conventional names are no links to what is current; a name may be absent."""
    for path in (folder / name for name in names):
        if os.path.lexists(path) and not (path.is_symlink() and os.readlink(path) == f"{through}/{path.name}"):
            yield f"{path}: it is not the link to what is current; run python fullprocess.py, which makes it one"


def _reported(path: Path, reports: Path) -> Iterator[str]:
    for folder in sorted(reports.glob("[0-9]*")):
        kept = object_in(folder / paths.SNAPSHOT).get("journal")
        if kept and not journal.holds(path, kept):
            told = f"{kept['lines']} lines when report {folder.name} was made, and these are not its first ones now"
            yield f"{path}: it had {told}; compare it with a backup"


def digests(papers: Mapping[str, files.Content]) -> dict[str, str]:
    """The SHA-256 of every file of a release that is there as bytes or on disk: what the journal says of a release."""
    read = {name: it.read_bytes() if isinstance(it, Path) else it for name, it in papers.items() if not callable(it)}
    return {name: files.digest(content) for name, content in read.items()}


def origin(production: Path, name: str) -> Origin:
    """What a release was made of; nothing where its folder is gone."""
    folder = production / paths.RELEASES / name
    found = manifests.read_whole(folder)
    if found is None:
        return Origin()
    sources = tuple(entry.path for entry in found.sources if entry.has_rows)
    return Origin(found.name, sources, Release(name, folder).provisional)


def _settled(production: Path) -> tuple[list[Record], list[str]]:
    """The journal and what is wrong with it and the releases, checked while no line was added."""
    path = production / paths.JOURNAL
    faults: list[str] = []
    for _ in range(TRIES):
        broken = journal.fault(path)
        try:
            records = journal.read(path)
        except JournalError as error:
            return [], [str(error)]
        faults = [*([broken] if broken else []), *_releases(production, records)]
        if not faults or len(journal.read(path)) == len(records):
            break
    return records, faults


def _releases(production: Path, records: list[Record]) -> Iterator[str]:
    made = announced(records)
    done = [it.get("release") for it in records if it.get("kind") == DONE]
    found, removed = {release.name: release for release in releases.all_of(production)}, retention.removed(records)
    for name in dict.fromkeys(done):
        if name not in found and name not in removed:
            yield f"{production / paths.RELEASES}/{name}: the release is missing; {RESTORE}"
    for name, release in found.items():
        if name in made:
            lines = [it for it in records if it.get("kind") == "run" and it.get("run") == made[name].get("run")]
            yield from _papers(release, made[name], next((it["dataset"] for it in lines if it.get("dataset")), None))
        else:
            yield untold(release)
    yield from _live(production, records, done)


def _live(production: Path, records: list[Record], done: list[Any]) -> Iterator[str]:
    """Say that the link does not name what was last deployed; while a deployment is under way it may name either."""
    live = releases.name_of(production)
    under_way = [it.get("release") for it in records[-1:] if it.get("kind") == INTENT]
    if live != (done[-1] if done else None) and live not in under_way:
        told = f"the journal's last deployment is {done[-1]}" if done else "the journal tells of no deployment"
        link = f"{production / paths.CURRENT}: it names {live or 'no release'}"
        yield f"{link}, but {told}; turn it with deployment.py --rollback RELEASE"


def _papers(release: Release, intent: Record, dataset: str | None) -> Iterator[str]:
    """Compare the papers of a release with the line that announced it, with its card and with its name."""
    yield from digest_faults(release, intent)
    if not str(intent.get("model")).startswith(paths.digest_of(release.name)):
        yield f"{release.folder}: its name is not that of the model that the journal names; {RESTORE}"
    card = object_in(release.folder / paths.CARD)
    if release.verdict.model != intent.get("model"):
        yield f"{release.folder / paths.VERDICT}: it judges another model than the journal names; {RESTORE}"
    found, path = manifests.read_whole(release.folder), release.folder / paths.MANIFEST
    for version, whose in ((dataset, "the run that made the release"), (card.get("dataset"), "its model")):
        if found and version and found.name != version:
            yield f"{path}: it is of dataset {found.name}, but {whose} was of {version}; {RESTORE}, or train again"


def _part(name: str, digest: str, known: Mapping[Path, Manifest | None], folder: Path) -> Iterator[str]:
    """Compare a part with its digest; it may be gone with the versions that were tidied away meanwhile."""
    path, owners = folder / name, [owner for owner, it in known.items() if it and it.parts.get(name) == digest]
    if path.is_file() and files.digest_file(path) != digest:
        yield f"{path}: its SHA-256 is not that of the manifest of {owners[0].name}; {RESTORE}"
    kept = [owner.name for owner in owners if owner.is_dir()]
    if not path.is_file() and kept:
        yield f"{path}: the part is missing, {kept[0]} is made of it; {RESTORE}"
