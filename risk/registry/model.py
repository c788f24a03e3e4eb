"""Model file and card: made together, and proven before the file is opened; a foreign one is never executed."""

from __future__ import annotations

import functools
import io
import pickle
import sys
import warnings
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier

from risk.disk import files, paths
from risk.errors import ModelError
from risk.modeling import allowed_names, families
from risk.modeling.allowed_names import Name
from risk.modeling.compiled import MANY, Compiled
from risk.modeling.compiled_proof import proved
from risk.modeling.fitting import features, of_nobody, risks_of
from risk.modeling.metrics import Floats, evaluate, list_length
from risk.modeling.reference import Reference, reference
from risk.modeling.selection import Challenger
from risk.registry import own_families, releases
from risk.settings.schema import Schema

# Exactly what our model files name. Anything else in a file is foreign, and a foreign file is never executed.
_ALLOWED = allowed_names.SHARED.union(allowed_names.OWN, *(family.named for family in families.KNOWN))


@dataclass(frozen=True)
class Card:
    """What is known of one model; `sha256` is that of its file, `learned_sha256` that of its out-of-fold risks.

    `n_labelled` counts all labelled rows, `n_rows` those that it was trained on. `release` names the former
    release that it is; None for a model that was made for this card. `probes`: values to ask the model about; `leaks`:
    the columns that know the answer. `own`: the families of one's own that the settings named, see `own_families.told`.
    `size`: how far the family follows its rows, in words.
    """

    sha256: str
    learned_sha256: str
    family: str
    learned: str
    features: dict[str, str]
    target: str
    horizon: str
    threshold: float
    dataset: str
    schema: str
    run: int
    reason: str
    why: dict[str, Any] | None
    n_rows: int
    base_rate: float
    scores: dict[str, Any]
    reference: dict[str, Any]
    packages: dict[str, str]
    n_labelled: int = 0
    candidates: list[dict[str, Any]] = field(default_factory=list)
    probes: list[dict[str, Any]] | None = None
    release: str | None = None
    leaks: list[dict[str, Any]] = field(default_factory=list)
    encoding: str = ""
    own: list[dict[str, Any]] = field(default_factory=list)
    size: str = ""

    @property
    def residuals(self) -> Reference:
        return Reference.from_dict(self.reference)


@dataclass(frozen=True)
class Model:
    """A model that is proven ours; `warning` says that it was made with other versions than are installed."""

    name: str
    card: Card
    estimator: Any
    warning: str | None = None

    @property
    def digest(self) -> str:
        return self.card.sha256

    def fits(self, schema: Schema) -> bool:
        """Whether it was made for the columns of this schema."""
        return (self.card.schema, self.card.features) == (schema.identity, schema.kinds)

    @functools.cached_property
    def compiled(self) -> Compiled | str:
        """Its compiled form, proved when it is first asked for; else why scikit-learn answers."""
        return "a family of your own" if families.is_own(self.card.family) else proved(self.taught, self.card.features)

    @functools.cached_property
    def same_risk(self) -> float | None:
        """The one risk that it states for everybody where it is the base rate; None for any other."""
        return of_nobody(self.estimator, self.card.features) if self.card.size == families.BASE_RATE else None

    @property
    def taught(self) -> Any:
        """The estimator as it was fitted: without the threshold."""
        return self.estimator.estimator.estimator

    def risks(self, frame: pd.DataFrame) -> Floats:
        """The probability of leaving per row. Raises: ModelError when a feature column is missing."""
        missing = [name for name in self.card.features if name not in frame]
        if missing:
            raise ModelError(f"model {self.name}: the rows have no column {missing[0]!r}; it was trained on it")
        if self.same_risk is not None:  # what its figures would add to that is not even rounding
            return np.full(len(frame), self.same_risk)
        try:
            if len(frame) >= MANY and isinstance(self.compiled, Compiled):
                return self.compiled.of_frame(frame, self.estimator, self.card.features)
            return risks_of(self.estimator, features(frame, self.card.features))
        except Exception as error:
            if not families.is_own(self.card.family):
                raise
            told = f"model {self.name}: its family {self.card.family} cannot rate these rows"
            raise ModelError(f"{told} ({error})", record=told) from error


def pack(challenger: Challenger, x: pd.DataFrame, left: Floats) -> bytes:
    """Return the model file: a plain scikit-learn object whose `predict` uses the tuned threshold."""
    model = FixedThresholdClassifier(
        FrozenEstimator(challenger.estimator), threshold=challenger.threshold, response_method="predict_proba"
    )
    packed = io.BytesIO()
    _Plain(packed, protocol=4).dump(model.fit(x, left.astype(np.int64)))
    return packed.getvalue()


def describe(
    challenger: Challenger, x: pd.DataFrame, left: Floats, schema: Schema, top_share: float, digest: str,
    facts: dict[str, Any],
) -> Card:  # fmt: skip
    """Return the card of a model that was made now; `facts` are the fields that only its training knows."""
    rows, n_rows, threshold = challenger.rows, challenger.n_rows, challenger.threshold
    left, risks = left[rows], challenger.risks[rows]
    return Card(
        sha256=digest, family=challenger.family, learned=challenger.learned, n_rows=n_rows, threshold=threshold,
        encoding=challenger.encoding, size=challenger.size, features=dict(schema.kinds), target=schema.target,
        horizon=schema.horizon, schema=schema.identity, base_rate=float(left.mean()),
        scores=asdict(evaluate(left, risks, threshold, list_length(top_share, n_rows))),
        reference=reference({it: x[rows][it].to_numpy() for it in schema.kinds}, schema.kinds, left, risks).as_dict(),
        **facts,
    )  # fmt: skip


def listened(content: bytes) -> tuple[Any, frozenset[Name]]:
    """Return the estimator in a file that was made now, and what it names beside what those of our own families do."""
    listening = _Listening(io.BytesIO(content))
    return listening.load(), frozenset(listening.named - _ALLOWED)


def load(folder: Path, more: frozenset[Name] = frozenset()) -> Model:
    """Return the model in a folder. Its bytes are proven by the card before anything of them is opened.

    `more` is what it may name beside the names of our own families: of a card that is proven.
    Raises: ModelError when a file is missing, damaged or not ours.
    """
    card = read_card(folder)
    if card is None:
        raise ModelError(f"{folder / paths.CARD}: there is no model card; run python training.py")
    path = folder / paths.MODEL
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); run python training.py") from error
    if files.digest(content) != card.sha256:
        raise ModelError(
            f"{path}: its SHA-256 is not that of its card, so it is truncated or foreign and was not opened; "
            "train again, or roll back to another release"
        )
    other = releases.other_versions(card.packages)
    return Model(folder.name, card, _open(path, content, card, other, more), other)


def read_card(folder: Path) -> Card | None:
    """Return the card in a folder, or None where there is none."""
    stored = files.read_json(folder / paths.CARD)
    try:  # keys of an older program are passed over
        return Card(**{it.name: stored[it.name] for it in fields(Card) if it.name in stored}) if stored else None
    except TypeError as error:
        raise ModelError(f"{folder / paths.CARD}: not a card of this program ({error}); train again") from error


def whole(folder: Path) -> bool:
    """Return True when model file and card in the folder belong together."""
    card, path = read_card(folder), folder / paths.MODEL
    return card is not None and path.is_file() and files.digest_file(path) == card.sha256


class _Plain(pickle._Pickler):
    """Writes equal texts as one, whichever objects they are: equal models give equal bytes in every process."""

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        super().save(sys.intern(obj) if type(obj) is str else obj, save_persistent_id)  # type: ignore[misc]


class _Closed(pickle.Unpickler):
    """Opens nothing but what our own model files name and what else is admitted, by exact names."""

    def __init__(self, content: bytes, more: frozenset[Name]):
        super().__init__(io.BytesIO(content))
        self._more = more

    def find_class(self, module: str, name: str) -> Any:
        module, name = allowed_names.RENAMED.get((module, name), (module, name))
        if (module, name) not in _ALLOWED | self._more:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        found = super().find_class(module, name)
        if (module, name) not in _ALLOWED and not own_families.may_be_named(found, module, name):
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no class of it")
        return found


class _Listening(pickle.Unpickler):
    """Opens what was packed in this process, and keeps what it names."""

    def __init__(self, content: io.BytesIO):
        super().__init__(content)
        self.named: set[Name] = set()

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        if (module, name) not in _ALLOWED and not own_families.may_be_named(found, module, name):
            raise pickle.UnpicklingError(f"a fitted model holds {module}.{name}, which is not kept in a file")
        self.named.add((module, name))
        return found


def _open(path: Path, content: bytes, card: Card, other: str | None, more: frozenset[Name]) -> Any:
    """Return the estimator; one that other versions made must also answer a client of whom nothing is known."""
    try:
        with warnings.catch_warnings(action="ignore", category=InconsistentVersionWarning):  # `other` says it once
            found = _Closed(content, more).load()
        if other:
            of_nobody(found, card.features)
        return found
    except Exception as error:  # whatever a damaged file makes of the unpickler: the file is not opened
        if other:
            raise ModelError(f"{path}: it does not open here ({error}). {other}") from error
        raise ModelError(f"{path}: not a model of this program ({error}); train again") from error
