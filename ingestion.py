"""Takes in what is new in the input folder: every source that changed is read strictly, and one version is published.

Reads:  input_folder_path (tables, sub-folders too); outcomes_path and next_steps_path, to tell what is refused
Writes: output_folder_path: parts/, versions/<number>-<digest>/ with manifest.json, finaldata.csv, ingestedfiles.txt
        and rejected.csv, the link `current`, and the links of the conventional names through it; the settings file and
        its backup alone for --propose --write; for --erase everything that is kept and holds the client
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from risk import command
from risk.command import Answer, Run
from risk.dataset import check, database, dataset, derived, inbox, intake, next_steps, outcomes, quarantine, versions
from risk.dataset.dataset import Dataset
from risk.dataset.lost_rows import before_changes, of_versions
from risk.dataset.manifest import Manifest
from risk.dataset.source_warnings import passed_over, sentences
from risk.disk import files, journal, paths
from risk.engine.cluster import on_this_machine
from risk.errors import RiskError, UsageError
from risk.reading import erased
from risk.reading.erased import Erased
from risk.registry import releases, retention
from risk.report import erase_command
from risk.settings.settings import Settings
from risk.settings.settings import changed as changed_settings
from risk.text import event, log, placed

DURING_ERASURE = (
    "run", "check", "propose", "write", "database", "table", "release", "withdraw",
    "erase", "erase_file", "reason", "retrain", "renew_register",
)  # fmt: skip


@dataclass(frozen=True)
class Ingested:
    """The version that is current now, and what a person should know of the sources."""

    manifest: Manifest
    changed: bool
    seen: intake.Seen
    warnings: tuple[str, ...]


def ingest(settings: Settings, run: Run) -> Ingested:
    """Bring the dataset up to what the input folder shows now; nothing is written where nothing changed."""
    folder, size_cap = settings.ingested, settings.size_cap
    for name in files.link_out(folder, paths.DATASET_LINKS, paths.CURRENT):
        log.warning(event("replaced a real file by a link", path=folder / name))
    shelf = shelf_of(settings)
    shelf.tidy()
    files.make_folder(shelf.parts, 0o700)
    former = before_changes(folder / paths.VERSIONS, settings.schema.identity)
    before, current = _current(settings).manifest, shelf.current
    if current and not before.counts:
        log.warning(event("another input folder or schema: the sources are read again", former=current.name))
    box = inbox.list_sources(settings.input, size_cap=size_cap, names=settings.schema.names_in_files)
    seen = releases.object_in(folder / paths.SIGNATURES)
    inbox.need_room(folder, box, seen)
    known, schema, gone = derived.given(before), settings.schema, erased.read(settings.production)
    rows = schema.files or schema
    taken = intake.take_in(box, known, rows, shelf.parts, seen, run=run.number, size_cap=size_cap, erased=gone)
    try:
        pulled = _pulled(settings, taken.manifest, run, gone)
    except RiskError:  # a database that does not answer holds back no file
        shelf.follow(before, derived.with_derived(before, taken.manifest, schema, shelf.parts, run.number))
        raise
    after = shelf.follow(before, derived.with_derived(before, pulled.manifest, schema, shelf.parts, run.number))
    run.attend(journal.OF_SOURCES, quarantine.attention(after))
    run.attend([journal.PASSED_OVER], passed_over(settings.input, box))
    run.attend([journal.LOST], lost := of_versions(former, after))
    changed = current is None or after.name != current.name
    alike = Dataset(after, settings.schema, shelf.parts).alike()
    in_all = [f"in all files together, {alike}"] if alike else []
    called = outcomes.read(settings.outcomes, settings.size_cap, gone)
    steps = next_steps.read(settings.next_steps, settings.schema.features, settings.size_cap)
    run.attend([journal.CALLS], intake.unread_calls(called))
    of_calls = dict(called.warnings) | dict(steps.warnings)
    told = [it.sentence for it in lost]
    warnings = (*told, *sentences(box, taken.unsettled, after), *pulled.warnings, *in_all, *of_calls)
    ingested = Ingested(after, changed, taken.seen, warnings)
    run.private.update(placed(intake.warnings_in_journal(after) | of_calls, settings.places))
    run.note(**({"outcomes": called.facts} if called.contacts or called.rejected else {}))
    for warning in ingested.warnings:
        log.warning(event("source", warning=warning))
    if taken.seen != seen:
        files.write(folder / paths.SIGNATURES, json.dumps(taken.seen).encode("utf-8", "surrogateescape"))
    run.note(arrived=changed and after.rows != before.rows)
    run.note(dataset=after.name, rejected_rows=after.n_refused, held=after.held, warnings=list(ingested.warnings))
    return ingested


def shelf_of(settings: Settings) -> versions.Versions:
    shelf, desk = settings.production / paths.RELEASES, retention.of_desk(settings.models, settings.production)
    limits = settings.max_final_rows, settings.keep.versions
    return versions.Versions(settings.ingested, shelf, settings.schema, *limits, desk["dataset"])


def _current(settings: Settings, *, needed: bool = False) -> Dataset:
    return dataset.current(settings.ingested, settings.input_folder_path, settings.schema, needed=needed)


def _pulled(settings: Settings, manifest: Manifest, run: Run, gone: Erased) -> database.Pulled:
    """The manifest with what is new in the database, if one is configured."""
    if settings.source is None:
        return database.Pulled(manifest, ())
    parts = settings.ingested / paths.PARTS
    schema = settings.schema.files or settings.schema
    return database.pull_in(settings.source, manifest, schema, parts, settings.root, run.number, gone)


@contextlib.contextmanager
def rehearsed(settings: Settings) -> Iterator[Settings]:
    """Give settings under which ingestion writes to a folder that is thrown away, beginning with what is in now."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        current = files.resolve(settings.ingested / paths.CURRENT)
        former = (paths.PARTS, paths.FINGERPRINTS)
        for name in former:
            (folder / name).mkdir()
        if current:
            shutil.copytree(current, folder / paths.VERSIONS / current.name)
            files.turn(folder / paths.CURRENT, folder / paths.VERSIONS / current.name)
            if (settings.ingested / paths.SIGNATURES).is_file():
                shutil.copy(settings.ingested / paths.SIGNATURES, folder)
            for path in (path for name in former for path in (settings.ingested / name).glob("*")):
                (folder / path.parent.name / path.name).symlink_to(path.resolve())
        here = on_this_machine(settings.schema)  # no worker sees the folder
        yield changed_settings(settings, output_folder_path=scratch, schema=here)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--check", nargs="+", metavar="FILE", help="test files without taking them in")
    parser.add_argument(
        "--propose", nargs="*", metavar="FILE", help="look at files or folders and propose the settings"
    )
    parser.add_argument(
        "--write", action="store_true", help="with --propose: write it into the settings, with a backup"
    )
    parser.add_argument("--database", metavar="URL", help="with --propose and --table: look at a table, not at files")
    parser.add_argument("--table", metavar="NAME", help="the table to look at, with its schema before a dot")
    parser.add_argument("--release", metavar="SOURCE", help="take in a source that is held back as a faulty feed")
    parser.add_argument("--withdraw", metavar="SOURCE", help="take a release back: the rows leave, the source is held")
    parser.add_argument("--rejected", action="store_true", help="list the rows and files that were refused")
    parser.add_argument("--verify", action="store_true", help="compute every digest and count again from the parts")
    parser.add_argument("--export", metavar="FILE", help="write the labelled rows of the current version to a file")
    erase_command.add_options(parser)


def _work(settings: Settings, asked: argparse.Namespace) -> Answer:
    if asked.check:
        known = _current(settings).manifest.periods
        return check.answer(asked.check, settings.schema, known, settings.outcomes, settings.size_cap)
    if asked.propose is not None:
        return _propose(settings, asked)
    if asked.write or asked.database or asked.table:
        raise UsageError("--write, --database and --table go with --propose; see --help")
    if erase_command.is_asked(asked):
        return erase_command.erase(settings, asked)
    if asked.renew_register:
        return erase_command.renew_register(settings, asked.renew_register)
    if not (asked.rejected or asked.verify or asked.export):
        erase_command.finish(settings)
    rows = _current(settings, needed=bool(asked.export or asked.verify))
    current = rows.manifest
    if asked.rejected:
        refusals = intake.refused_rows(current, rows.parts)
        held = {entry.path: entry.reason for entry in current.sources if entry.state == "held"}
        lines = [f"{path}: held back: {reason}" for path, reason in held.items()]
        lines += [intake.sentence(source, refusal) for source, refusal in refusals]
        steps = next_steps.read(settings.next_steps, settings.schema.features, settings.size_cap)
        called = outcomes.read(settings.outcomes, settings.size_cap, erased.read(settings.production))
        of_calls = [*called.rejected, *steps.rejected]
        lines += [it.sentence for it in of_calls]
        fields = {"held": held, "rejected": [{"source": s, **asdict(refusal)} for s, refusal in refusals]}
        fields |= {"outcomes": [asdict(it) for it in of_calls]}
        return Answer("\n".join(lines) or "no row is refused", fields)
    if asked.export:
        files.write(Path(asked.export), rows.write_final_data)
        return Answer(f"{asked.export}: {current.counts.get('n_labelled', 0)} labelled rows", {"file": asked.export})
    if asked.verify:
        return _verify(settings, current)
    if asked.release:
        return command.alone(settings, "release", lambda run: _by_hand(settings, run, asked.release, "released"))
    if asked.withdraw:
        return command.alone(settings, "withdraw", lambda run: _by_hand(settings, run, asked.withdraw, "withdrawn"))
    return command.alone(settings, "ingestion", lambda run: _answer(ingest(settings, run)))


def _propose(settings: Settings, asked: argparse.Namespace) -> Answer:
    """Propose what the columns of files or of a table mean; nothing but the settings file is written, if asked."""
    from risk.proposal import proposing  # heavy, and of no use to a run

    here = proposing.Installation(settings.source_file, settings.input, settings.holdout, settings.test_share)
    if asked.database or asked.table:
        if asked.propose or not (asked.database and asked.table):
            raise UsageError("--propose takes files, or --database URL and --table NAME; see --help")
        return proposing.of_database(asked.database, asked.table, here, asked.write)
    return proposing.of_files(asked.propose or [str(settings.input)], here, asked.write)


def _verify(settings: Settings, current: Manifest) -> Answer:
    """Say that the current version is sound, or what is not; exit code 1 then."""
    folder = (settings.ingested / paths.CURRENT).resolve()
    faults = versions.faults(current, folder, settings.schema, settings.ingested / paths.PARTS)
    fields = {"dataset": current.name, "sound": not faults, "faults": faults}
    line = f"sound: dataset {current.name}, {len(current.parts)} parts, {current.counts['n_rows']} rows"
    return Answer("\n".join(faults) or line, fields, exit_code=1 if faults else 0)


def _by_hand(settings: Settings, run: Run, name: str, outcome: str) -> Answer:
    """Take in a held source, or take it out again, on a person's word; the run's line in the journal names it."""
    current = _current(settings).manifest
    schema, shelf = settings.schema, shelf_of(settings)
    if outcome == "released":
        after = intake.release(derived.given(current), name, schema.files or schema, run.number)
    else:
        after = intake.withdraw(derived.given(current), name, run.number)
    after = shelf.publish(current, derived.with_derived(current, after, schema, shelf.parts, run.number))
    run.note(**{outcome: name}, dataset=after.name)
    run.attend(journal.OF_SOURCES, quarantine.attention(after))
    line = f"{outcome}: {name}; dataset {after.name} with {after.counts['n_rows']} rows"
    return Answer(line, {"outcome": outcome, "source": name})


def _answer(ingested: Ingested) -> Answer:
    manifest, word = ingested.manifest, "ingested" if ingested.changed else "nothing new"
    rows = f"{manifest.counts.get('n_rows', 0)} rows, {manifest.counts.get('n_labelled', 0)} labelled"
    fields = {"outcome": word, "dataset": manifest.name, "rejected_rows": manifest.n_refused, **manifest.counts}
    return Answer(f"{word}: dataset {manifest.name} with {rows}, {manifest.n_refused} refused", fields)


if __name__ == "__main__":
    sys.exit(command.main(__doc__ or "", _work, options=_options, during_erasure=DURING_ERASURE))
