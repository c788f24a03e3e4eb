"""The file of a challenger, made once it is chosen; a family of one's own that cannot be kept so competes no more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from risk.disk import paths
from risk.errors import FamilyError
from risk.modeling.families import is_own
from risk.modeling.fitting import risks_of
from risk.modeling.metrics import Floats, Kinds
from risk.modeling.selection import RECALIBRATED, Challenger, Incumbent
from risk.registry import model, own_families, releases
from risk.registry.proven import LiveRelease
from risk.settings.model_choice import OwnFamilies

MOST_ASKED = 1_000  # rows that a model must rate as before, once it is read back


@dataclass(frozen=True)
class ChallengerFile:
    """A challenger with its file, what its card tells of families of one's own, and which of these failed."""

    challenger: Challenger
    content: bytes
    own: list[dict[str, Any]]
    faults: tuple[FamilyError, ...]


def of(
    teach: Callable[..., Challenger], x: pd.DataFrame, left: Floats, own: OwnFamilies, kinds: Kinds,
    live: LiveRelease | None, incumbents: tuple[Incumbent | None, Incumbent | None],
) -> ChallengerFile:  # fmt: skip
    """Return the challenger that `teach` (champion, former release, families) finds, as a file that opens."""
    able, faults = own_families.usable(own, kinds)
    while True:
        failed = {it.family for it in faults}
        found = teach(*(it if it and it.family not in failed else None for it in incumbents), able)
        faults += found.faults
        try:
            content, classes = _packed(found, x, left, own, kinds, live)
        except FamilyError as error:
            faults.append(error)
            able = [it for it in able if it.name != error.family]
            continue
        if live and found.learned == RECALIBRATED:
            found = replace(found, size=live.model.card.size)
        return ChallengerFile(found, content, _told(found, own, faults, classes, live), tuple(faults))


def _packed(
    found: Challenger, x: pd.DataFrame, left: Floats, own: OwnFamilies, kinds: Kinds, live: LiveRelease | None
) -> tuple[bytes, list[list[str]]]:
    """Return the file, and what it names where it is of one's own family. Raises: FamilyError."""
    if found.release and live:
        return (releases.named(live.production, found.release).folder / paths.MODEL).read_bytes(), []
    if not is_own(found.family):
        return model.pack(found, x, left), []
    with own_families.guarded(own, found.family):
        content, some = model.pack(found, x, left), x.head(MOST_ASKED)
        opened, names = model.listened(content)
        if (risks_of(opened, some) != risks_of(found.estimator, some)).any():
            raise ValueError("its model, written to a file and read back, states other risks")
    return content, own_families.listed(found.family, names, own, kinds)


def _told(
    found: Challenger, own: OwnFamilies, faults: Sequence[FamilyError], classes: list[list[str]],
    live: LiveRelease | None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return what the card tells; of the module the live model tells, where that is but recalibrated."""
    told = own_families.told(own, faults)
    before = live.model.card.own if live and found.learned == RECALIBRATED else told
    mine = [{**it, "classes": classes} for it in before if it["family"] == found.family]
    return [*mine, *(it for it in told if it["family"] != found.family)]
