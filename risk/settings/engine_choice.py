"""The section `engine` of the settings: what works on all rows at once, DuckDB on this machine or a Spark cluster."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, Strict, field_validator, model_validator
from pydantic.dataclasses import dataclass

TOKEN = "RISK_SPARK_TOKEN"
_MASTER = re.compile(r"local(\[(\*|[1-9][0-9]*)\])?|yarn|(spark|k8s|sc)://[^\s]+")
_EXPECTED = "expected spark://HOST:7077, local[*], yarn, k8s://…, or the URL sc://HOST:15002 of Spark Connect"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class EngineChoice:
    """Which engine works on the rows. What has fewer than `from_mb` stays on this machine, whatever the engine.

    `options` are those of Spark itself. A Connect URL holds no token: the environment does.
    """

    kind: Literal["duckdb", "spark"] = "duckdb"
    master: str | None = None
    from_mb: Annotated[int, Strict()] = Field(default=1_000, ge=0, le=1_000_000_000)
    options: dict[Annotated[str, Field(pattern=r"^spark\.[\w.-]+$")], str] = Field(default_factory=dict)

    @field_validator("master")
    @classmethod
    def _names_a_cluster(cls, value: str | None) -> str | None:
        if value is not None and "token=" in value:
            raise ValueError(f"it holds a token; put that into the environment as {TOKEN}")
        if value is not None and not _MASTER.fullmatch(value):
            raise ValueError(_EXPECTED)
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> EngineChoice:
        if self.kind == "spark" and self.master is None:
            raise ValueError(f"spark needs a master; {_EXPECTED}")
        if self.kind == "duckdb" and (self.master or self.options):
            raise ValueError("master and options are of kind 'spark'; set that, or take them out")
        return self

    @property
    def is_connect(self) -> bool:
        """Whether Spark is asked by its Connect protocol, without a driver of our own."""
        return (self.master or "").startswith("sc://")


ON_THIS_MACHINE = EngineChoice()
