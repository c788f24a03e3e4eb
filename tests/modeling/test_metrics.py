"""The scores of a model: against known values, at the edges, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, f1_score, log_loss, roc_auc_score

from risk.modeling.metrics import Confusion, client_sums, clip, evaluate, highest, log_losses


def drawn(n_rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    risks = generator.beta(1, 4, n_rows).round(2)
    return (generator.random(n_rows) < risks).astype(int), risks


def test_scores_agree_with_scikit_learn_also_with_ties() -> None:
    labels, risks = drawn(500)

    scores = evaluate(labels, risks, 0.3, 50)

    assert scores.f1 == pytest.approx(f1_score(labels, risks >= 0.3))
    assert scores.auc == pytest.approx(roc_auc_score(labels, risks))
    assert scores.log_loss == pytest.approx(log_loss(labels, clip(risks)))
    assert scores.brier == pytest.approx(brier_score_loss(labels, risks))


def test_confusion_counts_predictions_at_the_threshold() -> None:
    labels, risks = [1, 0, 1, 0, 0], [0.5, 0.5, 0.4, 0.4, 0.1]

    scores = evaluate(labels, risks, 0.5, 2)

    assert scores.confusion == Confusion(tp=1, fp=1, fn=1, tn=2)
    assert (scores.f1, scores.n_rows, scores.n_leavers) == (0.5, 5, 2)


def test_capture_is_the_share_of_leavers_in_the_list_and_equal_risks_share_its_last_places() -> None:
    labels, risks = [1, 0, 1, 1], [0.9, 0.5, 0.5, 0.1]

    assert evaluate(labels, risks, 0.5, 2).capture == pytest.approx((1 + 1 / 2) / 3)
    assert evaluate(labels[::-1], risks[::-1], 0.5, 2).capture == pytest.approx((1 + 1 / 2) / 3)
    assert evaluate(labels, risks, 0.5, 99).capture_k == 4


def test_f1_is_zero_when_nobody_is_predicted_to_leave() -> None:
    labels, risks = [1, 0, 0], [0.2, 0.1, 0.1]

    scores = evaluate(labels, risks, 0.5, 1)

    assert scores.f1 == 0.0


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_leaves_undefined_scores_empty(label: int) -> None:
    labels, risks = [label] * 20, np.linspace(0.1, 0.9, 20)

    scores = evaluate(labels, risks, 0.5, 5)

    assert scores.auc is None
    assert (scores.capture is None) == (label == 0)
    assert (scores.f1_interval, scores.auc_interval, scores.log_loss_interval) == (None, None, None)
    assert scores.log_loss == pytest.approx(log_losses(labels, risks).mean())


def test_no_rows_are_an_error() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        evaluate([], [], 0.5, 5)


@pytest.mark.slow
def test_intervals_hold_the_true_score_about_95_times_in_100() -> None:
    truth_labels, truth_risks = drawn(200_000, seed=99)
    truth = roc_auc_score(truth_labels, truth_risks), np.mean((truth_labels - truth_risks) ** 2)

    scores = [evaluate(*drawn(300, seed), 0.3, 30) for seed in range(100)]

    for score, name in zip(truth, ("auc_interval", "brier_interval"), strict=True):
        intervals = np.array([getattr(one, name) for one in scores])
        assert 87 <= np.sum((intervals[:, 0] <= score) & (score <= intervals[:, 1])) <= 100
        assert np.all(intervals[:, 1] - intervals[:, 0] < 0.2)


def test_every_interval_holds_its_score_and_returns_with_the_same_seed() -> None:
    labels, risks = drawn(400)

    scores = evaluate(labels, risks, 0.3, 40, seed=3)

    for name in ("f1", "auc", "log_loss", "brier", "capture"):
        low, high = getattr(scores, f"{name}_interval")
        assert low < getattr(scores, name) < high
    assert evaluate(labels, risks, 0.3, 40, seed=3) == scores
    assert evaluate(labels, risks, 0.3, 40, seed=4) != scores


def test_calibration_has_up_to_ten_bins_of_equal_size_in_order_of_risk() -> None:
    labels, _ = drawn(1005)
    risks = np.random.default_rng(0).permutation(np.linspace(0.1, 0.9, 1005))

    bins = evaluate(labels, risks, 0.3, 40).calibration

    assert {one.n_rows for one in bins} == {100, 101}
    assert len(bins) == 10
    assert [one.risk for one in bins] == sorted(one.risk for one in bins)
    assert sum(one.share * one.n_rows for one in bins) == pytest.approx(labels.sum())
    assert len(evaluate(labels[:5], risks[:5], 0.3, 1).calibration) == 1


def test_log_losses_stay_finite_at_certain_risks() -> None:
    losses = log_losses([1, 0, 1], [0.0, 1.0, 1.0])

    assert np.all(np.isfinite(losses))
    assert min(losses[:2]) > 10 > losses[2]


def test_client_sums_add_up_the_rows_of_a_client() -> None:
    rows = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])

    sums = client_sums(rows, ["b", "a", "b"])

    assert sums.tolist() == [[5.0, 50.0], [2.0, 20.0]]
    assert client_sums(rows, np.array([3, 1, 2])).tolist() == rows.tolist()


def test_equal_risks_share_the_last_places_of_a_list() -> None:
    assert highest([0.2, 0.7, 0.7, 0.7], 2).tolist() == pytest.approx([0, 2 / 3, 2 / 3, 2 / 3])
    assert highest([0.2, 0.9, 0.7], 2).tolist() == [0, 1, 1]
    assert highest([0.2, 0.7], 9).tolist() == [1, 1]


def test_rows_of_equal_risk_are_in_one_bin_of_the_calibration() -> None:
    risks = np.repeat([0.2, 0.3, 0.4], [500, 40, 60])
    labels = np.tile([1, 0], 300)

    bins = evaluate(labels, risks, 0.5, 10).calibration

    assert [it.n_rows for it in bins] == [500, 40, 60]
    assert [it.risk for it in bins] == pytest.approx([0.2, 0.3, 0.4])
    assert evaluate(labels[:300], np.full(300, 0.2), 0.5, 10).calibration[0].n_rows == 300
