"""The gate: what it lets through, what it keeps out and how often, and its test of itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from risk.decision.gate import Forward, Gate, judge, self_test
from risk.errors import GateError
from risk.modeling.selection import choose


def logistic(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def stream(n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Return labels, the logit they were drawn from, and the generator."""
    generator = np.random.default_rng(seed)
    logit = -1.6 + generator.normal(size=n_rows)
    return (generator.random(n_rows) < logistic(logit)).astype(int), logit, generator


def judged(n_rows: int, seed: int, champion_noise: float, challenger_noise: float, rows_per_client: int = 1) -> Gate:
    labels, logit, generator = stream(n_rows, seed)
    noise = generator.normal(size=(2, n_rows))
    clients = np.arange(n_rows) // rows_per_client
    return judge(
        labels,
        logistic(logit + champion_noise * noise[0]),
        logistic(logit + challenger_noise * noise[1]),
        clients,
        n_rows // 10,
    )


@pytest.mark.slow
@pytest.mark.parametrize("n_rows", [200, 2_000])
def test_a_worse_challenger_is_deployed_at_most_once_in_a_hundred(n_rows: int) -> None:
    outcomes = [judged(n_rows, seed, 0.2, 0.4).outcome for seed in range(300)]

    assert outcomes.count("deploy") <= 3
    assert outcomes.count("refuse") >= 290


@pytest.mark.slow
def test_an_equal_challenger_is_deployed_at_most_at_the_nominal_rate() -> None:
    outcomes = [judged(500, seed, 0.3, 0.3).outcome for seed in range(600)]

    assert outcomes.count("deploy") <= 13  # 1 % of 600 is 6; 13 is the 99.5 % point of that binomial


def test_a_clearly_better_challenger_is_deployed() -> None:
    gates = [judged(2_000, seed, 0.8, 0.1) for seed in range(50)]

    assert all(gate.outcome == "deploy" for gate in gates)
    assert all(gate.z > 2.33 and gate.gain > 0.005 for gate in gates)
    assert all(gate.challenger_log_loss < gate.champion_log_loss for gate in gates)
    assert "it is deployed" in gates[0].sentence


def test_several_rows_of_a_client_are_one_piece_of_evidence() -> None:
    labels, logit, generator = stream(400, 7)
    champion, challenger = logistic(logit + generator.normal(size=400)), logistic(logit)
    once = judge(labels, champion, challenger, np.arange(400), 40)

    copied = judge(*(np.tile(a, 5) for a in (labels, champion, challenger, np.arange(400))), 200)

    assert (once.n_clients, copied.n_clients, copied.n_rows) == (400, 400, 2_000)
    assert copied.z == pytest.approx(once.z)
    assert copied.gain == pytest.approx(once.gain)


@pytest.mark.parametrize(("leavers", "stayers"), [(29, 500), (500, 29), (0, 10), (0, 0)])
def test_few_of_a_class_are_not_enough_evidence(leavers: int, stayers: int) -> None:
    labels = np.array([1] * leavers + [0] * stayers)

    gate = judge(labels, np.full(len(labels), 0.5), 0.1 + 0.8 * labels, np.arange(len(labels)), 10)

    assert gate.outcome == "not enough evidence"
    assert gate.sentence.startswith(f"{leavers} leavers and {stayers} stayers")
    assert np.isfinite([gate.gain, gate.z, gate.capture_upper, gate.calibration_lower]).all()


def test_the_figures_stand_for_the_minimum_gain() -> None:
    gate = judged(2_000, 1, 0.8, 0.1)
    labels, logit, generator = stream(2_000, 1)
    noise = generator.normal(size=(2, 2_000))

    refused = judge(
        labels, logistic(logit + 0.8 * noise[0]), logistic(logit + 0.1 * noise[1]),
        np.arange(2_000), 200, minimum_gain=gate.gain + 0.001,
    )  # fmt: skip

    assert refused.outcome == "refuse"
    assert "the gain is not more than" in refused.sentence


def listed(lost: int, won: int, steady_gain: float | None = None) -> Gate:
    """Judge a better challenger whose list of 100 loses and wins so many of the leavers on the champion's list."""
    labels = np.array(([1] * 50 + [0] * 50) + [1] * 50 + [0] * 850)
    champion = np.repeat([0.5, 0.4], [100, 900])
    challenger = np.repeat([0.5, 0.15], [100, 900])
    challenger[:lost], challenger[850 : 850 + lost] = 0.49, 0.495
    challenger[100 : 100 + won], challenger[99 : 99 - won : -1] = 0.51, 0.3
    return judge(labels, champion, challenger, np.arange(1_000), 100, steady_gain=steady_gain)


def test_a_challenger_that_lists_significantly_fewer_leavers_is_refused() -> None:
    gate = listed(lost=20, won=0)

    assert gate.z > 2.33
    assert (gate.champion_capture, gate.challenger_capture) == (0.5, 0.3)
    assert gate.capture_difference == pytest.approx(-0.2)
    assert gate.capture_upper < 0
    assert gate.outcome == "refuse"
    assert "catches fewer leavers" in gate.sentence


def test_a_challenger_that_keeps_the_order_is_not_judged_by_a_list_of_its_folds() -> None:
    labels, logit, _ = stream(4_000, 5)
    champion = logistic(logit - 1.2)
    folds = logistic(logit + 0.4 * np.arange(4_000) % 5 - 0.8)
    judged = [judge(labels, champion, folds, np.arange(4_000), 200, same_list=it) for it in (False, True)]

    assert judged[0].challenger_capture != judged[0].champion_capture
    assert judged[1].challenger_capture == judged[1].champion_capture
    assert (judged[1].capture_lower, judged[1].capture_upper)[0] < 0 < judged[1].capture_upper
    assert "its list of 200 is the same; " in judged[1].sentence or "is the same (not judged" in judged[1].sentence


def test_a_challenger_that_is_surely_worse_is_not_called_chance() -> None:
    labels, logit, _ = stream(4_000, 6)

    gate = judge(labels, logistic(logit), logistic(-logit), np.arange(4_000), 400, steady_gain=0.05)

    assert gate.z < -5
    assert gate.sentence.endswith("it is refused, for it is worse.")
    assert "chance" not in gate.sentence


@pytest.mark.parametrize(("lost", "won"), [(0, 0), (3, 0), (0, 10)])
def test_a_list_that_loses_a_few_leavers_by_chance_is_no_reason_to_refuse(lost: int, won: int) -> None:
    gate = listed(lost, won)

    assert gate.capture_upper >= 0
    assert gate.outcome == "deploy"


@pytest.mark.parametrize(("won", "outcome"), [(0, "refuse"), (2, "refuse"), (15, "refuse"), (30, "deploy")])
def test_where_nothing_has_changed_a_challenger_must_surely_catch_many_more_leavers(won: int, outcome: str) -> None:
    gate = listed(0, won, steady_gain=0.55)

    assert gate.gain < 0.55
    assert gate.outcome == outcome
    assert (gate.capture_lower > 0) == (won > 2)
    assert ("nothing has changed, so more is asked of it (55.0 % less log-loss" in gate.sentence) == (
        outcome == "refuse"
    )
    assert listed(0, won).outcome == "deploy"


def test_where_nothing_has_changed_a_large_gain_is_enough() -> None:
    gain = listed(0, 0).gain

    assert listed(0, 0, steady_gain=gain).outcome == "refuse"
    assert listed(0, 0, steady_gain=gain - 0.001).outcome == "deploy"


def test_a_challenger_whose_risks_are_less_true_is_refused() -> None:
    labels, logit, _ = stream(20_000, 3)

    gate = judge(labels, np.full(20_000, labels.mean()), logistic(1.8 * logit + 1.2), np.arange(20_000), 2_000)

    assert gate.z > 2.33
    assert gate.gain > 0.005
    assert gate.calibration_lower > 0
    assert gate.outcome == "refuse"
    assert "its risks are less true" in gate.sentence


def test_a_far_better_challenger_may_be_a_little_less_true_than_the_base_rate() -> None:
    labels, logit, _ = stream(20_000, 3)

    gate = judge(labels, np.full(20_000, labels.mean()), logistic(1.3 * logit + 0.45), np.arange(20_000), 2_000)

    assert gate.calibration_lower > 0.005
    assert gate.gain > 2 * gate.calibration_difference
    assert gate.outcome == "deploy"


@pytest.mark.parametrize(("slope", "push"), [(1.1, 0.1), (1.0, 0.1)])
def test_the_calibration_is_what_recalibrating_would_win(slope: float, push: float) -> None:
    labels, logit, _ = stream(200_000, 4)
    true, bold = logistic(logit), logistic(slope * logit + push)

    gate = judge(labels, true, bold, np.arange(200_000), 2_000)

    assert gate.champion_calibration == pytest.approx(0.0, abs=1e-4)
    assert gate.calibration_difference == pytest.approx(-gate.gain, rel=0.2)


def test_the_self_test_is_passed_by_the_gate() -> None:
    for seed in range(20):
        labels, logit, _ = stream(400, seed)

        self_test(labels, logistic(0.7 * logit + 0.5), np.arange(400), 40)


def test_the_self_test_is_passed_by_a_model_that_has_become_wrong() -> None:
    labels, logit, _ = stream(2_000, 1)

    self_test(labels, logistic(-2 * logit - 3.2), np.arange(2_000), 200)


@pytest.mark.parametrize(
    ("broken", "copy"),
    [
        (lambda gate, itself: replace(gate, outcome="deploy"), "itself"),
        (lambda gate, itself: gate if itself else replace(gate, outcome="deploy"), "mixed-up"),
        (lambda gate, itself: replace(gate, outcome="deploy") if gate.capture_difference == 0 else gate, "itself"),
        (lambda gate, itself: gate if itself or gate.capture_difference else replace(gate, outcome="deploy"), "pushed"),
    ],
)
def test_a_gate_that_would_deploy_a_copy_is_found_out(broken, copy) -> None:  # type: ignore[no-untyped-def]
    labels, logit, _ = stream(1_000, 2)

    def gate(labels, champion, challenger, clients, capture_k):  # type: ignore[no-untyped-def]
        real = judge(labels, champion, challenger, clients, capture_k)
        return broken(real, np.array_equal(champion, challenger))

    with pytest.raises(GateError, match=copy):
        self_test(labels, logistic(logit + 1), np.arange(1_000), 100, judge=gate)


def test_a_gate_with_its_sign_turned_round_is_found_out() -> None:
    labels, logit, _ = stream(1_000, 2)

    def turned(labels, champion, challenger, clients, capture_k):  # type: ignore[no-untyped-def]
        return judge(labels, challenger, champion, clients, capture_k)

    with pytest.raises(GateError):
        self_test(labels, logistic(logit), np.arange(1_000), 100, judge=turned)


def test_choose_takes_the_first_within_one_standard_error_of_the_best() -> None:
    labels, logit, generator = stream(2_000, 5)
    nearly_best = logistic(logit + 0.02 * generator.normal(size=2_000))
    candidates = [("worst", np.full(2_000, 0.2)), ("all rows", nearly_best), ("recent rows", logistic(logit))]

    choice = choose(candidates, labels, np.arange(2_000))

    assert (choice.index, choice.name) == (1, "all rows")
    assert choice.log_losses[0] > choice.log_losses[1] > choice.log_losses[2]


def test_choose_takes_the_best_when_it_is_clearly_best() -> None:
    labels, logit, generator = stream(2_000, 6)
    candidates = [("all rows", logistic(logit + generator.normal(size=2_000))), ("recent rows", logistic(logit))]

    assert choose(candidates, labels, np.arange(2_000)).name == "recent rows"
    assert choose(candidates[:1], labels, np.arange(2_000)).name == "all rows"


def test_rows_of_one_client_are_one_piece_of_evidence_for_a_choice() -> None:
    labels, logit, generator = stream(400, 4)
    better = logistic(logit + 0.2 * generator.normal(size=400))
    rows = [np.tile(a, 25) for a in (labels, better, logistic(logit))]
    candidates = [("all rows", rows[1]), ("recent rows", rows[2])]

    alone, copied = (
        choose(candidates, rows[0], clients) for clients in (np.arange(10_000), np.tile(np.arange(400), 25))
    )

    assert (alone.name, copied.name) == ("recent rows", "all rows")


def forward(challenger_noise: float, n_rows: int = 1_000) -> Gate:
    """Judge a far better challenger whose recipe is as good as its noise on the newest rows."""
    labels, logit, generator = stream(n_rows, 8)
    noise, clients = generator.normal(size=(2, n_rows)), np.arange(n_rows)
    newest = Forward(labels, logistic(logit + 0.3 * noise[0]), logistic(logit + challenger_noise * noise[1]), clients)
    return judge(labels, logistic(logit + noise[0]), logistic(logit), clients, 100, newest=newest)


def test_a_challenger_that_is_worse_forward_is_refused_and_the_sentence_says_so() -> None:
    gate = forward(1.5)

    assert (gate.outcome, gate.forward_rows) == ("refuse", 1_000)
    assert gate.forward_z is not None
    assert gate.forward_z < -2.326
    assert "trained without the newest 1,000 rows, it is worse on these" in gate.sentence


def test_a_challenger_that_is_as_good_forward_is_deployed() -> None:
    gate = forward(0.3)

    assert gate.outcome == "deploy"
    assert gate.forward_z == pytest.approx(0, abs=2.3)


def test_a_challenger_that_is_hardly_worse_forward_is_deployed_however_sure_that_is() -> None:
    gate = forward(0.33, n_rows=100_000)

    assert gate.forward_gain is not None
    assert gate.forward_z is not None
    assert (gate.outcome, gate.forward_z < -2.326, -0.005 < gate.forward_gain < 0) == ("deploy", True, True)


def test_without_newest_rows_the_sentence_says_that_nothing_was_judged_forward() -> None:
    gate = judged(2_000, 1, 0.8, 0.1)

    assert (gate.outcome, gate.forward_z) == ("deploy", None)
    assert "not judged forward" in gate.sentence


def test_the_list_of_the_base_rate_does_not_depend_on_the_order_of_the_rows() -> None:
    labels, logit, _ = stream(1_000, 9)
    sorted_rows = np.argsort(-labels, kind="stable")

    mixed, ordered = (
        judge(labels[rows], np.full(1_000, 0.2), logistic(logit[rows]), np.arange(1_000), 100)
        for rows in (np.arange(1_000), sorted_rows)
    )

    assert mixed.champion_capture == pytest.approx(0.1)
    assert ordered.champion_capture == pytest.approx(0.1)
    assert ordered.capture_upper == pytest.approx(mixed.capture_upper)
