"""A search for any of many words in one pass over a text, whatever their number."""

from __future__ import annotations

import re
from collections.abc import Iterable

END = ""  # of a word, among the signs that may follow
DEEPEST = 64  # signs of a word that are looked for: what is longer may be it


class _Node(dict[str, "_Node"]):
    """The signs that may follow what was read of a word."""


def word_search(words: Iterable[str]) -> re.Pattern[str]:
    """A pattern that is found wherever one of the words may stand, as part of a longer one too; nowhere for no word.

    It is a tree of their beginnings: alternatives side by side would be tried one by one at every place of the text.
    """
    root = _Node()
    for word in words:
        node = root
        for sign in word[:DEEPEST]:
            if END in node:  # a shorter word is found there already
                break
            node = node.setdefault(sign, _Node())
        else:
            node.clear()
            node[END] = _Node()
    return re.compile(_expression(root) if root else "(?!)")


def _expression(node: _Node) -> str:
    """The regular expression of what may follow; a run of signs without a choice is one text."""
    pieces: list[str] = []
    while len(node) == 1 and END not in node:
        ((sign, node),) = node.items()
        pieces.append(re.escape(sign))
    if END not in node:
        pieces.append(f"(?:{'|'.join(re.escape(sign) + _expression(after) for sign, after in node.items())})")
    return "".join(pieces)
