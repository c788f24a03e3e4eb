"""What model files of our families name, by exact names. Nothing else in a file is opened."""

from __future__ import annotations

from collections.abc import Mapping

Name = tuple[str, str]  # module and class or function


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
LOGISTIC = _named(
    {
        "numpy": "clip log1p",
        "sklearn.impute._base": "MissingIndicator SimpleImputer",
        "sklearn.linear_model._logistic": "LogisticRegression",
        "sklearn.preprocessing._data": "StandardScaler",
        "sklearn.preprocessing._encoders": "OneHotEncoder",
    }
)
_RATES = _named(
    {
        "sklearn.model_selection._split": "StratifiedKFold",
        "sklearn.preprocessing._target_encoder": "TargetEncoder",
    }
)
LOGISTIC |= _RATES | _named({"numpy": "arctanh interp"})
QUADRATIC = LOGISTIC | _named({"sklearn.preprocessing._polynomial": "PolynomialFeatures"})
BOOSTING = _RATES | _named(
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
OWN = _named({"risk.modeling.odds": "WithOdds"})  # around an estimator of one's own
# Names in files of scikit-learn before 1.9, by which nothing is looked for.
RENAMED: dict[Name, Name] = {("_loss", "CyHalfBinomialLoss"): ("sklearn._loss._loss", "CyHalfBinomialLoss")}
