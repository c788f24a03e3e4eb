"""Held feeds in a folder that lives: what they are compared with, and how a release is taken back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest
from ingesting import current, entry, final, ingest, months

from risk.dataset import manifest
from risk.disk import journal
from tests.conftest import Project, table

Change = Callable[[int], float]


def twelfths(figure: int) -> float:
    return figure * 12


def hundredths(figure: int) -> float:
    return figure / 100


def changed(content: str, change: Change, column: int = 2) -> str:
    """Return a client file with one column in other units."""
    head, *lines = content.splitlines()
    rows = [line.split(",") for line in lines]
    told = [[*row[:column], str(change(int(row[column]))), *row[column + 1 :]] for row in rows]
    return "\n".join([head, *map(",".join, told)]) + "\n"


def monthly(content: str, month: str) -> str:
    return months(*(row.replace(",", f",{month},", 1) for row in content.splitlines()[1:]))


def drop(project: Project, number: int, change: Change | None = None, n_rows: int = 600) -> str:
    """Let the next file of the same clients come, and return what became of it."""
    content = table(n_rows, seed=number)
    project.drop(f"sourcedata/d{number}.csv", changed(content, change) if change else content)
    ingest(project)
    return entry(project, f"d{number}.csv").state


def release(project: Project, name: str) -> None:
    assert project.run("ingestion", "--release", name).code == 0


@pytest.mark.slow
def test_a_good_file_is_not_held_because_of_one_that_was_released(project: Project) -> None:
    drop(project, 1)
    assert drop(project, 2, hundredths) == "held"
    release(project, "d2.csv")

    states = [drop(project, number) for number in (3, 4)]

    assert states == ["in", "in"]


@pytest.mark.slow
def test_a_good_file_is_not_held_because_of_several_that_were_released(project: Project) -> None:
    drop(project, 1)
    for number in (2, 3):
        assert drop(project, number, (hundredths, twelfths)[number % 2]) == "held"
        release(project, f"d{number}.csv")

    assert drop(project, 4) == "in"


@pytest.mark.slow
def test_a_good_file_is_not_held_because_of_a_bad_one_that_nobody_looked_at(project: Project) -> None:
    project.drop("sourcedata/d1.csv", table(600, seed=1))
    project.drop("sourcedata/d2.csv", changed(table(600, seed=2), hundredths))  # a first look compares with nothing

    ingest(project)

    assert drop(project, 3) == "in"


@pytest.mark.slow
@pytest.mark.parametrize("change", [hundredths, twelfths, lambda _: 0], ids=["hundredths", "twelfths", "zero"])
def test_a_fault_is_found_all_the_same(project: Project, change: Change) -> None:
    drop(project, 1)
    drop(project, 2, twelfths)
    release(project, "d2.csv")
    drop(project, 3)

    assert drop(project, 4, change) == "held"
    assert drop(project, 5) == "in"


@pytest.mark.slow
def test_a_feed_that_was_rightly_released_is_not_held_again(project: Project) -> None:
    drop(project, 1)
    drop(project, 2, twelfths)
    release(project, "d2.csv")

    assert drop(project, 3, twelfths) == "in"


@pytest.mark.slow
def test_a_faulty_first_file_is_corrected_and_frees_what_it_held(project: Project) -> None:
    assert drop(project, 1, hundredths, 350) == "in"
    assert [drop(project, number) for number in (2, 3)] == ["held", "held"]

    states = [drop(project, 1, None, 350), *(entry(project, f"d{number}.csv").state for number in (2, 3))]

    assert states == ["in", "in", "in"]
    assert not any("." in row for row in final(project))
    assert drop(project, 4, hundredths) == "held"
    assert project.run("ingestion", "--verify").code == 0


@pytest.mark.slow
def test_held_files_that_agree_outvote_a_faulty_first_one_which_is_named(project: Project) -> None:
    drop(project, 1, hundredths)
    assert [drop(project, number) for number in (2, 3)] == ["held", "held"]

    assert drop(project, 4) == "in"

    told = entry(project, "d4.csv").contents[0].warnings[-1]
    assert "taken in, because d2.csv and d3.csv agree with it against d1.csv: look at that one" in told
    assert (current(project).held, drop(project, 5)) == ([], "in")


@pytest.mark.slow
def test_held_files_that_differ_outvote_nobody(project: Project) -> None:
    drop(project, 1)

    assert [drop(project, 2, hundredths), drop(project, 3, twelfths), drop(project, 4, hundredths)] == ["held"] * 3
    assert drop(project, 5) == "in"


@pytest.mark.slow
def test_a_release_is_withdrawn_and_can_be_given_again(project: Project) -> None:
    drop(project, 1)
    drop(project, 2, hundredths)
    before, why = final(project), entry(project, "d2.csv").reason
    release(project, "d2.csv")
    assert len(final(project)) == 1200

    said = project.run("ingestion", "--withdraw", "d2.csv")

    assert said.out.startswith("withdrawn: d2.csv; dataset ")
    assert (final(project), entry(project, "d2.csv").state, entry(project, "d2.csv").reason) == (before, "held", why)
    told = journal.runs(project.settings.production / "journal.jsonl")[-1]
    assert (told["withdrawn"], told["outcome"], bool(told["user"])) == ("d2.csv", "withdrawn", True)
    assert "took d2.csv out again" in project.run("diagnostics", "--explain", str(told["run"])).out
    assert project.run("ingestion", "--verify").code == 0
    ingest(project)
    assert current(project).held == ["d2.csv"]
    release(project, "d2.csv")
    assert len(final(project)) == 1200


def test_only_what_was_released_can_be_withdrawn(project: Project) -> None:
    drop(project, 1)
    drop(project, 2, hundredths)

    for name in ("d1.csv", "d2.csv", "nowhere.csv"):
        said = project.run("ingestion", "--withdraw", name)

        assert (said.code, said.err.count("\n")) == (1, 1)
        assert f"{name}: nothing of it was released (sources with a release: none). Nothing was changed." in said.err


@pytest.mark.slow
@pytest.mark.parametrize("schema", [{}, {"period": "month"}], ids=["rows", "periods"])
def test_what_a_released_revision_replaced_comes_back(project: Project, schema: dict[str, str]) -> None:
    project.configure(schema=schema)
    told = (lambda content: monthly(content, "2026-01")) if schema else str
    project.drop("sourcedata/d.csv", told(table(600, seed=1)))
    ingest(project)
    before = final(project)
    project.drop("sourcedata/d.csv", told(changed(table(600, seed=1), hundredths)))
    ingest(project)
    release(project, "d.csv")
    assert final(project) != before
    assert manifest.read(project.root / "ingesteddata/current") == current(project)

    project.run("ingestion", "--withdraw", "d.csv")

    assert (final(project), entry(project, "d.csv").state) == (before, "held")
    assert project.run("ingestion", "--verify").code == 0
    project.drop("sourcedata/d.csv", told(table(600, seed=2)))
    assert (ingest(project).manifest.held, len(final(project))) == ([], 600)


@pytest.mark.slow
def test_a_release_is_withdrawn_after_a_good_next_period_of_the_same_file(project: Project) -> None:
    project.configure(schema={"period": "month"})
    for month, content in (("2026-01", table(600)), ("2026-02", changed(table(600, seed=2), hundredths))):
        project.drop("sourcedata/d.csv", monthly(content, month))
        ingest(project)
    before = final(project)
    release(project, "d.csv")
    project.drop("sourcedata/d.csv", monthly(table(600, seed=3), "2026-03"))
    assert (ingest(project).manifest.held, len(final(project))) == ([], 1800)

    project.run("ingestion", "--withdraw", "d.csv")

    assert {row.split(",")[1] for row in final(project)} == {"2026-01", "2026-03"}
    assert (final(project)[:600], entry(project, "d.csv").state) == (before, "in")


@pytest.mark.slow
def test_a_copy_of_a_withdrawn_file_leaves_with_it(project: Project) -> None:
    drop(project, 1)
    drop(project, 2, hundredths)
    release(project, "d2.csv")
    project.drop("sourcedata/copy.csv", changed(table(600, seed=2), hundredths))
    ingest(project)

    project.run("ingestion", "--withdraw", "d2.csv")

    assert (current(project).held, len(final(project))) == (["copy.csv", "d2.csv"], 600)


@pytest.mark.slow
def test_a_withdrawn_file_that_is_gone_leaves_for_good(project: Project) -> None:
    drop(project, 1)
    drop(project, 2, hundredths)
    release(project, "d2.csv")
    (project.root / "sourcedata/d2.csv").unlink()
    ingest(project)

    project.run("ingestion", "--withdraw", "d2.csv")

    assert (current(project).entry("d2.csv"), len(final(project))) == (None, 600)


@pytest.fixture
def served(project: Project) -> Project:
    source = {"kind": "database", "url": "sqlite:///clients.db", "table": "clients", "watermark": "day", "overlap": 0}
    project.configure(source=source)
    return project


def pull(project: Project, content: str, day: int) -> None:
    """Let rows of one watermark come into the database, and pull them: the next pull reads them once more."""
    with sqlite3.connect(project.root / "clients.db") as connection:
        rows = [(*line.split(","), day) for line in content.splitlines()[1:]]
        names = content.splitlines()[0].replace(",", " text, ")
        connection.execute(f"create table if not exists clients ({names} text, day integer)")
        connection.executemany("insert into clients values (?, ?, ?, ?, ?, ?)", rows)
    connection.close()
    ingest(project)


@pytest.mark.slow
def test_a_release_of_a_database_is_withdrawn_and_later_pulls_are_not_held(served: Project) -> None:
    pull(served, table(600, seed=1), 1)
    pull(served, changed(table(600, seed=2), hundredths), 2)
    assert current(served).held == ["database/clients"]
    release(served, "database/clients")
    pull(served, table(600, seed=3), 3)
    assert (current(served).held, len(final(served))) == ([], 1800)

    served.run("ingestion", "--withdraw", "database/clients")

    assert (current(served).held, len(final(served))) == (["database/clients"], 1200)
    assert served.run("ingestion", "--verify").code == 0
    pull(served, table(600, seed=4), 4)
    assert (current(served).held, len(final(served))) == ([], 1800)


@pytest.mark.slow
def test_rows_of_a_held_pull_do_not_come_in_with_the_next_one(served: Project) -> None:
    pull(served, table(600, seed=1), 1)
    pull(served, changed(table(600, seed=2), hundredths), 2)

    pull(served, table(600, seed=3), 3)

    assert (current(served).held, len(final(served))) == ([], 1200)
    assert not any("." in row for row in final(served))
    assert served.run("ingestion", "--verify").code == 0


@pytest.mark.slow
def test_a_held_pull_stays_held_where_nothing_else_has_come(served: Project) -> None:
    pull(served, table(600, seed=1), 1)
    pull(served, changed(table(600, seed=2), hundredths), 2)
    with sqlite3.connect(served.root / "clients.db") as connection:
        connection.execute("delete from clients where day = 2 and corporation < 'c00010'")
    connection.close()

    ingest(served)

    assert (current(served).held, len(final(served))) == (["database/clients"], 600)
