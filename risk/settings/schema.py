"""The schema: what the columns of client rows mean."""

from __future__ import annotations

import copy
import difflib
import functools
import hashlib
import json
from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import AllowInfNan, ConfigDict, Field, Strict, field_validator, model_validator
from pydantic.dataclasses import dataclass

from risk.settings.engine_choice import ON_THIS_MACHINE, EngineChoice
from risk.settings.table_format import Format
from risk.settings.target import Target, TargetValues

Kind = Literal["numeric", "categorical"]
NEXT = "the next period"
CLOSED = ConfigDict(extra="forbid")
Number = Annotated[float, Strict(), AllowInfNan(False)]  # neither true nor a text that looks like a number
Whole = Annotated[int, Strict()]
Name = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, config=CLOSED)
class Feature:
    """A column to train on. People read its `label`, and `unit` after its numbers; `context` is beyond influence.

    In some files it may have one of its other `names`.
    """

    kind: Kind = "numeric"
    minimum: Number | None = None
    change_of: Name | None = None
    label: Name | None = None
    unit: Name | None = None
    context: bool = False
    names: tuple[Name, ...] = ()


def _default_features() -> dict[str, Feature]:
    names = ("lastmonth_activity", "lastyear_activity", "number_of_employees")
    return {name: Feature(minimum=0, context=name == names[-1]) for name in names}


@dataclass(frozen=True)
class Column:
    """One column of the data as it is read and stored."""

    name: str
    kind: Literal["client", "period", "time", "text", "date", "number", "target"]
    minimum: float | None = None


@dataclass(frozen=True, config=CLOSED)
class Schema:
    """What the columns of a client file mean; `format` and `engine` are sections of the settings."""

    client: Name = "corporation"
    outcome: Target = Field(default_factory=Target, alias="target")
    target_values: TargetValues = field(default_factory=TargetValues)
    features: dict[Name, Feature] = Field(default_factory=_default_features, min_length=1)
    period: Name | None = None
    owner: Name | None = None
    value: Name | None = None
    currency: Name | None = None
    renewal: Name | None = None
    horizon: str = NEXT
    horizon_days: Whole | None = Field(default=None, ge=1, le=3_660)
    ignore: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    extra_columns: Literal["ignore", "refuse"] = "ignore"
    files: Schema | None = field(default=None, init=False)  # of the files, where rows are made of what these hold
    names: dict[Name, tuple[Name, ...]] = field(default_factory=dict)
    format: Format = field(default_factory=Format, init=False)
    engine: EngineChoice = field(default=ON_THIS_MACHINE, init=False)

    @field_validator("features", mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, list):
            if not all(isinstance(name, str) for name in value):
                raise ValueError("expected the names of columns")
            if twice := [name for name in value if value.count(name) > 1]:
                raise ValueError(f"{twice[0]!r} stands twice")
            value = dict.fromkeys(value, "numeric")
        if not isinstance(value, dict):
            return value
        return {name: {"kind": kind} if isinstance(kind, str) else kind for name, kind in value.items()}

    @model_validator(mode="after")
    def _without_what_is_ignored(self) -> Schema:
        wanted = {name: it for name, it in self.features.items() if name not in self.ignore}
        if not wanted:
            raise ValueError("every feature is ignored; expected one at least")
        for name in self.trusted:
            if name not in wanted:
                near = difflib.get_close_matches(name, wanted, n=1)
                why = "is ignored" if name in self.ignore else "is no feature"
                told = f"did you mean {near[0]!r}?" if near else f"features are {', '.join(wanted)}"
                raise ValueError(f"trusted {name!r} {why}; {told}")
        object.__setattr__(self, "features", wanted)
        return self

    @model_validator(mode="after")
    def _each_column_once(self) -> Schema:
        names = [*(column.name for column in self.columns), *self.changes]
        if ignored := sorted(set(names) & set(self.ignore)):
            raise ValueError(f"column {ignored[0]!r} is used and ignored")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"column {twice[0]!r} has two meanings: {' and '.join(self._keys_of(twice[0]))}")
        return self

    def _keys_of(self, name: str) -> list[str]:
        """Return the keys of the settings that name a column."""
        keys = ["client", "target", "period", "owner", "value", "renewal"]
        found = [f"schema.{key}" for key in keys if getattr(self, key) == name]
        found += ["schema.target.ended_on"] * (name == self.outcome.ended_on)
        return [*found, "schema.features"] if name in self.features else found

    @model_validator(mode="after")
    def _each_name_once(self) -> Schema:
        columns, others = [column.name for column in self.columns], [it for _, it in self._other_names]
        for name in self.names:
            if name not in columns:
                raise ValueError(f"names: there is no column {name!r}; columns are {', '.join(columns)}")
        for column, name in self._other_names:
            if name in columns or name in self.ignore or others.count(name) > 1:
                raise ValueError(f"{name!r}, another name of {column!r}, has two meanings")
        return self

    @model_validator(mode="after")
    def _changes_of_numbers(self) -> Schema:
        numbers = [name for name, it in self.features.items() if it.kind == "numeric" and it.change_of is None]
        for name, source in self.changes.items():
            if (self.features[name].kind, self.features[name].minimum) != ("numeric", None):
                raise ValueError(f"feature {name!r}: change_of stands alone, without kind or minimum")
            if source not in numbers:
                told = f"change_of must name a numeric feature; there are: {', '.join(numbers)}"
                raise ValueError(f"feature {name!r}: {told}")
            if self.period is None:
                raise ValueError(f"feature {name!r}: change_of needs a period; name its column in 'period'")
        return self

    @model_validator(mode="after")
    def _derived_outcomes(self) -> Schema:
        rule = self.outcome
        if rule.absent_for and self.period is None:
            raise ValueError("target.absent_for needs a period; name its column in 'period'")
        numbers = [column.name for column in self.columns if column.kind == "number"]
        for name in rule.activity:
            if name not in numbers:
                raise ValueError(f"target.activity {name!r} is no numeric column; there are: {', '.join(numbers)}")
        if rule.is_derived and self.horizon == NEXT:
            object.__setattr__(self, "horizon", f"the next {rule.days} days")
        if rule.is_derived and self.horizon_days is None:
            object.__setattr__(self, "horizon_days", rule.days)
        return self

    @property
    def target(self) -> str:
        """The column of the outcome, in files or derived."""
        return self.outcome.name

    @property
    def holds_outcome(self) -> bool:
        """Whether files hold the outcome."""
        return not self.outcome.is_derived

    @property
    def holds_events(self) -> bool:
        """Whether a row is an event, so that a client has many and none revises another."""
        return False

    @property
    def _other_names(self) -> list[tuple[str, str]]:
        """Each column with another name, in order."""
        of_features = ((name, other) for name, it in self.features.items() for other in it.names)
        return [*((name, other) for name, others in self.names.items() for other in others), *of_features]

    @functools.cached_property
    def aliases(self) -> dict[str, str]:
        """The column that each other name stands for."""
        return {other: name for name, other in self._other_names}

    @functools.cached_property
    def names_in_files(self) -> tuple[str, ...]:
        """All names that a column may have in a file."""
        return (*(column.name for column in self.columns), *self.aliases)

    @functools.cached_property
    def changes(self) -> dict[str, str]:
        """The features that no file holds, each with the one whose change since the client's last period it is."""
        return {name: it.change_of for name, it in self.features.items() if it.change_of}

    @functools.cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns in schema order: client, period, owner, features, value, renewal, end date, target.

        A manager that is a categorical feature too, or a worth that is a numeric one, stands once, as the feature.
        """
        kinds = {"numeric": "number", "categorical": "text"}
        found = [Column(self.client, "client")]
        found += [Column(self.period, "period")] if self.period else []
        found += [Column(self.owner, "text")] if self.owner and not self._teaches(self.owner, "categorical") else []
        read = [(name, it) for name, it in self.features.items() if name not in self.changes]
        found += [Column(name, kinds[it.kind], it.minimum) for name, it in read]  # type: ignore[arg-type]
        found += [Column(self.value, "number")] if self.value and not self._teaches(self.value, "numeric") else []
        found += [Column(self.renewal, "date")] if self.renewal else []
        ended_on = self.outcome.ended_on
        found += [Column(ended_on, "date")] if ended_on and ended_on != self.renewal else []
        return (*found, Column(self.target, "target"))

    def _teaches(self, name: str, kind: Kind) -> bool:
        """Whether a column is a feature of this kind that files hold."""
        return name in self.features and self.features[name].kind == kind and name not in self.changes

    @functools.cached_property
    def kinds(self) -> dict[str, Kind]:
        """The kind of each feature, by name, in order."""
        return {name: feature.kind for name, feature in self.features.items()}

    @functools.cached_property
    def labels(self) -> dict[str, tuple[str, str]]:
        """The words for each feature, by name: its label (its name, unless there is one) and its unit."""
        return {name: (it.label or name.replace("_", " "), it.unit or "") for name, it in self.features.items()}

    @functools.cached_property
    def as_plain(self) -> Schema:
        """The schema for rows that no file holds: whatever format is declared, they are plain."""
        plain = copy.copy(self)
        plain.__dict__["identity"] = self.identity
        object.__setattr__(plain, "format", Format())
        return plain

    @functools.cached_property
    def identity(self) -> str:
        """A digest of all that decides how a file is read: another one is another dataset."""
        values = [self.target_values.stayed, self.target_values.left, self.missing, self.extra_columns]
        known = [[[c.name, c.kind, c.minimum] for c in self.columns], values, *self.outcome.identity]
        known += [self.files.identity, list(self.features)] if self.files else []
        known += [] if self.format.is_plain else [self.format.identity]
        known += [sorted(self.aliases.items())] if self.aliases else []
        written = json.dumps(known, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        return hashlib.sha256(written.encode()).hexdigest()[:12]
