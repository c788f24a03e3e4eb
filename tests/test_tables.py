from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.tables import as_csv


def test_a_table_is_utf8_with_line_feeds_and_empty_cells_for_nothing() -> None:
    rows = [("Zürich", None, 1), ("two\nlines", "a,b", 2.5)]

    assert as_csv(("name", "x", "n"), rows) == 'name,x,n\nZürich,,1\n"two\nlines","a,b",2.5\n'.encode()


def test_a_table_without_rows_is_its_header() -> None:
    assert as_csv(("a", "b"), []) == b"a,b\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx"])
def test_what_a_spreadsheet_would_compute_carries_an_apostrophe(text: str) -> None:
    found = list(csv.reader(io.StringIO(as_csv(("a",), [(text,)]).decode(), newline="")))

    assert found[1] == [f"'{text}"]


@pytest.mark.parametrize("value", [-1, -2.5, "a=b", "1-2", "", "'=1"])
def test_numbers_and_harmless_texts_stay_as_they_are(value: object) -> None:
    found = list(csv.reader(io.StringIO(as_csv(("a", "b"), [(value, "x")]).decode())))

    assert found[1] == [str(value), "x"]


def test_a_text_that_is_no_unicode_is_shown_escaped() -> None:
    assert as_csv(("a",), [("not\udcff",)]) == b"a\nnot\\udcff\n"


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.text("ab,\"'\n=")), max_size=5))
def test_a_table_is_read_back_as_it_was_written(rows: list[tuple[str, str]]) -> None:
    found = list(csv.reader(io.StringIO(as_csv(("a", "b"), rows).decode(), newline="")))

    assert [tuple(text.removeprefix("'") for text in row) for row in found[1:]] == [
        tuple(text.removeprefix("'") for text in row) for row in rows
    ]
