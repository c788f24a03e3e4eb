"""The look of everything printed, and the pictures of a report as PNG: equal figures, equal bytes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from html import escape
from importlib.util import find_spec
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from risk.report.words import tested
from risk.text import MORE, NOTHING, counted, number, percent, short_percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Blue against orange is told apart by every kind of colour blindness, and in grey print by lightness.
INK = "#1F2A36"
QUIET = "#66727F"
LINE = "#D8DEE4"
SOFT = "#F3F6F9"
ACCENT = "#1F4E79"
ACCENT_SOFT = "#9DBAD5"  # light enough for text in INK to be read on it
ALERT = "#B35A00"
ALERT_SOFT = "#FDF4E7"

REGULAR = "DejaVuSans"
BOLD = "DejaVuSans-Bold"
_LETTERS = "\u0590-\u065f\u066a-\u06ef\u06fa-\u08ff\ufb1d-\ufdff\ufe70-\ufefe"  # no digits: these stay as they are
RIGHT_TO_LEFT = re.compile(rf"[{_LETTERS}]+(?:[ .,'\"-]+[{_LETTERS}]+)*")
HIGHEST = 0xFFFF  # characters above it are beyond what the layout of PDF pages can place

INCHES = (4.2, 3.6)
DOTS_PER_INCH = 200
WIDEST = 38  # characters of a line of a title
HAPPENED = ("stayed", "left")
LOOK: Any = {
    "text.parse_math": False,  # a column may be called $\alpha$
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": LINE,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}


def drawn(
    scores: Mapping[str, Any] | None, replayed: Mapping[str, Any] | None, record: Mapping[str, Any] | None = None
) -> dict[str, bytes]:
    """The pictures that a report with these scores, this replay and this track record has, by name."""
    found = {"backtest": backtest(replayed["policies"])} if replayed else {}
    if record and len(graded := [it for it in record["lists"] if it["share_caught"] is not None]) > 1:
        found["track record"] = track_record(graded)
    if scores is not None:
        found["confusion matrix"] = confusion_matrix(scores["confusion"], tested(scores))
        found |= {"calibration": calibration(bins, tested(scores))} if (bins := scores["calibration"]) else {}
    return found


def confusion_matrix(confusion: Mapping[str, int], where: str = "") -> bytes:
    """The picture of the four counts (`tp`, `fp`, `fn`, `tn`), each with its share of the row."""
    from matplotlib.colors import LinearSegmentedColormap

    rows = ((confusion["tn"], confusion["fp"]), (confusion["fn"], confusion["tp"]))
    shares = [count / sum(row) if sum(row) else None for row in rows for count in row]
    happened = [f"{name}\n{counted(sum(row), 'row')}" for name, row in zip(HAPPENED, rows, strict=True)]
    with _figure() as figure:
        import seaborn  # here and not above: it loads pyplot

        axes = figure.add_subplot()
        seaborn.heatmap(
            [[share or 0 for share in shares[:2]], [share or 0 for share in shares[2:]]], vmin=0, vmax=1, cbar=False,
            cmap=LinearSegmentedColormap.from_list("shares", [SOFT, ACCENT_SOFT]), linewidths=3, ax=axes, fmt="",
            annot=[list(map(number, row)) for row in rows], annot_kws={"color": INK, "size": 15, "weight": "bold"},
            xticklabels=HAPPENED, yticklabels=happened,
        )  # fmt: skip
        for count, share in zip(list(axes.texts), shares, strict=True):
            x, y = count.get_position()
            axes.text(x, y + 0.23, "nobody" if share is None else percent(share), ha="center", va="center")
        axes.set(xlabel="predicted", ylabel="happened", title=f"Predicted, and what happened\n{shown(where, WIDEST)}")
        axes.tick_params(axis="y", rotation=0)
        return _png(figure)


def calibration(bins: Sequence[Mapping[str, float]], where: str = "") -> bytes:
    """The picture of bins (`risk`, `share`, `n_rows`): stated risk against the share who left."""
    risks, shares, sizes = ([bin[name] for bin in bins] for name in ("risk", "share", "n_rows"))
    end, largest = min(1.0, 1.12 * max([*risks, *shares, 0.1])), max(sizes, default=1)
    with _figure() as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        above.plot([0, end], [0, end], color=QUIET, linewidth=0.9, linestyle=(0, (4, 3)))
        look = {"color": ACCENT, "linewidth": 1.4, "markersize": 5, "markeredgecolor": "white", "clip_on": False}
        above.plot(risks, shares, "o-", **look)
        dashed = {"transform": above.transAxes, "ha": "right", "fontsize": 7.5, "color": QUIET}
        above.text(0.98, 0.04, "dashed: stated = happened", **dashed)
        title = f"Stated risk, and what happened\n{shown(where, WIDEST)}"
        above.set(xlim=(0, end), ylim=(0, end), ylabel="share who left", title=title)
        above.yaxis.set_major_formatter(lambda share, _: short_percent(share))
        above.grid(color=LINE, linewidth=0.5)
        below.vlines(risks, 0, sizes, color=ACCENT, linewidth=4)
        below.set(ylim=(0, 1.25 * largest), yticks=[largest], yticklabels=[number(largest)], ylabel="rows")
        below.set_xlabel("stated risk")
        below.xaxis.set_major_formatter(lambda risk, _: short_percent(risk))
        return _png(figure)


def backtest(policies: Sequence[Mapping[str, Any]], title: str = "Leavers on the list, beside our decisions") -> bytes:
    """The picture of policies (`policy`, `caught_by_content`, `deployed`): leavers more or fewer than the first.

    Counted up over the contents; dots are deployments after the first one.
    """
    from matplotlib.ticker import MaxNLocator

    with _figure() as figure:
        axes = figure.add_subplot()
        ours = _added_up(policies[0])
        for policy, colour, line in zip(
            policies, (ACCENT, QUIET, ALERT, ACCENT_SOFT), ("-", ":", "-", "--"), strict=False
        ):
            more = [count - bar for count, bar in zip(_added_up(policy), ours, strict=True)]
            name = f"{policy['policy']} ({counted(max(len(policy['deployed']) - 1, 0), 'deployment')})"
            axes.plot(range(1, len(more) + 1), more, line, color=colour, linewidth=1.4, label=shown(name, 60))
            places = [it["content"] for it in policy["deployed"][1:]]
            axes.plot(places, [more[place - 1] for place in places], "o", color=colour, markersize=3.5)
        axes.set(xlabel="content, in the order of time", ylabel="more or fewer leavers than by our decisions")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(color=LINE, linewidth=0.5)
        axes.legend(frameon=False, fontsize=7.5, loc="best")
        axes.set_title(shown(title, 60))
        return _png(figure)


def track_record(lists: Sequence[Mapping[str, Any]]) -> bytes:
    """The picture of graded lists: the share of all leavers that each held, beside the simple rule and chance."""
    lines = (("share_caught", ACCENT, "o-", "the list"), ("simple_share", ALERT, "-", lists[-1]["simple_rule"]),
             ("random_share", QUIET, ":", "at random"))  # fmt: skip
    with _figure((8.6, 2.5)) as figure:
        axes = figure.add_subplot()
        days = [it["as_of"] for it in lists]  # two lists may be of one day
        for name, colour, line, label in lines:
            axes.plot([it[name] for it in lists], line, color=colour, markersize=4, label=shown(label, 60))
        axes.set(ylim=(0, None), title="Leavers who were on the list")
        axes.yaxis.set_major_formatter(lambda share, _: short_percent(share))
        axes.set_xticks(range(0, len(lists), step := 1 + len(lists) // 8), days[::step])
        axes.grid(color=LINE, linewidth=0.5)
        axes.legend(frameon=False, fontsize=7.5, ncols=3, loc="lower right", bbox_to_anchor=(1, 1))
        return _png(figure)


def _added_up(policy: Mapping[str, Any]) -> list[int]:
    return list(accumulate(count or 0 for count in policy["caught_by_content"]))


@contextmanager
def _figure(inches: tuple[float, float] = INCHES) -> Iterator[Figure]:
    """Yield an empty figure in our look, whatever the user's own settings of matplotlib are."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(LOOK)
        yield Figure(figsize=inches, dpi=DOTS_PER_INCH, layout="constrained", facecolor="white")


def _png(figure: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    picture, canvas = BytesIO(), cast(Any, FigureCanvasAgg(figure))
    canvas.print_png(picture, metadata={"Software": None})
    return picture.getvalue()


# --- fonts and text ---------------------------------------------------------------------------------------------------


@cache
def register_fonts() -> None:
    """Make both fonts known to reportlab; a second call costs nothing."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    package = find_spec("matplotlib")  # the fonts are of its data, and it need not be imported for them
    if package is None or package.origin is None:
        raise ModuleNotFoundError("matplotlib, which holds the font of the report, is not installed: run make, or pip")
    for name in (REGULAR, BOLD):
        font = Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / f"{name}.ttf"
        pdfmetrics.registerFont(TTFont(name, str(font)))
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)


@cache
def _printable() -> frozenset[str]:
    """The characters that both fonts draw and that a reader can see."""
    from reportlab.pdfbase import pdfmetrics

    register_fonts()
    glyphs: set[int] = set.intersection(*(set(pdfmetrics.getFont(name).face.charToGlyph) for name in (REGULAR, BOLD)))
    characters = (chr(code) for code in glyphs if code <= HIGHEST)
    return frozenset(c for c in characters if unicodedata.category(c)[0] != "C" and c not in "\u2028\u2029")


def shown(text: object, longest: int = 200) -> str:
    r"""Return text from data as it can be printed, in one line of at most `longest` characters.

    Control characters become escapes (`\n`, `\x1b`); what the font lacks, what cannot be seen and what lies beyond
    U+FFFF becomes `[U+6F22]`; what is cut ends in an ellipsis; None is a dash.
    """
    characters = NOTHING if text is None else str(text)[: longest + 1]
    printed = characters if _printable().issuperset(characters) else "".join(map(_shown_character, characters))
    return printed if len(printed) <= longest else printed[: longest - 1] + MORE


def _shown_character(character: str) -> str:
    if character in _printable():
        return character
    if unicodedata.category(character) == "Cc":
        return character.encode("unicode_escape").decode("ascii")
    return f"[U+{ord(character):04X}]"


def markup(text: object, longest: int = 200) -> str:
    """Return text from data for a reportlab paragraph: safe to print, and never read as markup."""
    return escape(in_reading_order(shown(text, longest)), quote=False)


def in_reading_order(text: str) -> str:
    """The text with its Hebrew and Arabic parts reversed: a PDF places all characters from the left."""
    return RIGHT_TO_LEFT.sub(lambda part: part[0][::-1], text)
