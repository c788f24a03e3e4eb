"""A settings file as JSON, read once, and a value of it in words.

What JSON allows and nobody means is refused: a key that stands twice, a number that is none.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from risk.errors import ConfigError

LONGEST = 80  # characters of one value
LONGEST_LIST = 200


def read(path: Path) -> dict[str, Any]:
    """Return the object in a file. Raises: ConfigError."""
    try:
        content = path.read_bytes()
        found = json.loads(_text(path, content), object_pairs_hook=_once, parse_constant=_no_number)
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: there is no such file; run from the project's folder or name one with --config"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path}: not readable as JSON ({error}); expected one object with the five folders"
        ) from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: found {type(found).__name__}, expected one JSON object with the five folders")
    return found


def shown(value: Any) -> str:
    """Return a value on one line, as short as people can take it; a list ends at a whole item."""
    if not isinstance(value, list | tuple):
        text = re.sub(r"\s+", " ", "an object" if isinstance(value, dict) else repr(value))
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    kept: list[str] = []
    for item in map(shown, value):
        if kept and len(", ".join([*kept, item])) > LONGEST_LIST:
            break
        kept.append(item)
    more = f" and {len(value) - len(kept)} more" if len(kept) < len(value) else ""
    return f"[{', '.join(kept)}{more}]"


def _text(path: Path, content: bytes) -> str:
    encoding = json.detect_encoding(content)
    try:
        if encoding.startswith("utf-8"):
            return content.decode("utf-8").lstrip("\ufeff")
        found = encoding.upper()
    except UnicodeDecodeError as error:
        found = f"byte 0x{content[error.start]:02x} at place {error.start}"
    raise ConfigError(f"{path}: not UTF-8 text (found {found}); save it as UTF-8")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"key {name!r} stands twice")
    return dict(pairs)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")
