"""Do new rows look like those that a model learned from? A classifier tries to tell the two apart.

Without outcomes nothing else can be asked. The test sees who the clients are, never why they leave: a change in the
reasons for leaving is invisible to it, and most of what it sees is harmless. So it is told, and trains nothing.

Source: Lopez-Paz and Oquab, Revisiting Classifier Two-Sample Tests, ICLR 2017; the error of the area under the curve:
Mann and Whitney, Annals of Mathematical Statistics 18 (1947).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression

from risk.modeling.fitting import N_FOLDS, folds
from risk.modeling.metrics import Array, Codes, Floats, Marks
from risk.modeling.reference import Feature, Reference

MOST_ROWS = 20_000  # of each side; more would only find what is too small to matter
ALPHA, SMALLEST_AUC = 0.01, 0.55
MOST_NAMED = 3
BLIND = "A change in why clients leave cannot be seen this way: only outcomes tell that."


@dataclass(frozen=True)
class TwoSample:
    """How well new rows are told from learned ones: the area under the curve (0.5 is not at all), its one-sided p,

    the columns that tell the most where they `differ`, and a sentence for people.
    """

    n_rows: int
    n_learned: int
    auc: float
    p: float
    differ: bool
    columns: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class Side:
    """The rows of one side, one array entry a row: features by name and the client's id."""

    features: Mapping[str, Array]
    clients: Array

    @property
    def n_rows(self) -> int:
        return len(self.clients)


def compare(new: Side, learned: Side, reference: Reference) -> TwoSample | None:
    """Return what tells the sides apart; None where one has fewer rows than folds need.

    `reference` describes the features as the model's training rows had them. All rows of a client are rated by a
    classifier that has seen none of them, which makes the test shy where the same clients are on both sides.
    """
    new, learned = _some(new), _some(learned)
    if min(new.n_rows, learned.n_rows) < 2 * N_FOLDS:
        return None
    is_new = np.repeat([1.0, 0.0], [new.n_rows, learned.n_rows])
    fold = folds(np.concatenate([new.clients, learned.clients]), is_new)
    columns = [np.concatenate(pair) for pair in zip(*(_design(it, reference) for it in (new, learned)), strict=True)]
    auc, error = _cross_fitted(np.column_stack(columns), is_new, fold)
    p = _upper_tail((auc - 0.5) / error)
    differ = p < ALPHA and auc > SMALLEST_AUC
    named = _named(new, learned, reference) if differ else ()
    return TwoSample(new.n_rows, learned.n_rows, auc, p, differ, named, _sentence(new.n_rows, auc, differ, named))


def _sentence(n_rows: int, auc: float, differ: bool, named: tuple[str, ...]) -> str:
    if not differ:
        return f"The {n_rows:,} new rows without outcomes look like those with known outcomes (AUC {auc:.2f}). {BLIND}"
    columns = ", ".join(named)
    found = f"differ from those with known outcomes, most in {columns} (AUC {auc:.2f})"
    return f"The {n_rows:,} new rows without outcomes {found}. {BLIND}"


def _some(side: Side) -> Side:
    """Return evenly spaced rows, at most so many."""
    step = math.ceil(side.n_rows / MOST_ROWS) or 1
    return Side({name: values[::step] for name, values in side.features.items()}, side.clients[::step])


def _design(side: Side, reference: Reference) -> list[Floats]:
    """Return the columns of the features, and the squares of the numeric ones: another spread is a difference too."""
    found = []
    for feature in reference.features:
        columns = feature.columns(side.features[feature.name])
        found += [*columns, *([columns[0] ** 2] if feature.kind == "numeric" else [])]
    return found


def _cross_fitted(design: Floats, is_new: Floats, fold: Codes) -> tuple[float, float]:
    """Return the mean area under the curve of the folds, and its standard error where nothing differs."""
    areas, variances = [], []
    for number in range(N_FOLDS):
        inside = fold == number
        n_new, n_learned = int(is_new[inside].sum()), int((1 - is_new[inside]).sum())
        if not n_new or not n_learned or len(set(is_new[~inside].tolist())) < 2:
            continue
        told = LogisticRegression(max_iter=200).fit(design[~inside], is_new[~inside])
        areas.append(_area(told.decision_function(design[inside]), is_new[inside] == 1))
        variances.append((n_new + n_learned + 1) / (12 * n_new * n_learned))
    return (float(np.mean(areas)), math.sqrt(sum(variances)) / len(areas)) if areas else (0.5, 1.0)


def _named(new: Side, learned: Side, reference: Reference) -> tuple[str, ...]:
    """Return the features that tell the most by themselves."""
    told = [(_apart(feature, new, learned), feature.name) for feature in reference.features]
    clearest = sorted(told, key=lambda it: (-it[0], it[1]))
    limit = -_quantile(ALPHA / (2 * len(told)))
    return tuple(name for apart, name in clearest[:MOST_NAMED] if apart > limit) or (clearest[0][1],)


def _apart(feature: Feature, new: Side, learned: Side) -> float:
    """Return by how many standard errors the feature's clearest column, or its spread, differs between the sides."""
    columns = [feature.columns(side.features[feature.name]) for side in (new, learned)]
    pairs = list(zip(*columns, strict=True))
    if feature.kind == "numeric":
        pairs.append((np.abs(columns[0][0]), np.abs(columns[1][0])))
    n_new, n_learned = new.n_rows, learned.n_rows
    error = math.sqrt((n_new + n_learned + 1) / (12 * n_new * n_learned))
    is_new = np.repeat([True, False], [n_new, n_learned])
    return max((abs(_area(np.concatenate(pair), is_new) - 0.5) / error for pair in pairs), default=0.0)


def _area(values: Floats, is_new: Marks) -> float:
    """Return the share of pairs of a new and a learned row in which the new one has the higher value; ties are half."""
    n_new = int(is_new.sum())
    ranks = rankdata(values)[is_new].sum()
    return float((ranks - n_new * (n_new + 1) / 2) / (n_new * (len(values) - n_new)))


def _upper_tail(z: float) -> float:
    return 0.5 * math.erfc(z / math.sqrt(2))


def _quantile(p: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)
