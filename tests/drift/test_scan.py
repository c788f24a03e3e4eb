"""The scan for drift: false alarms, what it finds, and what it says, on client streams with a known truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.drift._balance import balanced
from risk.drift.moved import is_level, sentence
from risk.drift.scan import Scan, scan
from risk.drift.window import Window
from risk.modeling.reference import Reference, reference

NUMERIC = ("activity", "size", "age")
KINDS = dict.fromkeys(NUMERIC, "numeric") | {"plan": "categorical"}
PLANS = np.array(["basic", "basic", "plus", "gold"], dtype=object)
TRUTH = {"share": -1.6, "activity": -0.9, "size": -0.4, "age": 0.3, "gold": 0.5, "curved": 0.0, "joint": 0.0}


def logistic(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def clients(generator: np.random.Generator, n_rows: int, moved: float = 0.0) -> dict[str, np.ndarray]:
    """Return heavy-tailed figures whose log1p is normal, the first two correlated, and a plan."""
    figures = generator.normal(size=(n_rows, 3)) + moved
    figures[:, 1] = 0.6 * figures[:, 0] + 0.8 * figures[:, 1]
    features = dict(zip(NUMERIC, np.expm1(np.maximum(figures.T + 5, 0)), strict=True))
    return features | {"plan": PLANS[generator.integers(0, 4, n_rows)]}


def columns(features: dict[str, np.ndarray]) -> np.ndarray:
    figures = [np.log1p(features[name]) - 5 for name in NUMERIC]
    plans = [features["plan"] == plan for plan in ("plus", "gold")]
    return np.column_stack([np.ones(len(figures[0])), *figures, *plans])


def outcome(generator: np.random.Generator, features: dict[str, np.ndarray], **changed: float) -> np.ndarray:
    truth, x = TRUTH | changed, columns(features)
    logit = truth["share"] + x[:, 1:4] @ [truth[name] for name in NUMERIC] + truth["gold"] * x[:, 5]
    logit += truth["curved"] * (x[:, 1] ** 2 - 1) + truth["joint"] * x[:, 2] * x[:, 3]
    logit *= truth.get("slope", 1.0)
    return (generator.random(len(x)) < logistic(logit)).astype(int)


def fitted(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    coefficients = np.zeros(x.shape[1])
    for _ in range(7):
        risks = logistic(x @ coefficients)
        hessian = (x * (risks * (1 - risks))[:, None]).T @ x + 1e-3 * np.eye(x.shape[1])
        coefficients += np.linalg.solve(hessian, x.T @ (labels - risks) - 1e-3 * coefficients)
    return coefficients


@dataclass(frozen=True)
class Champion:
    coefficients: np.ndarray
    reference: Reference
    learned: Window

    def window(self, features: dict[str, np.ndarray], labels: np.ndarray, contents: int = 1) -> Window:
        risks = logistic(columns(features) @ self.coefficients)
        return Window(contents, features, labels, risks, np.arange(len(labels)))

    def scan(self, generator: np.random.Generator, n_rows: int, moved: float = 0.0, **changed: float) -> Scan:
        features = clients(generator, n_rows, moved)
        return scan([self.window(features, outcome(generator, features, **changed))], self.reference)


def trained(seed: int, n_rows: int = 2_000, **changed: float) -> Champion:
    """Return a logistic champion with estimated coefficients, and the reference of its five-fold risks."""
    generator = np.random.default_rng(seed)
    features = clients(generator, n_rows)
    labels, x, fold = outcome(generator, features, **changed), columns(features), np.arange(n_rows) % 5
    risks = np.empty(n_rows)
    for one in range(5):
        risks[fold == one] = logistic(x[fold == one] @ fitted(x[fold != one], labels[fold != one]))
    learned = Window(0, features, labels, risks, np.arange(n_rows))
    return Champion(fitted(x, labels), reference(features, KINDS, labels, risks), learned)


@pytest.fixture(scope="module")
def champions() -> list[Champion]:
    return [trained(seed) for seed in range(40)]


def scans(champions: list[Champion], times: int, n_rows: int, **options: float) -> list[Scan]:
    generator = np.random.default_rng(n_rows)
    return [champion.scan(generator, n_rows, **options) for _ in range(times) for champion in champions]


def rings(found: list[Scan]) -> int:
    return sum(window.rings for one in found for window in one.windows)


@pytest.mark.slow
@pytest.mark.parametrize(("n_rows", "times"), [(200, 20), (2_000, 7)])
def test_unchanged_streams_ring_less_than_once_in_a_hundred(champions: list[Champion], n_rows: int, times: int) -> None:
    found = scans(champions, times, n_rows)

    tails = np.array([one.windows[0].p for one in found])
    assert rings(found) <= 0.01 * len(found)  # nominal: 0.00125 a window, so 1 of 800 and 0.35 of 280
    assert 0.025 < np.mean(tails < 0.05) < 0.11  # the χ² tail is right before any gate; 0.05 ± 4 errors, more for n / R


@pytest.mark.slow
def test_a_harmless_shift_of_the_clients_does_not_ring(champions: list[Champion]) -> None:
    found = scans(champions, 3, 2_000, moved=1.0)

    assert rings(found) <= 1


@pytest.mark.slow
def test_more_clients_for_whom_the_model_was_always_wrong_are_no_change() -> None:
    generator, rang, still = np.random.default_rng(5), 0, 0
    for champion in (trained(seed, curved=0.4) for seed in range(20)):
        features = clients(generator, 2_000, moved=0.8)
        window = champion.window(features, outcome(generator, features, curved=0.4))
        bare = scan([window], champion.reference, alpha=0.005)
        found = scan([window], champion.reference, alpha=0.005, learned=lambda it=champion: it.learned)
        rang, still = rang + bare.windows[0].rings, still + found.windows[0].rings
        assert (found.windows[0].balanced_p is not None) == bare.windows[0].rings

    assert rang > 15  # a model of the wrong form is no worse than before for such clients; there are only more of them
    assert still < 6  # weights by means alone do not undo all of it


def test_a_change_among_other_clients_is_still_found(champions: list[Champion]) -> None:
    generator = np.random.default_rng(6)
    for champion in champions[:10]:
        features = clients(generator, 2_000, moved=0.5)
        window = champion.window(features, outcome(generator, features, activity=0.3))
        found = scan([window], champion.reference, learned=lambda it=champion: it.learned)

        assert found.verdict == "retrain"
        assert found.windows[0].balanced_p < 1e-4


def test_learned_rows_are_asked_for_only_when_a_window_rings(champions: list[Champion]) -> None:
    def learned() -> Window:
        raise AssertionError("nothing rang")

    generator = np.random.default_rng(7)
    features = clients(generator, 500)

    found = scan([champions[0].window(features, outcome(generator, features))], champions[0].reference, learned=learned)

    assert found.verdict == "no drift"


def test_a_harmful_change_is_found_in_its_first_2000_rows(champions: list[Champion]) -> None:
    found = scans(champions, 1, 2_000, activity=0.3)

    assert rings(found) == len(found)
    assert {one.verdict for one in found} == {"retrain"}
    assert all(one.moved.startswith("the effect of activity rose") and one.moved_in == 1 for one in found)


def test_more_leavers_at_the_same_reasons_ask_for_recalibration(champions: list[Champion]) -> None:
    found = scans(champions, 1, 2_000, share=-1.0)

    assert sum(one.verdict == "recalibrate" for one in found) >= 36
    assert sum("the share of leavers rose from about 2" in one.moved for one in found) == len(found)


@pytest.mark.slow
def test_weaker_reasons_are_called_over_confidence(champions: list[Champion]) -> None:
    found = scans(champions, 1, 4_000, slope=0.5)

    assert sum(one.verdict == "recalibrate" for one in found) >= 36
    assert sum("over-confidence" in one.moved for one in found) >= 36
    told = [sentence(one.verdict, one.moved) for one in found if one.verdict == "recalibrate"]
    assert (
        sum(it.startswith("The reasons for leaving tell less than before: the risks are too bold") for it in told) > 30
    )
    assert not any(is_level(one.verdict, one.moved) for one in found if "over-confidence" in one.moved)


def test_a_rule_that_turns_round_is_called_so() -> None:
    for champion in (trained(seed) for seed in range(10)):
        found = champion.scan(np.random.default_rng(1), 2_000, activity=0.9, size=0.4, age=-0.3, gold=-0.5)

        assert found.verdict == "retrain"
        assert found.moved is not None
        assert found.moved.startswith("the order of the risks has turned round")


def test_the_effect_of_a_level_is_named() -> None:
    found = trained(3).scan(np.random.default_rng(3), 5_000, gold=-1.5)

    assert found.verdict == "retrain"
    assert found.moved.startswith("the effect of plan = gold fell")


@pytest.mark.parametrize("name", ["activity", "plan"])
def test_clients_whose_figure_is_blank_since_and_who_leave_otherwise_are_found(name: str) -> None:
    generator, champion = np.random.default_rng(4), trained(4)
    features = clients(generator, 2_000)
    labels, blank = outcome(generator, features), generator.random(2_000) < 0.5
    labels[blank] = generator.random(blank.sum()) < 0.5
    window = champion.window(features, labels)
    features[name] = np.where(blank, None if name == "plan" else np.nan, features[name])

    found = scan([window], champion.reference, learned=lambda: champion.learned)

    assert found.verdict == "retrain"
    told = "clients of plan = missing" if name == "plan" else "clients with a missing activity"
    assert told in str(found.moved)


def test_blanks_by_chance_are_no_change(champions: list[Champion]) -> None:
    generator, rang = np.random.default_rng(8), 0
    for champion in champions:
        for share in (0.002, 0.01, 0.1, 0.5):
            features = clients(generator, 500)
            window = champion.window(features, outcome(generator, features))
            for name in NUMERIC:
                features[name] = np.where(generator.random(500) < share, np.nan, features[name])
            rang += scan([window], champion.reference, learned=lambda it=champion: it.learned).windows[0].rings

    assert rang == 0


def test_three_clients_of_a_new_kind_who_all_leave_are_no_change(champions: list[Champion]) -> None:
    generator, rang = np.random.default_rng(9), 0
    for champion in champions:
        features = clients(generator, 500)
        labels = outcome(generator, features)
        stay = np.flatnonzero(champion.window(features, labels).risks < 0.1)[:3]
        labels[stay], features["plan"] = 1, features["plan"].copy()
        window = champion.window(features, labels)
        features["plan"][stay] = "new"
        rang += scan([window], champion.reference, learned=lambda it=champion: it.learned).windows[0].rings

    assert rang == 0


def test_more_leavers_of_every_kind_are_no_turn_of_the_order(champions: list[Champion]) -> None:
    generator, found = np.random.default_rng(10), []
    for champion in champions:
        features = clients(generator, 2_000)
        labels = np.maximum(outcome(generator, features), generator.random(2_000) < 0.25)
        found.append(scan([champion.window(features, labels)], champion.reference))

    assert not any("turned round" in str(one.moved) or "no longer" in str(one.moved) for one in found)
    assert sum(one.verdict == "recalibrate" for one in found) >= 36


def newcomers(champion: Champion, share: float | None) -> Scan:
    """150 of 2,000 clients have a plan that nobody had; of these so many leave, else as many as the model states."""
    generator = np.random.default_rng(7)
    features = clients(generator, 2_000)
    labels = outcome(generator, features)
    features["plan"] = features["plan"].copy()
    features["plan"][:150] = "<b>west</b>"
    if share is not None:
        labels[:150] = generator.random(150) < share
    return scan([champion.window(features, labels)], champion.reference, learned=lambda: champion.learned)


def test_clients_of_a_level_never_seen_are_named_where_they_leave_otherwise() -> None:
    found = newcomers(trained(3), 0.7)

    assert found.verdict == "retrain"
    assert found.moved.startswith(
        "150 clients of plan = <b>west</b>, a level the model was not trained on: 68.0 % of them left"
    )
    assert not [it for it in ("plus", "gold", "basic") if it in found.moved]
    assert sentence(found.verdict, found.moved).startswith("Clients of a new kind leave otherwise: 150 clients of plan")


def test_clients_of_a_level_never_seen_are_no_alert_where_the_model_is_right_for_them() -> None:
    assert newcomers(trained(3), None).verdict == "no drift"


def test_a_reference_of_an_older_program_knows_no_levels_and_has_no_term_for_them() -> None:
    stored = trained(3).reference.as_dict()
    for feature in stored["features"]:
        del feature["known"]
    stored["mean_score"] = stored["mean_score"][:-1]

    old = Reference.from_dict(stored)

    features = clients(np.random.default_rng(1), 10)
    assert old.design(features, np.full(10, 0.2)).shape[1] == len(old.mean_score)


def test_a_level_alone_is_never_called_another_reason_for_leaving() -> None:
    found = trained(3).scan(np.random.default_rng(3), 2_000, share=-0.8)

    told = sentence(found.verdict, found.moved)

    assert found.verdict == "recalibrate"
    assert is_level(found.verdict, found.moved)
    assert told.startswith(
        "How many leave has changed and not who, as in a busy or a quiet season: the share of leavers"
    )
    assert "reason for leaving" not in told


@pytest.mark.slow
def test_a_change_too_small_to_matter_does_not_ring() -> None:
    found = trained(4, n_rows=100_000).scan(np.random.default_rng(4), 40_000, share=-1.5)

    assert found.windows[0].p < 1e-4
    assert 0 < found.windows[0].relative_gain < 0.01
    assert found.verdict == "no drift"


@pytest.mark.slow
@pytest.mark.parametrize("bent", [{"curved": 0.4}, {"joint": 0.6}])
def test_a_truth_that_was_bent_from_the_first_is_no_drift(bent: dict[str, float]) -> None:
    found = [trained(seed, **bent).scan(np.random.default_rng(seed), 2_000, **bent) for seed in range(20)]

    assert rings(found) == 0


@pytest.mark.slow
def test_several_rows_of_a_client_do_not_inflate_the_evidence(champions: list[Champion]) -> None:
    generator, found = np.random.default_rng(0), []
    for champion in champions * 3:
        features = clients(generator, 400)
        once = champion.window(features, outcome(generator, features))
        copied = {name: np.tile(values, 4) for name, values in features.items()}
        window = Window(4, copied, np.tile(once.labels, 4), np.tile(once.risks, 4), np.tile(once.clients, 4))
        found.append(scan([window], champion.reference))

    assert rings(found) <= 1
    assert np.mean([one.windows[0].p < 0.05 for one in found]) < 0.15


def test_a_change_in_the_last_content_alone_is_found_in_the_short_window() -> None:
    champion, generator = trained(6), np.random.default_rng(6)
    old, new = clients(generator, 14_000), clients(generator, 2_000)
    labels = np.concatenate([outcome(generator, old), outcome(generator, new, activity=-0.2)])
    both = {name: np.concatenate([old[name], new[name]]) for name in old}
    last = {m: {name: values[-2_000 * m :] for name, values in both.items()} for m in (1, 2, 4, 8)}

    found = scan([champion.window(last[m], labels[-2_000 * m :], m) for m in (1, 2, 4, 8)], champion.reference)

    assert [window.n_rows for window in found.windows] == [2_000, 4_000, 8_000, 16_000]
    assert found.windows[0].rings
    assert (found.verdict, found.moved_in) == ("retrain", 1)


def streams(champion: Champion, seed: int, n_old: int, n_new: int, **changed: float) -> tuple[Window, Window]:
    """Return the window of new rows, in which something may have changed, and that of all rows before them too."""
    generator = np.random.default_rng(seed)
    old, new = clients(generator, n_old), clients(generator, n_new)
    labels = np.concatenate([outcome(generator, old), outcome(generator, new, **changed)])
    both = {name: np.concatenate([old[name], new[name]]) for name in old}
    return champion.window(new, labels[n_old:]), champion.window(both, labels, 9)


def test_news_before_a_window_give_back_the_power_that_few_training_rows_take() -> None:
    champion = trained(11, n_rows=400)
    new, whole = streams(champion, 11, 4_000, 1_000, activity=-0.2)

    alone, beside = (scan(it, champion.reference, alpha=0.001).windows[0] for it in ([new], [new, whole]))

    assert beside.p < alone.p / 1_000
    assert (alone.rings, beside.rings) == (False, True)


@pytest.mark.slow
def test_the_tail_is_right_however_few_the_training_rows_and_many_the_news() -> None:
    found = []
    for seed in range(150):
        champion = trained(seed, n_rows=500)
        found.append(scan(streams(champion, seed, 4_000, 1_000), champion.reference))

    for window in (0, 1):
        assert np.mean([it.windows[window].p < 0.05 for it in found]) < 0.11
    assert not any(it.rings for one in found for it in one.windows)
    assert np.mean([it.doubts > 1 for it in found]) < 0.05


def test_disjoint_rows_that_both_speak_against_a_steady_world_are_counted() -> None:
    champion = trained(12)
    changed = streams(champion, 12, 2_000, 2_000, activity=-0.4)
    features, labels = changed[1].features, changed[1].labels
    both = champion.window(features, np.concatenate([changed[0].labels, changed[0].labels]), 2)

    steady = scan(streams(champion, 13, 2_000, 2_000), champion.reference)

    assert steady.doubts == 0
    assert scan([changed[0], both], champion.reference).doubts == 2
    assert len(labels) == 4_000


def test_what_was_wrong_with_the_reference_rows_already_is_no_drift() -> None:
    generator = np.random.default_rng(1)
    features = clients(generator, 2_000)
    labels, risks = outcome(generator, features), generator.beta(2, 2, 2_000)

    wrong = reference(features, KINDS, labels, risks)
    found = scan([Window(1, features, labels, risks, np.arange(2_000))], wrong)

    assert found.windows[0].chi2 == pytest.approx(0.0, abs=1e-6)
    assert np.max(np.abs(wrong.mean_score)) > 0.1


def test_a_window_rings_below_a_fifth_of_alpha() -> None:
    champion, generator = trained(2), np.random.default_rng(2)
    features = clients(generator, 1_000)
    window = champion.window(features, outcome(generator, features, activity=-0.55))
    p = scan([window], champion.reference).windows[0].p

    above, below = (scan([window], champion.reference, alpha=5 * p * by) for by in (1.01, 0.99))

    assert (above.windows[0].rings, below.windows[0].rings) == (True, False)


def test_the_widest_window_decides_whether_the_evidence_is_enough() -> None:
    champion, generator = trained(5), np.random.default_rng(5)
    features = clients(generator, 800)
    wide = champion.window(features, outcome(generator, features), 8)
    short = champion.window({name: values[-50:] for name, values in features.items()}, wide.labels[-50:])

    assert scan([short, wide], champion.reference).verdict == "no drift"
    assert scan([short], champion.reference).verdict == "not enough evidence"


def test_few_leavers_are_not_enough_evidence_and_it_says_how_many_rows_are() -> None:
    champion = trained(7)

    found = champion.scan(np.random.default_rng(7), 60)

    leavers, share = found.windows[0].leavers, champion.reference.share
    assert found.verdict == "not enough evidence"
    assert 0 < leavers < 30
    assert 0.5 * (30 - leavers) / share < found.rows_needed < 2 * (30 - leavers) / share


def test_no_rows_are_not_enough_evidence() -> None:
    champion = trained(8)

    found = scan([champion.window(clients(np.random.default_rng(0), 0), np.zeros(0, dtype=int))], champion.reference)

    assert (found.verdict, found.windows) == ("not enough evidence", ())
    assert found.rows_needed == math.ceil(30 / champion.reference.share)


def test_the_same_windows_give_the_same_scan() -> None:
    champion = trained(9)

    first, second = (champion.scan(np.random.default_rng(9), 500, activity=0.5) for _ in range(2))

    assert first == second
    assert first.windows[0].rings


# --- weights that make rows such clients as others --------------------------------------------------------------------


@given(st.integers(0, 10_000), st.integers(1, 6), st.floats(0, 0.8))
@settings(max_examples=25, deadline=None)
def test_the_columns_get_the_means_that_are_wanted(seed: int, n_columns: int, moved: float) -> None:
    random = np.random.default_rng(seed)
    columns = random.standard_normal((2_000, n_columns)) * random.uniform(0.1, 9, n_columns)
    means = columns.mean(axis=0) + moved * columns.std(axis=0) / np.sqrt(n_columns)

    weights = balanced(columns, means)

    assert weights.min() > 0
    assert weights.sum() == pytest.approx(1)
    assert weights @ columns == pytest.approx(means, abs=0.02 * columns.std(axis=0).max())


def test_rows_that_are_such_clients_already_have_equal_weights() -> None:
    columns = np.random.default_rng(1).standard_normal((500, 3))

    assert balanced(columns, columns.mean(axis=0)) == pytest.approx(np.full(500, 1 / 500))


def test_a_true_shift_is_undone_for_what_was_not_balanced_too() -> None:
    random = np.random.default_rng(2)
    old, new = random.standard_normal((50_000, 2)), random.standard_normal((50_000, 2)) + 0.7

    weights = balanced(old, new.mean(axis=0))

    assert weights @ old[:, 0] ** 2 == pytest.approx(np.mean(new[:, 0] ** 2), rel=0.05)


def test_clients_unlike_all_rows_rest_on_few_of_them() -> None:
    columns = np.random.default_rng(3).standard_normal((1_000, 2))

    weights = balanced(columns, np.array([30.0, 0.0]))

    assert np.isfinite(weights).all()
    assert 1 / np.sum(weights**2) < 10


def test_a_column_that_never_varies_and_one_that_combines_others_do_no_harm() -> None:
    columns = np.random.default_rng(4).standard_normal((1_000, 2))
    wide = np.column_stack([columns, columns.sum(axis=1), np.full(1_000, 7.0)])
    means = np.array([0.3, 0.1, 0.4, 7.0])

    assert balanced(wide, means) @ wide == pytest.approx(means, abs=0.01)
