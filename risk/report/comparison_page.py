"""The candidates side by side, for people: a table, and their curves in one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import cycle, product
from typing import Any

import numpy as np
import pandas as pd

from risk.modeling import comparison, fitting
from risk.modeling.families import Family
from risk.modeling.selection import Incumbent
from risk.report._svg import empty_figure, show_percentages, svg
from risk.report.figures import ACCENT, ALERT, INK, QUIET
from risk.settings.schema import Schema
from risk.text import event, log, number

INCHES = (9.0, 4.6)
HEADER = ("candidate", "AUC", "log-loss", "recall", "slope", "intercept", "expected", "CPU s", "wall s")
STYLES = ("-", (0, (5, 2)), (0, (1, 1.5)))


def made(
    labelled: pd.DataFrame, schema: Schema, share: float, families: Sequence[Family], champion: Incumbent | None
) -> tuple[list[dict[str, Any]], bytes]:
    """Every family on the labelled rows, as facts and as a figure; the log tells which families failed."""
    left, clients = labelled[schema.target].to_numpy(np.float64), labelled[schema.client].to_numpy()
    x = fitting.features(labelled, schema.kinds)
    found = comparison.compare(x, left, clients, schema.kinds, share, families, champion)
    for fault in found.faults:
        log.warning(event("family", reason=fault))
    contenders = [asdict(it) for it in found.contenders]
    return contenders, figure(contenders, len(left))


def table(told: Mapping[str, Any]) -> str:
    """The table as text, with a sentence on what its rows and columns are."""
    contenders = told["contenders"]
    rows = [HEADER, *(_cells(it) for it in contenders)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADER))]
    lines = ["  ".join([row[0].ljust(widths[0]), *(map(str.rjust, row[1:], widths[1:]))]).rstrip() for row in rows]
    first = contenders[0]
    return "\n".join(
        [
            f"Dataset {told['dataset']}: {number(told['n_rows'])} labelled rows, {number(first['left'])} of them left. "
            "Each row was rated by models that have seen no row of its client.",
            *lines,
            f"recall: of the leavers, among the {number(first['k'])} at the highest risk; slope and intercept: 1 and 0 "
            "where risks are true; expected: leavers by the risks; seconds: of one fit on all rows.",
        ]
    )


def _cells(it: Mapping[str, Any]) -> tuple[str, ...]:
    digits = [(it["auc"], 3), (it["log_loss"], 4), (it["recall"] and 100 * it["recall"], 1), (it["slope"], 2)]
    digits += [(it["intercept"], 2), (it["expected"], 0), (it["cpu_seconds"], 2), (it["wall_seconds"], 2)]
    cells = ["-" if value is None else number(value, places) for value, places in digits]
    cells[2] += "" if it["recall"] is None else " %"
    return (it["name"], *cells)


def figure(contenders: Sequence[Mapping[str, Any]], n_rows: int) -> bytes:
    """The ROC and gain curves of all candidates as one SVG."""
    with empty_figure(INCHES) as drawing:
        drawing.subplots_adjust(bottom=0.4)
        roc, gain = drawing.subplots(1, 2)
        for it, (style, colour) in zip(contenders, cycle(product(STYLES, (QUIET, ACCENT, ALERT, INK))), strict=False):
            leavers, stayers = max(it["left"], 1), max(n_rows - it["left"], 1)
            found = [0.0, *(left / leavers for _, left in it["gains"])]
            line: dict[str, Any] = {"color": colour, "linestyle": style, "linewidth": 1.5}
            roc.plot([0.0, *((n - left) / stayers for n, left in it["gains"])], found, label=it["name"], **line)
            gain.plot([0.0, *(n / n_rows for n, _ in it["gains"])], found, **line)
        roc.set(xlim=(0, 1), ylim=(0, 1), xlabel="stayers who were rated as high", ylabel="leavers found")
        gain.set(xlim=(0, 1), ylim=(0, 1), xlabel="clients called, highest risk first", ylabel="leavers found")
        for axes in (roc, gain):
            show_percentages(axes, "x", "y")
        drawing.legend(loc="lower center", ncols=2, frameon=False)
        return svg(drawing)
