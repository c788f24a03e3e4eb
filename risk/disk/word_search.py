"""A search for any of many words in one pass over a text, whatever their number.

Its expression is a tree of their beginnings: alternatives side by side are tried one by one at every place of a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

END = ""  # of a word, among the signs that may follow
DEEPEST = 64  # signs of a word in the tree


class _Node(dict[str, "_Node"]):
    """The signs that may follow what was read of a word."""


def word_search(words: Iterable[str]) -> re.Pattern[str]:
    """A pattern that is found wherever one of the words may stand, as part of a longer one too; nowhere for no word."""
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
    return re.compile(_expression(root, lambda last: "") if root else "(?!)")


def longest_of(words: Iterable[str], end_of: Callable[[str], str]) -> str:
    """The expression of one of the words, of several the longest; `end_of` tells what must follow its last sign."""
    root, beyond = _Node(), []
    for word in words:
        if len(word) > DEEPEST:
            beyond.append(word)
            continue
        node = root
        for sign in word:
            node = node.setdefault(sign, _Node())
        node[END] = _Node()
    choices = [re.escape(word) + end_of(word[-1]) for word in sorted(beyond, key=len, reverse=True)]
    choices += [_expression(root, end_of)] if root else []
    return f"(?:{'|'.join(choices)})" if choices else "(?!)"


def _expression(node: _Node, end_of: Callable[[str], str], last: str = "") -> str:
    """The expression of what may follow a sign, the longest first; a run of signs without a choice is one text."""
    pieces: list[str] = []
    while len(node) == 1 and END not in node:
        ((last, node),) = node.items()
        pieces.append(re.escape(last))
    choices = [re.escape(sign) + _expression(after, end_of, sign) for sign, after in node.items() if sign != END]
    choices += [end_of(last)] if END in node else []
    return "".join([*pieces, choices[0] if len(choices) == 1 else f"(?:{'|'.join(choices)})"])
