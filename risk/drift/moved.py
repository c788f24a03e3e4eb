"""What moved in a window that rings: the verdict, and the words for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from risk.drift import _rao
from risk.drift._rao import SMALLEST_EIGENVALUE, Residuals
from risk.drift.finding import Verdict
from risk.drift.window import Window
from risk.modeling.fitting import fitted_sigmoid
from risk.modeling.metrics import FLATTEST_LOGIT, LARGEST_LOGIT, Array, Marks, log_odds
from risk.modeling.reference import Reference
from risk.text import counted, one_line

CARRIED_P = 0.01  # the tail p from which features are believed to carry a part of χ²
LONGEST = 40  # characters of a level in a sentence
UNKNOWN = "the model was not trained on"
CONFIDENCE = "the risks are too"
MOVED, MOST_NAMED = 3.0, 3  # a term is named from so many standard errors; at most so many are


def sentence(verdict: Verdict, words: str | None) -> str:
    """What an alert means: only another reason for leaving is called so, neither a level nor clients nobody knew."""
    if is_level(verdict, words):
        return f"How many leave has changed and not who, as in a busy or a quiet season: {words}."
    if verdict == "recalibrate":
        way = "more" if f"{CONFIDENCE} timid" in str(words) else "less"
        return f"The reasons for leaving tell {way} than before: {words}."
    known = UNKNOWN not in (words or "").split("; ")[0]
    return f"{'The reason for leaving has changed' if known else 'Clients of a new kind leave otherwise'}: {words}."


def is_level(verdict: str | None, words: str | None) -> bool:
    """Whether an alert is about how many leave alone: the risks have neither another order nor other distances."""
    return verdict == "recalibrate" and CONFIDENCE not in (words or "")


def moved(window: Window, found: Residuals, reference: Reference, minimum_gain: float) -> tuple[Verdict, str]:
    """What to do and what moved.

    Recalibrating does when the features add nothing clear to the share of leavers and the confidence, or less than half
    of the gain that rings.
    """
    statistic, df = _rao.chi2(found.total, found.variance)
    steps = _steps(found)
    rest, rest_df = float(statistic) - steps[0] ** 2 - steps[1] ** 2, df - 2
    gain = (rest - rest_df) / (2 * window.n_rows * found.log_loss)
    carried = gain > minimum_gain / 2 and _rao.tail(rest, rest_df) < CARRIED_P
    terms = [0, *range(2, len(steps))] if carried else [0, 1]
    named = sorted(terms, key=lambda term: -abs(steps[term]))[:MOST_NAMED]
    words = _words(window, steps, reference)
    odds = log_odds(window.risks, LARGEST_LOGIT)
    had_order = odds.var() > FLATTEST_LOGIT  # a base rate has none that could be lost
    if had_order and not carried and fitted_sigmoid(odds, window.labels).slope == 0:
        return "retrain", _without_order(window)
    moved = [words[term] for term in named if abs(steps[term]) > MOVED] or [words[named[0]]]
    return "retrain" if carried else "recalibrate", "; ".join(moved)


def _without_order(window: Window) -> str:
    """What to say of risks that a new sigmoid would reverse or make one: those of leavers are no higher."""
    odds, left = log_odds(window.risks), window.labels == 1
    error = np.sqrt(odds[left].var() / left.sum() + odds[~left].var() / (~left).sum())
    if odds[left].mean() - odds[~left].mean() < -MOVED * error:
        return "the order of the risks has turned round: those at a high risk leave more rarely than others"
    return "the risks no longer tell who leaves: those at a high risk leave no sooner than others"


def _steps(found: Residuals) -> list[float]:
    """By how many standard errors each term moved: 1 alone, logit p beside 1, a feature beside 1 and the others.

    Logit p is left out beside the features: it is nearly a combination of them, and would speak for them.
    """
    share = float(found.total[0] / np.sqrt(found.variance[0, 0]))
    total, variance = _rao.without_first(found.total, found.variance)
    confidence = float(total[0] / np.sqrt(variance[0, 0])) if variance[0, 0] > 0 else 0.0
    others = np.delete(np.arange(len(found.total)), 1)
    beside = found.variance[np.ix_(others, others)]
    rest, varies, deviations, correlation = _rao.correlation_form(found.total[others], beside)
    inverse = np.linalg.pinv(correlation, rcond=SMALLEST_EIGENVALUE, hermitian=True)
    features = np.zeros(len(rest))
    features[varies] = inverse @ (rest[varies] / deviations) / np.sqrt(np.diag(inverse))
    return [share, confidence, *(float(step) for step in features)]


def _words(window: Window, steps: Sequence[float], reference: Reference) -> list[str]:
    expected, found = 100 * float(np.mean(window.risks)), 100 * window.leavers / window.n_rows
    way = "rose" if found > expected else "fell"
    confidence = "timid (under-confidence)" if steps[1] > 0 else "bold (over-confidence)"
    moved = zip(reference.words, steps[2:], strict=False)
    effects = [f"the effect of {name} {'rose' if step > 0 else 'fell'}" for name, step in moved]
    share = f"the share of leavers {way} from about {expected:.1f} % expected to {found:.1f} %"
    return [share, f"{CONFIDENCE} {confidence}", *effects, *_new_clients(window, reference)]


def _new_clients(window: Window, reference: Reference) -> list[str]:
    """Of each feature how many clients are of levels that nobody was of, or without a value, and how they leave."""
    words = []
    for feature, blank in reference.new:
        values, of = window.features[feature.name], _without if blank else _of_unseen
        marked = feature.marked(values, blank)
        words.append(of(window, feature.name, values[marked], marked) if marked.any() else "")
    return words


def _without(window: Window, name: str, values: Array, blank: Marks) -> str:
    who = counted(len(set(window.clients[blank].tolist())), "client")
    return f"{who} with a missing {name}, a kind {UNKNOWN} but for a few: {_left(window, blank)}"


def _of_unseen(window: Window, name: str, values: Array, unseen: Marks) -> str:
    levels = Counter(one_line(it or "missing")[:LONGEST] for it in values.tolist()).most_common()
    named = " or ".join(f"{name} = {level}" for level, _ in levels[:MOST_NAMED])
    more = f" or {len(levels) - MOST_NAMED} more" if len(levels) > MOST_NAMED else ""
    who = f"{counted(len(set(window.clients[unseen].tolist())), 'client')} of {named}{more}"
    return f"{who}, {'a level' if len(levels) == 1 else 'levels'} {UNKNOWN}: {_left(window, unseen)}"


def _left(window: Window, rows: Marks) -> str:
    left, stated = (f"{100 * float(it[rows].mean()):.1f} %" for it in (window.labels, window.risks))
    return f"{left} of them left, {stated} were stated"
