"""Seasons: a yearly cycle in the share of leavers, month by month, with clients whose reasons never change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from risk.backtest import policies, replay
from risk.backtest.policies import Decided, Production, Rows, Rules, View
from risk.drift import season
from risk.modeling import fitting
from risk.modeling.metrics import highest, list_length
from risk.settings.decision_rules import Drift, GateRule
from tests.benchmarks import decisions
from tests.benchmarks.decisions import PLAIN_CHANGE

MONTHS, SIZES, AMPLITUDES = 25, (500, 1_000, 2_000), (0.5, 0.65, 0.8)


@dataclass
class Lived:
    """What came of one stream: deployments, alerts, and of each month after the first whether the interval held."""

    deployments: int
    alerts: int
    held: list[bool]
    held_of_all: list[bool]
    told: list[object] = None  # type: ignore


def stream(seed: int, n_rows: int, amplitude: float, months: int = MONTHS) -> pd.DataFrame:
    """Return the monthly files; the season in which they begin is that of the seed."""
    files, turn = [], 2 * np.pi * (np.random.default_rng(seed).integers(12) + np.arange(months)) / 12
    for number in range(1, months + 1):
        moved = {"share": amplitude * float(np.sin(turn[number - 1]))}
        file = decisions._plain(np.random.default_rng([seed, n_rows, number]), n_rows, number, moved)
        files.append(file.assign(period=f"{2020 + (number - 1) // 12}-{(number - 1) % 12 + 1:02d}"))
    return pd.concat(files, ignore_index=True)


def lived(frame: pd.DataFrame, choice: str = "logistic") -> Lived:
    """Return what our rules make of it."""
    names = PLAIN_CHANGE.names()
    names = type(names)(names.client, names.target, names.kinds, "period")
    rows = Rows(frame, replay.steps_of(frame["content"].to_numpy()), names, frame["truth"].to_numpy())
    found = Lived(0, 0, [], [])

    def watched(view: View, production: Production) -> Decided:
        if live := production.live:
            _note(found, view, live)
        return policies.ours(view, production)

    told = replay.replay(rows, Rules(names, Drift(), GateRule(), choice), {"ours": watched}).story("ours")
    found.deployments = len(told.deployments)
    found.alerts = sum(it.reason == "drift" for it in told.decisions)
    found.told = [(it.step, it.reason, it.model) for it in told.deployments]
    return found


def _note(found: Lived, view: View, live: policies.ReplayedModel) -> None:
    here, past = view.rows.between(view.step, view.step), slice(0, view.rows.between(0, view.step - 1).stop)
    periods = view.rows.frame["period"].to_numpy()
    told = season.forecast(season.History(periods[past], view.rows.left[past], live.risks[past]))
    risks, left = season.moved(live.risks[here], told.level), view.rows.left[here]
    for k, held in ((list_length(0.1, len(left)), found.held), (len(left), found.held_of_all)):
        listed = highest(risks, k) == 1
        expected = fitting.expected_leavers(risks[listed], len(left), live.taught.n_rows, told.deviation)
        held.append(expected.low <= left[listed].sum() <= expected.high)
