"""Work that goes on ahead: what an iterator gives is made in a thread of its own while the last of it is in use."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T], weigh: Callable[[T], int], most: int) -> Generator[T]:
    """Yield the items in their order, made ahead: about `most` by weight wait while as many are used.

    What the iterator raises is raised here. When this is closed, the thread ends after what it is making; a thread that
    hangs holds nothing up.
    """
    waiting: queue.Queue[list[T] | BaseException | None] = queue.Queue(maxsize=1)
    left = threading.Event()

    def make() -> None:
        try:
            for some in _bundles(items, weigh, most):
                waiting.put(some)
                if left.is_set():
                    return
            waiting.put(None)
        except BaseException as error:
            waiting.put(error)

    threading.Thread(target=make, name="ahead", daemon=True).start()
    try:
        while (some := waiting.get()) is not None:
            if isinstance(some, BaseException):
                raise some
            yield from some
    finally:
        left.set()
        with contextlib.suppress(queue.Empty):
            waiting.get_nowait()


def _bundles(items: Iterator[T], weigh: Callable[[T], int], most: int) -> Iterator[list[T]]:
    """Yield the items in bundles of `most` by weight: to hand over each by itself costs more than it gains."""
    some: list[T] = []
    weight = 0
    for item in items:
        some.append(item)
        weight += weigh(item)
        if weight >= most:
            yield some
            some, weight = [], 0
    yield some
