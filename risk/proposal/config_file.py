"""The settings file with some of its sections replaced: every other character stays as a person wrote it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any

from risk.disk import files
from risk.errors import ConfigError
from risk.settings import settings_file

SECTIONS = ("schema", "format", "events", "source")
WIDEST = 110  # characters of a line
_BLANK = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Member:
    """One key of an object: where it and its value begin, and where its value ends."""

    name: str
    begin: int
    value: int
    end: int


def replaced(text: str, sections: Mapping[str, Any]) -> str:
    """The text of a JSON object with these sections in place of its own; None takes a section out.

    A section that is new comes behind the schema, or at the end.
    """
    for name, content in sections.items():
        text = _without(text, name) if content is None else _with(text, name, content)
    return text


def write(path: Path, sections: Mapping[str, Any]) -> Path:
    """Put sections into a settings file and keep the former one beside it. Raises: ConfigError, DiskError."""
    settings_file.read(path)  # an error in words where it is none
    if not path.stat().st_mode & 0o222:
        raise ConfigError(f"{path}: it is read-only and stays as it is. Make it writable, or put in by hand what "
                          "the same command shows without --write")  # fmt: skip
    former = path.read_bytes()
    text = former.decode("utf-8")
    is_windows = "\r\n" in text
    after = replaced(text.replace("\r\n", "\n"), sections)
    number, kept = 0, path.with_name(f"{path.name}.bak")
    while kept.exists():
        number, kept = number + 1, path.with_name(f"{path.name}.bak{number + 1}")
    target = path.resolve()
    mode = target.stat().st_mode
    files.write(kept, former)
    files.write(target, (after.replace("\n", "\r\n") if is_windows else after).encode())
    for it in (kept, target):
        it.chmod(mode & 0o777)
    return kept


def _members(text: str) -> list[Member]:
    """The keys of the one object of a text."""
    at, found, decoder = text.index("{") + 1, [], json.JSONDecoder()
    while text[(at := _after_blanks(text, at))] == '"':
        name, end = scanstring(text, at + 1)
        value = _after_blanks(text, _after_blanks(text, end) + 1)
        _, stop = decoder.raw_decode(text, value)
        found.append(Member(name, at, value, stop))
        at = _after_blanks(text, stop)
        at += text[at] == ","
    return found


def _after_blanks(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _with(text: str, name: str, content: Any) -> str:
    members = _members(text)
    line = text[: members[0].begin].rpartition("\n")
    indent = line[2] if line[1] and not line[2].strip() else ""
    shown = as_text(content, indent, indent)
    for it in members:
        if it.name == name:
            return text[: it.value] + shown + text[it.end :]
    before = next((it for it in members if it.name == "schema"), members[-1])
    gap = f",\n{indent}" if indent else ", "
    return f'{text[: before.end]}{gap}"{name}": {shown}{text[before.end :]}'


def _without(text: str, name: str) -> str:
    members = _members(text)
    for place, it in enumerate(members):
        if it.name == name and place:
            return text[: members[place - 1].end] + text[it.end :]
        if it.name == name:
            return text[: it.begin] + text[members[1].begin :]
    return text


def as_text(value: Any, indent: str, step: str) -> str:
    """JSON as people write it: an object that fits a line on one, else a line for each of its keys."""
    short = json.dumps(value, ensure_ascii=False)
    is_deep = isinstance(value, dict) and any(isinstance(it, dict) and it for it in value.values())
    if not step or not isinstance(value, dict | list) or (len(short) + len(indent) <= WIDEST and not is_deep):
        return short
    inner = indent + step
    if isinstance(value, list):
        lines = [as_text(it, inner, step) for it in value]
        return f"[\n{inner}" + f",\n{inner}".join(lines) + f"\n{indent}]"
    lines = [f"{json.dumps(key, ensure_ascii=False)}: {as_text(it, inner, step)}" for key, it in value.items()]
    return f"{{\n{inner}" + f",\n{inner}".join(lines) + f"\n{indent}}}"
