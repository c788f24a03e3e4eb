"""Ids of clients: which cannot be one, and which look alike though they are not the same.

Pure: no files. Nothing is changed: an id is kept as it is written, or refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

# A number that a spreadsheet or a program rounded; 12E3 may be an honest code. Read by RE2, too.
ROUNDED = r"[+-]?[0-9]*[.,][0-9]+[eE][+-]?[0-9]+|[+-]?[0-9]+[.,]?[eE]\+[0-9]+"
POWER = re.compile(r" ?(?:[eE] |[×x*·] ?10 ?\^ ?)(?=[+-]?[0-9])")  # 6.00054E 14, 6.00054×10^14
# what a spreadsheet shows for a cell that is too narrow, or whose formula failed
FAILED = r"##+|#N/A|#N/D|#NV|#[^\sa-z]+[!?]"
SPOILED = re.compile(f"(?:{ROUNDED})|({FAILED})")
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
    found = SPOILED.fullmatch(_one_form(text))
    if found is None:
        return None
    return "is an error of a spreadsheet" if found[1] else "is a number that a spreadsheet rounded"


def _one_form(text: str) -> str:
    """Return a text, of a number in any form, as a program writes it."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", seen(text)).replace("\u066b", ".").replace("\u2212", "-")
        text = "".join(str(unicodedata.digit(it, it)) for it in text)
    text = text.lstrip("'\u2019")
    return POWER.sub("E+", text) if "10" in text or " " in text else text


def may_be_spoiled(lines: bytes) -> bool:
    """Whether there may be such an id in plain lines: their bytes tell quickly that there is none."""
    return b"+" in lines or b"#" in lines or (b"." in lines and (b"E" in lines or b"e" in lines))


def may_be_odd(lines: bytes) -> bool:
    """Whether plain lines, without invisible characters, may hold an id that is not written as it is seen."""
    if b" " in lines and b"  " in lines:
        return True
    return b"." in lines and any(end in lines for end in (b".0,", b".00,", b".0\n", b".00\n"))


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


def alike(odd: Mapping[str, set[str]], known: set[str]) -> str | None:
    """Say how many ids look like another one, and by which signs they differ; no id is named. `known` are forms."""
    pairs = [(form, it) for form, written in odd.items() if form in known or len(written) > 1 for it in written]
    if not pairs:
        return None
    written = {it for _, it in pairs}
    signs = sorted({sign for form, it in pairs for sign in it if sign not in form and not sign.isascii()})
    shown = [f"U+{ord(sign):04X}" for sign in signs[:NAMED]]
    shown += ["two spaces"] * any("  " in it for it in written) + ["«.0»"] * any(".0" in it for it in written)
    clients = "1 client is" if len(written) == 1 else f"{len(written):,} clients are"
    return f"{clients} told from another only by what cannot be seen ({', '.join(shown)})"
