"""Publishes the challenger as a release when a favourable verdict covers it; rolls back by evidence or a person's word.

Where the settings ask for a person, what passed the gate waits for --approve or --reject.

Reads:  output_model_path: the challenger, its papers and its verdict; the dataset's manifest
Writes: prod_deployment_path: releases/<number>-<digest>/, the link `current`, trainedmodel.pkl, latestscore.txt and
        ingestedfiles.txt through it, journal.jsonl
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from dataclasses import asdict, replace

from risk import command
from risk.command import Answer, Run
from risk.dataset import dataset, manifest
from risk.decision import approval, policy, verdict
from risk.decision.verdict import Verdict
from risk.disk import files, journal, paths
from risk.errors import DataError, NotFavouredError, ReleaseError, UsageError
from risk.modeling import leakage
from risk.registry import audit, model, proven, releases, retention
from risk.registry.releases import Release
from risk.report import model_card
from risk.report import snapshot as snapshots
from risk.settings.settings import Settings
from risk.text import check_text, event, log

PAPERS = (paths.MODEL, paths.CARD, paths.LEARNED_RISKS, paths.LATEST_SCORE)


def carry_out(settings: Settings, run: Run, judged: Verdict) -> str:
    """Deploy what the verdict favours, or let it wait where a person is asked; return the outcome of the run."""
    if not settings.gate.by_person:
        deploy(settings, run)
        return judged.outcome
    if approval.is_rejected(journal.read(settings.production / paths.JOURNAL), asdict(judged)):
        run.note(sentence=approval.REJECTED_HERE)
        return policy.REJECTED
    run.note(sentence=approval.sentence(asdict(judged)))
    return approval.WAITING


def tell_waiting(settings: Settings, run: Run) -> None:
    """Keep for the record which challenger waits for a person, and what became of the one that waited before."""
    approval.tell(run, _waiting(settings, run.number) if settings.gate.by_person else None)


def _waiting(settings: Settings, run: int | None = None) -> approval.WaitingChallenger | None:
    return approval.waiting(settings.models, settings.production, settings.ingested, run=run)


def deploy(settings: Settings, run: Run, forced: str | None = None, approved: str | None = None) -> Release:
    """Publish the challenger on the desk; one that is live already is not published again.

    A challenger that is a former release is rolled back to: nothing is packed again. `forced` and `approved` are the
    reasons of a person.

    Raises: NotFavouredError when no favourable verdict covers it and nobody forced it, or it waits for a person.
    """
    releases.settle(settings.production)
    challenger = proven.desk(settings.models, settings.production, settings.own, run.record)
    judged = Verdict.of(settings.models)
    live = releases.current(settings.production)
    if live and verdict.is_live(live, challenger, judged):
        return live
    path = f"{settings.models.name}/{paths.VERDICT}"
    verdict.require_favourable(judged, path, challenger.digest, live, forced=forced is not None)
    if settings.gate.by_person and forced is None and approved is None:
        raise NotFavouredError(f"{approval.WAITING}: {path}: {approval.HOW}", approval.WAITING)
    if challenger.card.release:
        return roll_back(settings, run, challenger.card.release, forced or approved or judged.sentence)
    version = settings.ingested / paths.VERSIONS / challenger.card.dataset
    made_of = manifest.read(version)
    if made_of is None:
        gone = "the dataset that the challenger was trained on is not kept"
        raise ReleaseError(f"{version}: {gone}; run python training.py")
    papers: dict[str, files.Content] = {name: settings.models / name for name in PAPERS}
    papers |= {name: version / name for name in (paths.MANIFEST, paths.INGESTED_FILES)}
    unproven = bool(forced and leakage.still(challenger.card.leaks, settings.schema.kinds, settings.schema.trusted))
    told = replace(judged, forced=forced, provisional=judged.provisional or unproven)
    by_person = {"forced": forced} | ({"approved": approved} if approved else {})
    papers[paths.VERDICT] = files.as_json(told.as_dict() | by_person)
    schema, events = settings.schema, settings.events
    derived = [it for it in (schema.outcome.sentence, events.sentence if events else "") if it]
    dataset = snapshots.of_dataset(made_of) | {"derived": derived}
    papers[paths.MODEL_CARD] = model_card.text(asdict(challenger.card), told, dataset, challenger.risks)
    why = {"action": "deploy", "run": run.number, "model": challenger.digest, "reason": forced or judged.sentence}
    why |= {"forced": forced is not None, "papers": audit.digests(papers)}
    why |= {"approved": approved} if approved else {}
    released = releases.publish(settings.production, challenger.digest, papers, why)
    log.info(event("release", release=released.name, provisional=released.provisional))
    return released


def roll_back(settings: Settings, run: Run, name: str | None, reason: str | None = None) -> Release:
    """Turn production to a former release. Raises: ReleaseError, ModelError when that one is not sound.

    `reason` is the sentence of the verdict where evidence asked for it, None where a person did.
    """
    releases.settle(settings.production)
    live = releases.linked(settings.production)
    target = _target(settings, name)
    proven.opened(settings.production, target, settings.own)
    version = files.resolve(settings.ingested / paths.CURRENT)
    why = {"action": releases.ROLLBACK, "run": run.number, "from": live.name if live else None, "reason": reason}
    why |= {"from_model": (live and live.verdict.model) or None, "dataset": version.name if version else None}
    releases.roll_back(settings.production, target, why)
    log.info(event("rolled back", release=target.name))
    return target


def _target(settings: Settings, name: str | None) -> Release:
    """Return the release to go back to. Raises: ReleaseError where there is none, or it is live."""
    target = releases.named(settings.production, name) if name else releases.previous(settings.production)
    if target.name == releases.name_of(settings.production):
        raise ReleaseError(f"{settings.production}: {target.name} is live already; nothing was changed")
    return target


def _options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="list the releases")
    what.add_argument(
        "--rollback", nargs="?", const="", metavar="RELEASE", help="go back to a release (default: the one before)"
    )
    what.add_argument(
        "--force",
        metavar="REASON",
        help="deploy the challenger that was judged, whatever its verdict; the reason is journaled, name no client",
    )
    what.add_argument("--approve", metavar="REASON", help="deploy the challenger that waits for a person")
    what.add_argument("--reject", metavar="REASON", help="end the waiting of the challenger; it is not deployed")


def _work(settings: Settings, asked: argparse.Namespace) -> Answer:
    if asked.list:
        return _list(settings)
    if asked.rollback is not None:
        _target(settings, asked.rollback or None)  # what cannot be gone back to is no run
        return command.alone(settings, "deployment", lambda run: _gone_back(settings, run, asked.rollback or None))
    if asked.approve is not None or asked.reject is not None:
        return _decided(settings, asked)
    proven.desk(settings.models, settings.production, settings.own, {})  # an empty desk is no run
    if asked.force:
        with contextlib.suppress(DataError):  # a dataset that cannot be read stops the deployment itself
            _check_reason(settings, "--force", asked.force)
    return command.alone(settings, "deployment", lambda run: _deployed(settings, run, asked.force))


def _decided(settings: Settings, asked: argparse.Namespace) -> Answer:
    """Carry out what a person decided on the challenger that waits."""
    option, reason = ("--approve", asked.approve) if asked.approve is not None else ("--reject", asked.reject)
    if not reason.strip():
        raise UsageError(f"{option}: the reason is blank. Nothing was done. Give the reason; the journal keeps it.")
    approval.require_any(_waiting(settings), settings.models.name)  # where none waits there is no run
    _check_reason(settings, option, reason)
    work = _approved if asked.approve is not None else _rejected
    return command.alone(settings, "deployment", lambda run: work(settings, run, reason))


def _approved(settings: Settings, run: Run, reason: str) -> Answer:
    releases.settle(settings.production)
    now = dataset.current(settings.ingested, settings.input_folder_path, settings.schema).manifest
    candidate = approval.require(_waiting(settings), settings.models.name, now)
    released = deploy(settings, run, approved=reason)
    run.note(release=released.name, waiting=None, sentence=f"A person approved {released.name}: {reason}")
    run.attend([journal.APPROVAL], [])
    return _said(policy.ROLLED_BACK if candidate.release else policy.DEPLOYED, released)


def _rejected(settings: Settings, run: Run, reason: str) -> Answer:
    releases.settle(settings.production)
    candidate, live = (
        approval.require_any(_waiting(settings), settings.models.name),
        releases.name_of(settings.production),
    )
    files.remove(settings.production / paths.TICK)  # the next tick shows it
    sentence = approval.reject(run, candidate, reason)
    run.note(release=live)
    return Answer(f"{policy.REJECTED}: {sentence}", {"outcome": policy.REJECTED, "release": live})


def _check_reason(settings: Settings, option: str, reason: str) -> None:
    """Raise UsageError where a reason names a client: the journal keeps it for ever, and a client must be erasable."""
    check_text(option, reason)
    if dataset.current(settings.ingested, settings.input_folder_path, settings.schema).names_a_client(reason):
        raise UsageError(
            f"{option}: the reason names a client, and the journal keeps it for ever. Nothing was done. "
            "Give the reason without the name."
        )


def _deployed(settings: Settings, run: Run, forced: str | None) -> Answer:
    before = releases.name_of(settings.production)
    try:
        released, card = deploy(settings, run, forced), model.read_card(settings.models)
    except NotFavouredError as error:
        run.note(release=before, sentence=str(error).removeprefix(f"{error.outcome}: "))
        return Answer(str(error), {"outcome": error.outcome, "release": before}, error.exit_code)
    is_new = released.name != before
    run.note(release=released.name, sentence=(forced if is_new else None) or released.verdict.sentence)
    if not is_new:
        return Answer(f"{before} is live already; nothing was changed", {"outcome": "live already", "release": before})
    return _said(policy.ROLLED_BACK if card and card.release == released.name else policy.DEPLOYED, released)


def _gone_back(settings: Settings, run: Run, name: str | None) -> Answer:
    former, target = releases.name_of(settings.production), roll_back(settings, run, name)
    run.note(release=target.name, sentence=f"A person went back from {former} to {target.name}.")
    return _said(policy.ROLLED_BACK, target)


def _said(outcome: str, release: Release) -> Answer:
    kind = " (provisional)" if release.provisional else ""
    return Answer(f"{outcome}: {release.name}{kind}", {"outcome": outcome, "release": release.name})


def _list(settings: Settings) -> Answer:
    live = releases.name_of(settings.production)
    rows = []
    for release in releases.all_of(settings.production):
        score = (release.folder / paths.LATEST_SCORE).read_text().strip()
        card = release.folder / paths.MODEL_CARD
        told = {"release": release.name, "live": release.name == live, "provisional": release.provisional}
        rows.append(told | {"f1": float(score), "card": str(card) if card.is_file() else None})
    gone = retention.removed(journal.read(settings.production / paths.JOURNAL))
    removed = {name: day for name, day in gone.items() if name not in {row["release"] for row in rows}}
    lines = [f"  {name}  removed on {day}" for name, day in removed.items()]
    for row in rows:
        kind, mark = "  provisional" if row["provisional"] else "", "*" if row["live"] else " "
        f1 = f"F1 {row['f1']:.3f} on test data"
        lines.append(f"{mark} {row['release']}  {f1}{kind}  {row['card'] or ''}".rstrip())
    return Answer(
        "\n".join(lines) or "no release yet; run python fullprocess.py", {"releases": rows, "removed": removed}
    )


if __name__ == "__main__":
    sys.exit(command.main(__doc__ or "", _work, options=_options))
