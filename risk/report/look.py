"""How everything printed looks: one palette, one font, and text from data that the font can show."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path

from risk.text import MORE, NOTHING

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


def font_file(name: str) -> Path:
    """Return the font's file in matplotlib's own data, without importing matplotlib."""
    package = find_spec("matplotlib")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(
            "matplotlib is not installed, and the font of the report lies in it: run make, or pip"
        )
    return Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / f"{name}.ttf"


@cache
def register_fonts() -> None:
    """Make both fonts known to reportlab; a second call costs nothing."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    for name in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, str(font_file(name))))
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)


@cache
def _printable() -> frozenset[str]:
    """Return the characters that both fonts draw and that a reader can see."""
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
    """Return the text with its Hebrew and Arabic parts reversed: a PDF places all characters from the left."""
    return RIGHT_TO_LEFT.sub(lambda part: part[0][::-1], text)
