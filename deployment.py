"""Publishes the challenger as a release when a favourable verdict covers it; rolls back on a person's word.

Reads:  output_model_path: the challenger, its papers and its verdict; the dataset's manifest
Writes: prod_deployment_path: releases/<number>-<digest>/, the link `current`, trainedmodel.pkl, latestscore.txt and
        ingestedfiles.txt through it, journal.jsonl
"""

from __future__ import annotations

import argparse
import sys

from risk import artifacts, files, model, releases, script
from risk.config import Settings
from risk.errors import ReleaseError
from risk.releases import Release
from risk.script import Answer, Run, event, log

PAPERS = (artifacts.MODEL, artifacts.CARD, artifacts.LEARNED_RISKS, artifacts.LATEST_SCORE)


def deploy(settings: Settings, run: Run, forced: str | None = None) -> Release:
    """Publish the challenger on the desk; one that is live already is not published again.

    Raises: ReleaseError when no favourable verdict covers it and nobody forced it.
    """
    releases.settle(settings.production)
    challenger = model.load(settings.models)
    verdict = files.read_json(settings.models / artifacts.VERDICT) or {}
    live = releases.current(settings.production)
    if live and live.verdict.get("model") == challenger.digest and live.verdict.get("run") == verdict.get("run"):
        return live
    _check(settings, verdict, challenger.digest, live, forced)
    version = files.resolve(settings.ingested / artifacts.CURRENT)
    if version is None:
        raise ReleaseError(f"{settings.ingested}: there is no dataset to name in the release; run python ingestion.py")
    papers: dict[str, files.Content] = {name: settings.models / name for name in PAPERS}
    papers |= {name: version / name for name in (artifacts.MANIFEST, artifacts.INGESTED_FILES)}
    papers[artifacts.VERDICT] = files.as_json(verdict | {"forced": forced, "model": challenger.digest})
    why = {"action": "deploy", "run": run.number, "model": challenger.digest, "reason": forced or verdict["sentence"]}
    released = releases.publish(settings.production, challenger.digest, papers, why | {"forced": forced is not None})
    log.info(event("release", release=released.name, provisional=released.provisional))
    return released


def _check(
    settings: Settings, verdict: dict[str, object], digest: str, live: Release | None, forced: str | None
) -> None:
    """Raise ReleaseError unless the verdict covers this model, against what is live, and favours it."""
    path = settings.models / artifacts.VERDICT
    if verdict.get("model") != digest:
        raise ReleaseError(f"{path}: this challenger is not judged yet; run python scoring.py")
    if forced is not None:
        return
    if verdict.get("champion") != (live.name if live else "base rate"):
        raise ReleaseError(
            f"{path}: it was judged against {verdict.get('champion')}, which is not live; run python scoring.py"
        )
    if not verdict.get("deploy"):
        raise ReleaseError(
            f"{path}: {verdict.get('outcome')}: {verdict.get('sentence')} Nothing was deployed; "
            "a person may overrule with --force REASON"
        )


def roll_back(settings: Settings, run: Run, name: str | None) -> Release:
    """Turn production to a former release. Raises: ReleaseError, ModelError when that one is not sound."""
    releases.settle(settings.production)
    live = releases.current(settings.production)
    target = releases.named(settings.production, name) if name else releases.previous(settings.production)
    if live and target.name == live.name:
        raise ReleaseError(f"{settings.production}: {target.name} is live already; nothing was changed")
    model.load(target.folder)
    version = files.resolve(settings.ingested / artifacts.CURRENT)
    why = {"action": "rollback", "run": run.number, "from": live.name if live else None}
    why |= {
        "from_model": live.verdict.get("model") if live else None,
        "dataset": version.name if version else None,
    }
    releases.roll_back(settings.production, target, why)
    return target


def _options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="list the releases")
    what.add_argument(
        "--rollback", nargs="?", const="", metavar="RELEASE", help="go back to a release (default: the one before)"
    )
    what.add_argument(
        "--force", metavar="REASON", help="deploy the challenger whatever its verdict; the reason is journaled"
    )


def _work(settings: Settings, asked: argparse.Namespace) -> Answer:
    if asked.list:
        return _list(settings)
    if asked.rollback is not None:
        return script.alone(
            settings, "deployment", lambda run: _said("rolled back", roll_back(settings, run, asked.rollback or None))
        )
    return script.alone(settings, "deployment", lambda run: _said("deployed", deploy(settings, run, asked.force)))


def _said(outcome: str, release: Release) -> Answer:
    kind = " (provisional)" if release.provisional else ""
    return Answer(f"{outcome}: {release.name}{kind}", {"outcome": outcome, "release": release.name})


def _list(settings: Settings) -> Answer:
    live = releases.current(settings.production)
    rows = []
    for release in releases.all_of(settings.production):
        score = (release.folder / artifacts.LATEST_SCORE).read_text().strip()
        rows.append(
            {"release": release.name, "live": release == live, "provisional": release.provisional, "f1": float(score)}
        )
    lines = []
    for row in rows:
        kind = "  provisional" if row["provisional"] else ""
        lines.append(f"{'*' if row['live'] else ' '} {row['release']}  F1 {row['f1']:.3f}{kind}")
    return Answer("\n".join(lines) or "no release yet; run python fullprocess.py", {"releases": rows})


if __name__ == "__main__":
    sys.exit(script.main(__doc__ or "", _work, options=_options))
