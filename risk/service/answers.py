"""Answers of the service as closed structs: what the description promises and strict readers decode.

The views make plain objects, which cost less; a test decodes every answer by these. A field with UNSET is left out
where it does not apply, or where an older program made the report.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Kept = str | None | UnsetType
Interval = Annotated[list[float], Meta(min_length=2, max_length=2)] | None
Band = Literal["low", "moderate", "raised", "high", "very high"]


class ProblemDocument(msgspec.Struct, forbid_unknown_fields=True):
    """Why a request is refused, and the row (from 0) and field at fault. Source: RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    row: Count | UnsetType = UNSET
    field: str | UnsetType = UNSET
    request_id: str | UnsetType | None = UNSET


class PredictionWarning(msgspec.Struct, forbid_unknown_fields=True):
    """What to know of a prediction; `row` (from 0) and `field` are null where it is of all."""

    row: Count | None
    field: str | None
    message: str


class PredictionAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of each list per client, in the order of the request; `reasons` where the query asks for them."""

    release: str
    threshold: float
    predictions: list[Literal[0, 1]]
    risks: list[Share]
    ranks: list[Annotated[int, Meta(ge=1)] | None]
    clients: list[str | None]
    bands: list[Band]
    warnings: list[PredictionWarning]
    reasons: list[list[str] | None] | UnsetType = UNSET


class ConfusionCounts(msgspec.Struct, forbid_unknown_fields=True):
    """Held-out clients by prediction and outcome."""

    tp: Count
    fp: Count
    fn: Count
    tn: Count


class ScoringAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """How good a release is on data that it was not trained on; `warning` where another one is deployed by now."""

    release: str
    f1: float | None
    f1_interval: Interval
    n_rows: Count
    auc: float | None
    log_loss: float | None
    confusion: ConfusionCounts | None
    scored_on: str | None
    warning: str | None


class ColumnFigures(msgspec.Struct, forbid_unknown_fields=True):
    """Statistics of a numeric column."""

    mean: float | None
    median: float | None
    standard_deviation: float | None


class SummaryAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """The dataset, and statistics of its numeric columns by name."""

    dataset: str
    n_rows: Count
    columns: dict[str, ColumnFigures]


class StepSeconds(msgspec.Struct, forbid_unknown_fields=True):
    """Seconds that a step took in the last run, and in the middle one."""

    last: float | None
    median: float | None


class PackageState(msgspec.Struct, forbid_unknown_fields=True):
    """A package with the version that is required, installed, and the newest one where that was asked for."""

    name: str
    required: str | None
    installed: str | None
    newest: str | None
    up_to_date: bool | None


class DependenciesTold(msgspec.Struct, forbid_unknown_fields=True):
    """The packages, and the day on which the newest versions were asked for."""

    checked_on: str | None
    packages: list[PackageState]


class DiagnosticsAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """Seconds by step, missing values in per cent by column, and dependencies."""

    seconds: dict[str, StepSeconds]
    missing_percent: dict[str, float | None]
    dependencies: DependenciesTold


class WidestWindow(msgspec.Struct, forbid_unknown_fields=True):
    """Of the check for drift its widest window, and whether any of them gave an alarm."""

    contents: int | None
    n_rows: int | None
    p: float | None
    gain: float | None
    rings: bool


class RunTold(msgspec.Struct, forbid_unknown_fields=True):
    """A run: when, how it ended and why, and what it took."""

    run: int | None
    at: str | None
    outcome: str | None
    verdict: str | None
    release: str | None
    seconds: float | None
    reason: str | None
    f1: float | None
    steps: dict[str, float | None] | UnsetType = UNSET
    scan: WidestWindow | UnsetType | None = UNSET


class HistoryAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """The last runs, the newest first."""

    history: list[RunTold]


class ReleaseTold(msgspec.Struct, forbid_unknown_fields=True):
    """A release: the model, what it was trained on, and the threshold of its predictions."""

    name: str
    digest: str
    provisional: bool
    family: str
    threshold: float
    dataset: str
    n_rows: Count
    base_rate: float
    features: dict[str, str]
    run: int
    size: str | UnsetType = UNSET
    leaks: list[str] | UnsetType = UNSET
    forced: Kept = UNSET
    behind: Kept = UNSET


class ReleasesAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """The current release, and of the last runs those that changed it."""

    current: ReleaseTold | None
    changes: list[RunTold]


class HealthAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """How the service is, and of which installation and release."""

    status: Literal["ok", "no model", "faulty"]
    detail: str | None
    instance: str
    release: str | None
    report: str | None
    report_release: str | None
    made_at: str | None
    late: str | None
    warning: str | None
    compiled: bool | None
    not_compiled: str | None
    attention: list[dict[str, Any]]


class LiveAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """That the process lives."""

    status: Literal["live"]


class ReadyAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """That predictions can be answered."""

    status: Literal["ready"]
    release: str
