"""Which sources are too late to tell of the present, and that no stray one puts all that follow in the past."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ingesting import months

from risk import journal
from risk.dataset.manifest import Entry
from risk.decision._lateness import late_by_name, late_by_period, reached
from risk.reading.reader import Content
from tests.conftest import Project, table

CONTENT = Content("0", 1, 0.0, 500, 500, 0, 500, None, None, (), None, None, (), n_given=500)


def came(path: str, run: int, n_given: int = 500, last_period: str | None = None) -> Entry:
    content = replace(CONTENT, digest=path, n_given=n_given, n_labelled=max(n_given, 1), last_period=last_period)
    return Entry(path, "in", None, (content,), None, run)


def late(fresh: str, *known: Entry) -> bool:
    return late_by_name([came(fresh, 99)], known) == [fresh]


def test_a_point_is_reached_by_enough_rows_at_it_and_after_it() -> None:
    assert reached([("2026-01", 500), ("2026-02", 150), ("2026-03", 60), ("2062-02", 1)]) == "2026-02"
    assert reached([("2026-01", 150)]) is None


def test_a_source_whose_name_sorts_before_is_late() -> None:
    assert late("d3", came("d5", 1), came("d10", 2))
    assert not late("d11", came("d5", 1), came("d10", 2))


def test_a_stray_small_file_or_a_copy_does_not_make_others_late() -> None:
    assert not late("d6", came("d5", 1), came("test", 2, n_given=1))
    assert not late("d6", came("d5", 1), came("z_copy", 2, n_given=0))


def test_names_that_do_not_sort_as_they_came_tell_nothing_of_time() -> None:
    assert late("28-02-2026", came("30-01-2026", 1))  # so far they may
    assert not late("01-03-2026", came("30-01-2026", 1), came("28-02-2026", 2))


def test_one_source_astray_among_many_leaves_the_names_their_say() -> None:
    known = [came(f"d{number}", number) for number in range(2, 9)]

    assert late("d1", *known)
    assert late("d1", *known, came("d0", 9))


def test_a_source_is_late_when_none_of_its_rows_is_of_the_period_that_was_reached() -> None:
    fresh = [came("a", 2, last_period="2026-04"), came("b", 2, last_period="2026-05")]

    assert late_by_period(fresh, "2026-05") == ["a"]
    assert late_by_period(fresh, None) == []


def outcome(project: Project) -> dict[str, object]:
    project.run("fullprocess")
    return journal.runs(project.settings.production / "journal.jsonl")[-1]


@pytest.fixture
def first(project: Project) -> Project:
    project.drop("testdata/testdata.csv", table(60, seed=9, first=50_000))
    project.drop("sourcedata/dataset1.csv", table(900, seed=1))
    assert outcome(project)["outcome"] == "deployed"
    return project


@pytest.mark.parametrize("stray", ["one row", "copy"])
def test_after_a_stray_source_a_change_is_found_all_the_same(first: Project, stray: str) -> None:
    rows = table(900, seed=1) if stray == "copy" else table(1, seed=5, first=9_000)
    first.drop("sourcedata/zz.csv", rows)
    outcome(first)
    (first.root / "sourcedata/zz.csv").unlink()
    first.drop("sourcedata/dataset2.csv", table(900, seed=2, first=2_000, turned=True))

    assert outcome(first)["reason_to_train"] == "drift"


def test_after_a_mistyped_period_a_change_is_found_all_the_same(project: Project) -> None:
    project.configure(schema={"period": "month"})

    def drop(name: str, period: str, rows: str) -> None:
        told = (row.replace(",", f",{period},", 1) for row in rows.splitlines()[1:])
        project.drop(f"{'testdata' if name == 'testdata' else 'sourcedata'}/{name}.csv", months(*told))

    drop("testdata", "2026-09", table(60, seed=9, first=50_000))
    drop("a", "2026-05", table(900, seed=1))
    assert outcome(project)["outcome"] == "deployed"
    drop("b", "2062-06", table(1, seed=5, first=9_000))
    outcome(project)
    drop("c", "2026-06", table(900, seed=2, first=2_000, turned=True))

    assert outcome(project)["reason_to_train"] == "drift"
