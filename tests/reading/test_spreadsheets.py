"""Ids of clients: what can be none, and what looks alike."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from risk.reading._records import INVISIBLE as NOT_PLAIN
from risk.reading.spreadsheets import INVISIBLE, SPACES, TOTAL_WORDS, alike, may_be_totals, odd_forms, seen

SIGNS = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]


@pytest.mark.slow
def test_every_space_and_every_sign_that_formats_is_known() -> None:
    spaces = {sign for sign in SIGNS if unicodedata.category(sign) in ("Zs", "Zl", "Zp")}
    formats = {sign for sign in SIGNS if unicodedata.category(sign) == "Cf"}

    unseen = {sign for sign in SIGNS if INVISIBLE.match(sign)}
    missed = {unicodedata.name(sign, "") for sign in formats - unseen}

    assert {sign for sign in SIGNS if SPACES.match(sign)} == spaces | {"\u2800"}
    assert all("ARABIC" in name or "SYRIAC" in name or "KAITHI" in name or "EGYPTIAN" in name for name in missed)


@pytest.mark.slow
def test_what_cannot_be_seen_is_never_proven_plain() -> None:
    unseen = {sign for sign in SIGNS if not sign.isascii() and (INVISIBLE.match(sign) or SPACES.match(sign))}

    found = {sign for sign in SIGNS if not sign.isascii() and NOT_PLAIN.search(sign.encode())}

    assert found == unseen | {chr(code) for code in range(0x80, 0xA0)}


def test_an_id_is_seen_without_what_hides_in_it() -> None:
    hidden = ["c2", "c2\u00a0", "c\u200b2", "\u3000c2\u2003", "c2\ufeff"]

    found = {seen(text) for text in hidden}

    assert found == {"c2"}
    assert [seen(text) for text in ("7.0", "-7.00", "7.10", "a 7.0", "v1.0")] == ["7", "-7", "7.10", "a 7.0", "v1.0"]


def test_ids_that_look_alike_are_counted_and_not_named() -> None:
    odd: dict[str, set[str]] = {}
    for form, written in odd_forms(["c2\u00a0", "c3\u00a0", "7.0", "x  y", "z"]):
        odd.setdefault(form, set()).add(written)

    said = alike(odd, {"c2", "7"})

    assert said == "2 clients are told from another only by what cannot be seen (U+00A0) or by «.0» at the end"
    assert alike(odd, set()) is None


@pytest.mark.parametrize("word", TOTAL_WORDS)
def test_a_word_of_totals_is_found_among_figures(word: str) -> None:
    figures = b"c000001,2026-01,-5.5,1200,0\n" * 50

    assert may_be_totals(figures + f"Sub-{word.upper()} 2026,2026-01,1,2,0\n".encode() + figures)
    assert not may_be_totals(figures)
