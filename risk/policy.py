"""When there is a reason to train, and whether the challenger may go live: the rules that runs and backtest share.

Arrays and frames in, frozen results out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from risk import drift, gate
from risk.config import Drift, GateRule
from risk.drift import Window
from risk.families import outgrown
from risk.gate import Gate
from risk.reference import Reference
from risk.scores import Floats

NO_DRIFT, NOT_ENOUGH = "no drift", "not enough evidence"
DRIFT = "drift"
DOUBLED, RICHER = "labelled rows have doubled", "a richer family would help"
STEADY = (DOUBLED, RICHER)  # reasons by which nothing has changed for the clients
WINDOWS = (1, 2, 4, 8)  # contents


@dataclass(frozen=True)
class Reason:
    """Whether to train and why; if not, the outcome of the run. The scan, where one was made."""

    train: bool
    name: str | None
    outcome: str
    verdict: str | None
    sentence: str
    scan: dict[str, Any] | None = None


@dataclass(frozen=True)
class Champion:
    """What the rules need of the live model: its family, how many labelled rows there were when it was trained and how

    many of them it learned (all, where these are a sample), its reference, whether it is provisional, and how many
    labelled rows there were when a challenger was trained last. `learned` returns rows that it learned, with their
    out-of-fold risks; it is called when they are needed.
    """

    family: str
    n_labelled: int
    n_learned: int
    reference: Reference
    provisional: bool
    n_tried: int
    learned: Callable[[], Window | None] = lambda: None

    def has_doubled(self, n_labelled: int) -> bool:
        """Whether there are twice as many rows of its kind to learn from as when a model was trained last."""
        since, tried = n_labelled - self.n_labelled, max(0, self.n_tried - self.n_labelled)
        return self.n_learned + since >= 2 * (self.n_learned + tried)


@dataclass(frozen=True)
class Names:
    """The columns of a frame of labelled rows that the rules look at; `content` is always called so."""

    client: str
    target: str
    kinds: Mapping[str, str]


def reason(
    news: pd.DataFrame, risks: Floats, names: Names, champion: Champion, n_labelled: int, rule: Drift, choice: str
) -> Reason:
    """Return the reason to train that labelled rows new to the champion give, one risk of its a row, or why none is.

    `choice` is the setting of the family. No rows are no reason.
    """
    if news.empty:
        return Reason(False, None, NO_DRIFT, None, "No labelled row has come that is new to the live model.")
    limits = {"alpha": rule.alpha, "minimum_gain": rule.minimum_gain, "minimum": rule.minimum}
    with threadpool_limits(1):  # quicker for matrices so narrow, and with the same last digits on every machine
        of_news = windows(news, risks, names)
        found = drift.scan(of_news, champion.reference, learned=champion.learned, **limits)  # type: ignore[arg-type]
    scan, verdict = asdict(found), found.verdict
    if verdict in ("recalibrate", "retrain"):
        return train(DRIFT, f"The reason for leaving has changed: {found.moved}.", verdict, scan)
    if champion.provisional:
        sentence = "The live model is provisional and new labels have come."
        return train("the live model is provisional", sentence, verdict, scan)
    if champion.has_doubled(n_labelled):
        sentence = "The labelled rows that a model could learn from have doubled since one was trained last."
        return train(DOUBLED, sentence, verdict, scan)
    tried = champion.n_tried > champion.n_labelled  # and refused: until the rows have doubled, more would be noise
    if verdict == "richer family" and not tried and outgrown(champion.family, choice, n_labelled):
        sentence = "Squares and products of the features carry a signal that the live model lacks."
        return train(RICHER, sentence, verdict, scan)
    if verdict == NOT_ENOUGH:
        told = f"{len(news)} new labelled rows are not enough to tell"
        return Reason(
            False, None, NOT_ENOUGH, NOT_ENOUGH, f"{told}; about {found.rows_needed} more would settle it.", scan
        )
    sentence = f"The live model's errors on {len(news)} new labelled rows show no change in why clients leave."
    return Reason(False, None, NO_DRIFT, NO_DRIFT, sentence, scan)


def train(name: str, sentence: str, verdict: str | None = None, scan: dict[str, Any] | None = None) -> Reason:
    """Return that there is a reason to train."""
    return Reason(True, name, "", verdict, sentence, scan)


def windows(news: pd.DataFrame, risks: Floats, names: Names) -> list[Window]:
    """Return the last 1, 2, 4 and 8 contents of the new labelled rows with the champion's risks."""
    contents = sorted(news["content"].unique())
    clients = pd.factorize(news[names.client])[0]
    found: list[Window] = []
    for size in WINDOWS:
        if size > len(contents) and found:
            break
        inside = news["content"].isin(contents[-size:]).to_numpy()
        found.append(window(news[inside], risks[inside], names, clients[inside], min(size, len(contents))))
    return found


def window(rows: pd.DataFrame, risks: Floats, names: Names, clients: Any, contents: int = 0) -> Window:
    """Return labelled rows with their risks as the scan takes them; learned ones are a window of no contents."""
    features = {name: rows[name].to_numpy() for name in names.kinds}
    return Window(contents, features, rows[names.target].to_numpy(np.float64), risks, clients)


def judged(
    left: Floats, against: Floats, risks: Floats, clients: Any, rule: GateRule, reason: str | None = None, *,
    by_base_rate: bool = False,
) -> Gate:  # fmt: skip
    """Return the gate's verdict on a challenger's out-of-fold risks against the champion's, or the base rate's.

    `reason` is the one it was trained for: where nothing has changed, more is asked of it.

    Raises: GateError when the gate fails its own test.
    """
    k, clients = max(1, round(rule.top_share * len(left))), pd.factorize(np.asarray(clients))[0]
    with threadpool_limits(1):
        found = gate.judge(
            left, against, risks, clients, k, minimum=rule.minimum, z=rule.z, minimum_gain=rule.minimum_gain,
            steady_gain=rule.steady_gain if reason in STEADY and not by_base_rate else None,
            against="the base rate" if by_base_rate else "the champion",
        )  # fmt: skip
        if found.outcome != NOT_ENOUGH:
            gate.self_test(left, risks, clients, k)
    return found
