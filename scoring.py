"""Scores the challenger on the held-out clients and judges it against what is live.

Reads:  output_model_path (the challenger and its papers), test_data_path, the dataset, the live release,
        outcomes_path
Writes: output_model_path: latestscore.txt (F1 on the test data), verdict.json (what deployment may do)
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from risk import command
from risk.command import Answer, Run
from risk.dataset import dataset, outcomes
from risk.dataset.dataset import Dataset
from risk.decision import holdout, verdict
from risk.decision.holdout import Holdout
from risk.decision.verdict import Verdict
from risk.disk import files, journal, paths
from risk.errors import ModelError
from risk.modeling import leakage
from risk.reading import erased
from risk.registry import out_of_fold, proven, releases
from risk.registry.judgement import HoldoutScores
from risk.registry.model import Model
from risk.registry.releases import BASE_RATE
from risk.settings.settings import Settings
from risk.text import event, log


def judge(settings: Settings, run: Run) -> Verdict:
    """Score and judge the challenger on the desk; a verdict that already covers it stands."""
    schema, challenger = settings.schema, proven.desk(settings.models, settings.production, settings.own, run.record)
    card, live = challenger.card, proven.live(settings.production, settings.own)
    current = dataset.current(settings.ingested, settings.input_folder_path, schema)
    manifest = current.manifest
    if card.dataset != manifest.name:
        raise ModelError(
            f"{settings.models}: the challenger was trained on dataset {card.dataset}, the current one is "
            f"{manifest.name}; run python training.py first"
        )
    rows = _without_called(settings, current.beside(live.manifest if live else None))
    held_out = _holdout(settings, settings.models, rows)
    covered = {"model": challenger.digest, "champion": live.name if live else BASE_RATE, "dataset": manifest.name}
    covered |= {"holdout": held_out.digest, "reason": card.reason}
    ended = journal.finished(settings.production / paths.JOURNAL)
    found = verdict.resumed(settings.models, live, challenger, covered, ended)
    if found is None:
        leaks = leakage.still(card.leaks, schema.kinds, schema.trusted)
        most = settings.model.max_training_rows
        evidence = verdict.evidence(rows, settings.models, challenger, live, bool(leaks), settings.gate, most)
        back = challenger.digest in releases.rolled_back(settings.production, card.dataset)
        scores = _score(settings, challenger, held_out)
        found = verdict.conclude(
            covered,
            run.number,
            evidence,
            leaks,
            scores,
            comes_back=bool(card.release),
            rolled_back=back,
            size=card.size,
        )
        files.write(settings.models / paths.LATEST_SCORE, f"{found.scores.f1}\n".encode())
        files.write(settings.models / paths.VERDICT, files.as_json(found.as_dict()))
        log.info(event("verdict", outcome=found.outcome, f1=found.scores.f1, sentence=found.sentence))
    run.note(gate=found.gate.as_dict(), scores=found.scores.as_dict(), sentence=found.sentence)
    return found


def _without_called(settings: Settings, rows: Dataset) -> Dataset:
    return rows.apart(
        outcomes.read(settings.outcomes, settings.size_cap, erased.read(settings.production)), settings.fewest
    )


def _holdout(settings: Settings, folder: Path, rows: Dataset) -> Holdout:
    clients = set(out_of_fold.read(folder)["client"])
    found = holdout.read(settings.holdout, rows, settings.test_share, clients, size_cap=settings.size_cap)
    for warning in found.warnings:
        log.warning(event("test data", warning=warning))
    return found


def _score(settings: Settings, scored: Model, held_out: Holdout) -> HoldoutScores:
    return holdout.score(scored, held_out, settings.schema.target, settings.gate.top_share)


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
        line = f"{word}: F1 {found.scores.f1:.3f} on {found.scores.n_rows} rows of test data. {found.sentence}"
        return Answer(line, {"outcome": word, "f1": found.scores.f1, "verdict": found.as_dict()})

    return command.alone(settings, "scoring", by_hand)


def _look(settings: Settings, asked: argparse.Namespace) -> Answer:
    """Score any model on any data, writing nothing."""
    scored = proven.asked(settings.production, asked.model, settings.own)
    folder = Path(asked.model or settings.production / paths.RELEASES / scored.name)
    if asked.data:
        held_out = holdout.of_file(Path(asked.data), settings.schema)
    else:
        rows = dataset.current(settings.ingested, settings.input_folder_path, settings.schema)
        rows = _without_called(settings, rows)
        held_out = _holdout(settings, folder, rows)
    found = _score(settings, scored, held_out)
    line = f"F1 {found.f1:.3f} on {found.n_rows} rows of {held_out.scored_on}"
    return Answer(line, {"model": scored.digest, "scored_on": found.scored_on, **found.as_dict()})


if __name__ == "__main__":
    sys.exit(command.main(__doc__ or "", _work, options=_options))
