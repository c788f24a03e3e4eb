"""The pieces of a PDF report: headings, text, panels, figures in a row, tables, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import CondPageBreak, Flowable, Image, Paragraph
from reportlab.platypus import Table as Grid

from risk.report.figures import (
    ACCENT,
    ALERT,
    ALERT_SOFT,
    BOLD,
    INK,
    LINE,
    QUIET,
    REGULAR,
    SOFT,
    in_reading_order,
    markup,
    shown,
)
from risk.report.tables import Table, TableColumn
from risk.text import number

MARGIN, TOP, BOTTOM = 44, 38, 48
WIDTH, HEIGHT = A4[0] - 2 * MARGIN, A4[1] - TOP - BOTTOM
GUTTER = 18
HALF = (WIDTH - GUTTER) / 2
CELL_SIZE, CELL_GAP = 7.5, 9
HEADING = 36  # points
ROOM_FOR_A_START = 120  # a heading with less than this below it begins on the next page


def _style(name: str, size: float, leading: float, colour: str = INK, font: str = REGULAR, **more: Any) -> Any:
    return ParagraphStyle(name, fontName=font, bulletFontName=font, fontSize=size, leading=leading,
                          textColor=HexColor(colour), splitLongWords=1, **more)  # fmt: skip


STYLES = {
    "title": _style("title", 17, 21, font=BOLD),
    "heading": _style("heading", 12.5, 16, ACCENT, BOLD, spaceBefore=14, spaceAfter=4),
    "subheading": _style("subheading", 8.5, 12, font=BOLD, spaceBefore=8, spaceAfter=2),
    "lead": _style("lead", 10, 14, font=BOLD, spaceAfter=3),
    "body": _style("body", 8.3, 12, spaceAfter=3),
    "small": _style("small", 7.2, 10, QUIET, spaceBefore=2, spaceAfter=4),
    "tiny": _style("tiny", 7, 9, QUIET),
    "cell": _style("cell", CELL_SIZE, 10),
    "number": _style("number", CELL_SIZE, 10, alignment=2),
    "strong": _style("strong", CELL_SIZE, 10, font=BOLD),
    "column": _style("column", 7, 9, QUIET, BOLD),
    "numbers": _style("numbers", 7, 9, QUIET, BOLD, alignment=2),
    "figure": _style("figure", 16, 20, ACCENT, BOLD),
    "alert": _style("alert", 8.3, 12, ALERT, BOLD),
}


def text(words: object, style: str = "body", longest: int = 1200, *, title: str = "") -> Flowable:
    """A paragraph, with a title in bold before it; nothing in the words is read as markup."""
    bold = f"<b>{markup(title)}</b>  " if title else ""
    return Paragraph(bold + markup(words, longest), STYLES[style])


def section(title: str, *parts: Flowable, n_whole: int = 0) -> list[Flowable]:
    """A heading, which is an entry of the outline too, and what stands below it: the first parts whole, or a start."""
    room = min(HEADING + height(parts[:n_whole]), HEIGHT) if n_whole else ROOM_FOR_A_START
    return [CondPageBreak(room), text(title, "heading"), *parts]


def titled(title: str, *parts: Flowable) -> list[Flowable]:
    """A small heading, and a start of what stands below it on the same page."""
    return [CondPageBreak(ROOM_FOR_A_START), text(title, "subheading"), *parts]


def titled_table(data: Table) -> list[Flowable]:
    """A table below its title."""
    return titled(data.title, table(data))


def more(n: int, where: str) -> list[Flowable]:
    """How many more there are, and where; nothing where there are none."""
    return [text(f"{number(n)} more {where}.", "small")] if n > 0 else []


def alert(title: str, sentences: Sequence[str]) -> list[Flowable]:
    """A panel that warns, where there is anything to say."""
    told = [text(title, "alert"), *(text(sentence, longest=600) for sentence in sentences)]
    return [panel(told, alert=True)] if sentences else []


def height(parts: Sequence[Flowable]) -> float:
    """The points that the parts take one below the other, at the most."""
    return float(sum(it.wrap(WIDTH, HEIGHT)[1] + it.getSpaceBefore() + it.getSpaceAfter() for it in parts))


def table(data: Table, width: float = WIDTH) -> Flowable:
    """A table whose header is repeated on every page; cells are cut to the longest text of their column."""
    columns = data.columns
    scale = width / sum(column.width for column in columns)
    head = [text(column.title, "numbers" if column.is_number else "column") for column in columns]
    body = [[_cell(column, cell, scale) for column, cell in zip(columns, row, strict=True)] for row in data.rows]
    rules = [
        ("TEXTCOLOR", (0, 0), (-1, -1), HexColor(INK)),
        ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
        ("VALIGN", (0, 1), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 2.4),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.8),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), CELL_GAP),
        ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
        ("LINEBELOW", (0, 0), (-1, 0), 0.9, HexColor(ACCENT)),
        ("LINEBELOW", (0, 1), (-1, -1), 0.4, HexColor(LINE)),
        *(("ALIGN", (x, 0), (x, -1), "RIGHT") for x, column in enumerate(columns) if column.is_number),
        *(  # a text would stand too close to the numbers before it
            ("LEFTPADDING", (x, 0), (x, -1), 7)
            for x, (left, right) in enumerate(pairwise(columns), start=1)
            if left.is_number and not right.is_number
        ),
    ]
    widths = [column.width * scale for column in columns]
    return _grid([head, *body], widths, rules, repeatRows=1, spaceBefore=2, spaceAfter=6)


def _cell(column: TableColumn, cell: object, scale: float) -> object:
    """A paragraph, or the bare text of a number that fits: it is set ten times faster."""
    if not column.is_number:
        return text(cell, "strong" if column.is_strong else "cell", column.longest)
    words = in_reading_order(shown(cell, column.longest))
    fits = stringWidth(words, REGULAR, CELL_SIZE) <= column.width * scale - CELL_GAP
    return words if fits else text(cell, "number", column.longest)


def in_columns(cells: Sequence[Sequence[Flowable]], n: int) -> Flowable:
    """Return the cells in rows of so many."""
    filled = [*map(list, cells), *([[]] * (-len(cells) % n))]
    rows: list[list[Any]] = [filled[place : place + n] for place in range(0, len(filled), n)]
    return _grid(rows, [WIDTH / n] * n, [*_padding(0, 1.5), ("VALIGN", (0, 0), (-1, -1), "TOP")])


def panel(parts: Sequence[Flowable], *, alert: bool = False) -> Flowable:
    """The parts, one below the other, on a soft ground with a bar at the left."""
    rules = [
        ("BACKGROUND", (0, 0), (-1, -1), HexColor(ALERT_SOFT if alert else SOFT)),
        ("LINEBEFORE", (0, 0), (0, -1), 3, HexColor(ALERT if alert else ACCENT)),
        *_padding(12, 1),
        ("TOPPADDING", (0, 0), (-1, 0), 7),
        ("BOTTOMPADDING", (0, -1), (-1, -1), 6),
    ]
    return _grid([[part] for part in parts], [WIDTH], rules, spaceBefore=6, spaceAfter=3)


def figures_in_a_row(figures: Sequence[tuple[str, str]]) -> Flowable:
    """A few large figures side by side, each with the words that say what it counts."""
    cells = [[text(figure, "figure", 20), text(words, "small", 80)] for figure, words in figures]
    rules = [*_padding(0, 8), ("RIGHTPADDING", (0, 0), (-1, -1), 12), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    return _grid([cells], [WIDTH / max(len(cells), 5)] * len(cells), rules)


def side_by_side(left: Sequence[Flowable], right: Sequence[Flowable]) -> Flowable:
    """Return two columns of half the width each; together they must fit on one page."""
    rules = [*_padding(0, 0), ("VALIGN", (0, 0), (-1, -1), "TOP"), ("RIGHTPADDING", (0, 0), (0, 0), GUTTER)]
    return _grid([[list(left), list(right)]], [HALF + GUTTER, HALF], rules)


def _grid(cells: list[list[Any]], widths: list[float], rules: list[Any], **more: Any) -> Flowable:
    """A table in our font: reportlab sets one for every cell, and its own would stay in the file."""
    font = ("FONT", (0, 0), (-1, -1), REGULAR, CELL_SIZE, 10)
    return Grid(cells, colWidths=widths, style=[font, *rules], hAlign="LEFT", **more)


def _padding(x: float, y: float) -> list[tuple[object, ...]]:
    every = (0, 0), (-1, -1)
    sides = ("LEFTPADDING", x), ("RIGHTPADDING", x), ("TOPPADDING", y), ("BOTTOMPADDING", y)
    return [(side, *every, points) for side, points in sides]


def picture(png: bytes, width: float) -> Flowable:
    """The picture, scaled to this width in points."""
    return Image(BytesIO(png), width, A4[1], kind="proportional", hAlign="LEFT")
