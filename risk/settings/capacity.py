"""The section `capacity`: how many calls there is time for, in which order, and what one costs and may gain."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from risk.settings.schema import CLOSED, Number, Whole

BY_RISK: Literal["risk"] = "risk"
BY_GAIN: Literal["expected gain"] = "expected gain"


@dataclass(frozen=True, config=CLOSED)
class Capacity:
    """`acceptance` is the share of the leavers who stay because of a call, `call_cost` in the currency of values."""

    calls_per_week: Whole = Field(default=50, ge=1, le=1_000_000)
    per: Literal["all", "owner"] = "all"
    order: Literal["risk", "expected gain"] = BY_RISK
    acceptance: Number = Field(default=0.3, ge=0, le=1)
    call_cost: Number = Field(default=0.0, ge=0, le=1e12)
    snooze_weeks: Whole = Field(default=4, ge=0, le=520)
    snooze_rise: Number = Field(default=0.1, gt=0, le=1)
    control_share: Number = Field(default=0.0, ge=0, le=0.5)
