"""Ranks every current client with the live model and publishes the report set: snapshot, PDF, lists and figures.

Reads:  the dataset, the live release, test_data_path, the journal, backtest.json
Writes: output_model_path: reports/<number>/, its link `current`, and report.pdf, calllist.csv, clientrisks.csv,
        confusionmatrix.png, snapshot.json through it
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import diagnostics
from risk import command, files, journal, paths
from risk.command import Answer, Run
from risk.dataset import dataset, intake
from risk.dataset.dataset import Dataset
from risk.decision import holdout, policy
from risk.decision.holdout import Holdout
from risk.errors import DataError
from risk.modeling import leakage
from risk.modeling.metrics import gains
from risk.registry import model, out_of_fold, proven, releases
from risk.registry.model import Model
from risk.report import call_list, evidence, explain, figures, pdf, plots, snapshot, status
from risk.service import live
from risk.settings import Settings
from risk.text import event, log

KEPT_SETS = 20
RESTED = "reported"
OTHERS = "This is a report of other data or of another model: nothing was decided by it."


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


def report(settings: Settings, run: Run, outcome: str) -> Path:
    """Publish the report set of what is live now; one that this run has published already stands."""
    subject, home = _live(settings), settings.models / paths.REPORTS
    current, live_name = files.resolve(home / paths.CURRENT), subject.model.name if subject.model else None
    identity = (run.number, outcome, subject.rows.manifest.name, live_name, settings.identity)
    if current and snapshot.identity(releases.object_in(current / paths.SNAPSHOT)) == identity:
        return current
    shown, everyone = _gather(settings, run, outcome, subject)
    folder = _publish(settings, _make(shown, everyone), int(current.name) + 1 if current else 1)
    log.info(event("report", set=folder.name, clients=shown["clients"], calls=len(shown["call_list"])))
    return folder


def _publish(settings: Settings, contents: dict[str, files.Content], number: int) -> Path:
    home = settings.models / paths.REPORTS
    for name in files.link_out(settings.models, paths.REPORT_LINKS, f"{paths.REPORTS}/{paths.CURRENT}"):
        log.warning(event("replaced a real file by a link", path=settings.models / name))
    folder = files.publish(home, str(number), contents, home / paths.CURRENT)
    files.tidy(home, lambda name: name == paths.CURRENT or number - KEPT_SETS < int(name) <= number)
    return folder


def _make(shown: dict[str, Any], everyone: pd.DataFrame) -> dict[str, files.Content]:
    """Every file of the set."""
    pictures = figures.drawn(shown["scores"], shown["backtest"])
    contents: dict[str, files.Content] = {
        paths.SNAPSHOT: files.as_json(shown),
        paths.CALL_LIST: call_list.calls_csv(shown["call_list"]),
        paths.CLIENT_RISKS: call_list.risks_csv(everyone),
        paths.CLIENT_FEATURES: call_list.features_jsonl(everyone),
        paths.REPORT: pdf.report(shown, pictures),
    }
    matrix = pictures.get("confusion matrix")
    return contents | ({paths.CONFUSION_MATRIX: matrix} if matrix else {}) | plots.drawn(shown)


# --- gather -----------------------------------------------------------------------------------------------------------


def _gather(settings: Settings, run: Run, outcome: str, subject: Subject) -> tuple[dict[str, Any], pd.DataFrame]:
    """The snapshot, everything that is ever shown, and every current client in the order of its risk."""
    rows, manifest, model = subject.rows, subject.rows.manifest, subject.model
    everyone, calls = call_list.listed(rows, model, subject.folder, settings.capacity)
    rated = model if not subject.provisional else None
    limits = settings.gate.top_share, settings.model.max_training_rows
    summary = asdict(rows.summary())
    leaks = leakage.still(subject.leaks, settings.schema.kinds, settings.schema.trusted)
    shown = _of_run(settings, run, outcome) | {
        "dataset": snapshot.of_dataset(manifest) | {"n_clients": rows.n_clients()},
        "release": snapshot.of_release(model, subject.provisional, subject.forced),
        "scores": subject.scores,
        "newest": out_of_fold.newest_scores(rows, model, subject.folder, *limits) if model and subject.folder else None,
        "rejected_rows": manifest.n_refused,
        "refusals": snapshot.of_refusals(intake.refused_rows(manifest, rows.parts)),
        "held": manifest.held,
        "backtest": _backtest(settings, manifest.input_folder),
        "statistics": {name: summary[name] for name in ("n_rows", "columns")},
        "missing_percent": summary["missing_percent"],
        "seconds": diagnostics.timings(settings, run),
        "steps": run.steps,
        "dependencies": status.packages(settings.production / paths.JOURNAL),
        "leaks": leaks,
        "clients": len(everyone),
        "risks": everyone["risk"].tolist(),
        "call_list": calls,
        "evidence": evidence.of(rows, model, everyone) if model else None,
        "money": call_list.money(everyone, calls, settings.schema),
        "expected_leavers": call_list.expected_leavers(rated, calls, len(everyone)) if rated else None,
    }
    warnings = [*leakage.words(leaks), *shown["warnings"], *subject.warnings]
    return shown | {"warnings": list(dict.fromkeys(warnings))}, everyone


def _of_run(settings: Settings, run: Run, outcome: str) -> dict[str, Any]:
    """Return what is shown of the run, of its decision (or the last one), and of the journal."""
    path = settings.production / paths.JOURNAL
    decided = run.record if "reason" in run.record else journal.last_look(path) or {}
    late = snapshot.overdue(expected := status.expectation(settings, run), time.time())
    return {
        "run": run.number,
        "made_at": journal.now(),
        "outcome": outcome,
        "verdict": decided.get("verdict"),
        "reason": decided.get("sentence", "Nothing has been decided yet."),
        "decision": {name: decided.get(name) for name in ("reason_to_train", "scan", "gate", "sentence")},
        "instance": live.instance(settings.production),
        "program": paths.PROGRAM,
        "settings": settings.identity,
        "schema": snapshot.of_schema(settings.schema),
        "capacity": asdict(settings.capacity),
        "warnings": [*([late] if late else []), *run.record.get("warnings", [])],
        "attention": run.record.get("attention", journal.attention(path)),
        "expected": expected,
        "history": snapshot.of_history([*journal.runs(path), run.as_line(outcome)]),
        "explained": explain.last_runs([*journal.read(path), run.as_line(outcome)], snapshot.MOST_RUNS),
        "journal": journal.anchor(path),
    }


def _backtest(settings: Settings, input_folder: str) -> dict[str, Any] | None:
    """The backtest that was made last, if it is of this input folder and schema, and of this program."""
    found = releases.object_in(settings.models / paths.BACKTEST)
    asked = {"input_folder": input_folder, "schema": settings.schema.identity, "program": paths.PROGRAM}
    return found if asked == {name: found.get(name) for name in asked} else None


def _live(settings: Settings) -> Subject:
    release = releases.current(settings.production)
    rows = dataset.current(settings.ingested, settings.input_folder_path, settings.schema)
    desk = model.read_card(settings.models)
    leaks = tuple(desk.leaks) if desk and desk.schema == settings.schema.identity else ()
    if release is None:
        return Subject(rows, leaks=leaks)
    live_model = proven.opened(settings.production, release)
    if live_model.card.schema != settings.schema.identity:
        log.warning(event("the live model was made for other columns: no list can be made", release=release.name))
        return Subject(rows, leaks=leaks)
    scores, warnings = _scores(settings, rows, live_model, release.folder)
    warnings += (live_model.warning,) if live_model.warning else ()
    leaks = (*live_model.card.leaks, *leaks)
    return Subject(rows, live_model, release.folder, release.provisional, release.forced, scores, leaks, warnings)


def _scores(
    settings: Settings, rows: Dataset, scored: Model, folder: Path
) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """The scores on the clients who are held out now, None where no outcome is known, and warnings."""
    learned = out_of_fold.read(folder)["client"]
    try:
        held_out = holdout.read(settings.holdout, rows, settings.test_share, set(learned), size_cap=settings.size_cap)
    except DataError as error:
        log.warning(event("no scores", reason=error))
        return None, ()
    before_change = _before_change(settings, held_out.digest)
    return _scored(settings, scored, held_out, learned) | {"before_change": before_change}, held_out.warnings


def _scored(settings: Settings, scored: Model, held_out: Holdout, learned: pd.Series) -> dict[str, Any]:
    """The scores on held-out rows, their periods, and how many are of clients that the model was trained on."""
    scores = asdict(holdout.score(scored, held_out, settings.schema.target, settings.gate.top_share))
    n_seen = int(held_out.rows[settings.schema.client].isin(learned).sum()) if len(learned) else None
    curve = gains(held_out.rows[settings.schema.target], scored.risks(held_out.rows))
    scores |= {"scored_on": held_out.scored_on, "n_seen": n_seen, "gains": curve}
    return scores | out_of_fold.periods(held_out.rows, settings.schema.period)


def _before_change(settings: Settings, digest: str) -> str | None:
    """The last release that was trained for drift, if this very test data was there before it."""
    for before, after in reversed(list(itertools.pairwise(releases.all_of(settings.production)))):
        if releases.object_in(after.folder / paths.CARD).get("reason") == policy.DRIFT:
            return after.name if before.verdict.get("holdout") == digest else None
    return None


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="FILE", help="report on the rows of this file instead of the dataset")
    parser.add_argument("--model", metavar="FOLDER", help="report with the model in this folder, not the live release")
    parser.add_argument("--to", metavar="FOLDER", default="report", help="where such a report goes (default: report)")


def _work(settings: Settings, asked: argparse.Namespace) -> Answer:
    if asked.data or asked.model:
        return _elsewhere(settings, asked)

    def by_hand(run: Run) -> Answer:
        folder = report(settings, run, RESTED)
        shown = files.read_json(folder / paths.SNAPSHOT)
        ranked = f"{shown['clients']} clients, {len(shown['call_list'])} to call"
        line = ranked if shown["release"] else "no model is deployed, so nobody is ranked"
        return Answer(f"{RESTED}: {line}; {settings.models / paths.REPORT}", {"outcome": RESTED, "folder": str(folder)})

    return command.alone(settings, "reporting", by_hand)


def _elsewhere(settings: Settings, asked: argparse.Namespace) -> Answer:
    """Write a report of any data and model into a folder of its own; nothing of the system is touched."""
    scored, run = proven.asked(settings.production, asked.model), command.run_of(settings, "reporting")
    folder = Path(asked.model or settings.production / paths.RELEASES / scored.name)
    run.note(reason=OTHERS, sentence=OTHERS)
    with tempfile.TemporaryDirectory() as scratch:
        if asked.data:
            manifest = intake.of_file(Path(asked.data), settings.schema, Path(scratch))
            rows = Dataset(manifest, settings.schema, Path(scratch))
            held_out = holdout.of_file(Path(asked.data), settings.schema) if rows.counts()["n_labelled"] else None
            scores = _scored(settings, scored, held_out, out_of_fold.read(folder)["client"]) if held_out else None
        else:
            rows = _live(settings).rows
            scores, _ = _scores(settings, rows, scored, folder)
        verdict = releases.object_in(folder / paths.VERDICT)  # of this model, or nothing proves it
        unproven = verdict.get("model") != scored.digest or bool(verdict.get("provisional"))
        subject = Subject(rows, scored, folder, unproven, None, scores, tuple(scored.card.leaks))
        contents = _make(*_gather(settings, run, RESTED, subject))
    for name, content in contents.items():
        files.write(Path(asked.to) / name, content)
    return Answer(f"{RESTED}: {Path(asked.to) / paths.REPORT}", {"outcome": RESTED, "folder": asked.to})


if __name__ == "__main__":
    sys.exit(command.main(__doc__ or "", _work, options=_options))
