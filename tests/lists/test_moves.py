from __future__ import annotations

import pandas as pd
import pytest

from risk.lists import moves
from risk.lists.moves import FormerList, Snooze
from risk.settings.capacity import Capacity


def clients(names: str, owners: str | None = None) -> pd.DataFrame:
    """Return clients of one letter each in the order of their risk."""
    risks = [0.9 - 0.01 * place for place in range(len(names))]
    return pd.DataFrame({"client": list(names), "risk": risks, "owner": list(owners) if owners else None})


def former(risks: dict[str, float], listed: str, as_of: str = "2026-11-20") -> FormerList:
    frame = pd.DataFrame({"rank": range(1, len(risks) + 1), "risk": list(risks.values())}, index=list(risks))
    return FormerList(as_of, "1-abc", frame.assign(on_list=[name in listed for name in risks]))


def test_as_many_as_there_is_time_for_in_all_or_of_each_owner() -> None:
    everyone = clients("abcdef", "xxyxzy")

    in_all, of_each = Capacity(2, "all"), Capacity(1, "owner")

    assert "".join(moves.chosen(everyone, in_all, (), set())["client"]) == "ab"
    assert "".join(moves.chosen(everyone[:1], in_all, (), set())["client"]) == "a"
    assert "".join(moves.chosen(everyone, of_each, (), set())["client"]) == "ace"
    assert "".join(moves.chosen(everyone.assign(owner=None), of_each, (), set())["client"]) == "a"


def test_who_is_on_the_list_stays_until_the_rank_is_beyond_a_tenth_more() -> None:
    everyone, ten = clients("abcdefghijklm"), Capacity(10)

    def listed(names: str) -> str:
        return "".join(moves.chosen(everyone, ten, (), set(names))["client"])

    assert listed("") == "abcdefghij"
    assert listed("k") == "abcdefghik"
    assert listed("l") == "abcdefghij"
    assert listed("jk") == "abcdefghjk"


def test_who_was_called_stays_off_the_list_and_gives_the_place_to_another() -> None:
    assert "".join(moves.chosen(clients("abcd"), Capacity(2), {"a"}, set())["client"]) == "bc"


@pytest.mark.parametrize(
    ("called", "risk_then", "until"),
    [
        ("2026-11-20", 0.9, "2026-12-18"),
        ("2026-11-27", 0.9, "2026-12-25"),
        ("2026-10-30", 0.9, None),
        ("2026-11-28", 0.9, None),
        ("2026-11-20", 0.79, None),
        ("2026-11-20", 0.81, "2026-12-18"),
    ],
)
def test_a_client_who_was_reached_rests_unless_the_risk_has_risen(
    called: str, risk_then: float, until: str | None
) -> None:
    off = moves.snoozed({"a": called}, "2026-11-27", Capacity(), {"a": 0.9}, {"a": risk_then})

    assert off == ({"a": Snooze("a", until)} if until else {})


def test_somebody_who_is_no_client_any_more_needs_no_rest() -> None:
    assert moves.snoozed({"a": "2026-11-20"}, "2026-11-27", Capacity(), {}, {}) == {}


def test_a_move_is_named_by_the_step_of_the_risk_and_by_who_made_it() -> None:
    was = former({"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5, "e": 0.9}, "abcd")
    calls = [
        {"client": name, "risk": risk} for name, risk in zip("abcdef", (0.9, 0.3, 0.51, 0.9, 0.9, 0.8), strict=True)
    ]

    told = moves.of_calls(calls, was, {"a": 0.9, "b": 0.5, "d": 0.7})

    assert [it["move"] for it in told] == ["risen", "fallen", "same", "risen", "new", "new"]
    assert [it["moved_by"] for it in told] == [
        "the client changed",
        "the model changed",
        None,
        "both changed",
        None,
        None,
    ]
    assert [it["previous_rank"] for it in told] == [1, 2, 3, 4, 5, None]


def test_without_an_earlier_list_nothing_has_moved() -> None:
    assert moves.of_calls([{"client": "a", "risk": 0.5}], None, {})[0]["move"] is None
    assert moves.gone(None, [], clients("a"), ()) == []


def test_who_is_gone_was_called_has_left_or_is_no_longer_at_risk() -> None:
    was = former({"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.6, "e": 0.5}, "abcd")

    everyone = clients("abce", "xyzz").assign(risk=[0.9, 0.8, 0.2, 0.5])
    was = FormerList(was.as_of, was.release, was.clients.assign(on_list=True))

    gone = moves.gone(was, [{"client": "a"}], everyone, {"b"})

    assert gone == [
        {"client": "b", "why": "called", "owner": "y"},
        {"client": "c", "why": "no longer at risk", "owner": "z"},
        {"client": "d", "why": "left", "owner": None},
        {"client": "e", "why": "others are at higher risk", "owner": "z"},
    ]


def test_the_list_changes_by_itself_when_a_rest_or_a_week_ends_or_a_renewal_is_near() -> None:
    same, new = {"client": "a", "move": "same"}, {"client": "a", "move": "new"}
    friday, was = "2026-11-27", former({"a": 0.5}, "a")

    assert moves.next_change(friday, [], [], None, 0) is None
    assert moves.next_change(friday, [], [same], was, 0) is None
    assert moves.next_change(friday, [], [new], was, 0) == "2026-11-30"
    assert moves.next_change(friday, [], [same], None, 0) == "2026-11-30"
    assert moves.next_change(friday, [], [same], was, 1) == "2026-11-30"
    assert moves.next_change(friday, [Snooze("b", "2026-11-29")], [new], was, 0) == "2026-11-29"
    assert moves.next_change(friday, [], [same | {"renews_in_days": 0}], was, 0) == "2026-11-28"
