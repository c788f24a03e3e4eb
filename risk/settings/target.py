"""The target of the settings: a column of the files, or a rule by which outcomes are derived from the rows."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator
from pydantic.dataclasses import dataclass

from risk.text import hours_of

MONTH = 365.2425 / 12  # days
LONGEST = 3_660  # days
WITHIN = "30 days"


def days_of(text: str) -> int:
    """The days of a text such as «60 days». Raises: ValueError."""
    days = hours_of(text) / 24
    if days != int(days) or days > LONGEST:
        raise ValueError("expected a whole number of days, such as '60 days'")
    return int(days)


Days = Annotated[str, AfterValidator(lambda text: (days_of(text), text)[1])]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Target:
    """The outcome of a row. It is read from the column `name` unless a rule derives it: then no file holds it.

    A client left who shows no row, or no `activity`, for so long; or whose date in the column `ended_on` has come. A
    period with fewer than `smallest_share` of the clients of those before is taken for incomplete.
    """

    name: Annotated[str, Field(min_length=1)] = "exited"
    absent_for: Days | None = None
    activity: tuple[str, ...] = ()
    smallest_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    ended_on: Annotated[str, Field(min_length=1)] | None = None
    within: Days | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_a_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_rule(self) -> Target:
        if self.absent_for and self.ended_on:
            raise ValueError("absent_for and ended_on are two rules; expected one of them")
        if self.activity and not self.absent_for:
            raise ValueError("activity needs absent_for, such as '60 days'")
        if self.within and not self.ended_on:
            raise ValueError("within needs ended_on, the column of a date")
        return self

    @property
    def is_derived(self) -> bool:
        return bool(self.absent_for or self.ended_on)

    @property
    def days(self) -> int:
        """The days after the end of a row's period in which its outcome falls; of derived outcomes alone."""
        return days_of(self.absent_for or self.within or WITHIN)

    @property
    def months(self) -> int:
        """The same where periods are months, which differ in length."""
        return max(1, round(self.days / MONTH))

    @property
    def sentence(self) -> str:
        """How outcomes are derived; a blank text where they are read."""
        if self.absent_for:
            what = f"no row with a number above 0 in {' or '.join(self.activity)}" if self.activity else "no row"
            return f"A client left who had {what} for {self.absent_for} after the row."
        return (
            f"A client left whose {self.ended_on} was within {self.days} days after the row." if self.ended_on else ""
        )

    @property
    def identity(self) -> list[Any]:
        """What decides how outcomes are derived; nothing where they are read."""
        rule = [self.absent_for, *self.activity, self.smallest_share, self.ended_on, self.days]
        return rule if self.is_derived else []


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TargetValues:
    """The texts that mean an outcome."""

    stayed: tuple[str, ...] = ("0",)
    left: tuple[str, ...] = ("1",)

    @field_validator("stayed", "left", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _disjoint(self) -> TargetValues:
        if set(self.stayed) & set(self.left) or not self.stayed or not self.left:
            raise ValueError("stayed and left must each have a value and share none")
        return self
