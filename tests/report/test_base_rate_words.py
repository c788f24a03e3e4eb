"""What people are told of a list whose clients have one risk, and in which order they stand."""

from __future__ import annotations

from typing import Any

import pytest

from risk.modeling.families import BASE_RATE
from risk.report import money_words, words
from tests.report.test_money_words import by_gain, of_nobody
from tests.report.test_situation import make_snapshot

RELEASE = {"name": "1", "size": BASE_RATE, "base_rate": 0.3, "provisional": True}


@pytest.mark.parametrize(
    ("shown", "order"),
    [
        (by_gain(), "by expected gain, by which their values part them."),
        (of_nobody(), "by name."),  # where no client has a value
        (make_snapshot(), "by name."),
    ],
)
def test_the_order_of_clients_with_one_risk_is_that_of_their_values_where_any_is_known(
    shown: dict[str, Any], order: str
) -> None:
    banner = words.banner(shown | {"release": RELEASE})

    assert banner is not None
    assert banner[1].endswith(order)


def test_a_list_by_gain_without_values_and_with_one_risk_does_not_go_by_risk() -> None:
    assert str(money_words.of_list(of_nobody() | {"release": RELEASE})).endswith("has a value: it goes by name.")
