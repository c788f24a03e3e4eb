"""The whole process: read what is new, train if there is a reason, deploy what is proven, always make a fresh list.

Reads:  everything that the stages below read
Writes: what they write; journal.jsonl (one line a run); tick.json; delivery.json where `deliver` is set; the file that
        --backup names, and everything into empty folders for --restore
"""

from __future__ import annotations

import contextlib
import os
import sys

from risk.disk import tick

TYPE_CHECKING = False  # typing takes as long to import as all that an idle tick does
if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from risk.command import Answer, Run
    from risk.report import prune
    from risk.settings.settings import Settings

SHOWN = (
    "run", "outcome", "verdict", "reason", "reason_to_train", "dataset", "release", "steps", "held", "rejected_rows",
    "attention", "waiting",
)  # fmt: skip
DURING_ERASURE = ("run", "force", "reread", "status")


def full_process(config: Settings, run: Run, force: bool = False, observed: str = "") -> Answer:
    """Do one whole run. Every step asks the disk whether it is done: a run that was killed is finished by the next."""
    import apicalls
    import deployment
    import diagnostics
    import ingestion
    import reporting
    import scoring
    import training
    from risk.registry import releases

    with run.step("ingestion"):
        ingestion.ingest(config, run)
    with run.step("drift check"):
        reason = diagnostics.reason_to_train(config, run, force)
    outcome = reason.outcome  # "no drift", "not enough evidence"
    if reason.train:
        with run.step("training"):
            training.train(config, run, reason)
        with run.step("scoring"):
            verdict = scoring.judge(config, run)
        outcome = verdict.outcome  # "deployed", "challenger rejected", "not enough evidence"
        if verdict.deploy:
            with run.step("deployment"):
                outcome = deployment.carry_out(config, run, verdict)  # or "waiting for approval"
    deployment.tell_waiting(config, run)
    run.note(release=releases.name_of(config.production))
    with run.step("reporting"):  # always: the call list is fresh after every run that had news
        reporting.report(config, run, outcome)
    with run.step("API calls"):
        apicalls.call_api(config)
    run.note(state=tick.state(observed, [str(link) for link in config.links]))
    return run.end(outcome)


def main(words: list[str]) -> int:
    """Answer an idle tick at once; else do what was asked."""
    if tick.idle(words):
        with contextlib.suppress(OSError):  # what cannot be written is told the long way
            print(tick.answer(words), flush=True)
            return 0
    from risk import command

    return command.main(
        __doc__ or "", _work, options=_options, arguments=words, without_settings=_restore,
        during_erasure=DURING_ERASURE,
    )  # fmt: skip


def _options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--dry-run", action="store_true", help="say what a run would do; nothing is written")
    what.add_argument("--force", action="store_true", help="train a challenger now; the gate judges it like any other")
    what.add_argument("--deliver-test", action="store_true", help="send a test to deliver.to and deliver.alert_url")
    what.add_argument("--status", action="store_true", help="say how the system is")
    what.add_argument("--reread", action="store_true", help="take a lost dataset for lost: read the input folder again")
    what.add_argument("--prune", action="store_true", help="say what lies beyond `keep`; with --yes remove it")
    what.add_argument(
        "--backup", metavar="FILE", help="write all that runs have written, settings and outcomes to a file"
    )
    what.add_argument("--restore", metavar="FILE", help="bring a backup back into empty folders")
    parser.add_argument("--yes", action="store_true", help="with --prune: remove it")


def _work(settings: Settings, asked: argparse.Namespace) -> Answer:
    from dataclasses import replace

    from risk.errors import BusyError, RiskError, UsageError
    from risk.report import status
    from risk.text import placed

    if asked.yes and not asked.prune:
        raise UsageError("--yes goes with --prune; see --help")
    if asked.status:
        return status.status(settings)
    if asked.prune:
        return _prune(settings, asked.yes)
    if asked.backup:
        return _backup(settings, asked.backup)
    if asked.dry_run:
        return _dry_run(settings)
    if asked.deliver_test:
        return _deliver_test(settings)
    try:
        answer = _run(settings, asked)
    except BusyError:
        raise
    except Exception as error:
        told = error.record if isinstance(error, RiskError) else f"unexpected {type(error).__name__}"
        _deliver(settings, placed(told, settings.places))
        raise
    if delivered := _deliver(settings):
        line, fields = f"{answer.line.rstrip('.')}; delivery: {delivered}", {**answer.fields, "delivery": delivered}
        return replace(answer, line=line, fields=fields)
    return answer


def _deliver(settings: Settings, failure: str | None = None) -> str:
    """Deliver what is due, after the lock is released; return what happened, blank where nothing did."""
    if not settings.deliver.is_wanted:
        return ""
    from risk.disk import paths
    from risk.report import deliver

    reports = settings.models / paths.REPORTS
    return deliver.deliver(settings.deliver, settings.root, settings.production, reports, failure)


def _deliver_test(settings: Settings) -> Answer:
    from risk.command import Answer
    from risk.report import deliver

    told, is_well = deliver.trial(settings.deliver, settings.root)
    return Answer("\n".join(told), {"outcome": "delivery tested", "sent": told}, 0 if is_well else 1)


def _run(settings: Settings, asked: argparse.Namespace) -> Answer:
    from risk import command
    from risk.disk import files, journal, paths, wiped
    from risk.registry import releases, retention
    from risk.report import erase_command, prune, status

    if asked.reread:
        wiped.give_up(settings.production, settings.ingested)
    with command.writing(settings, finishes_erasure=True):
        erase_command.finish(settings, is_locked=True)
        with files.refusals(settings.root):
            observed = tick.observe(str(settings.source_file), [str(folder) for folder in settings.watched])
        releases.settle(settings.production)
        if retention.cut_off(journal.read(settings.production / paths.JOURNAL)):
            prune.finish(_kept(settings))
        done = None if asked.force or tick.is_due(tick.read(str(settings.production))) else _done(settings, observed)
        if done:
            tick.remember(settings, observed, done, status.due(settings))
            return command.Answer(tick.NOTHING, done | tick.IDLE)
        run = command.run_of(settings, "fullprocess")
        with command.ended_if_failed(run):
            answer = full_process(settings, run, asked.force, observed)
        fields = {name: answer.fields.get(name) for name in SHOWN}
        tick.remember(settings, observed, fields, status.due(settings))
    return command.Answer(f"{answer.line}: {answer.fields['sentence']}", fields, answer.exit_code, answer.news)


def _done(settings: Settings, observed: str) -> dict[str, object] | None:
    """The answer of the last run where it left this very state, nothing was pruned, and no database has news."""
    from risk.disk import journal, paths
    from risk.registry.retention import PRUNED

    state = tick.state(observed, [str(link) for link in settings.links])
    records = journal.read(settings.production / paths.JOURNAL)
    last = next((it for it in reversed(records) if it.get("kind") in ("run", PRUNED)), None)
    if last is None or last.get("state") != state or _database_has_news(settings):
        return None
    return {name: last.get(name) for name in SHOWN}


def _database_has_news(settings: Settings) -> bool:
    if settings.source is None:
        return False
    from risk.dataset import database, dataset

    manifest = dataset.current(settings.ingested, settings.input_folder_path, settings.schema).manifest
    entry, schema = manifest.entry(database.name(settings.source)), settings.schema.files or settings.schema
    return database.news(settings.source, schema, entry.watermark if entry else None, settings.root)


def _kept(settings: Settings) -> prune.KeptPlaces:
    import ingestion
    from risk.report import prune

    return prune.KeptPlaces(settings.keep, settings.production, settings.models, ingestion.shelf_of(settings))


def _prune(settings: Settings, remove: bool) -> Answer:
    from contextlib import nullcontext

    from risk import command
    from risk.report import prune

    with command.writing(settings) if remove else nullcontext():
        return prune.answer(_kept(settings), remove)


def _backup(settings: Settings, file: str) -> Answer:
    from risk.registry import backup

    folders = backup.rooms(settings.ingested, settings.models, settings.production)
    return backup.answer(backup.Installed(settings.source_file, folders, settings.outcomes, settings.secrets), file)


def _restore(asked: argparse.Namespace, config: Path) -> Answer | None:
    """Bring a backup back to where the settings are, or will be; None where something else is asked for."""
    from risk.errors import UsageError
    from risk.registry import restoring

    if asked.practice and (asked.backup or asked.restore):
        raise UsageError("--practice: practice is neither backed up nor restored. Nothing was done.")
    is_named = bool(asked.config or os.environ.get("RISK_CONFIG"))
    return restoring.answer(asked.restore, config, is_named) if asked.restore else None


def _dry_run(settings: Settings) -> Answer:
    """Take in what is new into a folder that is thrown away and say what a run would do."""
    import diagnostics
    import ingestion
    from risk import command
    from risk.disk import wiped

    wiped.check(settings.production, settings.ingested, settings.models)
    with ingestion.rehearsed(settings) as elsewhere:
        run = command.run_of(elsewhere, "fullprocess")
        counts = ingestion.ingest(elsewhere, run).manifest.counts
        reason = diagnostics.reason_to_train(elsewhere, run)
    line = f"would {'train' if reason.train else 'not train'}: {reason.sentence} ({counts['n_labelled']} labelled rows)"
    return command.Answer(line, {"outcome": "dry run", "train": reason.train, "reason": reason.sentence})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
