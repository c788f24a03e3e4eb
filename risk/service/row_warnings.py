"""Warnings on requested rows: what is blank, out of the range of the trained rows, or of a level that none of them has.

They change no prediction. Columns that are as they should be cost a glance each, whatever the number of rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from risk.modeling.selection import RECALIBRATED
from risk.registry import known_levels
from risk.text import MORE, in_short, number

if TYPE_CHECKING:
    from risk.registry.model import Model

MOST = 100  # warnings in an answer
MANY = 30  # rows, from which on numpy looks through a column sooner
ANY = (-math.inf, math.inf)
BLANK = "is blank; the model takes it as missing"

Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Trained:
    """What the trained rows held: the range of each number, all levels of each text, where the card knows them."""

    ranges: Mapping[str, tuple[float, float]]
    levels: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, model: Model) -> Trained:
        """That of a model; not known is what an older program left out, and of a recalibrated one the range."""
        told = () if model.card.learned == RECALIBRATED else model.card.reference.get("features", ())
        ranges = {it["name"]: (it["low"], it["high"]) for it in told if it.get("low") is not None}
        return cls(ranges, known_levels.of(model))


def of_rows(columns: Columns, kinds: Mapping[str, str], trained: Trained) -> list[dict[str, Any]]:
    """The warnings by row and column, the first hundred of them; the last line says how many more there are."""
    strange = {}
    for name, kind in kinds.items():
        column = columns[name]
        numeric = kind == "numeric"
        rows = _numbers(column, *trained.ranges.get(name, ANY)) if numeric else _texts(column, trained.levels.get(name))
        if rows:
            strange[name] = rows
    if not strange:
        return []
    places = {name: place for place, name in enumerate(strange)}
    first = sorted((row, places[name], name) for name, rows in strange.items() for row in rows[:MOST])[:MOST]
    told = [
        {"row": row, "field": name, "message": f"{name} {_words(columns[name][row], trained.ranges.get(name))}"}
        for row, _, name in first
    ]
    rest = sum(map(len, strange.values())) - len(told)
    return told + [{"row": None, "field": None, "message": f"{MORE} {number(rest)} more"}] * (rest > 0)


def _numbers(column: Sequence[float | None], low: float, high: float) -> list[int]:
    """The rows without a number from `low` to `high`."""
    if len(column) < MANY:
        return [row for row, it in enumerate(column) if it is None or not low <= it <= high]
    values = np.array(column, dtype=np.float64)
    rows: list[int] = np.flatnonzero(~((values >= low) & (values <= high))).tolist()
    return rows


def _texts(column: Sequence[str | None], known: frozenset[str] | None) -> list[int]:
    """The rows without a text, or with one that is not known."""
    strange = {it for it in set(column) if it is None or (known is not None and it not in known)}
    return [row for row, it in enumerate(column) if it in strange] if strange else []


def _words(value: Any, known: tuple[float, float] | None) -> str:
    if value is None:
        return BLANK
    if isinstance(value, str):
        return f"is {in_short(value)}, which no trained row has"
    low, high = known or ANY
    return f"is {value:,.10g}, outside the trained range of {low:,.10g} to {high:,.10g}"
