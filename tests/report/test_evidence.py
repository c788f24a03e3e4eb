from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from risk.modeling.metrics import gains
from risk.report import evidence

KINDS: Any = {"size": "numeric", "sector": "categorical"}
LABELS = {"size": ("Size", "people"), "sector": ("Sector", "")}


def clients(sizes: list[float | None], sectors: list[str | None]) -> pd.DataFrame:
    return pd.DataFrame({"size": pd.Series(sizes, dtype=float), "sector": pd.Series(sectors, dtype=object)})


def predict(frame: pd.DataFrame) -> Any:
    return (frame["size"].fillna(0) / 100 + 0.3 * (frame["sector"] == "bank")).to_numpy(np.float64)


def test_factors_ask_the_model_of_values_that_occur_the_most_moving_first() -> None:
    frame = clients([float(n) for n in range(50)], ["bank"] * 20 + ["retail"] * 30)

    size, sector = evidence.factors(predict, frame, KINDS, LABELS)

    assert (size["label"], size["unit"], sector["values"]) == ("Size", "people", ["retail", "bank"])
    assert size["risks"] == [value / 100 for value in size["values"]]
    assert set(size["values"]) <= set(frame["size"])


def test_factors_of_missing_columns_and_of_nobody_are_blank() -> None:
    assert evidence.factors(predict, clients([], []), KINDS, LABELS) == []
    blank = evidence.factors(predict, clients([None], [None]), KINDS, LABELS)
    assert [it["values"] for it in blank] == [[], []]


def test_a_shift_is_the_share_of_rows_in_other_bins() -> None:
    before = clients([float(n) for n in range(100)], ["bank"] * 50 + ["retail"] * 50)
    now = clients([95.0] * 50 + [None] * 50, ["bank"] * 50 + ["new"] * 50)

    size, sector = evidence.shift(before, now, KINDS, LABELS)

    assert [sum(it[key] for it in size["bins"]) for key in ("reference", "recent")] == pytest.approx([1, 1])
    assert (size["bins"][-1], size["moved"]) == (
        {"bin": "missing", "reference": 0.0, "recent": 0.5},
        pytest.approx(0.9),
    )
    assert {it["bin"]: it["recent"] for it in sector["bins"]} == {"bank": 0.5, "retail": 0, "others": 0.5, "missing": 0}


def test_the_same_rows_have_not_moved_even_where_all_values_are_one() -> None:
    frame = clients([7.0] * 10, ["bank"] * 10)

    assert [it["moved"] for it in evidence.shift(frame, frame, KINDS, LABELS)] == [0, 0]
    assert evidence.shift(frame, frame.iloc[:0], KINDS, LABELS) == []


def test_gains_count_leavers_in_order_of_risk_and_never_cut_equal_risks() -> None:
    risks = np.array([0.1, 0.9, 0.5, 0.5, 0.2])

    assert gains([0, 1, 1, 0, 1], risks) == [(1, 1), (3, 2), (4, 3), (5, 3)]
    assert gains([1, 0], [0.5, 0.5]) == [(2, 1)]
    assert gains([], []) == []
    assert len(gains(np.arange(1000) % 2, np.linspace(0, 1, 1000))) == 60
