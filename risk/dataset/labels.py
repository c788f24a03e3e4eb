"""Rows for kept call lists: the known outcomes by which these are graded, and the clients of a past period."""

from __future__ import annotations

import numpy as np
import pandas as pd

from risk.dataset.dataset import Dataset


def known(rows: Dataset, number: str | None) -> pd.DataFrame:
    """The labelled rows: `client`, `period`, `run`, `left` (0 or 1), `number`, `position`.

    `run` judged the source of the row first; `period` is None where the schema has none; `number` is one column;
    `treated` marks rows whose outcome a call may have changed.
    """
    accepted = rows._rows
    value = f"cast({accepted.names[number]} as double)" if number else "cast(null as double)"
    shown = f"{accepted.client} as client, {accepted.period or 'null'} as period, {value} as number, position"
    known = rows._with_outcome(rows._is_whole())
    labelled = f'select {shown}, cast({accepted.target} as double) as "left" from ({known})'
    frame = accepted.run(f"{labelled} order by position").df()
    judged = np.array([rows.manifest.entries[place.source].judged_run for place in rows._places], dtype=np.int64)
    named = frame.rename(columns={"client": rows.schema.client, "period": rows.schema.period or "period"})
    return frame.assign(run=judged[rows._at(frame["position"].to_numpy())], treated=rows.treated(named))


def during(rows: Dataset, first: str, last: str) -> pd.DataFrame:
    """The rows of these periods, labelled or not, as a frame of the dataset: one of each client and period."""
    return rows._frame(rows._rows, rows._rows.resolved(rows._during((first, last))))
