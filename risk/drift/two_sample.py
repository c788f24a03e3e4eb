"""Do new rows look like those that a model was trained on? A classifier tries to tell the two apart.

Without outcomes nothing else can be asked. The test sees who the clients are, never why they leave: a change in the
reasons for leaving is invisible to it, and most of what it sees is harmless. So it is reported, and trains nothing.

Source: Lopez-Paz and Oquab, Revisiting Classifier Two-Sample Tests, ICLR 2017; the error of the area under the curve:
Mann and Whitney, Annals of Mathematical Statistics 18 (1947).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression

from risk.modeling.fitting import N_FOLDS, folds
from risk.modeling.metrics import Array, Codes, Floats, Marks
from risk.modeling.reference import Reference, ReferenceFeature

MOST_ROWS = 20_000  # of each side; more would only find what is too small to matter
ALPHA, SMALLEST_AUC = 0.01, 0.55
MOST_NAMED = 3
BLIND = "A change in why clients leave cannot be seen this way: only outcomes tell that."


@dataclass(frozen=True)
class TwoSample:
    """How well new rows are told from training rows: the area under the curve (0.5 is not at all) and its one-sided p.

    `columns` tell the most where they `differ`; a sentence is for people.
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
    """The rows of one side, one array entry per row: features by name and the client's id."""

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
    new, learned = _sampled(new), _sampled(learned)
    if min(new.n_rows, learned.n_rows) < 2 * N_FOLDS:
        return None
    is_new = np.repeat([1.0, 0.0], [new.n_rows, learned.n_rows])
    fold = folds(np.concatenate([new.clients, learned.clients]), is_new)
    columns = [np.concatenate(pair) for pair in zip(*(_design(it, reference) for it in (new, learned)), strict=True)]
    auc, error = _cross_fitted(np.column_stack(columns), is_new, fold)
    p = 0.5 * math.erfc((auc - 0.5) / error / math.sqrt(2))
    differ = p < ALPHA and auc > SMALLEST_AUC
    named = _named(new, learned, reference) if differ else ()
    found = f"differ from those with known outcomes, most in {', '.join(named)}"
    sentence = f"{found if differ else 'look like those with known outcomes'} (AUC {auc:.2f}). {BLIND}"
    sentence = f"The {new.n_rows:,} new rows without outcomes {sentence}"
    return TwoSample(new.n_rows, learned.n_rows, auc, p, differ, named, sentence)


def _sampled(side: Side) -> Side:
    """Evenly spaced rows, at most so many."""
    step = math.ceil(side.n_rows / MOST_ROWS) or 1
    return Side({name: values[::step] for name, values in side.features.items()}, side.clients[::step])


def _design(side: Side, reference: Reference) -> list[Floats]:
    """The columns of the features, and the squares of the numeric ones: another spread is a difference too."""
    design = []
    for feature in reference.features:
        columns = feature.columns(side.features[feature.name])
        design += [*columns, *([columns[0] ** 2] if feature.kind == "numeric" else [])]
    return design


def _cross_fitted(design: Floats, is_new: Floats, fold: Codes) -> tuple[float, float]:
    """The mean area under the curve of the folds, and its standard error where nothing differs."""
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
    """The features that tell the most by themselves."""
    told = [(_apart(feature, new, learned), feature.name) for feature in reference.features]
    clearest = sorted(told, key=lambda it: (-it[0], it[1]))
    limit = -NormalDist().inv_cdf(ALPHA / (2 * len(told)))
    return tuple(name for apart, name in clearest[:MOST_NAMED] if apart > limit) or (clearest[0][1],)


def _apart(feature: ReferenceFeature, new: Side, learned: Side) -> float:
    """By how many standard errors the feature's clearest column, or its spread, differs between the sides."""
    columns = [feature.columns(side.features[feature.name]) for side in (new, learned)]
    pairs = list(zip(*columns, strict=True))
    if feature.kind == "numeric":
        pairs.append((np.abs(columns[0][0]), np.abs(columns[1][0])))
    n_new, n_learned = new.n_rows, learned.n_rows
    error = math.sqrt((n_new + n_learned + 1) / (12 * n_new * n_learned))
    is_new = np.repeat([True, False], [n_new, n_learned])
    return max((abs(_area(np.concatenate(pair), is_new) - 0.5) / error for pair in pairs), default=0.0)


def _area(values: Floats, is_new: Marks) -> float:
    """The share of pairs of a new and a training row in which the new one has the higher value; ties are half."""
    n_new = int(is_new.sum())
    ranks = rankdata(values)[is_new].sum()
    return float((ranks - n_new * (n_new + 1) / 2) / (n_new * (len(values) - n_new)))
