"""What is live, and what POST /prediction answers from it: computed by the model, or looked up in the client list."""

from __future__ import annotations

import csv
import io
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from risk.disk import paths
from risk.disk.paths import LIST_COLUMNS
from risk.errors import DataError
from risk.modeling import leakage
from risk.modeling.families import NO_FEATURE
from risk.report.situation import level, levels
from risk.service import row_warnings
from risk.service.problems import Problem
from risk.service.requests import Contract, Ids, RequestedRows
from risk.text import NOTHING

if TYPE_CHECKING:
    from risk.registry.model import Model

FEW = 6  # risks that are ranked one by one
NO_MODEL = "no model is deployed; run fullprocess.py"
NO_REPORT = "no report is made; run fullprocess.py"
OLD_LIST = "the listed clients are of release {}; the next run updates the list, and then ranks are given"
OLD_RISKS = "these risks are listed for release {}, which is no longer current; the next run updates the list"
OLD_SCORES = "these scores are of release {}, which is no longer deployed; the next run makes those of the one that is"
TORN = "the newest report cannot be shown"


@dataclass(frozen=True)
class Clients:
    """The current clients of a report set, by rank; one entry of each list per client."""

    names: list[str] = field(default_factory=list)
    risks: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    cells: list[list[str]] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    ascending: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    renewals: Sequence[str | None] = ()  # days (ISO), of a set that knows them

    def ranks(self, risks: Sequence[float] | NDArray[np.float64]) -> list[int]:
        """Return 1 + the number of current clients with a higher risk, for each."""
        if len(risks) <= FEW:
            return [1 + len(self.ascending) - bisect_right(self.ascending, risk) for risk in risks]
        found: list[int] = (1 + len(self.ascending) - self.ascending.searchsorted(risks, side="right")).tolist()
        return found

    def row(self, place: int) -> dict[str, Any]:
        """A line of the list as an object."""
        rank, _, _, prediction, owner, value, period = self.cells[place]
        told = {"rank": int(rank), "client": self.names[place], "risk": float(self.risks[place])}
        told |= {"prediction": int(prediction), "owner": _without_apostrophe(owner) or None}
        told |= {"band": level(float(self.risks[place]))}
        return (
            told
            | {"value": float(value) if value else None, "period": _without_apostrophe(period) or None}
            | ({"renewal": self.renewals[place]} if self.renewals else {})
        )

    @property
    def owners(self) -> set[str | None]:
        """Everybody who has clients; None among them where some clients have no owner."""
        return {_without_apostrophe(owner) or None for owner in {cells[4] for cells in self.cells}}

    @cached_property
    def lacking(self) -> dict[str, str]:
        """The orders and filters for which the set holds nothing, each with the setting that names the column."""
        told = {} if self.renewals else {"renewal": "schema.renewal", "renews": "schema.renewal"}
        return told | ({} if any(cells[5] for cells in self.cells) else {"value_at_risk": "schema.value"})

    def of(self, owner: str | None) -> Sequence[int]:
        """The places of an owner's clients (a dash: of those who have none); of all without an owner."""
        if owner is None:
            return range(len(self.names))
        return [place for place, cells in enumerate(self.cells) if (_without_apostrophe(cells[4]) or NOTHING) == owner]


@dataclass(frozen=True)
class Shown:
    """One report set: its number, the snapshot, the current clients, its files (None where they are not there).

    `figures` holds the plots by name, `features` a line of JSON for their names, then one per client.
    """

    number: str
    snapshot: dict[str, Any]
    clients: Clients
    report: bytes | None
    calls: bytes | None = None
    sheet: bytes | None = None
    figures: dict[str, bytes] = field(default_factory=dict)
    features: list[bytes] = field(default_factory=list)

    def columns(self, places: Sequence[int]) -> dict[str, list[Any]]:
        """The features of the clients at these places, by column; none where the set does not hold them."""
        if len(self.features) <= max(places, default=0) + 1:
            return {}
        names, *rows = (msgspec.json.decode(self.features[at]) for at in (0, *(place + 1 for place in places)))
        return {name: [row[at] for row in rows] for at, name in enumerate(names)}

    @property
    def as_of(self) -> str:
        """The day (ISO) of its list."""
        return str(self.snapshot.get("as_of") or self.snapshot["made_at"][:10])

    @property
    def release(self) -> str | None:
        """The release that the set is of."""
        released = self.snapshot["release"]
        return released["name"] if released else None


@dataclass(frozen=True)
class LiveState:
    """What a request sees from its beginning to its end; None where there is none yet."""

    model: Model | None = None
    contract: Contract | None = None
    released: dict[str, Any] | None = None
    shown: Shown | None = None
    faults: tuple[str, ...] = ()
    record: str | None = None
    last_run: dict[str, Any] | None = None
    last_good: dict[str, Any] | None = None
    history: list[dict[str, Any]] | None = None  # the last runs, the newest first

    @property
    def wrong(self) -> tuple[str, ...]:
        """Everything that a person must know of: what cannot be loaded, and a journal whose chain is broken."""
        return (*self.faults, *([self.record] if self.record else []))

    @cached_property
    def trained(self) -> row_warnings.Trained:
        """What the rows held that the live model was trained on."""
        assert self.model is not None
        return row_warnings.Trained.of(self.model)

    @property
    def published(self) -> Shown:
        """The newest report set. Raises: Problem 503 where there is none."""
        if self.shown is None:
            raise Problem(503, self.torn or (NO_MODEL if self.model is None else NO_REPORT))
        return self.shown

    @property
    def torn(self) -> str | None:
        """Why the newest report cannot be shown; None where it can, or none was made yet."""
        return next((fault for fault in self.faults if fault.startswith(TORN)), None)


def predicted(now: LiveState, asked: RequestedRows) -> dict[str, Any]:
    """Compute the risks of the rows; ranks are those among the current clients of the same release."""
    assert now.model is not None
    risks, threshold = _risks(now.model, asked), now.model.card.threshold
    at_once = np.array(risks) if len(risks) > FEW else risks
    if isinstance(at_once, list):
        predictions = [int(risk >= threshold) for risk in risks]
    else:
        predictions = (at_once >= threshold).astype(int).tolist()
    told = {"release": now.model.name, "threshold": threshold, "predictions": predictions}
    current = now.shown is not None and now.shown.release == now.model.name
    ranks = now.shown.clients.ranks(at_once) if now.shown and current else [None] * len(risks)
    told |= {"risks": risks, "ranks": ranks, "clients": asked.clients, "bands": levels(at_once)}
    warnings = [*_of_model(now), *row_warnings.of_rows(asked.columns, asked.kinds, now.trained)]
    if current:
        return told | {"warnings": warnings}
    old = OLD_LIST.format(now.shown.release) if now.shown and now.shown.release else now.torn or NO_REPORT
    return told | {"warnings": [_warning(old), *warnings]}


def _risks(model: Model, asked: RequestedRows) -> list[float]:
    """The risks by the compiled form where it is proved and numbers are not too large for it, else by scikit-learn."""
    if model.same_risk is not None:
        return [model.same_risk] * len(asked.clients)
    form = model.compiled
    risks = form.listed(asked.columns) if not isinstance(form, str) and asked.clients else [math.nan]
    if any(map(math.isnan, risks)):
        risks = model.risks(asked.frame).tolist()
    return risks


def listed(now: LiveState, asked: Ids) -> dict[str, Any]:
    """Look the risks of current clients up in the list; the answer names the release that the list is of."""
    if now.shown is None or now.shown.snapshot["release"] is None or now.model is None:
        raise Problem(503, now.torn or NO_REPORT)
    listed, released = now.shown.clients, now.shown.snapshot["release"]
    for row, name in enumerate(asked.clients):
        if name not in listed.places:
            raise Problem(422, f"row {row}: ids: {name[:40]!r} is not a current client", row=row, field="ids")
    places = [listed.places[name] for name in asked.clients]
    risks = listed.risks[places] if places else np.empty(0)
    told = {"release": released["name"], "threshold": released["threshold"]}
    told |= {"predictions": [int(listed.cells[place][3]) for place in places], "risks": risks.tolist()}
    told |= {"ranks": listed.ranks(risks), "clients": asked.clients, "bands": levels(risks.tolist())}
    if now.model.name != released["name"]:
        return told | {"warnings": [_warning(OLD_RISKS.format(released["name"]))]}
    columns = now.shown.columns(places)
    strange = row_warnings.of_rows(columns, now.model.card.features, now.trained) if columns else []
    return told | {"warnings": [*_of_model(now), *strange]}


def _of_model(now: LiveState) -> list[dict[str, Any]]:
    """Warn of a model that states one risk, and of its columns that seem to know the answer and that nobody trusts."""
    assert now.model is not None
    assert now.contract is not None
    told = [_warning(NO_FEATURE)] if now.model.same_risk is not None else []
    leaks = leakage.still(now.model.card.leaks, now.contract.kinds, now.contract.trusted)
    return told + [_warning(words, leak["column"]) for leak, words in zip(leaks, leakage.words(leaks), strict=True)]


def _warning(message: str, field: str | None = None) -> dict[str, Any]:
    return {"row": None, "field": field, "message": message}


# --- the list of current clients --------------------------------------------------------------------------------------


def load_clients(
    text: str, risks: Sequence[float] | None = None, renewals: Sequence[str | None] | None = None
) -> Clients:
    """The clients of a clientrisks.csv; `risks` has all digits of what is rounded there, `renewals` is beside them.

    Raises: DataError, ValueError, csv.Error where it is damaged.
    """
    header, *cells = [*csv.reader(io.StringIO(text, newline=""), strict=True)] or [[]]
    if tuple(header) != LIST_COLUMNS or any(len(row) != len(LIST_COLUMNS) for row in cells):
        raise DataError(f"{paths.CLIENT_RISKS} does not have the columns {', '.join(LIST_COLUMNS)} in every line")
    names = [_without_apostrophe(row[1]) for row in cells]
    exact = np.array([float(row[2]) for row in cells] if risks is None else risks, dtype=np.float64)
    if len(exact) != len(cells) or len(renewals or cells) != len(cells):
        raise DataError(f"{paths.CLIENT_RISKS} has {len(cells)} clients, {paths.SNAPSHOT} {len(exact)}")
    return Clients(
        names, exact, cells, {name: place for place, name in enumerate(names)}, np.sort(exact), renewals or ()
    )


def _without_apostrophe(text: str) -> str:
    """Undo what keeps a cell from being a formula in a spreadsheet."""
    return text[1:] if text[:1] == "'" and text[1:2] in tuple("=+-@\t\r") else text
