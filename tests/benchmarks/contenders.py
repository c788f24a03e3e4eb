"""Our models beside plain scikit-learn, and LightGBM, XGBoost and CatBoost where they are installed, on equal folds.

Tables of your own: a folder with NAME.csv and NAME.json, the section `schema` of that table's settings. None is
committed and nothing is tuned to one; the project's own worlds are measured besides.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from risk.modeling import fitting
from risk.modeling.metrics import Floats, evaluate, log_losses, log_odds
from tests.benchmarks import models
from tests.benchmarks.measure import Table
from tests.benchmarks.models import Known, Row

FOLDS, NEAR, MOST_PASSES = 5, 1.02, 3.0
OURS, LOGISTIC, BOOSTING = "ours", "plain logistic", "plain boosting"

Rate = Callable[[Known, pd.DataFrame], Floats]  # the risks of some rows by a model of others


@dataclass(frozen=True)
class Rated:
    """What one contender made of a table: the risk of each row by a model that did not see it, and CPU seconds."""

    risks: Floats
    seconds: float


def bench(tables: Path | None = None) -> Table:
    """Rate every table by every contender."""
    rows: list[Row] = []
    ranks: dict[str, list[float]] = {}
    for table in [*(models.tables(tables) if tables else ()), *models.made_up(10_000)]:
        found = {name: _rated(table, rate) for name, rate in _contenders().items()}
        losses = {name: log_losses(table.left, it.risks).mean() for name, it in found.items()}
        for name in losses:
            ranks.setdefault(name, []).append(1 + sum(loss < losses[name] for loss in losses.values()))
        rows += _rows(table, found, losses)
    mean = {name: float(np.mean(places)) for name, places in ranks.items()}
    told = ", ".join(f"{name} {rank:.2f}" for name, rank in sorted(mean.items(), key=lambda it: it[1]))
    rows.append(("average rank by log-loss", told, "ours is first", mean[OURS] == min(mean.values())))
    return Table(
        "Models beside others",
        f"Log-loss, AUC, recall at 10 %, slope of the reliability curve (1 is true) and CPU seconds of {FOLDS} "
        f"stratified folds. Ours may be {NEAR} times the best, beyond its paired one-sided 95 % bound; a training of "
        f"ours may take {MOST_PASSES:g} passes of plain logistic and boosting over all folds.",
        rows,
    )


def _rows(table: Known, found: Mapping[str, Rated], losses: Mapping[str, float]) -> Iterator[Row]:
    told = f"{table.name} ({len(table.left):,} × {len(table.kinds)})"
    best = min(losses, key=lambda name: losses[name])
    behind = log_losses(table.left, found[OURS].risks) - NEAR * log_losses(table.left, found[best].risks)
    error = float(np.std(behind, ddof=1) / np.sqrt(len(behind)))
    base = log_losses(table.left, np.full(len(table.left), table.left.mean())).mean()
    held = bool(behind.mean() <= 1.645 * error and losses[OURS] <= base)
    for name, it in found.items():
        scores = evaluate(table.left, it.risks, 0.5, max(1, len(it.risks) // 10))
        slope = -fitting.fitted_sigmoid(log_odds(it.risks), table.left).slope
        figures = f"{losses[name]:.4f}, {scores.auc:.4f}, {scores.capture:.3f}, {slope:.2f}, {it.seconds:.1f} s"
        goal = f"≤ {NEAR} × {best}, ≤ {base:.4f}" if name == OURS else ""
        yield f"{told}: {name}", figures, goal, held if name == OURS else None
    passes = found[OURS].seconds / FOLDS / (found[LOGISTIC].seconds + found[BOOSTING].seconds)
    yield f"{told}: a training, in passes", f"{passes:.1f}", f"≤ {MOST_PASSES:g}", passes <= MOST_PASSES


def _rated(table: Known, rate: Rate) -> Rated:
    risks, seconds = np.empty(len(table.left)), 0.0
    for learned, rated in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(table.x, table.left):
        part, started = table.part(learned), time.process_time()
        with threadpool_limits(1):
            risks[rated] = rate(part, table.x.iloc[rated])
        seconds += time.process_time() - started
    return Rated(risks, seconds)


def _contenders() -> dict[str, Rate]:
    known: dict[str, Rate] = {
        OURS: lambda part, x: fitting.risks_of(models.our_model(part), x),
        LOGISTIC: lambda part, x: fitting.risks_of(models.plain_logistic(part), x),
        BOOSTING: lambda part, x: fitting.risks_of(models.plain_boosting(part), x),
    }
    others = {"lightgbm": _lightgbm, "xgboost": _xgboost, "catboost": _catboost}
    return known | {name: rate for name, rate in others.items() if importlib.util.find_spec(name)}


def _lightgbm(part: Known, x: pd.DataFrame) -> Floats:
    made = importlib.import_module("lightgbm").LGBMClassifier(verbose=-1, n_jobs=1)
    return _second(made.fit(_levels(part.x, part), part.left), _levels(x, part))


def _xgboost(part: Known, x: pd.DataFrame) -> Floats:
    made = importlib.import_module("xgboost").XGBClassifier(enable_categorical=True, tree_method="hist", n_jobs=1)
    return _second(made.fit(_levels(part.x, part), part.left), _levels(x, part))


def _catboost(part: Known, x: pd.DataFrame) -> Floats:
    names = [name for name, kind in part.kinds.items() if kind == "categorical"]
    texts = [
        frame.assign(**{name: frame[name].fillna("missing").astype(str) for name in names}) for frame in (part.x, x)
    ]
    made = importlib.import_module("catboost").CatBoostClassifier(
        verbose=0, thread_count=1, cat_features=names, allow_writing_files=False
    )
    return _second(made.fit(texts[0], part.left), texts[1])


def _levels(x: pd.DataFrame, part: Known) -> pd.DataFrame:
    """Return the rows with levels as pandas knows them, those of the training rows alone."""
    kinds = {
        name: pd.CategoricalDtype(sorted(part.x[name].dropna().unique()))
        for name, kind in part.kinds.items()
        if kind == "categorical"
    }
    return x.astype(kinds)


def _second(model: Any, x: pd.DataFrame) -> Floats:
    return np.asarray(model.predict_proba(x), dtype=np.float64)[:, 1]
