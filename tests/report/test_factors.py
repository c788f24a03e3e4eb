"""Every figure of a card's factor table is the model's own answer for a row that can exist."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from risk.modeling import families, fitting, reasons
from risk.report import model_card

KINDS = {
    "usage": "numeric",
    "rise": "numeric",
    "senior": "numeric",
    "visits": "numeric",
    "same": "numeric",
    "blank": "numeric",
    "contract": "categorical",
    "city": "categorical",
}
N_ROWS = 900


def rows(seed: int = 0) -> pd.DataFrame:
    """Return rows with categories, blanks, a 0/1, a whole-number, a constant and an empty column."""
    draw = np.random.default_rng(seed)
    usage = draw.lognormal(3, 1, N_ROWS).round(1)
    before = np.where(draw.random(N_ROWS) < 0.2, np.nan, draw.lognormal(3, 1, N_ROWS).round(1))
    usage[:50] = np.nan
    x = pd.DataFrame({"usage": usage, "rise": usage - before, "senior": draw.integers(0, 2, N_ROWS) * 1.0})
    x["visits"] = np.where(draw.random(N_ROWS) < 0.95, 0.0, draw.integers(1, 90, N_ROWS))
    x["same"], x["blank"] = 7.0, np.nan
    x["contract"] = draw.choice(["Month-to-month", "One year", "Two year", None], N_ROWS, p=[0.55, 0.2, 0.2, 0.05])
    x["city"] = draw.choice([f"city {n}" for n in range(70)], N_ROWS)
    return fitting.features(x, KINDS)


def left(x: pd.DataFrame) -> np.ndarray:
    pull = np.where(x["contract"] == "Month-to-month", 1.0, -1.5) + 0.8 * x["senior"] - 0.01 * x["usage"].fillna(20)
    return (np.random.default_rng(1).random(len(x)) < 1 / (1 + np.exp(-pull))).astype(float)


def probed(x: pd.DataFrame) -> list[dict[str, Any]]:
    return reasons.probes(x, KINDS, {"rise": "usage"}, {"usage": 0.0})


def value(text: str, name: str) -> object:
    return None if text == "missing" else float(text.replace(",", "")) if KINDS[name] == "numeric" else text


def shown(rows: list[list[str]], name: str) -> list[tuple[str, object]]:
    """Return the figures that a row of the table shows, each with the value it stands for."""
    (effect,) = (cells[-1] for cells in rows if cells[0] == name)
    figures = re.findall(r"([\d.]+ %) at (.*?)(?=, [\d.]+ % at |, \d+ rarer|$)", effect)
    return [(percent, value(text, name)) for percent, text in figures]


@pytest.mark.slow
@pytest.mark.parametrize("family", families.KNOWN, ids=lambda it: it.name)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_figure_of_the_table_is_the_models_own_answer(family: families.Family, seed: int) -> None:
    x = rows(seed)
    estimator = fitting.fit(family, KINDS, x, left(x))

    told = model_card.factors(
        {"family": family.name, "probes": probed(x)},
        lambda frame: fitting.risks_of(estimator, fitting.features(frame, KINDS)),
    )

    typical = {cells[0]: value(cells[3], cells[0]) for cells in told}
    for name in KINDS:
        assert shown(told, name), name
        for figure, found in shown(told, name):
            without_change = {"rise": None} if name == "usage" and found is None else {}
            row = fitting.features(pd.DataFrame([typical | {name: found} | without_change]), KINDS)
            assert figure == f"{100 * fitting.risks_of(estimator, row)[0]:.1f} %", (name, found)


def test_all_values_that_are_asked_about_occur_in_the_rows() -> None:
    x = rows()

    found = {str(it["name"]): it for it in probed(x)}

    for name, it in found.items():
        known = {None if pd.isna(value) else value for value in x[name]}
        assert {it["typical"], *it["values"]} <= known | {None}, name
    assert found["senior"]["values"] == [0.0, 1.0]
    assert found["same"]["values"] == [7.0]
    assert found["blank"]["values"] == [None]
    assert (found["visits"]["values"][0], len(found["visits"]["values"])) == (0.0, 2)
    assert set(found["contract"]["values"]) == {"Month-to-month", "One year", "Two year", None}
    assert (len(found["city"]["values"]), found["city"]["n_unasked"]) == (70, 0)


def test_a_change_is_never_larger_than_the_number_allows_whose_change_it_is() -> None:
    x = rows()

    usage, rise = (it for it in probed(x) if it["name"] in ("usage", "rise"))

    levels, steps = ([it for it in probe["values"] if it is not None] for probe in (usage, rise))
    assert all(usage["typical"] - step >= 0 for step in steps)
    assert all(level - rise["typical"] >= 0 for level in levels)


@pytest.mark.parametrize(
    ("risks", "way"),
    [
        ((0.1, 0.2, 0.3), "higher is riskier"),
        ((0.3, 0.2, 0.1), "lower is riskier"),
        ((0.1, 0.3, 0.1), "now higher, now lower"),
        ((0.100, 0.101, 0.102), "hardly anything"),
    ],
)
def test_the_way_of_a_number_is_told_of_all_its_values(risks: tuple[float, ...], way: str) -> None:
    probe = {"name": "n", "kind": "numeric", "typical": 2.0, "values": [1.0, 2.0, 3.0], "n_unasked": 0}

    (cells,) = model_card.factors({"probes": [probe]}, lambda frame: np.array(risks))

    assert cells[-1].startswith(f"{way}: ")
