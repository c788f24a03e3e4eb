"""The column that names the client: by its name, and by holding another value in every row, or repeated ones.

Pure: no files.
"""

from __future__ import annotations

from collections.abc import Mapping

from risk.proposal import name_words as words
from risk.proposal.columns import UNIQUE, TextColumn
from risk.text import counted


def client_of(columns: Mapping[str, TextColumn]) -> tuple[str | None, str]:
    ranked = sorted(
        ((score, it.uniqueness, -place, it) for place, it in enumerate(columns.values()) if (score := _as_client(it))),
        reverse=True, key=lambda entry: entry[:3],
    )  # fmt: skip
    if not ranked:
        return None, "no column names the client: none is called so, and none holds an id of its own in every row"
    column = ranked[0][3]
    how = "in every row another" if is_unique(column) else f"{counted(column.n_distinct, 'client')}, repeated"
    blank = column.n_rows - column.n_filled
    how += f"; {counted(blank, 'row')} without one will be refused" if blank else ""
    why = f"called so, {how}" if ranked[0][0] > 1 else f"the one column of ids ({column.example}), {how}"
    others = [it.name for score, _, _, it in ranked[1:] if score >= ranked[0][0] - 1 and score > 1]
    return column.name, why + (f"; it could be {', '.join(others)}" if others else "")


def _as_client(column: TextColumn) -> int:
    """How surely a column names the client, from 4 to 0."""
    names = words.words_of(column.name)
    is_id = column.kind == "text" or (column.is_whole and min(column.numbers.values()) >= 0)
    if not is_id or column.n_filled < column.n_rows / 2 or set(names) & words.OWNERS:
        return 0
    if column.n_filled < UNIQUE * column.n_rows and not (set(names) & words.CLIENTS and names[-1] in words.IDS):
        return 0
    if not names or set(names) & words.ROW_NUMBERS:
        return 0
    of_client, is_last = bool(set(names) & words.CLIENTS), names[-1] in words.IDS
    unique = is_unique(column)
    if not unique and column.n_distinct < 20:
        return 0
    if of_client and is_last:
        return 3 if set(names) & {"contract", "phone", "policy", "vertrag"} else 4
    if names in (["id"], ["uid"], ["uuid"]):
        return 3
    if of_client and set(names) <= words.CLIENTS | {"name"}:
        return 2
    looks = column.kind == "text" and all(" " not in text and len(text) <= 40 for text in column.counts)
    return 1 if unique and (looks or is_last) else 0


def is_unique(column: TextColumn) -> bool:
    return column.n_distinct >= UNIQUE * column.n_filled
