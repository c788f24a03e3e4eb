"""The proposal for a table: the sections of the settings, why, what reading with them gives, and what is missing."""

from __future__ import annotations

import datetime
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from risk import settings
from risk.dataset import intake
from risk.proposal import columns as written
from risk.proposal import date_forms, roles
from risk.proposal import name_words as words
from risk.proposal.columns import Form, TextColumn
from risk.proposal.features import Features, features_of
from risk.proposal.roles import Roles
from risk.proposal.sample import Texts
from risk.reading.reader import Source, read
from risk.schema import Schema
from risk.text import counted

FOLDERS = ("input_folder_path", "output_folder_path", "test_data_path", "output_model_path", "prod_deployment_path")
TOO_MANY = 0.05  # of the rows refused for one feature: it is left out
FEW_ROWS, FEW_OUTCOMES = 300, 30
UNLIMITED = 1 << 62
SHOWN = 5


@dataclass(frozen=True)
class Trial:
    """What reading with the proposed settings gave: rows, refused ones by reason with the first of each, warnings."""

    n_read: int = 0
    n_accepted: int = 0
    n_labelled: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    columns: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def n_rejected(self) -> int:
        return max(self.n_read - self.n_accepted, int(bool(self.refused)))


@dataclass(frozen=True)
class Proposal:
    """The sections to put into the settings, None for those to take out; `faults` say why none can be written."""

    sections: dict[str, Any]
    roles: Roles
    features: Features
    whys: dict[str, str]
    gaps: tuple[str, ...]
    faults: tuple[str, ...]
    n_rows: int
    trial: Trial = field(default_factory=Trial)


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
    sections: dict[str, Any] = {"schema": _schema(found, features, form)}
    if form_of_files is not None:
        sections["format"] = {**form_of_files, **form.settings} or None
    sections["events"] = found.events
    told = {
        **whys,
        **form.whys,
        **{key: why for key, why in dated.items() if key == "dates" and form.dates != "%Y-%m-%d"},
    }
    gaps, faults = _missing(columns, found, features)
    n_rows = max(map(len, texts.values()), default=0)
    return Proposal(sections, found, features, told, tuple(gaps), tuple(faults), n_rows)


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
    faults = [] if trial.n_accepted else [f"no row would be accepted: {next(iter(trial.examples.values()), 'no row')}"]
    return replace(found, trial=trial, faults=tuple(faults))


def tried(sections: Mapping[str, Any], sources: Iterable[Source]) -> Trial:
    """Read files with proposed settings into a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        schema = schema_of(sections, folder)
        n_read = n_accepted = n_labelled = 0
        refused: dict[str, int] = {}
        by_column: dict[str, int] = {}
        examples: dict[str, str] = {}
        warnings: list[str] = []
        for source, content in read(sources, schema, folder / "parts", size_cap=UNLIMITED):
            if content is None:
                warnings.append(f"{source.name}: it changed while it was read")
                continue
            n_read, n_accepted = n_read + content.n_read, n_accepted + content.n_accepted
            n_labelled += content.n_labelled
            warnings += [f"{source.name}: {it}" for it in content.warnings]
            for it in intake.refusals_of(content, folder / "parts"):
                reason = f"{it.column or 'the row' if it.line else 'the file'} {it.reason}"
                refused[reason] = refused.get(reason, 0) + 1
                by_column[it.column or ""] = by_column.get(it.column or "", 0) + 1
                sentence = intake.sentence(source.name, it)
                examples.setdefault(reason, sentence)
                examples.setdefault(it.column or "", sentence)
    return Trial(n_read, n_accepted, n_labelled, refused, by_column, examples, tuple(warnings))


def schema_of(sections: Mapping[str, Any], folder: Path) -> Schema:
    """The schema of files that sections of the settings give, loaded as the settings are. Raises: ConfigError."""
    for name in (*FOLDERS, "parts"):
        (folder / name).mkdir()
    known = {**{name: name for name in FOLDERS}, **{name: it for name, it in sections.items() if it is not None}}
    (folder / "config.json").write_text(json.dumps(known), encoding="utf-8")
    schema = settings.load(folder / "config.json").schema
    return getattr(schema, "files", None) or schema


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
        faults.append(f"client: {found.whys['client']}. Add a column with the id of each client.")
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


def _without(found: Proposal, why: Mapping[str, str]) -> Proposal:
    chosen = {name: it for name, it in found.features.chosen.items() if name not in why}
    features = replace(found.features, chosen=chosen, ignored={**found.features.ignored, **why})
    schema = {
        **found.sections["schema"],
        "features": chosen,
        "ignore": [it for it in (*features.ignored, *features.leaks) if it],
    }
    schema = {
        key: it for key, it in schema.items() if key not in ("value", "currency") or schema.get("value") not in why
    }
    return replace(found, features=features, sections={**found.sections, "schema": schema})
