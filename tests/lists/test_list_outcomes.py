from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from risk.dataset.labels import NOTHING_KNOWN, KnownLabels
from risk.lists import list_outcomes

CLIENTS, PERIODS, RUNS = (np.array(it, np.uint64) for it in ([70, 7, 2**63], [12, 11], [1, 3]))
SMALL = st.integers(0, 3)
LABELS = st.lists(
    st.tuples(SMALL, SMALL, SMALL, st.booleans(), st.booleans()), max_size=12, unique_by=lambda it: it[:2]
)
ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 1), st.integers(0, 1), st.booleans()), max_size=12)


def known_of(labels: list[tuple[int, int, int, bool, bool]]) -> KnownLabels:
    """Return labels of clients and periods by their place among the keys; place 3 and 2 are of none."""
    client, period, run, left, treated = (list(it) for it in zip(*labels, strict=True)) if labels else [[]] * 5
    keys = (np.append(of, np.uint64(5)) for of in (CLIENTS, np.append(PERIODS, np.uint64(6))))
    of_client, of_period = (key[np.array(it, int)] for key, it in zip(keys, (client, period), strict=True))
    number = np.arange(len(labels), dtype=float)
    marks = np.array(left, float), number, np.arange(len(labels))[::-1].copy(), np.array(treated, bool)
    return KnownLabels(of_client, of_period, np.array(run, np.int64), *marks)


def rows_of(rows: list[tuple[int, int, int, bool]]) -> list_outcomes.Rows:
    columns = zip(*rows, strict=True) if rows else [[]] * 4
    return dict(
        zip(("client", "period", "list", "open"), (np.array(list(it), np.int64) for it in columns), strict=True)
    )


@given(LABELS, ROWS)
def test_what_came_of_an_open_row_is_the_label_of_its_client_and_period(labels: list, rows: list) -> None:
    found = list_outcomes.of_rows(rows_of(rows), PERIODS, CLIENTS, known_of(labels))

    by_key = {(client, period): (left, at) for at, (client, period, _, left, _) in enumerate(labels)}
    for at, (client, period, _, is_open) in enumerate(rows):
        left, number = by_key.get((client, period), (np.nan, np.nan)) if is_open and period >= 0 else (np.nan, np.nan)
        assert np.array_equal([found["left"][at], found["number"][at]], [left, number], equal_nan=True)


@given(LABELS, ROWS)
def test_what_came_of_a_client_is_its_first_label_of_the_next_run_that_has_one(labels: list, rows: list) -> None:
    known = known_of(labels)
    found = list_outcomes.of_clients(rows_of(rows), RUNS.astype(np.int64), CLIENTS, known)

    for at, (client, _, place, _) in enumerate(rows):
        later = [it for it in range(len(labels)) if labels[it][0] == client and labels[it][2] > RUNS[place]]
        first = min(later, key=lambda it: (labels[it][2], known.position[it]), default=None)
        left, treated = (np.nan, False) if first is None else (float(labels[first][3]), labels[first][4])
        assert np.array_equal([found["left"][at], found["treated"][at]], [left, treated], equal_nan=True)
        assert np.isnan(found["number"][at])


def test_where_nothing_is_known_nothing_came_of_anybody() -> None:
    rows = rows_of([(0, 0, 0, True), (1, 1, 1, True)])

    for found in (
        list_outcomes.of_rows(rows, PERIODS, CLIENTS, NOTHING_KNOWN),
        list_outcomes.of_clients(rows, RUNS.astype(np.int64), CLIENTS, NOTHING_KNOWN),
    ):
        assert np.isnan(found["left"]).all()
        assert not found["treated"].any()
