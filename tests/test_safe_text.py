from __future__ import annotations

import html
import re

import pytest

from risk import safe_text

HOSTILE = [
    "<script>alert(1)</script>", "[x](javascript:alert(1))", "a|b", "`code`", "*bold* _it_ ~~no~~", "# head", "1. one",
    "- item", "http://evil.example", "www.evil.example", "a@evil.example", "back\\slash", "&lt;", "$x$", "===",
]  # fmt: skip


def rendered(text: str) -> str:
    """Return what a reader of the Markdown sees: escapes and entities undone."""
    return html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_reader_of_markdown_sees_the_very_text(text: str) -> None:
    assert rendered(safe_text.markdown(text)) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_no_mark_of_markdown_or_html_is_left_bare(text: str) -> None:
    bare = re.sub(r"\\.", "x", safe_text.markdown(text))

    assert not re.search(r"[<>`*_\[\]|~$@]|://|www\.|&(?!lt;|gt;|amp;)|^(?:#|[-+=]|\d+[.)])", bare)


def test_a_line_stays_one_line_without_control_characters() -> None:
    told = safe_text.one_line("a\nb\x1b[31m\u202e\udcff")

    assert told == r"a\nb\x1b[31m\u202e\udcff"
    assert told.isprintable()


def test_a_long_text_ends_in_an_ellipsis_and_a_blank_one_is_a_dash() -> None:
    assert safe_text.markdown("x" * 300) == "x" * 199 + "…"
    assert safe_text.markdown(" ") == "–"
