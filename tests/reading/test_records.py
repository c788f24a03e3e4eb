"""A chunk is proven plain by its bytes, or it is not; the proof never lets a doubtful one pass."""

from __future__ import annotations

import pytest

from risk.reading._records import BLOCK, Plain, prove

PLAIN = b"a,1,2026-01\nb,,2026-02\n"


@pytest.mark.parametrize(
    "chunk",
    [
        PLAIN,
        PLAIN[:-1],
        PLAIN.replace(b"\n", b"\r\n", 1),
        PLAIN.replace(b"\n", b"\r\n"),
        PLAIN.replace(b"\n", b"\r\n")[:-2],
    ],
    ids=range(5),
)
def test_plain_lines_are_proven_whatever_ends_them(chunk: bytes) -> None:
    found = prove(chunk, 3, 2)

    assert found == Plain(PLAIN, 2, 7)


@pytest.mark.parametrize(
    "line",
    [
        *(b'"a",1,2026-01', b"a,1", b"a,1,2026-01,", b"", b" ", b"a\r,1,2026-01", b"a\tb,1,2026-01"),
        *(b"a\x00,1,2026-01", b"a\x7f,1,2026-01", b" a,1,2026-01", b"a ,1,2026-01", b"a, 1,2026-01", b"a,1,2026-01 "),
        *("a\x85,1,2026-01".encode(), "\ufeffa,1,2026-01".encode(), "a\u0301,1,2026-01".encode(), b"\xe9,1,2026-01"),
        *(b"x" * 1001 + b",1,2026-01", b"a,1,2026-01-01"),
    ],
)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_one_line_that_is_not_plain_spoils_the_proof(line: bytes, place: str) -> None:
    lines = {
        "first": [line, b"b,2,2026-01"],
        "middle": [b"b,2,2026-01", line, b"c,3,2026-01"],
        "last": [b"b,2,2026-01", line],
    }

    found = prove(b"\n".join([*lines[place], b""]), 3, 2)

    assert found is None


def test_lines_with_fields_of_one_another_are_no_proof() -> None:
    chunk = b"a,1\nb,2,2026-01,2026-01\n"

    found = prove(chunk, 3)

    assert found is None


@pytest.mark.parametrize("odd", [b" ,1,2\n", b", 1,2\n"])
def test_a_space_beside_a_comma_is_seen_wherever_a_block_ends(odd: bytes) -> None:
    start = b"abcde,1,2\n" * (BLOCK // 10 - 1)

    found = [prove(start + b"z" * length + odd, 3) for length in range(1, 20)]

    assert found == [None] * 19
    assert prove(start + b"z" * 14 + odd.replace(b" ", b""), 3)


def test_text_beyond_ascii_is_plain_in_normal_form() -> None:
    chunk = "Ünal & Söhne,1,2026-01\n漢字,2,2026-01\n".encode()

    found = prove(chunk, 3, 2)

    assert found == Plain(chunk, 2, 7)
