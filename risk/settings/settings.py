"""The settings: config.json, checked once, frozen, every path made absolute."""

from __future__ import annotations

import functools
import json
from dataclasses import field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from risk.disk import paths
from risk.disk.files import digest
from risk.errors import ConfigError
from risk.settings import faults, settings_file
from risk.settings.capacity import BY_GAIN, Capacity
from risk.settings.database_source import DatabaseSource
from risk.settings.decision_rules import Drift, GateRule
from risk.settings.engine_choice import EngineChoice
from risk.settings.events import Events, with_rows
from risk.settings.model_choice import ModelChoice, OwnFamilies
from risk.settings.recipients import Deliver
from risk.settings.retention import Keep
from risk.settings.schema import CLOSED, Name, Number, Schema, Whole
from risk.settings.table_format import Format
from risk.text import hours_of

Folder = Annotated[Name, Field(pattern=r"^[^\x00]+$")]
_FOLDERS = {"input_folder_path": "client files arrive", "test_data_path": "the held-out clients lie"}


@dataclass(frozen=True, config=CLOSED)
class Server:
    host: str = "127.0.0.1"
    port: Whole = Field(default=8000, ge=1, le=65535)
    token_file: str | None = None
    access_log: str | None = None


@dataclass(frozen=True, config=CLOSED)
class Practice:
    input_folder_path: Folder = "practicedata"
    output_model_path: Folder = paths.PRACTICE_MODELS


@dataclass(frozen=True, config=CLOSED)
class Settings:
    """All settings. Paths are those of the file; the properties give them as absolute paths."""

    input_folder_path: Folder
    output_folder_path: Folder
    test_data_path: Folder
    output_model_path: Folder
    prod_deployment_path: Folder
    schema: Schema = field(default_factory=Schema)
    format: Format = field(default_factory=Format)
    events: Events | None = None
    engine: EngineChoice = field(default_factory=EngineChoice)
    capacity: Capacity = field(default_factory=Capacity)
    model: ModelChoice = field(default_factory=ModelChoice)
    drift: Drift = field(default_factory=Drift)
    gate: GateRule = field(default_factory=GateRule)
    server: Server = field(default_factory=Server)
    practice: Practice = field(default_factory=Practice)
    deliver: Deliver = field(default_factory=Deliver)
    keep: Keep = field(default_factory=Keep)
    source: DatabaseSource | None = None
    test_share: Number = Field(default=0.2, gt=0, le=0.5)
    expected_every: Annotated[str, AfterValidator(lambda text: (hours_of(text), text)[1])] | None = None
    outcomes_path: Folder = paths.OUTCOMES
    next_steps_path: Folder = paths.NEXT_STEPS
    deadline_hours: Number = Field(default=2.0, ge=1e-6, le=8_760)
    max_source_mb: Whole = Field(default=4096, ge=1, le=1_000_000)
    max_final_rows: Whole = Field(default=2_000_000, ge=1, le=1_000_000_000)
    source_file: Path = field(default=Path(paths.CONFIG), init=False)

    @property
    def root(self) -> Path:
        return self.source_file.parent

    @property
    def input(self) -> Path:
        return self.root / self.input_folder_path

    @property
    def ingested(self) -> Path:
        return self.root / self.output_folder_path

    @property
    def holdout(self) -> Path:
        return self.root / self.test_data_path

    @property
    def models(self) -> Path:
        return self.root / self.output_model_path

    @property
    def production(self) -> Path:
        return self.root / self.prod_deployment_path

    @property
    def size_cap(self) -> int:
        """The bytes that one file may have."""
        return self.max_source_mb * 1_000_000

    @functools.cached_property
    def places(self) -> dict[str, str]:
        """The paths of the machine that a sentence may hold, each with what people are told in its place."""
        url, secret = (self.source.url, self.source.password_file) if self.source else ("", None)
        files = (self.root / it for it in (url.removeprefix("sqlite:///"), secret, self.server.token_file) if it)
        folders = (self.ingested, self.models, self.production, self.outcomes, *self.watched, *files)
        found = {f"{whole}/": "" for whole in (self.root, self.root.resolve())}
        return found | {str(whole): folder.name for folder in folders for whole in (folder, folder.resolve())}

    @property
    def secrets(self) -> frozenset[Path]:
        """The files with tokens and passwords."""
        smtp, source = self.deliver.smtp, self.source
        named = (self.server.token_file, smtp and smtp.password_file, source and source.password_file)
        return frozenset((self.root / it).resolve() for it in named if it)

    @property
    def fewest(self) -> int:
        """Leavers and stayers who were not called: with fewer of either, called clients count as well."""
        return max(self.gate.minimum, self.drift.minimum)

    @property
    def outcomes(self) -> Path:
        return self.root / self.outcomes_path

    @property
    def next_steps(self) -> Path:
        return self.root / self.next_steps_path

    @property
    def own(self) -> OwnFamilies:
        """One's own families; the fits of one may take a quarter of the deadline."""
        return OwnFamilies(self.root, self.model.families, self.deadline_hours * 900)

    @property
    def watched(self) -> tuple[Path, ...]:
        """What the idle tick compares: input, test data, own modules. Outcomes alone make no new report set."""
        return self.input, self.holdout, *self.own.modules

    @property
    def links(self) -> tuple[Path, ...]:
        """The three links that move (of the dataset, of the report set, of production), and the conventional names."""
        moving = (self.ingested, self.models / paths.REPORTS, self.production)
        named = {self.ingested: paths.DATASET_LINKS, self.models: paths.REPORT_LINKS}
        named[self.production] = paths.RELEASE_LINKS
        fixed = (folder / name for folder, names in named.items() for name in names)
        return (*(folder / paths.CURRENT for folder in moving), *fixed)

    @property
    def identity(self) -> str:
        """A digest of every setting that was in force, for the record."""
        known = TypeAdapter(Settings).dump_python(self, mode="json", exclude={"source_file"})
        return digest(json.dumps(known, sort_keys=True).encode())[:12]


def load(path: Path, practice: bool = False) -> Settings:
    """Return the settings of a file, for practice if asked. Raises: ConfigError with key, value and what is allowed."""
    found = settings_file.read(path)
    try:
        settings = TypeAdapter(Settings).validate_python(with_rows(found))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except ValidationError as error:
        raise ConfigError(f"{path}: {faults.sentence(error, Settings)}") from error
    object.__setattr__(settings, "source_file", path.absolute())
    object.__setattr__(settings.schema, "format", settings.format)
    object.__setattr__(settings.schema, "engine", settings.engine)
    if settings.events:
        object.__setattr__(settings.schema, "files", settings.events.schema(settings.schema))
    settings = for_practice(settings) if practice else settings
    if settings.capacity.order == BY_GAIN and settings.schema.value is None:
        told = f"key 'capacity.order' is {BY_GAIN!r}, which needs the value of each client"
        raise ConfigError(f"{path}: {told}; name its column in 'schema.value', or order by 'risk'")
    _check_folders(settings, path)
    return settings


def for_practice(settings: Settings) -> Settings:
    """Return the settings with every folder but the test data turned to practice."""
    models = settings.practice.output_model_path
    return changed(
        settings,
        source=None,
        deliver=Deliver(),
        input_folder_path=settings.practice.input_folder_path,
        output_model_path=models,
        output_folder_path=f"{models}/{paths.INGESTED}",
        prod_deployment_path=f"{models}/{paths.PRODUCTION}",
        outcomes_path=f"{models}/{paths.OUTCOMES}",
    )


def unplaced(settings: Settings) -> Settings:
    """Return the settings with every path as the file tells it: one that is relative starts at the file's folder."""
    found = changed(settings)
    object.__setattr__(found, "source_file", Path(paths.CONFIG))
    return found


def changed(settings: Settings, **changes: Any) -> Settings:
    """Return the settings with some of them changed, of the same file."""
    found = replace(settings, **changes)
    object.__setattr__(found, "source_file", settings.source_file)
    return found


def _check_folders(settings: Settings, file: Path) -> None:
    for key in ("output_folder_path", "output_model_path", "prod_deployment_path", *_FOLDERS):
        path, where = settings.root / getattr(settings, key), f"{file}: key {key!r}"
        if path.is_dir():
            continue
        if path.exists():
            raise ConfigError(f"{where}: {path} is a file; expected a folder")
        if getattr(settings, key).startswith("/") and (not path.parent.is_dir() or path.parent == Path("/")):
            told = f"there is no folder {path}; did you mean {getattr(settings, key).strip('/')!r}?"
            raise ConfigError(f"{where}: {told} (a relative path starts at the folder of config.json)")
        if key in _FOLDERS:
            raise ConfigError(f"{where}: there is no folder {path}; make it, or name the folder where {_FOLDERS[key]}")
