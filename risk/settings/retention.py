"""The section `keep` of the settings: how many of everything that is published stay on disk."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from risk.settings.schema import CLOSED, Whole

MOST = 1_000_000


@dataclass(frozen=True, config=CLOSED)
class Keep:
    """The newest so many; None is all. Lists are counted by their days."""

    versions: Whole = Field(default=5, ge=1, le=MOST)
    report_sets: Whole = Field(default=20, ge=1, le=MOST)
    releases: Annotated[Whole, Field(ge=2, le=MOST)] | None = None
    lists: Annotated[Whole, Field(ge=1, le=MOST)] | None = None
