"""Ranks every current client with the live model and publishes the report set: snapshot, PDF, lists and figures.

Reads:  the dataset, the live release, test_data_path, outcomes_path, the journal, backtest.json
Writes: output_model_path: reports/<number>/, its link `current`, and report.pdf, calllist.csv, clientrisks.csv,
        confusionmatrix.png, snapshot.json through it; lists/: the list of the day
"""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

import diagnostics
from risk import command
from risk.command import Answer, Run
from risk.dataset import former_rows, intake, next_steps
from risk.dataset.dataset import Dataset
from risk.decision import holdout, incumbents
from risk.decision.verdict import Verdict
from risk.disk import files, journal, paths
from risk.drift.season import Forecast
from risk.engine.cluster import on_this_machine
from risk.lists import both_orders, call_list, expected_gain, list_history, silent_clients, track_record
from risk.lists.call_list import Past
from risk.lists.kept_lists import KeptLists
from risk.lists.list_files import ListFacts
from risk.modeling import leakage
from risk.registry import out_of_fold, proven, releases
from risk.report import calls, evidence, explain, figures, pdf, plots, snapshot, spreadsheet, status, unknown_levels
from risk.report import missing_list as missing
from risk.report import subject as subjects
from risk.report.subject import Subject
from risk.service import live
from risk.settings.settings import Settings
from risk.text import event, log

RESTED = "reported"
OTHERS = "This is a report of other data or of another model: nothing was decided by it."


def report(settings: Settings, run: Run, outcome: str) -> Path:
    """Publish the report set of what is live now; one that this run has published already stands."""
    subject, home = subjects.live(settings), settings.models / paths.REPORTS
    missing.tell(run, subject.unfit)
    current, live_name = files.resolve(home / paths.CURRENT), subject.model.name if subject.model else None
    identity = (run.number, run.day, outcome, subject.rows.manifest.name, live_name, settings.identity)
    lists = KeptLists(settings.models / paths.LISTS, settings.production, run, settings.own)
    published = releases.object_in(current / paths.SNAPSHOT) if current else {}
    stands = snapshot.identity(published) == identity
    if current and stands:
        run.note(as_of=published["as_of"], next_change=published["list"]["next_change"])
        unknown_levels.warn(run, published.get("unknown_levels", {}))
        lists.keep()
        return current
    leaks = leakage.still(subject.leaks, settings.schema.kinds, settings.schema.trusted)
    if subject.model and not run.is_preview and not leaks:
        lists.replay(subject.rows, settings.capacity)
    steps = next_steps.read(settings.next_steps, settings.schema.kinds, settings.size_cap).steps
    past = lists.past(subject.model, subject.called, steps)
    shown, everyone = _gather(settings, run, outcome, subject, past)
    level, made, is_again = shown["expected_leavers"] or {}, [], False
    if subject.model and not run.is_preview:
        facts = ListFacts(run.day, run.number, subject.model.card.n_rows, subject.model.name, level=level.get("level"),
                          deviation=level.get("deviation"), newest_period=shown["dataset"]["last_period"])  # fmt: skip
        made, is_again = [(facts, list_history.rows_of(everyone, shown["call_list"]))], lists.replaces(facts)
    if is_again:  # the record has this list, and no more the one that it replaces
        lists.keep(*made)
    shown["track_record"] = record = track_record.record(lists.folder, subject.rows, lists.noted, run.day)
    shown["outcomes"]["control"] = record.pop("control")
    # after a preview of another day the next tick makes the list of today
    run.note(as_of=run.day, next_change=command.today() if run.is_preview else shown["list"]["next_change"])
    contents = _make(shown, everyone) | {paths.CLIENT_ROWS: lambda path: former_rows.write(subject.rows, path)}
    if made and not is_again:
        lists.keep(*made)
    folder = _publish(settings, contents, int(current.name) + 1 if current else 1)
    log.info(event("report", set=folder.name, clients=shown["clients"], calls=len(shown["call_list"])))
    return folder


def _publish(settings: Settings, contents: dict[str, files.Content], number: int) -> Path:
    home = settings.models / paths.REPORTS
    for name in files.link_out(settings.models, paths.REPORT_LINKS, f"{paths.REPORTS}/{paths.CURRENT}"):
        log.warning(event("replaced a real file by a link", path=settings.models / name))
    folder = files.publish(home, str(number), contents, home / paths.CURRENT)
    keep = settings.keep.report_sets
    files.tidy(home, lambda name: name == paths.CURRENT or number - keep < int(name) <= number)
    return folder


def _make(shown: dict[str, Any], everyone: pd.DataFrame) -> dict[str, files.Content]:
    """Every file of the set."""
    pictures = figures.drawn(shown["scores"], shown["backtest"], shown.get("track_record"))
    contents: dict[str, files.Content] = {
        paths.SNAPSHOT: files.as_json(shown),
        paths.CALL_LIST: call_list.calls_csv(shown["call_list"], shown["capacity"]["order"]),
        paths.CALL_LIST_EXCEL: spreadsheet.workbook(shown["call_list"], shown["schema"]["currency"]),
        paths.CLIENT_RISKS: call_list.risks_csv(everyone),
        paths.CLIENT_FEATURES: call_list.features_jsonl(everyone),
        paths.REPORT: pdf.report(shown, pictures),
    }
    matrix = pictures.get("confusion matrix")
    return contents | ({paths.CONFUSION_MATRIX: matrix} if matrix else {}) | plots.drawn(shown)


# --- gather -----------------------------------------------------------------------------------------------------------


def _gather(
    settings: Settings, run: Run, outcome: str, subject: Subject, past: Past
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The snapshot, everything that is ever shown, and every current client in the order of its risk."""
    rows, manifest, model = subject.rows, subject.rows.manifest, subject.model
    made = call_list.listed(rows, model, subject.folder, settings.capacity, past)
    everyone, listed = made.everyone, made.calls
    unknown = unknown_levels.warn(run, unknown_levels.sentences(model, everyone) if model else {})
    run.warn(*silent_clients.sentences(everyone, listed, rows))
    to_be_called = [call for call in listed if not call["control"]]
    rated = model if not subject.provisional else None
    newest_rows = calls.newest(rows, subject.called, model, subject.folder, settings.model.max_training_rows)
    newest = calls.scores(newest_rows, model, rows.schema, settings.gate.top_share)
    folder, summary = subject.folder, asdict(rows.summary())
    level = incumbents.level_ahead(rows, rated, folder) if rated and folder else Forecast()
    leaks = leakage.still(subject.leaks, settings.schema.kinds, settings.schema.trusted)
    shown = _of_run(settings, run, outcome) | {
        "dataset": snapshot.of_dataset(manifest) | {"n_clients": rows.n_clients()} | rows.lag.told,
        "release": snapshot.of_release(model, subject.provisional, subject.forced, subject.behind),
        "scores": subject.scores,
        "newest": newest[0],
        "rejected_rows": manifest.n_refused,
        "refusals": snapshot.of_refusals(intake.refused_rows(manifest, rows.parts)),
        "held": manifest.held,
        "backtest": snapshot.of_backtest(releases.object_in(settings.models / paths.BACKTEST), manifest),
        "statistics": {name: summary[name] for name in ("n_rows", "columns")},
        "missing_percent": summary["missing_percent"],
        "leaks": leaks,
        "unknown_levels": unknown,
        "clients": len(everyone),
        "risks": everyone["risk"].tolist(),
        "renewals": snapshot.of_renewals(everyone, settings.schema),
        "as_of": made.about["as_of"],
        "list": made.about,
        "call_list": listed,
        "evidence": evidence.of(rows, model, everyone) if model else None,
        "money": call_list.money(everyone, to_be_called, settings.schema),
        "orders": both_orders.of_newest(newest_rows[0], rows.schema, settings.capacity) if rated else None,
        "expected_leavers": call_list.expected_leavers(rated, to_be_called, len(everyone), level) if rated else None,
        "outcomes": calls.told(
            subject.called, rows, model, subject.folder, everyone, newest, (subject.scores, subject.with_called)
        ),
    }
    warnings = dict.fromkeys([*leakage.words(leaks), *shown["warnings"], *subject.warnings])
    return shown | {"warnings": [*warnings, *expected_gain.warnings(everyone, settings.schema.currency)]}, everyone


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
        "row_columns": former_rows.columns(settings.schema),
        "capacity": asdict(settings.capacity),
        "warnings": [*([late] if late else []), *run.record.get("warnings", [])],
        "attention": run.record.get("attention", journal.attention(path)),
        "waiting": status.waiting(settings, run),
        "seconds": diagnostics.timings(settings, run),
        "steps": run.steps,
        "dependencies": status.packages(path),
        "expected": expected,
        "history": snapshot.of_history([*journal.runs(path), run.as_line(outcome)]),
        "explained": explain.last_runs([*journal.read(path), run.as_line(outcome)], snapshot.MOST_RUNS),
        "journal": journal.anchor(path),
    }


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="FILE", help="report on the rows of this file instead of the dataset")
    parser.add_argument("--model", metavar="FOLDER", help="report with the model in this folder, not the live release")
    parser.add_argument(
        "--as-of", metavar="DATE", type=_day, help="make the list of this day (YYYY-MM-DD), not of today"
    )
    parser.add_argument("--to", metavar="FOLDER", default="report", help="where such a report goes (default: report)")


def _day(text: str) -> str:
    try:
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no day such as 2026-11-27") from error


def _work(settings: Settings, asked: argparse.Namespace) -> Answer:
    if asked.data or asked.model:
        return _elsewhere(settings, asked)

    def by_hand(run: Run) -> Answer:
        run.day, run.is_preview = asked.as_of or run.day, asked.as_of not in (None, run.day)
        folder = report(settings, run, RESTED)
        line = missing.ranked(files.read_json(folder / paths.SNAPSHOT))
        return Answer(f"{RESTED}: {line}; {settings.models / paths.REPORT}", {"outcome": RESTED, "folder": str(folder)})

    return command.alone(settings, "reporting", by_hand)


def _elsewhere(settings: Settings, asked: argparse.Namespace) -> Answer:
    """Write a report of any data and model into a folder of its own; nothing of the system is touched."""
    scored, run = proven.asked(settings.production, asked.model, settings.own), command.run_of(settings, "reporting")
    folder = Path(asked.model or settings.production / paths.RELEASES / scored.name)
    run.note(reason=OTHERS, sentence=OTHERS)
    with tempfile.TemporaryDirectory() as scratch:
        if asked.data:
            schema = on_this_machine(settings.schema)  # no worker sees the folder
            manifest = intake.of_file(Path(asked.data), schema, Path(scratch))
            rows = Dataset(manifest, schema, Path(scratch))
            held_out = holdout.of_file(Path(asked.data), settings.schema) if rows.counts()["n_labelled"] else None
            learned = out_of_fold.read(folder)["client"]
            scores = subjects.scored(settings, scored, held_out, learned) if held_out else None
        else:
            rows = subjects.live(settings).rows
            scores, _ = subjects.scores(settings, rows, scored, folder)
        verdict = Verdict.of(folder)  # of this model, or nothing proves it
        unproven = verdict.model != scored.digest or verdict.provisional
        subject = Subject(rows, scored, folder, unproven, None, scores, tuple(scored.card.leaks))
        contents = _make(*_gather(settings, run, RESTED, subject, Past(run.day)))
    for name, content in contents.items():
        files.write(Path(asked.to) / name, content)
    return Answer(f"{RESTED}: {Path(asked.to) / paths.REPORT}", {"outcome": RESTED, "folder": asked.to})


if __name__ == "__main__":
    sys.exit(command.main(__doc__ or "", _work, options=_options))
