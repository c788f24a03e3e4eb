"""Trains a challenger on every labelled row and lays it on the desk with its card. It is not live yet.

Reads:  output_folder_path: the current version of the dataset; the live release, to know which rows are new to it
Writes: output_model_path: trainedmodel.pkl, trainedmodel.json (its card), learnedrisks.parquet (out-of-fold risks)
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from risk import artifacts, dataset, files, journal, learned, learning, model, releases, script
from risk.config import Settings
from risk.dataset import Dataset
from risk.errors import DataError
from risk.learning import Challenger
from risk.model import Card
from risk.reference import reference
from risk.scores import evaluate
from risk.script import Answer, Run, event, log

BY_HAND = "asked for by hand"


def train(settings: Settings, run: Run, why: Mapping[str, Any] | None = None) -> Card:
    """Train a challenger and write it with its card; what a run that was cut off has left is not made again.

    `why` is the reason to train as the drift check gave it: kept in the card, so that a killed run can go on.
    """
    manifest = dataset.current_manifest(settings.ingested, settings.input_folder_path, settings.schema)
    on_desk = model.read_card(settings.models)
    under_way = on_desk and on_desk.run > journal.finished(settings.production / artifacts.JOURNAL)
    if on_desk and under_way and on_desk.dataset == manifest.name and model.whole(settings.models):
        return _noted(run, on_desk)
    live = releases.current(settings.production)
    rows = Dataset(manifest, settings.schema, settings.ingested / artifacts.PARTS, live.manifest if live else None)
    labelled = rows.labelled()
    left = labelled[settings.schema.target].to_numpy(np.float64)
    if manifest.number == 0:
        raise DataError(f"{settings.ingested}: there is no dataset yet; run python ingestion.py first")
    if len(set(left)) < 2:
        raise DataError(
            f"dataset {manifest.name}: {len(left)} labelled rows with {len(set(left))} kinds of outcome; "
            "a model needs clients who left and clients who stayed"
        )
    since = (why or {}).get("scan") or {}
    recent = labelled["position"].isin(rows.recent(since.get("moved_in"))["position"]).to_numpy() if live else left < 0
    x = learning.features(labelled, settings.schema.kinds)
    clients, contents = labelled[settings.schema.client].to_numpy(), labelled["content"].to_numpy()
    taught = learning.teach(x, left, clients, contents, recent, settings.schema.kinds, settings.model.family)
    packed = model.pack(taught, x, left)
    told = pd.DataFrame(
        {"client": clients, "row": labelled["row"], "position": labelled["position"], "risk": taught.risks}
    )
    learned.write(settings.models, told)
    digests = (files.digest(packed), files.digest_file(settings.models / artifacts.LEARNED_RISKS))
    card = _card(settings, run, why, manifest.name, taught, x, left, recent, digests)
    files.write(settings.models / artifacts.MODEL, packed)
    files.write(settings.models / artifacts.CARD, model.card_bytes(card))
    log.info(event("challenger", family=card.family, learned=card.learned, rows=card.n_rows, reason=card.reason))
    return _noted(run, card)


def _card(
    settings: Settings, run: Run, why: Mapping[str, Any] | None, version: str, taught: Challenger, x: pd.DataFrame,
    left: learning.Floats, recent: NDArray[np.bool_], digests: tuple[str, str],
) -> Card:  # fmt: skip
    schema = settings.schema
    used = recent if taught.learned == learning.RECENT_ROWS else np.ones(len(left), dtype=bool)
    k = max(1, round(settings.gate.top_share * int(used.sum())))
    inside = x[used]
    values = {name: inside[name].to_numpy() for name in schema.kinds}
    return Card(
        sha256=digests[0],
        learned_sha256=digests[1],
        family=taught.family,
        learned=taught.learned,
        features=dict(schema.kinds),
        target=schema.target,
        horizon=schema.horizon,
        threshold=taught.threshold,
        dataset=version,
        schema=schema.identity,
        run=run.number,
        reason=why["name"] if why else BY_HAND,
        why=dict(why) if why else None,
        n_rows=taught.n_rows,
        base_rate=float(left[used].mean()),
        scores=asdict(evaluate(left[used], taught.risks[used], taught.threshold, k)),
        reference=reference(values, schema.kinds, left[used], taught.risks[used]).as_dict(),
        packages=script.packages(),
    )


def _noted(run: Run, card: Card) -> Card:
    run.note(challenger=card.sha256, reason_to_train=card.reason)
    return card


def _work(settings: Settings, _: object) -> Answer:
    def by_hand(run: Run) -> Answer:
        card = train(settings, run)
        line = f"trained: {card.family} on {card.n_rows} rows of {card.dataset}, out-of-fold F1 {card.scores['f1']:.3f}"
        return Answer(
            line, {"outcome": "trained", "model": card.sha256, "dataset": card.dataset, "f1": card.scores["f1"]}
        )

    return script.alone(settings, "training", by_hand)


if __name__ == "__main__":
    sys.exit(script.main(__doc__ or "", _work))
