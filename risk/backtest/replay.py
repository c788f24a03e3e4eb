"""What each policy would have decided, content by content, had the labelled rows come in their order.

Before the outcomes of a content are known the live model of each policy ranks its clients; then the policy decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from risk.backtest.policies import POLICIES, Decided, Policy, Production, ReplayedModel, Rows, Rules, View
from risk.dataset.manifest import Manifest, content_order
from risk.decision import gate
from risk.decision.policy import DRIFT, NOTHING_DEPLOYED
from risk.errors import DataError
from risk.modeling.metrics import Codes, Floats, clip, highest, list_length
from risk.text import counted, number, percent

SURE = 2.33  # standard errors from which a deployed model counts as worse than the one that it replaced
MOST_STEPS = 60  # of more contents, neighbours are joined: each may cost a training of every policy

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Decision:
    """What was decided once the outcomes of content `step` were known, and the reason to train, if there was one."""

    step: int
    outcome: str
    reason: str


@dataclass(frozen=True)
class Deployment:
    """What went live after content `step`, and how it did until the next deployment, beside what it had replaced.

    `gain` is a share of the log-loss of the replaced model; None for a first model and where no content followed.
    """

    step: int
    outcome: str
    reason: str
    model: str
    gain: float | None
    worse: bool


@dataclass(frozen=True)
class Story:
    """What became of one policy: decisions, deployments, and the leavers on its list of each content.

    A content for which it had no model yet has None.
    """

    policy: str
    caught: tuple[int | None, ...]
    decisions: tuple[Decision, ...]
    deployments: tuple[Deployment, ...]

    @property
    def changes(self) -> tuple[Deployment, ...]:
        """The deployments but the first one, which every policy makes."""
        return self.deployments[1:]

    def delay(self, since: int) -> int | None:
        """Return how many contents passed from content `since` to the next deployment; None where none came."""
        return min((change.step - since for change in self.changes if change.step >= since), default=None)


@dataclass(frozen=True)
class ContentResult:
    """One content: rows, leavers, the length of the list, and the leavers on the list of the true risks, if known."""

    n_rows: int
    leavers: int
    k: int
    catchable: int | None


@dataclass(frozen=True)
class Replay:
    """The contents and what became of each policy over them."""

    contents: tuple[ContentResult, ...]
    stories: tuple[Story, ...]

    def story(self, policy: str) -> Story:
        """Return what became of the policy of this name."""
        return next(it for it in self.stories if it.policy == policy)


def steps_of(contents: Sequence[int] | Codes, most: int = MOST_STEPS) -> Codes:
    """Return the step of each row from the place of its content; of more than `most` contents neighbours are joined."""
    found, numbers = np.unique(np.asarray(contents), return_inverse=True)
    return np.asarray(numbers // max(1, -(-len(found) // most)), dtype=np.int64)


def replay(rows: Rows, rules: Rules, policies: Mapping[str, Policy] = POLICIES, told: Progress | None = None) -> Replay:
    """Return what each policy would have decided. `told` gets the number of contents done and of all.

    Raises: GateError when the gate fails its own test.
    """
    productions: dict[str, Production] = {name: Production() for name in policies}
    history: dict[str, list[tuple[ReplayedModel | None, Decided]]] = {name: [] for name in policies}
    for step in range(rows.n_steps):
        view = View(rows, rules, step)
        for name, production in productions.items():
            before, decided = production.live, policies[name](view, production)
            production.carry_out(decided)
            history[name].append((before, decided))
        if told:
            told(step + 1, rows.n_steps)
    contents = tuple(_content(rows, rules, step) for step in range(rows.n_steps))
    return Replay(contents, tuple(_story(name, history[name], rows, contents) for name in policies))


def _content(rows: Rows, rules: Rules, step: int) -> ContentResult:
    here = rows.between(step, step)
    left = rows.left[here]
    k = list_length(rules.gate.top_share, len(left))
    catchable = None if rows.truth is None else _caught(left, rows.truth[here], k)
    return ContentResult(len(left), int(left.sum()), k, catchable)


def _story(
    name: str, history: Sequence[tuple[ReplayedModel | None, Decided]], rows: Rows, contents: Sequence[ContentResult]
) -> Story:
    """Tell one policy. `history` holds, for each content, what was live when it came and what was decided."""
    caught: list[int | None] = []
    for step, (live, _) in enumerate(history):
        here = rows.between(step, step)
        caught.append(None if live is None else _caught(rows.left[here], live.risks[here], contents[step].k))
    steps = [step for step, (_, decided) in enumerate(history) if decided.model]
    ends = [*steps[1:], len(history) - 1][: len(steps)]
    deployments = [_deployment(step, end, *history[step], rows) for step, end in zip(steps, ends, strict=True)]
    decisions = tuple(Decision(step, it.outcome, it.reason) for step, (_, it) in enumerate(history))
    return Story(name, tuple(caught), decisions, tuple(deployments))


def _caught(left: Floats, risks: Floats, k: int) -> int:
    return round(float(left @ highest(risks, k)))


def _deployment(step: int, end: int, replaced: ReplayedModel | None, decided: Decided, rows: Rows) -> Deployment:
    """Compare what went live after content `step` with what it replaced, on the contents up to `end`."""
    model, after = decided.model, rows.between(step + 1, end)
    assert model is not None
    words = f"{model.taught.learned}, {model.taught.family}"
    if replaced is None or after.start == after.stop or decided.reason == NOTHING_DEPLOYED:
        return Deployment(step, decided.outcome, decided.reason, words, None, False)
    gain, worse = _compared(rows, after, replaced.risks[after], model.risks[after])
    return Deployment(step, decided.outcome, decided.reason, words, gain, worse)


def _compared(rows: Rows, after: slice, former: Floats, new: Floats) -> tuple[float, bool]:
    """Return the gain and whether it is a loss: beyond chance by the outcomes, or surely by the true risks."""
    if rows.truth is not None:
        losses = expected_log_loss(rows.truth[after], former), expected_log_loss(rows.truth[after], new)
        return (losses[0] - losses[1]) / losses[0], losses[1] > losses[0]
    found = gate.judge(rows.left[after], former, new, rows.clients[after], 1)
    return found.gain, found.z < -SURE


def expected_log_loss(truth: Floats, risks: Floats) -> float:
    """Return the mean log-loss that outcomes drawn from the true risks would have."""
    risk = clip(risks)
    return float(-np.mean(truth * np.log(risk) + (1 - truth) * np.log(1 - risk)))


def over(
    frame: pd.DataFrame, manifest: Manifest, rules: Rules, facts: dict[str, Any], told: Progress
) -> dict[str, Any]:
    """The replay of all policies over the labelled rows of a dataset, for JSON.

    Raises: DataError where they come from fewer than two contents.
    """
    frame = frame.sort_values("content", kind="stable", ignore_index=True)
    rows = Rows(frame, steps_of(frame["content"].to_numpy()), rules.names)
    if rows.n_steps < 2:
        raise DataError(
            f"dataset {manifest.name}: its labelled rows come from {counted(rows.n_steps, 'content')}, expected at "
            "least two to replay. Add another file with outcomes, then run again."
        )
    replayed = replay(rows, rules, told=told)
    return as_dict(replayed, _contents(manifest, rows), rules.gate.top_share, **facts)


def _contents(manifest: Manifest, rows: Rows) -> list[str]:
    """The source of each content that was replayed; of contents that were joined the first and the last."""
    order = content_order(manifest)
    paths = {order[content.digest]: entry.path for entry in manifest.entries for content in entry.contents}
    ends = rows.frame["content"].groupby(rows.step).agg(["min", "max"])
    return [" to ".join(dict.fromkeys([paths[first], paths[last]])) for first, last in ends.to_numpy()]


def as_dict(replayed: Replay, contents: Sequence[str], top_share: float, **facts: Any) -> dict[str, Any]:
    """A replay, ours first in it, for JSON; `facts` come first. `contents` names each; places count from 1.

    Leavers count from the first content that there was a model for. Delays count from the first alarm of ours.
    """
    ours, sizes = replayed.stories[0], replayed.contents
    first = next((step for step, caught in enumerate(ours.caught) if caught is not None), len(contents))
    alarm = next((decision.step for decision in ours.decisions if decision.reason == DRIFT), None)
    told = facts | {
        "contents": [
            {"name": name, "n_rows": size.n_rows, "leavers": size.leavers, "k": size.k}
            for name, size in zip(contents, sizes, strict=True)
        ],
        "first_ranked": first + 1,
        "leavers": sum(size.leavers for size in sizes[first:]),
        "top_share": top_share,
        "first_alarm": None if alarm is None else alarm + 1,
        "policies": [_policy(story, alarm) for story in replayed.stories],
    }
    return told | {"sentence": _sentence(told)}


def _policy(story: Story, alarm: int | None) -> dict[str, Any]:
    return {
        "policy": story.policy,
        "caught": sum(count or 0 for count in story.caught),
        "deployments": len(story.changes),
        "worse": sum(deployment.worse for deployment in story.changes),
        "delay": None if alarm is None else story.delay(alarm),
        "caught_by_content": list(story.caught),
        "decided": [{"content": decision.pop("step") + 1} | decision for decision in map(asdict, story.decisions)],
        "deployed": [{"content": change.pop("step") + 1} | change for change in map(asdict, story.deployments)],
    }


def _sentence(told: Mapping[str, Any]) -> str:
    ours, *others = told["policies"]
    contents = counted(len(told["contents"]) - told["first_ranked"] + 1, "content")
    share = percent(told["top_share"], 0)
    whole = f"Over {contents} with {counted(told['leavers'], 'leaver')}, a list of the first {share}"
    beside = "; ".join(f"{it['policy']}: {_in_short(it)}" for it in others)
    return f"{whole} by our decisions would have held {_in_short(ours)}. {beside[:1].upper()}{beside[1:]}."


def _in_short(policy: Mapping[str, Any]) -> str:
    if not policy["deployments"]:
        return f"{number(policy['caught'])} of them without another deployment"
    worse = f", {number(policy['worse'])} of these for the worse" if policy["worse"] else ""
    return f"{number(policy['caught'])} with {counted(policy['deployments'], 'further deployment')}{worse}"
