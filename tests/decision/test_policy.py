"""Which reason to train new labelled rows give."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from risk.decision import policy
from risk.decision.policy import Champion, Names, Reason
from risk.drift.finding import Scan
from risk.modeling.reference import reference
from risk.settings.decision_rules import Drift, GateRule

NAMES = Names("client", "left", {"size": "numeric"})


def rows(n_rows: int, seed: int = 0, *, turned: bool = False) -> tuple[pd.DataFrame, np.ndarray]:
    """Return rows of two contents and the true risks, or risks that have the effect of the size the wrong way round."""
    random = np.random.default_rng(seed)
    size = random.standard_normal(n_rows)
    risks, wrong = (1 / (1 + np.exp(1 - sign * size)) for sign in (1, -1))
    left = (random.random(n_rows) < risks).astype(float)
    names = [f"c{number}" for number in range(n_rows)]
    frame = pd.DataFrame({"client": names, "size": size, "left": left, "content": np.arange(n_rows) * 2 // n_rows})
    return frame, wrong if turned else risks


def given(
    *,
    n_labelled: int = 1_400,
    n_learned: int = 1_000,
    n_tried: int = 0,
    provisional: bool = False,
    turned: bool = False,
) -> Reason:
    learned, risks = rows(1_000, 1)
    known = reference({"size": learned["size"].to_numpy()}, {"size": "numeric"}, learned["left"].to_numpy(), risks)
    news, told = rows(400, 2, turned=turned)
    champion = Champion("logistic", 1_000, n_learned, known, provisional, n_tried)
    return policy.reason(news, told, NAMES, champion, n_labelled, Drift())


def test_news_without_a_change_are_no_reason() -> None:
    assert (given().train, given().outcome) == (False, "no drift")


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"turned": True}, "drift"),
        ({"provisional": True}, "the live model is provisional"),
        ({"n_labelled": 2_000}, "labelled rows have doubled"),
    ],
)
def test_each_reason_has_a_name(told: dict[str, int], name: str) -> None:
    found = given(**told)  # type: ignore[arg-type]

    assert (found.train, found.name) == (True, name)
    assert found.sentence.endswith(".")


def test_a_refused_challenger_is_not_trained_again_before_the_rows_have_doubled_once_more() -> None:
    assert not given(n_labelled=3_000, n_tried=2_000).train
    assert given(n_labelled=4_000, n_tried=2_000).name == "labelled rows have doubled"


def test_a_model_of_recent_rows_has_doubled_when_as_many_have_come_as_it_learned() -> None:
    assert not given(n_labelled=1_399, n_learned=400).train
    assert given(n_labelled=1_400, n_learned=400).name == "labelled rows have doubled"
    assert not given(n_labelled=2_199, n_learned=400, n_tried=1_400).train
    assert given(n_labelled=2_200, n_learned=400, n_tried=1_400).name == "labelled rows have doubled"


def test_no_news_are_no_reason() -> None:
    learned, risks = rows(100)
    known = reference({"size": learned["size"].to_numpy()}, {"size": "numeric"}, learned["left"].to_numpy(), risks)
    champion = Champion("logistic", 100, 100, known, True, 0)

    found = policy.reason(learned.iloc[:0], risks[:0], NAMES, champion, 100, Drift())

    assert (found.train, found.scan) == (False, None)


def test_the_gate_is_told_whom_it_compares_with() -> None:
    frame, risks = rows(600, 3)
    left, clients = frame["left"].to_numpy(), frame["client"].to_numpy()
    rate = np.full(600, left.mean())

    by_rate = policy.judged(left, rate, risks, clients, GateRule(), by_base_rate=True)
    by_champion = policy.judged(left, risks, rate, clients, GateRule())

    assert (by_rate.outcome, by_champion.outcome) == ("deploy", "refuse")
    assert "the base rate" in by_rate.sentence
    assert by_champion.capture_k == 60


@pytest.mark.parametrize("name", [policy.DOUBLED, policy.FORCED, policy.PROVISIONAL])
def test_without_an_alert_the_order_of_the_risks_holds(name: str) -> None:
    assert policy.train(name, "", "no drift", Scan("no drift", ())).order_holds


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        (policy.DOUBLED, "refuse"),
        ("drift", "deploy"),
        ("--force", "deploy"),
        (None, "deploy"),
    ],
)
def test_more_is_asked_of_a_challenger_where_nothing_has_changed(reason: str | None, outcome: str) -> None:
    frame, risks = rows(3_000, 3)
    left, clients = frame["left"].to_numpy(), frame["client"].to_numpy()
    timid = 1 / (1 + ((1 - risks) / risks) ** 0.6)  # the same order, so the same list

    found = policy.judged(left, timid, risks, clients, GateRule(), reason)

    assert GateRule().minimum_gain < found.gain < GateRule().steady_gain
    assert found.outcome == outcome


@pytest.mark.parametrize(("reason", "outcome"), [(policy.DOUBLED, "refuse"), ("drift", "deploy")])
def test_a_challenger_of_more_rows_does_not_win_by_how_many_leave(reason: str, outcome: str) -> None:
    frame, risks = rows(3_000, 3)
    left, clients = frame["left"].to_numpy(), frame["client"].to_numpy()
    low = 1 / (1 + (1 - risks) / risks * np.exp(1.0))  # a season: the same clients, fewer of them
    scan = Scan("no drift", (), doubts=2, follows_change=True)

    found = policy.judged(left, low, risks, clients, GateRule(), reason, scan=scan)

    assert found.outcome == outcome
    assert ("its level set right" in found.sentence) == (reason == policy.DOUBLED)


def test_a_challenger_of_more_rows_that_tells_who_leaves_is_refused_where_its_own_level_is_wrong() -> None:
    frame, risks = rows(3_000, 3)
    left, clients = frame["left"].to_numpy(), frame["client"].to_numpy()
    timid, loud = (1 / (1 + odds) for odds in (((1 - risks) / risks) ** 0.4, (1 - risks) / risks / np.exp(1.0)))

    scan = Scan("no drift", (), doubts=2)

    found = [policy.judged(left, timid, it, clients, GateRule(), policy.DOUBLED, scan=scan) for it in (risks, loud)]

    assert [it.outcome for it in found] == ["deploy", "refuse"]


@pytest.mark.parametrize(
    ("scan", "outcome"),
    [
        (Scan("no drift", (), doubts=2), "deploy"),
        (Scan("no drift", (), doubts=1, follows_change=True), "deploy"),
        (Scan("no drift", (), doubts=1), "refuse"),
        (None, "refuse"),
    ],
)
def test_more_is_asked_only_where_the_world_looks_steady(scan: Scan | None, outcome: str) -> None:
    frame, risks = rows(3_000, 3)
    left, clients = frame["left"].to_numpy(), frame["client"].to_numpy()
    timid = 1 / (1 + ((1 - risks) / risks) ** 0.4)

    found = policy.judged(left, timid, risks, clients, GateRule(), policy.DOUBLED, scan=scan)

    assert found.z > 3
    assert 0.01 < found.gain < GateRule().steady_gain
    assert found.outcome == outcome


def test_the_scan_tells_whether_the_live_model_was_made_for_a_change() -> None:
    kept, changed = given().scan, given(n_learned=400).scan

    assert kept is not None
    assert changed is not None
    assert (kept.follows_change, changed.follows_change) == (False, True)


def test_a_window_holds_all_contents_since_the_release_and_each_ends_with_the_one_before() -> None:
    frame, risks = rows(1_100, 5)
    frame["content"] = np.arange(1_100) // 100
    mixed = np.random.default_rng(0).permutation(1_100)

    found = policy.windows(frame.iloc[mixed], risks[mixed], NAMES)

    assert [it.contents for it in found] == [1, 2, 4, 8, 11]
    assert [it.n_rows for it in found] == [100, 200, 400, 800, 1_100]
    for narrow, wide in pairwise(found):
        assert (wide.features["size"][-narrow.n_rows :] == narrow.features["size"]).all()
        assert (wide.risks[-narrow.n_rows :] == narrow.risks).all()


def test_of_very_many_older_rows_the_same_clients_are_looked_at_in_any_order() -> None:
    frame, risks = rows(40_000, 6)
    frame["content"] = np.arange(40_000) // 1_000
    mixed = np.random.default_rng(0).permutation(40_000)

    wide, again = (policy.windows(frame.iloc[it], risks[it], NAMES)[-1] for it in (np.arange(40_000), mixed))

    assert abs(wide.n_rows - 8_000 - policy.MOST_OLDER_ROWS) < 400
    assert sorted(wide.features["size"]) == sorted(again.features["size"])


def test_windows_hold_the_last_contents_and_number_the_clients() -> None:
    frame, risks = rows(400, 4)
    frame["client"] = [f"c{number % 150}" for number in range(400)]

    last, both = policy.windows(frame, risks, NAMES)

    assert (last.contents, last.n_rows, both.contents, both.n_rows) == (1, 200, 2, 400)
    assert (len(set(last.clients.tolist())), len(set(both.clients.tolist()))) == (150, 150)
