"""Leakage: columns that know the answer, such as one that is filled in because a client has left.

A column is named when it alone tells the outcome nearly without error, when what it holds is found with one outcome
only and with no current client, or when one value of a number is an end state. Pairs of columns are not checked.
Equal rows in any order give equal answers.

Sources: DeLong and others, Biometrics 44, 1988; Obuchowski, Biometrics 53, 1997 (several rows of a client);
Kaufman and others, Leakage in Data Mining, ACM TKDD 6, 2012.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from math import exp, lgamma
from typing import Any

import numpy as np
import pandas as pd

from risk.modeling._end_states import BLANK, FEWEST, KnownOutcomes, end_state
from risk.modeling.metrics import Array, Codes, Floats, Kinds
from risk.text import counted, number, one_line, percent

Columns = Mapping[str, Any] | pd.DataFrame

TOO_GOOD, WORTH_A_LOOK = 0.97, 0.9  # AUC
Z95 = 1.645  # one-sided 95 %
MOST_BINS, BIN_ROWS = 128, 5
BY_CHANCE = 1e-6  # that all who hold it share the outcome, were it all the same
HONEST, HONEST_CHANCE, ABSENT = 0.9, 0.01, 0.001
SHOWN = 40  # characters of a level
ADVICE = "Name it in schema.ignore, or in schema.trusted if it is known before a client leaves."


@dataclass(frozen=True)
class Leak:
    """A column that knows the answer, and `why`.

    Its `values` or its being `blank` tell alone; it is `filled` for one outcome only, or one `level` of it is; or one
    value is the `state` of who left. `auc` is that of the column alone, out of fold, `lower` its 95 % bound.
    """

    column: str
    why: str
    auc: float | None
    lower: float | None
    sentence: str


def leaks(
    features: Columns, left: Floats, clients: Array, fold: Codes, current: Columns,
    kinds: Kinds, trusted: Collection[str] = (),
) -> tuple[Leak, ...]:  # fmt: skip
    """The columns that know the answer, in the order of `kinds`; those that a person trusts are not checked.

    `features` and `current` hold the columns of the labelled rows and of the clients whose outcome is not known yet.
    """
    rows = KnownOutcomes(np.asarray(left, dtype=np.float64), pd.factorize(clients)[0], np.asarray(fold))
    found: list[Leak | None] = []
    for name in kinds:
        if name not in trusted:
            values = np.asarray(features[name])
            codes, levels = pd.factorize(np.concatenate([values, np.asarray(current[name])]))
            here, there = codes[: len(values)] + 1, codes[len(values) :] + 1
            leak = _too_good(name, values, here, rows) or _of_one_outcome(name, here, there, levels, rows)
            found += [leak or (_in_end_state(name, here, there, levels, rows) if values.dtype != object else None)]
    return tuple(leak for leak in found if leak)


def still(told: Iterable[Mapping[str, Any]], features: Collection[str], trusted: Collection[str]) -> list[Any]:
    """Return those leaks of a card that nobody has settled: of columns that are features and not trusted, each once."""
    return list({it["column"]: it for it in told if it["column"] in features and it["column"] not in trusted}.values())


def words(told: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each leak, with what to do."""
    return [f"{it['sentence']} {ADVICE}" for it in told]


def plain(found: Iterable[Leak]) -> list[dict[str, Any]]:
    """Return leaks as the card keeps them."""
    return [asdict(it) for it in found]


# --- too good alone ---------------------------------------------------------------------------------------------------


def _too_good(name: str, values: Array, codes: Codes, rows: KnownOutcomes) -> Leak | None:
    if min(rows.totals[:2]) < FEWEST:
        return None
    filled = 1 * (codes != BLANK)
    auc, lower = _alone(_shares(filled, rows), rows)
    if lower > TOO_GOOD:
        held = [percent(float(filled[rows.left == outcome].mean())) for outcome in (1, 0)]
        how = f"it is filled in {held[0]} of the rows of those who left and in {held[1]} of the others"
        return Leak(name, "blank", auc, lower, f"Whether the column {name} is blank tells who left: {how}.")
    auc, lower = _by_value(values, codes, rows)
    if lower > TOO_GOOD:
        how = f"AUC {number(auc, 3)}, lower 95 % bound {number(lower, 3)}"
        return Leak(name, "values", auc, lower, f"The column {name} alone tells who left ({how}).")
    return None


def _by_value(values: Array, codes: Codes, rows: KnownOutcomes) -> tuple[float, float]:
    """Return how well the levels or bins tell, by the other folds; a good number is also tried as it is, both ways."""
    numeric = values.dtype != object
    told = _alone(_shares(_bins(values, codes) if numeric else codes, rows), rows)
    if not numeric or told[0] < WORTH_A_LOOK:
        return told
    ways = (np.where(codes == BLANK, -np.inf, way) for way in (values, -values))
    return max(told, *(_alone(np.unique(way, return_inverse=True)[1], rows) for way in ways))


def _bins(values: Array, codes: Codes) -> Codes:
    """Return the bins of a number by quantiles, a blank its own; its values where they are few."""
    most = min(MOST_BINS, max(2, len(values) // BIN_ROWS))
    if codes.max(initial=0) <= most:
        return codes
    edges = np.unique(np.quantile(values[codes != BLANK], np.linspace(0, 1, most + 1)[:-1], method="inverted_cdf"))
    return np.where(codes == BLANK, BLANK, np.searchsorted(edges, values) + 1)


def _shares(codes: Codes, rows: KnownOutcomes) -> Codes:
    """Return the rows ranked by the share of leavers that their level has in the other folds."""
    shape = (int(codes.max()) + 1, int(rows.fold.max()) + 1)
    cell, size = codes * shape[1] + rows.fold, shape[0] * shape[1]
    n_rows, n_left = (np.bincount(cell, it, minlength=size).reshape(shape) for it in (None, rows.left))
    n_rows, n_left = (it.sum(axis=1, keepdims=True) - it for it in (n_rows, n_left))
    shares = (n_left + rows.left.mean()) / (n_rows + 1)
    ranks: Codes = np.unique(shares.ravel(), return_inverse=True)[1][cell]
    return ranks


def _alone(score: Codes, rows: KnownOutcomes) -> tuple[float, float]:
    """Return the AUC of a score, and its lower 95 % bound by the variance over clients.

    The bound is never nearer to the AUC than half of a client of the rarer outcome on the wrong side would allow.
    """
    left = rows.left
    leavers, stayers = np.bincount(score, left), np.bincount(score, 1 - left)
    below = (np.cumsum(stayers) - stayers / 2) / stayers.sum()
    above = (leavers.sum() - np.cumsum(leavers) + leavers / 2) / leavers.sum()
    auc = float(leavers @ below / leavers.sum())
    if auc <= TOO_GOOD:
        return round(auc, 4), 0.0
    parts = np.where(left == 1, (below[score] - auc) / leavers.sum(), (above[score] - auc) / stayers.sum())
    error = float(np.sqrt(np.square(np.bincount(rows.client, parts)).sum()))
    return round(auc, 4), round(auc - Z95 * max(error, 0.5 / min(rows.totals[:2])), 4)


# --- of one outcome only ----------------------------------------------------------------------------------------------


def _of_one_outcome(name: str, here: Codes, there: Codes, levels: Array, rows: KnownOutcomes) -> Leak | None:
    n_codes, left = len(levels) + 1, rows.left == 1
    with_outcome = [np.bincount(here[left == outcome], minlength=n_codes) for outcome in (False, True)]
    now = np.bincount(there, minlength=n_codes)
    for outcome, other in ((1, 0), (0, 1)):
        whole = _whole(here, with_outcome[other], now, outcome, rows)
        if whole:
            usual = int(with_outcome[other].argmax())
            held = "blank" if usual == BLANK else f"always {_shown(levels[usual - 1])}"
            told = f"{held} for everybody who {WHO[other]}, and not for {counted(whole, 'client')} who {WHO[outcome]}"
            alike = "; it is the same for every current client" if now.any() else ""
            return Leak(name, "filled", None, None, f"The column {name} is {told}{alike}.")
        level = _level(here, with_outcome[outcome], with_outcome[other], now, levels, outcome, rows)
        if level is not None:
            held = "being blank" if level == BLANK else f"the value {_shown(levels[level - 1])}"
            told = f"occurs with clients who {WHO[outcome]} and with nobody who {WHO[other]} or is current"
            return Leak(name, "level", None, None, f"In the column {name}, {held} {told}.")
    return None


def _in_end_state(name: str, here: Codes, there: Codes, levels: Array, rows: KnownOutcomes) -> Leak | None:
    state = end_state(here, there, levels, rows)
    if state is None:
        return None
    held = "a blank" if state.code == BLANK else _shown(levels[state.code - 1])
    held = f"anything but {held}" if state.is_other else held
    these, others = (percent(n / rows.totals[it]) for n, it in
                     ((state.n_these, state.outcome), (state.n_others, 1 - state.outcome)))  # fmt: skip
    told = f"{these} of the clients who {WHO[state.outcome]} have {held}, and {others} of those who "
    told += f"{WHO[1 - state.outcome]}; the values beside it tell far less"
    return Leak(name, "state", None, None, f"In the column {name}, {told}.")


WHO = {1: "left", 0: "stayed"}


def _shown(level: Any) -> str:
    return one_line(f"{level:g}" if isinstance(level, float) else level)[:SHOWN]


def _whole(here: Codes, of_others: Codes, now: Codes, outcome: int, rows: KnownOutcomes) -> int:
    """Return how many clients of an outcome hold anything but the one value of all others, if that is no chance."""
    if np.count_nonzero(of_others) != 1 or np.count_nonzero(now) > 1:
        return 0
    k = rows.clients((rows.left == outcome) & (here != of_others.argmax()))
    pure, absent = _pure(k, outcome, rows), _all_of(k, rows.totals[2], int(now.sum()))
    return k if k and pure <= BY_CHANCE and HONEST**k * absent <= HONEST_CHANCE else 0


def _level(
    here: Codes, of_these: Codes, of_others: Codes, now: Codes, levels: Array, outcome: int, rows: KnownOutcomes
) -> int | None:
    """Return the most frequent level that all of its rows, which are too many for chance, share an outcome with,

    and that current clients, who are like labelled ones, would have.
    """
    alone = np.flatnonzero((of_others == 0) & (now == 0) & (of_these >= 2))
    if not len(alone):
        return None
    most = alone[of_these[alone] == of_these[alone].max()]
    level = int(min(most, key=lambda it: "" if it == BLANK else str(levels[it - 1])))
    k, filled = rows.clients(here == level), (here != BLANK) | (level == BLANK)
    n_now = int(now.sum() if level == BLANK else now[1:].sum())
    absent = _all_of(k, rows.clients(filled), n_now) * np.count_nonzero(of_these)
    return level if _pure(k, outcome, rows) <= BY_CHANCE and absent <= ABSENT else None


def _pure(k: int, outcome: int, rows: KnownOutcomes) -> float:
    return _all_of(k, rows.totals[outcome], rows.totals[1 - outcome])


def _all_of(k: int, these: int, others: int) -> float:
    """Return the chance that k clients, drawn from these and others, are all of these."""
    k, total = min(k, these), these + others
    return exp(lgamma(these + 1) + lgamma(total - k + 1) - lgamma(these - k + 1) - lgamma(total + 1))
