"""The roles of columns: client, period, target, owner, worth and renewal, each with a reason.

Pure: no files.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from risk.proposal import name_words as words
from risk.proposal import periods
from risk.proposal.client_column import client_of
from risk.proposal.columns import TextColumn
from risk.proposal.target_column import target_of
from risk.text import counted

NO_WORTH = words.worded(
    "ratio share pct percent change count number num days months qty quantity limit rate score idx index "
    "forecast cashback refund refunds discount claim claims debt loan"
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
    events: dict[str, Any] | None = None
    whys: dict[str, str] = field(default_factory=dict)
    twins: dict[str, str] = field(default_factory=dict)  # columns that are the target in other words

    @property
    def used(self) -> set[str]:
        of_events = (it for it in (self.events or {}).values() if isinstance(it, str))
        names = [self.client, self.period, self.owner, self.renewal, *of_events]
        names += [self.target] if isinstance(self.target, str) else [(self.target or {}).get("ended_on")]
        return {name for name in names if name}


def roles_of(columns: Mapping[str, TextColumn], today: datetime.date) -> Roles:
    """The roles of the columns of a table; those that nothing speaks for stay open."""
    client, why = client_of(columns)
    target = target_of(columns, client)
    roles = Roles(client, None, target.name, target.values, twins=target.twins)
    roles.whys |= {"client": why, "target": target.why}
    if client:
        found = periods.periods_of(columns, columns[client], target.name)
        roles.period, roles.events, roles.target = found.period, found.events, target.name or found.rule
        roles.whys |= found.whys
    rest = {name: it for name, it in columns.items() if name not in roles.used}
    if roles.events is None:
        _find_owner(roles, rest)
        _find_value(roles, rest)
        _find_renewal(roles, columns, today)
    return roles


# --- what is shown ----------------------------------------------------------------------------------------------------


def _find_owner(roles: Roles, rest: Mapping[str, TextColumn]) -> None:
    for column in rest.values():
        is_few = 2 <= column.n_distinct <= max(column.n_rows / 3, 2)
        if column.kind == "text" and set(words.words_of(column.name)) & words.OWNERS and is_few:
            roles.owner = column.name
            roles.whys["owner"] = f"called so; {counted(column.n_distinct, 'owner')}"
            return


def _find_value(roles: Roles, rest: Mapping[str, TextColumn]) -> None:
    numbers = {name: it for name, it in rest.items() if it.kind == "number" and it.n_distinct > 20}
    for is_sum, phrase in itertools.product((False, True), words.WORTH):  # a sum of years only if there is nothing else
        for name, column in numbers.items():
            names = words.words_of(name)
            if (
                is_sum == bool(set(names) & words.SUMS)
                and phrase in " ".join(names)
                and set(phrase.split()) <= {*names, phrase}
                and not set(names) & NO_WORTH
            ):
                roles.value = name
                roles.whys["value"] = f"{phrase!r} in its name: what a client is worth, shown as value at risk"
                signs = [it for it in column.form.units if any(it in text for text in column.counts)]
                told = [words.CURRENCIES[it] for it in names if it in words.CURRENCIES]
                roles.currency = next(
                    iter([words.CURRENCIES.get(it.lower(), it) for it in signs if it != "%"] + told), None
                )
                return


def _find_renewal(roles: Roles, columns: Mapping[str, TextColumn], today: datetime.date) -> None:
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
