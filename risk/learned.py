"""The out-of-fold risk of every row that a model was compared on: what the gate judges by and the list shows."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from risk import artifacts, files
from risk.errors import DiskError
from risk.typed import literal

COLUMNS = ("client", "row", "position", "risk")


def write(folder: Path, frame: pd.DataFrame) -> None:
    """Write the frame (client, row, position, risk) as parquet, the same bytes each time. Raises: DiskError."""
    path = folder / artifacts.LEARNED_RISKS
    try:
        files.write(path, lambda unfinished: _copy(frame, unfinished))
    except duckdb.Error as error:
        raise DiskError(
            f"{path}: DuckDB could not write it ({error}); what was there before is unharmed, "
            "make room or give access and run again"
        ) from error


def _copy(frame: pd.DataFrame, path: Path) -> None:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("learned", frame[list(COLUMNS)])
        connection.execute(f"copy (select * from learned) to {literal(str(path))} (format parquet)")


def read(folder: Path) -> pd.DataFrame:
    """Return the frame in a folder; an empty one where there is none."""
    path = folder / artifacts.LEARNED_RISKS
    if not path.is_file():
        return pd.DataFrame(
            {"client": [], "row": np.array([], np.uint64), "position": np.array([], np.int64), "risk": []}
        )
    with duckdb.connect(config={"threads": 1}) as connection:
        return connection.execute("select * from read_parquet(?)", [str(path)]).df()


def replace_learned(risks: pd.Series, clients: pd.Series, rows: pd.Series, folder: Path) -> pd.Series:
    """Return the risks, those of learned rows replaced by their out-of-fold risks: no model rates what it has seen."""
    known = read(folder).drop_duplicates(["client", "row"]).set_index(["client", "row"])["risk"]
    found = pd.Series(known.reindex(pd.MultiIndex.from_arrays([clients, rows])).to_numpy(), index=risks.index)
    return found.fillna(risks)
