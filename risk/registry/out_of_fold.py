"""Out-of-fold risks of all rows that a model was compared on, and how good it is on the newest outcomes by them.

The list shows these risks, and the gate judges by them: no model rates a row that it was trained on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd

from risk.dataset.dataset import Dataset
from risk.dataset.manifest import content_order
from risk.disk import files, paths
from risk.errors import DiskError
from risk.modeling.metrics import Floats, evaluate, gains, list_length
from risk.reading.sql import connect, literal
from risk.settings.schema import Schema

if TYPE_CHECKING:
    from risk.registry.model import Model

COLUMNS = ("client", "row", "position", "risk", "learned", "nested", "forward")
FEWEST = 30  # leavers, and stayers: fewer say little of a model
MOST_ROWS = 50_000  # more say hardly more: of these a sample
SOURCES_NAMED = 3


def write(folder: Path, frame: pd.DataFrame) -> None:
    """Write the columns of the frame as parquet, the same bytes each time. Raises: DiskError."""
    path = folder / paths.LEARNED_RISKS
    try:
        files.write(path, lambda unfinished: _copy(frame, unfinished))
    except duckdb.Error as error:
        raise DiskError(
            f"{path}: DuckDB could not write it ({error}); what was there before is unchanged, "
            "make room or give access and run again",
            record=f"{path}: DuckDB could not write it; the log says why",
        ) from error


def _copy(frame: pd.DataFrame, path: Path) -> None:
    with connect(threads=1) as connection:
        connection.register("learned", frame[list(COLUMNS)])
        connection.execute(f"copy (select * from learned) to {literal(str(path))} (format parquet)")


def read(folder: Path) -> pd.DataFrame:
    """Return the frame in a folder; an empty one where there is none."""
    path = folder / paths.LEARNED_RISKS
    if not path.is_file():
        kinds = (object, np.uint64, np.int64, np.float64, bool, np.float64, np.float64)
        return pd.DataFrame({name: np.array([], kind) for name, kind in zip(COLUMNS, kinds, strict=True)})
    with connect(threads=1) as connection:
        found = connection.execute("select * from read_parquet(?)", [str(path)]).df()
    return found if "nested" in found else found.assign(nested=found["risk"], forward=np.nan)  # of an older program


def shown(model: Model, risks: pd.Series, clients: pd.Series, rows: pd.Series, folder: Path) -> pd.Series:
    """The risks of a model as they are shown: out of fold where it was trained on the row, unless all are the same."""
    return risks if model.same_risk is not None else replace_learned(risks, clients, rows, folder)


def replace_learned(risks: pd.Series, clients: pd.Series, rows: pd.Series, folder: Path) -> pd.Series:
    """The risks, those of training rows replaced by their out-of-fold risks."""
    found = pd.Series(remembered(clients, rows, folder), index=risks.index)
    return found.fillna(risks)


def remembered(clients: pd.Series, rows: pd.Series, folder: Path) -> Floats:
    """Return the out-of-fold risk of every row that the model in a folder was compared on, NaN for others."""
    return _remembered(read(folder), clients, rows)


def of_learned(clients: pd.Series, rows: pd.Series, folder: Path) -> Floats:
    """Return the out-of-fold risk of every row that the model in a folder was trained on, NaN for others.

    All are NaN where its rows are not marked: a former release that came back, or one of an earlier program.
    """
    known = read(folder)
    marked = known["learned"] if "learned" in known else np.zeros(len(known), dtype=bool)
    return _remembered(known[marked], clients, rows)


def _remembered(known: pd.DataFrame, clients: pd.Series, rows: pd.Series) -> Floats:
    risks = known.drop_duplicates(["client", "row"]).set_index(["client", "row"])["risk"]
    return risks.reindex(pd.MultiIndex.from_arrays([clients, rows])).to_numpy(np.float64)


# --- the newest outcomes ----------------------------------------------------------------------------------------------


def scores(found: RatedRows, schema: Schema, threshold: float, top_share: float) -> dict[str, Any]:
    """The scores on the newest rows, and which these are."""
    frame, sources, risks = found.rows.frame, found.rows.shown, found.risks
    left, k = frame[schema.target].to_numpy(np.float64), list_length(top_share, len(frame))
    return asdict(evaluate(left, risks, threshold, k)) | {
        "gains": gains(left, risks),
        **periods(frame, schema.period),
        "sources": sources[:SOURCES_NAMED],
        "n_sources": len(sources),
        "sampled": found.rows.sampled,
        "n_out_of_fold": found.n_out_of_fold,
        "same_risk": bool(np.ptp(risks) == 0),
    }


def newest_rated(rows: Dataset, model: Model, folder: Path, most: int) -> RatedRows | None:
    """The labelled rows of the newest periods (without periods: contents) with enough outcomes, and their risks.

    A row that the model was trained on has its out-of-fold risk, which lies in the model's `folder`. None where there
    are too few outcomes, or where it is not known what the model was trained on. At most `most` rows are drawn from.
    """
    if read(folder).empty:
        return None
    found = _newest(rows, most)
    if not _enough(found.frame, rows.schema.target):
        return None
    unseen = remembered(found.frame[rows.schema.client], found.frame["row"], folder)
    answers = np.isnan(unseen) | (model.same_risk is not None)
    risks = np.where(answers, model.risks(found.frame), unseen)
    return RatedRows(found, risks, int((~np.isnan(unseen)).sum()))


def periods(frame: pd.DataFrame, period: str | None) -> dict[str, str | None]:
    """Return the first and the last period of some rows; None without periods."""
    return {
        "first_period": str(frame[period].min()) if period else None,
        "last_period": str(frame[period].max()) if period else None,
    }


@dataclass(frozen=True)
class NewestRows:
    """Labelled rows, the source of each content by its place, and whether the rows are a sample."""

    frame: pd.DataFrame
    paths: dict[int, str]
    sampled: bool

    @property
    def shown(self) -> list[str]:
        """The sources of the rows, the newest first."""
        return [self.paths[order] for order in sorted(self.frame["content"].unique(), reverse=True)]


@dataclass(frozen=True)
class RatedRows:
    """Labelled rows and the risk of each, of which so many are out of fold."""

    rows: NewestRows
    risks: Floats
    n_out_of_fold: int


def _newest(rows: Dataset, most: int) -> NewestRows:
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


def _labelled(rows: Dataset, steps: Sequence[tuple[str, int]], most: int) -> NewestRows:
    """Return the labelled rows of the steps, of very many a sample."""
    names, n_rows = {name for name, _ in steps}, sum(n for _, n in steps)
    period, manifest = rows.schema.period, rows.manifest
    first = min(names, default="")
    fresh = {
        digest
        for digest, it in manifest.contents.items()
        if it.n_labelled and ((it.last_period or "") >= first if period else digest in names)
    }
    sampled = n_rows > MOST_ROWS
    if sampled:
        total = max(manifest.counts.get("n_labelled", 0), n_rows)
        frame, order = rows.labelled(min(most, math.ceil(MOST_ROWS * total / n_rows))), content_order(manifest)
    else:
        left = [replace(it, contents=tuple(c for c in it.contents if c.digest not in fresh)) for it in manifest.entries]
        known = replace(manifest, entries=tuple(left))
        frame, order = rows.beside(known).news(), content_order(manifest, known)
    inside = frame[period] >= first if period else frame["content"].isin([order[digest] for digest in fresh])
    paths = {order[it.digest]: entry.path for entry in manifest.entries for it in entry.contents}
    return NewestRows(frame[inside].reset_index(drop=True), paths, sampled)
