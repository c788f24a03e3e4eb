"""The families of models that compete, the simpler first. `KNOWN` is the one place to add one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from risk.modeling.metrics import Floats, Kinds

Name = tuple[str, str]
Group = tuple[str, object, list[str]]  # of columns: its name, what becomes of them, their names

AUTO = "auto"
MOST_LEVELS = 200  # of one column; trees take 255 at most, the rarest share one
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
    """

    name: str
    make: Callable[[Kinds, pd.DataFrame], Pipeline]
    named: frozenset[Name]
    calibrated: bool = True
    fewest_rows: int = FEWEST_ROWS
    fewest_of_each: int = FEWEST_OF_EACH
    trim: Callable[[Pipeline], Pipeline] = lambda fitted: fitted


def families(choice: str, n_rows: int, n_rarer: int) -> tuple[Family, ...]:
    """Return the families that compete on so many rows with so many of the rarer outcome, the simpler first.

    `choice` is `auto` or one by name; where that one needs more rows, the simplest takes its place.
    """
    chosen = [family for family in KNOWN if choice in (AUTO, family.name)]
    able = [it for it in chosen if n_rows >= it.fewest_rows and n_rarer >= it.fewest_of_each]
    return tuple(able or KNOWN[:1])


def rarer(left: Floats) -> int:
    """Return how many rows have the rarer of the two outcomes."""
    return int(min(left.sum(), len(left) - left.sum()))


def short_of(choice: str, left: Floats) -> str | None:
    """Return why a family that is fixed by name cannot be fitted on these rows; None where it can."""
    fixed = next((family for family in KNOWN if family.name == choice), None)
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


def _logistic(kinds: Kinds, x: pd.DataFrame) -> Pipeline:
    """Return a logistic regression on log1p (where non-negative), standardised and one-hot features."""
    return make_pipeline(_columns([*_standardised(kinds, x), _levels(kinds)]), LogisticRegression(max_iter=1000))


def _quadratic(kinds: Kinds, x: pd.DataFrame) -> Pipeline:
    """Return a logistic regression that knows squares and products of the numeric features too, and is shrunk more.

    Standardised values are cut at ±3: beyond what was often seen a square would run away.
    """
    numeric = _of_kind(kinds, "numeric")
    cut = FunctionTransformer(np.clip, kw_args={"a_min": -3, "a_max": 3})
    terms = PolynomialFeatures(2 if len(numeric) <= MOST_SQUARED else 1, include_bias=False)
    numbers = make_pipeline(_columns(_standardised(kinds, x)), cut, terms, StandardScaler())
    groups = [("numbers", numbers, numeric), _levels(kinds)]
    return make_pipeline(_columns(groups), LogisticRegression(C=0.3, max_iter=1000))


def _boosting(kinds: Kinds, x: pd.DataFrame) -> Pipeline:
    """Return gradient boosting on the features as they are; a level that is unknown counts as missing.

    Small trees, a fixed number of them on few rows: a part of few rows, kept back to say when to stop, says it badly.
    """
    numeric, categorical = _of_kind(kinds, "numeric"), _of_kind(kinds, "categorical")
    known = [name for name in numeric if x[name].notna().sum() >= FEWEST_KNOWN]
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=MOST_LEVELS,
    )
    groups: list[Group] = [("levels", codes, categorical), ("numbers", "passthrough", known)]
    if not known and not categorical:
        groups = [("numbers", SimpleImputer(keep_empty_features=True), numeric)]
    many = len(x) >= MANY_ROWS
    trees = HistGradientBoostingClassifier(
        learning_rate=0.15 if many else 0.1,
        max_leaf_nodes=15 if many else 8,
        max_iter=100 if many else 80,
        early_stopping=many,
        categorical_features=[True] * len(categorical) + [False] * len(known) if categorical else None,
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


def _levels(kinds: Kinds) -> Group:
    rare = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10)
    return "levels", rare, _of_kind(kinds, "categorical")


def _numbers() -> tuple[SimpleImputer, StandardScaler]:
    return SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()


def _named(names: Mapping[str, str]) -> frozenset[Name]:
    return frozenset((module, name) for module, listed in names.items() for name in listed.split())


# What every model file names: the columns, the sigmoid and the threshold around a family's own estimator.
SHARED = _named(
    {
        "builtins": "slice",
        "numpy": "dtype float64 ndarray",
        "numpy._core.multiarray": "_reconstruct scalar",
        "sklearn.calibration": "CalibratedClassifierCV _CalibratedClassifier _SigmoidCalibration",
        "sklearn.compose._column_transformer": "ColumnTransformer",
        "sklearn.frozen._frozen": "FrozenEstimator",
        "sklearn.model_selection._classification_threshold": "FixedThresholdClassifier",
        "sklearn.pipeline": "Pipeline",
        "sklearn.preprocessing._function_transformer": "FunctionTransformer",
    }
)
_OF_LOGISTIC = _named(
    {
        "numpy": "clip log1p",
        "sklearn.impute._base": "MissingIndicator SimpleImputer",
        "sklearn.linear_model._logistic": "LogisticRegression",
        "sklearn.preprocessing._data": "StandardScaler",
        "sklearn.preprocessing._encoders": "OneHotEncoder",
    }
)
_OF_QUADRATIC = _OF_LOGISTIC | _named({"sklearn.preprocessing._polynomial": "PolynomialFeatures"})
_OF_BOOSTING = _named(
    {
        "sklearn._loss._loss": "CyHalfBinomialLoss",
        "sklearn._loss.link": "Interval LogitLink",
        "sklearn._loss.loss": "HalfBinomialLoss",
        "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": "HistGradientBoostingClassifier",
        "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
        "sklearn.preprocessing._encoders": "OrdinalEncoder",
        "sklearn.preprocessing._label": "LabelEncoder",
    }
)
# Names in files of scikit-learn before 1.9, by which nothing is looked for.
RENAMED: dict[Name, Name] = {("_loss", "CyHalfBinomialLoss"): ("sklearn._loss._loss", "CyHalfBinomialLoss")}
KNOWN: tuple[Family, ...] = (
    Family("logistic", _logistic, _OF_LOGISTIC, calibrated=False, fewest_rows=0, fewest_of_each=0),
    Family("quadratic", _quadratic, _OF_QUADRATIC, calibrated=False),
    Family("boosting", _boosting, _OF_BOOSTING, trim=_trimmed),
)
