"""When to train, and whether the challenger may go live: the rules of runs and backtest. Arrays in, results out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from risk.decision import gate, no_alert, seasons
from risk.decision.gate import Forward, Gate
from risk.decision.seasons import Levels
from risk.drift import moved, scan, season
from risk.drift.finding import Scan
from risk.drift.season import History
from risk.drift.window import Window
from risk.modeling.families import AUTO, short_of
from risk.modeling.fitting import rate
from risk.modeling.metrics import Floats, Marks, list_length
from risk.modeling.reference import Reference
from risk.modeling.stored import Stored
from risk.settings.decision_rules import Drift, GateRule
from risk.text import counted, number

NO_DRIFT, NOT_ENOUGH = "no drift", "not enough evidence"  # outcomes of a run; the others:
DEPLOYED, ROLLED_BACK, REJECTED = "deployed", "rolled back", "challenger rejected"
DRIFT, PROVISIONAL = "drift", "the live model is provisional"  # reasons to train; the others:
NOTHING_DEPLOYED, OTHER_SCHEMA = "nothing is deployed", "another schema"
DOUBLED = "labelled rows have doubled"  # by which nothing has changed for the clients
FAMILY, TRUSTED = "the configured family has changed", "a column is trusted now"
FORCED, BY_HAND = "asked for by --force", "asked for by hand"
BY_A_PERSON = (FORCED, BY_HAND)  # these need no live model that can be opened
WINDOWS = (1, 2, 4, 8)  # contents; and all since the release was trained
DOUBTS = 2  # disjoint checks that speak against a steady world, from which it is not believed
MOST_OLDER_ROWS = 5_000  # of contents before these: about so many are scanned


@dataclass(frozen=True)
class Reason(Stored):
    """Whether to train and why; if not, the outcome of the run. The scan, where one was made."""

    train: bool
    name: str | None
    outcome: str
    verdict: str | None
    sentence: str
    scan: Scan | None = None

    @property
    def recent(self) -> int | None:
        """How many of the newest contents are recent: those in which a change was found; None for all that are new."""
        return self.scan.moved_in if self.scan else None

    @property
    def order_holds(self) -> bool:
        """Whether no alert says that the order of the risks is another, or tells more or less than before."""
        return self.name != DRIFT or moved.is_level(self.verdict, self.scan.moved if self.scan else None)


@dataclass(frozen=True)
class Champion:
    """What the rules need of the live model.

    `n_labelled` counts all labelled rows when it was trained, `n_learned` those of them that it was trained on (all,
    where these are a sample), `n_tried` all when a challenger was trained last, of `family_tried`. `learned` returns
    rows of its training with their out-of-fold risks, `past` all labelled rows with honest ones, where they have
    periods; they are called when they are needed.
    """

    family: str
    n_labelled: int
    n_learned: int
    reference: Reference
    provisional: bool
    n_tried: int
    learned: Callable[[], Window | None] = lambda: None
    family_tried: str = ""
    levels: Levels = field(default_factory=Levels)

    def has_doubled(self, n_labelled: int) -> bool:
        """Whether there are twice as many rows of its kind to train on as when a model was trained last."""
        since, tried = n_labelled - self.n_labelled, max(0, self.n_tried - self.n_labelled)
        return self.n_learned + since >= 2 * (self.n_learned + tried)

    def may_be(self, choice: str, left: Floats, n_labelled: int) -> bool:
        """Whether these rows may show that the family of the settings should be live and is not.

        Where a challenger of that family was refused, only with twice the labelled rows that are new to this model.
        """
        if choice in (AUTO, self.family) or short_of(choice, left):
            return False
        tried = max(0, self.n_tried - self.n_labelled)
        return self.family_tried != choice or n_labelled - self.n_labelled >= max(1, 2 * tried)


@dataclass(frozen=True)
class Names:
    """The columns of a frame of labelled rows that the rules look at; `content` is always called so."""

    client: str
    target: str
    kinds: Mapping[str, str]
    period: str | None = None


def reason(news: pd.DataFrame, risks: Floats, names: Names, champion: Champion, n_labelled: int, rule: Drift) -> Reason:
    """The reason to train that labelled rows new to the champion (with its risks) give, or why there is none.

    No rows are no reason.
    """
    if news.empty:
        return Reason(False, None, NO_DRIFT, None, "No labelled row is new to the live model.")
    limits = {"alpha": rule.alpha, "minimum_gain": rule.minimum_gain, "minimum": rule.minimum}
    with threadpool_limits(1):  # quicker for matrices so narrow, and with the same last digits on every machine

        def scanned(risks: Floats) -> Scan:
            of_news = windows(news, risks, names)
            return scan.scan(of_news, champion.reference, learned=champion.learned, **limits)  # type: ignore[arg-type]

        found = scanned(risks)
        again = seasons.only_a_level(
            found, news, risks, names.target, names.period, champion.levels, scanned, rule.minimum_gain
        )
    found, verdict = replace(found, follows_change=champion.n_learned < champion.n_labelled), found.verdict
    if again:
        sentence = f"{str(again.moved)[:1].upper()}{str(again.moved)[1:]}."
        return Reason(False, None, NO_DRIFT, NO_DRIFT, sentence, replace(again, follows_change=found.follows_change))
    if verdict in ("recalibrate", "retrain"):
        return train(DRIFT, moved.sentence(verdict, found.moved), verdict, found)
    if champion.provisional:
        return train(PROVISIONAL, "The live model is provisional and new labels have come.", verdict, found)
    if champion.has_doubled(n_labelled):
        sentence = "The labelled rows that a model could be trained on have doubled since one was trained last."
        return train(DOUBLED, sentence, verdict, found)
    if verdict == NOT_ENOUGH:
        sentence = f"{counted(len(news), 'new labelled row')} {'is' if len(news) == 1 else 'are'} too few to decide; "
        sentence += f"about {number(found.rows_needed or 0)} more are needed."
        return Reason(False, None, NOT_ENOUGH, NOT_ENOUGH, sentence, found)
    return Reason(False, None, NO_DRIFT, NO_DRIFT, no_alert.sentence(found, champion.reference, len(news), rule), found)


def by_family(found: Reason, champion: Champion, choice: str, left: Floats, n_labelled: int) -> Reason:
    """The reason that was found, or the better one that the settings fix another family than the live one.

    `left` are the outcomes that can be trained on, `n_labelled` counts all of them.
    """
    if (found.train and found.name != DOUBLED) or not champion.may_be(choice, left, n_labelled):
        return found
    sentence = f"The settings ask for {choice}, and the live model is {champion.family}."
    return train(FAMILY, sentence, found.verdict, found.scan)


def train(name: str, sentence: str, verdict: str | None = None, scan: Scan | None = None) -> Reason:
    """A reason to train."""
    return Reason(True, name, "", verdict, sentence, scan)


def windows(news: pd.DataFrame, risks: Floats, names: Names) -> list[Window]:
    """Return the last 1, 2, 4, 8 and all contents of the new labelled rows with the champion's risks.

    Each ends with the rows of the one before. Of very many rows that are older than these contents a sample of clients
    is looked at, the same on every run.
    """
    content = news["content"].to_numpy()
    contents = np.unique(content)
    looked = _looked_at(news[names.client], content, contents[-max(WINDOWS) :][0])
    place = np.flatnonzero(looked)[np.argsort(content[looked], kind="stable")]
    rows, risks, clients = news.iloc[place], risks[place], pd.factorize(news[names.client])[0][place]
    sizes = sorted({min(size, len(contents)) for size in (*WINDOWS, len(contents))})
    starts = np.searchsorted(content[place], [contents[-size] for size in sizes])
    ends = zip(sizes, starts, strict=True)
    return [window(rows.iloc[start:], risks[start:], names, clients[start:], size) for size, start in ends]


def _looked_at(clients: Any, content: Any, since: int) -> Marks:
    """Mark the rows that are scanned: those of the last contents and, of more than so many older ones, a sample."""
    older = content < since
    if older.sum() <= MOST_OLDER_ROWS:
        return np.ones(len(content), dtype=bool)
    hashes = pd.util.hash_array(clients.astype(str).to_numpy(object)) / 2**64
    return np.asarray(~older | (hashes < MOST_OLDER_ROWS / older.sum()))


def window(rows: pd.DataFrame, risks: Floats, names: Names, clients: Any, contents: int = 0) -> Window:
    """Return labelled rows with their risks as the scan takes them; those of a training are a window of no contents."""
    features = {name: rows[name].to_numpy() for name in names.kinds}
    return Window(contents, features, rows[names.target].to_numpy(np.float64), risks, clients)


def judged(
    left: Floats, against: Floats, risks: Floats, clients: Any, rule: GateRule, reason: str | None = None, *,
    by_base_rate: bool = False, forward: Floats | None = None, scan: Scan | None = None, same_list: bool = False,
) -> Gate:  # fmt: skip
    """Return the gate's verdict on a challenger's nested out-of-fold risks against the champion's, or the base rate's.

    `reason` is the one it was trained for, `scan` what was found then: where nothing has changed more is asked of it,
    unless disjoint checks speak against that, and of who leaves, not of how many; where the champion was made for a
    change, less. `forward` holds the risks of the newest rows by its recipe without them, and NaN elsewhere; the base
    rate is that of the others then. One with the `same_list` orders the clients as the champion does.
    Raises: GateError when the gate fails its own test.
    """
    k, clients, newest = list_length(rule.top_share, len(left)), pd.factorize(np.asarray(clients))[0], None
    if forward is not None and (told := ~np.isnan(forward)).any():
        beside = np.full(len(left), rate(left[~told])) if by_base_rate else against
        newest = Forward(left[told], beside[told], forward[told], clients[told])
    steady, whom = reason == DOUBLED and not by_base_rate, "the base rate" if by_base_rate else "the champion"
    if steady:  # how many leave gave no alert
        against = season.levelled(History(np.full(len(left), ""), left, against))
        steady, whom = not (scan and scan.doubts >= DOUBTS), "the champion with its level set right"
    with threadpool_limits(1):
        found = gate.judge(
            left, against, risks, clients, k, minimum=rule.minimum, z=rule.z, minimum_gain=rule.minimum_gain,
            steady_gain=rule.steady_gain if steady else None, follows_change=bool(scan and scan.follows_change),
            against=whom, newest=newest, same_list=same_list and not by_base_rate,
        )  # fmt: skip
        if found.outcome != NOT_ENOUGH:
            gate.self_test(left, risks, clients, k)
    return found


@dataclass(frozen=True)
class Ruling:
    """Whether to deploy a challenger, whether only as provisional, the outcome of the run, and what bars it."""

    deploy: bool
    provisional: bool
    outcome: str
    objection: str | None


def decide(
    found: Gate, *, compared: bool, proven: bool, comes_back: bool = False, leaks: bool = False,
    objection: str | None = None,
) -> Ruling:  # fmt: skip
    """Return what follows from the gate. `compared` with the live model, which may be `proven`; it may be a former

    release that `comes_back`. Where nothing is proven for these columns a model is deployed in any case, as provisional
    unless it beats the base rate. With `leaks` it is provisional at most, and replaces nothing that is proven.
    """
    favoured, first = found.outcome == "deploy", not compared and not proven
    if leaks and favoured and (proven or comes_back):
        objection = objection or "A column seems to know the answer, so the challenger does not replace a proven model."
    deploy = (favoured or first) and objection is None
    refused = NOT_ENOUGH if found.outcome == NOT_ENOUGH and objection is None else REJECTED
    outcome = refused if not deploy else ROLLED_BACK if comes_back else DEPLOYED
    return Ruling(deploy, deploy and (leaks or not favoured), outcome, objection)
