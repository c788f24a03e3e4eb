"""Rows with one of some texts in a column, found among plain lines without a look at each line by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 20  # bytes
COMMA, LINE_END, SPACE = b",\n "


def n_rows(content: bytes, start: int, place: int, width: int, texts: Collection[str]) -> int | None:
    """How many lines, the first of which begins at `start`, have one of the texts as the field at a place.

    Spaces around it are none of it. None where that cannot be told so: a field may be in quotes, or a line has not so
    many fields.
    """
    if b'"' in content or b"\r" in content:
        return None
    content = content if content.endswith(b"\n") else content + b"\n"
    sought, found = _Sought(content, {it.encode("utf-8", "surrogateescape") for it in texts}), 0
    for begin, end in _blocks(content, start):
        signs = sought.signs[begin:end]
        ends = np.flatnonzero((signs == COMMA) | (signs == LINE_END))
        of_lines = ends[width - 1 :: width]
        if len(ends) != content.count(b"\n", begin, end) * width or (signs[of_lines] != LINE_END).any():
            return None
        first = ends[place - 1 :: width] + 1 if place else np.concatenate(([0], of_lines[:-1] + 1))
        found += sought.n_among(begin + first, begin + ends[place::width])
    return found


class _Sought:
    """Texts that are sought in a content, by which size and which two signs at either end a field may be one."""

    def __init__(self, content: bytes, texts: Collection[bytes]) -> None:
        self._content, self._texts = content, texts
        self.signs = np.frombuffer(content, np.uint8)
        self._pairs = np.ndarray(len(content) - 1, "<u2", content, strides=(1,))  # the second sign counts 256 times
        self._has_spaces = b" " in content
        self._sizes = np.array(sorted(map(len, texts)))
        begins, ends = np.zeros((256, 256), bool), np.zeros((256, 256), bool)
        for text in filter(None, texts):
            begins[text[1] if len(text) > 1 else slice(None), text[0]] = True
            ends[text[-1], text[-2] if len(text) > 1 else slice(None)] = True
        self._begins, self._ends = begins.ravel(), ends.ravel()

    def n_among(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> int:
        """How many of the fields between these places are one of the texts."""
        near = np.flatnonzero(self._ends[self._pairs[last - 2]])
        near = near[np.isin((last - first)[near], self._sizes)]
        near = near[self._begins[self._pairs[first[near]]]]
        if self._has_spaces:
            near = np.union1d(near, np.flatnonzero((self.signs[first] == SPACE) | (self.signs[last - 1] == SPACE)))
        places = zip(first[near].tolist(), last[near].tolist(), strict=True)
        return sum(self._content[begin:end].strip(b" ") in self._texts for begin, end in places)


def _blocks(content: bytes, begin: int) -> Iterator[tuple[int, int]]:
    """Yield from where to where whole lines go, about BLOCK bytes at a time."""
    while begin < len(content):
        end = content.find(b"\n", begin + BLOCK) + 1 or len(content)
        yield begin, end
        begin = end
