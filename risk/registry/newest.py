"""How good a model is on the newest outcomes: each row rated by a model that was not trained on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from risk.dataset.dataset import Dataset
from risk.dataset.manifest import Manifest, content_order
from risk.modeling.metrics import evaluate
from risk.registry import out_of_fold
from risk.registry.model import Model

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 30  # leavers, and stayers: fewer say little of a model
MOST_ROWS = 50_000  # more say hardly more: of these a sample
SOURCES_NAMED = 3


def scores(rows: Dataset, model: Model, folder: Path, top_share: float, most: int) -> dict[str, Any] | None:
    """Return the scores on the newest periods (without periods: contents) with enough outcomes, and which these are.

    A row that the model was trained on has its out-of-fold risk, which lies in the model's `folder`. None where there
    are too few outcomes, or where it is not known what the model was trained on. At most `most` rows are drawn from.
    """
    if out_of_fold.read(folder).empty:
        return None
    found = _newest(rows, most)
    frame, paths = found.frame, found.shown
    if not _enough(frame, rows.schema.target):
        return None
    unseen = out_of_fold.remembered(frame[rows.schema.client], frame["row"], folder)
    risks = np.where(np.isnan(unseen), model.risks(frame), unseen)
    left, k = frame[rows.schema.target].to_numpy(np.float64), max(1, round(top_share * len(frame)))
    return asdict(evaluate(left, risks, model.card.threshold, k)) | {
        **periods(frame, rows.schema.period),
        "sources": paths[:SOURCES_NAMED],
        "n_sources": len(paths),
        "sampled": found.sampled,
        "n_out_of_fold": int((~np.isnan(unseen)).sum()),
    }


def periods(frame: pd.DataFrame, period: str | None) -> dict[str, str | None]:
    """Return the first and the last period of some rows; None without periods."""
    return {
        "first_period": str(frame[period].min()) if period else None,
        "last_period": str(frame[period].max()) if period else None,
    }


@dataclass(frozen=True)
class Labelled:
    """Labelled rows, the source of each content by its place, and whether the rows are a sample."""

    frame: pd.DataFrame
    paths: dict[int, str]
    sampled: bool

    @property
    def shown(self) -> list[str]:
        """The sources of the rows, the newest first."""
        return [self.paths[order] for order in sorted(self.frame["content"].unique(), reverse=True)]


def _newest(rows: Dataset, most: int) -> Labelled:
    """Return the labelled rows of as many of the newest periods or contents as hold enough outcomes.

    The number of these doubles until they do; then those that are not needed are left out.
    """
    steps, target, key = _steps(rows), rows.schema.target, rows.schema.period or "content"
    size = next((at for at, n in enumerate(accumulate(n for _, n in steps), 1) if n >= 2 * FEWEST), len(steps)) or 1
    found = _labelled(rows, steps[:size], most)
    while not _enough(found.frame, target) and size < len(steps):
        size *= 2
        found = _labelled(rows, steps[:size], most)
    parts = (found.frame[found.frame[key] >= first] for first in sorted(found.frame[key].unique(), reverse=True))
    return replace(found, frame=next((part for part in parts if _enough(part, target)), found.frame))


def _enough(frame: pd.DataFrame, target: str) -> bool:
    left = frame[target].to_numpy(np.float64)
    return bool(min(left.sum(), len(left) - left.sum()) >= FEWEST)


def _steps(rows: Dataset) -> list[tuple[str, int]]:
    """Return the periods, or without them the digests of the labelled contents, newest first, each with its rows."""
    if rows.schema.period:
        return sorted(rows.labelled_by_period(), reverse=True)
    order, contents = content_order(rows.manifest), rows.manifest.contents
    newest = sorted((it for it in contents.values() if it.n_labelled), key=lambda it: -order[it.digest])
    return [(it.digest, it.n_labelled) for it in newest]


def _labelled(rows: Dataset, steps: Sequence[tuple[str, int]], most: int) -> Labelled:
    """Return the labelled rows of the steps, of very many a sample."""
    names, n_rows = {name for name, _ in steps}, sum(n for _, n in steps)
    period, manifest = rows.schema.period, rows.manifest
    first = min(names, default="")
    fresh = {
        digest
        for digest, it in manifest.contents.items()
        if it.n_labelled and ((it.last_period or "") >= first if period else digest in names)
    }
    known = _without(manifest, fresh)
    sampled = n_rows > MOST_ROWS
    if sampled:
        total = max(manifest.counts.get("n_labelled", 0), n_rows)
        frame, order = rows.labelled(min(most, math.ceil(MOST_ROWS * total / n_rows))), content_order(manifest)
    else:
        beside = rows.beside(known)
        frame, order = beside.news(), content_order(manifest, known)
    inside = frame[period] >= first if period else frame["content"].isin([order[digest] for digest in fresh])
    paths = {order[it.digest]: entry.path for entry in manifest.entries for it in entry.contents}
    return Labelled(frame[inside].reset_index(drop=True), paths, sampled)


def _without(manifest: Manifest, fresh: set[str]) -> Manifest:
    entries = (replace(it, contents=tuple(c for c in it.contents if c.digest not in fresh)) for it in manifest.entries)
    return replace(manifest, entries=tuple(entries))
