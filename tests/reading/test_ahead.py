"""What is made ahead comes in its order, all of it, and nothing is left behind when nobody wants the rest."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.reading.ahead import ahead


@given(st.lists(st.integers(0, 9)), st.integers(1, 20))
def test_everything_comes_in_its_order(items: list[int], most: int) -> None:
    with closing(ahead(iter(items), lambda item: item, most)) as found:
        assert list(found) == items


def test_an_item_is_made_while_the_one_before_is_in_use() -> None:
    made = [threading.Event() for _ in range(3)]

    def items() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    with closing(ahead(items(), lambda item: 1, 1)) as found:
        for number in found:
            assert number == 2 or made[number + 1].wait(10)


def test_no_more_is_made_ahead_than_wanted() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with closing(ahead(items(), lambda item: 1, 2)) as found:
        assert next(found) == 0
        for number in found:
            assert max(made) <= number + 6  # two in use, two that wait, two in the making
            if number == 50:
                break


def test_what_the_items_raise_comes_where_they_end() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    found = ahead(items(), lambda item: 1, 1)

    assert next(found) == 1
    with pytest.raises(OSError, match="gone"):
        next(found)


def test_the_thread_ends_when_nobody_wants_the_rest() -> None:
    def items() -> Iterator[int]:
        yield from range(1_000_000)

    with closing(ahead(items(), lambda item: 1, 1)) as found:
        assert next(found) == 0
        (thread,) = (it for it in threading.enumerate() if it.name == "ahead")

    thread.join(10)
    assert not thread.is_alive()


def test_a_thread_that_hangs_holds_nothing_up() -> None:
    never = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        never.wait()

    with closing(ahead(items(), lambda item: 1, 1)) as found:
        assert next(found) == 1
    never.set()
