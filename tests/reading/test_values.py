"""What a value may look like: kept as it is written, or refused with the reason."""

from __future__ import annotations

from risk.reading.refusals import Refusal
from risk.reading.values import Values
from risk.settings.schema import Feature, Schema

SCHEMA = Schema(period="day", features={"n": Feature(), "kind": Feature("categorical")})
GOOD = ["acme", "2026-01-31", "1", "big", "0"]


def checked(values: Values, column: str, text: str) -> list[str] | Refusal:
    names = [it.name for it in SCHEMA.columns]
    return values.row(7, [text if name == column else good for name, good in zip(names, GOOD, strict=True)])


def test_the_first_accepted_period_decides_the_form_of_all() -> None:
    values = Values(SCHEMA)
    refused = values.row(1, ["acme", "2026-01-01", "x", "", ""])

    months = [values.row(line, ["acme", "2026-01", "1", "", ""]) for line in (2, 3)]
    date = values.row(4, ["acme", "2026-01-01", "1", "", ""])

    assert isinstance(refused, Refusal)
    assert months == [["acme", "2026-01", "1", "", ""]] * 2
    assert isinstance(date, Refusal)
    assert date.expected == "a month (YYYY-MM) as in the rows before"


def test_a_value_is_refused_however_often_it_comes() -> None:
    values = Values(SCHEMA)

    found = [checked(values, "n", text) for text in ("x", "1", "x", "1")]

    assert [isinstance(row, Refusal) for row in found] == [True, False, True, False]
