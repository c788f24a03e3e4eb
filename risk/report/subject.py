"""The subject of a report: rows and a model, the model's scores, and what is to be warned of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from risk.dataset import dataset, outcomes
from risk.dataset.dataset import Dataset
from risk.dataset.outcomes import Outcomes
from risk.decision import holdout, policy
from risk.decision.holdout import Holdout
from risk.disk import journal, paths
from risk.errors import DataError
from risk.modeling.metrics import gains
from risk.reading import erased
from risk.registry import model as models
from risk.registry import out_of_fold, proven, releases
from risk.registry.model import Model
from risk.registry.releases import object_in
from risk.report import missing_list
from risk.settings.settings import Settings
from risk.text import event, log


@dataclass(frozen=True)
class Subject:
    """The rows and the model of a report, the model's folder, and its scores on the test data.

    The rows keep those of `called` clients apart; `with_called` are the scores with these. `unfit` are the live release
    and why it is not the model, where it does not fit the schema. `behind` is the release that was made for a change
    after the live one, where a person went back.
    """

    rows: Dataset
    model: Model | None = None
    folder: Path | None = None
    provisional: bool = False
    forced: str | None = None
    scores: dict[str, Any] | None = None
    leaks: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    called: Outcomes = field(default_factory=Outcomes)
    with_called: dict[str, Any] | None = None
    unfit: tuple[str, str] | None = None
    behind: str | None = None


def live(settings: Settings) -> Subject:
    """The dataset and the deployed model with its scores; no model where none is deployed or it is of other columns."""
    release = releases.current(settings.production)
    called = outcomes.read(settings.outcomes, settings.size_cap, erased.read(settings.production))
    everyone = dataset.current(settings.ingested, settings.input_folder_path, settings.schema)
    rows = everyone.apart(called, settings.fewest)
    desk = models.read_card(settings.models)
    leaks = tuple(desk.leaks) if desk and desk.schema == settings.schema.identity else ()
    if release is None:
        return Subject(rows, leaks=leaks, called=called)
    model = proven.opened(settings.production, release, settings.own)
    if model.card.schema != settings.schema.identity:
        log.warning(event("the live model was made for other columns: no list can be made", release=release.name))
        is_other = model.card.features != settings.schema.kinds
        why = missing_list.OTHER_FEATURES if is_other else missing_list.OTHER_MEANING
        return Subject(rows, leaks=leaks, called=called, unfit=(release.name, why))
    measured, warnings = scores(settings, rows, model, release.folder)
    warnings += (model.warning,) if model.warning else ()
    leaks = (*model.card.leaks, *leaks)
    with_called = scores(settings, everyone, model, release.folder)[0] if called.contacts else measured
    proof = release.provisional, release.forced
    behind = _behind(settings.production)
    return Subject(rows, model, release.folder, *proof, measured, leaks, warnings, called, with_called, behind=behind)


def _behind(production: Path) -> str | None:
    """The release made for a change since the live one was trained, where a person went back behind it.

    None once a check of newer outcomes has found no change: then it had passed, or had been a fault of the data.
    """
    records = journal.read(production / paths.JOURNAL)
    turned = [place for place, it in enumerate(records) if it.get("kind") == releases.INTENT]
    last = records[turned[-1]] if turned else {}
    if last.get("action") != releases.ROLLBACK or last.get("reason"):
        return None
    looks = [it for it in records[turned[-1] :] if (it.get("scan") or {}).get("windows")]
    if any(it.get("verdict") == "no drift" for it in looks):
        return None
    later = [it for it in releases.all_of(production) if paths.number_of(it.name) > paths.number_of(last["release"])]
    made = [it.name for it in later if object_in(it.folder / paths.CARD).get("reason") == policy.DRIFT]
    return made[-1] if made else None


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
    before_change = releases.before_change(settings.production, policy.DRIFT, held_out.digest)
    return scored(settings, model, held_out, learned) | {"before_change": before_change}, held_out.warnings


def scored(settings: Settings, model: Model, held_out: Holdout, learned: pd.Series) -> dict[str, Any]:
    """The scores on held-out rows, their periods, and how many are of clients that the model was trained on."""
    measured = holdout.score(model, held_out, settings.schema.target, settings.gate.top_share).as_dict()
    n_seen = int(held_out.rows[settings.schema.client].isin(learned).sum()) if len(learned) else None
    curve = gains(held_out.rows[settings.schema.target], model.risks(held_out.rows))
    return measured | {"n_seen": n_seen, "gains": curve} | out_of_fold.periods(held_out.rows, settings.schema.period)
