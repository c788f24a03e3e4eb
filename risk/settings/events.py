"""The section `events` of the settings: files hold one event a row, and rows of clients and months are made of them."""

from __future__ import annotations

import functools
from dataclasses import field
from typing import Any

from pydantic import TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from risk.disk.files import digest
from risk.errors import ConfigError
from risk.settings.schema import CLOSED, Column, Feature, Name, Schema
from risk.settings.target import Target

MONTH, COUNT, AMOUNT, KINDS = "month", "events", "amount_sum", "different_kinds"
SINCE_LAST, SINCE_FIRST = "days_since_last_event", "months_since_first_event"
GIVEN = ("client", "period", "features", "trusted", "owner", "value", "renewal")  # keys of the schema that events give


@dataclass(frozen=True, config=CLOSED)
class Events:
    """The columns of an event. Of each kind that `kinds` names the events are counted by themselves.

    One of a kind in `ends` ends its client, who has no row until the next event; it is no activity.
    """

    client: Name
    time: Name
    amount: Name | None = None
    kind: Name | None = None
    kinds: tuple[Name, ...] = ()
    ends: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _each_column_once(self) -> Events:
        names = [name for name in (self.client, self.time, self.amount, self.kind) if name]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"column {twice[0]!r} has two meanings")
        for key in ("kinds", "ends"):
            if getattr(self, key) and not self.kind:
                raise ValueError(f"{key} needs the column of the kind; name it in 'kind'")
        if both := [kind for kind in self.ends if kind in self.kinds]:
            raise ValueError(f"ends: {both[0]!r} stands in kinds, too; events that end a client are not counted")
        kinds = [kind.lower() for kind in self.kinds]
        if twice := [kind for kind in self.kinds if kinds.count(kind.lower()) > 1]:
            raise ValueError(f"kinds: {twice[0]!r} stands twice, or differs from another in its case alone")
        return self

    @functools.cached_property
    def features(self) -> dict[str, Feature]:
        """What a month of a client tells, by name."""
        found = {COUNT: Feature(minimum=0, label="events in the month")}
        found["change_of_events"] = Feature(change_of=COUNT, label="change of the events since the month before")
        if self.amount:
            found[AMOUNT] = Feature(label=f"{self.amount} in the month")
            found["change_of_amount"] = Feature(
                change_of=AMOUNT, label=f"change of {self.amount} since the month before"
            )
        if self.kind:
            found[KINDS] = Feature(minimum=0, label="different kinds of events in the month")
        found |= {name: Feature(minimum=0, label=f"events of the kind {kind}") for name, kind in self.counted.items()}
        found[SINCE_LAST] = Feature(minimum=0, label="days since the last event")
        found[SINCE_FIRST] = Feature(minimum=0, label="months since the first event")
        return found

    @property
    def sentence(self) -> str:
        """What the rows are."""
        of = ", ".join(name for name in (self.time, self.amount, self.kind) if name)
        ends = f" An event of the kind {' or '.join(self.ends)} ends a client." if self.ends else ""
        return f"A row is made of all events of a client in a month ({of}); a month counts once it is over.{ends}"

    @functools.cached_property
    def counted(self) -> dict[str, str]:
        """The kinds whose events are counted by themselves, by the name of the feature."""
        return {f"events_{kind}": kind for kind in self.kinds}

    def schema(self, rows: Schema) -> EventSchema:
        """The schema of the files whose events make rows of a schema."""
        columns: dict[str, Any] = {self.time: "categorical"}
        columns |= {self.amount: "numeric"} if self.amount else {}
        columns |= {self.kind: "categorical"} if self.kind else {}
        ignored = tuple(name for name in rows.ignore if name not in self.features)
        made = EventSchema(
            client=self.client, target=Target(rows.target), features=columns,
            ignore=ignored, missing=rows.missing, extra_columns=rows.extra_columns,
        )  # fmt: skip
        object.__setattr__(made, "events", self)
        object.__setattr__(made, "format", rows.format)
        object.__setattr__(made, "engine", rows.engine)
        return made


@dataclass(frozen=True, config=CLOSED)
class EventSchema(Schema):
    """What the columns of a file of events mean: the features are when, how much and of which kind."""

    events: Events | None = field(default=None, init=False)

    @functools.cached_property
    def identity(self) -> str:
        of_columns: str = Schema.identity.func(self)  # type: ignore[attr-defined]
        ends = self.events.ends if self.events else ()
        return "-".join([of_columns, *([digest(repr(ends).encode())[:12]] if ends else [])])

    @property
    def holds_outcome(self) -> bool:
        return False

    @property
    def holds_events(self) -> bool:
        return True

    @functools.cached_property
    def columns(self) -> tuple[Column, ...]:
        client, time, *others = Schema.columns.func(self)  # type: ignore[attr-defined]
        return (client, Column(time.name, "time"), *others)


def with_rows(found: dict[str, Any]) -> dict[str, Any]:
    """Settings as they are written, with the schema of the rows that are made where there are events.

    Raises: ConfigError where the schema names what the events give. What is wrong besides, others say.
    """
    schema = found.get("schema", {})
    try:
        events = TypeAdapter(Events | None).validate_python(found.get("events"))
    except ValidationError:
        return found
    if events is None or not isinstance(schema, dict):
        return found
    if given := [key for key in GIVEN if key in schema]:
        raise ConfigError(f"key 'schema.{given[0]}' stands beside 'events', which give it; take it out")
    target = schema.get("target", {})
    target = {"name": target} if isinstance(target, str) else target
    if isinstance(target, dict):
        if "ended_on" in target:
            raise ConfigError("key 'schema.target.ended_on': events have no end date; take it out")
        usual = {"absent_for": "30 days"} if events.ends else {"absent_for": "60 days", "activity": [COUNT]}
        target = usual | target
    ignored = schema.get("ignore") or ()
    trusted = [name for name in events.features if name not in ignored]  # they tell of nothing after the month
    made = {"client": events.client, "period": MONTH, "features": events.features, "target": target, "trusted": trusted}
    return found | {"schema": schema | made}
