"""The candidates for the challenger: each rates rows that it has not seen, and is made once it is chosen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from risk.modeling import fitting
from risk.modeling.families import Family
from risk.modeling.fitting import N_FOLDS, Sigmoid, fitted_sigmoid, risks_after
from risk.modeling.metrics import Array, Codes, Floats, Kinds, Marks, log_odds

ALL_ROWS, RECENT_ROWS, RECALIBRATED, FORMER = "all rows", "recent rows", "recalibrated", "former release"


@dataclass(frozen=True)
class Incumbent:
    """A released model as it is, with its risk of every labelled row: out-of-fold where it was trained on the row."""

    release: str
    family: str
    estimator: Any
    threshold: float
    risks: Floats
    encoding: str = ""


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

    @property
    def recent_tells(self) -> bool:
        """Whether there are recent rows and they hold both outcomes."""
        return len(set(self.left[self.recent].tolist())) == 2


class Candidate(ABC):
    """What may become the challenger. `rows` marks the labelled rows that it is trained on."""

    encoding = ""

    def __init__(self, learned: str, family: str, labelled: Labelled, rows: Marks, incumbent: Incumbent | None = None):
        self.learned, self.family, self.labelled, self.rows, self.incumbent = learned, family, labelled, rows, incumbent

    @property
    def name(self) -> str:
        where = f" {self.incumbent.release}" if self.incumbent else ""
        return ", ".join(filter(None, [f"{self.learned}{where}", self.family, self.encoding]))

    @abstractmethod
    def make(self) -> Any:
        """Return the fitted estimator."""

    @abstractmethod
    def rate(self, fold: int, outer: int) -> Floats:
        """Return the risks of a fold's rows, stated by what has seen neither that fold nor the fold `outer`."""

    @abstractmethod
    def forward(self, newest: Marks) -> Floats:
        """Return the risks of the newest rows, stated by what was trained in the same way without them."""

    def risks(self, outer: int | None = None) -> Floats:
        """Return the out-of-fold risk of every row; with a fold `outer` of the others, by what has not seen it."""
        fold, risks = self.labelled.fold, np.full(len(self.labelled.left), np.nan)
        for number in set(range(N_FOLDS)) - {outer}:
            risks[fold == number] = self.rate(number, number if outer is None else outer)
        return risks


class Fitted(Candidate):
    """A family fitted on some of the rows. The models that lack one fold or two are fitted once each."""

    def __init__(self, labelled: Labelled, family: Family, learned: str, rows: Marks):
        super().__init__(learned, family.name, labelled, rows)
        self.encoding = family.encoding
        self._family, self._rated = family, dict[tuple[int, frozenset[int]], Floats]()

    def make(self) -> Any:
        return fitting.fit(self._family, self.labelled.kinds, self.labelled.x[self.rows], self.labelled.left[self.rows])

    def rate(self, fold: int, outer: int) -> Floats:
        without = frozenset({fold, outer})
        if (fold, without) not in self._rated:
            out = np.isin(self.labelled.fold, list(without))
            risks = self._after(self.rows & ~out, out)
            for number in without:
                self._rated[number, without] = risks[self.labelled.fold[out] == number]
        return self._rated[fold, without]

    def forward(self, newest: Marks) -> Floats:
        return self._after(self.rows & ~newest, newest)

    def _after(self, rows: Marks, inside: Marks) -> Floats:
        return risks_after(self._family, self.labelled.kinds, self.labelled.x, self.labelled.left, rows, inside)


class Calibrated(Candidate):
    """A family with one sigmoid, fitted on its out-of-fold risks; each fold is rated by the sigmoid of other folds."""

    def __init__(self, labelled: Labelled, family: Family, learned: str, rows: Marks):
        super().__init__(learned, family.name, labelled, rows)
        self.encoding = family.encoding
        self._family, self._bare = family, Fitted(labelled, family, learned, rows)

    def make(self) -> Any:
        return fitting.calibrated(self._bare.make(), self._sigmoid(self._bare.risks(), self.rows))

    def rate(self, fold: int, outer: int) -> Floats:
        others = ~np.isin(self.labelled.fold, [fold, outer])
        sigmoid = self._sigmoid(self._bare.risks(outer), self.rows & others)
        return sigmoid.risks(log_odds(self._bare.rate(fold, outer)))

    def forward(self, newest: Marks) -> Floats:
        before = Fitted(self.labelled, self._family, self.learned, self.rows & ~newest)
        return self._sigmoid(before.risks(), before.rows).risks(log_odds(before.forward(newest)))

    def _sigmoid(self, risks: Floats, rows: Marks) -> Sigmoid:
        return fitted_sigmoid(log_odds(risks[rows]), self.labelled.left[rows])


class Recalibrated(Candidate):
    """The champion with a new sigmoid from the recent rows. They are news to it, so its risks of them are honest."""

    def __init__(self, labelled: Labelled, champion: Incumbent):
        super().__init__(RECALIBRATED, champion.family, labelled, labelled.recent)
        self.encoding = champion.encoding
        self._champion, self._odds = champion, log_odds(champion.risks)

    def make(self) -> Any:
        base, former = fitting.parts(self._champion.estimator)
        return fitting.calibrated(base, self._sigmoid(self.rows).after(former))

    def rate(self, fold: int, outer: int) -> Floats:
        sigmoid = self._sigmoid(self.rows & ~np.isin(self.labelled.fold, [fold, outer]))
        return sigmoid.risks(self._odds[self.labelled.fold == fold])

    def forward(self, newest: Marks) -> Floats:
        return self._sigmoid(self.rows & ~newest).risks(self._odds[newest])

    def _sigmoid(self, rows: Marks) -> Sigmoid:
        return fitted_sigmoid(self._odds[rows], self.labelled.left[rows])


class Former(Candidate):
    """The release before the live one, as it is: it has seen no row that is news to the champion."""

    def __init__(self, labelled: Labelled, former: Incumbent):
        super().__init__(FORMER, former.family, labelled, labelled.recent, former)
        self.encoding = former.encoding

    def make(self) -> Any:
        assert self.incumbent
        return self.incumbent.estimator

    def rate(self, fold: int, outer: int) -> Floats:
        return self.forward(self.labelled.fold == fold)

    def forward(self, newest: Marks) -> Floats:
        assert self.incumbent
        return self.incumbent.risks[newest]
