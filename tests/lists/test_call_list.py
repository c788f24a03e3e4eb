from __future__ import annotations

import numpy as np
import pandas as pd

from risk.lists import call_list
from risk.settings.schema import Feature, Schema


def test_the_highest_risk_comes_first_and_ties_go_by_name() -> None:
    order = call_list.rank(["b", "a", "c"], np.array([0.5, 0.5, 0.9]))

    assert order.tolist() == [2, 1, 0]
    assert call_list.ranks(np.array([0.9, 0.5, 0.5, 0.1])).tolist() == [1, 2, 2, 4]


def test_differences_beyond_twelve_digits_are_none() -> None:
    order = call_list.rank(["b", "a"], np.array([0.5 + 1e-14, 0.5]))

    assert order.tolist() == [1, 0]


def test_words_change_neither_the_dataset_nor_what_a_model_fits() -> None:
    bare, said = (Schema(features={"n": it}) for it in (Feature(), Feature(label="Number", unit="€")))

    assert (bare.identity, bare.kinds) == (said.identity, said.kinds)


def test_value_at_risk_is_value_times_risk_of_those_whose_value_is_known() -> None:
    everyone = pd.DataFrame(
        {"owner": ["Ann", "Bo", "Ann", None], "value": [100.0, 1_000.0, np.nan, 10.0], "risk": [0.5, 0.2, 0.9, 0.1]}
    )
    schema = Schema(value="worth", currency="€")

    money = call_list.money(everyone, [{"value_at_risk": 50.0}, {"value_at_risk": None}], schema)

    assert money == {
        "currency": "€", "listed": 50.0, "everyone": 251.0,
        "owners": [
            {"owner": "Bo", "at_risk": 200.0}, {"owner": "Ann", "at_risk": 50.0}, {"owner": None, "at_risk": 1.0},
        ],
    }  # fmt: skip
    assert money is not None
    assert sum(it["at_risk"] for it in money["owners"]) == money["everyone"]
    assert call_list.money(everyone.assign(value=None), [], schema) is None
    assert (call_list.money(everyone.assign(owner=None), [], schema) or {})["owners"] == []


def test_a_list_that_is_one_cell_is_told_in_the_csv() -> None:
    call = {"rank": 1, "client": "acme", "risk": 0.91239, "prediction": 1, "owner": None, "value": None, "period": None}
    call |= {"reasons": ["a", "b"], "value_at_risk": 2.5, "changed": [], "context": ["c"], "move": "new"}

    header, line = call_list.calls_csv([call]).decode().splitlines()

    assert header.split(",")[:7] == ["rank", "client", "risk", "prediction", "owner", "value", "period"]
    assert dict(zip(header.split(","), line.split(","), strict=True)) | {"risk": "0.9124", "reasons": "a; b"} == {
        "rank": "1", "client": "acme", "risk": "0.9124", "prediction": "1", "owner": "", "value": "", "period": "",
        "reasons": "a; b", "value_at_risk": "2.5", "context": "c", "changed": "", "move": "new", "moved_by": "",
        "renewal": "", "next_step": "", "contact": "", "control": "",
    }  # fmt: skip
