"""Current clients of whom no file has told for periods are said, where the files hold nearly everybody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Installations, Project, table

SCHEMA: dict[str, Any] = {"period": "month"}


def month(number: int, n: int, first: int = 0, *, labels: bool = False) -> str:
    header, *lines = table(n, seed=number, first=first, labels=labels).splitlines()
    rows = [f"{line.split(',', 1)[0]},2026-{number:02d},{line.split(',', 1)[1]}" for line in lines]
    return "\n".join([header.replace("corporation,", "corporation,month,"), *rows]) + "\n"


def months(project: Project) -> None:
    """Leave months of 400 clients, of the first of which the outcomes are known, and 30 more in the second alone."""
    project.configure(schema=SCHEMA, capacity={"calls_per_week": 200})
    project.drop("sourcedata/m1.csv", month(1, 400, labels=True))
    for number, n in ((2, 430), (3, 400), (4, 400)):
        project.drop(f"sourcedata/m{number}.csv", month(number, n))


@pytest.fixture
def silent(installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(months, tmp_path)


def told(project: Project) -> list[str]:
    assert project.run("fullprocess").code == 0
    return [it for it in project.json("models/snapshot.json")["warnings"] if "have had no row since" in it]


def test_clients_who_are_in_no_file_for_periods_are_counted_and_said(silent: Project) -> None:
    (sentence,) = told(silent)

    calls = silent.json("models/snapshot.json")["call_list"]
    assert sentence.startswith(
        "30 of 430 current clients have had no row since 2026-02, while the newest rows are of 2026-04. They are "
        f"ranked all the same, and {sum(it['period'] == '2026-02' for it in calls)} of them are to be called."
    )
    assert sentence in silent.run("fullprocess", "--status").out


@pytest.mark.parametrize("is_near", [True, False])
def test_nothing_is_said_of_a_few_or_of_those_one_period_behind(silent: Project, is_near: bool) -> None:
    silent.drop("sourcedata/m2.csv", month(2, 400 if is_near else 405))
    silent.drop("sourcedata/m3.csv", month(3, 430 if is_near else 400))

    assert told(silent) == []


def test_nothing_is_said_where_files_hold_a_part_of_the_clients_each(silent: Project) -> None:
    for number, n in ((2, 430), (3, 80), (4, 80)):
        silent.drop(f"sourcedata/m{number}.csv", month(number, n))

    assert told(silent) == []
