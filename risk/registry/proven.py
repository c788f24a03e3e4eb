"""Releases proven by the journal before anything of them is opened: their files have the digests that it recorded."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from risk.disk import files, journal, paths
from risk.errors import ModelError
from risk.registry import releases
from risk.registry.releases import INTENT, Release, object_in
from risk.settings.model_choice import NO_FAMILIES, OwnFamilies

if TYPE_CHECKING:
    from risk.registry.model import Model

Record = dict[str, Any]
RESTORE = "restore it from a backup"


@dataclass(frozen=True)
class LiveRelease(Release):
    """The release that is live; its model is proven and opened when it is first asked for."""

    own: OwnFamilies = NO_FAMILIES

    @property
    def production(self) -> Path:
        return self.folder.parents[1]

    @functools.cached_property
    def model(self) -> Model:
        """The model. Raises: ModelError, JournalError."""
        return opened(self.production, self, self.own)


def live(production: Path, own: OwnFamilies = NO_FAMILIES) -> LiveRelease | None:
    """The release that is live, or None. Raises: ReleaseError where the link or what it names is not there."""
    release = releases.current(production)
    return LiveRelease(release.name, release.folder, own) if release else None


def damage(production: Path, release: Release) -> list[str]:
    """Return what of a release is not as the journal recorded it when the release was made. Raises: JournalError."""
    intent = announced(journal.read(production / paths.JOURNAL)).get(release.name)
    return [untold(release)] if intent is None else list(digest_faults(release, intent))


def opened(production: Path, release: Release, own: OwnFamilies = NO_FAMILIES) -> Model:
    """Return the model of a release, whose papers are proven by the journal before anything of them is opened.

    `own` are the families of one's own that the settings name: a model of one opens with them alone.
    Raises: ModelError where they are not what the journal recorded, or it tells nothing of them; JournalError.
    """
    if faults := damage(production, release):
        raise ModelError(f"{faults[0]}. What is truncated or foreign is not opened.")
    return _load(release.folder, own)


def desk(models: Path, production: Path, own: OwnFamilies, record: Mapping[str, Any]) -> Model:
    """Return the challenger on the desk. The card of a family of one's own is believed where a run tells of it.

    `record` is what the run under way has noted. Raises: ModelError, JournalError.
    """
    from risk.modeling.families import is_own
    from risk.registry import model

    card, path = model.read_card(models), models / paths.CARD
    if card and is_own(card.family) and not is_noted(path, production, record):
        raise ModelError(f"{path}: no run tells of this card, so its model was not opened; run python training.py")
    return _load(models, own)


def is_noted(card: Path, production: Path, record: Mapping[str, Any]) -> bool:
    """Return whether the run under way or one in the journal has noted that it wrote this card."""
    noted = {it.get("card") for it in (record, *journal.runs(production / paths.JOURNAL))}
    return files.digest_file(card) in noted


def _load(folder: Path, own: OwnFamilies) -> Model:
    from risk.registry import model, own_families

    card = model.read_card(folder)
    try:
        more = own_families.admitted(card.family, card.own, own, card.features) if card else frozenset()
    except ModelError as error:
        raise ModelError(
            f"{folder / paths.MODEL}: {error}", record=f"{folder / paths.MODEL}: {error.record}"
        ) from error
    return model.load(folder, more)


def asked(production: Path, folder: str | None, own: OwnFamilies = NO_FAMILIES) -> Model:
    """Return the model in a folder, proven by the card beside it; without one the live model, proven by the journal.

    Raises: ModelError, ReleaseError where nothing is deployed, JournalError.
    """
    from risk.registry import model

    return model.load(Path(folder)) if folder else opened(production, releases.deployed(production), own)


def announced(records: Iterable[Record]) -> dict[Any, Record]:
    """Return the line that announced each release when it was made; a line of a rollback names no digests."""
    return {it.get("release"): it for it in records if it.get("kind") == INTENT and it.get("action") == "deploy"}


def untold(release: Release) -> str:
    return f"{release.folder}: no line of the journal tells of this release; compare the journal with a backup"


def digest_faults(release: Release, intent: Record) -> Iterator[str]:
    """Compare the papers of a release with the digests that the line which announced it and its card name."""
    card = object_in(release.folder / paths.CARD)
    named: list[tuple[str, Any, str]] = [
        (paths.MODEL, intent.get("model"), "the journal"),
        (paths.MODEL, card.get("sha256"), "its card"),
    ]
    named += [(paths.LEARNED_RISKS, card.get("learned_sha256"), "its card")]
    named += [(name, digest, "the journal") for name, digest in (intent.get("papers") or {}).items()]
    yield from _compared(release.folder, dict.fromkeys(it for it in named if it[1]))


def _compared(folder: Path, named: Iterable[tuple[str, Any, str]]) -> Iterator[str]:
    found: dict[str, str | None] = {}
    for name, digest, by in named:
        path = folder / name
        if name not in found:
            found[name] = _digest(path)
            if found[name] is None:
                yield f"{path}: the file is missing or cannot be read; {RESTORE}"
        if found[name] not in (None, digest):
            yield f"{path}: its SHA-256 is not the one that {by} names; {RESTORE}"


def _digest(path: Path) -> str | None:
    with contextlib.suppress(OSError):
        return files.digest_file(path)
    return None
