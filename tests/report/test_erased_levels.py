"""Levels that only erased clients had, in what a report set told of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from risk.report import erased_levels

TOLD = "2 clients of site = Zebra or site = Zebra, north or 1 more, levels the model was not trained on: their risk."
GONE = "2 clients of site = [erased] or site = Zebra, north or 1 more, levels the model was not trained on: their risk."
OTHER = "1 client of size = Zebra, a level the model was not trained on: their risk."
FACTORS = [
    {"name": "site", "kind": "categorical", "values": ["A", "Zebra", "B"], "risks": [0.1, 0.2, 0.3]},
    {"name": "size", "kind": "categorical", "values": ["Zebra"], "risks": [0.1]},
]
BINS = [
    {"bin": "A", "reference": 0.5, "recent": 0.25},
    {"bin": "Zebra", "reference": 0.25, "recent": 0.25},
    {"bin": "others", "reference": 0.25, "recent": 0.5},
]
SHOWN: dict[str, Any] = {
    "warnings": [TOLD, OTHER],
    "unknown_levels": {TOLD: "2 clients of levels of site that the model was not trained on: their risk."},
    "evidence": {"factors": FACTORS, "shift": [{"name": "site", "moved": 0.1, "bins": BINS}]},
}


def test_a_level_that_is_gone_leaves_sentences_and_figures_and_nothing_else_does() -> None:
    cut = erased_levels.cut(SHOWN, {"site": ["Zebra"], "region": ["A"]})

    assert cut["warnings"] == [GONE, OTHER]
    assert list(cut["unknown_levels"]) == [GONE]
    site, size = cut["evidence"]["factors"]
    assert (site["values"], site["risks"], size) == (["A", "B"], [0.1, 0.3], FACTORS[1])
    assert cut["evidence"]["shift"][0]["bins"] == [BINS[0], {"bin": "others", "reference": 0.5, "recent": 0.75}]


def test_a_level_that_is_called_as_what_is_beside_levels_takes_nothing_away() -> None:
    assert erased_levels.cut(SHOWN, {"site": ["others", "missing"]}) == SHOWN
    assert erased_levels.cut(SHOWN, {}) == SHOWN
    assert erased_levels.cut({"evidence": None}, {"site": ["A"]}) == {"evidence": None}


@pytest.mark.parametrize("version", [f"1.{minor}.0" for minor in range(6)])
def test_report_sets_of_older_programs_are_cut(version: str) -> None:
    sets = Path(__file__).parents[1] / "fixtures" / f"installation-{version}" / "models" / "reports"
    for path in sets.glob("[0-9]*/snapshot.json"):
        shown = json.loads(path.read_bytes())

        assert erased_levels.cut(shown, {"plan": ["x"]}) == shown
