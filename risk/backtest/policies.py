"""Four policies of when to train and what to deploy: ours, and the familiar ones that deploy without a gate.

Ours is the policy of the runs: the same reasons, candidates, gate and rollback, called as a run calls them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from risk.decision import policy
from risk.decision.policy import DEPLOYED, NOTHING_DEPLOYED, ROLLED_BACK, Names
from risk.decision.seasons import Levels
from risk.drift.season import History
from risk.modeling import fitting, selection
from risk.modeling.families import Family
from risk.modeling.metrics import Array, Codes, Floats, Marks, f1_score
from risk.modeling.reference import reference
from risk.modeling.selection import Challenger, Incumbent
from risk.settings.decision_rules import Drift, GateRule

OURS, NEVER, ALWAYS, F1_FALLS = "ours", "never retrain", "always retrain", "retrain when F1 falls"


@dataclass(frozen=True)
class Rules:
    """What the settings say: the columns, the scan, the gate, the choice of the family, families of one's own."""

    names: Names
    scan: Drift
    gate: GateRule
    choice: str
    own: Sequence[Family] = ()


@dataclass(frozen=True)
class Rows:
    """Labelled rows in the order of time, one entry per row. `step` numbers their contents from 0, without gaps.

    `truth` holds the true risks where they are known, in a simulated world.
    """

    frame: pd.DataFrame
    step: Codes
    names: Names
    truth: Floats | None = None

    @cached_property
    def x(self) -> pd.DataFrame:
        return fitting.features(self.frame, self.names.kinds)

    @cached_property
    def left(self) -> Floats:
        return self.frame[self.names.target].to_numpy(np.float64)

    @cached_property
    def clients(self) -> Array:
        return self.frame[self.names.client].to_numpy()

    @property
    def n_steps(self) -> int:
        return int(self.step[-1]) + 1 if len(self.step) else 0

    def between(self, first: int, last: int) -> slice:
        """Return the rows of the contents from the first to the last, both in it."""
        return slice(*np.searchsorted(self.step, [first, last + 1]).tolist())


@dataclass(frozen=True)
class ReplayedModel:
    """A model that went live after content `known`, with its risk of every row: out-of-fold for rows of its training.

    Of the contents after `known` it has seen nothing.
    """

    name: str
    known: int
    taught: Challenger
    risks: Floats
    provisional: bool

    def up_to(self, end: int) -> Incumbent:
        """Return it as one of the candidates, with its risk of the first rows."""
        taught, risks = self.taught, self.risks[:end]
        return Incumbent(self.name, taught.family, taught.estimator, taught.threshold, risks, taught.encoding)


@dataclass(frozen=True)
class Decided:
    """What a policy decided, why, and the model that goes live by it, if one does."""

    outcome: str
    reason: str
    model: ReplayedModel | None = None


@dataclass
class Production:
    """The releases of one policy, oldest first, and the place of the live one."""

    releases: list[ReplayedModel] = field(default_factory=list)
    place: int = -1
    n_tried: int = 0  # labelled rows when a challenger was trained last
    family_tried: str = ""
    followed: bool = False  # the live model was trained for an alert

    @property
    def live(self) -> ReplayedModel | None:
        return self.releases[self.place] if self.releases else None

    @property
    def former(self) -> ReplayedModel | None:
        return self.releases[self.place - 1] if self.place > 0 else None

    def carry_out(self, decided: Decided) -> None:
        """Make the model live that was decided on; a former release comes back to its place."""
        if decided.model is None:
            return
        self.followed = decided.reason == policy.DRIFT and decided.outcome != ROLLED_BACK
        if decided.outcome == ROLLED_BACK:
            self.place -= 1
            return
        self.releases.append(decided.model)
        self.place = len(self.releases) - 1


Policy = Callable[["View", Production], Decided]


class View:
    """What every policy sees once the outcomes of content `step` are known; the model of all rows is made once."""

    def __init__(self, rows: Rows, rules: Rules, step: int):
        self.rows, self.rules, self.step = rows, rules, step
        self.end = rows.between(0, step).stop
        self.x, self.left, self.clients = rows.x[: self.end], rows.left[: self.end], rows.clients[: self.end]

    @cached_property
    def of_all_rows(self) -> Challenger:
        return self.trained(np.zeros(self.end, dtype=bool))

    def trained(
        self, recent: Marks, champion: Incumbent | None = None, former: Incumbent | None = None, *,
        order_holds: bool = True,
    ) -> Challenger:  # fmt: skip
        """Return what training makes of the rows; without recent ones the best family on all."""
        kinds, when = self.rows.names.kinds, self.rows.step[: self.end]
        rules, rows = self.rules, (self.x, self.left, self.clients, when, recent, kinds)
        return selection.teach(*rows, rules.choice, champion, former, rules.own, order_holds=order_holds)

    def live(self, taught: Challenger, number: int, provisional: bool = False) -> ReplayedModel:
        """Return a model as it goes live now. No later training changes the risks that it will state."""
        later = fitting.risks_of(taught.estimator, self.rows.x[self.end :])
        return ReplayedModel(str(number), self.step, taught, np.concatenate([taught.risks, later]), provisional)


def ours(view: View, production: Production) -> Decided:
    """Train when there is a reason, compare the candidates, deploy what the gate favours: by the rules of the runs."""
    live, former = production.live, production.former
    if live is None:
        return first(view, production)
    rows, rules, end = view.rows, view.rules, view.end
    news, champion = rows.between(live.known + 1, view.step), _champion(live, rows, production, end)
    new_rows = rows.frame[news].assign(content=rows.step[news])
    why = policy.reason(new_rows, live.risks[news], rules.names, champion, end, rules.scan)
    why = policy.by_family(why, champion, rules.choice, view.left, end)
    if not why.train:
        return Decided(why.outcome, "")
    oldest = max(live.known, view.step - (why.recent or view.step)) + 1
    recent = np.arange(end) >= rows.between(oldest, view.step).start
    was = former.up_to(end) if former else None
    taught = view.trained(recent, live.up_to(end), was, order_holds=why.order_holds)
    production.n_tried, production.family_tried = end, taught.family
    judged = policy.judged(
        view.left[recent], live.risks[:end][recent], taught.nested[recent], view.clients[recent], rules.gate, why.name,
        forward=taught.forward[recent], scan=why.scan,
        same_list=selection.keeps_list(taught.learned, taught.estimator),
    )  # fmt: skip
    ruling = policy.decide(judged, compared=True, proven=not live.provisional, comes_back=bool(taught.release))
    if not ruling.deploy:
        return Decided(ruling.outcome, str(why.name))
    goes_live = former if taught.release else view.live(taught, len(production.releases))
    return Decided(ruling.outcome, str(why.name), goes_live)


def first(view: View, production: Production) -> Decided:
    """Deploy a first model as soon as both outcomes are known, provisional where the gate does not favour it."""
    if production.live is not None:
        return Decided(policy.NO_DRIFT, "")
    if len(set(view.left.tolist())) < 2:
        return Decided(policy.NOT_ENOUGH, "")
    against, taught, rule = fitting.base_rate(view.left, view.clients), view.of_all_rows, view.rules.gate
    judged = policy.judged(
        view.left, against, taught.nested, view.clients, rule, by_base_rate=True, forward=taught.forward
    )
    ruling = policy.decide(judged, compared=False, proven=False)
    return Decided(ruling.outcome, NOTHING_DEPLOYED, view.live(taught, 0, ruling.provisional))


def always(view: View, production: Production) -> Decided:
    """Deploy the model of all rows at every content."""
    if production.live is None:
        return first(view, production)
    return Decided(DEPLOYED, "always", view.live(view.of_all_rows, len(production.releases)))


def f1_falls(view: View, production: Production) -> Decided:
    """Deploy the model of all rows when the live one has a lower F1 on the content than it had when it went live."""
    live = production.live
    if live is None:
        return first(view, production)
    here, learned = view.rows.between(view.step, view.step), view.rows.between(0, live.known)
    at_first = f1_score(view.rows.left[learned], live.risks[learned], live.taught.threshold)
    if f1_score(view.rows.left[here], live.risks[here], live.taught.threshold) >= at_first:
        return Decided(policy.NO_DRIFT, "")
    return Decided(DEPLOYED, "F1 fell", view.live(view.of_all_rows, len(production.releases)))


def _champion(live: ReplayedModel, rows: Rows, production: Production, now: int) -> policy.Champion:
    """Return what the rules need of the live model, as its card has it."""
    taught, end = live.taught, len(live.taught.rows)
    inside, risks = np.flatnonzero(taught.rows), taught.risks[taught.rows]
    values = {name: rows.x[name].to_numpy()[inside] for name in rows.names.kinds}
    residuals = reference(values, rows.names.kinds, rows.left[inside], risks)  # type: ignore[arg-type]
    window = policy.window(rows.frame.iloc[inside], risks, rows.names, rows.clients[inside])
    known = None if taught.release else window
    periods = rows.frame[rows.names.period].to_numpy(str)[:now] if rows.names.period else None
    past = None if periods is None else History(periods, rows.left[:now], live.risks[:now])
    return policy.Champion(
        taught.family, end, end if taught.learned == selection.ALL_ROWS else taught.n_rows, residuals, live.provisional,
        production.n_tried, lambda: known, production.family_tried, Levels(lambda: past, production.followed),
    )  # fmt: skip


POLICIES: dict[str, Policy] = {OURS: ours, NEVER: first, ALWAYS: always, F1_FALLS: f1_falls}
