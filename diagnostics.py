"""Tells how the system is: its data, its timings, its packages, and whether there is a reason to train.

Reads:  output_folder_path, prod_deployment_path, test_data_path, outcomes_path, requirements.txt, requirements.lock; of
        output_model_path the newest report set
Writes: nothing but a line in journal.jsonl for --check-dependencies; for --backtest and --compare one too, and in
        output_model_path backtest.json and backtest.png, or compare/candidates.svg; the FILE of --audit-export
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from risk import command
from risk.backtest import replay
from risk.backtest.policies import Rules
from risk.command import Answer, Run
from risk.dataset import dataset, intake, outcomes
from risk.dataset.dataset import Dataset
from risk.dataset.manifest import Manifest
from risk.decision import holdout, incumbents, policy, reasons_to_train
from risk.decision.policy import Reason
from risk.disk import files, journal, paths
from risk.disk.journal import Attention
from risk.errors import BusyError, DataError
from risk.lists import list_history, track_record_words
from risk.reading import erased, reader
from risk.registry import audit, model, own_families, proven, releases
from risk.report import accounts, comparison_page, explain, figures, money_words, snapshot, status, tables
from risk.settings.settings import Settings
from risk.text import as_csv, counted, event, four_digits, log

PATIENCE = 600  # seconds that a finished backtest waits for another run to end
DURING_ERASURE = ("verify", "explain")  # what tells of one that was cut off


def reason_to_train(settings: Settings, run: Run, forced: bool = False) -> Reason:
    """Return the reason to train, or why there is none."""
    current = dataset.current(settings.ingested, settings.input_folder_path, settings.schema)
    manifest = current.manifest
    _recorded(settings, run, manifest)
    last = journal.last_finished(settings.production / paths.JOURNAL)
    desk = model.read_card(settings.models)
    if desk and desk.why and desk.dataset == manifest.name and desk.run > (last["run"] if last else 0):
        reason = Reason.from_dict(desk.why)  # of a run that was cut off after it had trained: it is carried to its end
    else:
        live = proven.live(settings.production, settings.own)
        before = journal.last_look(settings.production / paths.JOURNAL)
        rows, trusted = _rows(settings, current, live.manifest if live else None), settings.schema.trusted
        reason = reasons_to_train.reason(
            rows, live, desk, before, settings.drift, settings.model, trusted, run, forced=forced
        )
    run.note(verdict=reason.verdict, reason=reason.sentence, sentence=reason.sentence)
    run.note(scan=reason.as_dict()["scan"], evidence=manifest.evidence, rows=manifest.rows)
    log.info(event("reason to train", train=reason.train, reason=reason.sentence))
    return reason


def _recorded(settings: Settings, run: Run, manifest: Manifest) -> None:
    """Keep for the record what was new, and warn where the record itself can no longer be proven."""
    judged = explain.sources_of(manifest, run.number)
    run.note(sources=judged[: explain.MOST_SOURCES], n_sources=len(judged))
    broken = journal.fault(settings.production / paths.JOURNAL)
    found = [broken] if broken else audit.misplaced(settings.production)
    for fault in found:
        log.warning(event("the journal is broken" if broken else "another release is live", reason=fault))
    run.note(warnings=[*found, *run.record.get("warnings", [])])
    subject = "journal" if broken else releases.name_of(settings.production) or "no release"
    told = [Attention(journal.RECORD, subject, it) for it in found]
    late = snapshot.overdue(status.expectation(settings, run), time.time())
    told += [Attention(journal.STOPPED, settings.input_folder_path, late)] if late else []
    run.attend([journal.RECORD, journal.STOPPED], told)


def _rows(settings: Settings, current: Dataset, known: Manifest | None = None) -> Dataset:
    """Return the rows without those of clients who are held out, and those whose outcome a call may have changed."""
    spared = holdout.share(settings.holdout, settings.schema, settings.test_share, size_cap=settings.size_cap)
    called = outcomes.read(settings.outcomes, settings.size_cap, erased.read(settings.production))
    return current.beside(known, spared).apart(called, settings.fewest)


def timings(settings: Settings, run: Run | None = None) -> dict[str, Any]:
    """Return the seconds of ingestion, training and scoring, last and median."""
    found = journal.timings(settings.production / paths.JOURNAL, under_way=run.seconds if run else None)
    return {name: asdict(timing) for name, timing in found.items()}


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--predict", metavar="FILE", help="print the risk of every row of a file as CSV")
    parser.add_argument("--check-dependencies", action="store_true", help="ask the package index what is newest")
    parser.add_argument("--explain", metavar="WHEN", help="tell why: last, a run's number, or a day as 2026-11-21")
    parser.add_argument("--track-record", action="store_true", help="tell what came of the clients on former lists")
    parser.add_argument("--verify", action="store_true", help="compute the journal's chain and its digests again")
    parser.add_argument("--compare", action="store_true", help="show all families side by side; changes nothing")
    parser.add_argument("--backtest", action="store_true", help="replay four policies over what is in; takes minutes")
    accounts.options(parser)


def _work(settings: Settings, asked: argparse.Namespace) -> Answer:
    if asked.predict:
        return _predict(settings, Path(asked.predict))
    if asked.explain is not None:
        return _explain(settings, asked.explain)
    if asked.track_record:
        return _track_record(settings)
    if asked.verify:
        return _verify(settings)
    if asked.compare:
        return _compare(settings)
    if asked.backtest:
        return _backtest(settings)
    if asked.check_dependencies:
        with command.writing(settings):
            act = {"kind": "act", "act": status.ASKED, "newest": status.ask_index()}
            journal.append(settings.production / paths.JOURNAL, act)
    return accounts.answer(settings, asked) or _summary(settings)


def _explain(settings: Settings, asked: str) -> Answer:
    """Tell a run or a day from the journal; exit code 1, and said first, when its chain is broken."""
    path = settings.production / paths.JOURNAL
    broken, today = journal.fault(path), journal.now()[:10]
    found = explain.tell(
        journal.read(path), asked, today=today, settings=settings.identity,
        origin=lambda release: audit.origin(settings.production, release),
    )  # fmt: skip
    warned = [f"This cannot be proven: {broken}", ""] if broken else []
    lines = [*warned, *found.lines]
    live = asdict(found.live) if found.live else None
    told = {"asked": asked, "journal": broken or "sound", "text": lines, "live": live, "records": found.records}
    return Answer(explain.page(lines), told, exit_code=1 if broken else 0)


def _track_record(settings: Settings) -> Answer:
    """Tell the track record as the newest report has it; exit code 1 where a list is not as the journal names it."""
    shown = releases.object_in(settings.models / paths.SNAPSHOT)
    record = shown.get("track_record")
    if record is None:
        raise DataError(f"{settings.models / paths.SNAPSHOT}: no track record was made yet. Run fullprocess.py.")
    noted = list_history.journaled(journal.read(settings.production / paths.JOURNAL))
    record |= {"broken": sorted({*record["broken"], *list_history.lost(settings.models / paths.LISTS, noted)})}
    page = track_record_words.page(record, shown["schema"]["horizon"])
    orders = money_words.both_orders(shown)  # on other lists than those of the record, and so below it
    return Answer(f"{page}\n\n{orders}" if orders else page, record, exit_code=1 if record["broken"] else 0)


def _verify(settings: Settings) -> Answer:
    """Say that journal, releases and parts are as they were recorded, or what is not; exit code 1 then."""
    found = audit.check(settings.production, settings.ingested, settings.models / paths.REPORTS)
    versions = counted(found.n_versions, "version of the dataset", "versions of the dataset")
    kept = f"{counted(found.n_releases, 'release')}, {versions}, {counted(found.n_parts, 'part')}"
    line = f"sound: {counted(found.n_lines, 'line')}, {kept}{found.told_of_removed}"
    told = asdict(found) | {"sound": found.sound}
    return Answer("\n".join(found.faults) or line, told, exit_code=0 if found.sound else 1)


def _backtest(settings: Settings) -> Answer:
    """Replay the policies over the labelled rows in their order, and keep what came of it for the next report."""
    schema = settings.schema
    current = dataset.current(settings.ingested, settings.input_folder_path, schema, needed=True)
    manifest, frame = current.manifest, _rows(settings, current).labelled(settings.model.max_training_rows)
    names = policy.Names(schema.client, schema.target, schema.kinds, schema.period)
    families = own_families.told_of(settings.own, schema.kinds)
    rules = Rules(names, settings.drift, settings.gate, settings.model.family, families)
    facts: dict[str, Any] = {"dataset": manifest.name, "input_folder": manifest.input_folder, "schema": schema.identity}
    facts |= {"program": paths.PROGRAM, "settings": settings.identity, "n_rows": len(frame)}
    try:
        told = replay.over(frame, manifest, rules, facts, _bar)
    finally:
        print(end="\n" if sys.stderr.isatty() else "", file=sys.stderr)
    figure = figures.backtest(told["policies"])
    _keep(settings, "backtest", told["dataset"], {paths.BACKTEST: files.as_json(told), paths.BACKTEST_FIGURE: figure})
    return Answer(tables.backtest_page(told), told)


def _bar(done: int, total: int) -> None:
    """Show on a terminal how far the backtest is."""
    if sys.stderr.isatty():
        print(f"\rbacktest [{'#' * (30 * done // total):30}] {done} of {total}", end="", file=sys.stderr, flush=True)


def _compare(settings: Settings) -> Answer:
    """Show every family on the labelled rows of today beside the live model; desk and production stay as they are."""
    schema, live = settings.schema, proven.live(settings.production, settings.own)
    current = dataset.current(settings.ingested, settings.input_folder_path, schema, needed=True)
    labelled = _rows(settings, current, live.manifest if live else None).labelled(settings.model.max_training_rows)
    if labelled[schema.target].nunique() < 2:
        raise DataError(f"dataset {current.manifest.name}: no labelled rows of both outcomes; nothing can be compared")
    champion = incumbents.champion(live, labelled, schema, policy.BY_HAND)
    families = own_families.told_of(settings.own, schema.kinds)
    contenders, figure = comparison_page.made(labelled, schema, settings.gate.top_share, families, champion)
    place = f"{paths.COMPARE}/{paths.CANDIDATES_FIGURE}"
    told = {"dataset": current.manifest.name, "n_rows": len(labelled), "figure": str(settings.models / place)}
    told |= {"contenders": contenders}
    _keep(settings, "compare", current.manifest.name, {place: figure})
    return Answer(f"{comparison_page.table(told)}\nfigures: {told['figure']}", told)


def _keep(settings: Settings, act: str, of: str, kept: Mapping[str, files.Content]) -> None:
    """Write as soon as no other run is at work: it took too long to be lost. Raises: BusyError at last."""
    for seconds in range(PATIENCE, -1, -1):
        try:
            with command.writing(settings):
                for name, content in kept.items():
                    files.write(settings.models / name, content)
                journal.append(settings.production / paths.JOURNAL, {"kind": "act", "act": act, "dataset": of})
            return
        except BusyError:
            if not seconds:
                raise
            time.sleep(1)


def _predict(settings: Settings, path: Path) -> Answer:
    if not path.is_file():
        raise DataError(f"{path}: there is no such file; expected CSV text with the columns of the schema")
    live = proven.asked(settings.production, None, settings.own)
    frame, content = reader.read_frame(path, settings.schema, target_optional=True)
    if content.fault:
        raise DataError(intake.sentence(str(path), content.fault))
    if content.n_refused:
        how_many = f"{content.n_refused} of {content.n_read} rows"
        raise DataError(f"{path}: {how_many} are refused; see python ingestion.py --check {path}")
    for warning in content.warnings:
        log.warning(event("warning", file=path, reason=warning))
    risks = live.risks(frame)
    answers = [int(risk >= live.card.threshold) for risk in risks]
    rows = list(zip(frame[settings.schema.client], map(four_digits, risks.tolist()), answers, strict=True))
    table = as_csv(("client", "risk", "prediction"), rows).decode()
    told = {"release": live.name, "threshold": live.card.threshold, "risks": risks.tolist(), "predictions": answers}
    return Answer(table.rstrip("\n"), told | {"warnings": list(content.warnings)})


def _summary(settings: Settings) -> Answer:
    """Say what the dataset, the timings and the packages look like now."""
    rows = dataset.current(settings.ingested, settings.input_folder_path, settings.schema)
    summary = rows.summary()
    fields = {"statistics": asdict(summary), "seconds": timings(settings)}
    fields["dependencies"] = status.packages(settings.production / paths.JOURNAL)
    lines = [f"dataset {rows.manifest.name}: {summary.n_rows} labelled rows", *summary.lines()]
    return Answer("\n".join([*lines, *tables.diagnostics(fields["seconds"], fields["dependencies"])]), fields)


if __name__ == "__main__":
    sys.exit(command.main(__doc__ or "", _work, options=_options, during_erasure=DURING_ERASURE))
