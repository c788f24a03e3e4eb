"""The families of models that compete, the simpler first. `KNOWN` is the one place to add one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
    TargetEncoder,
)

from risk.modeling import allowed_names
from risk.modeling.allowed_names import Name
from risk.modeling.metrics import Floats, Kinds

Group = tuple[str, object, list[str]]  # of columns: its name, what becomes of them, their names

AUTO = "auto"
MOST_LEVELS = 200  # of one column; trees take 255 at most, the rarest share one
MANY_LEVELS = 50  # of one column; with more of them, each family competes with rates in place of levels too
SMOOTH = 20.0  # rows of the average rate that are added to those of a level: rare ones tell little
BY_RATE = "levels by rate"
# The rows come in the order of a hash, so they need not be mixed; scikit-learn says so in another way before 1.9.
_SPLITS = "cv_object" in TargetEncoder._parameter_constraints["cv"]
_UNMIXED: dict[str, Any] = {"cv": StratifiedKFold(5)} if _SPLITS else {"shuffle": False}
MANY_ROWS = 10_000  # from here a tenth of the rows can be spared to say when to stop
FEWEST_KNOWN = 30  # values of a column; scikit-learn fails at one that is blank in the rows that it looks at
FEWEST_ROWS, FEWEST_OF_EACH = 500, 30
MOST_SQUARED = 20  # numeric features; more of them have more products than few rows can bear


@dataclass(frozen=True)
class Family:
    """One kind of model.

    `make` returns an unfitted pipeline for features of these kinds and values; its last step has `decision_function`.
    `named` holds every class and function (module, name) that its model file names beside those of `SHARED`: nothing
    else is opened. `calibrated` families get a sigmoid. `trim` takes out of a fitted pipeline what only fitting needs.
    `by_rate` makes what competes beside it where a column has very many levels; `encoding` says that it is that one.
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

    @property
    def with_rates(self) -> Family | None:
        """The same family, which knows each level of a column of very many as the share of its rows who left."""
        return replace(self, make=self.by_rate, by_rate=None, encoding=BY_RATE) if self.by_rate else None


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


def outgrown(name: str, choice: str, n_rows: int) -> bool:
    """Return True when a family competes on so many rows that can follow more than the one of this name."""
    names = [family.name for family in KNOWN]
    place = names.index(name) if name in names else len(names)
    return any(names.index(family.name) > place for family in families(choice, n_rows, n_rows))


def many_levels(kinds: Kinds, x: pd.DataFrame) -> list[str]:
    """Return the categorical columns of more than `MANY_LEVELS` levels."""
    return [name for name in _of_kind(kinds, "categorical") if x[name].nunique() > MANY_LEVELS]


def by_rate(kinds: Kinds, x: pd.DataFrame, left: Floats) -> bool:
    """Return True where a family that knows very many levels by their rates competes too."""
    return len(left) >= FEWEST_ROWS and rarer(left) >= FEWEST_OF_EACH and bool(many_levels(kinds, x))


def _logistic(kinds: Kinds, x: pd.DataFrame, rates: bool = False) -> Pipeline:
    """Return a logistic regression on log1p (where non-negative), standardised and one-hot features."""
    groups = [*_standardised(kinds, x), *_levels(kinds, x, rates)]
    return make_pipeline(_columns(groups), LogisticRegression(max_iter=1000))


def _quadratic(kinds: Kinds, x: pd.DataFrame, rates: bool = False) -> Pipeline:
    """Return a logistic regression that knows squares and products of the numeric features too, and is shrunk more.

    Standardised values are cut at ±3: beyond what was often seen a square would run away.
    """
    numeric = _of_kind(kinds, "numeric")
    cut = FunctionTransformer(np.clip, kw_args={"a_min": -3, "a_max": 3})
    terms = PolynomialFeatures(2 if len(numeric) <= MOST_SQUARED else 1, include_bias=False)
    numbers = make_pipeline(_columns(_standardised(kinds, x)), cut, terms, StandardScaler())
    groups = [("numbers", numbers, numeric), *_levels(kinds, x, rates)]
    return make_pipeline(_columns(groups), LogisticRegression(C=0.3, max_iter=1000))


def _boosting(kinds: Kinds, x: pd.DataFrame, rates: bool = False) -> Pipeline:
    """Return gradient boosting on the features as they are; a level that is unknown counts as missing.

    Small trees, a fixed number of them on few rows: a part of few rows, kept back to say when to stop, says it badly.
    """
    many = many_levels(kinds, x) if rates else []
    numeric, categorical = _of_kind(kinds, "numeric"), [it for it in _of_kind(kinds, "categorical") if it not in many]
    known = [name for name in numeric if x[name].notna().sum() >= FEWEST_KNOWN]
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=MOST_LEVELS,
    )
    groups: list[Group] = [("levels", codes, categorical), ("numbers", "passthrough", known)]
    groups += [("rates", _rates(), many)] if many else []
    if not known and not categorical and not many:
        groups = [("numbers", SimpleImputer(keep_empty_features=True), numeric)]
    stops = len(x) >= MANY_ROWS
    trees = HistGradientBoostingClassifier(
        learning_rate=0.15 if stops else 0.1,
        max_leaf_nodes=15 if stops else 8,
        max_iter=100 if stops else 80,
        early_stopping=stops,
        categorical_features=[True] * len(categorical) + [False] * len([*known, *many]) if categorical else None,
        random_state=0,
    )
    return make_pipeline(_columns(groups), trees)


def _trimmed(fitted: Pipeline) -> Pipeline:
    """Take out what only fitting needs: equal trees are equal bytes on every machine, and answer faster.

    The levels come first and as whole numbers from 0, so the trees' own coding of them changes nothing.
    """
    trees = fitted[-1]
    trees._feature_subsample_rng, trees._bin_mapper.n_threads = None, 1
    if trees.is_categorical_ is not None:
        trees._preprocessor = FunctionTransformer()
    return fitted


def _of_kind(kinds: Kinds, kind: str) -> list[str]:
    return [name for name, its_kind in kinds.items() if its_kind == kind]


def _columns(groups: list[Group]) -> ColumnTransformer:
    return ColumnTransformer([group for group in groups if group[2]], verbose_feature_names_out=False)


def _standardised(kinds: Kinds, x: pd.DataFrame) -> list[Group]:
    numeric = _of_kind(kinds, "numeric")
    logged = [name for name in numeric if not (x[name] < 0).any()]
    plain = [name for name in numeric if name not in logged]
    positive = FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": None})  # log1p of less gives no number
    return [
        ("logged", make_pipeline(positive, FunctionTransformer(np.log1p), *_numbers()), logged),
        ("plain", make_pipeline(*_numbers()), plain),
    ]


def _levels(kinds: Kinds, x: pd.DataFrame, rates: bool) -> list[Group]:
    """Return an indicator of each level but the rarest, which share one; where asked rates in place of very many."""
    many = many_levels(kinds, x) if rates else []
    others = [name for name in _of_kind(kinds, "categorical") if name not in many]
    most = MOST_LEVELS if any(x[name].nunique() > MOST_LEVELS for name in others) else None
    rare = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10, max_categories=most)
    doubled = FunctionTransformer(np.interp, kw_args={"xp": [0, 1], "fp": [-1, 1]})  # arctanh(2 p − 1): half log-odds
    scaled = make_pipeline(_rates(), doubled, FunctionTransformer(np.arctanh), StandardScaler())
    return [("levels", rare, others), ("rates", scaled, many)]


def _rates() -> TargetEncoder:
    """Return the share of a level's rows who left, and for a level that was never seen that of all rows.

    In fitting it is the share of rows of other folds, else a rare level would give its rows away.
    """
    return TargetEncoder(target_type="binary", smooth=SMOOTH, **_UNMIXED)


def _numbers() -> tuple[SimpleImputer, StandardScaler]:
    return SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()


_LOGISTIC, _QUADRATIC, _BOOSTING = (partial(make, rates=True) for make in (_logistic, _quadratic, _boosting))
KNOWN: tuple[Family, ...] = (
    Family("logistic", _logistic, allowed_names.LOGISTIC, False, fewest_rows=0, fewest_of_each=0, by_rate=_LOGISTIC),
    Family("quadratic", _quadratic, allowed_names.QUADRATIC, False, by_rate=_QUADRATIC),
    Family("boosting", _boosting, allowed_names.BOOSTING, trim=_trimmed, by_rate=_BOOSTING),
)
