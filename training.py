"""Trains a challenger on the labelled rows and lays it on the desk with its card. It is not live yet.

Reads:  output_folder_path: the current version of the dataset; the live release and the one before it; test_data_path
        (while no test file holds an outcome, a share of the clients is held out); outcomes_path (rows whose outcome a
        call may have changed are left out)
Writes: output_model_path: trainedmodel.pkl, trainedmodel.json (its card), learnedrisks.parquet (out-of-fold risks)
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from risk import command
from risk.command import Answer, Run
from risk.dataset import dataset, outcomes
from risk.dataset.dataset import Dataset
from risk.dataset.manifest import Manifest
from risk.decision import holdout, incumbents, policy
from risk.decision.policy import Reason
from risk.disk import files, journal, paths
from risk.disk.journal import LEAK, Attention
from risk.errors import DataError, FamilyError
from risk.modeling import families, fitting, leakage, reasons, selection
from risk.modeling.metrics import Array, Floats, Marks
from risk.reading import erased
from risk.registry import challenger_file, model, out_of_fold, proven, releases
from risk.registry.challenger_file import ChallengerFile
from risk.registry.model import Card
from risk.settings.settings import Settings
from risk.text import counted, event, log


def train(settings: Settings, run: Run, why: Reason | None = None) -> Card:
    """Train a challenger and write it with its card; what a run that was cut off has left is not made again.

    `why` is the reason to train as the drift check gave it: kept in the card, so that a killed run can go on.
    """
    schema = settings.schema
    current = dataset.current(settings.ingested, settings.input_folder_path, schema, needed=True)
    manifest = current.manifest
    on_desk = model.read_card(settings.models)
    under_way = on_desk and on_desk.run > journal.finished(settings.production / paths.JOURNAL)
    if under_way and on_desk and on_desk.dataset == manifest.name and _is_whole(settings, run, on_desk):
        return _noted(settings, run, on_desk)
    live = proven.live(settings.production, settings.own)
    spared = holdout.share(settings.holdout, schema, settings.test_share, size_cap=settings.size_cap)
    rows = current.beside(live.manifest if live else None, spared)
    rows = rows.apart(
        outcomes.read(settings.outcomes, settings.size_cap, erased.read(settings.production)), settings.fewest
    )
    reason = str(why.name) if why else policy.BY_HAND
    rival = incumbents.competing(live, schema, reason)
    labelled, recent = _labelled(settings, rows, rival is not None, why)
    left, clients = labelled[schema.target].to_numpy(np.float64), labelled[schema.client].to_numpy()
    _check(settings, run, manifest, left)
    run.warn(*rows.words(labelled, "in training"))
    x = fitting.features(labelled, schema.kinds)
    champion = incumbents.champion(rival, labelled, schema, reason)
    former = incumbents.former(rival, labelled, schema, manifest.name) if rival and champion else None
    given = x, left, clients, rows.when(labelled), recent, schema.kinds, settings.model.family
    teach = partial(selection.teach, *given, order_holds=why is None or why.order_holds)
    packed = challenger_file.of(teach, x, left, settings.own, schema.kinds, live, (champion, former))
    challenger = packed.challenger
    _tell(run, packed.faults)
    marked = challenger.rows if challenger.release is None else False
    stated = {"risk": challenger.risks, "nested": challenger.nested, "forward": challenger.forward}
    out_of_fold.write(settings.models, labelled.assign(client=clients, learned=marked, **stated))
    facts = {"dataset": manifest.name, "run": run.number, "reason": reason, "why": why.as_dict() if why else None}
    facts |= {"learned_sha256": files.digest_file(settings.models / paths.LEARNED_RISKS)}
    facts |= {"n_labelled": manifest.counts.get("n_labelled", len(left))}
    facts |= {"candidates": [asdict(it) for it in challenger.compared]}
    facts |= {"leaks": _leaks(settings, rows, x, left, clients)}
    card = _write_model(settings, packed, x, left, facts)
    log.info(event("challenger", family=card.family, learned=card.learned, rows=card.n_rows, reason=card.reason))
    return _noted(settings, run, card)


def _is_whole(settings: Settings, run: Run, card: Card) -> bool:
    """Return whether the model on the desk is that of its card, and a run has noted the card where one must have."""
    path, is_own = settings.models / paths.CARD, families.is_own(card.family)
    return model.whole(settings.models) and not (is_own and not proven.is_noted(path, settings.production, run.record))


def _tell(run: Run, faults: Sequence[FamilyError]) -> None:
    """Warn of families of one's own that failed; the journal keeps no text that may quote a row."""
    for fault in faults:
        log.warning(event("family", reason=fault))
        run.private[str(fault)] = fault.record
    run.warn(*map(str, faults))


def _labelled(settings: Settings, rows: Dataset, has_rival: bool, why: Reason | None) -> tuple[pd.DataFrame, Marks]:
    """Return the rows to train on and mark those that are recent: new to the live model, after drift in the window.

    Where that one is no rival, for it is of other columns, none is recent: the challenger is judged on all of them.
    Of more rows than `model.max_training_rows` a sample is taken; as many recent rows are all kept, for the decision
    rests on them.
    """
    most = settings.model.max_training_rows
    labelled = rows.labelled(most)
    recent = rows.recent(why.recent if why else None) if has_rival else labelled.iloc[:0]
    more = recent[~recent["position"].isin(labelled["position"])]
    if 0 < len(more) <= len(recent) <= most:
        order = ["row", settings.schema.target, "position"]
        labelled = pd.concat([labelled, more]).sort_values(order, kind="stable", ignore_index=True)
    total = rows.manifest.counts.get("n_labelled", len(labelled))
    if total > most:
        log.info(event("sample", rows=len(labelled), labelled=total))
    return labelled, labelled["position"].isin(recent["position"]).to_numpy()


def _check(settings: Settings, run: Run, manifest: Manifest, left: Floats) -> None:
    """Raise DataError where no model can be trained; warn where the family of the settings cannot."""
    if len(set(left)) < 2:
        found = f"{counted(len(left), 'labelled row')} with {counted(len(set(left)), 'kind')} of outcome"
        raise DataError(f"dataset {manifest.name}: {found}; a model needs clients who left and clients who stayed")
    if too_few := families.short_of(settings.model.family, left):
        log.warning(event("family", reason=too_few))
        run.warn(too_few)


def _write_model(
    settings: Settings, packed: ChallengerFile, x: pd.DataFrame, left: Floats, facts: dict[str, Any]
) -> Card:
    """Write model and card; a former release that comes back keeps its own but for the facts of this training."""
    schema, challenger, content = settings.schema, packed.challenger, packed.content
    if challenger.release:
        release = releases.named(settings.production, challenger.release)
        card = proven.opened(settings.production, release, settings.own).card
        card = replace(card, **facts, learned=challenger.learned, release=challenger.release)
    else:
        minimums = {it.name: it.minimum for it in schema.columns}
        probes = reasons.probes(x[challenger.rows], schema.kinds, schema.changes, minimums)
        facts |= {"probes": probes, "packages": command.packages(), "own": packed.own}
        card = model.describe(challenger, x, left, schema, settings.gate.top_share, files.digest(content), facts)
    files.write(settings.models / paths.MODEL, content)
    files.write(settings.models / paths.CARD, files.as_json(asdict(card)))
    return card


def _leaks(settings: Settings, rows: Dataset, x: pd.DataFrame, left: Floats, clients: Array) -> list[dict[str, Any]]:
    """Return the features that know the answer: by the labelled rows, and the clients whose outcome is not known."""
    schema = settings.schema
    current = fitting.features(rows.undecided(settings.model.max_training_rows), schema.kinds)
    fold = fitting.folds(clients, left)
    return leakage.plain(leakage.leaks(x, left, clients, fold, current, schema.kinds, schema.trusted))


def _noted(settings: Settings, run: Run, card: Card) -> Card:
    """Keep for the record what was compared, and warn of the columns that know the answer."""
    if families.is_own(card.family):
        run.note(card=files.digest_file(settings.models / paths.CARD))
    told = [*leakage.words(card.leaks), *([families.NO_FEATURE] if card.size == families.BASE_RATE else [])]
    for leak in card.leaks:
        log.warning(event("leak", column=leak["column"], reason=leak["sentence"]))
    run.note(challenger=card.sha256, reason_to_train=card.reason, candidates=card.candidates, leaks=card.leaks)
    run.warn(*told)
    columns = [leak["column"] for leak in card.leaks]
    why = {it: f"The column {it} seems to know the answer. {leakage.ADVICE}" for it in columns}
    run.attend([LEAK], [Attention(LEAK, it, sentence) for it, sentence in why.items()])
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
