"""A database beside the folder: through the same reader, into the same dataset, exactly once."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from risk.disk import journal
from tests.conftest import Installations, Project, table

COLUMNS = ("corporation", "lastmonth_activity", "lastyear_activity", "number_of_employees", "exited")


def serve(project: Project) -> None:
    project.drop("sourcedata/dataset1.csv", table(300))
    project.drop("testdata/testdata.csv", table(100, seed=9, first=90_000))
    insert(project.root / "clients.db", table(200, seed=2, first=1000), 1)
    asked = {"url": "sqlite:///clients.db", "table": "clients", "watermark": "day", "overlap": 0}
    project.configure(source={"kind": "database", **asked})


def deploy_served(project: Project) -> None:
    serve(project)
    said = project.run("fullprocess", "--json")
    assert (said.code, said.json["outcome"]) == (0, "deployed")


@pytest.fixture
def served(installations: Installations, tmp_path: Path) -> Project:
    """A project with a folder source and a database of clients, after its first run."""
    return installations.copy(deploy_served, tmp_path)


def insert(path: Path, content: str, day: int | str) -> None:
    with sqlite3.connect(path) as connection:
        named = ", ".join(COLUMNS)
        connection.execute(f"create table if not exists clients ({named}, day)")
        rows = [(*line.split(","), day) for line in content.splitlines()[1:]]
        connection.executemany("insert into clients values (?, ?, ?, ?, ?, ?)", rows)
    connection.close()


def rows(project: Project) -> int:
    return len(project.text("ingesteddata/finaldata.csv").splitlines()) - 1


@pytest.mark.slow
def test_rows_of_a_database_stand_beside_those_of_the_folder(served: Project) -> None:
    assert rows(served) == 500
    assert served.text("ingesteddata/ingestedfiles.txt") == "database/clients\ndataset1.csv\n"


@pytest.mark.slow
def test_a_second_tick_asks_the_database_and_has_no_new_data(served: Project) -> None:
    before = served.seen()

    said = served.run("fullprocess")

    assert said.out == "no new data\n"
    after = served.seen()
    assert {name for name in after if after[name] != before.get(name)} <= {"production_deployment/tick.json"}


@pytest.mark.slow
def test_new_rows_come_once_and_late_ones_with_an_equal_watermark_too(served: Project) -> None:
    insert(served.root / "clients.db", table(50, seed=3, first=2000), 2)
    served.run("fullprocess")
    insert(served.root / "clients.db", table(10, seed=4, first=3000), 2)

    said = served.run("fullprocess", "--json")

    assert said.code == 0
    assert rows(served) == 560
    assert served.run("ingestion", "--verify").code == 0


@pytest.mark.slow
def test_refused_rows_of_every_pull_stay_on_record(project: Project) -> None:
    served = project
    serve(served)
    insert(served.root / "clients.db", table(2, seed=5, first=5000).replace("c05001,", "c05001,x"), 0)
    served.run("fullprocess")
    insert(served.root / "clients.db", table(30, seed=3, first=2000), 1_000)

    said = served.run("fullprocess", "--json")

    assert said.json["rejected_rows"] == 1
    assert "database/clients" in served.text("ingesteddata/rejected.csv")
    assert rows(served) == 531


def test_a_database_that_is_gone_is_one_line_and_holds_back_no_file(served: Project) -> None:
    (served.root / "clients.db").unlink()
    served.drop("sourcedata/dataset2.csv", table(100, seed=6, first=7000))

    said = served.run("fullprocess")

    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "database/clients" in said.err
    assert rows(served) == 600


@pytest.mark.slow
def test_a_row_of_the_far_future_is_named_everywhere_and_later_rows_arrive(project: Project) -> None:
    project.drop("testdata/testdata.csv", table(100, seed=9, first=90_000))
    insert(project.root / "clients.db", table(200, seed=2, first=1000), "2026-01-01")
    insert(project.root / "clients.db", table(1, seed=3, first=4000), "9999-12-31")
    project.configure(
        source={"kind": "database", "url": "sqlite:///clients.db", "table": "clients", "watermark": "day"}
    )
    project.run("fullprocess")
    shown = [project.run("fullprocess", "--status").out, project.text("models/reports/current/snapshot.json")]
    told = journal.runs(project.settings.production / "journal.jsonl")[-1]["warnings"]
    assert all("day sorts after the database's own time" in text for text in (*shown, str(told)))
    assert project.run("fullprocess").out == "no new data\n"

    insert(project.root / "clients.db", table(50, seed=4, first=2000), "2026-01-02")

    assert project.run("fullprocess", "--json").code == 0
    assert rows(project) == 251
    assert project.run("fullprocess").out == "no new data\n"


@pytest.mark.slow
def test_a_pull_that_is_refused_whole_does_not_move_the_watermark(served: Project) -> None:
    bad = table(100, seed=7, first=8000).replace(",0\n", ",maybe\n").replace(",1\n", ",perhaps\n")
    insert(served.root / "clients.db", bad, 1_000)

    said = served.run("fullprocess", "--json")

    entry = next(it for it in served.json("ingesteddata/current/manifest.json")["entries"] if "database" in it["path"])
    assert said.code == 4
    assert (entry["state"], entry["watermark"]["value"]) == ("refused", "1")
    assert rows(served) == 500


def test_a_password_in_the_settings_is_refused_without_being_shown(project: Project) -> None:
    url = "postgresql://me:s3cret@localhost/clients"
    project.configure(source={"kind": "database", "url": url, "table": "clients", "watermark": "day"})

    said = project.run("fullprocess")

    assert said.code == 2
    assert "config.json" in said.err
    assert "s3cret" not in said.err + said.out


@pytest.mark.slow
def test_a_later_row_of_a_client_and_period_corrects_the_outcome(project: Project) -> None:
    def append(client: str, outcome: str, seconds: int) -> None:
        moment = f"{datetime.now(UTC) - timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"
        with sqlite3.connect(project.root / "clients.db") as connection:
            connection.execute(f"create table if not exists clients ({', '.join(COLUMNS)}, month, at)")
            connection.execute("insert into clients values (?, 1, 2, 3, ?, '2026-09', ?)", (client, outcome, moment))
        connection.close()

    asked = {"kind": "database", "url": "sqlite:///clients.db", "table": "clients", "watermark": "at"}
    project.configure(schema={"period": "month"}, source=asked)
    append("c4", "0", 110)
    append("c5", "0", 100)
    project.run("ingestion")
    append("c5", "1", 20)

    said = project.run("ingestion", "--json")

    assert (said.code, said.json["rejected_rows"]) == (0, 0)
    assert sorted(project.text("ingesteddata/finaldata.csv").splitlines()[1:]) == [
        "c4,2026-09,1,2,3,0",
        "c5,2026-09,1,2,3,1",
    ]
    assert project.run("ingestion", "--verify").code == 0


def serve_months(project: Project, name: str, *months: str) -> None:
    """Make a database in which one client has these months, and the source of it."""
    asked = {"kind": "database", "url": f"sqlite:///{name}", "table": "clients", "watermark": "at"}
    project.configure(schema={"period": "month"}, source=asked)
    with sqlite3.connect(project.root / name) as connection:
        connection.execute(f"create table clients ({', '.join(COLUMNS)}, month, at)")
        lines = [("acme", 1, 2, 3, 0, month, at) for at, month in enumerate(months)]
        connection.executemany("insert into clients values (?, ?, ?, ?, ?, ?, ?)", lines)
    connection.close()


@pytest.mark.slow
def test_a_pull_whose_periods_are_of_another_form_than_those_of_the_files_is_refused_whole(project: Project) -> None:
    project.drop("sourcedata/a.csv", f"{','.join(COLUMNS)},month\nglobex,1,2,3,0,2026-01\n")
    serve_months(project, "clients.db", "2026-02-02")

    said = project.run("ingestion")

    entry = next(it for it in project.json("ingesteddata/current/manifest.json")["entries"] if "database" in it["path"])
    assert (said.code, entry["state"]) == (4, "refused")
    assert "database/clients: " in said.out
    assert "as in all files before" in said.out
    assert rows(project) == 1


@pytest.mark.slow
def test_a_table_that_is_read_as_a_whole_again_may_be_of_another_form_than_it_was(project: Project) -> None:
    serve_months(project, "clients.db", "2026-01", "2026-02")
    assert project.run("ingestion").code == 0
    serve_months(project, "dates.db", "2026-01-31", "2026-02-28")

    said = project.run("ingestion")

    assert said.code == 0
    assert [line.split(",")[1] for line in project.text("ingesteddata/finaldata.csv").splitlines()[1:]] == [
        "2026-01-31",
        "2026-02-28",
    ]
