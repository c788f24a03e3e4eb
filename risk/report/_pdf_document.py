"""The file of a PDF report: its pages with a footer, its outline, its date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from typing import Any

from reportlab import rl_config
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate

from risk.report._pdf_layout import BOTTOM, HEIGHT, MARGIN, STYLES, WIDTH
from risk.report.figures import LINE, QUIET, REGULAR, register_fonts, shown

rl_config.useA85 = 0  # streams stay binary: a fifth smaller, and quicker

PAGE_COUNT = "pagecount"  # a form that every footer shows and that is drawn last, when the count is known


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
    frame = Frame(MARGIN, BOTTOM, WIDTH, HEIGHT, 0, 0, 0, 0)
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
    canvas.line(MARGIN, BOTTOM - 16, A4[0] - MARGIN, BOTTOM - 16)
    _set_footer_font(canvas)
    words = f"{words} · page {canvas.getPageNumber()} of "
    canvas.drawString(MARGIN, BOTTOM - 28, words)
    canvas.translate(MARGIN + canvas.stringWidth(words, REGULAR, 7), BOTTOM - 28)
    canvas.doForm(PAGE_COUNT)
    canvas.restoreState()


def _set_footer_font(canvas: Any) -> None:
    canvas.setFont(REGULAR, 7)
    canvas.setFillColor(HexColor(QUIET))
