"""What people are told of a check without an alert: no change, one too small to matter, or not clear yet.

What is not clear comes with the figure, and with what would settle it.
"""

from __future__ import annotations

import math

from risk.drift.finding import UNCLEAR_P, Scan, WindowResult
from risk.drift.scan import N_WINDOWS, telling
from risk.modeling.reference import Reference
from risk.settings.decision_rules import Drift
from risk.text import counted, number, percent

NOT_CLEAR = "it is not clear yet whether the reasons for leaving have changed"


def sentence(scan: Scan, reference: Reference, n_news: int, rule: Drift) -> str:
    """The sentence for people on a scan in which no window gave an alert."""
    strange = sorted((it for it in scan.windows if it.p < UNCLEAR_P), key=lambda it: it.p)
    if not strange:
        return f"The live model's errors on {counted(n_news, 'new labelled row')} show no change in why clients leave."
    clearest = telling(scan.windows, rule.minimum_gain)
    if not clearest:
        won = f"a new model would win about {percent(max(strange[0].relative_gain, 0.0))} of the error"
        least = percent(rule.minimum_gain)
        return f"{_errors(strange[0])} show a change too small to matter: {won}, and an alert takes more than {least}."
    limit = rule.alpha / N_WINDOWS
    if clearest.is_of_clients:
        return (
            f"{_errors(clearest)} have a pattern that those on training rows of such clients have as well: more of "
            "these clients have come, and the reasons for leaving have not changed."
        )
    n_before = reference.n_rows + scan.windows[-1].n_rows - clearest.n_rows
    often, end = _often(clearest.p), _settled(clearest, n_before, limit)
    if clearest.balanced_p is not None:  # more of such clients have come, but that is not all of it
        if clearest.balanced_p < limit:
            return f"{_errors(clearest)} show a change too small to matter beside training rows of such clients."
        often = f"{_often(clearest.balanced_p)} beside training rows of such clients"
        end = "More rows with outcomes will settle it."
    chance = f"by chance {often}, and an alert takes less than {_often(limit)}"
    return f"{NOT_CLEAR.capitalize()}. {_errors(clearest)} have a pattern that comes {chance}. {end}"


def _errors(window: WindowResult) -> str:
    files = "file" if window.contents == 1 else f"{number(window.contents)} files"
    return f"The live model's errors on the last {files} ({counted(window.n_rows, 'row')})"


def _often(p: float) -> str:
    digits = max(0, -math.floor(math.log10(10_000 * p))) if p > 0 else 0
    times = number(10_000 * p, digits)
    return "once in 10,000" if times == "1" else f"{times} times in 10,000"


def _settled(window: WindowResult, n_before: int, limit: float) -> str:
    """What would settle it: a pattern that lasts grows with the rows, as far as the rows before allow."""
    from scipy.special import chdtri  # here, for its import costs more than the rest of this module

    wanted = float(chdtri(window.df, limit)) - window.df
    per_row = (window.chi2 - window.df) * (1 + window.n_rows / n_before) / window.n_rows
    if wanted >= per_row * n_before:
        return (
            "The live model was trained on too few rows to tell: a model of more rows, when it is due, will settle it."
        )
    rows = wanted / per_row / (1 - wanted / (per_row * n_before)) - window.n_rows
    return f"If it lasts, about {counted(max(1, math.ceil(rows)), 'more row')} with outcomes will settle it."
