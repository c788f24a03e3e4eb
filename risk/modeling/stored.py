"""Dataclasses kept as JSON, by older programs too: a key nobody knows is passed over, one that is missing is blank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from functools import cache
from math import nan
from types import NoneType
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

hints_of = cache(get_type_hints)


class Stored:
    """A frozen dataclass that becomes JSON in one place, and comes back in one."""

    def as_dict(self) -> dict[str, Any]:
        """What JSON holds of it; a figure that is not known (NaN) is null."""
        return asdict(self, dict_factory=lambda pairs: {key: None if it != it else it for key, it in pairs})  # type: ignore

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """What `as_dict` stored. A field that is missing has its default, else a blank: of a figure NaN."""
        found: Self = _filled(cls, stored)
        return found


def _filled(kind: Any, stored: Mapping[str, Any]) -> Any:
    told = {}
    for field in fields(kind):
        hint, value = hints_of(kind)[field.name], stored.get(field.name)
        is_blank = value is None and (field.name not in stored or NoneType not in get_args(hint))
        if not is_blank or (field.default, field.default_factory) == (MISSING, MISSING):
            told[field.name] = _opened(hint, value)
    return kind(**told)


def _opened(hint: Any, stored: Any) -> Any:
    named = [it for it in get_args(hint) if it is not NoneType]
    if len(named) < len(get_args(hint)):
        return None if stored is None else _opened(named[0], stored)
    if get_origin(hint) is tuple:
        return tuple(_opened(named[0], it) for it in stored or ())
    if is_dataclass(hint):
        return _filled(hint, stored or {})
    if stored is None:
        return nan if hint in (int, float) else "" if get_origin(hint) is Literal else (get_origin(hint) or hint)()
    return stored
