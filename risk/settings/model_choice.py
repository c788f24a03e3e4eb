"""The section `model` of the settings: the families that compete, a person's own among them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from risk.settings.schema import CLOSED, Whole

BuiltIn = Literal["auto", "logistic", "quadratic", "boosting"]
OwnName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*:[A-Za-z_][A-Za-z0-9_]*$")]  # module:function


@dataclass(frozen=True)
class OwnFamilies:
    """The families of one's own that the settings name, as `module:function`, and the folder that holds the modules.

    Their code is run by whoever runs the program. `seconds` is how long the fits of one may take in all.
    """

    folder: Path
    names: tuple[str, ...] = ()
    seconds: float = 1800.0

    @property
    def modules(self) -> tuple[Path, ...]:
        """The files that hold the functions, each once."""
        return tuple(dict.fromkeys(self.file_of(name) for name in self.names))

    def file_of(self, name: str) -> Path:
        return self.folder / f"{name.partition(':')[0]}.py"


NO_FAMILIES = OwnFamilies(Path())


@dataclass(frozen=True, config=CLOSED)
class ModelChoice:
    family: str = "auto"
    families: tuple[OwnName, ...] = ()
    max_training_rows: Whole = Field(default=500_000, ge=1_000, le=1_000_000_000)

    @model_validator(mode="after")
    def _known(self) -> ModelChoice:
        known = (*get_args(BuiltIn), *self.families)
        if self.family not in known:
            raise ValueError(f"family {self.family!r} is not known; expected one of {', '.join(map(repr, known))}")
        if len(set(self.families)) < len(self.families):
            raise ValueError("families names one twice")
        return self
