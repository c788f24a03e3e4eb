"""Tells how the system is: its data, its timings, its packages, and whether there is a reason to train.

Reads:  output_folder_path, prod_deployment_path, requirements.txt, requirements.lock
Writes: nothing but a line in journal.jsonl for --check-dependencies
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from risk import artifacts, dataset, dependencies, drift, intake, journal, learning, model, reader, releases, script
from risk.config import Settings
from risk.dataset import Dataset
from risk.drift import Window
from risk.errors import DataError
from risk.manifest import Manifest
from risk.model import Model
from risk.script import Answer, Run, event, log
from risk.tables import as_csv

NO_DRIFT, NOT_ENOUGH = "no drift", "not enough evidence"
WINDOWS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Reason:
    """Whether to train and why; if not, the outcome of the run. The scan, where one was made."""

    train: bool
    name: str | None
    outcome: str
    verdict: str | None
    sentence: str
    scan: dict[str, Any] | None = None


def reason_to_train(settings: Settings, run: Run, asked: bool = False) -> Reason:
    """Return the reason to train, or why there is none. New labels are a look; a tick is not."""
    manifest = dataset.current_manifest(settings.ingested, settings.input_folder_path, settings.schema)
    found = _resumed(settings, manifest.name) or _reason(settings, manifest, asked)
    run.note(
        verdict=found.verdict,
        reason=found.sentence,
        sentence=found.sentence,
        scan=found.scan,
        evidence=manifest.evidence,
        rows=manifest.rows,
    )
    log.info(event("reason to train", train=found.train, reason=found.sentence))
    return found


def _resumed(settings: Settings, version: str) -> Reason | None:
    """Return the reason of a run that was cut off after it had trained: its decision is carried to its end."""
    card = model.read_card(settings.models)
    last = journal.last_finished(settings.production / artifacts.JOURNAL)
    if card is None or card.dataset != version or card.run <= (last["run"] if last else 0):
        return None
    return Reason(**card.why) if card.why else None


def _reason(settings: Settings, manifest: Manifest, asked: bool) -> Reason:
    live = releases.current(settings.production)
    champion = model.load(live.folder) if live else None
    rows = Dataset(manifest, settings.schema, settings.ingested / artifacts.PARTS, live.manifest if live else None)
    left = rows.labelled()[settings.schema.target]
    if left.nunique() < 2:
        kinds = left.nunique()
        sentence = f"{len(left)} labelled rows with {kinds} kinds of outcome: nothing can be learned from them."
        return Reason(False, None, NOT_ENOUGH, None, sentence)
    if asked:
        return _train("asked for by --force", "A person asked for it.")
    if live is None or champion is None:
        return _train("nothing is deployed", "Nothing is deployed yet.")
    if champion.card.schema != settings.schema.identity:
        return _train("another schema", "The live model was made for other columns.")
    last = journal.last_look(settings.production / artifacts.JOURNAL)
    if last and last["evidence"] == manifest.evidence:
        return _nothing_new(last, manifest)
    return _looked(settings, rows, champion, live.provisional, len(left))


def _nothing_new(last: dict[str, Any], manifest: Manifest) -> Reason:
    """Return that nothing can be judged: with new rows, because they bear no labels; else the former outcome stands."""
    if last.get("rows") != manifest.rows:
        sentence = "The new rows bear no labels: a change in why clients leave cannot be seen. The list is made anew."
        return Reason(False, None, NOT_ENOUGH, None, sentence)
    outcome = NOT_ENOUGH if last.get("verdict") == NOT_ENOUGH else NO_DRIFT
    since = f"run {last['run']} ({last['outcome']})"
    sentence = f"No new labels have come since {since}: only the list and the report are made anew."
    return Reason(False, None, outcome, None, sentence)


def _looked(settings: Settings, rows: Dataset, champion: Model, provisional: bool, n_labelled: int) -> Reason:
    """Look at the labelled rows that are new to the champion."""
    news = rows.news()
    if news.empty:
        return Reason(False, None, NO_DRIFT, None, "The live model has learned from every labelled row that there is.")
    found = drift.scan(
        windows(news, champion, settings), champion.card.residuals,
        alpha=settings.drift.alpha, minimum_gain=settings.drift.minimum_gain, minimum=settings.drift.minimum,
    )  # fmt: skip
    scan = asdict(found)
    if found.verdict in ("recalibrate", "retrain"):
        return _train("drift", f"The reason for leaving has changed: {found.moved}.", found.verdict, scan)
    if provisional:
        return _train(
            "the live model is provisional",
            "The live model is provisional and new labels have come.",
            found.verdict,
            scan,
        )
    if n_labelled >= 2 * champion.card.n_rows:
        return _train(
            "labelled rows have doubled",
            "The labelled rows have doubled since the live model was trained.",
            found.verdict,
            scan,
        )
    if found.verdict == "richer family" and learning.richer_than(champion.card.family, settings.model.family):
        return _train(
            "a richer family would help",
            "Squares and products of the features carry a signal that the live model lacks.",
            found.verdict,
            scan,
        )
    if found.verdict == NOT_ENOUGH:
        sentence = (
            f"{len(news)} new labelled rows are not enough to tell; about {found.rows_needed} more would settle it."
        )
        return Reason(False, None, NOT_ENOUGH, NOT_ENOUGH, sentence, scan)
    sentence = f"The live model's errors on {len(news)} new labelled rows show no change in why clients leave."
    return Reason(False, None, NO_DRIFT, NO_DRIFT, sentence, scan)


def _train(name: str, sentence: str, verdict: str | None = None, scan: dict[str, Any] | None = None) -> Reason:
    return Reason(True, name, "", verdict, sentence, scan)


def windows(news: pd.DataFrame, champion: Model, settings: Settings) -> list[Window]:
    """Return the last 1, 2, 4 and 8 contents of the new labelled rows with the champion's risks."""
    contents = sorted(news["content"].unique())
    risks = champion.risks(news)
    found: list[Window] = []
    for size in WINDOWS:
        if size > len(contents) and found:
            break
        inside = news["content"].isin(contents[-size:]).to_numpy()
        rows = news[inside]
        features = {name: rows[name].to_numpy() for name in settings.schema.kinds}
        left, clients = rows[settings.schema.target].to_numpy(np.float64), rows[settings.schema.client].to_numpy()
        found.append(Window(min(size, len(contents)), features, left, risks[inside], clients))
    return found


def newest_versions(path: Path) -> tuple[str, dict[str, str]] | None:
    """Return when an index was last asked and what it said, from the journal; None when it never was."""
    acts = [record for record in journal.read(path) if record.get("act") == "check dependencies"]
    return (acts[-1]["at"][:10], acts[-1]["newest"]) if acts else None


def packages(settings: Settings) -> dict[str, Any]:
    """Return the dependencies as people are shown them."""
    asked = newest_versions(settings.production / artifacts.JOURNAL)
    found = dependencies.packages(Path(__file__).parent, asked[1] if asked else None)
    return {"checked_on": asked[0] if asked else None, "packages": [asdict(package) for package in found]}


def timings(settings: Settings, run: Run | None = None) -> dict[str, Any]:
    """Return the seconds of ingestion, training and scoring, last and median."""
    found = journal.timings(settings.production / artifacts.JOURNAL, under_way=run.seconds if run else None)
    return {name: asdict(timing) for name, timing in found.items()}


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--predict", metavar="FILE", help="print the risk of every row of a file as CSV")
    parser.add_argument(
        "--check-dependencies", action="store_true", help="ask the package index for the newest versions"
    )


def _work(settings: Settings, asked: argparse.Namespace) -> Answer:
    if asked.predict:
        return _predict(settings, Path(asked.predict))
    if asked.check_dependencies:
        with script.writing(settings):
            act = {"kind": "act", "act": "check dependencies", "newest": dependencies.ask_index()}
            journal.append(settings.production / artifacts.JOURNAL, act)
    return _summary(settings)


def _predict(settings: Settings, path: Path) -> Answer:
    live = model.load(releases.live_folder(settings.production))
    frame, content = reader.read_frame(path, settings.schema, target_optional=True)
    if content.fault:
        raise DataError(intake.sentence(str(path), content.fault))
    if content.n_refused:
        raise DataError(
            f"{path}: {content.n_refused} of {content.n_read} rows are refused; see python ingestion.py --check {path}"
        )
    risks = live.risks(frame)
    answers = [int(risk >= live.card.threshold) for risk in risks]
    rows = list(zip(frame[settings.schema.client], risks.tolist(), answers, strict=True))
    table = as_csv(("client", "risk", "prediction"), rows).decode()
    return Answer(
        table.rstrip("\n"),
        {"release": live.name, "threshold": live.card.threshold, "risks": risks.tolist(), "predictions": answers},
    )


def _summary(settings: Settings) -> Answer:
    """Say what the dataset, the timings and the packages look like now."""
    manifest = dataset.current_manifest(settings.ingested, settings.input_folder_path, settings.schema)
    summary = Dataset(manifest, settings.schema, settings.ingested / artifacts.PARTS).summary()
    fields = {"statistics": asdict(summary), "seconds": timings(settings), "dependencies": packages(settings)}
    lines = [f"dataset {manifest.name}: {summary.n_rows} labelled rows"]
    for name, percent in summary.missing_percent.items():
        told = summary.columns.get(name)
        shown = (
            f"mean {_short(told.mean)}  median {_short(told.median)}  sd {_short(told.standard_deviation)}"
            if told
            else ""
        )
        lines.append(f"  {name:<24} {percent:6.2f} % missing  {shown}".rstrip())
    lines += [
        f"{name}: last {_short(it['last'])} s, median {_short(it['median'])} s"
        for name, it in fields["seconds"].items()
    ]
    lines.append(f"packages (newest: {fields['dependencies']['checked_on'] or 'not checked; --check-dependencies'}):")
    for package in fields["dependencies"]["packages"]:
        lines.append(
            f"  {package['name']:<16} required {package['required']:<10} "
            f"installed {package['installed']}  newest {package['newest'] or '-'}"
        )
    return Answer("\n".join(lines), fields)


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}"


if __name__ == "__main__":
    sys.exit(script.main(__doc__ or "", _work, options=_options))
