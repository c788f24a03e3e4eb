"""Rows that a change of the schema loses because their files are gone are counted, and said until they are back."""

from __future__ import annotations

from typing import Any

import pytest
from ingesting import current, ingest, months

from tests.conftest import Project

WHOLE: dict[str, Any] = {"period": "month"}
LESS = WHOLE | {"features": {"lastmonth_activity": "numeric"}}
JANUARY = months("a,2026-01,1,2,3,0", "b,2026-01,1,2,3,1")
FEBRUARY = months("a,2026-02,1,2,3,")
TOLD = (
    "jan.csv is gone, so its 2 rows (2 with an outcome) could not be read again under the changed schema and are no "
    "longer in the dataset. Put the file back to have them again."
)


@pytest.fixture
def lost(project: Project) -> Project:
    """A project whose schema has changed after one of its two files was gone."""
    project.configure(schema=WHOLE)
    project.drop("sourcedata/jan.csv", JANUARY)
    project.drop("sourcedata/feb.csv", FEBRUARY)
    ingest(project)
    (project.root / "sourcedata/jan.csv").unlink()
    assert not ingest(project).warnings
    project.configure(schema=LESS)
    return project


def told(project: Project) -> list[str]:
    return [it for it in ingest(project).warnings if "changed schema" in it]


def test_rows_of_a_file_that_is_gone_are_not_lost_in_silence(lost: Project) -> None:
    first, second = lost.run("ingestion"), lost.run("ingestion")
    status = lost.run("fullprocess", "--status").out

    assert (first.code, second.code) == (4, 0)
    assert TOLD in first.out
    assert TOLD in status
    assert current(lost).counts["n_labelled"] == 0


def test_where_one_version_is_kept_it_is_said_once(lost: Project) -> None:
    lost.configure(schema=LESS, keep={"versions": 1})

    assert told(lost) == [TOLD]
    assert told(lost) == []


def test_the_version_that_has_the_lost_rows_is_kept(lost: Project) -> None:
    ingest(lost)

    shelf = sorted(lost.root.glob("ingesteddata/versions/*/finaldata.csv"))
    assert any(len(it.read_text().splitlines()) == 3 for it in shelf)


@pytest.mark.parametrize("name", ["jan.csv", "archive/january.csv"])
def test_once_the_file_is_back_nothing_is_said(lost: Project, name: str) -> None:
    assert told(lost) == [TOLD]

    lost.drop(f"sourcedata/{name}", JANUARY)

    assert told(lost) == []
    assert current(lost).counts["n_labelled"] == 2


def test_another_change_of_the_schema_does_not_silence_it(lost: Project) -> None:
    told(lost)

    lost.configure(schema=WHOLE)

    assert told(lost) == [TOLD]


def test_former_periods_of_a_file_that_was_overwritten_are_lost_rows_too(project: Project) -> None:
    project.configure(schema=WHOLE)
    for content in (JANUARY, FEBRUARY):
        project.drop("sourcedata/clients.csv", content)
        ingest(project)

    project.configure(schema=LESS)

    assert told(project) == [TOLD.replace("jan.csv is gone", "a former clients.csv is gone")]


def test_a_corrected_file_in_the_place_of_the_one_that_is_gone_is_enough(lost: Project) -> None:
    lost.drop("sourcedata/jan.csv", JANUARY.replace("b,2026-01,1", "b,2026-01,9"))

    assert told(lost) == []


def test_another_input_folder_is_another_dataset(lost: Project) -> None:
    lost.drop("elsewhere/feb.csv", FEBRUARY)
    lost.configure(schema=LESS, input_folder_path="elsewhere")

    assert told(lost) == []


def test_of_many_files_the_first_is_named(project: Project) -> None:
    project.configure(schema=WHOLE)
    for month in range(1, 5):
        project.drop(f"sourcedata/m{month}.csv", months(f"a,2026-0{month},1,2,3,0"))
    ingest(project)
    for month in range(1, 4):
        (project.root / f"sourcedata/m{month}.csv").unlink()
    ingest(project)

    project.configure(schema=LESS)

    assert [it.split(" could")[0] for it in told(project)] == [
        "m1.csv and 2 more files are gone, so their 3 rows (3 with an outcome)"
    ]
