from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from matplotlib.figure import Figure
from PIL import Image

from risk.report import figures

CONFUSION = {"tp": 162, "fp": 148, "fn": 88, "tn": 802}
BINS = [{"risk": 0.05, "share": 0.06, "n_rows": 1200}, {"risk": 0.6, "share": 0.55, "n_rows": 800}]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that receives every text of the pictures that are drawn."""
    texts: list[str] = []
    draw = figures._png

    def listen(figure: Figure) -> bytes:
        png = draw(figure)
        texts.extend(text.get_text() for text in figure.findobj(matplotlib.text.Text))
        return png

    monkeypatch.setattr(figures, "_png", listen)
    return texts


def test_confusion_matrix_writes_counts_and_their_shares_of_the_row(written: list[str]) -> None:
    figures.confusion_matrix({**CONFUSION, "tn": 1802})

    assert {"1,802", "148", "88", "162"} <= set(written)
    assert {"92.4 %", "7.6 %", "35.2 %", "64.8 %"} <= set(written)
    assert {"predicted", "happened", "stayed", "left", "left\n250 rows"} <= set(written)


def test_confusion_matrix_puts_each_count_where_it_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    cells: dict[str, tuple[int, int]] = {}
    monkeypatch.setattr(
        figures,
        "_png",
        lambda figure: cells.update(
            {t.get_text(): (int(t.get_position()[0]), int(t.get_position()[1])) for t in figure.axes[0].texts}
        ),
    )

    figures.confusion_matrix(CONFUSION)

    assert (cells["802"], cells["148"], cells["88"], cells["162"]) == ((0, 0), (1, 0), (0, 1), (1, 1))


def test_confusion_matrix_of_one_class_says_that_the_other_row_is_empty(written: list[str]) -> None:
    figures.confusion_matrix({"tp": 0, "fp": 0, "fn": 0, "tn": 5})

    assert written.count("nobody") == 2
    assert "100.0 %" in written


@pytest.mark.slow
def test_calibration_shows_risks_shares_and_bin_sizes(written: list[str]) -> None:
    figures.calibration(BINS)

    assert {"stated risk", "share who left", "rows", "1,200", "60 %"} <= set(written)


@pytest.mark.slow
@pytest.mark.parametrize(
    "bins", [[], [{"risk": 0.0, "share": 0.0, "n_rows": 3}], [{"risk": 1.0, "share": 1.0, "n_rows": 1}]]
)
def test_calibration_of_hardly_anything_is_a_picture(bins: list[dict[str, float]]) -> None:
    picture = Image.open(BytesIO(figures.calibration(bins)))

    assert picture.format == "PNG"


@pytest.mark.slow
def test_titles_from_data_are_never_read_as_formulas(written: list[str]) -> None:
    plain = figures.confusion_matrix(CONFUSION, "$\\alpha$ 漢 \U0001f600")
    figures.calibration(BINS, "$\\broken{$")

    assert {"$\\alpha$ [U+6F22] [U+1F600]", "$\\broken{$"} <= {it.split("\n")[-1] for it in written}
    assert plain != figures.confusion_matrix(CONFUSION, "α [U+6F22] [U+1F600]")


@pytest.mark.slow
@pytest.mark.parametrize(
    "scored_on",
    [
        "seen clients",
        "held-out clients (20 % of all, by hash; testdata/ is empty)",
        "clients_of_the_north_2026-11.csv" * 3,
    ],
)
def test_titles_lie_within_their_pictures(monkeypatch: pytest.MonkeyPatch, scored_on: str) -> None:
    ends: list[float] = []

    def measure(figure: Figure) -> bytes:
        figure.draw_without_rendering()
        ends.append(figure.axes[0]._left_title.get_window_extent().x1 / figure.bbox.x1)
        return b""

    monkeypatch.setattr(figures, "_png", measure)

    figures.drawn({"scored_on": scored_on, "confusion": CONFUSION, "calibration": BINS}, None)

    assert len(ends) == 2
    assert max(ends) <= 1


@pytest.mark.slow
def test_equal_figures_give_equal_bytes_whatever_the_settings_of_matplotlib_are() -> None:
    first = figures.confusion_matrix(CONFUSION), figures.calibration(BINS)

    changed: Any = {"font.size": 20, "axes.facecolor": "red", "savefig.dpi": 30}
    with matplotlib.rc_context(changed):
        again = figures.confusion_matrix(dict(CONFUSION)), figures.calibration(list(BINS))

        assert matplotlib.rcParams["font.size"] == 20
    assert first == again
    assert b"Software" not in first[0] + first[1]


@pytest.mark.slow
def test_figures_load_matplotlib_and_seaborn_when_they_draw() -> None:
    code = ("import sys; from risk.report import figures; assert not {'matplotlib', 'seaborn'} & set(sys.modules); "
            f"figures.confusion_matrix({CONFUSION}); assert 'seaborn' in sys.modules")  # fmt: skip

    answer = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True)

    assert answer.returncode == 0, answer.stderr
