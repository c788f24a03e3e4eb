"""Pruning: what lies beyond the section `keep` of the settings, said with its bytes, and removed on a second word.

Never removed are the live release, the one before it, what the challenger on the desk rests on, and the parts that a
kept version or release is made of. The journal names what is removed before anything is, so that a pruning that was
cut off is finished by the next run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from risk.command import Answer
from risk.dataset.versions import Versions
from risk.disk import files, journal, paths
from risk.lists import list_history, pruned_lists
from risk.registry import proven, releases, retention
from risk.registry.releases import Release
from risk.settings.retention import Keep
from risk.text import counted

NOTHING = "nothing lies beyond what is kept"


@dataclass(frozen=True)
class KeptPlaces:
    """The folders of an installation, and what is kept in them."""

    keep: Keep
    production: Path
    models: Path
    shelf: Versions

    @property
    def journal(self) -> Path:
        return self.production / paths.JOURNAL

    @property
    def reports(self) -> Path:
        return self.models / paths.REPORTS

    @property
    def lists(self) -> Path:
        return self.models / paths.LISTS


@dataclass(frozen=True)
class Surplus:
    """What would be removed, and about how many bytes each kind has."""

    releases: dict[str, str] = field(default_factory=dict)  # name -> SHA-256 of the model
    pruned_lists: dict[str, str] = field(default_factory=dict)  # digest -> day
    versions: list[str] = field(default_factory=list)
    report_sets: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    bytes: dict[str, int] = field(default_factory=dict)

    @property
    def n_bytes(self) -> int:
        return sum(self.bytes.values())

    @property
    def told(self) -> dict[str, Any]:
        """As the journal keeps it."""
        return vars(self) | {"parts": len(self.parts)}

    @property
    def lines(self) -> list[str]:
        """As people read it; none where nothing is beyond what is kept."""
        days = sorted(set(self.pruned_lists.values()))
        found = {
            "releases": (counted(len(self.releases), "release"), ", ".join(self.releases)),
            "lists": (counted(len(self.pruned_lists), "list"), f"{days[0]} to {days[-1]}" if days else ""),
            "versions": (counted(len(self.versions), "dataset version"), ", ".join(self.versions)),
            "report_sets": (counted(len(self.report_sets), "report set"), ", ".join(self.report_sets)),
            "parts": (counted(len(self.parts), "part"), "of no kept version or release"),
        }
        return [
            f"{n}, {self.bytes[kind] / 1e6:,.1f} MB: {names}" for kind, (n, names) in found.items() if n[:2] != "0 "
        ]


def surplus(place: KeptPlaces) -> Surplus:
    """What lies beyond what is kept. Raises: JournalError where the chain is broken, ReleaseError where a link is."""
    journal.verify(place.journal)
    records = journal.read(place.journal)
    announced = proven.announced(records)
    gone = [it for it in _releases(place) if it.name in announced]
    lists = pruned_lists.surplus(place.lists, list_history.journaled(records), place.keep.lists)
    of_dataset = place.shelf.surplus({it.name for it in gone})
    versions, parts = ([it for it in of_dataset if it.is_dir() == is_version] for is_version in (True, False))
    newest = files.resolve(place.reports / paths.CURRENT)
    numbers = sorted(int(it.name) for it in place.reports.glob("[0-9]*")) if newest else []
    sets = [str(it) for it in numbers if it <= int(newest.name) - place.keep.report_sets] if newest else []
    n_bytes = {
        "releases": _bytes(it.folder for it in gone),
        "lists": pruned_lists.n_bytes(place.lists, lists),
        "versions": _bytes(versions),
        "report_sets": _bytes(place.reports / it for it in sets),
        "parts": _bytes(parts),
    }
    return Surplus(
        {it.name: str(announced[it.name].get("model")) for it in gone},
        {it.digest: it.facts.as_of for it in lists},
        [it.name for it in versions], sets, [it.name for it in parts], n_bytes,
    )  # fmt: skip


def remove(place: KeptPlaces, found: Surplus) -> None:
    """Journal what will be removed, then remove it. Raises: DiskError; then the next run finishes it."""
    if not found.lines:
        return
    journal.append(place.journal, {"kind": "act", "act": retention.PRUNE, **found.told})
    files.remove(place.production / paths.TICK)  # cut off, the next tick is work
    finish(place)
    files.tidy(place.reports, lambda name: name not in found.report_sets)
    place.shelf.tidy()


def answer(place: KeptPlaces, asked: bool) -> Answer:
    """Say what lies beyond what is kept; where it is asked for, under the lock, it is removed."""
    if asked:
        releases.settle(place.production)
        finish(place)
    found = surplus(place)
    if asked:
        remove(place, found)
    word = "are removed" if asked else "would be removed; to remove it: python fullprocess.py --prune --yes"
    told = [f"{found.n_bytes / 1e6:,.1f} MB {word}", *found.lines] if found.lines else [NOTHING]
    return Answer("\n".join(told), {"outcome": "pruned" if asked else "would prune", **found.told})


def finish(place: KeptPlaces) -> None:
    """Carry a pruning to its end that is under way or was cut off; versions and report sets go with the next ones."""
    under_way = retention.cut_off(journal.read(place.journal))
    if under_way is None:
        return
    shelf = place.production / paths.RELEASES
    retention.take_away(shelf / name for name in under_way["releases"])
    pruned_lists.remove(place.lists, under_way["pruned_lists"])
    journal.append(place.journal, {"kind": retention.PRUNED})


def _releases(place: KeptPlaces) -> list[Release]:
    """The releases that nothing needs, oldest first."""
    every, most = releases.all_of(place.production), place.keep.releases
    releases.current(place.production)
    if most is None:
        return []
    needed = {releases.name_of(place.production), retention.of_desk(place.models, place.production)["release"]}
    before = releases.before(place.production)
    needed |= {it.name for it in (*every[-most:], *([before] if before else []))}
    return [it for it in every if it.name not in needed]


def _bytes(places: Iterable[Path]) -> int:
    return sum(it.lstat().st_size for place in places for it in (place, *place.rglob("*")) if it.is_file())
