"""Text from data made safe to show: on one line of a terminal, and in Markdown, where it is never markup."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_MARKUP = re.compile(r"[\\`*_\[\]|~$@]|:(?=//)|(?<=[wW])\.|^(?:[#+=-]|\d+[.)])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def one_line(text: object) -> str:
    """Return the text on one line, with control and other unprintable characters as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in str(text))


def markdown(text: object, longest: int = 200) -> str:
    """Return text from data for Markdown (CommonMark and its tables): on one line, never markup, HTML or a link.

    What is cut ends in an ellipsis; a blank text is a dash.
    """
    shown = one_line(text).strip() or "–"
    shown = shown if len(shown) <= longest else shown[: longest - 1] + "…"
    escaped = _MARKUP.sub(lambda mark: f"{mark[0][:-1]}\\{mark[0][-1]}", shown)
    return "".join(_ENTITIES.get(character, character) for character in escaped)


def placed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a text, or all in a value, with each of these paths of the machine replaced by its name."""
    if isinstance(value, str):
        known = "|".join(map(re.escape, names))
        return re.sub(rf"(?<![\w/.-])(?:{known})", lambda found: names[found[0]], value) if "/" in value else value
    if isinstance(value, dict):
        return {placed(key, names): placed(it, names) for key, it in value.items()}
    return [placed(it, names) for it in value] if isinstance(value, list | tuple) else value
