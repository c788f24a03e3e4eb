"""Released models that compete with a new one, on the labelled rows of today: the live one and the one before it.

No model rates a row that it was trained on: such a row keeps the out-of-fold risk that its release remembers. A model
that was trained on a client who is erased since competes no more: what is made of it would rest on that client too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from risk.dataset.dataset import Dataset
from risk.decision import policy
from risk.decision.policy import Names
from risk.drift import season
from risk.drift.season import Forecast, History
from risk.drift.window import Window
from risk.errors import DataError, ModelError
from risk.modeling.metrics import Floats
from risk.modeling.selection import Incumbent
from risk.registry import erased_releases, out_of_fold, proven, releases
from risk.registry.model import Model
from risk.registry.proven import LiveRelease
from risk.registry.releases import Release
from risk.settings.schema import Schema
from risk.text import event, log

MOST_ROWS = 20_000  # rows of the training that the scan for drift lays beside new ones


def opened(live: LiveRelease | None, reason: str) -> Model | None:
    """The live model; None where there is none, or it cannot be opened and a person asked for another."""
    try:
        return live.model if live else None
    except ModelError as error:
        if reason not in policy.BY_A_PERSON:
            raise
        log.warning(event("the live model does not compete", reason=error))
        return None


def competing(live: LiveRelease | None, schema: Schema, reason: str) -> LiveRelease | None:
    """The live release where its model was made for these columns and can be opened."""
    model = opened(live, reason)
    return live if model and model.fits(schema) else None


def champion(live: LiveRelease | None, labelled: pd.DataFrame, schema: Schema, reason: str) -> Incumbent | None:
    """The live model as a candidate; None where it was made for other columns or is not `opened`."""
    model = opened(live, reason)
    return _incumbent(model, live, labelled, schema) if model and live else None


def former(live: LiveRelease, labelled: pd.DataFrame, schema: Schema, dataset: str) -> Incumbent | None:
    """The release before the live one, as far as it may come back.

    It may not when it was rolled back on this very dataset version, nor when it has seen a content that the live one
    has not: what is news to the live model must be news to it. A damaged one does not compete: a new model does not
    need it.
    """
    try:
        before, known = releases.before(live.production), live.manifest
        seen = before.manifest if before else None
        if before is None or seen is None or known is None or not set(seen.contents) <= set(known.contents):
            return None
        model = proven.opened(live.production, before, live.own)
        if model.digest in releases.rolled_back(live.production, dataset):
            return None
        return _incumbent(model, before, labelled, schema)
    except (DataError, ModelError) as error:
        log.warning(event("the former release does not compete", reason=error))
        return None


def learned_rows(release: Release, schema: Schema, parts: Path, names: Names) -> Window | None:
    """Rows that a release was trained on with their out-of-fold risks; None where it does not know which they are."""
    if release.manifest is None:
        return None
    frame = Dataset(release.manifest, schema, parts).labelled(MOST_ROWS)
    risks = out_of_fold.of_learned(frame[schema.client], frame["row"], release.folder)
    known = ~np.isnan(risks)
    rows = frame[known]
    return policy.window(rows, risks[known], names, pd.factorize(rows[schema.client])[0]) if known.any() else None


def past(rows: Dataset, model: Model, folder: Path) -> History | None:
    """The labelled rows by period with honest risks of a released model, at most so many; None without periods."""
    period = rows.schema.period
    if period is None or not model.fits(rows.schema):
        return None
    frame = rows.labelled(MOST_ROWS)
    honest = honest_risks(model, folder, frame, rows.schema)
    return History(frame[period].to_numpy(str), frame[rows.schema.target].to_numpy(np.float64), honest)


def level_ahead(rows: Dataset, model: Model, folder: Path) -> Forecast:
    """The level of the newest period beside the model's risks, by those of the periods whose outcomes are known."""
    known = past(rows, model, folder)
    last = season.last_period(known) if known else None
    ahead = sum(it > last for it in rows.manifest.periods) if last else 0
    return season.forecast(known, max(1, ahead)) if known and last else Forecast()


def honest_risks(model: Model, folder: Path, frame: pd.DataFrame, schema: Schema) -> Floats:
    """The risks of labelled rows by a released model; news may hold rows of its training, if outcomes came late."""
    risks = pd.Series(model.risks(frame), index=frame.index)
    return out_of_fold.replace_learned(risks, frame[schema.client], frame["row"], folder).to_numpy()


def _incumbent(model: Model, release: Release, labelled: pd.DataFrame, schema: Schema) -> Incumbent | None:
    if not model.fits(schema):
        return None
    if release.name in erased_releases.trained_on_erased(release.folder.parents[1]):
        log.info(event("trained on a client who is erased since, so it does not compete", release=release.name))
        return None
    card, risks = model.card, honest_risks(model, release.folder, labelled, schema)
    return Incumbent(release.name, card.family, model.taught, card.threshold, risks, card.encoding)
