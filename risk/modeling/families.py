"""The families of models that compete, the simpler first. `KNOWN` is the one place to add one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from risk.modeling import allowed_names
from risk.modeling.allowed_names import Name
from risk.modeling.encoding import Group, by_rates, columns, cut, levels, many_levels, of_kind, standardised
from risk.modeling.metrics import Floats, Kinds

AUTO = "auto"
BY_RATE = "levels by rate"
FEWEST_KNOWN = 30  # values of a column; scikit-learn fails at one that is blank in the rows that it looks at
FEWEST_ROWS, FEWEST_OF_EACH = 500, 30
MOST_PARTED = 12  # levels of a column that trees may part at will; more go by their rates
MOST_SQUARED = 20  # numeric features; more of them have more products than few rows can bear


@dataclass(frozen=True, order=True)
class Size:
    """How far a model may follow its rows: its strength (inverse penalty, or leaves), and of trees how many."""

    strength: float = 0.0
    trees: int = 0


@dataclass(frozen=True)
class Family:
    """One kind of model.

    `make` returns an unfitted pipeline for features of these kinds and values; its last step has `decision_function`.
    `named` holds every class and function (module, name) that its model file names beside those of `SHARED`: nothing
    else is opened. `calibrated` families get a sigmoid. `trim` takes out of a fitted pipeline what only fitting needs.
    `by_rate` makes what competes beside it where a column has very many levels; `encoding` says that it is that one.
    The sizes that compete are the strengths of `ladder`, with trees the `stages` of each; the climb starts at `first`,
    and `floor` says that the lowest rung is tried whatever the others show. `sized` gives the last step's parameters.
    Whatever of it is fitted or asked in a training is within `guard`, which turns a failure into a FamilyError.
    """

    name: str
    make: Callable[[Kinds, pd.DataFrame], Pipeline]
    named: frozenset[Name]
    calibrated: bool = True
    fewest_rows: int = FEWEST_ROWS
    fewest_of_each: int = FEWEST_OF_EACH
    trim: Callable[[Pipeline], Pipeline] = lambda fitted: fitted
    by_rate: Callable[[Kinds, pd.DataFrame], Pipeline] | None = None
    encoding: str = ""
    guard: Callable[[], AbstractContextManager[None]] = nullcontext
    ladder: tuple[float, ...] = ()
    stages: tuple[int, ...] = ()
    first: Size = Size()
    floor: bool = False
    sized: Callable[[Size], dict[str, Any]] = lambda size: {}

    def says(self, size: Size) -> str:
        """Return a size of this family in words."""
        if self.stages:
            return f"{size.trees} trees of {size.strength:.0f} leaves"
        return BASE_RATE if size.strength == NOTHING else f"inverse penalty {size.strength:g}"

    @property
    def with_rates(self) -> Family | None:
        """The same family, which knows each level of a column of very many as the share of its rows who left."""
        return replace(self, make=self.by_rate, by_rate=None, encoding=BY_RATE) if self.by_rate else None


NO_FEATURE = "No feature tells who leaves: the share of leavers, the same for every client, was the best of all models."
BASE_RATE = "which is the share of leavers alone"
NOTHING = 1e-9  # the inverse penalty at which nothing but the share of leavers is left
PENALTIES = (NOTHING, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
LEAVES = (4.0, 16.0, 32.0, 64.0)
TREES = (25, 50, 75, 100, 150, 200, 300, 400, 600, 800)
FIRST_PENALTY, FIRST_TREES = Size(1.0), Size(16.0, 100)


def families(choice: str, n_rows: int, n_rarer: int, own: Sequence[Family] = ()) -> tuple[Family, ...]:
    """Return the families that compete on so many rows with so many of the rarer outcome, the simpler first.

    `choice` is `auto` or one by name; where that one needs more rows, the simplest takes its place.
    """
    chosen = [family for family in (*KNOWN, *own) if choice in (AUTO, family.name)]
    able = [it for it in chosen if n_rows >= it.fewest_rows and n_rarer >= it.fewest_of_each]
    return tuple(able or KNOWN[:1])


def is_own(name: str) -> bool:
    """Return whether a family of this name is one's own: a function of a module."""
    return ":" in name


def rarer(left: Floats) -> int:
    """Return how many rows have the rarer of the two outcomes."""
    return int(min(left.sum(), len(left) - left.sum()))


def short_of(choice: str, left: Floats) -> str | None:
    """Return why a family that is fixed by name cannot be fitted on these rows; None where it can."""
    fixed = next((family for family in KNOWN if family.name == choice), None)
    fixed = fixed or (replace(KNOWN[-1], name=choice) if is_own(choice) else None)
    if fixed is None or (len(left) >= fixed.fewest_rows and rarer(left) >= fixed.fewest_of_each):
        return None
    needed = f"{fixed.fewest_rows} labelled rows with {fixed.fewest_of_each} of each outcome"
    found = f"there are {len(left)} with {rarer(left)} of the rarer one"
    return f"model.family is {choice!r}, which needs {needed}; {found}, so {KNOWN[0].name} takes its place."


def by_rate(kinds: Kinds, x: pd.DataFrame, left: Floats) -> bool:
    """Return True where a family that knows very many levels by their rates competes too."""
    return len(left) >= FEWEST_ROWS and rarer(left) >= FEWEST_OF_EACH and bool(many_levels(kinds, x))


def _logistic(kinds: Kinds, x: pd.DataFrame, rates: bool = False) -> Pipeline:
    """Return a logistic regression on standardised and one-hot features.

    A number that a logarithm makes less skew enters in both forms: the penalty parts the weight between them.
    """
    groups = [*standardised(kinds, x, both=True), *levels(kinds, x, rates)]
    return make_pipeline(columns(groups), LogisticRegression(max_iter=1000))


def _quadratic(kinds: Kinds, x: pd.DataFrame, rates: bool = False) -> Pipeline:
    """Return a logistic regression that knows squares and products of the numeric features too.

    Standardised values are cut at ±3: beyond what was often seen a square would run away.
    """
    numeric = of_kind(kinds, "numeric")
    terms = PolynomialFeatures(2 if len(numeric) <= MOST_SQUARED else 1, include_bias=False)
    numbers = make_pipeline(columns(standardised(kinds, x)), cut(3), terms, StandardScaler())
    groups = [("numbers", numbers, numeric), *levels(kinds, x, rates)]
    return make_pipeline(columns(groups), LogisticRegression(max_iter=1000))


def _penalty(size: Size) -> dict[str, Any]:
    return {"C": size.strength}


def _boosting(kinds: Kinds, x: pd.DataFrame) -> Pipeline:
    """Return gradient boosting on the features as they are; a level that is unknown counts as missing.

    Trees part the levels of a column as they like, which flatters it where there are many: these go by their rates.
    """
    numeric, categorical = of_kind(kinds, "numeric"), of_kind(kinds, "categorical")
    known = [name for name in numeric if x[name].notna().sum() >= FEWEST_KNOWN]
    parted = [name for name in categorical if x[name].nunique() <= MOST_PARTED]
    rated = [name for name in categorical if name not in parted]
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
    groups: list[Group] = [("levels", codes, parted), ("numbers", "passthrough", known), ("rates", by_rates(), rated)]
    if not known and not categorical:
        groups = [("numbers", SimpleImputer(keep_empty_features=True), numeric)]
    trees = HistGradientBoostingClassifier(
        early_stopping=False,
        l2_regularization=2.0,
        categorical_features=[True] * len(parted) + [False] * (len(known) + len(rated)) if parted else None,
        random_state=0,
        **_grown(FIRST_TREES),
    )
    return make_pipeline(columns(groups), trees)


def _grown(size: Size) -> dict[str, Any]:
    """Return what trees of a size are: small ones are many and unlike each other, large ones may follow few rows."""
    small = size.strength < FIRST_TREES.strength
    return {
        "max_leaf_nodes": int(size.strength),
        "max_iter": size.trees,
        "learning_rate": 0.2 if small or size.strength == LEAVES[-1] else 0.1,
        "max_features": 0.5 if small else 1.0,
        "min_samples_leaf": 20 if small else 5,
    }


def _trimmed(fitted: Pipeline) -> Pipeline:
    """Take out what only fitting needs: equal trees are equal bytes on every machine, and answer faster.

    The levels come first and as whole numbers from 0, so the trees' own coding of them changes nothing.
    """
    trees = fitted[-1]
    trees._feature_subsample_rng, trees._bin_mapper.n_threads = None, 1
    if trees.is_categorical_ is not None:
        trees._preprocessor = FunctionTransformer()
    return fitted


_LOGISTIC, _QUADRATIC = (partial(make, rates=True) for make in (_logistic, _quadratic))
_REGRESSION: dict[str, Any] = {"calibrated": False, "ladder": PENALTIES, "first": FIRST_PENALTY, "sized": _penalty}
KNOWN: tuple[Family, ...] = (
    Family(
        "logistic", _logistic, allowed_names.LOGISTIC, fewest_rows=0, fewest_of_each=0, by_rate=_LOGISTIC, floor=True,
        **_REGRESSION,
    ),
    Family("quadratic", _quadratic, allowed_names.QUADRATIC, by_rate=_QUADRATIC, **_REGRESSION),
    Family(
        "boosting", _boosting, allowed_names.BOOSTING, trim=_trimmed, ladder=LEAVES, stages=TREES,
        first=FIRST_TREES, sized=_grown,
    ),
)  # fmt: skip
