"""SVG for the pages: figures on no ground, whose colours follow the reader's light or dark; equal bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any, cast

from risk.report.figures import ACCENT, ALERT, INK, LINE, LOOK, QUIET, SOFT
from risk.text import short_percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SALT = "risk"  # of the ids in the file, which would be drawn at random otherwise
DARK = {INK: "#e4e9ee", QUIET: "#a3b0bc", LINE: "#3a4652", SOFT: "#1e2731", ACCENT: "#8fbce6", ALERT: "#f0b469"}
FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif"


def name_ticks(axes: Axes, names: Sequence[str], most: int = 10) -> None:
    """Name the places 0, 1, … on the x axis, some of very many."""
    every = max(1, -(-len(names) // most))
    axes.set_xticks(range(0, len(names), every), list(names)[::every])
    axes.grid(color=LINE, linewidth=0.5, axis="y")
    axes.set_axisbelow(True)


def show_percentages(axes: Axes, *which: str) -> None:
    """Write the shares on these axes (x, y) as percentages."""
    from matplotlib.ticker import MaxNLocator

    for name in which:
        axis = getattr(axes, f"{name}axis")
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(lambda share, _: short_percent(share))
    axes.grid(color=LINE, linewidth=0.5)
    axes.set_axisbelow(True)


@contextmanager
def empty_figure(inches: tuple[float, float]) -> Iterator[Figure]:
    """Yield an empty figure; its margins are fixed, for to fit them takes as long as all the rest."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(LOOK | {"svg.fonttype": "none", "svg.hashsalt": SALT, "font.size": 9.5})
        figure = Figure(figsize=inches, facecolor="none")
        width, height = inches
        right, top = 1 - 0.22 / width, 1 - 0.3 / height
        figure.subplots_adjust(0.72 / width, 0.5 / height, right, top, wspace=0.28, hspace=0.55)
        yield figure


def svg(figure: Figure) -> bytes:
    """The figure as SVG on no ground; its colours are variables, which follow the reader's light or dark."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    for axes in figure.axes:
        axes.set_facecolor("none")
    drawing, canvas = StringIO(), cast(Any, FigureCanvasSVG(figure))
    canvas.print_svg(drawing, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text, light, dark = drawing.getvalue(), "", ""
    for place, (colour, other) in enumerate(DARK.items()):
        text = re.sub(rf"(?<=: ){colour}\b", f"var(--c{place})", text, flags=re.IGNORECASE)
        light, dark = f"{light}--c{place}:{colour};", f"{dark}--c{place}:{other};"
    style = (
        f"<style>:root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}text{{font-family:{FONT}}}</style>"
    )
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", text)
    return re.sub(r"(<svg [^>]*>)", lambda start: start[1] + style, text, count=1).encode()
