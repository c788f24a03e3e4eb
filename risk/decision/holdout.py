"""The held-out clients, never trained on: those of the test folder's files, read as strictly as client files.

While no test file holds an outcome, a share of all clients is held out instead, by a hash of their names: `share` is
the one place that says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from risk.dataset import inbox, intake
from risk.dataset.dataset import Dataset
from risk.disk import files
from risk.errors import DataError
from risk.modeling.metrics import evaluate, list_length
from risk.reading import reader
from risk.registry.judgement import HoldoutScores
from risk.registry.model import Model
from risk.settings.schema import Schema

ENOUGH_UNSEEN = 30
HELD_OUT, SEEN = "held-out clients", "seen clients"


@dataclass(frozen=True)
class Holdout:
    """The labelled rows to score on, what they are, a digest of the files, and what a person should know of them.

    The rows stand in the order of a hash of their values: no score depends on how a file was sorted.
    """

    rows: pd.DataFrame
    scored_on: str
    digest: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Files:
    rows: pd.DataFrame
    digests: tuple[str, ...]
    warnings: tuple[str, ...]


def share(folder: Path, schema: Schema, asked: float, *, size_cap: int) -> float:
    """Return the share of clients that is held out by hash: the one asked for, 0 once a test file holds an outcome."""
    return asked if _in(folder, schema, size_cap).rows.empty else 0.0


def read(folder: Path, dataset: Dataset, asked: float, learned_clients: set[str], *, size_cap: int) -> Holdout:
    """Return the labelled test rows, without clients that the model was trained on if enough rows remain.

    Without any they are those of the clients who are held out by hash, of so few that none is, of all. Raises:
    DataError where there is no labelled row at all.
    """
    found, client = _in(folder, dataset.schema, size_cap), dataset.schema.client
    rows, told = found.rows if found.rows.empty else dataset.untreated(found.rows), HELD_OUT
    if rows.empty:
        rows = dataset.held_out(asked)
        rows = dataset.labelled() if rows.empty else rows
        state = "holds no outcome" if found.digests else "is empty"
        told = f"{HELD_OUT} ({100 * asked:g} % of all, by hash; {folder.name}/ {state})"
    if rows.empty:
        raise DataError(f"{folder}: no labelled row was found there or in the dataset; a score needs outcomes")
    unseen = rows[~rows[client].isin(learned_clients)]
    enough = len(unseen) >= ENOUGH_UNSEEN or len(unseen) == len(rows)
    chosen, scored_on = (unseen, told) if enough else (rows, SEEN)
    digest = files.digest(files.as_json([*found.digests, *([asked] if found.rows.empty else [])]))
    return Holdout(_in_order(chosen, dataset.schema), scored_on, digest, found.warnings)


def _in(folder: Path, schema: Schema, size_cap: int) -> _Files:
    """Return the labelled rows of the files below a folder."""
    box = inbox.list_sources(folder, size_cap=size_cap, settle=0, names=schema.names_in_files)
    frames, digests = [], []
    warnings = [f"{folder.name}/{name}: {why}" for name, why in box.skipped.items()]
    for found in box.sources:
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
    return _Files(rows, tuple(digests), tuple(warnings))


def score(scored: Model, held_out: Holdout, target: str, top_share: float) -> HoldoutScores:
    """Return the scores of a model on held-out rows; capture is that of the `top_share` at the highest risk."""
    left = held_out.rows[target].to_numpy(np.float64)
    k = list_length(top_share, len(left))
    measured = evaluate(left, scored.risks(held_out.rows), scored.card.threshold, k)
    return HoldoutScores(**vars(measured), scored_on=held_out.scored_on)


def of_file(path: Path, schema: Schema) -> Holdout:
    """Return the labelled rows of one file. Raises: DataError when there are none."""
    frame, content = reader.read_frame(path, schema)
    if content.fault:
        raise DataError(intake.sentence(str(path), content.fault))
    rows = _in_order(frame[frame[schema.target].notna()], schema)
    if rows.empty:
        raise DataError(f"{path}: no row has a value in {schema.target!r}; a score needs outcomes")
    return Holdout(rows, path.name, content.digest, ())


def _in_order(rows: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    names = [column.name for column in schema.columns if column.name != schema.target]
    hashes = pd.util.hash_pandas_object(rows[names], index=False, categorize=False)
    return rows.iloc[np.lexsort((rows[schema.target], hashes))].reset_index(drop=True)
