"""Calling: what a list that is acted on does to alerts and model, with and without called clients kept apart.

A panel of clients whose true risks are known: a place holds one client until it leaves, its activity moves from month
to month about its level, and the reasons for leaving never change. After two months without calls each month's list is
called, and three in ten of the called who would leave are saved. A year has twelve such months. The same years are
lived three times with the same luck: nobody is called; called clients are kept apart; they are not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from multiprocessing import get_context

import numpy as np
import pandas as pd
from scipy.stats import t

from risk.backtest import policies
from risk.backtest.policies import Production, Rows, Rules, View
from risk.dataset import treated
from risk.dataset.outcomes import Contact, Outcomes
from risk.decision import policy
from risk.modeling import fitting
from risk.modeling.metrics import Floats, highest, list_length
from risk.settings.decision_rules import Drift, GateRule
from tests.benchmarks.measure import Table

Row = tuple[str, str, str, bool | None]

YEARS, CLIENTS, WARM_UP, MONTHS = 100, 1_000, 2, 12
SAVED, LISTED, CALLED_AFTER = 0.3, 0.1, 15  # shares; days after the end of the month
FRESH = 20_000  # clients nobody has called, on whom lists are compared by the true risks
MOST_ALARMS, MOST_LOST = 0.1, 0.01
NO_EVENT = -math.log(0.05)  # the one-sided 95 % bound of a count where nothing was counted
KINDS = dict.fromkeys(("lastmonth", "level", "size"), "numeric")
NAMES = policy.Names("client", "left", KINDS)
RULES = Rules(NAMES, Drift(), GateRule(), "logistic")
NOBODY, APART, TOGETHER = "nobody is called", "called clients are kept apart", "called clients count as others"
WAYS = (NOBODY, APART, TOGETHER)


@dataclass
class Panel:
    """The places of a world: who is there, and what is seen of them. All luck is drawn by month and place."""

    seed: int
    n: int
    month: int = 0
    client: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    level: Floats = field(default_factory=lambda: np.empty(0))
    size: Floats = field(default_factory=lambda: np.empty(0))
    deviation: Floats = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        self._settle(np.ones(self.n, dtype=bool))

    def _luck(self, what: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.month, what])

    def _settle(self, empty: np.ndarray) -> None:
        """Let a new client come to every empty place."""
        level, size, deviation = self._luck(0).standard_normal((3, self.n))
        if not self.month:
            self.client, self.level, self.size, self.deviation = (np.zeros(self.n, dtype=it) for it in "qddd")
        self.client[empty] = self.month * self.n + np.flatnonzero(empty)
        self.level[empty], self.size[empty] = level[empty], 0.6 * level[empty] + 0.8 * size[empty]
        self.deviation[empty] = deviation[empty]

    def seen(self) -> pd.DataFrame:
        """What a file of this month holds, with the true risk."""
        lastmonth = self.level + self.deviation
        truth = 1 / (1 + np.exp(-(-2.2 - 1.2 * lastmonth + 0.5 * self.level - 0.4 * self.size)))
        figures = {name: np.exp(x + 4) for name, x in zip(KINDS, (lastmonth, self.level, self.size), strict=True)}
        return pd.DataFrame(figures | {"client": np.char.mod("c%d", self.client).astype(object), "truth": truth})

    def leaves(self, truth: Floats, called: np.ndarray) -> np.ndarray:
        """Who leaves; three in ten of the called who would are saved."""
        would = self._luck(1).random(self.n) < truth
        return would & ~(called & (self._luck(2).random(self.n) < SAVED))

    def next_month(self, left: np.ndarray) -> None:
        """Let a month pass in which these have left."""
        shake = self._luck(3).standard_normal(self.n)
        self.deviation = 0.7 * self.deviation + 0.7 * shake
        self.month += 1
        self._settle(left)


@dataclass(frozen=True)
class Year:
    """Alerts of one year, deployments in it, and the share of leavers on a list by a model of all its rows."""

    alerts: int
    deployments: int
    recall: float


def lived(seed: int, way: str) -> Year:
    """Live one year."""
    panel, production = Panel(seed, CLIENTS), Production()
    contacts: list[Contact] = []
    frame, alerts = pd.DataFrame(), 0
    for month in range(WARM_UP + MONTHS):
        rows, end = panel.seen(), _end(month)
        called = np.zeros(CLIENTS, dtype=bool)
        if month >= WARM_UP and way != NOBODY:
            risks = _risks(production, rows)
            called = highest(risks, list_length(LISTED, CLIENTS)) == 1
            day = (end + timedelta(days=CALLED_AFTER)).isoformat()
            contacts += [Contact(name, day, "reached") for name in rows["client"][called]]
        left = panel.leaves(rows["truth"].to_numpy(), called)
        panel.next_month(left)
        new = rows.assign(left=left.astype(float), content=month, month=end.isoformat()[:7])
        if way == APART:
            new = new[~_treated(new, contacts)]
        frame = pd.concat([frame, new], ignore_index=True)
        _see(production, new)
        if month >= WARM_UP - 1:
            alerts += _decide(production, frame)
    return Year(alerts, len(production.releases) - 1, _recall(seed, frame))


def _end(month: int) -> date:
    return date(2020 + (month + 1) // 12, (month + 1) % 12 + 1, 1) - timedelta(days=1)


def _treated(rows: pd.DataFrame, contacts: Sequence[Contact]) -> np.ndarray:
    in_order = tuple(sorted(contacts, key=lambda it: (it.client, it.date)))
    treatment = treated.treatment(Outcomes(in_order), None, (), 0)
    return treatment.marks(rows["client"].tolist(), treated.ends_of_periods(rows["month"].tolist()))


def _risks(production: Production, rows: pd.DataFrame) -> Floats:
    assert production.live is not None
    return fitting.risks_of(production.live.taught.estimator, fitting.features(rows, KINDS))


def _see(production: Production, rows: pd.DataFrame) -> None:
    """Let every release state its risks of new rows."""
    x = fitting.features(rows, KINDS)
    risks = [np.concatenate([it.risks, fitting.risks_of(it.taught.estimator, x)]) for it in production.releases]
    pairs = zip(production.releases, risks, strict=True)
    production.releases[:] = [replace(it, risks=stated) for it, stated in pairs]


def _decide(production: Production, frame: pd.DataFrame) -> bool:
    """Decide as a run does once the outcomes of the last month are known; return whether it was an alert."""
    steps = np.maximum(frame["content"].to_numpy() - (WARM_UP - 1), 0)
    view = View(Rows(frame, steps, NAMES), RULES, int(steps[-1]))
    decided = policies.ours(view, production)
    production.carry_out(decided)
    return decided.reason == policy.DRIFT


def _recall(seed: int, frame: pd.DataFrame) -> float:
    """Train on all rows and rank fresh clients, whom nobody has called."""
    fresh = Panel(seed + 1_000_000, FRESH).seen()
    truth, steps = fresh["truth"].to_numpy(), frame["content"].to_numpy()
    taught = View(Rows(frame, steps, NAMES), RULES, int(steps[-1])).of_all_rows
    risks = fitting.risks_of(taught.estimator, fitting.features(fresh, KINDS))
    return float(truth @ highest(risks, list_length(LISTED, FRESH)) / truth.sum())


def _years(seed: int) -> list[Year]:
    return [lived(seed, way) for way in WAYS]


def bench(years: int = YEARS) -> Table:
    """Measure additional alerts by calling, and what the list of the model is worth then."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(_years, range(1, years + 1)))
    return Table(
        "Calling",
        f"{years} simulated years of {CLIENTS:,} clients (`tests/benchmarks/calling.py`): every month the {LISTED:.0%} "
        f"at the highest risk are called, and {SAVED:.0%} of the called who would leave are saved. Reasons for leaving "
        "stay the same, so every alert is false. Additional alerts are those beyond the same year without calls. The "
        f"share of leavers caught is that of a list of {LISTED:.0%} of {FRESH:,} other clients, whom nobody calls, by "
        "their true risks and a model of all rows of the year. In brackets the one-sided 95 % bound.",
        list(_rows(found)),
    )


def _rows(found: Sequence[Sequence[Year]]) -> Iterator[Row]:
    nobody = [years[0] for years in found]
    yield f"{NOBODY}: alerts a year", f"{np.mean([it.alerts for it in nobody]):.2f}", "", None
    for place, way in enumerate(WAYS[1:], 1):
        there = [years[place] for years in found]
        goal = way == APART
        more, bound = _bound([it.alerts - its.alerts for it, its in zip(there, nobody, strict=True)])
        bound = max(bound, NO_EVENT / len(there))
        yield (
            f"{way}: additional alerts a year", f"{more:+.2f} (≤ {bound:.2f})",
            f"≤ {MOST_ALARMS}" if goal else "", bound <= MOST_ALARMS if goal else None,
        )  # fmt: skip
        lost, bound = _bound([1 - it.recall / its.recall for it, its in zip(there, nobody, strict=True)])
        yield (
            f"{way}: share of leavers caught, lost by calling", f"{lost:+.2%} (≤ {bound:.2%})",
            f"≤ {MOST_LOST:.0%}" if goal else "", bound <= MOST_LOST if goal else None,
        )  # fmt: skip
        yield f"{way}: deployments after the first", f"{np.mean([it.deployments for it in there]):.1f}", "", None


def _bound(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and its one-sided 95 % upper bound."""
    found = np.asarray(values, dtype=np.float64)
    error = float(t.ppf(0.95, len(found) - 1) * found.std(ddof=1) / np.sqrt(len(found)))
    return float(found.mean()), float(found.mean()) + error
