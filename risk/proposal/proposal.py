"""The proposal for a table: the sections of the settings, why, what reading with them gives, and what is missing."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from risk.proposal import columns as written
from risk.proposal import date_forms, periods, roles
from risk.proposal import name_words as words
from risk.proposal.columns import Form, TextColumn
from risk.proposal.features import Features, features_of
from risk.proposal.roles import Roles
from risk.proposal.sample import Texts
from risk.proposal.trial import Trial, tried
from risk.reading.reader import Source
from risk.text import counted

TOO_MANY = 0.05  # of the rows refused for one feature: it is left out
FEW_ROWS, FEW_OUTCOMES = 300, 30
SHOWN = 5


@dataclass(frozen=True)
class Proposal:
    """What a table means, `others` of its sections, and why; `faults` say why none can be written."""

    roles: Roles
    features: Features
    form: Form
    others: dict[str, Any]
    whys: dict[str, str]
    gaps: tuple[str, ...]
    faults: tuple[str, ...]
    n_rows: int
    trial: Trial = field(default_factory=Trial)

    @property
    def sections(self) -> dict[str, Any]:
        """The sections to put into the settings, None for those to take out."""
        return {"schema": _schema(self.roles, self.features, self.form), **self.others, "events": self.roles.events}


def propose(
    texts: Texts, form_of_files: Mapping[str, Any] | None, whys: Mapping[str, str], today: datetime.date
) -> Proposal:
    """The proposal for the texts of the columns of a table.

    `form_of_files`: the keys of `format` found so far; None where the rows are those of a database.
    """
    form, columns, dated = columns_of(texts, form_of_files is None)
    found = roles.roles_of(columns, today)
    features = features_of(columns, found)
    form = _with_dates(form, columns, found, features)
    others = {} if form_of_files is None else {"format": {**form_of_files, **form.settings} or None}
    told = {**whys, **form.whys, **(dated if form.dates != "%Y-%m-%d" else {})}
    gaps, faults = _missing(columns, found, features)
    n_rows = max(map(len, texts.values()), default=0)
    return Proposal(found, features, form, others, told, tuple(gaps), tuple(faults), n_rows)


def columns_of(texts: Texts, is_plain: bool) -> tuple[Form, dict[str, TextColumn], dict[str, str]]:
    """The form of a table, its columns, and a word on its dates."""
    form = written.form_of(texts, is_plain)
    missing = set(form.missing)
    columns, whys = {}, {}
    for name, values in texts.items():
        as_numbers = bool(set(words.words_of(name)) & words.PERIODS)
        fitting = date_forms.date_form_of([it for it in values if it not in missing], as_numbers)
        plain = ["" if it in missing else it for it in values] if missing else values
        columns[name] = TextColumn(name, plain, form, fitting[0] if fitting else None)
        if fitting and (fitting[1] or "dates" not in whys):
            whys["dates"] = f"dates such as {columns[name].example}"
            whys["dates"] += f"; {fitting[1]} would fit as well: look at them" if fitting[1] else ""
    return form, columns, whys


def with_trial(found: Proposal, sources: Sequence[Source]) -> Proposal:
    """The proposal, tried on files; features for which too many rows are refused are left out, and it is tried again.

    Raises: ConfigError where the settings would not load.
    """
    for _ in range(SHOWN):
        trial = tried(found.sections, sources)
        bad = {
            name: n for name, n in trial.columns.items()
            if n > TOO_MANY * trial.n_read and name in found.features.chosen and len(found.features.chosen) > 1
        }  # fmt: skip
        if not bad:
            break
        why = {name: f"{counted(n, 'row')} would be refused: {trial.examples.get(name, '')}" for name, n in bad.items()}
        found = _without(found, why)
    if trial.gap is not None:
        found = _with_absence(found, trial.gap)
    faults = [] if trial.n_accepted else [f"no row would be accepted: {next(iter(trial.examples.values()), 'no row')}"]
    return replace(found, trial=trial, faults=tuple(faults))


# --- the parts --------------------------------------------------------------------------------------------------------


def _schema(found: Roles, features: Features, form: Form) -> dict[str, Any]:
    """The section of the schema; beside events it names neither client nor features, which these give."""
    schema: dict[str, Any] = {} if found.events else {"client": found.client}
    schema |= {"target": found.target} if found.target else {}
    schema |= {"target_values": found.target_values} if found.target_values else {}
    if not found.events:
        schema["features"] = features.chosen
        shown = {"period": found.period, "owner": found.owner, "value": found.value, "currency": found.currency}
        schema |= {key: it for key, it in {**shown, "renewal": found.renewal}.items() if it}
    ignored = [*features.ignored, *features.leaks, *(features.chosen if found.events else ())]
    schema |= {"ignore": [name for name in ignored if name]} if any(ignored) else {}
    return schema | ({"missing": list(form.missing)} if form.missing else {})


def _with_dates(form: Form, columns: Mapping[str, TextColumn], found: Roles, features: Features) -> Form:
    """The form with that of the dates that are read: of period, event or renewal; others are left to nobody."""
    ended = found.target.get("ended_on") if isinstance(found.target, dict) else None
    names = [it for it in (found.period, (found.events or {}).get("time"), ended, found.renewal) if it]
    forms = [columns[name].date_form for name in names]
    if found.renewal and forms[0] != forms[-1]:
        features.ignored[found.renewal] = "its dates are written in another way than those of the period"
        found.renewal = None
    first = next((it for it in forms if it and not (found.events and it.startswith("%Y-%m-%d"))), None)
    return replace(form, dates=first) if first else form


def _missing(columns: Mapping[str, TextColumn], found: Roles, features: Features) -> tuple[list[str], list[str]]:
    """What is missing and what then to do; and what is missing so that nothing can be written."""
    gaps, faults = [], []
    n_rows = max((it.n_rows for it in columns.values()), default=0)
    if found.client is None:
        faults.append(
            f"client: {found.whys['client']}. Add a column with the id of each client, the "
            "same in later files; to try one file alone, a number for each row does: C1, C2 and so on."
        )
    elif found.target is None:
        faults.append(
            f"target: {found.whys['target']}. Add a column such as churned with 1 for who left and 0 for who stayed, "
            "or give the table of every month: who no longer appears has left."
        )
    if not features.chosen and not found.events:
        faults.append("features: no column is left to train on. Add columns with what is known of each client.")
    if isinstance(found.target, str):
        counts = columns[found.target].counts
        n_left, n_stayed = (sum(counts.get(it, 0) for it in found.target_values[key]) for key in ("left", "stayed"))
        if not n_left or not n_stayed:
            gaps.append(
                f"only one outcome: nobody {'left' if not n_left else 'stayed'}. A model needs both; add such rows."
            )
        elif min(n_left, n_stayed) < FEW_OUTCOMES:
            gaps.append(
                f"{n_left:,} left and {n_stayed:,} stayed: with fewer than {FEW_OUTCOMES} of either no model is proven."
            )
    if n_rows < FEW_ROWS:
        gaps.append(
            f"{counted(n_rows, 'row')}: with fewer than {FEW_ROWS} expect a provisional model; add former months."
        )
    if found.client and not found.period and not found.events:
        gaps.append("no period: for the next months add a column with the month, so that changes are noticed.")
    return gaps, faults


def _with_absence(found: Proposal, gap: int) -> Proposal:
    former = found.roles.target if isinstance(found.roles.target, dict) else {}
    is_silence = "activity" in former
    if (found.roles.events or {}).get("ends") and not is_silence:
        return found
    rule, why = periods.absent_for(periods.absence_after(gap))
    why = found.roles.whys["target"] if is_silence else why
    why += f" (nine of ten gaps between two events of a client have at most {counted(gap, 'day')})"
    why += periods.CAPPED if gap > periods.LONGEST_ABSENCE else ""
    return replace(found, roles=replace(found.roles, target=former | rule, whys={**found.roles.whys, "target": why}))


def _without(found: Proposal, why: Mapping[str, str]) -> Proposal:
    chosen = {name: it for name, it in found.features.chosen.items() if name not in why}
    features = replace(found.features, chosen=chosen, ignored={**found.features.ignored, **why})
    known = replace(found.roles, value=None, currency=None) if found.roles.value in why else found.roles
    return replace(found, features=features, roles=known)
