"""A backtest for people and programs: plain values for JSON, a table, a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from risk.backtest import replay
from risk.backtest.policies import Rows, Rules
from risk.backtest.replay import Progress, Replay, Story
from risk.dataset.manifest import Manifest, content_order
from risk.errors import DataError
from risk.report import tables
from risk.text import counted, number, one_line, percent

DRIFT = "drift"


def over(
    frame: pd.DataFrame, manifest: Manifest, rules: Rules, facts: Mapping[str, str], told: Progress
) -> dict[str, Any]:
    """The replay of all policies over the labelled rows of a dataset, for JSON.

    Raises: DataError where they come from fewer than two contents.
    """
    frame = frame.sort_values("content", kind="stable", ignore_index=True)
    rows = Rows(frame, replay.steps_of(frame["content"].to_numpy()), rules.names)
    if rows.n_steps < 2:
        raise DataError(
            f"dataset {manifest.name}: its labelled rows come from {counted(rows.n_steps, 'content')}, expected at "
            "least two to replay. Add another file with outcomes, then run again."
        )
    replayed = replay.replay(rows, rules, told=told)
    return as_dict(replayed, _contents(manifest, rows), rules.gate.top_share, **facts, n_rows=len(frame))


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
    def counted_from_1(event: Any) -> dict[str, Any]:
        return {"content": event.step + 1} | {name: value for name, value in asdict(event).items() if name != "step"}

    return {
        "policy": story.policy,
        "caught": sum(count or 0 for count in story.caught),
        "deployments": len(story.changes),
        "worse": sum(deployment.worse for deployment in story.changes),
        "delay": None if alarm is None else story.delay(alarm),
        "caught_by_content": list(story.caught),
        "decided": [counted_from_1(decision) for decision in story.decisions],
        "deployed": [counted_from_1(deployment) for deployment in story.deployments],
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


def page(told: Mapping[str, Any]) -> str:
    """Return what people read in a terminal: the sentence, the table, and what ours decided when."""
    lines = [f"Backtest of dataset {told['dataset']}: {counted(told['n_rows'], 'labelled row')}.", told["sentence"], ""]
    policies = tables.backtest(told)
    lines += _aligned([[column.title for column in policies.columns], *policies.rows])
    names = [one_line(content["name"]) for content in told["contents"]]
    decided = [[it["outcome"], it["reason"]] for it in told["policies"][0]["decided"]]
    ours = [[name, *decision] for name, decision in zip(names, decided, strict=True)]
    return "\n".join([*lines, "", "Our decisions, content by content:", *_aligned(ours)])


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
