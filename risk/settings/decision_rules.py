"""The sections `drift` and `gate` of the settings: what rings, and what is asked of a challenger."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from risk.settings.schema import CLOSED, Number, Whole


@dataclass(frozen=True, config=CLOSED)
class Drift:
    alpha: Number = Field(default=0.0005, gt=0, lt=1)
    minimum_gain: Number = Field(default=0.01, ge=0, le=1)
    minimum: Whole = Field(default=30, ge=2, le=1_000_000)


@dataclass(frozen=True, config=CLOSED)
class GateRule:
    z: Number = Field(default=2.33, gt=0, le=100)
    minimum_gain: Number = Field(default=0.005, ge=0, le=1)
    steady_gain: Number = Field(default=0.05, ge=0, le=1)
    minimum: Whole = Field(default=30, ge=2, le=1_000_000)
    top_share: Number = Field(default=0.1, gt=0, le=1)
    approval: Literal["none", "person"] = "none"

    @property
    def by_person(self) -> bool:
        """Whether no model goes live without a person's word."""
        return self.approval == "person"
