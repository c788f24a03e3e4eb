"""Rows with one of some texts in a column are counted as a look at each line would count them."""

from __future__ import annotations

import numpy as np
import pytest

from risk.reading import column_search

HEADER = b"x,client,y\n"
TEXTS = ("acme", "a", "Zoë Ltd", "=1+1", "bb")


def counted(lines: str, place: int = 1) -> int | None:
    return column_search.n_rows(HEADER + lines.encode(), len(HEADER), place, 3, TEXTS)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_text_is_found_in_its_column_alone(place: int) -> None:
    row = ["", "", ""]
    lines = []
    for text in ("acme", " a ", "Zoë Ltd", "  Zoë Ltd", "=1+1", "bb", "acme2", "xacme", "b", "ab", "Acme", "", " "):
        row[place] = text
        lines.append(",".join(row))

    assert [counted("\n".join(lines) + "\n", it) for it in range(3)] == [6 if it == place else 0 for it in range(3)]


def test_the_last_line_may_lack_its_end_and_there_may_be_none() -> None:
    assert counted("1,acme,2\n1,b,2\n1,bb,2") == 2
    assert counted("") == 0
    assert column_search.n_rows(b"client\nacme\nb\n\na\n", 7, 0, 1, TEXTS) == 2


@pytest.mark.parametrize("lines", ['1,"acme",2\n', "1,acme,2\r\n", "1,acme\n2\n", "1,acme,2\n\n", "1,acme,2,3\n,\n"])
def test_what_is_not_plain_is_left_to_others(lines: str) -> None:
    assert counted(lines) is None


def test_lines_of_any_lengths_are_counted_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_search, "BLOCK", 64)
    draw = np.random.default_rng(1)
    signs = np.array(list("abcm e"))
    cells = ["".join(draw.choice(signs, draw.integers(0, 5))) for _ in range(3_000)] + ["acme", "bb"] * 10
    names = draw.permutation(cells)

    found = counted("".join(f"{'1' * (place % 7)},{name},2\n" for place, name in enumerate(names)))

    assert found == sum(name.strip(" ") in TEXTS for name in names)
