from __future__ import annotations

import numpy as np
import pandas as pd

from risk import call_list, reasons


def test_the_highest_risk_comes_first_and_ties_go_by_name() -> None:
    order = call_list.rank(["b", "a", "c"], np.array([0.5, 0.5, 0.9]))

    assert order.tolist() == [2, 1, 0]
    assert call_list.ranks(np.array([0.9, 0.5, 0.5, 0.1])).tolist() == [1, 2, 2, 4]


def test_differences_beyond_twelve_digits_are_none() -> None:
    order = call_list.rank(["b", "a"], np.array([0.5 + 1e-14, 0.5]))

    assert order.tolist() == [1, 0]


def test_there_is_time_to_call_so_many_in_all_or_of_each_owner() -> None:
    owners = ["x", "x", "y", "x", None, "y"]

    assert call_list.first(None, 6, 2) == [0, 1]
    assert call_list.first(None, 1, 2) == [0]
    assert call_list.first(owners, 6, 1) == [0, 2, 4]


def test_a_reason_names_the_figure_that_raises_the_risk() -> None:
    frame = pd.DataFrame({"month": [1.0, 100.0, np.nan], "size": [50.0, 50.0, 50.0], "plan": ["a", "a", "b"]})
    kinds = {"month": "numeric", "size": "numeric", "plan": "categorical"}

    def predict(rows: pd.DataFrame) -> np.ndarray:
        return np.where(rows["month"].fillna(0) < 10, 0.9, 0.1) * np.where(rows["plan"] == "b", 1.05, 1)

    told = reasons.reasons(predict, frame, kinds, {"month": 60.0, "size": 50.0, "plan": "a"})

    assert told == [["month 1 (typical 60)"], [], ["month unknown (typical 60)", "plan b (typical a)"]]


def test_typical_is_the_median_and_the_most_frequent_level() -> None:
    frame = pd.DataFrame({"month": [1.0, 2.0, 9.0, np.nan], "plan": ["b", "a", "a", None], "none": [None] * 4})
    kinds = {"month": "numeric", "plan": "categorical", "none": "categorical"}

    assert reasons.typical(frame, kinds) == {"month": 2.0, "plan": "a", "none": None}
