"""The settings file: JSON that people write, read strictly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from risk.errors import ConfigError


def read(path: Path) -> dict[str, Any]:
    """The object that a settings file holds. Raises: ConfigError where it is not there, or holds none."""
    expected = "expected one object with the five folders"
    try:
        found = _strict_json(path.read_bytes())
    except FileNotFoundError as error:
        told = "there is no such file; run from the project's folder or name one with --config"
        raise ConfigError(f"{path}: {told}") from error
    except UnicodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text ({error}); save it as UTF-8") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not readable as JSON ({error}); {expected}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: found {type(found).__name__}, expected one JSON object with the five folders")
    return found


def _strict_json(content: bytes) -> Any:
    """The JSON in UTF-8 bytes, with or without a byte order mark.

    Raises: UnicodeError for another encoding; ValueError where a key stands twice or a number is none, which JSON
    allows and nobody means.
    """
    encoding = json.detect_encoding(content)
    if not encoding.startswith("utf-8"):
        raise UnicodeError(f"found {encoding.upper()}")
    try:
        text = content.decode("utf-8").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        raise UnicodeError(f"found byte 0x{content[error.start]:02x} at place {error.start}") from error
    return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"key {name!r} stands twice")
    return dict(pairs)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")
