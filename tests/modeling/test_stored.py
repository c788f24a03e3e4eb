"""Dataclasses as JSON and back: unknown keys, keys that are missing or null, figures that are not known."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from math import isnan
from typing import Literal

import pytest

from risk.decision.policy import Reason
from risk.drift.finding import Scan, WindowResult
from risk.modeling.stored import Stored


@dataclass(frozen=True)
class Part:
    share: float
    name: str | None = None


@dataclass(frozen=True)
class Whole(Stored):
    word: Literal["yes", "no"]
    count: int
    parts: tuple[Part, ...]
    interval: tuple[float, float] | None
    part: Part
    late: float | None = float("nan")


WHOLE = Whole("yes", 3, (Part(0.5, "a"), Part(0.25)), (0.1, 0.2), Part(1.0), 7.0)


def test_what_was_stored_comes_back_equal_whatever_else_is_beside_it() -> None:
    stored = json.loads(json.dumps(WHOLE.as_dict()))

    assert Whole.from_dict(stored | {"of_tomorrow": {"a": 1}}) == WHOLE


@pytest.mark.parametrize("name", [it.name for it in fields(Whole)])
def test_a_key_that_is_missing_or_null_is_blank_and_written_again_as_null(name: str) -> None:
    stored = WHOLE.as_dict()

    for less in ({key: it for key, it in stored.items() if key != name}, stored | {name: None}):
        opened = Whole.from_dict(less)
        again = json.loads(json.dumps(opened.as_dict(), allow_nan=False))
        assert Whole.from_dict(again).as_dict() == opened.as_dict()


def test_an_empty_object_opens_with_blanks_and_a_figure_that_nobody_recorded_is_no_zero() -> None:
    blank = Whole.from_dict({})

    assert (blank.word, blank.parts, blank.interval, blank.part.name) == ("", (), None, None)
    assert isnan(blank.count)
    assert isnan(blank.part.share)


def test_null_is_known_where_a_value_may_be_none_and_only_a_missing_key_has_the_default() -> None:
    assert Whole.from_dict({"late": None}).late is None
    assert isnan(Whole.from_dict({}).late or 0.0)


def test_a_reason_of_an_older_card_opens_with_its_scan() -> None:
    window = {"chi2": 9.0, "df": 3, "p": 0.02, "gain": 0.1, "relative_gain": 0.2, "rings": True, "contents": 1,
              "n_rows": 90, "leavers": 40, "stayers": 50}  # fmt: skip
    scan = {"verdict": "retrain", "windows": [window], "moved": "x", "moved_in": 2, "gone_since": 1}

    reason = Reason.from_dict({"train": True, "name": "drift", "verdict": "retrain", "scan": scan})

    assert reason.recent == 2
    assert reason.scan == Scan("retrain", (WindowResult(**window),), "x", 2)
    assert Reason.from_dict({}).recent is None
