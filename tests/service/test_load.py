"""The load of tests/benchmarks/load.py in short: what is counted holds on any machine, what is timed stands there."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from typing import Any

import pytest

from risk.service import server as serving_room
from tests.benchmarks import load
from tests.service.test_server import serving


@pytest.mark.slow
def test_over_swaps_of_the_release_no_answer_fails_or_is_mixed_and_the_last_one_is_answered() -> None:
    with load.installed(3) as (settings, thresholds), load.served(settings) as (port, _):
        found = asyncio.run(load.swapped(settings, thresholds, port, 8, 0.3, 20))
        last, patience = found.changes[-1][2], time.monotonic() + 30
        while (told := asyncio.run(one_answer(port)))["release"] != last and time.monotonic() < patience:
            time.sleep(0.1)

    assert (found.n_failed, found.n_mixed(thresholds)) == (0, 0)
    assert (told["release"], told["threshold"]) == (last, thresholds[last])
    assert len(found.answers) > found.n_told


async def one_answer(port: int) -> dict[str, Any]:
    async with load.calling(port) as caller:
        return (await caller.ask(load.request(1), time.monotonic())).told


@pytest.mark.slow
def test_above_capacity_every_request_is_answered_or_told_to_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_room, "LONGEST_WAIT", 0.1)
    body = json.dumps({"release": "1-aa"}).encode()

    def slow(environ: Any, start_response: Any) -> Iterable[bytes]:
        time.sleep(0.02)
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    with serving(slow) as port:
        _, answers = asyncio.run(load.overloaded(port, 1, 1.5, 4.0))

    told = [it for it in answers if it.status == 503]
    assert {it.status for it in answers} == {200, 503}
    assert all(it.retry and it.told["request_id"] for it in told)


def test_a_stale_and_a_mixed_answer_would_be_counted() -> None:
    changes = [(0.0, 0.1, "1-a"), (5.0, 5.1, "2-b"), (10.0, 10.1, "3-c")]
    told = {"1-a": 0.3, "2-b": 0.4, "3-c": 0.5}

    def answer(due: float, name: str, threshold: float, status: int = 200) -> load.Answered:
        return load.Answered(due, due + 0.01, status, {"release": name, "threshold": threshold}, False)

    good = [answer(3, "1-a", 0.3), answer(6.9, "1-a", 0.3), answer(6, "2-b", 0.4), answer(20, "3-c", 0.5)]
    stale, mixed, failed = answer(7.2, "1-a", 0.3), answer(20, "3-c", 0.4), answer(20, "", 0, 500)
    found = load.Swaps([*good, stale, mixed, failed], changes)

    assert (found.n_stale, found.n_mixed(told), found.n_failed) == (1, 1, 1)
