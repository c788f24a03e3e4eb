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

import numpy as np
import pandas as pd

import diagnostics
from risk import command, files, journal, paths
from risk.command import Answer, Run, event, log
from risk.dataset import dataset, intake
from risk.dataset.dataset import Dataset
from risk.decision import holdout, policy
from risk.decision.holdout import Holdout
from risk.errors import DataError
from risk.modeling import calibration, leakage
from risk.registry import model, newest, out_of_fold, proven, releases
from risk.registry.model import Model
from risk.report import arrival, figures, pdf, snapshot, status
from risk.service import live
from risk.settings import Settings

KEPT_SETS = 20
RESTED = "reported"
OTHERS = "This is a report of other data or of another model: nothing was decided by it."


@dataclass(frozen=True)
class Subject:
    """What a report is about: the rows, the model, the folder of its papers, and its scores on the test data."""

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
    home = settings.models / paths.REPORTS
    subject = _live(settings)
    current = files.resolve(home / paths.CURRENT)
    done = releases.object_in(current / paths.SNAPSHOT) if current else None
    if current and done and _covers(done, settings, run, outcome, subject):
        return current
    for name in files.link_out(settings.models, paths.REPORT_LINKS, f"{paths.REPORTS}/{paths.CURRENT}"):
        log.warning(event("replaced a real file by a link", path=settings.models / name))
    shown, papers = _papers(settings, run, outcome, subject)
    number = int(current.name) + 1 if current else 1
    folder = files.publish(home, str(number), papers, home / paths.CURRENT)
    files.tidy(home, lambda name: name == paths.CURRENT or number - KEPT_SETS < int(name) <= number)
    log.info(event("report", set=number, clients=shown["clients"], calls=len(shown["call_list"])))
    return folder


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
    scores, told = _scores(settings, rows, live_model, release.folder)
    warnings = (*told, *([live_model.warning] if live_model.warning else []))
    leaks = (*live_model.card.leaks, *leaks)
    return Subject(rows, live_model, release.folder, release.provisional, release.forced, scores, leaks, warnings)


def _scores(
    settings: Settings, rows: Dataset, scored: Model, folder: Path
) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """Return the scores on the clients who are held out now, and what a person should know of these.

    There are none, with a warning, where nobody's outcome is known.
    """
    clients = set(out_of_fold.read(folder)["client"])
    try:
        held_out = holdout.read(settings.holdout, rows, settings.test_share, clients, size_cap=settings.size_cap)
    except DataError as error:
        log.warning(event("no scores", reason=error))
        return None, ()
    scores = _scored(settings, scored, held_out, folder) | {"before_change": _before_change(settings, held_out.digest)}
    return scores, held_out.warnings


def _scored(settings: Settings, scored: Model, held_out: Holdout, folder: Path) -> dict[str, Any]:
    """Return the scores on held-out rows, their periods, and how many are of clients that the model was trained on."""
    schema, known = settings.schema, out_of_fold.read(folder)["client"]
    found = holdout.score(scored, held_out, schema.target, settings.gate.top_share)
    n_seen = int(held_out.rows[schema.client].isin(known).sum()) if len(known) else None
    told = {"scored_on": held_out.scored_on, "n_seen": n_seen}
    return asdict(found) | told | newest.periods(held_out.rows, schema.period)


def _before_change(settings: Settings, digest: str) -> str | None:
    """Return the last release that was trained for drift, if this very test data was there before it."""
    found = releases.all_of(settings.production)
    for before, after in reversed(list(itertools.pairwise(found))):
        if releases.object_in(after.folder / paths.CARD).get("reason") == policy.DRIFT:
            return after.name if before.verdict.get("holdout") == digest else None
    return None


def _covers(done: dict[str, Any], settings: Settings, run: Run, outcome: str, subject: Subject) -> bool:
    """Return True when the set on disk is of this run and shows what is live now."""
    of_done = [it if isinstance(it, dict) else {} for it in (done.get("release"), done.get("dataset"))]
    released, version = of_done[0].get("name"), of_done[1].get("version")
    live_name = subject.model.name if subject.model else None
    told = (done.get("run"), done.get("outcome"), version, released, done.get("settings"))
    return told == (run.number, outcome, subject.rows.manifest.name, live_name, settings.identity)


def _papers(
    settings: Settings, run: Run, outcome: str, subject: Subject
) -> tuple[dict[str, Any], dict[str, files.Content]]:
    """Return the snapshot and every file of the set."""
    everyone, calls = _list(settings, subject)
    leaks = leakage.still(subject.leaks, settings.schema.kinds, settings.schema.trusted)
    shown = _of_run(settings, run, outcome) | _of_rows(settings, subject) | _measured(settings, run, subject.rows)
    shown["warnings"] += subject.warnings
    shown |= {
        "leaks": leaks,
        "warnings": list(dict.fromkeys([*leakage.words(leaks), *shown["warnings"]])),
        "clients": len(everyone),
        "risks": everyone["risk"].tolist(),
        "call_list": calls,
        "expected_leavers": _expected_leavers(subject, calls, len(everyone)),
    }
    pictures = figures.drawn(subject.scores, shown["backtest"])
    papers: dict[str, files.Content] = {
        paths.SNAPSHOT: files.as_json(shown),
        paths.CALL_LIST: snapshot.calls_csv(calls),
        paths.CLIENT_RISKS: snapshot.risks_csv(everyone),
        paths.REPORT: pdf.report(shown, pictures),
    }
    if "confusion matrix" in pictures:
        papers[paths.CONFUSION_MATRIX] = pictures["confusion matrix"]
    return shown, papers


def _of_run(settings: Settings, run: Run, outcome: str) -> dict[str, Any]:
    """Return what is shown of the run, of what it decided (or the last that decided), and of the record."""
    path = settings.production / paths.JOURNAL
    decided = run.record if "reason" in run.record else journal.last_look(path) or {}
    expected = status.expectation(settings, run)
    late = arrival.lateness(expected, time.time())
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
        "journal": journal.anchor(path),
    }


def _of_rows(settings: Settings, subject: Subject) -> dict[str, Any]:
    """Return what is shown of the dataset, of the release, and of the backtest of both."""
    manifest, parts = subject.rows.manifest, subject.rows.parts
    return {
        "dataset": snapshot.of_dataset(manifest) | {"n_clients": subject.rows.n_clients()},
        "release": snapshot.of_release(subject.model, subject.provisional, subject.forced),
        "scores": subject.scores,
        "newest": _newest(settings, subject),
        "rejected_rows": manifest.n_refused,
        "refusals": snapshot.of_refusals(intake.refused_rows(manifest, parts)),
        "held": manifest.held,
        "backtest": _backtest(settings, manifest.input_folder),
    }


def _newest(settings: Settings, subject: Subject) -> dict[str, Any] | None:
    """Return the scores on the newest outcomes; None where there is no model or there are too few."""
    if subject.model is None or subject.folder is None:
        return None
    most = settings.model.max_training_rows
    return newest.scores(subject.rows, subject.model, subject.folder, settings.gate.top_share, most)


def _list(settings: Settings, subject: Subject) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Return every current client in the order of its risk, and those to call; nobody where there is no model."""
    frame, scored, schema = subject.rows.clients(), subject.model, settings.schema
    if scored is None or subject.folder is None:
        return snapshot.ranked(frame.iloc[:0], pd.Series(dtype=float), 1.0, schema), []
    risks = pd.Series(scored.risks(frame), index=frame.index)
    risks = out_of_fold.replace_learned(risks, frame[schema.client], frame["row"], subject.folder)
    everyone = snapshot.ranked(frame, risks, scored.card.threshold, schema)
    return everyone, snapshot.to_call(everyone, scored, settings.capacity, schema)


def _expected_leavers(subject: Subject, calls: list[dict[str, Any]], n_clients: int) -> dict[str, Any] | None:
    """Return how many to call are expected to leave, with the 90 % interval; None where the model is provisional."""
    if subject.model is None or subject.provisional:
        return None
    risks = np.array([client["risk"] for client in calls])
    return asdict(calibration.expected_leavers(risks, n_clients, subject.model.card.n_rows))


def _measured(settings: Settings, run: Run, rows: Dataset) -> dict[str, Any]:
    summary = asdict(rows.summary())
    return {
        "statistics": {"n_rows": summary["n_rows"], "columns": summary["columns"]},
        "missing_percent": summary["missing_percent"],
        "seconds": diagnostics.timings(settings, run),
        "steps": run.steps,
        "dependencies": diagnostics.packages(settings),
    }


def _backtest(settings: Settings, input_folder: str) -> dict[str, Any] | None:
    """Return the backtest that was made last, if it is of this input folder and schema, and of this program."""
    found = releases.object_in(settings.models / paths.BACKTEST)
    asked = {"input_folder": input_folder, "schema": settings.schema.identity, "program": paths.PROGRAM}
    return found if asked == {name: found.get(name) for name in asked} else None


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="FILE", help="report on the rows of this file instead of the dataset")
    parser.add_argument("--model", metavar="FOLDER", help="report with the model in this folder, not the live release")
    where = "where a report on other data or models goes (default: report)"
    parser.add_argument("--to", metavar="FOLDER", default="report", help=where)


def _work(settings: Settings, asked: argparse.Namespace) -> Answer:
    if asked.data or asked.model:
        return _elsewhere(settings, asked)

    def by_hand(run: Run) -> Answer:
        folder = report(settings, run, RESTED)
        told = files.read_json(folder / paths.SNAPSHOT)
        path = settings.models / paths.REPORT
        ranked = f"{told['clients']} clients, {len(told['call_list'])} to call"
        line = f"{RESTED}: {ranked if told['release'] else 'no model is deployed, so nobody is ranked'}; {path}"
        return Answer(line, {"outcome": RESTED, "folder": str(folder)})

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
            labelled = rows.counts()["n_labelled"]
            held_out = holdout.of_file(Path(asked.data), settings.schema) if labelled else None
            scores = _scored(settings, scored, held_out, folder) if held_out else None
        else:
            rows = _live(settings).rows
            scores, _ = _scores(settings, rows, scored, folder)
        unproven, leaks = _unproven(folder, scored), tuple(scored.card.leaks)
        _, papers = _papers(settings, run, RESTED, Subject(rows, scored, folder, unproven, None, scores, leaks))
    for name, content in papers.items():
        files.write(Path(asked.to) / name, content)
    return Answer(f"{RESTED}: {Path(asked.to) / paths.REPORT}", {"outcome": RESTED, "folder": asked.to})


def _unproven(folder: Path, scored: Model) -> bool:
    """Whether nothing says that the model in a folder is proven: its verdict is provisional, or of another model."""
    verdict = releases.object_in(folder / paths.VERDICT)
    return verdict.get("model") != scored.digest or bool(verdict.get("provisional"))


if __name__ == "__main__":
    sys.exit(command.main(__doc__ or "", _work, options=_options))
