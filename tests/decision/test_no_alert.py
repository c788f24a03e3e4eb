"""What people are told of a check without an alert."""

from __future__ import annotations

from dataclasses import replace

import pytest

from risk.decision import no_alert
from risk.drift.finding import Scan, WindowResult
from risk.modeling.reference import Reference
from risk.settings.decision_rules import Drift

QUIET = WindowResult(
    chi2=8.0, df=8, p=0.43, gain=0.0, relative_gain=0.0, rings=False, contents=1, n_rows=600, leavers=120, stayers=480
)
NEAR = replace(QUIET, chi2=24.6, p=0.0018, gain=0.014, relative_gain=0.03)


def told(*windows: WindowResult, n_rows: int = 2_000) -> str:
    return no_alert.sentence(Scan("no drift", windows), Reference((), (), n_rows, 0.2), 600, Drift())


def test_nothing_unusual_is_no_change() -> None:
    assert told(QUIET).endswith("errors on 600 new labelled rows show no change in why clients leave.")


def test_what_is_unusual_and_gave_no_alert_is_not_clear_yet_with_the_figure_and_what_would_settle_it() -> None:
    sentence = told(QUIET, replace(NEAR, contents=2))

    assert sentence.startswith("It is not clear yet whether the reasons for leaving have changed.")
    assert "the last 2 files (600 rows) have a pattern that comes by chance 18 times in 10,000" in sentence
    assert "an alert takes less than once in 10,000" in sentence
    assert sentence.endswith("more rows with outcomes will settle it.")
    assert "no change" not in sentence


def test_the_fewer_rows_the_live_model_was_trained_on_the_more_will_settle_it() -> None:
    few, many = (
        int(told(NEAR, n_rows=n_rows).split("If it lasts, about ")[1].split(" more")[0].replace(",", ""))
        for n_rows in (2_000, 10**9)
    )

    assert 0 < many < few < 5_000


def test_where_the_live_model_knows_too_little_a_model_of_more_rows_settles_it() -> None:
    assert "trained on too few rows to tell" in told(NEAR, n_rows=150)


@pytest.mark.parametrize("p", [0.002, 1e-9])
def test_what_would_win_next_to_nothing_is_too_small_to_matter(p: float) -> None:
    sentence = told(replace(NEAR, p=p, relative_gain=0.004))

    assert "too small to matter: a new model would win about 0.4 % of the error" in sentence


@pytest.mark.parametrize(("balanced_p", "words"), [
    (3e-4, "comes by chance 3 times in 10,000 beside training rows of such clients, and an alert takes less than once"),
    (1e-9, "show a change too small to matter beside training rows of such clients."),
])  # fmt: skip
def test_what_such_clients_explain_in_part_is_not_called_explained(balanced_p: float, words: str) -> None:
    sentence = told(replace(NEAR, p=1e-8, balanced_p=balanced_p))

    assert words in sentence
    assert "have not changed" not in sentence


def test_numbers_have_separators() -> None:
    found = no_alert.sentence(Scan("no drift", (QUIET,)), Reference((), (), 2_000, 0.2), 12_345, Drift())

    assert "12,345 new labelled rows" in found


def test_an_alert_that_training_rows_of_such_clients_explain_speaks_of_the_clients() -> None:
    sentence = told(replace(NEAR, p=1e-6, balanced_p=0.3))

    assert sentence.endswith("more of these clients have come, and the reasons for leaving have not changed.")
