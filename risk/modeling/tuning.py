"""How far a family follows its rows: the size that does best on clients it has not seen, along the family's ladder.

A size is a strength (the inverse penalty of a regression, the leaves of a tree) and, of trees, how many. The climb
begins in the middle of the ladder and goes on while it helps; trees are added while the last ones helped. As many folds
as are needed say how far to climb; which of the sizes that all have tried rates a fold is chosen by the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from risk.modeling import fitting
from risk.modeling.families import Family, Size
from risk.modeling.fitting import FEWEST_OF_EACH, N_FOLDS, rate
from risk.modeling.metrics import Array, Codes, Floats, Kinds, Marks, log_losses

MOST_TUNED = 30_000  # rows; of more a sample shows what a size does
FIRST_LEAVES, MOST_LEAVES = 1_600, 6_400  # of all trees: by which strengths are compared, and that one may grow to
MOST_FIRST_TREES = 200  # at most: many small trees are nearer to their best than few large ones
FEWEST_SCOUTED, FEWEST_SCOUTS = 1_000, 2  # rows, and folds that hold them, by which sizes are compared


@dataclass(frozen=True)
class Labelled:
    """The labelled rows, one entry per row: features, 1 for who left, client, fold, and whether the row is recent."""

    x: pd.DataFrame
    left: Floats
    clients: Array
    fold: Codes
    recent: Marks
    kinds: Kinds

    @property
    def everyone(self) -> Marks:
        return np.ones(len(self.left), dtype=bool)

    @cached_property
    def coded(self) -> pd.DataFrame:
        """The features with levels as numbers in the order of their names: models make the same of them, and sooner."""
        texts = [name for name, kind in self.kinds.items() if kind == "categorical"]
        places = {name: pd.factorize(self.x[name], sort=True)[0] for name in texts}
        return self.x.assign(**{name: np.where(place < 0, np.nan, place) for name, place in places.items()})

    @property
    def recent_tells(self) -> bool:
        """Whether there are recent rows and they hold both outcomes."""
        return len(set(self.left[self.recent].tolist())) == 2


@dataclass(frozen=True)
class Tuned:
    """The out-of-fold risk of every row at each size that was tried."""

    risks: Mapping[Size, Floats]

    def best(self, left: Floats, rows: Marks) -> Size:
        """Return the size with the least mean log-loss on these rows, of equals (and without rows) the smaller."""
        if not rows.any():
            return min(self.risks)
        losses = {size: log_losses(left[rows], risks[rows]).mean() for size, risks in self.risks.items()}
        return min(losses, key=lambda size: (losses[size], size))


def tune(family: Family, labelled: Labelled, rows: Marks) -> Tuned:
    """Climb the ladder of a family trained on `rows`. Of very many rows the size is chosen on a sample."""
    if len(family.ladder) < 2:
        return Tuned({family.first: _whole(family, labelled, rows, family.first)})
    inside = np.flatnonzero(rows)
    if len(inside) <= MOST_TUNED:
        return Tuned(_Climb(family, labelled, rows).risks)
    drawn = np.sort(np.random.default_rng(0).choice(inside, MOST_TUNED, replace=False))
    sample = Labelled(
        labelled.x.iloc[drawn], labelled.left[drawn], labelled.clients[drawn], labelled.fold[drawn],
        labelled.recent[drawn], labelled.kinds,
    )  # fmt: skip
    size = Tuned(_Climb(family, sample, sample.everyone).risks).best(sample.left, sample.everyone)
    return Tuned({size: _whole(family, labelled, rows, size)})


def _whole(family: Family, labelled: Labelled, rows: Marks, size: Size) -> Floats:
    risks = np.empty(len(labelled.left))
    for number in range(N_FOLDS):
        here = labelled.fold == number
        risks[here] = risks_after(family, labelled.kinds, labelled.x, labelled.left, rows & ~here, here, size)
    return risks


def risks_after(
    family: Family, kinds: Kinds, x: pd.DataFrame, left: Floats, rows: Marks, inside: Marks, size: Size | None = None
) -> Floats:
    """The risks of the rows `inside` by a model trained on `rows`, or their rate where they are too few.

    Of more than `MOST_FOLD_ROWS` a seeded sample is drawn.
    """
    trained = np.flatnonzero(rows)
    if len(trained) > fitting.MOST_FOLD_ROWS:
        trained = np.sort(np.random.default_rng(0).choice(trained, fitting.MOST_FOLD_ROWS, replace=False))
    if not inside.any() or _too_few(left[rows]):
        return np.full(int(inside.sum()), rate(left[rows]))
    fitted = fitting.fit(family, kinds, x.iloc[trained], left[trained], size)
    with family.guard():
        return fitting.risks_of(fitted, x[inside])


def _too_few(left: Floats) -> bool:
    return bool(min(left.sum(), len(left) - left.sum()) < FEWEST_OF_EACH)


class _Climb:
    """The fits of one family, one a fold and strength. Only the last step differs between strengths."""

    def __init__(self, family: Family, labelled: Labelled, rows: Marks):
        self._family, self._labelled, self._rows = family, labelled, rows
        self._tried: dict[Size, Floats] = {}
        scouts = min(N_FOLDS, max(FEWEST_SCOUTS, ceil(N_FOLDS * FEWEST_SCOUTED / max(1, rows.sum()))))
        with family.guard():
            self._folds = [self._fold(number) for number in range(N_FOLDS)]
            self._asked = self._rows & (labelled.fold < scouts)
            best = self._walk(range(scouts))
            while trees := self._more(best):
                self._add(best, range(scouts), trees)
            self._add(best, range(scouts, N_FOLDS), max(self._first_trees(best), self._best_trees(best)))

    @property
    def risks(self) -> dict[Size, Floats]:
        """The risks at the sizes that every fold has tried."""
        return {size: risks for size, risks in self._tried.items() if not np.isnan(risks).any()}

    def _walk(self, folds: range) -> float:
        """Return the best strength: go down the ladder while a rung is better than the one before, else up."""
        ladder, start = self._family.ladder, self._family.ladder.index(self._family.first.strength)
        if self._family.floor:
            self._add(ladder[0], range(N_FOLDS))
        self._add(ladder[start], folds)
        best = ladder[start]
        for rungs in (ladder[:start][::-1], ladder[start + 1 :]):
            for strength in rungs if best == ladder[start] else ():
                self._add(strength, folds)
                if self._loss_at(strength) >= self._loss_at(best):
                    break
                best = strength
        return best

    def _more(self, strength: float) -> int:
        """Return up to how many trees a strength may go on, if the last ones helped; 0 where it may not."""
        tried = max(self._trees(strength))
        further = [it for it in self._family.stages if tried < it <= MOST_LEAVES / strength]
        return further[0] if further and self._best_trees(strength) == tried else 0

    def _best_trees(self, strength: float) -> int:
        return min(self._trees(strength), key=lambda trees: self._loss(Size(strength, trees)))

    def _trees(self, strength: float) -> list[int]:
        return [size.trees for size in self._tried if size.strength == strength]

    def _loss_at(self, strength: float) -> float:
        return self._loss(Size(strength, self._best_trees(strength)))

    def _loss(self, size: Size) -> float:
        return float(log_losses(self._labelled.left[self._asked], self._tried[size][self._asked]).mean())

    def _add(self, strength: float, folds: range, trees: int | None = None) -> None:
        """Fit a strength on some folds with so many trees, or at first with as many leaves in all for each strength."""
        for number in folds:
            self._fit(number, strength, self._first_trees(strength) if trees is None else trees)

    def _first_trees(self, strength: float) -> int:
        return min(MOST_FIRST_TREES, int(FIRST_LEAVES / strength)) if self._family.stages else 0

    def _fold(self, number: int) -> _Fold | None:
        here, left = self._labelled.fold == number, self._labelled.left
        rows = self._rows & ~here
        if not here.any() or _too_few(left[rows]):
            return None
        x, y = self._labelled.coded[rows], left[rows].astype(np.int64)
        pipeline = self._family.make(self._labelled.kinds, x)
        columns = pipeline[:-1].fit_transform(x, y)
        return _Fold(pipeline[-1], columns, y, pipeline[:-1].transform(self._labelled.coded[here]))

    def _fit(self, number: int, strength: float, trees: int) -> None:
        """Fit one fold's model, or add trees to it, and note its risks at each size."""
        here, fold = self._labelled.fold == number, self._folds[number]
        sizes = [Size(strength, it) for it in self._family.stages if it <= trees] or [Size(strength)]
        for size in sizes:
            self._tried.setdefault(size, np.full(len(here), np.nan))
        if fold is None:
            for size in sizes:
                self._tried[size][here] = rate(self._labelled.left[self._rows & ~here])
            return
        model = fold.models.setdefault(strength, clone(fold.last))
        model.set_params(**self._family.sized(Size(strength, trees)), **({"warm_start": True} if trees else {}))
        model.fit(fold.columns, fold.y)
        for size, risks in _staged(model, fold.unseen, sizes):
            self._tried[size][here] = np.round(risks, 12)


@dataclass(frozen=True)
class _Fold:
    """The unfitted last step of a pipeline, its rows and their labels, and the rows of the fold itself."""

    last: Any
    columns: Any
    y: Array
    unseen: Any
    models: dict[float, Any] = field(default_factory=dict)


def _staged(model: Any, unseen: Any, sizes: list[Size]) -> Iterator[tuple[Size, Floats]]:
    if not sizes[0].trees:
        yield sizes[0], np.asarray(model.predict_proba(unseen)[:, 1])
        return
    asked = {size.trees: size for size in sizes}
    for trees, risks in enumerate(model.staged_predict_proba(unseen), start=1):
        if trees in asked:
            yield asked[trees], np.asarray(risks[:, 1])
