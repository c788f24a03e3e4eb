"""Model quality, calibration and the cost of training, beside scikit-learn's two plain families on the same folds.

The project's own worlds are measured; tables of your own are by `contenders`.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import TypeAdapter
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from risk.modeling import fitting, selection
from risk.modeling.metrics import Floats, evaluate
from risk.reading import reader
from risk.settings.schema import Schema
from risk.simulation import _worlds
from tests.benchmarks.measure import Table, cpu_seconds, full_process, installation

REPEATS, FOLDS, SPLITS, CALLED = 3, 5, 50, 100
NEAR = 0.003  # how far behind the better of the two plain families a figure may lie
MILLION, SAMPLE = 1_000_000, 500_000
LEARNING_CURVE = (10_000, 50_000, 200_000, SAMPLE, MILLION)
NUMBERS = ("lastmonth_activity", "lastyear_activity", "number_of_employees")

Row = tuple[str, str, str, bool | None]


@dataclass(frozen=True)
class Known:
    """A table with outcomes."""

    name: str
    x: pd.DataFrame
    left: Floats
    kinds: dict[str, str]

    def part(self, places: np.ndarray) -> Known:
        return Known(self.name, self.x.iloc[places].reset_index(drop=True), self.left[places], self.kinds)


def bench() -> Table:
    """Measure every table, then the cost."""
    rows: list[Row] = [row for table in made_up(10_000) for row in (*_quality(table), *_calibration(table))]
    return Table(
        "Models",
        f"Out-of-fold, {REPEATS} × {FOLDS} folds, beside a plain logistic regression and plain boosting on the "
        f"same folds. Calibration: {SPLITS} random splits, one fifth to rate. Training: CPU of one thread.",
        [*rows, *_cost(), _whole_run()],
    )


def tables(folder: Path) -> Iterator[Known]:
    """Yield the tables of a folder: of each NAME.csv, with the section `schema` in NAME.json, the labelled rows."""
    for path in sorted(folder.glob("*.json")):
        schema = TypeAdapter(Schema).validate_python(json.loads(path.read_text()))
        frame, content = reader.read_frame(path.with_suffix(".csv"), schema)
        assert not content.fault, content.fault
        frame = frame[frame[schema.target].notna()].reset_index(drop=True)
        x = fitting.features(frame, schema.kinds)
        yield Known(path.stem, x, frame[schema.target].to_numpy(np.float64), dict(schema.kinds))


def made_up(n_rows: int) -> Iterator[Known]:
    for name in ("change", "segment"):
        yield _world(name, n_rows)


def _world(name: str, n_rows: int) -> Known:
    month = _worlds.month(name, 2, clients=n_rows, since=2)
    x = pd.DataFrame({column: np.asarray(getattr(month, column), dtype=np.float64) for column in NUMBERS})
    return Known(f"world {name}", x, month.exited.astype(np.float64), dict.fromkeys(NUMBERS, "numeric"))


def _quality(table: Known) -> Iterator[Row]:
    ours, logistic, boosting = (_scored(table, fit) for fit in (our_model, plain_logistic, plain_boosting))
    auc, loss = max(logistic[0], boosting[0]), min(logistic[1], boosting[1])
    told = f"{table.name} ({len(table.left):,} × {len(table.kinds)})"
    yield (
        f"{told}: AUC, plain {logistic[0]:.4f} and {boosting[0]:.4f}",
        f"{ours[0]:.4f}",
        f"≥ {auc - NEAR:.4f}",
        (ours[0] >= auc - NEAR),
    )
    yield (
        f"{told}: log-loss, plain {logistic[1]:.4f} and {boosting[1]:.4f}",
        f"{ours[1]:.4f}",
        (f"≤ {loss + NEAR:.4f}"),
        ours[1] <= loss + NEAR,
    )
    yield (
        f"{told}: capture of the first tenth, plain {logistic[2]:.3f} and {boosting[2]:.3f}",
        f"{ours[2]:.3f}",
        "",
        None,
    )


def _scored(table: Known, fit: Callable[[Known], Any]) -> tuple[float, float, float]:
    """Return AUC, log-loss and capture of the first tenth, means of the repeats."""
    found = []
    for repeat in range(REPEATS):
        risks = np.empty(len(table.left))
        splits = StratifiedKFold(FOLDS, shuffle=True, random_state=repeat).split(table.x, table.left)
        for learned, rated in splits:
            risks[rated] = fitting.risks_of(fit(table.part(learned)), table.x.iloc[rated])
        scores = evaluate(table.left, risks, 0.5, len(risks) // 10)
        found.append((scores.auc or 0.0, scores.log_loss, scores.capture or 0.0))
    auc, loss, capture = np.mean(found, axis=0)
    return float(auc), float(loss), float(capture)


def _taught(table: Known, choice: str = "auto") -> selection.Challenger:
    n_rows = len(table.left)
    nobody, none = np.arange(n_rows).astype(str), np.zeros(n_rows, dtype=bool)
    return selection.teach(table.x, table.left, nobody, np.zeros(n_rows), none, table.kinds, choice)


def our_model(table: Known) -> Any:
    return _taught(table).estimator


def plain_logistic(table: Known) -> Pipeline:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(table.x, table.left)


def plain_boosting(table: Known) -> Pipeline:
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    columns = make_column_transformer((codes, make_column_selector(dtype_exclude="number")), remainder="passthrough")
    return make_pipeline(columns, HistGradientBoostingClassifier(random_state=0)).fit(table.x, table.left)


def _calibration(table: Known) -> Iterator[Row]:
    """How often the leavers among the clients at the highest risk lie inside the 90 % interval of their risks."""
    inside = 0
    for split in range(SPLITS):
        learned, rated = train_test_split(
            np.arange(len(table.left)), test_size=0.2, random_state=split, stratify=table.left
        )
        risks = fitting.risks_of(our_model(table.part(learned)), table.x.iloc[rated])
        first = np.argsort(-risks, kind="stable")[:CALLED]
        told, left = (
            fitting.expected_leavers(risks[first], len(rated), len(learned)),
            table.left[rated][first].sum(),
        )
        inside += int(told.low <= left <= told.high)
    share = inside / SPLITS
    yield f"{table.name}: leavers of the first {CALLED} inside the interval", f"{share:.0%}", "≥ 85%", share >= 0.85


def _cost() -> Iterator[Row]:
    table = _world("segment", MILLION)
    shuffled = np.random.default_rng(0).permutation(MILLION)
    sample, rated = table.part(shuffled[:SAMPLE]), _world("segment", 200_000)
    with threadpool_limits(1):
        once = sum(_seconds(lambda fit=fit: fit(table)) for fit in (plain_logistic, plain_boosting))
        ours = _seconds(lambda: _taught(sample))
    told = f"training on {MILLION:,} rows (a sample of {SAMPLE:,}: {ours:.0f} s), times the plain families"
    folded = ours / (FOLDS * once)  # five fits of four fifths of the rows, and one of all
    yield f"{told}, out-of-fold and on all rows", f"{folded:.2f} ×", "≤ 1.3 ×", folded <= 1.3
    yield f"{told}, fitted once each", f"{ours / once:.2f} ×", "", None
    for n_rows in LEARNING_CURVE:
        fitted = _taught(table.part(shuffled[:n_rows]), "boosting").estimator if n_rows < MILLION else None
        with threadpool_limits(1):
            fitted = fitted or plain_boosting(table)
        loss = evaluate(rated.left, fitting.risks_of(fitted, rated.x), 0.5, 100).log_loss
        whose = "plain boosting" if n_rows == MILLION else "boosting"
        yield f"log-loss of new clients, {whose} on {n_rows:,} rows", f"{loss:.4f}", "", None


def _seconds(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _whole_run() -> Row:
    with installation("testdata") as root:
        config = json.loads((root / "config.json").read_text())
        (root / "config.json").write_text(json.dumps({it: config[it] for it in config if it.endswith("_path")}))
        (root / "sourcedata").mkdir()
        month = _worlds.month("segment", 1, clients=10_000, since=1)
        columns = {name: getattr(month, name) for name in NUMBERS}
        frame = pd.DataFrame({"corporation": month.client, **columns, "exited": month.exited})
        frame["lastmonth_activity"] = frame["lastmonth_activity"].astype("Int64")
        shutil.rmtree(root / "testdata")
        (root / "testdata").mkdir()
        frame[:1000].to_csv(root / "testdata" / "testdata.csv", index=False)
        frame[1000:].to_csv(root / "sourcedata" / "dataset1.csv", index=False)
        cpu = cpu_seconds(full_process(root))
    return "a whole run with training on 10,000 rows, CPU seconds", f"{cpu:.1f}", "≤ 30", cpu <= 30
