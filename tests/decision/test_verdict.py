"""What a gate's figures lead to, and whether a verdict that was written covers what is deployed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from risk.decision import policy, verdict
from risk.decision.gate import Gate, judge
from risk.decision.verdict import Verdict
from risk.disk import files
from risk.errors import NotFavouredError
from risk.registry.releases import BASE_RATE, Release

LIVE = Release("1-abc", Path("releases/1-abc"))


def gate(outcome: str) -> Gate:
    left = np.tile([1.0, 0.0, 0.0], 100 if outcome != policy.NOT_ENOUGH else 5)
    better = np.where(left == 1, 0.8, 0.1) if outcome == "deploy" else np.full(len(left), 0.4)
    found = judge(left, np.full(len(left), 0.4), better, np.arange(len(left)), 10)
    assert found.outcome == outcome
    return found


@pytest.mark.parametrize(
    ("outcome", "facts", "ruling"),
    [
        ("deploy", {"compared": True, "proven": True}, (True, False, policy.DEPLOYED)),
        ("deploy", {"compared": True, "proven": True, "comes_back": True}, (True, False, policy.ROLLED_BACK)),
        ("deploy", {"compared": True, "proven": True, "objection": "spoiled"}, (False, False, policy.REJECTED)),
        ("deploy", {"compared": True, "proven": True, "leaks": True}, (False, False, policy.REJECTED)),
        ("deploy", {"compared": True, "proven": False, "leaks": True}, (True, True, policy.DEPLOYED)),
        ("refuse", {"compared": True, "proven": False}, (False, False, policy.REJECTED)),
        ("refuse", {"compared": False, "proven": False}, (True, True, policy.DEPLOYED)),
        ("refuse", {"compared": False, "proven": True}, (False, False, policy.REJECTED)),
        (policy.NOT_ENOUGH, {"compared": True, "proven": True}, (False, False, policy.NOT_ENOUGH)),
        (policy.NOT_ENOUGH, {"compared": False, "proven": False}, (True, True, policy.DEPLOYED)),
    ],
)
def test_a_ruling_follows_from_the_gate_and_what_is_live(outcome: str, facts: Any, ruling: tuple[Any, ...]) -> None:
    made = policy.decide(gate(outcome), **facts)

    assert (made.deploy, made.provisional, made.outcome) == ruling


def test_what_is_deployed_all_the_same_is_not_called_refused() -> None:
    blank = Verdict.from_dict({})
    covered = {name: getattr(blank, name) for name in ("model", "champion", "dataset", "holdout", "reason")}
    evidence = verdict.Evidence(replace(gate("refuse"), against=BASE_RATE), None, proven=False)

    made = verdict.conclude(covered, 1, evidence, [], blank.scores, comes_back=False, rolled_back=False)

    assert (made.deploy, made.provisional) == (True, True)
    assert "refused" not in made.sentence
    assert ": it is not proven, for " in made.sentence


def test_a_verdict_opens_whatever_else_its_file_says() -> None:
    facts = {"model": "m", "champion": LIVE.name, "deploy": True, "sentence": "It is better.", "run": 2}
    stored = replace(Verdict.from_dict(facts), gate=gate("deploy"))

    written = json.loads(files.as_json(stored.as_dict()))
    assert Verdict.from_dict(written | {"forced": None, "of_tomorrow": 1}).gate == stored.gate
    assert list(written)[-2:] == ["scores", "gate"]


@pytest.mark.parametrize(
    ("stored", "outcome"),
    [
        ({"model": "other"}, verdict.NOT_JUDGED),
        ({"model": "m", "champion": BASE_RATE, "deploy": True}, verdict.NOT_JUDGED),
        ({"model": "m", "champion": LIVE.name, "deploy": False, "outcome": policy.REJECTED}, policy.REJECTED),
    ],
)
def test_only_a_favourable_verdict_on_this_model_and_what_is_live_allows_a_release(stored: Any, outcome: str) -> None:
    with pytest.raises(NotFavouredError) as caught:
        verdict.require_favourable(Verdict.from_dict(stored), "models/verdict.json", "m", LIVE, forced=False)

    assert caught.value.outcome == outcome
    verdict.require_favourable(Verdict.from_dict({"model": "m"}), "models/verdict.json", "m", LIVE, forced=True)
