"""Released models that compete with a new one: the champion, and the release before it, on the labelled rows of today.

No model rates a row that it has learned: such a row keeps the out-of-fold risk that its release remembers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from risk.dataset.dataset import Dataset
from risk.decision import policy
from risk.decision.policy import Names
from risk.drift.scan import Window
from risk.modeling.selection import Standing
from risk.registry import out_of_fold, proven, releases
from risk.registry.model import Model
from risk.registry.releases import Release
from risk.schema import Schema

MOST_ROWS = 20_000  # learned rows that the scan for drift lays beside new ones


def champion(production: Path, live: Release | None, labelled: pd.DataFrame, schema: Schema) -> Standing | None:
    """Return the live model; None where there is none or it was made for other columns. Raises: ModelError."""
    return _standing(proven.opened(production, live), live, labelled, schema) if live else None


def former(production: Path, labelled: pd.DataFrame, schema: Schema, dataset: str) -> Standing | None:
    """Return the release before the live one, as far as it may come back.

    It may not when it was rolled back on this very dataset version, nor when it has seen a content that the live one
    has not: what is news to the live model must be news to it. Raises: ModelError.
    """
    live, before = releases.current(production), releases.before(production)
    if live is None or before is None:
        return None
    seen, known = before.manifest, live.manifest
    if seen is None or known is None or not set(seen.contents) <= set(known.contents):
        return None
    found = proven.opened(production, before)
    if found.digest in releases.rolled_back(production, dataset):
        return None
    return _standing(found, before, labelled, schema)


def learned_rows(release: Release, schema: Schema, parts: Path, names: Names) -> Window | None:
    """Return rows that a release learned with their out-of-fold risks; None where it does not know which they are."""
    if release.manifest is None:
        return None
    frame = Dataset(release.manifest, schema, parts).labelled(MOST_ROWS)
    risks = out_of_fold.of_learned(frame[schema.client], frame["row"], release.folder)
    known = ~np.isnan(risks)
    rows = frame[known]
    return policy.window(rows, risks[known], names, pd.factorize(rows[schema.client])[0]) if known.any() else None


def _standing(found: Model, release: Release, labelled: pd.DataFrame, schema: Schema) -> Standing | None:
    card = found.card
    if (card.schema, card.features) != (schema.identity, schema.kinds):
        return None
    risks = pd.Series(found.risks(labelled), index=labelled.index)
    honest = out_of_fold.replace_learned(risks, labelled[schema.client], labelled["row"], release.folder)
    return Standing(release.name, card.family, found.taught, card.threshold, honest.to_numpy())
