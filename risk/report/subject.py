"""The subject of a report: rows and a model, the model's scores, and what is to be warned of."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from risk import paths
from risk.dataset import dataset
from risk.dataset.dataset import Dataset
from risk.decision import holdout, policy
from risk.decision.holdout import Holdout
from risk.errors import DataError
from risk.modeling.metrics import gains
from risk.registry import model as models
from risk.registry import out_of_fold, proven, releases
from risk.registry.model import Model
from risk.settings import Settings
from risk.text import event, log


@dataclass(frozen=True)
class Subject:
    """The rows and the model of a report, the model's folder, and its scores on the test data."""

    rows: Dataset
    model: Model | None = None
    folder: Path | None = None
    provisional: bool = False
    forced: str | None = None
    scores: dict[str, Any] | None = None
    leaks: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()


def live(settings: Settings) -> Subject:
    """The dataset and the deployed model with its scores; no model where none is deployed or it is of other columns."""
    release = releases.current(settings.production)
    rows = dataset.current(settings.ingested, settings.input_folder_path, settings.schema)
    desk = models.read_card(settings.models)
    leaks = tuple(desk.leaks) if desk and desk.schema == settings.schema.identity else ()
    if release is None:
        return Subject(rows, leaks=leaks)
    live_model = proven.opened(settings.production, release)
    if live_model.card.schema != settings.schema.identity:
        log.warning(event("the live model was made for other columns: no list can be made", release=release.name))
        return Subject(rows, leaks=leaks)
    measured, warnings = scores(settings, rows, live_model, release.folder)
    warnings += (live_model.warning,) if live_model.warning else ()
    leaks = (*live_model.card.leaks, *leaks)
    return Subject(rows, live_model, release.folder, release.provisional, release.forced, measured, leaks, warnings)


def scores(
    settings: Settings, rows: Dataset, model: Model, folder: Path
) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """The scores on the clients who are held out now, None where no outcome is known, and warnings."""
    learned = out_of_fold.read(folder)["client"]
    try:
        held_out = holdout.read(settings.holdout, rows, settings.test_share, set(learned), size_cap=settings.size_cap)
    except DataError as error:
        log.warning(event("no scores", reason=error))
        return None, ()
    before_change = _before_change(settings, held_out.digest)
    return scored(settings, model, held_out, learned) | {"before_change": before_change}, held_out.warnings


def scored(settings: Settings, model: Model, held_out: Holdout, learned: pd.Series) -> dict[str, Any]:
    """The scores on held-out rows, their periods, and how many are of clients that the model was trained on."""
    measured = asdict(holdout.score(model, held_out, settings.schema.target, settings.gate.top_share))
    n_seen = int(held_out.rows[settings.schema.client].isin(learned).sum()) if len(learned) else None
    curve = gains(held_out.rows[settings.schema.target], model.risks(held_out.rows))
    measured |= {"scored_on": held_out.scored_on, "n_seen": n_seen, "gains": curve}
    return measured | out_of_fold.periods(held_out.rows, settings.schema.period)


def _before_change(settings: Settings, digest: str) -> str | None:
    """The last release that was trained for drift, if this very test data was there before it."""
    for before, after in reversed(list(itertools.pairwise(releases.all_of(settings.production)))):
        if releases.object_in(after.folder / paths.CARD).get("reason") == policy.DRIFT:
            return after.name if before.verdict.get("holdout") == digest else None
    return None
