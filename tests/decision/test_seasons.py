"""Seasons: levels of the share of leavers that come and go are followed by no training, lasting ones are."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from risk.decision import policy
from risk.decision.policy import Champion, Names, Reason
from risk.decision.seasons import Levels
from risk.drift import season
from risk.drift.season import History
from risk.modeling.reference import reference
from risk.settings.decision_rules import Drift
from tests.benchmarks import seasons

NAMES = Names("client", "left", {"size": "numeric"}, "period")
STEADY, YEAR = [0.0] * 12, [float(np.sin(np.pi * month / 6)) for month in range(12)]


def frame(levels: list[float], first: int = 0, n_rows: int = 2_000, effect: float = 1.0) -> pd.DataFrame:
    """Months with these levels of the logit beside the model's risks; the effect of the size may change."""
    random, parts = np.random.default_rng([first, len(levels)]), []
    for number, level in enumerate(levels, first):
        size = random.standard_normal(n_rows)
        truth = 1 / (1 + np.exp(-(-1.5 + level + effect * size)))
        parts.append(pd.DataFrame({
            "client": [f"c{number}-{it}" for it in range(n_rows)], "size": size, "content": number,
            "left": (random.random(n_rows) < truth).astype(float),
            "period": f"{2024 + number // 12}-{number % 12 + 1:02d}",
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def stated(rows: pd.DataFrame) -> np.ndarray:
    return 1 / (1 + np.exp(1.5 - rows["size"].to_numpy()))


def history(rows: pd.DataFrame) -> History:
    return History(rows["period"].to_numpy(str), rows["left"].to_numpy(), stated(rows))


def found(
    past: list[float], now: list[float], *, followed: bool = False, effect: float = 1.0, names: Names = NAMES,
    n_rows: int = 2_000,
) -> Reason:  # fmt: skip
    """What the rules make of new months after others, where the model states the risks without any level."""
    before, news = frame(past), frame(now, first=len(past), effect=effect, n_rows=n_rows)
    learned = frame([0.0], first=900)
    known = reference(
        {"size": learned["size"].to_numpy()}, {"size": "numeric"}, learned["left"].to_numpy(), stated(learned)
    )
    levels = Levels(lambda: history(pd.concat([before, news])), followed)
    champion = Champion("logistic", 60_000, 60_000, known, False, 0, levels=levels)
    return policy.reason(news, stated(news), names, champion, 60_000, Drift())


def test_a_level_that_was_there_and_went_again_is_a_season_and_trains_nothing() -> None:
    told = found(YEAR, [YEAR[3]])

    assert (told.train, told.outcome, told.verdict) == (False, "no drift", "no drift")
    states = r"[\d.]+ % where {} states [\d.]+ %"
    assert re.search(f"{states.format('the model')}, as in 2024-0. \\({states.format('it')}\\)", told.sentence)
    assert told.sentence.endswith(
        "such levels have come and gone before, so it is a season; who leaves sooner has not changed."
    )


@pytest.mark.parametrize("past", [STEADY, [0.0], [0.0, 0.2, 0.4, 0.6]])
def test_a_level_that_was_never_gone_again_is_followed(past: list[float]) -> None:
    told = found(past, [0.8])

    assert (told.train, told.verdict) == (True, "recalibrate")
    assert told.sentence.startswith("How many leave has changed and not who")


def test_a_level_that_came_and_has_not_gone_is_no_season() -> None:
    assert found([0.0, 0.5, 0.0, 1.2, 1.2], [1.2]).train


def test_the_level_that_is_named_as_one_before_has_gone_since() -> None:
    told = found([*YEAR, 0.0, 0.5, 0.86, 1.0], [1.0])

    assert told.train is False
    assert "as in 2024-0" in told.sentence, "those of 2025 are still there"


def test_a_level_beyond_all_seasons_is_followed() -> None:
    assert found(YEAR, [1.8]).train


def test_another_reason_for_leaving_alerts_in_any_season() -> None:
    told = found(YEAR, [YEAR[3]], effect=-0.5)

    assert (told.train, told.verdict) == (True, "retrain")


@pytest.mark.parametrize(("level", "effect", "n_rows"), [(0.0, 0.4, 650), (0.0, 0.5, 700), (0.3, 0.4, 750)])
def test_a_level_that_is_the_lesser_part_of_an_alert_explains_none(level: float, effect: float, n_rows: int) -> None:
    told = found(STEADY, [level], effect=effect, n_rows=n_rows, followed=True)

    assert told.train
    assert told.sentence.startswith("The reasons for leaving tell less than before")


def test_a_pattern_that_a_level_leaves_is_not_clear_yet() -> None:
    told = found(YEAR, [YEAR[2]], effect=0.4, n_rows=300)

    assert told.train is False
    assert told.scan is not None
    assert told.scan.unclear
    assert told.sentence.endswith("; whether who leaves sooner has changed too is not clear yet.")


def test_the_sentence_of_a_level_names_its_periods() -> None:
    assert "share of leavers of 2025-01 is" in found(YEAR, [YEAR[3]]).sentence
    assert "share of leavers of 2025-01 to 2025-02 is" in found(YEAR, [YEAR[3]] * 2, n_rows=100).sentence


def test_a_model_that_has_followed_a_level_follows_none_for_half_a_year() -> None:
    assert found(STEADY, [0.8], followed=True).train is False
    assert found(STEADY, [0.8] * 6, followed=True).train is True


def test_without_periods_a_level_is_followed_as_ever() -> None:
    told = found(YEAR, [YEAR[3]], names=Names("client", "left", {"size": "numeric"}))

    assert (told.train, told.verdict) == (True, "recalibrate")


def test_after_two_years_the_month_of_the_year_tells_the_level_that_comes() -> None:
    told = season.forecast(history(frame([*YEAR, *YEAR, *YEAR[:3]])))

    assert told.calendar
    assert told.level == pytest.approx(YEAR[3], abs=0.15)
    assert told.deviation < 0.15


def test_periods_of_a_week_have_no_month_of_the_year() -> None:
    rows = frame([0.0, 1.0] * 13 + [0.0])  # the last level tells least of the next one
    weeks = pd.date_range("2024-01-01", periods=27, freq="7D").strftime("%Y-%m-%d").to_numpy(str)
    past = History(weeks[rows["content"].to_numpy()], rows["left"].to_numpy(), stated(rows))

    assert season.forecast(past).calendar is False


def test_before_two_years_the_last_level_does() -> None:
    told = season.forecast(history(frame(YEAR[:4])))

    assert (told.calendar, told.level) == (False, pytest.approx(YEAR[3], abs=0.15))


def test_levels_that_differ_by_chance_alone_are_not_counted_in() -> None:
    assert season.forecast(history(frame(STEADY))) == season.Forecast()


@pytest.mark.slow
@pytest.mark.parametrize("amplitude", seasons.AMPLITUDES[::2])
def test_a_yearly_cycle_makes_three_deployments_at_most_and_expected_leavers_hold(amplitude: float) -> None:
    lives = [seasons.lived(seasons.stream(seed, 500, amplitude)) for seed in (1, 2)]

    assert max(found.deployments for found in lives) <= 3
    assert np.mean([found.held for found in lives]) >= 0.85
