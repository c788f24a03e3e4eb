"""What a value may look like: kept as it is written, or refused with the reason."""

from __future__ import annotations

import pytest

from risk.reading.values import Refusal, Values
from risk.schema import Feature, Schema

SCHEMA = Schema(period="day", features={"n": Feature(), "kind": Feature("categorical")})
GOOD = ["acme", "2026-01-31", "1", "big", "0"]


def checked(values: Values, column: str, text: str) -> list[str] | Refusal:
    names = [it.name for it in SCHEMA.columns]
    return values.row(7, [text if name == column else good for name, good in zip(names, GOOD, strict=True)])


@pytest.mark.parametrize(
    "text",
    [
        *("0", "7", "-3", "12.5", "-0.25", "0.0", "1.50", "0.10", "100", "-10"),
        *("9007199254740993", "9223372036854775807", "-9223372036854775808"),
        *("0.30000000000000004", "99999999999999.9", "0.000000000000001", "123456789012345.0"[:-2]),
    ],
)
def test_a_plain_number_that_its_type_holds_exactly_is_kept_as_written(text: str) -> None:
    found = checked(Values(SCHEMA), "n", text)

    assert found == ["acme", "2026-01-31", text, "big", "0"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *(
            (text, "is not a number")
            for text in ("abc", "1_000", "1e3", "1E400", "0x10", "inf", "NaN", "+5", "5.", ".5")
        ),
        *(
            (text, "is not a number")
            for text in ("007", "00", "-00.5", "1,5", "1 000", "--1", "-", "５", "1.2.3", "٣", "1\n")
        ),
        *((text, "is a negative zero") for text in ("-0", "-0.0")),
        *((text, "is too large") for text in ("9223372036854775808", "-9223372036854775809", "1" + "0" * 400)),
        *(
            (text, "is not held exactly")
            for text in ("0.1234567890123456789", "9007199254740993.0", "0." + "0" * 400 + "1")
        ),
        *((text, "is not held exactly") for text in ("1" + "0" * 400 + ".5", "1.0000000000000000")),
    ],
)
def test_every_other_number_is_refused(text: str, reason: str) -> None:
    found = checked(Values(SCHEMA), "n", text)

    assert isinstance(found, Refusal)
    assert (found.line, found.column, found.value, found.reason) == (7, "n", text[:80], reason)


@pytest.mark.parametrize(("text", "is_good"), [("0", True), ("0.0", True), ("-0.5", False), ("-1", False)])
def test_a_number_below_the_minimum_is_refused(text: str, is_good: bool) -> None:
    values = Values(Schema(features={"n": Feature(minimum=0)}))

    found = values.row(1, ["acme", text, "0"])

    assert (found == ["acme", text, "0"]) == is_good
    assert is_good or (isinstance(found, Refusal) and found.reason == "is below 0")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *(
            (text, "is not a period")
            for text in ("2026-02-29", "2026-13", "2026-1", "2026-W1", "20260131", "2026-W01-1")
        ),
        *(
            (text, "is not a period")
            for text in ("0000-01", "２０２６-01", "31.01.2026", "2026-01-31T00:00", "2026/01")
        ),
        ("", "is blank"),
    ],
)
def test_a_period_that_no_calendar_has_is_refused(text: str, reason: str) -> None:
    found = checked(Values(SCHEMA), "day", text)

    assert isinstance(found, Refusal)
    assert (found.column, found.reason) == ("day", reason)


def test_the_first_accepted_period_decides_the_form_of_all() -> None:
    values = Values(SCHEMA)
    refused = values.row(1, ["acme", "2026-01-01", "x", "", ""])

    months = [values.row(line, ["acme", "2026-01", "1", "", ""]) for line in (2, 3)]
    date = values.row(4, ["acme", "2026-01-01", "1", "", ""])

    assert isinstance(refused, Refusal)
    assert months == [["acme", "2026-01", "1", "", ""]] * 2
    assert isinstance(date, Refusal)
    assert date.expected == "a month (YYYY-MM) as in the rows before"


@pytest.mark.parametrize("text", ["007", "NA", "null", "None", "漢字", "😀", "o'hara", "a  b", "x" * 1000, "=1+1"])
def test_ids_and_texts_are_kept_as_text(text: str) -> None:
    found = Values(SCHEMA).row(1, [f"  {text} ", "2026-01-31", "1", text, "0"])

    assert found == [text, "2026-01-31", "1", text, "0"]


@pytest.mark.parametrize("character", ["\x00", "\x01", "\t", "\x0b", "\x1f", "\x7f", "\x80", "\x85", "\x9f", "\ufeff"])
@pytest.mark.parametrize("column", ["corporation", "kind"])
def test_invisible_characters_are_refused(column: str, character: str) -> None:
    found = checked(Values(SCHEMA), column, f"a{character}b")

    assert isinstance(found, Refusal)
    assert (found.column, found.reason) == (column, f"holds the character U+{ord(character):04X}")


def test_a_value_is_refused_however_often_it_comes() -> None:
    values = Values(SCHEMA)

    found = [checked(values, "n", text) for text in ("x", "1", "x", "1")]

    assert [isinstance(row, Refusal) for row in found] == [True, False, True, False]


def test_missing_markers_are_missing_wherever_they_are_no_name() -> None:
    values = Values(Schema(missing=("?", "-1"), features={"n": Feature(), "kind": Feature("categorical")}))

    found = [values.row(1, ["?", "-1", "?", "?"]), values.row(2, ["a", "", "", ""])]

    assert found == [["?", "", "", ""], ["a", "", "", ""]]
