"""Trains a challenger on the labelled rows and lays it on the desk with its card. It is not live yet.

Reads:  output_folder_path: the current version of the dataset; the live release and the one before it; test_data_path
        (while no test file holds an outcome, a share of the clients is held out)
Writes: output_model_path: trainedmodel.pkl, trainedmodel.json (its card), learnedrisks.parquet (out-of-fold risks)
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from risk import command, files, journal, paths
from risk.attention import LEAK, Attention
from risk.command import Answer, Run, event, log
from risk.dataset import dataset
from risk.dataset.dataset import Dataset
from risk.dataset.manifest import Manifest
from risk.decision import holdout, incumbents, policy
from risk.errors import DataError, ModelError
from risk.modeling import families, fitting, leakage, segments, selection
from risk.modeling.fitting import Floats
from risk.modeling.metrics import evaluate
from risk.modeling.reference import reference
from risk.modeling.selection import Challenger, Standing
from risk.registry import model, out_of_fold, proven, releases
from risk.registry.model import Card
from risk.registry.releases import Release
from risk.report import factors
from risk.settings import Settings
from risk.text import counted


def train(settings: Settings, run: Run, why: Mapping[str, Any] | None = None) -> Card:
    """Train a challenger and write it with its card; what a run that was cut off has left is not made again.

    `why` is the reason to train as the drift check gave it: kept in the card, so that a killed run can go on.
    """
    current = dataset.current(settings.ingested, settings.input_folder_path, settings.schema)
    manifest = current.manifest
    on_desk = model.read_card(settings.models)
    under_way = on_desk and on_desk.run > journal.finished(settings.production / paths.JOURNAL)
    if on_desk and under_way and on_desk.dataset == manifest.name and model.whole(settings.models):
        return _noted(run, on_desk)
    live = releases.current(settings.production)
    spared = holdout.share(settings.holdout, settings.schema, settings.test_share, size_cap=settings.size_cap)
    rows = current.beside(live.manifest if live else None, spared)
    labelled, recent = _labelled(settings, rows, live is not None, ((why or {}).get("scan") or {}).get("moved_in"))
    left = labelled[settings.schema.target].to_numpy(np.float64)
    _check(settings, manifest, left)
    if too_few := families.short_of(settings.model.family, left):
        log.warning(event("family", reason=too_few))
        run.note(warnings=[*run.record.get("warnings", []), too_few])
    reason = why["name"] if why else policy.BY_HAND
    champion = _champion(settings, live, labelled, reason)
    former = _release_before(settings, labelled, manifest.name) if champion else None
    x = fitting.features(labelled, settings.schema.kinds)
    clients, when = labelled[settings.schema.client].to_numpy(), rows.when(labelled)
    taught = selection.teach(
        x, left, clients, when, recent, settings.schema.kinds, settings.model.family, champion, former
    )
    marked = taught.rows if taught.release is None else False
    stated = {"risk": taught.risks, "nested": taught.nested, "forward": taught.forward}
    out_of_fold.write(settings.models, labelled.assign(client=clients, learned=marked, **stated))
    facts = {
        "learned_sha256": files.digest_file(settings.models / paths.LEARNED_RISKS),
        "dataset": manifest.name,
        "run": run.number,
        "reason": reason,
        "why": dict(why) if why else None,
        "n_labelled": manifest.counts.get("n_labelled", len(left)),
        "candidates": [asdict(it) for it in taught.compared],
        "segments": _segments(settings, labelled, left, taught, champion, recent),
        "leaks": _leaks(settings, rows, x, left, labelled),
    }
    card, packed = _former(settings, taught, facts) or _made(settings, taught, x, left, facts)
    files.write(settings.models / paths.MODEL, packed)
    files.write(settings.models / paths.CARD, model.card_bytes(card))
    log.info(event("challenger", family=card.family, learned=card.learned, rows=card.n_rows, reason=card.reason))
    return _noted(run, card)


def _labelled(
    settings: Settings, rows: Dataset, has_live: bool, contents: int | None
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Return the rows to train on and mark those that are recent: new to the live model, after drift in the window.

    Of more rows than `model.max_training_rows` a sample is taken; as many recent rows are all kept, for the decision
    rests on them.
    """
    most = settings.model.max_training_rows
    labelled = rows.labelled(most)
    recent = rows.recent(contents) if has_live else labelled.iloc[:0]
    more = recent[~recent["position"].isin(labelled["position"])]
    if 0 < len(more) <= len(recent) <= most:
        order = ["row", settings.schema.target, "position"]
        labelled = pd.concat([labelled, more]).sort_values(order, kind="stable", ignore_index=True)
    total = rows.manifest.counts.get("n_labelled", len(labelled))
    if total > most:
        log.info(event("sample", rows=len(labelled), labelled=total))
    return labelled, labelled["position"].isin(recent["position"]).to_numpy()


def _check(settings: Settings, manifest: Manifest, left: Floats) -> None:
    if manifest.number == 0:
        raise DataError(f"{settings.ingested}: there is no dataset yet; run python ingestion.py first")
    if len(set(left)) < 2:
        raise DataError(
            f"dataset {manifest.name}: {counted(len(left), 'labelled row')} with "
            f"{counted(len(set(left)), 'kind')} of outcome; "
            "a model needs clients who left and clients who stayed"
        )


def _champion(settings: Settings, live: Release | None, labelled: pd.DataFrame, reason: str) -> Standing | None:
    """Return the live model. One that cannot be opened does not compete where a person asked; else nothing does."""
    try:
        return incumbents.champion(settings.production, live, labelled, settings.schema)
    except ModelError as error:
        if reason not in policy.BY_A_PERSON:
            raise
        log.warning(event("the live model does not compete", reason=error))
        return None


def _release_before(settings: Settings, labelled: pd.DataFrame, version: str) -> Standing | None:
    """Return the release that may come back. One that is damaged does not compete: it is not needed for a new model."""
    try:
        return incumbents.former(settings.production, labelled, settings.schema, version)
    except (DataError, ModelError) as error:
        log.warning(event("the former release does not compete", reason=error))
        return None


def _former(settings: Settings, taught: Challenger, facts: dict[str, Any]) -> tuple[Card, bytes] | None:
    """Return card and bytes of the former release that is to come back: its own but for the facts of this training."""
    if taught.release is None:
        return None
    found = releases.named(settings.production, taught.release)
    card = proven.opened(settings.production, found).card
    packed = (found.folder / paths.MODEL).read_bytes()
    return replace(card, **facts, learned=taught.learned, release=taught.release), packed


def _made(
    settings: Settings, taught: Challenger, x: pd.DataFrame, left: Floats, facts: dict[str, Any]
) -> tuple[Card, bytes]:
    """Return card and bytes of a model that was made now."""
    packed = model.pack(taught, x, left)
    return _card(settings, taught, x, left, files.digest(packed), facts), packed


def _card(
    settings: Settings, taught: Challenger, x: pd.DataFrame, left: Floats, digest: str, facts: dict[str, Any]
) -> Card:
    schema, used = settings.schema, taught.rows
    k = max(1, round(settings.gate.top_share * taught.n_rows))
    inside = x[used]
    values = {name: inside[name].to_numpy() for name in schema.kinds}
    return Card(
        sha256=digest, family=taught.family, learned=taught.learned, n_rows=taught.n_rows, threshold=taught.threshold,
        features=dict(schema.kinds), target=schema.target, horizon=schema.horizon, schema=schema.identity,
        base_rate=float(left[used].mean()),
        scores=asdict(evaluate(left[used], taught.risks[used], taught.threshold, k)),
        reference=reference(values, schema.kinds, left[used], taught.risks[used]).as_dict(),
        probes=factors.probes(inside, schema.kinds, schema.changes, {it.name: it.minimum for it in schema.columns}),
        packages=command.packages(), **facts,
    )  # fmt: skip


def _segments(
    settings: Settings, labelled: pd.DataFrame, left: Floats, taught: Challenger, champion: Standing | None,
    recent: NDArray[np.bool_],
) -> dict[str, Any] | None:  # fmt: skip
    """Return the segments by size on the rows that the candidates were compared on; None without any number column."""
    by = segments.size_column(settings.schema.value, settings.schema.kinds)
    if by is None:
        return None
    rows = recent if recent.any() else np.ones(len(left), dtype=bool)
    against = champion.risks[rows] if champion else None
    return asdict(
        segments.by_size(by, labelled[by].to_numpy(np.float64)[rows], left[rows], taught.risks[rows], against)
    )


def _leaks(
    settings: Settings, rows: Dataset, x: pd.DataFrame, left: Floats, labelled: pd.DataFrame
) -> list[dict[str, Any]]:
    """Return the features that know the answer: by the labelled rows, and the clients whose outcome is not known."""
    schema, clients = settings.schema, labelled[settings.schema.client].to_numpy()
    current = fitting.features(rows.undecided(settings.model.max_training_rows), schema.kinds)
    fold = fitting.folds(clients, left)
    return leakage.plain(leakage.leaks(x, left, clients, fold, current, schema.kinds, schema.trusted))


def _noted(run: Run, card: Card) -> Card:
    """Keep for the record what was compared, and warn of the columns that know the answer."""
    told = leakage.words(card.leaks)
    for leak in card.leaks:
        log.warning(event("leak", column=leak["column"], reason=leak["sentence"]))
    run.note(challenger=card.sha256, reason_to_train=card.reason, candidates=card.candidates, leaks=card.leaks)
    run.note(warnings=[*run.record.get("warnings", []), *told])
    columns = [leak["column"] for leak in card.leaks]
    run.attend(
        [LEAK], [Attention(LEAK, it, f"The column {it} seems to know the answer. {leakage.ADVICE}") for it in columns]
    )
    return card


def _work(settings: Settings, _: object) -> Answer:
    def by_hand(run: Run) -> Answer:
        card = train(settings, run)
        line = f"trained: {card.family} on {card.n_rows} rows of {card.dataset}, out-of-fold F1 {card.scores['f1']:.3f}"
        return Answer(
            " ".join([line, *leakage.words(card.leaks)]),
            {"outcome": "trained", "model": card.sha256, "dataset": card.dataset, "f1": card.scores["f1"]},
        )

    return command.alone(settings, "training", by_hand)


if __name__ == "__main__":
    sys.exit(command.main(__doc__ or "", _work))
