"""Choosing and judging: what noise proves, what nested cross-fitting costs, and what is refused by judging forward.

Everything is trained and judged by the functions of the runs, on streams whose truth is known.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from risk.backtest.replay import expected_log_loss
from risk.decision import policy
from risk.decision.gate import Gate
from risk.modeling import fitting, selection
from risk.modeling.metrics import Floats, Marks
from risk.modeling.selection import Challenger
from risk.settings.decision_rules import GateRule
from tests.benchmarks import kept
from tests.benchmarks.decisions import CHANGE, GRADUAL, PLAIN_CHANGE, SEGMENT, WORTH, Stream
from tests.benchmarks.feeds import at_least, at_most
from tests.benchmarks.kept import Row
from tests.benchmarks.measure import Table

KINDS = {"a": "numeric", "b": "numeric", "c": "categorical"}
EQUALS, EQUAL_ROWS = 8, 1_000
MOST_REFUSED, FEWEST_REFUSED = 0.02, 0.8
FORWARD = "trained without the newest"  # so the gate says that it refuses for these rows


def taught(x: pd.DataFrame, left: Floats, when: np.ndarray, kinds: dict[str, str], choice: str = "auto") -> Challenger:
    """Return the first model of these rows, one row a client."""
    return selection.teach(x, left, np.arange(len(left)), when, np.zeros(len(left), dtype=bool), kinds, choice)


def first_gate(made: Challenger, left: Floats, nested: bool = True) -> Gate:
    """Judge a first model against the base rate, as a run does; by its own risks where not nested."""
    clients = np.arange(len(left))
    against = fitting.base_rate(left, clients)
    risks = made.nested if nested else made.risks
    return policy.judged(left, against, risks, clients, GateRule(), by_base_rate=True, forward=made.forward)


def noise(seed: int) -> tuple[pd.DataFrame, Floats]:
    """Return 600 to 2,000 rows of figures that say nothing of who leaves."""
    draw = np.random.default_rng(seed)
    n_rows = int(draw.integers(600, 2_001))
    x = pd.DataFrame({"a": draw.lognormal(4, 1, n_rows), "b": draw.normal(size=n_rows)})
    x["c"] = draw.choice(np.array(["x", "y", "z"], dtype=object), n_rows)
    return x, (draw.random(n_rows) < 0.2).astype(np.float64)


def of_noise(seed: int) -> tuple[Gate, float]:
    """Return what the gate says of a first model of noise, and its out-of-fold area under the curve."""
    x, left = noise(seed)
    made = taught(x, left, np.zeros(len(left)), KINDS)
    return first_gate(made, left), _area(made.risks, left)


def _area(risks: Floats, left: Floats) -> float:
    above = (risks[left == 1][:, None] > risks[left == 0]).mean()
    return float(above + (risks[left == 1][:, None] == risks[left == 0]).mean() / 2)


# --- the choice -------------------------------------------------------------------------------------------------------


def of_equals(seed: int) -> tuple[bool, bool]:
    """Whether the best of eight equally good candidates beats its equal: by the rows that chose it, and nested.

    Each knows the truth but for noise of its own, as the champion does; the choice is made by the same rule.
    """
    draw = np.random.default_rng(seed)
    truth = -1.6 + draw.normal(size=EQUAL_ROWS)
    left = (draw.random(EQUAL_ROWS) < _risk(truth)).astype(np.float64)
    champion, *rest = (_risk(truth + 0.3 * draw.normal(size=EQUAL_ROWS)) for _ in range(EQUALS + 1))
    clients, fold = np.arange(EQUAL_ROWS), fitting.folds(np.arange(EQUAL_ROWS), left)

    def chosen(rows: Marks) -> Floats:
        return rest[selection.choose([("", it[rows]) for it in rest], left[rows], clients[rows]).index]

    best, nested = chosen(fold >= 0), np.empty(EQUAL_ROWS)
    for outer in range(fitting.N_FOLDS):
        nested[fold == outer] = chosen(fold != outer)[fold == outer]
    gates = (policy.judged(left, champion, it, clients, GateRule()) for it in (best, nested))
    flattered, honest = (it.outcome == "deploy" for it in gates)
    return flattered, honest


def _risk(logit: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logit)))


@dataclass(frozen=True)
class Cost:
    """A first model: whether it is proven by nested and by its own risks, and CPU seconds of all and of the choice."""

    nested: bool
    alone: bool
    seconds: float
    seconds_alone: float


def cost(seed: int, n_rows: int, size: float) -> Cost:
    """Train a first model of a weak signal, with and without the nested choice."""
    (rows,) = PLAIN_CHANGE.files(seed, n_rows, 1, since=2)
    draw, kinds = np.random.default_rng(seed), PLAIN_CHANGE.kinds
    truth = _risk(-1.4 + size * (np.log(rows["truth"] / (1 - rows["truth"])).to_numpy() + 1.6))
    left, x = (draw.random(n_rows) < truth).astype(np.float64), fitting.features(rows, kinds)
    started = time.process_time()
    made = taught(x, left, np.zeros(n_rows), kinds)
    seconds = time.process_time() - started
    started = time.process_time()
    for choice in ("logistic", "quadratic", "boosting"):
        taught(x, left, np.zeros(n_rows), kinds, choice)
    alone = time.process_time() - started
    return Cost(
        first_gate(made, left).outcome == "deploy", first_gate(made, left, False).outcome == "deploy", seconds, alone
    )


# --- forward in time --------------------------------------------------------------------------------------------------


def leaning(seed: int, months: int = 6, n_rows: int = 500) -> tuple[pd.DataFrame, Floats, np.ndarray]:
    """Return months whose share of leavers goes up and down, and a figure that tells the month: nothing lasts."""
    draw, when = np.random.default_rng(seed), np.repeat(np.arange(months), n_rows)
    share = np.where((when + seed) % 2, 0.1, 0.35)
    x = pd.DataFrame({"a": 100.0 * when + draw.uniform(0, 90, len(when)), "b": draw.normal(size=len(when))})
    x["c"] = draw.choice(np.array(["x", "y"], dtype=object), len(when))
    return x, (draw.random(len(when)) < share).astype(np.float64), when


def of_leaning(seed: int) -> Gate:
    """Judge a first model of months that rely on time."""
    x, left, when = leaning(seed)
    return first_gate(taught(x, left, when, KINDS), left)


@dataclass(frozen=True)
class Later:
    """A challenger after a change: the gate with and without its newest rows, and its gain by the true risks."""

    forward: Gate
    gain: float

    @property
    def refused_forward(self) -> bool:
        return FORWARD in self.forward.sentence


def later(stream: Stream, seed: int, n_rows: int, files: int = 2) -> Later:
    """Train a challenger on `files` files after a change in a stream of them, and judge it against the model before."""
    history = list(stream.files(seed, n_rows, 4 + files + 1, since=5))
    old, new, fresh = (
        pd.concat(some, ignore_index=True) for some in (history[:4], history[4 : 4 + files], history[-1:])
    )
    rows, kinds = pd.concat([old, new], ignore_index=True), stream.kinds
    recent: Marks = np.arange(len(rows)) >= len(old)
    base = selection.teach(
        fitting.features(old, kinds), old["left"].to_numpy(), old["client"].to_numpy(), np.zeros(len(old)),
        np.zeros(len(old), dtype=bool), kinds, "logistic",
    )  # fmt: skip
    stated = np.concatenate([base.risks, fitting.risks_of(base.estimator, fitting.features(new, kinds))])
    champion = selection.Incumbent("1", "logistic", base.estimator, base.threshold, stated)
    made = selection.teach(
        fitting.features(rows, kinds), rows["left"].to_numpy(), rows["client"].to_numpy(), rows["content"].to_numpy(),
        recent, kinds, "logistic", champion,
    )  # fmt: skip
    found = policy.judged(
        rows["left"].to_numpy()[recent], stated[recent], made.nested[recent], rows["client"].to_numpy()[recent],
        GateRule(), forward=made.forward[recent],
    )  # fmt: skip
    x, truth = fitting.features(fresh, kinds), fresh["truth"].to_numpy()
    was, would = (expected_log_loss(truth, fitting.risks_of(it, x)) for it in (base.estimator, made.estimator))
    return Later(found, (was - would) / was)


# --- the table --------------------------------------------------------------------------------------------------------


def bench() -> Table:
    """Measure what noise proves, what the nested choice costs, and what judging forward refuses."""
    return Table(
        "Choice and proof",
        "Pure noise has 600 to 2,000 rows of which a fifth leave. Equal candidates know the truth but for noise of the "
        "same size. A world that relies on time has months in which the share of leavers goes up and down, and a "
        "figure that tells the month. In brackets the one-sided 95 % bound, which is compared with the goal.",
        [row for part, measured in PARTS.items() for row in kept.rows("selection", part, measured)],
    )


def _noise_rows(n_seeds: int = 300) -> Iterator[Row]:
    found = [of_noise(seed) for seed in range(n_seeds)]
    proven, gain = sum(it.outcome == "deploy" for it, _ in found), float(np.mean([it.gain for it, _ in found]))
    yield f"pure noise, {n_seeds} seeds, `auto`: deployed as proven", f"{proven}", "0", proven == 0
    yield "… mean gain in log-loss over the base rate", f"{gain:.2%}", "≤ 0", gain <= 0
    yield "… mean out-of-fold AUC", f"{np.mean([area for _, area in found]):.3f}", "", None


def _choice_rows(n_seeds: int = 12_000) -> Iterator[Row]:
    found = np.array([of_equals(seed) for seed in range(n_seeds)])
    yield "best of eight equals, judged by the rows that chose it: deployed", f"{found[:, 0].mean():.1%}", "", None
    count = int(found[:, 1].sum())
    bound = at_most(count, n_seeds)
    yield "… chosen within the other folds: deployed", f"{count / n_seeds:.1%} (≤ {bound:.1%})", "≤ 2 %", bound <= 0.02


def _cost_rows() -> Iterator[Row]:
    for n_rows, size, n_seeds in ((600, 0.6, 40), (2_000, 0.35, 20)):
        found = [cost(seed, n_rows, size) for seed in range(n_seeds)]
        nested, alone = (np.mean([getattr(it, name) for it in found]) for name in ("nested", "alone"))
        what = f"weak signal, {n_rows:,} rows, `auto`: proven by the nested choice, and by its own rows"
        yield what, f"{nested:.0%} and {alone:.0%}", "", None
        seconds, bare = (np.mean([getattr(it, name) for it in found]) for name in ("seconds", "seconds_alone"))
        yield "… CPU of the training, times that of each family alone", f"{seconds / bare:.2f}", "", None


def _forward_rows() -> Iterator[Row]:
    found = [of_leaning(seed) for seed in range(40)]
    refused = sum(FORWARD in it.sentence for it in found)
    bound = at_least(refused, len(found))
    what = "world that relies on time, 6 months of 500: refused forward"
    yield what, f"{refused} of {len(found)} (≥ {bound:.0%})", "≥ 80 %", bound >= FEWEST_REFUSED
    after = [later(stream, seed, 500) for stream in (PLAIN_CHANGE, CHANGE, SEGMENT, GRADUAL) for seed in range(60)]
    better = [it for it in after if it.gain > WORTH]
    wrong, asked = sum(it.refused_forward for it in better), sum(it.forward.forward_z is not None for it in better)
    bound = at_most(wrong, len(better))
    what = "truly better challengers, two files of 500 after a change: refused forward"
    figure = f"{wrong} of {len(better)}, {asked} of them judged forward (≤ {bound:.1%})"
    yield what, figure, "≤ 2 %", bound <= MOST_REFUSED


PARTS = {"noise": _noise_rows, "choice": _choice_rows, "cost": _cost_rows, "forward": _forward_rows}
