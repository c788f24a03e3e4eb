from __future__ import annotations

from typing import Any

from risk.report import missing_list, situation
from risk.report.words import NOBODY

EXPECTED = {"mean": 33.99, "low": 30, "high": 38}


def make_snapshot(n: int = 40, **changes: Any) -> dict[str, Any]:
    calls = [{"client": f"c{i}", "owner": f"Team {i % 2}", "risk": 0.8, "value_at_risk": 10.0} for i in range(n)]
    about = {"previous": "2026-11-20", "n_new": 6, "n_risen": 0, "n_fallen": 1, "gone": []}
    return {"release": {"name": "1"}, "call_list": calls, "expected_leavers": EXPECTED, "list": about, **changes}


def said_of(snapshot: dict[str, Any]) -> str:
    return situation.situation(snapshot, snapshot["call_list"])


def test_the_situation_is_who_to_call_and_what_is_expected_without_a_call() -> None:
    money = {"listed": 18400.2, "everyone": 99000.0, "currency": "€", "owners": []}

    assert said_of(make_snapshot(money=money)) == (
        "40 to call this week. About 34 of them are expected to leave without a call "
        "(90 % interval: 30 to 38); 18,400 € are at risk."
    )


def test_the_situation_counts_the_new_and_leaves_out_the_controls() -> None:
    calls = [{"client": "a", "move": "new"}, {"client": "b", "control": True}, {"client": "c", "move": "same"}]

    said = said_of(make_snapshot(call_list=calls, expected_leavers={"mean": 0.2, "low": 0, "high": 1}))

    assert said.startswith(
        "2 to call this week, 1 new; 1 more is a control, not to be called. Fewer than 1 of those to call is"
    )


def test_the_situation_of_an_owner_counts_the_owners_calls_alone() -> None:
    money = {"listed": 18400.2, "everyone": 99000.0, "currency": "€", "owners": []}
    snapshot = make_snapshot(money=money)

    said = situation.situation(snapshot, snapshot["call_list"][:2], "Ann")

    assert said == (
        "2 to call this week for Ann. About 2 of them are expected to leave without a call; 20 € are at risk."
    )
    assert situation.situation(snapshot, [], "Zoe") == "0 to call this week for Zoe."


def test_the_situation_of_a_provisional_release_expects_nothing() -> None:
    assert said_of(make_snapshot(expected_leavers=None)) == "40 to call this week."


def test_without_a_list_the_situation_says_why() -> None:
    assert said_of(make_snapshot(release=None)) == missing_list.NONE_YET
    assert said_of(make_snapshot(0)) == NOBODY


def test_what_changed_is_counted_with_the_reasons_of_those_gone() -> None:
    gone = [{"client": f"g{i}", "why": ("called", "left", "called")[i], "owner": None} for i in range(3)]
    snapshot = make_snapshot(list=make_snapshot()["list"] | {"gone": gone})

    assert situation.since_last_list(snapshot) == (
        "Since the list of 20 November 2026: 6 new, 1 fallen, 3 gone (2 called, 1 left)."
    )
    assert situation.gone(snapshot, 2) == "Gone: g0 (called), g1 (left), 1 more."


def test_what_changed_names_the_model_that_moved_clients_alone() -> None:
    snapshot = make_snapshot()
    snapshot["call_list"][0]["moved_by"] = "the model changed"

    assert str(situation.since_last_list(snapshot)).endswith("Of the moves, 1 came of a changed model alone.")


def test_what_changed_says_so_when_nothing_did_or_could() -> None:
    quiet = {"previous": "2026-11-20", "n_new": 0, "n_risen": 0, "n_fallen": 0, "gone": []}

    assert situation.since_last_list(make_snapshot(list=quiet)) == (
        "Since the list of 20 November 2026: nothing has changed."
    )
    assert situation.since_last_list(make_snapshot(list=quiet | {"previous": None})) == situation.FIRST_LIST
    assert situation.since_last_list(make_snapshot(list=None)) is None


def test_the_smallest_owners_stand_together() -> None:
    owners = [{"owner": f"Team {i}", "at_risk": 100.0 - i} for i in range(5)]

    rows = situation.owners(make_snapshot(money={"owners": owners}), 3)

    assert rows == [("Team 0", 20, 200.0, 100.0), ("Team 1", 20, 200.0, 99.0), ("3 others", 0, 0.0, 291.0)]


def test_the_parts_of_the_owners_add_up_to_what_is_to_be_called() -> None:
    marks = ({"owner": "Ann"}, {"owner": "Ann", "control": True}, {"owner": "Bo"}, {"owner": None, "move": "new"})
    calls = [{"value_at_risk": 10.0, "risk": 0.8, "client": f"c{at}"} | it for at, it in enumerate(marks)]
    calls[1] |= {"move": "new"}
    owners = [{"owner": "Ann", "at_risk": 50.0}, {"owner": "Bo", "at_risk": 40.0}, {"owner": None, "at_risk": 9.0}]
    money = {"listed": 30.0, "everyone": 99.0, "currency": None, "owners": owners}
    snapshot = make_snapshot(call_list=calls, money=money)

    rows = situation.owners(snapshot, 3)

    assert said_of(snapshot).startswith("3 to call this week, 1 new; 1 more is a control")  # the control is new, too
    assert rows == [("Ann", 1, 10.0, 50.0), ("Bo", 1, 10.0, 40.0), ("no owner", 1, 10.0, 9.0)]
    assert [sum(it) for it in zip(*(it[1:] for it in rows), strict=True)] == [3, money["listed"], money["everyone"]]


def test_the_data_in_one_line_says_that_the_feed_is_late() -> None:
    late = "No new rows have come for 9 days; they are expected every 7 days."
    dataset = {"n_rows": 10, "n_clients": 4, "last_period": None, "sources": [{"state": "in"}, {"state": "held"}]}

    line = situation.health({"dataset": dataset, "warnings": [late], "attention": [], "held": ["x"], "rejected_rows": 1,
                             "expected": {"due": 1}})  # fmt: skip

    assert line == (
        "10 rows of 4 clients · 1 source in · 1 held back · 1 row refused · the feed is late · 1 warning · "
        "nothing needs attention"
    )


def test_the_runs_since_the_last_list_are_counted_by_how_they_ended() -> None:
    history = [{"at": f"2026-11-{day}T09:00:00Z", "outcome": outcome}
               for day, outcome in ((27, "deployed"), (26, "no drift"), (25, "no drift"), (19, "failed"))]  # fmt: skip

    assert situation.decided_since(make_snapshot(history=history)) == (
        "Since the list of 20 November 2026: 3 runs (1 deployed, 2 no drift)."
    )
    assert situation.decided_since(make_snapshot(history=[])) is None


def test_a_risk_in_a_word() -> None:
    assert [situation.level(risk) for risk in (0.9, 0.5, 0.3, 0.1, 0.0)] == [
        "very high", "high", "raised", "moderate", "low"
    ]  # fmt: skip
