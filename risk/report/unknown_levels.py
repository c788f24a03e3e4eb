"""Levels of current clients that no row has which the live model was trained on: told before any outcome comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from risk.drift.moved import LONGEST, MOST_NAMED, UNKNOWN
from risk.lists import call_list
from risk.registry import known_levels
from risk.text import counted, event, log, one_line, placed

if TYPE_CHECKING:
    import pandas as pd

    from risk.command import Run
    from risk.registry.model import Model

RISK = "their risk is that of an unknown level"


def sentences(model: Model, everyone: pd.DataFrame) -> dict[str, str]:
    """A sentence for each feature of ranked clients with such levels, each with the one that the journal keeps.

    That one quotes no level, for it is of a client's row. A missing value is no level here.
    """
    if model.same_risk is not None:
        return {}
    clients, told = call_list.features_of(everyone), {}
    for name, known in known_levels.of(model).items():
        levels = Counter(clients[name].dropna().tolist())
        new = [(one_line(level)[:LONGEST], n) for level, n in levels.most_common() if level not in known]
        if not new:
            continue
        who, of = counted(sum(n for _, n in new), "client"), "a level" if len(new) == 1 else "levels"
        more = f" or {len(new) - MOST_NAMED} more" if len(new) > MOST_NAMED else ""
        named = " or ".join(f"{name} = {level}" for level, _ in new[:MOST_NAMED])
        said = f"{who} of {named}{more}, {of} {UNKNOWN}: {RISK}."
        told[said] = f"{who} of {of} of {name} that {UNKNOWN}: {RISK}."
    return told


def warn(run: Run, told: Mapping[str, str]) -> Mapping[str, str]:
    """Warn of them in a run and in its log."""
    run.private.update(placed(dict(told), run.settings.places))
    run.warn(*told)
    for sentence in told:
        log.warning(event("unknown level", warning=sentence))
    return told
