"""The candidates that compete to be the challenger, and the choice among them by rows that none has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from risk import calibration, gate
from risk.families import AUTO, Family, Kinds, families, rarer
from risk.fitting import Floats, Marks, fit, folds, out_of_fold
from risk.scores import best_threshold

ALL_ROWS, RECENT_ROWS, RECALIBRATED, FORMER = "all rows", "recent rows", "recalibrated", "former release"


@dataclass(frozen=True)
class Standing:
    """A released model as it is, with its risk of every labelled row: out-of-fold where it has learned the row."""

    release: str
    family: str
    estimator: Any
    threshold: float
    risks: Floats


@dataclass(frozen=True)
class Compared:
    """One candidate: its name, its mean out-of-fold log-loss on the rows that were compared, whether it was chosen."""

    name: str
    log_loss: float
    chosen: bool


@dataclass(frozen=True)
class Challenger:
    """The chosen model with the out-of-fold risk of every labelled row; `rows` marks those that it learned from.

    `release` is the name of the former release that it is, and None for a model that was made now.
    """

    estimator: Any
    family: str
    learned: str
    risks: Floats
    threshold: float
    rows: Marks
    compared: tuple[Compared, ...]
    release: str | None = None

    @property
    def n_rows(self) -> int:
        return int(self.rows.sum())


@dataclass(frozen=True)
class Labelled:
    """The labelled rows, one place a row: features, 1 for who left, client, fold, and whether the row is recent."""

    x: pd.DataFrame
    left: Floats
    clients: NDArray[Any]
    fold: NDArray[np.int64]
    recent: Marks
    kinds: Kinds

    @property
    def everyone(self) -> Marks:
        return np.ones(len(self.left), dtype=bool)

    @property
    def recent_tells(self) -> bool:
        """Whether there are recent rows and they hold both outcomes."""
        return len(set(self.left[self.recent].tolist())) == 2


@dataclass(frozen=True)
class Candidate:
    """What may become the challenger: the out-of-fold risk of every row, and what makes the model once it is chosen."""

    learned: str
    family: str
    risks: Floats
    rows: Marks
    make: Callable[[], Any]
    standing: Standing | None = None

    @property
    def name(self) -> str:
        where = f" {self.standing.release}" if self.standing else ""
        return f"{self.learned}{where}, {self.family}"


def teach(
    x: pd.DataFrame, left: Floats, clients: NDArray[Any], contents: NDArray[Any], recent: Marks, kinds: Kinds,
    choice: str = AUTO, champion: Standing | None = None, former: Standing | None = None,
) -> Challenger:  # fmt: skip
    """Return the best of the `candidates` by out-of-fold log-loss on the recent rows (on all, where none is recent).

    Of those within one standard error of the best the first one is taken. Everything is fitted on one thread, so that
    equal rows give equal bytes. Raises: ValueError when the labels are all the same.
    """
    with threadpool_limits(1):
        rows = Labelled(x, left, clients, folds(clients, contents, recent), recent, kinds)
        found = list(candidates(rows, choice, champion, former))
        judged = recent if recent.any() else rows.everyone
        chosen = gate.choose([(it.name, it.risks[judged]) for it in found], left[judged], clients[judged])
        best = found[chosen.index]
        told = enumerate(zip(found, chosen.log_losses, strict=True))
        compared = tuple(Compared(it.name, loss, place == chosen.index) for place, (it, loss) in told)
        threshold = best.standing.threshold if best.standing else best_threshold(left[best.rows], best.risks[best.rows])
        release = best.standing.release if best.standing else None
        return Challenger(best.make(), best.family, best.learned, best.risks, threshold, best.rows, compared, release)


def candidates(rows: Labelled, choice: str, champion: Standing | None, former: Standing | None) -> Iterator[Candidate]:
    """Yield what competes in the order of preference: what rests on more rows, then the simpler family.

    Each family on all rows; the champion with a new sigmoid; the former release; each family on the recent rows.
    """
    names = {choice, *(it.name for it in _able(rows.left, choice))}  # where one is fixed, no other competes
    yield from _taught(rows, choice, ALL_ROWS, rows.everyone)
    if champion and rows.recent_tells and (choice == AUTO or champion.family in names):
        yield _recalibrated(rows, champion)
    if former and rows.recent_tells and (choice == AUTO or former.family in names):
        yield Candidate(FORMER, former.family, former.risks, rows.recent, lambda: former.estimator, former)
    if rows.recent_tells and not rows.recent.all():
        yield from (it for it in _taught(rows, choice, RECENT_ROWS, rows.recent) if it.family in names)


def _taught(rows: Labelled, choice: str, learned: str, inside: Marks) -> Iterator[Candidate]:
    for family in _able(rows.left[inside], choice):
        yield _calibrated(rows, family, learned, inside) if family.calibrated else _plain(rows, family, learned, inside)


def _able(left: Floats, choice: str) -> tuple[Family, ...]:
    return families(choice, len(left), rarer(left))


def _plain(rows: Labelled, family: Family, learned: str, inside: Marks) -> Candidate:
    risks = out_of_fold(family, rows.kinds, rows.x, rows.left, rows.fold, inside)
    return Candidate(
        learned, family.name, risks, inside, lambda: fit(family, rows.kinds, rows.x[inside], rows.left[inside])
    )


def _calibrated(rows: Labelled, family: Family, learned: str, inside: Marks) -> Candidate:
    """One sigmoid is fitted on the out-of-fold risks: no further fit of the family is needed."""
    bare = _plain(rows, family, learned, inside)
    odds = calibration.log_odds(bare.risks)

    def make() -> Any:
        return calibration.calibrated(bare.make(), calibration.fitted(odds[inside], rows.left[inside]))

    risks = calibration.cross_fitted(odds, rows.left, rows.fold, inside)
    return Candidate(learned, family.name, risks, inside, make)


def _recalibrated(rows: Labelled, champion: Standing) -> Candidate:
    """The recent rows are news to the champion, so its risks of them are honest; its new sigmoid takes in the old."""
    odds, inside = calibration.log_odds(champion.risks), rows.recent

    def make() -> Any:
        base, former = calibration.parts(champion.estimator)
        return calibration.calibrated(base, calibration.fitted(odds[inside], rows.left[inside]).after(former))

    risks = calibration.cross_fitted(odds, rows.left, rows.fold, inside)
    return Candidate(RECALIBRATED, champion.family, risks, inside, make)
