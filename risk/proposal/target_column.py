"""The column that says who left, which of its values means so, and the columns that say the same in other words.

Pure: no files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from risk.proposal import name_words as words
from risk.proposal.columns import UNIQUE, TextColumn
from risk.text import counted, percent

MOST_VALUES = 5
STRAY = 0.002  # of the rows may hold a value that says nothing: they will be refused


@dataclass(frozen=True)
class TargetColumn:
    """The column of the target, its values by outcome, and why; `twins` are the target in other words."""

    name: str | None
    values: dict[str, list[str]]
    why: str
    twins: dict[str, str] = field(default_factory=dict)


def target_of(columns: Mapping[str, TextColumn], client: str | None) -> TargetColumn:
    """The target among the columns; no name where none says who left."""
    ranked = []
    for place, column in enumerate(columns.values()):
        score, values = words.as_target(column.name), _outcomes(column)
        if column.name == client or not values:
            continue
        if score < 2:
            score = 2 if any(map(words.says_leaving, values["left"])) else score
        if score:
            ranked.append((score, -place, column, values))
    ranked.sort(key=lambda entry: entry[:2], reverse=True)
    if not ranked:
        return TargetColumn(None, {}, "no column says who left")
    score, _, column, values = ranked[0]
    twins = {}
    for other_score, _, other, other_values in ranked[1:]:
        if other_score >= 2 or _agreement(column, values, other, other_values) >= UNIQUE:
            twins[other.name] = f"it is {column.name} in other words"
    left, stayed = (" or ".join(map(repr, values[key])) or "nothing" for key in ("left", "stayed"))
    n_left = sum(column.counts.get(text, 0) for text in values["left"])
    why = "its name says so" if words.as_target(column.name) else "its values say so"
    why += (
        f"; {left} means left ({counted(n_left, 'row')}, {percent(n_left / max(column.n_filled, 1))}), {stayed} stayed"
    )
    why += "; the rarer value was taken for who left, turn them round if that is wrong" if _is_mute(column) else ""
    why += "; joined counts as stayed" if "joined" in map(words.folded, values["stayed"]) else ""
    blank = column.n_rows - column.n_filled
    why += f"; {counted(blank, 'row')} of clients whose outcome is not known yet" if blank else ""
    return TargetColumn(column.name, values, why, twins)


def _outcomes(column: TextColumn) -> dict[str, list[str]]:
    """Which texts mean left and stayed; nothing where the column is no outcome."""
    if column.n_distinct > 2 * MOST_VALUES:
        return {}
    stray = {text for text, n in column.counts.items() if n <= STRAY * column.n_rows and not words.meaning(text)}
    if not 1 <= column.n_distinct - len(stray) <= MOST_VALUES:
        return {}
    if _is_mute(column):
        rare = min(column.counts, key=lambda text: column.counts[text])
        return {"stayed": [text for text in column.counts if text != rare], "left": [rare]}
    told = {text: words.meaning(text) for text in sorted(column.counts) if text not in stray}
    sides = {"left": "stayed", "stayed": "left"} if words.is_reversed(column.name) else {}
    found = {key: [text for text, it in told.items() if sides.get(str(it), it) == key] for key in ("stayed", "left")}
    if None in told.values() or (len(told) > 2 and not any(map(words.says_leaving, found["left"]))):
        return {}
    if not found["left"] or not found["stayed"]:  # one outcome alone so far
        usual = {"0": "1", "1": "0", "no": "yes", "yes": "no", "false": "true", "true": "false", "n": "y", "y": "n"}
        text = next(iter(told))
        other = usual.get(text.lower(), "left" if found["stayed"] else "stayed")
        other = other.upper() if text.isupper() else other.capitalize() if text.istitle() else other
        found["left" if found["stayed"] else "stayed"] = [other]
    return found


def _is_mute(column: TextColumn) -> bool:
    """Whether the values of a column that is called a target do not say which is which."""
    return words.as_target(column.name) == 3 and column.n_distinct == 2 and not all(map(words.meaning, column.counts))


def _agreement(
    column: TextColumn, values: dict[str, list[str]], other: TextColumn, others: dict[str, list[str]]
) -> float:
    pairs = Counter((a in values["left"], b in others["left"]) for a, b in zip(column.texts, other.texts, strict=True))
    same = pairs[True, True] + pairs[False, False]
    return max(same, column.n_rows - same) / max(column.n_rows, 1)
