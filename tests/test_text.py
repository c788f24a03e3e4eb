from __future__ import annotations

import csv
import html
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.text import as_csv, markdown, one_line, short_percent

HOSTILE = [
    "<script>alert(1)</script>", "[x](javascript:alert(1))", "a|b", "`code`", "*bold* _it_ ~~no~~", "# head", "1. one",
    "- item", "http://evil.example", "www.evil.example", "a@evil.example", "back\\slash", "&lt;", "$x$", "===",
]  # fmt: skip


def rendered(text: str) -> str:
    """Return what a reader of the Markdown sees: escapes and entities undone."""
    return html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_reader_of_markdown_sees_the_very_text(text: str) -> None:
    assert rendered(markdown(text)) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_no_mark_of_markdown_or_html_is_left_bare(text: str) -> None:
    bare = re.sub(r"\\.", "x", markdown(text))

    assert not re.search(r"[<>`*_\[\]|~$@]|://|www\.|&(?!lt;|gt;|amp;)|^(?:#|[-+=]|\d+[.)])", bare)


def test_a_line_stays_one_line_without_control_characters() -> None:
    told = one_line("a\nb\x1b[31m\u202e\udcff")

    assert told == r"a\nb\x1b[31m\u202e\udcff"
    assert told.isprintable()


def test_a_long_text_ends_in_an_ellipsis_and_a_blank_one_is_a_dash() -> None:
    assert markdown("x" * 300) == "x" * 199 + "…"
    assert markdown(" ") == "–"


# --- CSV --------------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("share", "told"), [(0.0, "0 %"), (0.07, "7 %"), (0.29, "29 %"), (0.025, "2.5 %"), (0.005, "0.5 %")]
)
def test_a_share_in_short_has_a_digit_only_where_it_is_no_whole_number(share: float, told: str) -> None:
    assert short_percent(share) == told
