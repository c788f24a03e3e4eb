"""Scores the challenger on the held-out clients and judges it against what is live.

Reads:  output_model_path (the challenger and its papers), test_data_path, the dataset, the live release
Writes: output_model_path: latestscore.txt (F1 on the test data), verdict.json (what deployment may do)
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from risk import command, files, journal, paths
from risk.command import Answer, Run, event, log
from risk.dataset import dataset
from risk.dataset.dataset import Dataset
from risk.decision import gate, holdout, policy
from risk.decision.holdout import Holdout
from risk.errors import ModelError
from risk.modeling import fitting, leakage
from risk.modeling.metrics import Scores, log_losses
from risk.registry import model, out_of_fold, proven, releases
from risk.registry.model import Model
from risk.registry.releases import Release
from risk.settings import Settings

COVERED = ("model", "champion", "dataset", "holdout", "run")
DEPLOYED, REJECTED, NOT_ENOUGH = "deployed", "challenger rejected", "not enough evidence"
ROLLED_BACK = "rolled back"
BASE_RATE = "base rate"
SPOILED = 1.1  # times the out-of-fold log-loss: on rows that it learned a model answers better than that


@dataclass(frozen=True)
class Verdict:
    """What was decided of one challenger (by its digest) against one champion, on which data, and why."""

    model: str
    champion: str
    dataset: str
    holdout: str
    run: int
    reason: str
    deploy: bool
    provisional: bool
    outcome: str
    sentence: str
    scores: dict[str, Any]
    gate: dict[str, Any]


def judge(settings: Settings, run: Run) -> Verdict:
    """Score and judge the challenger on the desk; a verdict that already covers it stands."""
    challenger = model.load(settings.models)
    live = releases.current(settings.production)
    current = dataset.current(settings.ingested, settings.input_folder_path, settings.schema)
    manifest = current.manifest
    if challenger.card.dataset != manifest.name:
        raise ModelError(
            f"{settings.models}: the challenger was trained on dataset {challenger.card.dataset}, the current one is "
            f"{manifest.name}; run python training.py first"
        )
    rows = current.beside(live.manifest if live else None)
    held_out = _holdout(settings, settings.models, rows)
    covers = (challenger.digest, live.name if live else BASE_RATE, manifest.name, held_out.digest, run.number)
    ended = journal.finished(settings.production / paths.JOURNAL)
    found = _carried_out(settings, live, challenger, ended)
    found = found or _standing(settings, covers, challenger.card.reason, ended)
    if found is None:
        leaks = leakage.still(challenger.card.leaks, settings.schema.kinds, settings.schema.trusted)
        champion = _champion(settings, live, bool(leaks), challenger.card.reason)
        judged, bar = _evidence(settings, rows, challenger, champion)
        replaces_proven = live is not None and not live.provisional
        scores = asdict(_score(settings, challenger, held_out)) | {"scored_on": held_out.scored_on}
        found = _verdict(covers, challenger, scores, judged, bar, leaks, champion is not None, replaces_proven)
        files.write(settings.models / paths.LATEST_SCORE, f"{found.scores['f1']}\n".encode())
        files.write(settings.models / paths.VERDICT, files.as_json(asdict(found)))
        log.info(event("verdict", outcome=found.outcome, f1=found.scores["f1"], sentence=found.sentence))
    run.note(gate=found.gate, scores=found.scores, sentence=found.sentence)
    return found


def _holdout(settings: Settings, folder: Path, rows: Dataset) -> Holdout:
    clients = set(out_of_fold.read(folder)["client"])
    found = holdout.read(settings.holdout, rows, settings.test_share, clients, size_cap=settings.size_cap)
    for warning in found.warnings:
        log.warning(event("test data", warning=warning))
    return found


def _score(settings: Settings, scored: Model, held_out: Holdout) -> Scores:
    return holdout.score(scored, held_out, settings.schema.target, settings.gate.top_share)


def _carried_out(settings: Settings, live: Release | None, challenger: Model, ended: int) -> Verdict | None:
    """Return the verdict by which a run that was cut off after it has made the challenger live."""
    if live is None:
        return None
    back = challenger.card.release == live.name  # a former release keeps its papers: the verdict is on the desk alone
    told = releases.object_in(settings.models / paths.VERDICT) if back else live.verdict
    if told.get("model") != challenger.digest or told.get("run", 0) <= ended or not told.get("deploy"):
        return None
    return Verdict(**{name: value for name, value in told.items() if name != "forced"})


def _standing(settings: Settings, covers: tuple[Any, ...], reason: str, ended: int) -> Verdict | None:
    """Return the verdict on the desk if no run has ended since and it covers model, champion, dataset, test data."""
    found = releases.object_in(settings.models / paths.VERDICT)
    same = tuple(found.get(name) for name in COVERED[:-1]) == covers[:-1] and found.get("reason") == reason
    if same and found["run"] > ended:
        return Verdict(**found)
    return None


def _champion(settings: Settings, live: Release | None, leaks: bool, reason: str) -> Model | None:
    """Return the live model if the challenger is compared with it; else with the base rate, on all labelled rows.

    It is not where it was made for other columns, nor where it is provisional for leaks that the challenger is rid of,
    nor where it cannot be opened and a person asked for another.
    """
    schema = settings.schema
    try:
        found = proven.opened(settings.production, live) if live else None
    except ModelError:
        if reason not in policy.BY_A_PERSON:
            raise
        return None
    if live is None or found is None or (found.card.schema, found.card.features) != (schema.identity, schema.kinds):
        return None
    return None if live.provisional and found.card.leaks and not leaks else found


def _evidence(
    settings: Settings, rows: Dataset, challenger: Model, champion: Model | None
) -> tuple[gate.Gate, str | None]:
    """Return the gate's figures on rows that neither has seen, and what bars the challenger whatever they say."""
    schema, rule = settings.schema, settings.gate
    since = (challenger.card.why or {}).get("scan") or {}
    judged = rows.recent(since.get("moved_in")) if champion else rows.labelled(settings.model.max_training_rows)
    told = _out_of_fold(settings, challenger)
    judged = judged[judged["position"].isin(told.index)]  # of very many rows only a sample was compared
    stated = told.loc[judged["position"]]
    left, clients = judged[schema.target].to_numpy(np.float64), judged[schema.client].to_numpy()
    against = champion.risks(judged) if champion else fitting.base_rate(left, fitting.folds(clients, left))
    nested, forward = stated["nested"].to_numpy(np.float64), stated["forward"].to_numpy(np.float64)
    reason, bare = challenger.card.reason, champion is None
    found = policy.judged(left, against, nested, clients, rule, reason, by_base_rate=bare, forward=forward)
    if challenger.digest in releases.rolled_back(settings.production, challenger.card.dataset):
        return found, "This very model was rolled back on this dataset; it is not proposed again."
    return found, _spoiled(left, stated["risk"].to_numpy(np.float64), challenger.risks(judged))


def _out_of_fold(settings: Settings, challenger: Model) -> pd.DataFrame:
    """Return what training stated of each row, out-of-fold, by position. Raises: ModelError when they are another's."""
    if files.digest_file(settings.models / paths.LEARNED_RISKS) != challenger.card.learned_sha256:
        raise ModelError(
            f"{settings.models / paths.LEARNED_RISKS}: not of the challenger beside it; run python training.py"
        )
    return out_of_fold.read(settings.models).set_index("position")


def _spoiled(left: fitting.Floats, told: fitting.Floats, answered: fitting.Floats) -> str | None:
    """Return why this is not the model that was compared: it answers worse, on rows that it learned, than was told."""
    if not len(left):
        return None
    was, now = log_losses(left, told).mean(), log_losses(left, answered).mean()
    if now <= was * SPOILED:
        return None
    return f"The model answers with a log-loss of {now:.3f} where its papers tell {was:.3f}: it is refused as spoiled."


def _verdict(
    covers: tuple[Any, ...], challenger: Model, scores: dict[str, Any], found: gate.Gate, bar: str | None,
    leaks: list[dict[str, Any]], compared: bool, replaces_proven: bool,
) -> Verdict:  # fmt: skip
    """Return what follows. Where nothing is proven for these columns a model is deployed in any case, as provisional

    unless it beats the base rate. With `leaks` it is provisional at most, and replaces nothing that is proven.
    """
    favoured, first = found.outcome == "deploy", not compared and not replaces_proven
    if leaks and favoured and (replaces_proven or challenger.card.release):
        bar = bar or "A column seems to know the answer, so the challenger does not replace a proven model."
    deploy = (favoured or first) and bar is None
    made_live = ROLLED_BACK if challenger.card.release else DEPLOYED
    outcome = made_live if deploy else NOT_ENOUGH if found.outcome == NOT_ENOUGH and bar is None else REJECTED
    sentence = bar or found.sentence
    if deploy and not favoured:
        sentence += " Nothing is proven for these columns, so it is deployed as provisional: do not rely on it."
    elif deploy and leaks:
        sentence += " It is only provisional, for a column seems to know the answer."
    named = dict(zip(COVERED, covers, strict=True))
    return Verdict(
        **named,
        reason=challenger.card.reason,
        deploy=deploy,
        provisional=deploy and (not favoured or bool(leaks)),
        outcome=outcome,
        sentence=" ".join([sentence, *leakage.words(leaks)]),
        scores=scores,
        gate=asdict(found) | {"against": covers[1] if compared else BASE_RATE, "sentence": bar or found.sentence},
    )


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", metavar="FOLDER", help="score the model in this folder; nothing is judged or written"
    )
    parser.add_argument("--data", metavar="FILE", help="score on the labelled rows of this file")
    parser.add_argument(
        "--production", action="store_true", help="score the live release; nothing is judged or written"
    )


def _work(settings: Settings, asked: argparse.Namespace) -> Answer:
    if asked.model or asked.data or asked.production:
        return _look(settings, asked)

    def by_hand(run: Run) -> Answer:
        found = judge(settings, run)
        word = "favourable" if found.deploy else found.outcome
        line = f"{word}: F1 {found.scores['f1']:.3f} on {found.scores['n_rows']} rows of test data. {found.sentence}"
        return Answer(line, {"outcome": word, "f1": found.scores["f1"], "verdict": asdict(found)})

    return command.alone(settings, "scoring", by_hand)


def _look(settings: Settings, asked: argparse.Namespace) -> Answer:
    """Score any model on any data, writing nothing."""
    scored = proven.asked(settings.production, asked.model)
    folder = Path(asked.model or settings.production / paths.RELEASES / scored.name)
    if asked.data:
        held_out = holdout.of_file(Path(asked.data), settings.schema)
    else:
        rows = dataset.current(settings.ingested, settings.input_folder_path, settings.schema)
        held_out = _holdout(settings, folder, rows)
    found = _score(settings, scored, held_out)
    line = f"F1 {found.f1:.3f} on {found.n_rows} rows of {held_out.scored_on}"
    return Answer(line, {"model": scored.digest, "scored_on": held_out.scored_on, **asdict(found)})


if __name__ == "__main__":
    sys.exit(command.main(__doc__ or "", _work, options=_options))
