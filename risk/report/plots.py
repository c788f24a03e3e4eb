"""The plots of the pages as SVG for light and dark: equal figures, equal bytes. Text from data is never a formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from risk.report._svg import empty_figure, name_ticks, show_percentages, svg
from risk.report.figures import ACCENT, ALERT, INK, LINE, QUIET, SOFT, shown
from risk.text import number, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Facts = Mapping[str, Any]

SQUARE, WIDE = (4.4, 3.5), (5.0, 2.6)  # inches: no wider than a phone can show with legible words
COLUMNS, ROW_HEIGHT = 2, 2.1  # of the panels of features, and inches
LONGEST_NAMES = 18  # characters of all names below a panel
DASHED = (0, (4, 3))


def drawn(snapshot: Facts) -> dict[str, bytes]:
    """The plots that a snapshot has the figures for, by the name of the file in the report set."""
    lists = (snapshot.get("track_record") or {}).get("lists") or []
    graded = [it for it in lists if it.get("share_caught") is not None]
    measured = [it for it in (snapshot.get("newest"), snapshot.get("scores")) if it and it.get("gains")]
    scores, evidence = (measured[0] if measured else None), snapshot.get("evidence") or {}
    plans: dict[str, tuple[Any, Callable[[Any], bytes]]] = {
        "roc.svg": (scores, roc),
        "precision-recall.svg": (scores, precision_recall),
        "gain.svg": (scores, gain),
        "calibration.svg": (scores and scores["calibration"] and scores, calibration),
        "scores.svg": (_runs(snapshot, "f1"), scores_over_time),
        "factors.svg": (evidence.get("factors"), factors),
        "shift.svg": (evidence.get("shift"), shift),
        "scans.svg": (_runs(snapshot, "scan"), scans),
        "seconds.svg": (_runs(snapshot, "steps"), seconds),
        "caught.svg": (sorted(graded, key=lambda it: it["as_of"]), caught),
    }
    return {name: draw(facts) for name, (facts, draw) in plans.items() if facts}


def _runs(snapshot: Facts, key: str) -> list[Facts]:
    """The runs that hold something under a key, oldest first; one alone is no course of time."""
    runs = [it for it in reversed(snapshot["history"]) if it.get(key) not in (None, {})]
    return runs if len(runs) > 1 else []


# --- how good the model is --------------------------------------------------------------------------------------------


def roc(scores: Facts) -> bytes:
    """The share of leavers against the share of stayers among the first so many."""
    stayers = max(scores["n_rows"] - scores["n_leavers"], 1)
    points = [(0.0, 0.0), *(((n - left) / stayers, left / max(scores["n_leavers"], 1)) for n, left in scores["gains"])]
    return _curve(points, [(0, 0), (1, 1)], "stayers who were rated as high", "leavers found")


def precision_recall(scores: Facts) -> bytes:
    """The share who left among the first so many, against the share of all leavers that these hold."""
    points = [(left / max(scores["n_leavers"], 1), left / n) for n, left in scores["gains"]]
    share = scores["n_leavers"] / scores["n_rows"]
    return _curve(points, [(0, share), (1, share)], "leavers found", "of those called, so many left")


def gain(scores: Facts) -> bytes:
    """The share of all leavers that the first so many hold."""
    points = [(0.0, 0.0)]
    points += [(n / scores["n_rows"], left / max(scores["n_leavers"], 1)) for n, left in scores["gains"]]
    return _curve(points, [(0, 0), (1, 1)], "clients called, highest risk first", "leavers found")


def calibration(scores: Facts) -> bytes:
    """The stated risk against the share who left."""
    bins = scores["calibration"]
    end = min(1.0, 1.12 * max(*(it["risk"] for it in bins), *(it["share"] for it in bins), 0.1))
    points = [(it["risk"], it["share"]) for it in bins]
    return _curve(points, [(0, 0), (1, 1)], "stated risk", "share who left", end, "o-")


def _curve(
    points: Sequence[tuple[float, float]], dashed: Sequence[tuple[float, float]], x: str, y: str, end: float = 1.0,
    line: str = "-",
) -> bytes:  # fmt: skip
    with empty_figure(SQUARE) as figure:
        axes = figure.add_subplot()
        axes.plot(*zip(*dashed, strict=True), color=QUIET, linewidth=1, linestyle=DASHED)
        axes.plot(*zip(*points, strict=True), line, color=ACCENT, linewidth=2, markersize=5, clip_on=False)
        axes.set(xlim=(0, end), ylim=(0, end), xlabel=x, ylabel=y)
        show_percentages(axes, "x", "y")
        return svg(figure)


def scores_over_time(runs: Sequence[Facts]) -> bytes:
    """F1 on the test data of each run that measured a model; filled dots are those that deployed one."""
    with empty_figure(WIDE) as figure:
        axes = figure.add_subplot()
        axes.plot([it["f1"] for it in runs], color=ACCENT, linewidth=1.5)
        for place, it in enumerate(runs):
            is_new = it["outcome"] in ("deployed", "rolled back")
            axes.plot(place, it["f1"], "o", color=ACCENT, markersize=6, markerfacecolor=ACCENT if is_new else SOFT)
        axes.set(ylim=(0, 1), ylabel="F1 on test data", xlabel="run")
        name_ticks(axes, [number(it["run"]) for it in runs])
        return svg(figure)


# --- features ---------------------------------------------------------------------------------------------------------


def factors(found: Sequence[Facts]) -> bytes:
    """The risk of a typical client as each feature moves."""

    def panel(axes: Axes, it: Facts) -> None:
        if it["kind"] == "numeric":
            axes.plot(it["values"], it["risks"], color=ACCENT, linewidth=2)
            low = min(it["values"], default=0)
            if it["values"] and low >= 0 and max(it["values"]) > 30 * (low + 1):
                axes.set_xscale("symlog", linthresh=1)
            axes.xaxis.set_major_formatter(lambda value, _: number(value, 0 if value == int(value) else 2))
        else:
            axes.barh([shown(str(value), 13) for value in it["values"]], it["risks"], color=ACCENT, height=0.6)
            axes.invert_yaxis()
        share = "y" if it["kind"] == "numeric" else "x"
        axes.set(**{f"{share}lim": (0, 1.05 * max(0.1, *(max(one["risks"], default=0) for one in found)))})
        show_percentages(axes, share)
        axes.set_title(shown(f"{it['label']}{' (' + it['unit'] + ')' if it.get('unit') else ''}", 26))

    return _panels(found, panel)


def shift(found: Sequence[Facts]) -> bytes:
    """Of each feature the shares of the rows that the model knows and of the current clients, in the same bins."""

    def panel(axes: Axes, it: Facts) -> None:
        bins = [bin for bin in it["bins"] if bin["reference"] or bin["recent"]]
        for key, aside, colour in (("reference", -0.2, QUIET), ("recent", 0.2, ACCENT)):
            axes.bar([place + aside for place in range(len(bins))], [bin[key] for bin in bins], 0.4, color=colour)
        show_percentages(axes, "y")
        names = [shown(bin["bin"], 12 if it["kind"] == "numeric" else 9) for bin in bins]
        every = 1 if sum(map(len, names)) <= LONGEST_NAMES else -(-len(bins) // 3)
        axes.set_xticks(range(0, len(bins), every), names[::every])
        axes.set_title(f"{shown(it['label'], 22)}: {percent(it['moved'], 0)}")

    return _panels(found, panel)


def _panels(found: Sequence[Facts], panel: Callable[[Axes, Facts], None]) -> bytes:
    rows = -(-len(found) // COLUMNS)
    with empty_figure((WIDE[0], ROW_HEIGHT * rows + 0.2)) as figure:
        if any("values" in it and it["kind"] != "numeric" for it in found):
            figure.subplots_adjust(left=0.2, wspace=0.75)  # room for the names of levels
        for place, it in enumerate(found, 1):
            axes = figure.add_subplot(rows, COLUMNS, place)
            panel(axes, it)
            axes.grid(color=LINE, linewidth=0.5)
            axes.set_axisbelow(True)
        return svg(figure)


# --- over time --------------------------------------------------------------------------------------------------------


def scans(runs: Sequence[Facts]) -> bytes:
    """What refitting would have gained, by the scan of each run; alarms in another colour."""
    with empty_figure(WIDE) as figure:
        axes = figure.add_subplot()
        for place, it in enumerate(runs):
            axes.bar(place, it["scan"]["gain"] or 0, 0.6, color=ALERT if it["scan"]["rings"] else ACCENT)
        axes.axhline(0, color=QUIET, linewidth=0.8)
        axes.set(ylabel="gain in log-loss per client", xlabel="run")
        name_ticks(axes, [number(it["run"]) for it in runs])
        return svg(figure)


def seconds(runs: Sequence[Facts]) -> bytes:
    """Seconds of the steps of each run, on top of each other."""
    names = list(dict.fromkeys(name for it in runs for name in it["steps"]))
    names.sort(key=lambda name: -sum(it["steps"].get(name, 0) for it in runs))
    colours = (ACCENT, ALERT, QUIET, INK, LINE)
    with empty_figure(WIDE) as figure:
        axes, below = figure.add_subplot(), [0.0] * len(runs)
        for place, name in enumerate(names[:4]):
            heights = [it["steps"].get(name, 0) for it in runs]
            axes.bar(range(len(runs)), heights, 0.6, below, color=colours[place], label=shown(name, 20))
            below = [base + height for base, height in zip(below, heights, strict=True)]
        rest = [sum(it["steps"].get(name, 0) for name in names[4:]) for it in runs]
        if any(rest):
            axes.bar(range(len(runs)), rest, 0.6, below, color=LINE, label="other steps")
        axes.set(ylabel="seconds", xlabel="run")
        look = {"fontsize": 8, "handlelength": 1, "handletextpad": 0.4, "columnspacing": 0.7}
        axes.legend(frameon=False, ncols=5, loc="lower left", bbox_to_anchor=(0, 1), **look)
        name_ticks(axes, [number(it["run"]) for it in runs])
        return svg(figure)


def caught(lists: Sequence[Facts]) -> bytes:
    """The share of all leavers who stood on each list, beside the simple rule and a list drawn at random."""
    series = {"the list": ("share_caught", ACCENT, "-"), "simple rule": ("simple_share", ALERT, "--")}
    series |= {"at random": ("random_share", QUIET, ":")}
    with empty_figure(WIDE) as figure:
        axes = figure.add_subplot()
        for name, (key, colour, line) in series.items():
            shares = [float("nan") if it.get(key) is None else it[key] for it in lists]
            axes.plot(shares, line, color=colour, linewidth=2, marker="o", markersize=4, label=name)
        axes.set(ylabel="leavers who were listed", ylim=(0, None), xlabel="list of")
        axes.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1), fontsize=8.5)
        show_percentages(axes, "y")
        name_ticks(axes, [str(it["as_of"]) for it in lists], 4)
        return svg(figure)
