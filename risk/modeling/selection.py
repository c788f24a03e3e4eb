"""The candidates that compete to be the challenger, and the choice among them by rows that none has seen.

The choice would flatter the judge if he saw the rows that it was made by. So it is made five times more, inside the
other folds, and the gate judges each fold by the candidate that was chosen without it.
Source: Breiman and others, Classification and Regression Trees (1984), 3.4.3 on the one-standard-error rule; Varma and
Simon, BMC Bioinformatics 7 (2006) on nested cross-validation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from risk.errors import FamilyError
from risk.modeling import fitting
from risk.modeling.candidates import (
    ALL_ROWS,
    FORMER,
    RECALIBRATED,
    RECENT_ROWS,
    Calibrated,
    Candidate,
    Fitted,
    Former,
    Incumbent,
    Recalibrated,
)
from risk.modeling.families import AUTO, Family, by_rate, families, is_own, rarer
from risk.modeling.fitting import N_FOLDS, best_threshold, folds
from risk.modeling.metrics import Array, Floats, Kinds, Marks, log_losses, per_client
from risk.modeling.tuning import Labelled

__all__ = ["ALL_ROWS", "FORMER", "RECALIBRATED", "RECENT_ROWS", "Challenger", "Incumbent", "Labelled", "teach"]

FEWEST_FORWARD = 30  # leavers and stayers, among the newest rows and those before, to judge a recipe forward
HARDLY_ANY = 0.01  # of the rows before: from so few nothing is known of blanks


@dataclass(frozen=True)
class Choice:
    """The chosen candidate, with the mean out-of-fold log-loss of each."""

    index: int
    name: str
    log_losses: tuple[float, ...]


@dataclass(frozen=True)
class Compared:
    """One candidate: its name, its mean out-of-fold log-loss on the rows that were compared, whether it was chosen."""

    name: str
    log_loss: float
    chosen: bool


@dataclass(frozen=True)
class Challenger:
    """The chosen model with the out-of-fold risk of every labelled row; `rows` marks those that it was trained on.

    `nested` holds the risks that the gate judges, each by the candidate that was chosen without the row's fold, and
    `forward` those of the newest rows by the same recipe trained without them (NaN elsewhere, and where they are too
    few). `release` is the name of the former release that it is, and None for a model that was made now. `faults` are
    those of families of one's own.
    """

    estimator: Any
    family: str
    learned: str
    risks: Floats
    threshold: float
    rows: Marks
    compared: tuple[Compared, ...]
    nested: Floats
    forward: Floats
    release: str | None = None
    encoding: str = ""
    size: str = ""
    faults: tuple[FamilyError, ...] = ()

    @property
    def n_rows(self) -> int:
        return int(self.rows.sum())


def keeps_list(learned: str, estimator: Any) -> bool:
    """Whether a challenger lists whom the champion lists: a new sigmoid keeps the order, unless it makes one risk."""
    return learned == RECALIBRATED and fitting.parts(estimator)[1].slope != 0


def teach(
    x: pd.DataFrame, left: Floats, clients: Array, when: Array, recent: Marks, kinds: Kinds,
    choice: str = AUTO, champion: Incumbent | None = None, former: Incumbent | None = None,
    own: Sequence[Family] = (), *, order_holds: bool = True,
) -> Challenger:  # fmt: skip
    """Return the best of the `candidates` by out-of-fold log-loss on the recent rows (on all, where none is recent).

    Of those within one standard error of the best the first one is taken; where the order of the champion's risks does
    not hold (`order_holds`), a new sigmoid, which keeps it, comes last. `when` orders the rows in time: rows of one
    value came together. Everything is fitted on one thread, so that equal rows give equal bytes. Families of one's
    `own` compete too, until they fail; where one that fails is the choice, all others compete.
    Raises: ValueError when the labels are all the same.
    """
    rows, faults, able = Labelled(x, left, clients, folds(clients, left), recent, kinds), list[FamilyError](), list(own)
    while True:
        try:
            fixed = choice if not is_own(choice) or choice in {it.name for it in able} else AUTO
            found = _best(rows, when, fixed, champion, former, able, order_holds)
            return replace(found, faults=tuple(faults))
        except FamilyError as error:
            faults.append(error)
            able = [it for it in able if it.name != error.family]


def _best(
    rows: Labelled, when: Array, choice: str, champion: Incumbent | None, former: Incumbent | None,
    own: Sequence[Family], order_holds: bool,
) -> Challenger:  # fmt: skip
    left = rows.left
    with threadpool_limits(1):
        listed = list(candidates(rows, choice, champion, former, own))
        found = sorted(listed, key=lambda it: isinstance(it, Recalibrated) and not order_holds)
        judged = rows.recent if rows.recent.any() else rows.everyone
        told_first = sorted(found, key=lambda it: not is_own(it.family))  # if one's own fails, it fails early
        rated = {id(it): it.risks() for it in told_first}
        risks = [rated[id(it)] for it in found]
        chosen = _choice(rows, found, risks, judged)
        best = found[chosen.index]
        compared = tuple(Compared(it.name, chosen.log_losses[found.index(it)], it is best) for it in listed)
        out_of_fold = risks[chosen.index]
        threshold = (
            best.incumbent.threshold if best.incumbent else best_threshold(left[best.rows], out_of_fold[best.rows])
        )
        return Challenger(
            best.make(), best.family, best.learned, out_of_fold, threshold, best.rows, compared,
            nested=_nested(rows, found, risks, judged, chosen.index), forward=_forward(best, when, judged),
            release=best.incumbent.release if best.incumbent else None, encoding=best.encoding, size=best.size_in_words,
        )  # fmt: skip


def candidates(
    rows: Labelled, choice: str, champion: Incumbent | None, former: Incumbent | None, own: Sequence[Family] = ()
) -> Iterator[Candidate]:
    """Yield what competes in the order of preference: what rests on more rows, then the simpler family.

    Each family on all rows; the champion with a new sigmoid; the former release; each family on the recent rows.
    """
    names = {choice, *(it.name for it in _able(rows.left, choice, own))}  # where one is fixed, no other competes
    yield from _families(rows, choice, ALL_ROWS, rows.everyone, own)
    if champion and rows.recent_tells and (choice == AUTO or champion.family in names):
        yield Recalibrated(rows, champion)
    if former and rows.recent_tells and (choice == AUTO or former.family in names):
        yield Former(rows, former)
    if rows.recent_tells and not rows.recent.all():
        yield from (it for it in _families(rows, choice, RECENT_ROWS, rows.recent, own) if it.family in names)


def _families(rows: Labelled, choice: str, learned: str, inside: Marks, own: Sequence[Family]) -> Iterator[Candidate]:
    for family in _able(rows.left[inside], choice, own):
        rates = family.with_rates if by_rate(rows.kinds, rows.x[inside], rows.left[inside]) else None
        for it in filter(None, (family, rates)):
            yield (Calibrated if it.calibrated else Fitted)(rows, it, learned, inside)


def _able(left: Floats, choice: str, own: Sequence[Family]) -> tuple[Family, ...]:
    return families(choice, len(left), rarer(left), own)


def _choice(rows: Labelled, found: Sequence[Candidate], risks: Sequence[Floats], judged: Marks) -> Choice:
    told = [(it.name, one[judged]) for it, one in zip(found, risks, strict=True)]
    return choose(told, rows.left[judged], rows.clients[judged])


def _nested(rows: Labelled, found: Sequence[Candidate], risks: Sequence[Floats], judged: Marks, chosen: int) -> Floats:
    """Return each fold's risks by the candidate that is chosen on the other folds by models that lack this one."""
    nested = risks[chosen].copy()
    for outer in range(N_FOLDS) if len(found) > 1 else ():
        here, others = rows.fold == outer, judged & (rows.fold != outer)
        if (judged & here).any() and others.any():
            nested[here] = risks[_choice(rows, found, risks, others).index][here]
    return nested


def _forward(best: Candidate, when: Array, judged: Marks) -> Floats:
    """Return the risks of the newest judged rows by the recipe without them, where both sides have enough rows.

    Newest rows of a new kind are left out: no recipe can know of them what they alone show.
    """
    left, risks = best.labelled.left, np.full(len(when), np.nan)
    newest = judged & (when == when[judged].max())
    before, told = best.rows & ~newest, newest
    if before.any():
        told = newest & _of_known_kinds(best.labelled, before)
    if all(min(left[rows].sum(), (1 - left[rows]).sum()) >= FEWEST_FORWARD for rows in (told, before)):
        risks[told] = best.forward(newest)[told[newest]]
    return risks


def _of_known_kinds(rows: Labelled, before: Marks) -> Marks:
    """Mark the rows of which these others can tell: of levels that some of them are of, blank only where some are."""
    known = rows.everyone.copy()
    for name, kind in rows.kinds.items():
        values, blank = rows.x[name], rows.x[name].isna().to_numpy()
        if blank[before].mean() < HARDLY_ANY:
            known &= ~blank
        if kind == "categorical":
            known &= blank | values.isin(values[before].unique()).to_numpy()
    return known


def choose(candidates: Sequence[tuple[str, Array]], labels: Array, clients: Array) -> Choice:
    """Return the first candidate (name, out-of-fold risks) that is within one standard error of the best.

    They come in the order of preference: more data and simpler family first. The error is that of the paired
    difference, over clients.
    """
    losses = [log_losses(labels, risks) for _, risks in candidates]
    means = tuple(float(loss.mean()) for loss in losses)
    best = losses[int(np.argmin(means))]
    behind = [per_client(loss - best, clients) for loss in losses]
    index = next(index for index, (mean, error) in enumerate(behind) if mean <= error)
    return Choice(index, candidates[index][0], means)
