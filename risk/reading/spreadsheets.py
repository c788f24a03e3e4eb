"""Spreadsheets and what they do to a table: ids that they rounded or that look alike, totals, dots in numbers.

Pure: no files. Nothing is changed: an id is kept as it is written, or refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from risk.settings.schema import Schema
from risk.text import counted

# A number that a spreadsheet or a program rounded; 12E3 may be an honest code. Read by RE2, too.
# Digits and signs are those of other scripts and widths, too.
_DIGITS, _POINT, _E = "[0-9\uff10-\uff19\u0660-\u0669]+", "[.,\uff0e\uff0c\u066b]", "[eE\uff25\uff45]"
_PLUS, _SIGN = "[+\uff0b]", "[+\\-\uff0b\uff0d\u2212]"
ROUNDED = (
    f"['\u2019]?(?:{_SIGN}?(?:{_DIGITS})?{_POINT}{_DIGITS}{_E} ?{_SIGN}?{_DIGITS}"
    f"|{_SIGN}?{_DIGITS}{_POINT}?{_E}{_PLUS}{_DIGITS}|{_PLUS}{_DIGITS}{_E}{_DIGITS}"
    f"|{_SIGN}?{_DIGITS}(?:{_POINT}{_DIGITS})? ?[x*\u00d7\u00b7\u22c5] ?10"
    f"(?:\\^{_SIGN}?{_DIGITS}|[\u2070\u00b9\u00b2\u00b3\u2074-\u207b]+))"
)
# what a spreadsheet shows for a cell that is too narrow, or whose formula failed
FAILED = r"##+|#N/A|#N/D|#NV|#[^\sa-z]+[!?]"
# signs that are no id by themselves: a line of them is a rule that somebody drew
RULES = "!\"#$%&'()*+,-./:;<=>@[\\]^_`{|}~ \u00b7\u00af\u2010\u2011\u2012\u2013\u2014\u2015\u2022\u2026\u2500\u2550"
SPOILED = re.compile(f"(?:{ROUNDED})|({FAILED})")
LONG, CUT = r"[0-9]{16,}", r"[0-9]{15}0+"  # a spreadsheet keeps 15 digits
ENOUGH_LONG = 20
# how totals are named: Total, North Total, Zwischensumme, Total: North; read by RE2, too
TOTAL_WORDS = "total", "totaal", "totale", "totals", "sum", "sums", "summe", "somme", "suma", "gesamt", "ergebnis"
TOTAL = f"(?i)(?:.*[ :_-])?(?:sub|grand|sous|zwischen|gesamt)?-?(?:{'|'.join(TOTAL_WORDS)})(?:[ :(_-].*)?"
FIGURES = b"0123456789,.-\n"  # no part of these words, and most of most files
WHOLE = r"-?[0-9]+\.0+"
DEFAULT_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
INVISIBLE = re.compile(f"[{DEFAULT_IGNORABLE}]")
SPACES = re.compile("[ \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000]+")
NAMED = 5  # signs by which ids differ


def spoiled(text: str) -> str | None:
    """Return why a text can be no id, or None."""
    match = SPOILED.fullmatch(text if text.isascii() else seen(text))
    if match is None:
        return None
    return "is an error of a spreadsheet" if match[1] else "is a number that a spreadsheet rounded"


def may_be_spoiled(lines: bytes) -> bool:
    """Whether there may be such an id in plain lines: their bytes tell quickly that there is none."""
    if b"+" in lines or b"#" in lines or b"^" in lines or (b"." in lines and (b"E" in lines or b"e" in lines)):
        return True
    starts = b"\xef\xbc", b"\xd9", b"\xc3\x97", b"\xc2\xb7", b"\xe2"
    return not lines.isascii() and any(start in lines for start in starts)


def may_be_odd(lines: bytes) -> bool:
    """Whether plain lines, without invisible characters, may hold an id that is not written as it is seen."""
    if b" " in lines and b"  " in lines:
        return True
    return b"." in lines and any(end in lines for end in (b".0,", b".00,", b".0\n", b".00\n"))


def may_be_totals(lines: bytes) -> bool:
    """Whether an id in some lines may be named as totals are: looked for in what is left without figures."""
    left = lines.translate(None, FIGURES).lower()
    return any(word.encode() in left for word in TOTAL_WORDS)


def may_be_cut(clients: Iterable[str]) -> bool:
    """Whether some ids are longer than a spreadsheet can keep, and all of these as it would leave them."""
    long = [client for client in clients if re.fullmatch(LONG, client)]
    return bool(long) and all(re.fullmatch(CUT, client) for client in long)


def seen(text: str) -> str:
    """Return what a person sees of an id: without invisible characters, spaces made one, whole numbers without «.0»."""
    if not text.isascii():
        text = INVISIBLE.sub("", unicodedata.normalize("NFC", text))
    text = SPACES.sub(" ", text).strip(" ")
    return text.partition(".")[0] if ".0" in text and re.fullmatch(WHOLE, text) else text


def odd_forms(clients: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each id that is not written as it is seen, after that form."""
    for client in clients:
        if (not client.isascii() or "  " in client or ".0" in client) and (form := seen(client)) != client:
            yield form, client


def alike(odd: Mapping[str, set[str]], forms: set[str]) -> str | None:
    """Say how many ids look like another one, and by which signs they differ; no id is named.

    `odd` are ids by the form in which they are seen; `forms` are those that are ids themselves.
    """
    pairs = [(form, client) for form, ids in odd.items() if form in forms or len(ids) > 1 for client in ids]
    if not pairs:
        return None
    written = {client for _, client in pairs}
    signs = sorted({sign for form, client in pairs for sign in client if sign not in form and not sign.isascii()})
    shown = [f"U+{ord(sign):04X}" for sign in signs[:NAMED]]
    shown += ["two spaces"] * any("  " in client for client in written)
    clients = counted(len(written), "client is", "clients are")
    ways = [f"by what cannot be seen ({', '.join(shown)})"] if shown else []
    ways += ["by «.0» at the end"] * any(re.fullmatch(WHOLE, client) is not None for client in written)
    return f"{clients} told from another only {' or '.join(ways) or 'by what cannot be seen'}"


# --- a dot that separates thousands: every decimal of a column has exactly three places, as 1.200 beside 980 ----------

SAMPLED = 256 * 1024  # bytes at the beginning of a chunk
MOST_WHOLE = 1_000  # different ones that are remembered
ENOUGH_DOTTED, ENOUGH_WHOLE = 20, 5  # by which a file shows by itself that a dot separates thousands

_SUSPECT = re.compile(rb"[0-9]\.[0-9]{3}[,.\r\n]")
_THREE_PLACES = re.compile(r"-?[0-9]+\.[0-9]{3}")
_MILLIONS = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{3}){2,}")  # 1.200.000 is refused by row, and shows what a dot means
_DECIMAL = re.compile(r"-?[0-9]*\.[0-9]*")
_NO_THOUSANDS = re.compile(r"-?(?:0|[1-9][0-9]{3,})\..*")  # 0.125, 1234.125


@dataclass
class Dots:
    """How the numbers of a file are written, by the index of their column."""

    dotted: dict[int, int] = field(default_factory=dict)  # numbers of exactly three places
    odd: set[int] = field(default_factory=set)  # columns with one that cannot be thousands
    whole: dict[int, set[str]] = field(default_factory=dict)  # different whole numbers but 0
    decimal: set[int] = field(default_factory=set)  # columns with another decimal

    def count_lines(self, lines: bytes, positions: Sequence[int], schema: Schema) -> None:
        """Count in plain lines: at their beginning where they are many, and not at all without a suspect."""
        start = lines[:SAMPLED]
        if b"." in start and _SUSPECT.search(start):
            records = (line.split(",") for line in start[: start.rfind(b"\n") + 1].decode().splitlines())
            self.count_rows(([record[place] for place in positions] for record in records), schema)

    def count_rows(self, rows: Iterable[Sequence[str]], schema: Schema) -> None:
        """Count in rows in the order of the schema."""
        numbers = [index for index, column in enumerate(schema.columns) if column.kind == "number"]
        for row in rows:
            for index in numbers:
                text = row[index]
                if "." not in text:
                    whole = self.whole.setdefault(index, set())
                    if text not in ("", "0") and len(whole) < MOST_WHOLE:
                        whole.add(text)
                elif _THREE_PLACES.fullmatch(text) or _MILLIONS.fullmatch(text):
                    self.dotted[index] = self.dotted.get(index, 0) + 1
                    self.odd |= {index} if _NO_THOUSANDS.match(text) else set()
                elif _DECIMAL.fullmatch(text):
                    self.decimal.add(index)

    def columns(self, schema: Schema) -> dict[str, bool]:
        """The columns in which a dot may separate thousands, and whether the file shows that by itself."""
        counts = {index: count for index, count in self.dotted.items() if index not in self.decimal}
        return {schema.columns[index].name: self._shown(index, count) for index, count in counts.items()}

    def _shown(self, index: int, count: int) -> bool:
        """Whether many such numbers stand beside several whole ones, and none of those has four digits."""
        whole = set() if index in self.odd else self.whole.get(index, set())
        return count >= ENOUGH_DOTTED and len(whole) >= ENOUGH_WHOLE and max(len(it.lstrip("-")) for it in whole) < 4
