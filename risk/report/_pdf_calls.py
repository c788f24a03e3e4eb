"""The call list in print: a row of a few lines per client, drawn without paragraphs, so that 10,000 are set in time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.pdfbase.pdfmetrics import getFont
from reportlab.platypus import Flowable

from risk.report import situation
from risk.report.figures import ACCENT, ALERT, BOLD, INK, LINE, QUIET, REGULAR, in_reading_order, register_fonts, shown
from risk.text import MORE, NOTHING, number, percent

Facts = Mapping[str, Any]

GAP, HEADER, BASELINE = 6, 16, 6.6
MOST_SPACED = 4  # lines; with fewer the list is set tight
SPACED, TIGHT = (9.2, 2.6, 3.2), (8.2, 1.9, 1.9)  # leading, and points above and below a row

TOO_WIDE = 1e9  # a value of more digits does not fit its column
LONGEST_NAME, LONGEST_TEXT, NAME_LINES, REASONS = 90, 300, 3, 2
CONTROL = "control: do not call"
STYLES = {
    "name": (BOLD, 7.5, INK), "plain": (REGULAR, 6.9, INK), "quiet": (REGULAR, 6.6, QUIET), "head": (BOLD, 6.6, QUIET),
    "next": (REGULAR, 6.9, ACCENT),
    "new": (BOLD, 6.6, ACCENT), "risen": (BOLD, 7.5, ALERT), "fallen": (BOLD, 7.5, QUIET), "alert": (BOLD, 6.6, ALERT),
}  # fmt: skip
WIDTHS = {"rank": 20, "move": 20, "risk": 34, "client": 124, "value": 52, "why": 0}  # why takes what is left
TITLES = {"rank": "Rank", "move": "", "risk": "Risk", "client": "Client", "value": "At risk", "why": "Why"}
WORTH = {"expected_gain": "Gain", "value_at_risk": "At risk", "value": "Value"}  # the first that any call has
TO_THE_RIGHT = ("rank", "risk", "value")


@dataclass(frozen=True)
class _Column:
    key: str
    title: str
    left: float
    width: float


@dataclass(frozen=True)
class _Text:
    """A text at a place, from the left or to the right of `x`; `line` counts from 0."""

    style: str
    x: float
    line: int
    words: str


@dataclass(frozen=True)
class _Row:
    texts: Sequence[_Text]
    leading: float
    above: float
    height: float


def calls(everyone: Sequence[Facts], some: Sequence[Facts], width: float, most: int, currency: str | None) -> Flowable:
    """Some of the clients to call, each on at most so many lines; the header stands on every page."""
    columns = _columns(everyone, width, currency)
    return _Calls(columns, [_row(call, columns, most) for call in some], width)


class _Calls(Flowable):  # type: ignore[misc]
    def __init__(self, columns: Sequence[_Column], rows: Sequence[_Row], width: float) -> None:
        super().__init__()
        self.columns, self.rows, self.size = columns, rows, (width, HEADER + sum(row.height for row in rows))

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        """The size that it takes."""
        return self.size

    def split(self, width: float, height: float) -> list[Flowable]:
        """As many rows as there is room for, and the others."""
        room, n = height - HEADER, 0
        while n < len(self.rows) and room >= self.rows[n].height:
            room -= self.rows[n].height
            n += 1
        parts = (self.rows[:n], self.rows[n:]) if 0 < n < len(self.rows) else ()
        return [_Calls(self.columns, rows, self.size[0]) for rows in parts]

    def draw(self) -> None:
        """Draw the header, every row and the lines between them."""
        bottom = self.size[1] - HEADER
        texts = [(it, bottom + 5) for column in self.columns for it in _placed(column, "head", 0, column.title)]
        rules = []
        for row in self.rows:
            top, bottom = bottom - row.above - BASELINE, bottom - row.height
            texts += [(it, top - it.line * row.leading) for it in row.texts]
            rules.append((0.0, bottom, self.size[0], bottom))
        self._draw_rules(rules)
        for style, (font, size, colour) in STYLES.items():
            drawn = self.canv.beginText()
            drawn.setFont(font, size)
            drawn.setFillColor(HexColor(colour))
            for it, y in texts:
                if it.style == style:
                    drawn.setTextOrigin(it.x, y)
                    drawn.textLine(it.words)  # unlike textOut it measures nothing
            self.canv.drawText(drawn)

    def _draw_rules(self, rules: list[tuple[float, float, float, float]]) -> None:
        top = self.size[1] - HEADER
        for colour, width, lines in ((LINE, 0.4, rules), (ACCENT, 0.9, [(0.0, top, self.size[0], top)])):
            self.canv.setStrokeColor(HexColor(colour))
            self.canv.setLineWidth(width)
            self.canv.lines(lines)


def _columns(everyone: Sequence[Facts], width: float, currency: str | None) -> list[_Column]:
    """The columns that any call fills, side by side."""
    worth = next((it for it in WORTH if any(call.get(it) is not None for call in everyone)), None)
    left_out = {"value"} if worth is None else set()
    left_out |= set() if any(call.get("move") in situation.MOVES for call in everyone) else {"move"}
    kept = [key for key in WIDTHS if key not in left_out]
    titles = TITLES | {"value": f"{WORTH[worth or 'value']}{f' ({currency})' if currency else ''}"}
    rest = width - sum(WIDTHS[key] for key in kept) - GAP * (len(kept) - 1)
    columns, left = [], 0.0
    for key in kept:
        columns.append(_Column(key, titles[key], left, WIDTHS[key] or rest))
        left += columns[-1].width + GAP
    return columns


def _row(call: Facts, columns: Sequence[_Column], most: int) -> _Row:
    """What stands of a call on its lines; on one line no more than its owner and first reason."""
    by_key = {column.key: column for column in columns}
    client, why = by_key["client"], by_key["why"]
    move = situation.MOVES.get(call.get("move") or "", "")
    names = _broken(call["client"], "name", client.width, min(most, NAME_LINES), LONGEST_NAME)
    texts = [it for line, part in enumerate(names) for it in _placed(client, "name", line, part)]
    cells = {"rank": ("quiet", number(call.get("gain_rank") or call["rank"])), "value": ("plain", _worth(call)),
             "risk": ("plain", percent(call["risk"], 0)), "move": (call.get("move") or "quiet", move)}  # fmt: skip
    texts += [it for key, cell in cells.items() if key in by_key for it in _placed(by_key[key], cell[0], 0, cell[1])]
    if most > 1:
        texts += _placed(by_key["risk"], "quiet", 1, situation.level(call["risk"]))
        texts += _small(call, client, why.left - GAP - client.left, len(names), most)
    texts += _why(call, why, most)
    leading, above, below = TIGHT if most < MOST_SPACED else SPACED
    return _Row(texts, leading, above, above + below + (1 + max(it.line for it in texts)) * leading)


def _worth(call: Facts) -> str:
    worth = call.get("expected_gain", call.get("value_at_risk", call["value"]))
    return number(worth) if worth is None or abs(worth) < TOO_WIDE else f"{worth:.2e}"


def _small(call: Facts, client: _Column, width: float, line: int, most: int) -> list[_Text]:
    """Below the name, as far as the reasons: the control mark, owner, renewal, last contact."""
    mark = [_Text("alert", client.left, line, CONTROL)] if call.get("control") and line < most else []
    indent = _width(CONTROL, "alert") + 5 if mark else 0
    said = _broken(situation.facts(call), "quiet", width - indent, most - line)
    return mark + [_Text("quiet", client.left + indent, line + n, part) for n, part in enumerate(said)]


def _why(call: Facts, column: _Column, most: int) -> list[_Text]:
    step = call.get("next_step")
    said = [("plain", reason) for reason in call["reasons"][:REASONS]] or [("plain", NOTHING)]
    if most == 1:  # what stands below the name elsewhere
        parts = [CONTROL if call.get("control") else "", call["owner"], said[0][1]]
        said = [("plain", " · ".join(filter(None, parts)))]
    if most > REASONS:
        said += [("next", f"Next: {step}")] if step else []
        small = [situation.changes(call), *call.get("context", ())]
        said += [("quiet", "; ".join(filter(None, small)))] if any(small) else []
    texts: list[_Text] = []
    for n, (style, words) in enumerate(said):
        left = most - len(texts) - (1 if n == 0 and len(said) > 1 and most > 1 else 0)  # the second keeps a line
        texts += [
            _Text(style, column.left, len(texts) + line, part)
            for line, part in enumerate(_broken(words, style, column.width, left))
        ]
    return texts


def _placed(column: _Column, style: str, line: int, words: str) -> list[_Text]:
    """The words in their column; numbers stand to the right."""
    if not words:
        return []
    right = column.width - _width(words, style) if column.key in TO_THE_RIGHT else 0.0
    return [_Text(style, column.left + right, line, words)]


def _broken(words: object, style: str, width: float, most: int, longest: int = LONGEST_TEXT) -> list[str]:
    """The words on at most so many lines; a long word is broken, and what does not fit ends in an ellipsis."""
    lines: list[str] = []
    rest = in_reading_order(shown(words, longest))
    while rest and len(lines) < most:
        n = _fitting(rest, style, width)
        if n < len(rest) and len(lines) == most - 1:
            rest = rest[: _fitting(rest, style, width - _width(MORE, style))].rstrip() + MORE
            n = len(rest)
        space = rest.rfind(" ", 0, n + 1)
        n = space if n < len(rest) and space > 0 else n
        lines.append(rest[:n])
        rest = rest[n:].lstrip()
    return lines


def _fitting(words: str, style: str, width: float) -> int:
    """How many of the characters fit, one at least."""
    ends = list(accumulate(map(_widths(style).__getitem__, words)))
    return max(1, bisect_right(ends, width))


def _width(words: str, style: str) -> float:
    return sum(map(_widths(style).__getitem__, words))


@cache
def _widths(style: str) -> Mapping[str, float]:
    """The width in points of every character that can be shown; reportlab's own measure takes four times as long."""
    font, size, _ = STYLES[style]
    register_fonts()
    return {chr(code): width * size / 1000 for code, width in getFont(font).face.charWidths.items()}
