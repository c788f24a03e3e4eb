"""Known outcomes, a few columns of each labelled row: kept call lists are graded by them."""

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
    labelled = f'select {shown}, cast({accepted.target} as double) as "left" from ({rows._with_outcome()})'
    frame = accepted.run(f"{labelled} order by position").df()
    judged = np.array([rows.manifest.entries[place.source].judged_run for place in rows._places], dtype=np.int64)
    return frame.assign(run=judged[rows._at(frame["position"].to_numpy())], treated=False)
