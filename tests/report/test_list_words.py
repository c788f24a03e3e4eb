from __future__ import annotations

from typing import Any

import pytest

from risk.report import list_words, situation
from risk.text import percent

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
GOOD = {"run": 1, "at": "2027-01-12T08:00:00Z", "outcome": "deployed"}


@pytest.mark.parametrize(
    ("risk", "word"),
    [
        (1.0, "very high"),
        (0.75, "very high"),
        (0.7, "high"),
        (0.49, "raised"),
        (0.1, "moderate"),
        (0.099, "moderate"),  # shown as 10 %
        (0.094, "low"),
        (0.0, "low"),
    ],
)
def test_a_risk_has_a_word(risk: float, word: str) -> None:
    assert situation.level(risk) == word


@pytest.mark.parametrize(("least", "word"), situation.LEVELS[:-1])
def test_the_word_of_a_risk_is_that_of_the_figure_beside_it(least: float, word: str) -> None:
    rounded_up, below = least - 0.004, least - 0.006

    assert percent(rounded_up, 0) == percent(least, 0) != percent(below, 0)
    assert situation.level(rounded_up) == word != situation.level(below)


@pytest.mark.parametrize(
    ("days", "words"),
    [(None, None), (21, "renews in 21 days"), (1, "renews tomorrow"), (0, "renews today"), (-1, "renewed 1 day ago")],
)
def test_a_renewal_is_said_in_days(days: int | None, words: str | None) -> None:
    assert list_words.renewal(days) == words


FAILED = {"run": 2, "at": "2027-01-15T07:00:00Z"}
DAYS_AGO = "The last successful run was 3 days ago"


@pytest.mark.parametrize(
    ("last", "good", "looked", "words"),
    [
        (GOOD, GOOD, NOW - 60, None),
        (None, None, None, None),
        (GOOD, GOOD, NOW - 259_200, f"Nobody has looked for new data for 3 days. {DAYS_AGO}; check cron and its log."),
        (
            FAILED | {"error": "disk full."}, GOOD, NOW,
            f"The last run failed 1 hour ago: disk full. {DAYS_AGO}; what you see is from then.",
        ),
        (FAILED, None, NOW, "The last run failed 1 hour ago. No run has succeeded yet."),
    ],
)  # fmt: skip
def test_a_stale_or_failing_pipeline_is_said(last: Any, good: Any, looked: float | None, words: str | None) -> None:
    assert list_words.pipeline(last, good, looked, NOW) == words


def test_the_verdict_on_a_model_compares_with_chance() -> None:
    scores = {"capture": 0.35, "capture_k": 12, "n_rows": 120}

    told = "Of 100 clients who leave, 35 are among the 10 in 100 with the highest risk; at random it would be 10."
    assert list_words.verdict(scores) == told
    assert "Nobody left" in list_words.verdict(scores | {"capture": None})


def test_the_data_is_told_in_one_sentence() -> None:
    sources = [{"state": "in"}, {"state": "held"}]

    whole = list_words.data({"dataset": {"sources": sources[:1]}, "rejected_rows": 0})
    troubled = list_words.data({"dataset": {"sources": sources}, "rejected_rows": 3})

    assert (whole, troubled) == (
        "1 file is in and no row was refused.",
        "1 file is in, 1 file is not and 3 rows were refused.",
    )


def test_a_column_is_called_by_its_label_else_by_what_it_is_taken_for_else_by_its_name() -> None:
    labels = {"activity": ["Activity", "hours"], "manager": ["Team", ""]}
    schema = {"owner": "manager", "value": "worth", "currency": "CHF", "renewal": None, "target": "left"}
    schema |= {"labels": labels}

    told = [list_words.column(name, schema) for name in ("activity", "manager", "worth", "left", "size")]

    assert told == ["Activity (hours)", "Team", "Value (CHF)", "Outcome", "size"]
