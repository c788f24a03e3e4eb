"""The out-of-fold risk of every row that a model was compared on: what the list shows, and what the gate judges by."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from risk import files, paths
from risk.errors import DiskError
from risk.modeling.metrics import Floats
from risk.reading.sql import connect, literal

COLUMNS = ("client", "row", "position", "risk", "learned", "nested", "forward")


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


def replace_learned(risks: pd.Series, clients: pd.Series, rows: pd.Series, folder: Path) -> pd.Series:
    """Return the risks, those of learned rows replaced by their out-of-fold risks: no model rates what it has seen."""
    found = pd.Series(remembered(clients, rows, folder), index=risks.index)
    return found.fillna(risks)


def remembered(clients: pd.Series, rows: pd.Series, folder: Path) -> Floats:
    """Return the out-of-fold risk of every row that the model in a folder was compared on, NaN for others."""
    return _remembered(read(folder), clients, rows)


def of_learned(clients: pd.Series, rows: pd.Series, folder: Path) -> Floats:
    """Return the out-of-fold risk of every row that the model in a folder learned, NaN for others.

    All are NaN where its rows are not marked: a former release that came back, or one of an earlier program.
    """
    known = read(folder)
    marked = known["learned"] if "learned" in known else np.zeros(len(known), dtype=bool)
    return _remembered(known[marked], clients, rows)


def _remembered(known: pd.DataFrame, clients: pd.Series, rows: pd.Series) -> Floats:
    risks = known.drop_duplicates(["client", "row"]).set_index(["client", "row"])["risk"]
    return risks.reindex(pd.MultiIndex.from_arrays([clients, rows])).to_numpy(np.float64)
