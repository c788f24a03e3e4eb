from __future__ import annotations

from typing import Any

from risk.report import call_words


def outcomes(**changes: Any) -> dict[str, Any]:
    """Return what a snapshot holds of outcomes where nothing is recorded, with changes."""
    nothing: dict[str, Any] = {"n_contacts": 0, "n_clients": 0, "n_rejected": 0, "n_treated": 0}
    return nothing | {"scores": None, "disagreements": [], "opinions": None, "control": None} | changes


def test_nothing_is_said_where_no_call_is_recorded() -> None:
    assert call_words.sentences(None) == call_words.sentences(outcomes()) == []
    assert call_words.disagreements(None).rows == []


def test_calls_are_counted_and_what_they_may_have_changed_is_told() -> None:
    scores = {"newest": {"without": {"capture": 0.35, "capture_k": 90}, "with": {"capture": 0.31, "capture_k": 100}}}

    told = call_words.sentences(outcomes(n_contacts=3, n_clients=2, n_rejected=1, n_treated=2, scores=scores))

    assert told == [
        "3 contacts with 2 clients are recorded.",
        "1 line was refused; ingestion.py --rejected says why.",
        "Of 2 rows a call may have changed the outcome; model, check for drift and scores rest on the others.",
        "The 90 clients at the highest risk hold 35 % of the leavers among those not called; with the called ones, the "
        "first 100 hold 31 %.",
    ]


def test_managers_and_model_are_graded_alike_and_the_control_group_is_told() -> None:
    grades = {"n": 40, "people_right": 25, "model_right": 28, "n_disagreed": 12, "model_right_of_disagreed": 7}

    told = call_words.sentences(outcomes(n_contacts=1, n_clients=1, opinions=grades, control={"sentence": "Beside."}))

    assert told == [
        "1 contact with 1 client is recorded.",
        "Managers had said of 40 clients whose outcome is known whether they leave: they were right 25 times, the "
        "model 28 times.",
        "Of the 12 on which they disagreed, the model was right 7 times.",
        "Beside.",
    ]


def test_a_disagreement_names_client_owner_day_opinion_and_risk() -> None:
    other = {"client": "acme", "owner": None, "date": "2026-11-20", "opinion": "stays", "risk": 0.81}

    table = call_words.disagreements(outcomes(disagreements=[other] * 30))

    assert table.rows[0] == ["acme", "–", "2026-11-20", "will stay", "81.0 %"]
    assert (len(table.rows), table.n_more) == (25, 5)
