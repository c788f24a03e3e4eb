"""The blocks of a model card for a page: headings, lists, tables and paragraphs of the Markdown that we write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape

_KINDS = {"#": "heading", "-": "list", "|": "table", ">": "note"}
_ESCAPED = re.compile(r"\\([\\`*_\[\]|~$@#+=.):-])")
_EMPHASIS = re.compile(r"(?<!\\)\*")
_BAR = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Block:
    """A kind (heading, list, table, note, text) and its lines; a line of a table is its cells."""

    kind: str
    lines: list[list[str]]


def blocks(markdown: str) -> list[Block]:
    """The blocks of a model card, in order; its title is left out."""
    found: list[Block] = []
    for kind, cells in _lines(markdown):
        if kind == "blank" or not found or found[-1].kind != kind or kind == "heading":
            found.append(Block(kind, []))
        found[-1].lines.append(cells)
    return [it for it in found if it.kind != "blank"]


def _lines(markdown: str) -> Iterator[tuple[str, list[str]]]:
    for line in markdown.splitlines():
        text = line.strip()
        kind = _KINDS.get(text[:1], "text") if text else "blank"
        if text.startswith("# ") or (set(text) <= set("|- ") and kind == "table"):
            continue
        cells = _BAR.split(text.strip("|")) if kind == "table" else [text.lstrip("#->").strip()]
        yield kind, [unescape(_ESCAPED.sub(r"\1", _EMPHASIS.sub("", cell.strip()))) for cell in cells]
