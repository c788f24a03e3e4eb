"""Lists made afterwards from what was known then, so that there is a track record from the first run on.

At the end of each past period a logistic model is trained on the rows of the periods before, for their outcomes were
known then, and rates the clients of that period. Real lists are never replaced by these.
"""

from __future__ import annotations

import calendar
from itertools import accumulate

import numpy as np
import pandas as pd

from risk.dataset import labels
from risk.dataset.dataset import Dataset
from risk.lists import call_list, list_history, moves
from risk.lists.list_files import ListFacts
from risk.modeling import families, fitting
from risk.settings.capacity import Capacity

FEWEST_PERIODS = 3  # with outcomes
MOST_LISTS = 12
MOST_TRAINED = 20_000  # rows of one model: enough for a logistic one, and a bound to the time
MOST_ROWS = 1_000_000  # rated in all; of more clients there are fewer lists
THRESHOLD = 0.5  # of predictions, which no list is made of


def made(rows: Dataset, capacity: Capacity, as_of: str, run: int) -> list[tuple[ListFacts, pd.DataFrame]]:
    """The last lists before `as_of`, the oldest first; none without a period column or with too few periods."""
    schema = rows.schema
    counts = sorted(rows.labelled_by_period()) if schema.period else []
    if schema.period is None or len(counts) < FEWEST_PERIODS:
        return []
    past = [(period, n) for period, n in counts[1:] if end_of(period) < as_of][-MOST_LISTS:]
    rated = accumulate(n for _, n in reversed(past))
    periods = [period for (period, _), n in zip(reversed(past), rated, strict=True) if n <= MOST_ROWS][::-1]
    labelled = rows.labelled(MOST_TRAINED * len(periods)) if periods else pd.DataFrame()
    lists = []
    for period in periods:
        known = labelled[labelled[schema.period] < period].head(MOST_TRAINED)  # their order is that of a hash
        left = known[schema.target].to_numpy(np.float64)
        if families.rarer(left) < families.FEWEST_OF_EACH:
            continue
        model = fitting.fit(families.KNOWN[0], schema.kinds, fitting.features(known, schema.kinds), left)
        clients = labels.during(rows, period, period)
        risks = pd.Series(fitting.risks_of(model, fitting.features(clients, schema.kinds)), index=clients.index)
        everyone = call_list.ranked(clients, risks, THRESHOLD, schema).assign(open=True)
        calls = moves.chosen(everyone, capacity, (), set())["client"]
        facts = ListFacts(end_of(period), run, len(known), replayed=True)
        lists.append((facts, list_history.rows_of(everyone, [{"client": client} for client in calls])))
    return lists


def end_of(period: str) -> str:
    """The last day of a period; one that is a day is its own."""
    if len(period) > 7:
        return period
    return f"{period}-{calendar.monthrange(int(period[:4]), int(period[5:]))[1]:02d}"
