"""The candidates for the challenger: each rates rows that it has not seen, and is made once it is chosen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from risk.modeling import fitting
from risk.modeling.families import Family, Size
from risk.modeling.fitting import N_FOLDS, Sigmoid, fitted_sigmoid
from risk.modeling.metrics import Floats, Marks, log_odds
from risk.modeling.tuning import Labelled, Tuned, risks_after, tune

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


class Candidate(ABC):
    """What may become the challenger. `rows` marks the labelled rows that it is trained on."""

    encoding = ""

    def __init__(self, learned: str, family: str, labelled: Labelled, rows: Marks, incumbent: Incumbent | None = None):
        self.learned, self.family, self.labelled, self.rows, self.incumbent = learned, family, labelled, rows, incumbent

    @property
    def name(self) -> str:
        where = f" {self.incumbent.release}" if self.incumbent else ""
        return ", ".join(filter(None, [f"{self.learned}{where}", self.family, self.encoding]))

    @property
    def size_in_words(self) -> str:
        return ""

    @abstractmethod
    def make(self) -> Any:
        """Return the fitted estimator."""

    @abstractmethod
    def risks(self) -> Floats:
        """Return the risk of every row, stated by what has not seen the row's fold."""

    @abstractmethod
    def forward(self, newest: Marks) -> Floats:
        """Return the risks of the newest rows, stated by what was trained in the same way without them."""


class Fitted(Candidate):
    """A family fitted on some of the rows, of the size that did best on them; on each fold that of the other folds."""

    def __init__(self, labelled: Labelled, family: Family, learned: str, rows: Marks):
        super().__init__(learned, family.name, labelled, rows)
        self.encoding = family.encoding
        self._family = family

    @cached_property
    def _tuned(self) -> Tuned:
        return tune(self._family, self.labelled, self.rows)

    @property
    def size_in_words(self) -> str:
        return self._family.says(self.size()) if self._family.ladder else ""

    def size(self) -> Size:
        return self._tuned.best(self.labelled.left, self.rows)

    def make(self) -> Any:
        rows, size = self.rows, self.size()
        return fitting.fit(self._family, self.labelled.kinds, self.labelled.x[rows], self.labelled.left[rows], size)

    def risks(self) -> Floats:
        fold, left, risks = self.labelled.fold, self.labelled.left, np.full(len(self.labelled.left), np.nan)
        for number in range(N_FOLDS):
            here = fold == number
            risks[here] = self._tuned.risks[self._tuned.best(left, self.rows & ~here)][here]
        return risks

    def forward(self, newest: Marks) -> Floats:
        return self._before(newest)._after(newest)

    def _before(self, newest: Marks) -> Fitted:
        return type(self)(self.labelled, self._family, self.learned, self.rows & ~newest)

    def _after(self, newest: Marks) -> Floats:
        rows, it = self.rows, self.labelled
        return risks_after(self._family, it.kinds, it.x, it.left, rows, newest, self.size())


class Calibrated(Fitted):
    """A family with one sigmoid, fitted on its out-of-fold risks; each fold is rated by the sigmoid of other folds."""

    def make(self) -> Any:
        return fitting.calibrated(super().make(), self._sigmoid(self.rows))

    def risks(self) -> Floats:
        fold, bare, risks = self.labelled.fold, self._bare, np.full(len(self.labelled.left), np.nan)
        for number in range(N_FOLDS):
            here = fold == number
            risks[here] = self._sigmoid(self.rows & ~here).risks(log_odds(bare[here]))
        return risks

    def _after(self, newest: Marks) -> Floats:
        return self._sigmoid(self.rows).risks(log_odds(super()._after(newest)))

    @cached_property
    def _bare(self) -> Floats:
        return super().risks()

    def _sigmoid(self, rows: Marks) -> Sigmoid:
        return fitted_sigmoid(log_odds(self._bare[rows]), self.labelled.left[rows])


class Recalibrated(Candidate):
    """The champion with a new sigmoid from the recent rows. They are news to it, so its risks of them are honest."""

    def __init__(self, labelled: Labelled, champion: Incumbent):
        super().__init__(RECALIBRATED, champion.family, labelled, labelled.recent)
        self.encoding = champion.encoding
        self._champion, self._odds = champion, log_odds(champion.risks)

    def make(self) -> Any:
        base, former = fitting.parts(self._champion.estimator)
        return fitting.calibrated(base, self._sigmoid(self.rows).after(former))

    def risks(self) -> Floats:
        fold, risks = self.labelled.fold, np.full(len(self._odds), np.nan)
        for number in range(N_FOLDS):
            here = fold == number
            risks[here] = self._sigmoid(self.rows & ~here).risks(self._odds[here])
        return risks

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

    def risks(self) -> Floats:
        return self.forward(self.labelled.everyone)

    def forward(self, newest: Marks) -> Floats:
        assert self.incumbent
        return self.incumbent.risks[newest]
