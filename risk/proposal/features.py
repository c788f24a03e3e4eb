"""The features of a table: which columns to train on, which to leave out, and which know the answer.

Pure: no files.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from risk.modeling import leakage
from risk.proposal import name_words as words
from risk.proposal.columns import TextColumn
from risk.proposal.roles import Roles
from risk.text import counted

MOST_LEVELS, ROWS_OF_A_LEVEL = 50, 20
NEAR_UNIQUE = 0.5  # of the filled rows have a text of their own
LONG_TEXT = 60  # characters on average
FOLDS = 5


@dataclass(frozen=True)
class Features:
    """The features as the settings name them, and why each of the others is left out or is a leak."""

    chosen: dict[str, dict[str, Any]]
    ignored: dict[str, str]
    leaks: dict[str, str] = field(default_factory=dict)


def features_of(columns: Mapping[str, TextColumn], roles: Roles) -> Features:
    """The features among the columns that have no role but that of what a client is worth."""
    rest = {name: it for name, it in columns.items() if name not in roles.used}
    leaks = roles.twins | {name: why for name in rest if (why := words.of_afterwards(name)) and name not in roles.twins}
    kinds, ignored = {}, {}
    for name in (name for name in rest if name not in leaks):
        kind, why = _kind_of(rest[name])
        if kind:
            kinds[name] = kind
        else:
            ignored[name] = why
    if isinstance(roles.target, str):
        dates = {name: "date" for name in ignored if rest[name].kind == "date"}
        leaks |= _found(columns, roles, kinds | dates)
        ignored = {name: why for name, why in ignored.items() if name not in leaks}
    if roles.value in leaks:
        roles.value = roles.currency = None
        del roles.whys["value"]
    chosen = {name: _described(rest[name], kind) for name, kind in kinds.items() if name not in leaks}
    return Features(chosen, ignored, leaks)


def _kind_of(column: TextColumn) -> tuple[str | None, str]:
    """The kind of a feature, or None and why a column is none."""
    names = words.words_of(column.name)
    if not column.name:
        return None, "it has no name"
    if column.n_distinct == 0 or (column.n_distinct == 1 and column.n_filled == column.n_rows):
        return None, f"it is always {column.example!r}" if column.n_distinct else "it is always blank"
    if column.kind == "date":
        return None, "a date is no feature; a number of days or months since it would be one, as tenure"
    is_of_each = column.kind == "text" or column.uniqueness > NEAR_UNIQUE  # else it is a count, as NumberOfAddress
    if is_of_each and column.n_distinct > 10 and (set(names) <= words.PEOPLE | {"name"} or names[-1] in words.PEOPLE):
        return None, "it names a person or an address"
    if column.kind == "number":
        return _kind_of_number(column, names)
    if column.uniqueness > NEAR_UNIQUE and column.n_distinct > 10:
        return None, f"near-unique text: {column.n_distinct:,} different ones in {counted(column.n_filled, 'row')}"
    if sum(len(text) * n for text, n in column.counts.items()) > LONG_TEXT * column.n_filled:
        return None, "free text"
    if column.n_distinct > max(MOST_LEVELS, column.n_filled / ROWS_OF_A_LEVEL):
        return None, f"{column.n_distinct:,} different texts in {counted(column.n_filled, 'row')}: too few rows of each"
    return "categorical", ""


def _kind_of_number(column: TextColumn, names: list[str]) -> tuple[str | None, str]:
    of_place, is_code = bool(set(names) & words.PLACES), names[-1:] != [] and names[-1] in words.CODES | words.IDS
    if column.is_whole and set(names) & words.ROW_NUMBERS and column.uniqueness >= NEAR_UNIQUE:
        return None, "it numbers the rows"
    if column.is_whole and (of_place or is_code):
        if column.n_distinct <= MOST_LEVELS:
            return "categorical", ""
        if of_place or names[-1] in words.IDS:
            return None, f"a code, no quantity, with {column.n_distinct:,} values"
    return "numeric", ""


def _described(column: TextColumn, kind: str) -> dict[str, Any]:
    label, unit = words.label_of(column.name)
    signs = [it for it in column.form.units if any(it in text for text in list(column.counts)[:100])]
    unit = words.CURRENCIES.get(signs[0].lower(), signs[0]) if kind == "numeric" and signs else unit
    return {"kind": kind, "label": label} | ({"unit": unit} if unit and kind == "numeric" else {})


def _found(columns: Mapping[str, TextColumn], roles: Roles, kinds: Mapping[str, Any]) -> dict[str, str]:
    """The columns that know the answer by what they hold."""
    target = columns[str(roles.target)]
    known = np.array([text != "" for text in target.texts], dtype=bool)
    left = np.array([text in roles.target_values["left"] for text in target.texts], dtype=np.float64)[known]
    if not left.any() or left.all():
        return {}
    values = {name: _values(columns[name], kind) for name, kind in kinds.items()}
    clients = np.array(columns[str(roles.client)].texts if roles.client else range(len(known)), dtype=object)[known]
    folds = np.array([zlib.crc32(str(client).encode()) % FOLDS for client in clients])
    labelled, current = ({name: it[rows] for name, it in values.items()} for rows in (known, ~known))
    found = leakage.leaks(labelled, left, clients, folds, current, kinds)
    return {it.column: it.sentence for it in found}


def _values(column: TextColumn, kind: str) -> Any:
    """The values of a column; of a date, whether it is there: days since it would know no less."""
    if kind == "numeric":
        return np.array([column.numbers.get(text, np.nan) for text in column.texts], dtype=np.float64)
    texts = ((text and "a date" if kind == "date" else text) or None for text in column.texts)
    return pd.Series(list(texts), dtype=object).to_numpy()
