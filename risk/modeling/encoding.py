"""How the columns of client rows enter a model: numbers standardised or as they are, levels by indicator or by rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import skew
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, TargetEncoder

from risk.modeling.metrics import Floats, Kinds

Group = tuple[str, object, list[str]]  # of columns: its name, what becomes of them, their names

MOST_LEVELS = 200  # of one column; the rarest share one
MANY_LEVELS = 50  # of one column; with more of them, a regression competes with rates in place of levels too
FAR = 4.0  # standard deviations
SMOOTH = 20.0  # rows of the average rate that are added to those of a level: rare ones tell little
# The rows come in the order of a hash, so they need not be mixed; scikit-learn says so in another way before 1.9.
_SPLITS = "cv_object" in TargetEncoder._parameter_constraints["cv"]
_UNMIXED: dict[str, Any] = {"cv": StratifiedKFold(5)} if _SPLITS else {"shuffle": False}


def many_levels(kinds: Kinds, x: pd.DataFrame) -> list[str]:
    """Return the categorical columns of more than `MANY_LEVELS` levels."""
    return [name for name in of_kind(kinds, "categorical") if x[name].nunique() > MANY_LEVELS]


def of_kind(kinds: Kinds, kind: str) -> list[str]:
    return [name for name, its_kind in kinds.items() if its_kind == kind]


def columns(groups: list[Group]) -> ColumnTransformer:
    return ColumnTransformer([group for group in groups if group[2]], verbose_feature_names_out=False)


def standardised(kinds: Kinds, x: pd.DataFrame, both: bool = False) -> list[Group]:
    """Return each number as it is, or its logarithm where that is less skew; where asked both of them there.

    Beside its logarithm a number counts as far as ±`FAR`: how large it grows with clients yet to come nobody has seen.
    """
    numeric = of_kind(kinds, "numeric")
    logged = [name for name in numeric if _is_skew(x[name].dropna().to_numpy())]
    plain, beside = [name for name in numeric if name not in logged], logged if both else []
    positive = FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": None})  # log1p of less gives no number
    return [
        ("logged", make_pipeline(positive, FunctionTransformer(np.log1p), *_numbers()), logged),
        ("plain", make_pipeline(*_numbers()), plain),
        ("beside", make_pipeline(*_numbers(blanks=False), cut(FAR)), beside),
    ]


def cut(limit: float) -> FunctionTransformer:
    """Cut standardised values at ± this limit."""
    return FunctionTransformer(np.clip, kw_args={"a_min": -limit, "a_max": limit})


def _is_skew(values: Floats) -> bool:
    """Return whether a logarithm makes these numbers less skew."""
    if not len(values) or (values < 0).any() or values.min() == values.max():
        return False
    return bool(abs(skew(np.log1p(values))) < abs(skew(values)))


def levels(kinds: Kinds, x: pd.DataFrame, rates: bool) -> list[Group]:
    """Return an indicator of each level but the rarest, which share one; where asked rates in place of very many."""
    many = many_levels(kinds, x) if rates else []
    others = [name for name in of_kind(kinds, "categorical") if name not in many]
    most = MOST_LEVELS if any(x[name].nunique() > MOST_LEVELS for name in others) else None
    rare = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10, max_categories=most)
    doubled = FunctionTransformer(np.interp, kw_args={"xp": [0, 1], "fp": [-1, 1]})  # arctanh(2 p − 1): half log-odds
    scaled = make_pipeline(by_rates(), doubled, FunctionTransformer(np.arctanh), StandardScaler())
    return [("levels", rare, others), ("rates", scaled, many)]


def by_rates() -> TargetEncoder:
    """Return the share of a level's rows who left, and for a level that was never seen that of all rows.

    In fitting it is the share of rows of other folds, else a rare level would give its rows away.
    """
    return TargetEncoder(target_type="binary", smooth=SMOOTH, **_UNMIXED)


def _numbers(blanks: bool = True) -> tuple[SimpleImputer, StandardScaler]:
    return SimpleImputer(strategy="median", add_indicator=blanks, keep_empty_features=True), StandardScaler()
