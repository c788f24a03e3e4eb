"""A fault of the settings in words: key, value, what is allowed, the nearest known key."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import ValidationError

from risk.text import in_short

SECRETIVE = ("source", "deliver", "engine.master", "engine.options")  # a value may hold a password


def sentence(error: ValidationError, settings: type) -> str:
    """Say the first fault in words; `settings` is the class of all of them."""
    fault = error.errors()[0]
    place, kind = fault["loc"], fault["type"]
    key = ".".join(map(str, place))
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        known = _keys(settings, place[:-1])
        near = difflib.get_close_matches(str(place[-1]), known, n=1)
        return f"unknown key {key!r}; " + (f"did you mean {near[0]!r}?" if near else f"known keys are {_list(known)}")
    if kind in ("missing", "missing_argument"):
        return f"key {key!r} is missing; expected {'a text' if '.' in key else 'the path of a folder'}"
    told = fault["msg"].removeprefix("Value error, ")
    if kind == "value_error" and not isinstance(fault["input"], list | str):
        return f"key {key!r}: {told}"  # of a whole section
    if kind == "dataclass_type":
        told = f"expected an object {{…}} with the keys {_list(_keys(settings, place))}"
    if kind == "dict_type":
        told = "expected an object {…}"
    value = "null" if fault["input"] is None else in_short(fault["input"])
    return f"key {key!r} is {'wrong' if key.startswith(SECRETIVE) else value}; {told[:1].lower()}{told[1:]}"


def _keys(settings: type, place: tuple[Any, ...]) -> list[str]:
    """The keys of the section at a place."""
    section: Any = settings
    for step in place:
        fields = {it.alias or name: it.annotation for name, it in section.__pydantic_fields__.items()}
        section = next((it for it in _types(fields.get(step)) if hasattr(it, "__pydantic_fields__")), section)
    return [it.alias or name for name, it in section.__pydantic_fields__.items() if it.init is not False]


def _types(annotation: Any) -> Iterator[Any]:
    """An annotation and all that it is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from _types(part)


def _list(keys: list[str]) -> str:
    return ", ".join(keys)
