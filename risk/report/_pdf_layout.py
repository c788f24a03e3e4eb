"""The pieces of a PDF report: headings, text, panels, figures in a row, tables, pages with a footer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from itertools import pairwise
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, CondPageBreak, Flowable, Frame, Image, PageTemplate, Paragraph
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
    register_fonts,
    shown,
)
from risk.report.tables import Table, TableColumn

MARGIN, TOP, BOTTOM = 54, 52, 64
WIDTH = A4[0] - 2 * MARGIN
GUTTER = 18
HALF = (WIDTH - GUTTER) / 2
CELL_SIZE, CELL_GAP = 7.5, 9
ROOM_FOR_A_START = 110  # a heading with less than this below it begins on the next page
PAGE_COUNT = "pagecount"  # a form that every footer shows and that is drawn last, when the count is known


def _style(name: str, size: float, leading: float, colour: str = INK, font: str = REGULAR, **more: Any) -> Any:
    return ParagraphStyle(name, fontName=font, bulletFontName=font, fontSize=size, leading=leading,
                          textColor=HexColor(colour), splitLongWords=1, **more)  # fmt: skip


STYLES = {
    "title": _style("title", 20, 25, font=BOLD),
    "heading": _style("heading", 12.5, 16, ACCENT, BOLD, spaceBefore=16, spaceAfter=5, keepWithNext=1),
    "subheading": _style("subheading", 8.5, 12, font=BOLD, spaceBefore=9, spaceAfter=3, keepWithNext=1),
    "lead": _style("lead", 11.5, 16, font=BOLD),
    "body": _style("body", 8.5, 13, spaceAfter=4),
    "small": _style("small", 7.2, 10, QUIET, spaceBefore=2, spaceAfter=4),
    "cell": _style("cell", CELL_SIZE, 10),
    "number": _style("number", CELL_SIZE, 10, alignment=2),
    "strong": _style("strong", CELL_SIZE, 10, font=BOLD),
    "column": _style("column", 7, 9, QUIET, BOLD),
    "numbers": _style("numbers", 7, 9, QUIET, BOLD, alignment=2),
    "figure": _style("figure", 16, 20, ACCENT, BOLD),
    "alert": _style("alert", 8.5, 13, ALERT, BOLD),
}


def text(words: object, style: str = "body", longest: int = 1200) -> Flowable:
    """A paragraph; nothing in the words is read as markup."""
    return Paragraph(markup(words, longest), STYLES[style])


def section(title: str, *parts: Flowable) -> list[Flowable]:
    """A heading, which is an entry of the outline too, and what stands below it."""
    return [CondPageBreak(ROOM_FOR_A_START), text(title, "heading"), *parts]


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
        ("TOPPADDING", (0, 0), (-1, -1), 3),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
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


def panel(parts: Sequence[Flowable], *, alert: bool = False) -> Flowable:
    """The parts, one below the other, on a soft ground with a bar at the left."""
    rules = [
        ("BACKGROUND", (0, 0), (-1, -1), HexColor(ALERT_SOFT if alert else SOFT)),
        ("LINEBEFORE", (0, 0), (0, -1), 3, HexColor(ALERT if alert else ACCENT)),
        *_padding(14, 2),
        ("TOPPADDING", (0, 0), (-1, 0), 9),
        ("BOTTOMPADDING", (0, -1), (-1, -1), 9),
    ]
    return _grid([[part] for part in parts], [WIDTH], rules, spaceBefore=7, spaceAfter=3)


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


class _Pages(Canvas):  # type: ignore[misc]
    """A canvas that draws the number of its pages last of all, where every footer already refers to it."""

    def save(self) -> None:
        self.beginForm(PAGE_COUNT)
        _set_footer_font(self)
        self.drawString(0, 0, str(self.getPageNumber() - 1))
        self.endForm()
        super().save()


def document(story: Sequence[Flowable], *, title: str, footer: str, made_at: str) -> bytes:
    """The story as a PDF; equal arguments give equal bytes.

    `made_at` (ISO, UTC) is the date of the file; SOURCE_DATE_EPOCH in the environment has no effect.
    """
    register_fonts()
    pdf, words = BytesIO(), shown(footer, 90)
    frame = Frame(MARGIN, BOTTOM, WIDTH, A4[1] - TOP - BOTTOM, 0, 0, 0, 0)
    template = BaseDocTemplate(
        pdf, pagesize=A4, title=title, author="", lang="en",
        pageTemplates=[PageTemplate(frames=[frame], onPageEnd=lambda canvas, _: _draw_footer(canvas, words))],
        initialFontName=REGULAR, invariant=1, pageCompression=1, displayDocTitle=1,
    )  # fmt: skip
    template.beforeDocument = lambda: _set_date(template.canv, made_at)
    template.afterFlowable = lambda flowable: _add_to_outline(template.canv, flowable)
    template.build(list(story), canvasmaker=_Pages)
    return pdf.getvalue()


def _set_date(canvas: Any, made_at: str) -> None:
    """Put the report's own date where reportlab had put its idea of the time, in the file's id too."""
    canvas._doc._timeStamp.YMDhms = datetime.fromisoformat(made_at).timetuple()[:6]
    canvas._doc.signature = sha256(made_at.encode())


def _add_to_outline(canvas: Any, flowable: Flowable) -> None:
    if getattr(flowable, "style", None) is STYLES["heading"]:
        title = flowable.getPlainText()
        canvas.bookmarkPage(title)
        canvas.addOutlineEntry(title, title)


def _draw_footer(canvas: Any, words: str) -> None:
    canvas.saveState()
    canvas.setStrokeColor(HexColor(LINE))
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN, BOTTOM - 20, A4[0] - MARGIN, BOTTOM - 20)
    _set_footer_font(canvas)
    words = f"{words} · page {canvas.getPageNumber()} of "
    canvas.drawString(MARGIN, BOTTOM - 33, words)
    canvas.translate(MARGIN + canvas.stringWidth(words, REGULAR, 7), BOTTOM - 33)
    canvas.doForm(PAGE_COUNT)
    canvas.restoreState()


def _set_footer_font(canvas: Any) -> None:
    canvas.setFont(REGULAR, 7)
    canvas.setFillColor(HexColor(QUIET))
