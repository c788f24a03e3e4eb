"""The roles of columns: which names the client, the period, the target, the owner, the worth and the renewal.

By names and by values, with a reason for each and the other that was close. Pure: no files.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from risk.proposal import name_words as words
from risk.proposal.columns import Column
from risk.text import counted, percent

UNIQUE = 0.99  # of the rows
MOST_VALUES = 5  # of a target
STRAY = 0.002  # of the rows may hold a value of the target that says nothing: they will be refused
MOST_PERIODS = 400
DAY = datetime.timedelta(days=1)
NO_WORTH = words.worded(
    "ratio share pct percent change count number num days months qty quantity limit rate score idx index"
)


@dataclass
class Roles:
    """The column of each role and, by key, why; `target` is a column, or how leaving is derived."""

    client: str | None = None
    period: str | None = None
    target: str | dict[str, Any] | None = None
    target_values: dict[str, list[str]] = field(default_factory=dict)
    owner: str | None = None
    value: str | None = None
    currency: str | None = None
    renewal: str | None = None
    events: dict[str, str] | None = None
    whys: dict[str, str] = field(default_factory=dict)
    twins: dict[str, str] = field(default_factory=dict)  # columns that are the target in other words

    @property
    def used(self) -> set[str]:
        names = [self.client, self.period, self.owner, self.renewal, *(self.events or {}).values()]
        names += [self.target] if isinstance(self.target, str) else [(self.target or {}).get("ended_on")]
        return {name for name in names if name}


def roles_of(columns: Mapping[str, Column], today: datetime.date) -> Roles:
    """The roles of the columns of a table; those that nothing speaks for stay open."""
    roles = Roles()
    roles.client, why = _client(columns)
    roles.whys["client"] = why
    _find_target(roles, columns)
    if roles.client:
        _find_period(roles, columns)
    if roles.client and roles.target is None:
        _derive_target(roles, columns)
    rest = {name: it for name, it in columns.items() if name not in roles.used}
    if roles.events is None:
        _find_owner(roles, rest)
        _find_value(roles, rest)
        _find_renewal(roles, columns, today)
    return roles


# --- client -----------------------------------------------------------------------------------------------------------


def _client(columns: Mapping[str, Column]) -> tuple[str | None, str]:
    ranked = sorted(
        ((score, it.uniqueness, -place, it) for place, it in enumerate(columns.values()) if (score := _as_client(it))),
        reverse=True, key=lambda entry: entry[:3],
    )  # fmt: skip
    if not ranked:
        return None, "no column names the client: none is called so, and none holds an id of its own in every row"
    column = ranked[0][3]
    how = "in every row another" if _is_unique(column) else f"{counted(column.n_distinct, 'client')}, repeated"
    why = f"called so, {how}" if ranked[0][0] > 1 else f"the one column of ids ({column.example}), {how}"
    others = [it.name for score, _, _, it in ranked[1:] if score >= ranked[0][0] - 1 and score > 1]
    return column.name, why + (f"; it could be {', '.join(others)}" if others else "")


def _as_client(column: Column) -> int:
    """How surely a column names the client, from 4 to 0."""
    names = words.words_of(column.name)
    is_id = column.kind == "text" or (column.is_whole and min(column.numbers.values()) >= 0)
    if not is_id or column.n_filled < UNIQUE * column.n_rows or set(names) & words.OWNERS:
        return 0
    if not names or set(names) & words.ROW_NUMBERS:
        return 0
    of_client, is_last = bool(set(names) & words.CLIENTS), names[-1] in words.IDS
    unique = _is_unique(column)
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


def _is_unique(column: Column) -> bool:
    return column.n_distinct >= UNIQUE * column.n_rows


# --- target -----------------------------------------------------------------------------------------------------------


def _find_target(roles: Roles, columns: Mapping[str, Column]) -> None:
    ranked = []
    for place, column in enumerate(columns.values()):
        score, values = words.as_target(column.name), _outcomes(column)
        if column.name == roles.client or not values:
            continue
        if score < 2:
            score = 2 if any(map(words.says_leaving, values["left"])) else score
        if score:
            ranked.append((score, -place, column, values))
    ranked.sort(key=lambda entry: entry[:2], reverse=True)
    if not ranked:
        roles.whys["target"] = "no column says who left"
        return
    score, _, column, values = ranked[0]
    roles.target, roles.target_values = column.name, values
    for other_score, _, other, other_values in ranked[1:]:
        if other_score >= 2 or _agreement(column, values, other, other_values) >= UNIQUE:
            roles.twins[other.name] = f"it is {column.name} in other words"
    left, stayed = (" or ".join(map(repr, values[key])) or "nothing" for key in ("left", "stayed"))
    n_left = sum(column.counts.get(text, 0) for text in values["left"])
    why = "its name says so" if words.as_target(column.name) else "its values say so"
    why += (
        f"; {left} means left ({counted(n_left, 'row')}, {percent(n_left / max(column.n_filled, 1))}), {stayed} stayed"
    )
    why += "; the rarer value was taken for who left, turn them round if that is wrong" if _is_mute(column) else ""
    why += "; joined counts as stayed" if "joined" in map(words.folded, values["stayed"]) else ""
    blank = column.n_rows - column.n_filled
    roles.whys["target"] = why + (
        f"; {counted(blank, 'row')} of clients whose outcome is not known yet" if blank else ""
    )


def _outcomes(column: Column) -> dict[str, list[str]]:
    """Which texts mean left and stayed; nothing where the column is no outcome."""
    stray = {text for text, n in column.counts.items() if n <= STRAY * column.n_rows and not words.meaning(text)}
    if not 1 <= column.n_distinct - len(stray) <= MOST_VALUES or len(stray) > MOST_VALUES:
        return {}
    if _is_mute(column):
        rare = min(column.counts, key=lambda text: column.counts[text])
        return (
            {"stayed": [text for text in column.counts if text != rare], "left": [rare]}
            if column.n_distinct == 2
            else {}
        )
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


def _is_mute(column: Column) -> bool:
    """Whether the values of a column that is called a target do not say which is which."""
    return words.as_target(column.name) == 3 and not any(map(words.meaning, column.counts))


def _agreement(column: Column, values: dict[str, list[str]], other: Column, others: dict[str, list[str]]) -> float:
    pairs = Counter((a in values["left"], b in others["left"]) for a, b in zip(column.texts, other.texts, strict=True))
    same = pairs[True, True] + pairs[False, False]
    return max(same, column.n_rows - same) / max(column.n_rows, 1)


# --- period, events, and leaving that is derived ----------------------------------------------------------------------


def _find_period(roles: Roles, columns: Mapping[str, Column]) -> None:
    client = columns[str(roles.client)]
    dates = [it for it in columns.values() if it.kind == "date" and it.n_filled >= UNIQUE * it.n_rows]
    named = [it for it in dates if set(words.words_of(it.name)) & words.PERIODS - {"date", "day", "datum", "fecha"}]
    if _is_unique(client):
        snapshots = [it for it in dates if it.n_distinct == 1 or (it in named and it.n_distinct <= 3)]
        roles.period = snapshots[0].name if snapshots else None
        roles.whys["period"] = "the day that all rows are of" if snapshots else "none: one row per client"
        return
    shares = {it.name: len(set(zip(client.texts, it.texts, strict=True))) / client.n_rows for it in dates}
    fitting = [it for it in dates if shares[it.name] >= UNIQUE]
    fitting.sort(key=lambda it: (it not in named, not set(words.words_of(it.name)) & words.PERIODS, it.n_distinct))
    if fitting and (roles.target or _is_regular(fitting[0])):
        roles.period = fitting[0].name
        roles.whys["period"] = f"one row per client and period; {counted(fitting[0].n_distinct, 'period')}"
        roles.whys["period"] += f"; it could be {fitting[1].name}" if len(fitting) > 1 else ""
        return
    roles.whys["period"] = "none, though clients repeat: no column of dates has each client once a date"
    if dates and not roles.target:
        _find_events(roles, columns, min(dates, key=lambda it: (it not in named, -it.n_distinct)))


def _is_regular(column: Column) -> bool:
    """Whether dates are those of periods: of one day of the month or of the week, or ends of months."""
    moments = list(column.moments.values())
    if len(moments) > MOST_PERIODS or any((it.hour, it.minute, it.second) != (0, 0, 0) for it in moments):
        return False
    days = {it.day for it in moments}, {(it + DAY).day for it in moments}, {it.weekday() for it in moments}
    return any(len(it) == 1 for it in days)


def _find_events(roles: Roles, columns: Mapping[str, Column], time: Column) -> None:
    rest = [it for it in columns.values() if it.name not in (roles.client, time.name)]
    numbers = [it for it in rest if it.kind == "number" and set(words.words_of(it.name)) & words.AMOUNTS]
    kinds = [
        it for it in rest if it.kind == "text" and set(words.words_of(it.name)) & words.KINDS and it.n_distinct <= 50
    ]
    roles.events = {"client": str(roles.client), "time": time.name}
    roles.events |= {"amount": numbers[0].name} if numbers else {}
    roles.events |= {"kind": kinds[0].name} if kinds else {}
    roles.whys["events"] = f"clients repeat without regular periods, so each row is an event at {time.name}"


def _derive_target(roles: Roles, columns: Mapping[str, Column]) -> None:
    ends = [it for it in columns.values() if it.kind == "date" and set(words.words_of(it.name)) & words.ENDS]
    ends += [it for it in columns.values() if it.kind == "date" and words.of_afterwards(it.name)]
    ends = [it for it in ends if it.name != roles.period and it.n_filled < it.n_rows]
    if ends and not roles.events:
        roles.target = {"ended_on": ends[0].name}
        roles.whys["target"] = f"no column says who left; {ends[0].name} is filled for those who did"
    elif roles.events or (roles.period and columns[roles.period].n_distinct >= 3):
        days = 60 if roles.events else _absence(columns[str(roles.period)])
        roles.target = {"absent_for": f"{days} days"}
        roles.whys["target"] = f"no column says who left; who does not appear for {days} days is taken to have left"


def _absence(period: Column) -> int:
    """Twice the usual step from one period to the next, in days; 60 for months."""
    moments = sorted(set(period.moments.values()))
    steps = sorted((after - before).days for before, after in pairwise(moments))
    usual = steps[len(steps) // 2]
    return 60 if 28 <= usual <= 31 else max(2 * usual, 2)


# --- what is shown ----------------------------------------------------------------------------------------------------


def _find_owner(roles: Roles, rest: Mapping[str, Column]) -> None:
    for column in rest.values():
        is_few = 2 <= column.n_distinct <= max(column.n_rows / 3, 2)
        if column.kind == "text" and set(words.words_of(column.name)) & words.OWNERS and is_few:
            roles.owner = column.name
            roles.whys["owner"] = f"called so; {counted(column.n_distinct, 'owner')}"
            return


def _find_value(roles: Roles, rest: Mapping[str, Column]) -> None:
    numbers = {name: it for name, it in rest.items() if it.kind == "number" and it.n_distinct > 20}
    for phrase in words.WORTH:
        for name, column in numbers.items():
            names = words.words_of(name)
            if phrase in " ".join(names) and set(phrase.split()) <= {*names, phrase} and not set(names) & NO_WORTH:
                roles.value = name
                roles.whys["value"] = f"{phrase!r} in its name: what a client is worth, shown as value at risk"
                signs = [it for it in column.form.units if any(it in text for text in column.counts)]
                told = [words.CURRENCIES[it] for it in names if it in words.CURRENCIES]
                roles.currency = next(
                    iter([words.CURRENCIES.get(it.lower(), it) for it in signs if it != "%"] + told), None
                )
                return


def _find_renewal(roles: Roles, columns: Mapping[str, Column], today: datetime.date) -> None:
    for column in columns.values():
        names = set(words.words_of(column.name))
        named = names & words.RENEWALS or {"contract", "end"} <= names or {"next", "renewal"} <= names
        if column.kind != "date" or column.name in roles.used or not named or set(map(len, column.counts)) == {7}:
            continue
        moment = columns[roles.period].moments if roles.period else {}
        rows = zip(column.texts, columns[roles.period].texts if roles.period else column.texts, strict=True)
        later = [column.moments[it].date() >= (moment[of].date() if of in moment else today)
                 for it, of in rows if it in column.moments]  # fmt: skip
        if sum(later) > len(later) / 2:
            roles.renewal, roles.whys["renewal"] = column.name, "called so, and most of its dates lie ahead"
