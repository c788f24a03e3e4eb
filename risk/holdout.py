"""The held-out clients: every CSV below the test folder, read as strictly as client files, never trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from risk import files, inbox, intake, reader
from risk.errors import DataError
from risk.model import Model
from risk.schema import Schema
from risk.scores import Scores, evaluate

ENOUGH_UNSEEN = 30
HELD_OUT, SEEN = "held-out clients", "seen clients"


@dataclass(frozen=True)
class Holdout:
    """The labelled rows to score on, what they are, a digest of the files, and what a person should know of them."""

    rows: pd.DataFrame
    scored_on: str
    digest: str
    warnings: tuple[str, ...]


def read(folder: Path, schema: Schema, learned_clients: set[str], *, size_cap: int) -> Holdout:
    """Return the labelled test rows, without clients that the model has learned from if enough rows remain.

    Raises: DataError where no file has a labelled row.
    """
    frames, warnings, digests = [], [], []
    for found in inbox.look(folder, size_cap=size_cap, settle=0).sources:
        frame, content = reader.read_frame(found.path, schema)
        digests.append(content.digest)
        frames.append(frame[frame[schema.target].notna()])
        warnings += [f"{folder.name}/{found.name}: {warning}" for warning in content.warnings]
        if content.fault:
            warnings.append(intake.sentence(f"{folder.name}/{found.name}", content.fault))
        elif content.n_refused:
            warnings.append(
                f"{folder.name}/{found.name}: {content.n_refused} rows are refused; see ingestion.py --check"
            )
    rows = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if rows.empty:
        raise DataError(
            f"{folder}: no labelled row was found ({len(frames)} CSV files), expected held-out clients with outcomes"
        )
    unseen = rows[~rows[schema.client].isin(learned_clients)]
    enough = len(unseen) >= ENOUGH_UNSEEN or len(unseen) == len(rows)
    chosen, scored_on = (unseen, HELD_OUT) if enough else (rows, SEEN)
    return Holdout(chosen.reset_index(drop=True), scored_on, files.digest(files.as_json(digests)), tuple(warnings))


def score(scored: Model, held_out: Holdout, target: str, top_share: float) -> Scores:
    """Return the scores of a model on held-out rows; capture is that of the `top_share` at the highest risk."""
    left = held_out.rows[target].to_numpy(np.float64)
    k = max(1, round(top_share * len(left)))
    return evaluate(left, scored.risks(held_out.rows), scored.card.threshold, k)


def of_file(path: Path, schema: Schema) -> Holdout:
    """Return the labelled rows of one file. Raises: DataError when there are none."""
    frame, content = reader.read_frame(path, schema)
    if content.fault:
        raise DataError(intake.sentence(str(path), content.fault))
    rows = frame[frame[schema.target].notna()].reset_index(drop=True)
    if rows.empty:
        raise DataError(f"{path}: no row has a value in {schema.target!r}; a score needs outcomes")
    return Holdout(rows, path.name, content.digest, ())
