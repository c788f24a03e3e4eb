"""Sets of fingerprints, beside Python's own sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.dataset import _fingerprints
from risk.dataset._fingerprints import Prints

ROWS = st.integers(0, 5) | st.sampled_from([2**62 - 1, 2**61])
OUTCOMES = st.integers(0, 2)
SOME = st.lists(st.builds(lambda row, outcome: row * 4 + outcome, ROWS, OUTCOMES), max_size=20)


def array(some: list[int]) -> Prints:
    return np.array(some, dtype=np.uint64)


def a_set(some: list[int]) -> Prints:
    return _fingerprints.as_set(array(some))


def counted(some: set[int]) -> tuple[int, int]:
    """Return rows and labelled rows of the set, by its definition: an unlabelled row yields to its labelled twin."""
    labelled = {it for it in some if it % 4 < 2}
    open_rows = {it for it in some if it % 4 == 2 and not {it - 2, it - 1} & labelled}
    return len(labelled) + len(open_rows), len(labelled)


@pytest.mark.slow
@given(SOME)
def test_a_set_is_sorted_and_without_repeats(some: list[int]) -> None:
    assert a_set(some).tolist() == sorted(set(some))


@pytest.mark.slow
@given(st.lists(SOME, max_size=4))
def test_a_union_holds_what_any_set_holds(sets: list[list[int]]) -> None:
    assert _fingerprints.union([a_set(some) for some in sets]).tolist() == sorted({it for some in sets for it in some})


@pytest.mark.slow
@given(SOME, SOME)
def test_places_are_where_a_fingerprint_stands(some: list[int], among: list[int]) -> None:
    stored = a_set(among)

    found = _fingerprints.places(array(some), stored)

    assert [at >= 0 for at in found.tolist()] == [it in among for it in some]
    assert all(int(stored[at]) == it for at, it in zip(found.tolist(), some, strict=True) if at >= 0)


@pytest.mark.slow
@given(SOME, st.lists(SOME, max_size=3))
def test_twins_are_all_outcomes_of_the_same_rows(some: list[int], sets: list[list[int]]) -> None:
    found = _fingerprints.twins(array(some), [a_set(one) for one in sets])

    assert found.tolist() == sorted({it for one in sets for it in one if it // 4 in {each // 4 for each in some}})


@pytest.mark.slow
@given(SOME)
def test_an_unlabelled_row_does_not_survive_its_labelled_twin(some: list[int]) -> None:
    left = _fingerprints.survivors(a_set(some))

    assert (len(left), _fingerprints.n_labelled(left)) == counted(set(some))


@pytest.mark.slow
@given(SOME, SOME, st.integers(1, 7))
def test_ranges_part_the_sets_and_no_twins(first: list[int], last: list[int], at_once: int) -> None:
    cut = list(_fingerprints.in_ranges([[a_set(first)], [a_set(first)], [a_set(last)]], at_once))

    for group, whole in enumerate((first, first, last)):
        assert np.concatenate([one for part in cut for one in part[group]]).tolist() == sorted(set(whole))
    rows = [{int(it) // 4 for group in part for one in group for it in one} for part in cut]
    assert sum(map(len, rows)) == len(set().union(*rows))
