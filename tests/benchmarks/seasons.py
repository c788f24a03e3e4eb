"""Seasons: a yearly cycle in the share of leavers, month by month, of clients who leave for the same reasons.

Files are those of the plain stream of `decisions`, with a period, and a logit that goes up and down once a year; the
season in which they begin is another one for each seed. The first month is trained on, the others are decided on by
our rules. Models are logistic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from risk.backtest import policies, replay
from risk.backtest.policies import Decided, Production, ReplayedModel, Rows, Rules, View
from risk.drift import season
from risk.drift.season import History
from risk.modeling import fitting
from risk.modeling.metrics import highest, list_length
from risk.settings.decision_rules import Drift, GateRule
from tests.benchmarks import decisions, kept
from tests.benchmarks.decisions import PLAIN_CHANGE
from tests.benchmarks.feeds import at_least
from tests.benchmarks.kept import Row
from tests.benchmarks.measure import Table

MONTHS, SIZES, AMPLITUDES = 25, (500, 2_000), (0.5, 0.65, 0.8)
TOP_SHARE, MOST_DEPLOYED, FEWEST_HELD, FIRST_FILE = 0.1, 3, 0.85, 0.95
LASTING, LATER = 0.8, 12  # on the logit; months in which it may be found
SEEDS, MORE_SEEDS = 4, 60
NAMES = replace(PLAIN_CHANGE.names(), period="period")


@dataclass
class Lived:
    """What came of one stream.

    Deployments after the first; the months of alerts that trained, from 0; and of each month after the first
    whether those who left were within the 90 % interval, of the list of 10 % and of all clients.
    """

    deployments: int = 0
    alerts: list[int] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)
    held_of_all: list[bool] = field(default_factory=list)


def stream(seed: int, n_rows: int, amplitude: float, months: int = MONTHS, lasting: int | None = None) -> pd.DataFrame:
    """Return monthly files; from month `lasting` on (the first is 0) everybody leaves more often."""
    files, begins = [], int(np.random.default_rng(seed).integers(12))
    for number in range(months):
        share = amplitude * float(np.sin(2 * np.pi * (begins + number) / 12))
        moved = {"share": share + (LASTING if lasting is not None and number >= lasting else 0.0)}
        file = decisions._plain(np.random.default_rng([seed, n_rows, number]), n_rows, number, moved)
        files.append(file.assign(period=f"{2020 + number // 12}-{number % 12 + 1:02d}"))
    return pd.concat(files, ignore_index=True)


def lived(frame: pd.DataFrame) -> Lived:
    """Return what our rules make of a stream."""
    rows = Rows(frame, replay.steps_of(frame["content"].to_numpy()), NAMES, frame["truth"].to_numpy())
    found = Lived()

    def watched(view: View, production: Production) -> Decided:
        if production.live:
            _note(found, view, production.live)
        return policies.ours(view, production)

    replayed = replay.replay(rows, Rules(NAMES, Drift(), GateRule(), "logistic"), {policies.OURS: watched})
    told = replayed.story(policies.OURS)
    found.deployments = len(told.changes)
    found.alerts = [it.step for it in told.decisions if it.reason == "drift"]
    return found


def _note(found: Lived, view: View, live: ReplayedModel) -> None:
    """Note whether as many left in the newest month as was said before, with what was known then."""
    here, past = view.rows.between(view.step, view.step), slice(0, view.rows.between(0, view.step - 1).stop)
    known = History(view.rows.frame["period"].to_numpy()[past], view.rows.left[past], live.risks[past])
    told, left = season.forecast(known), view.rows.left[here]
    risks = season.moved(live.risks[here], told.level)
    for k, held in ((list_length(TOP_SHARE, len(left)), found.held), (len(left), found.held_of_all)):
        listed = highest(risks, k) == 1
        expected = fitting.expected_leavers(risks[listed], len(left), live.taught.n_rows, told.deviation)
        held.append(expected.low <= left[listed].sum() <= expected.high)


def bench() -> Table:
    """Measure deployments, alerts and intervals of seasons, and how soon a level that lasts is found beside them."""
    about = (
        f"{MONTHS} months (`tests/benchmarks/seasons.py`): the logit of leaving goes up and down once a year by so "
        "much, the reasons stay the same. Deployments are those after the first. Held: months in which those who left "
        "were within the 90 % interval that was stated before, of the first 10 % by risk (of all clients). A level "
        f"that lasts is {LASTING} on the logit from one month on."
    )
    by_size = [
        row
        for n_rows in SIZES
        for it in AMPLITUDES
        for row in kept.rows("seasons", f"{n_rows} rows, {it}", lambda n=n_rows, it=it: _season_rows(n, it))
    ]
    return Table("Seasons", about, [*by_size, *kept.rows("seasons", "a level that lasts", _lasting_rows)])


def _season_rows(n_rows: int, amplitude: float) -> Iterator[Row]:
    found = [lived(stream(seed, n_rows, amplitude)) for seed in range(SEEDS)]
    what, counts = f"amplitude {amplitude}, {n_rows:,} rows a month", [it.deployments for it in found]
    figure = f"{np.mean(counts):.1f}, {max(counts)} at most; {np.mean([len(it.alerts) for it in found]):.1f} alerts"
    yield f"{what}: deployments", figure, f"≤ {MOST_DEPLOYED}", max(counts) <= MOST_DEPLOYED
    held, of_all = (float(np.mean([getattr(it, name) for it in found])) for name in ("held", "held_of_all"))
    figure = f"{held:.0%} of months ({of_all:.0%})"
    yield f"{what}: expected leavers held", figure, f"≥ {FEWEST_HELD:.0%}", held >= FEWEST_HELD


def _lasting_rows() -> Iterator[Row]:
    firsts = [lived(stream(seed, 2_000, 0.0, 4, 3)).alerts for seed in range(MORE_SEEDS)]
    n_found = sum(3 in it for it in firsts)
    bound, figure = at_least(n_found, MORE_SEEDS), f"{n_found / MORE_SEEDS:.1%}"
    what = "a level that lasts after three steady months, 2,000 rows: trained for in its first file"
    yield what, f"{figure} (≥ {bound:.1%})", f"≥ {FIRST_FILE:.0%}", bound >= FIRST_FILE
    for amplitude in AMPLITUDES:
        found = [lived(stream(seed, 2_000, amplitude, 24 + LATER, 24)) for seed in range(SEEDS)]
        delays = [next((it - 24 + 1 for it in one.alerts if it >= 24), None) for one in found]
        told = ", ".join("not" if it is None else str(it) for it in delays)
        what = f"a level that lasts after two years of amplitude {amplitude}, 2,000 rows"
        held = float(np.mean([one.held[23:] for one in found]))
        yield f"{what}: followed after so many files", told, "", None
        yield f"{what}: expected leavers held from then on", f"{held:.0%} of months", "", None
