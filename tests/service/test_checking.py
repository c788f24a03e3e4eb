from __future__ import annotations

import json
from typing import Any

import pytest

from risk.service import checking
from risk.service.downloads import EXCEL

SCORING = {
    "release": "1-aa", "f1": 0.5, "f1_interval": [0.4, 0.6], "n_rows": 3, "auc": None, "log_loss": 0.4,
    "confusion": {"tp": 1, "fp": 1, "fn": 1, "tn": 0}, "scored_on": "held-out clients",
    "warning": None,
}  # fmt: skip
PROBLEM = {"type": "about:blank", "title": "x", "status": 503, "detail": "x"}


def faults(told: Any, status: int = 200, kind: str = "application/json; charset=utf-8", **headers: str) -> list[str]:
    content = told if isinstance(told, bytes) else json.dumps(told).encode()
    sizes = {"Content-Length": str(len(content))} | {name.replace("_", "-"): it for name, it in headers.items()}
    return checking.faults("service.scoring", status, {"Content-Type": kind} | sizes, content)


def test_an_answer_and_a_refusal_that_are_described_are_no_fault() -> None:
    assert faults(SCORING) == []
    assert faults(PROBLEM, 503, checking.PROBLEM) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((SCORING, 500), "its status is 500, which is not described"),
        ((SCORING, 200, "text/html"), "its kind is text/html, expected application/json"),
        ((PROBLEM, 503), "its kind is application/json, expected application/problem+json"),
        ((SCORING | {"n_rows": "3"},), "it is not what is described: Expected `int`, got `str` - at `$.n_rows`"),
        ((SCORING | {"more": 1},), "it is not what is described: Object contains unknown field `more`"),
        (({"release": "1-aa"},), "it is not what is described: Object missing required field `f1`"),
        ((b"{",), "it is not what is described: Input data was truncated"),
        ((b"",), "it is empty"),
    ],
)
def test_what_is_not_described_is_told(given: tuple[Any, ...], told: str) -> None:
    assert faults(*given) == [told]


def test_a_size_that_is_not_the_declared_one_is_told() -> None:
    assert faults(SCORING, Content_Length="1") == [f"it has {len(json.dumps(SCORING))} bytes, declared are 1"]


@pytest.mark.parametrize(
    ("endpoint", "kind", "content"),
    [
        ("downloads.report", "application/pdf", b"%PDF-1.4 and no end"),
        ("downloads.call_sheet", EXCEL, b"rank,client"),
        ("pages.figure", "image/svg+xml", b"<svg>"),
        ("pages.model", "text/html; charset=utf-8", b"<!doctype html><html>"),
    ],
)
def test_half_a_file_is_told(endpoint: str, kind: str, content: bytes) -> None:
    told = checking.faults(endpoint, 200, {"Content-Type": kind}, content)

    assert told == ["it is no whole file of its kind"]


def test_an_answer_has_an_entry_for_each_row() -> None:
    told = {"release": "1-aa", "threshold": 0.4, "predictions": [0], "risks": [0.1], "ranks": [None], "clients": [None],
            "bands": ["moderate"], "warnings": []}  # fmt: skip

    assert checking.counted(json.dumps(told).encode(), 1) == []
    assert checking.counted(json.dumps(told | {"ranks": []}).encode(), 1) == ["of 1 rows ranks has 0"]
