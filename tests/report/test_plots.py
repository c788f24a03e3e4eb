from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import pytest

from risk.report import plots
from tests.installation import snapshot

GAINS = [(10, 9), (60, 20), (120, 25)]
HOSTILE = "$\\alpha$ <script>&\u202e"
FACTORS = [
    {"name": "size", "label": HOSTILE, "unit": "", "kind": "numeric", "values": [0.0, 500.0], "risks": [0.1, 0.8]},
    {"name": "sector", "label": "Sector", "unit": "", "kind": "categorical", "values": [HOSTILE], "risks": [0.3]},
    {"name": "blank", "label": "Blank", "unit": "", "kind": "numeric", "values": [], "risks": []},
]
SHIFT = [
    {
        "name": "size",
        "label": HOSTILE,
        "kind": "numeric",
        "moved": 0.2,
        "bins": [{"bin": HOSTILE, "reference": 0.5, "recent": 0.3}],
    }
]
LISTS = [
    {"as_of": f"2026-0{month}-01", "share_caught": 0.3, "simple_share": None, "random_share": 0.1} for month in (2, 1)
]


def everything() -> dict[str, Any]:
    """Return a snapshot that has the figures for every plot."""
    shown = snapshot("1-aa", [("acme", 0.9)])
    runs = [
        shown["history"][0]
        | {"run": run, "steps": {"training": 2.0, HOSTILE: 1.0}, "scan": {"gain": 0.1, "rings": run > 1}}
        for run in (2, 1)
    ]
    shown["scores"] |= {"gains": GAINS}
    more = {"history": runs, "evidence": {"factors": FACTORS, "shift": SHIFT}, "track_record": {"lists": LISTS}}
    return shown | more


@pytest.fixture(scope="module")
def drawn() -> dict[str, bytes]:
    return plots.drawn(everything())


def test_every_plot_is_svg_whose_text_is_text(drawn: dict[str, bytes]) -> None:
    texts = {name: "".join(ElementTree.fromstring(content).itertext()) for name, content in drawn.items()}

    assert len(drawn) == 10
    assert "leavers found" in texts["gain.svg"]
    for name in ("factors.svg", "shift.svg"):
        assert "$\\alpha$ <script>&[U+" in texts[name], name


def test_words_are_legible_on_a_phone(drawn: dict[str, bytes]) -> None:
    for name, content in drawn.items():
        width = float(re.search(rb'viewBox="0 0 ([0-9.]+) ', content)[1])  # type: ignore[index]
        sizes = [float(it) for it in re.findall(rb"font-size: ([0-9.]+)px", content)]

        assert min(sizes) * 358 / width >= 7.5, name  # pixels, of a phone of 390


def test_every_level_is_named_where_there_is_room() -> None:
    bins = [{"bin": level, "reference": 0.25, "recent": 0.25} for level in ("gold", "new", "old", "red")]
    shift = [{"name": "tier", "label": "Tier", "kind": "categorical", "moved": 0.2, "bins": bins}]
    wide = [{**shift[0], "bins": [it | {"bin": it["bin"] * 3} for it in bins]}]

    texts = ["".join(ElementTree.fromstring(plots.shift(it)).itertext()) for it in (shift, wide)]

    assert [all(it["bin"] in text for it in bins) for text in texts] == [True, False]


def test_a_plot_has_no_ground_no_date_and_follows_light_and_dark(drawn: dict[str, bytes]) -> None:
    for name, content in drawn.items():
        text = content.decode()
        assert "prefers-color-scheme:dark" in text, name
        assert "<dc:date>" not in text, name
        assert "fill: #ffffff" not in text, name
        assert "var(--c" in text, name
        assert len(content) < 60_000, name


@pytest.mark.slow
def test_equal_figures_give_equal_plots_whatever_the_settings_of_matplotlib_are(drawn: dict[str, bytes]) -> None:
    changed: Any = {"font.size": 20, "svg.fonttype": "path", "svg.hashsalt": None}
    with matplotlib.rc_context(changed):
        assert plots.drawn(everything()) == drawn


def test_a_snapshot_without_figures_has_no_plots() -> None:
    assert plots.drawn(snapshot(None, [])) == {}


@pytest.mark.slow
def test_plots_load_matplotlib_when_they_draw() -> None:
    code = "import sys; from risk.report import plots; assert 'matplotlib' not in sys.modules"

    answer = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True)

    assert answer.returncode == 0, answer.stderr
