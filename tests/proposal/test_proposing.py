"""`ingestion.py --propose`: what it says, what it writes, and that the command which it prints works."""

from __future__ import annotations

import csv
import gzip
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from unknown_tables import as_csv, bank, german, telco

from risk.proposal import proposing
from tests.conftest import Project

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = (ROOT / "docs/tutorial/your-own-table.md").read_text()


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project in whose folder a person types commands, with a folder of files beside it."""
    monkeypatch.chdir(project.root)
    monkeypatch.setattr(proposing, "ROOT", ROOT)
    project.drop("mydata/clients.csv", german())
    return project


def test_a_proposal_is_shown_and_nothing_is_written(here: Project) -> None:
    before = here.seen()

    said = here.run("ingestion", "--propose", "mydata")

    assert said.code == 0, said.err
    assert "client: Kundennummer (called so, in every row another)" in said.out
    assert "500 rows accepted, 0 rejected" in said.out
    assert "no test file is needed" in said.out
    assert here.seen() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "delimiter", "encoding"), [("a.csv", ",", "utf-8"), ("a b.txt", ";", "cp1252"), ("a.tsv", "\t", "utf-8")]
)
def test_where_no_column_is_an_id_the_command_is_told_that_numbers_the_clients(
    name: str, delimiter: str, encoding: str, here: Project
) -> None:
    rows = [[f"Zoë, {it % 9}", it % 60, "" if it % 5 else "NA", int(it % 3 == 0)] for it in range(400)]
    here.drop(f"others/{name}", as_csv(["Straße", "months", "note", "churned"], rows, delimiter).encode(encoding))

    said = here.run("ingestion", "--propose", f"others/{name}")
    command = said.out.partition("This command writes such a copy: ")[2].splitlines()[0]
    subprocess.run(["sh", "-ec", command], cwd=here.root, check=True)
    again = here.run("ingestion", "--propose", *map(str, here.root.glob("*-with-ids.*")))

    assert said.code == 2
    assert again.code == 0, again.out
    assert "client: client_id (called so, in every row another)" in again.out
    assert "400 rows accepted, 0 rejected" in again.out


@pytest.mark.slow
def test_what_is_written_is_read_by_the_command_that_is_printed(here: Project) -> None:
    here.drop("sourcedata/others.csv", "a,b\n1,2\n")

    said = here.run("ingestion", "--propose", "mydata", "--write")
    commands = said.out.partition("next:\n")[2]
    ended = subprocess.run(["sh", "-ec", commands], cwd=here.root, capture_output=True, text=True)

    assert said.code == 0, said.err
    assert ended.returncode == 0, ended.stderr
    assert len((here.root / "models/calllist.csv").read_text().splitlines()) > 1
    assert (here.root / "former/sourcedata/others.csv").is_file()


def test_of_events_all_gaps_are_looked_at_and_many_files_are_copied_by_one_pattern(here: Project) -> None:
    for place in range(12):
        days = [f"c{it:02d},2024-{1 + place:02d}-{3 + (it * 7 + place * 5) % 20:02d}" for it in range(20)]
        here.drop(f"log/{place:02d}.csv", "\n".join(["customer_id,order_date", *days, ",2024-01-05"]) + "\n")

    said = here.run("ingestion", "--propose", "log")

    assert said.code == 0, said.err
    assert '{"absent_for": "60 days"}' in said.out
    assert "nine of ten gaps between two events of a client have at most 36 days" in said.out
    assert "240 rows accepted, 12 rejected" in said.out
    assert "cp log/*.csv sourcedata/ && " in said.out


@pytest.mark.parametrize(
    ("names", "command"),
    [
        (["clients.xls"], "cp odd/clients.xls sourcedata/clients.csv && "),
        (
            ["a/clients.csv", "b/clients.csv"],
            "cp odd/a/clients.csv sourcedata/a-clients.csv && cp odd/b/clients.csv sourcedata/b-clients.csv && ",
        ),
    ],
)
def test_what_is_copied_has_the_name_of_a_table_and_replaces_nothing(
    names: list[str], command: str, here: Project
) -> None:
    for name in names:
        here.drop(f"odd/{name}", german())

    said = here.run("ingestion", "--propose", *(["odd"] if len(names) > 1 else [f"odd/{names[0]}"]))

    assert said.code == 0, said.err
    assert f"next:\n  {command}" in said.out


def test_where_nothing_can_be_decided_nothing_is_written(here: Project) -> None:
    here.drop("gym.csv", as_csv(["age", "visits", "churn"], [[it % 50, it % 3, it % 2] for it in range(400)]))
    before = here.seen()

    said = here.run("ingestion", "--propose", "gym.csv", "--write")

    assert said.code == 2
    assert "cannot decide: client: no column names the client" in said.out
    assert here.seen() == before


def test_rejected_rows_are_counted_by_their_reason(here: Project) -> None:
    lines = bank().splitlines()
    here.drop("bank.csv", "\n".join([*lines[:7], f"{lines[7]},1", *lines[8:]]) + "\n")

    said = here.run("ingestion", "--propose", "bank.csv", "--json")

    assert (said.json["accepted"], list(said.json["rejected"].values())) == (499, [1])


def test_leaks_are_told_to_programs(here: Project) -> None:
    here.drop("telco.csv.gz", gzip.compress(as_csv(*telco()).encode()))

    said = here.run("ingestion", "--propose", "telco.csv.gz", "--json")

    assert set(said.json["leaks"]) == {"Churn Value", "Churn Score", "CLTV", "Churn Reason"}
    assert said.json["schema"]["client"] == "customerID"


@pytest.mark.parametrize("words", [["--write"], ["--propose", "--table", "t"], ["--propose", "f", "--database", "u"]])
def test_options_that_do_not_go_together_are_told(here: Project, words: list[str]) -> None:
    assert here.run("ingestion", *words).code == 2


def test_a_table_of_a_database_is_proposed_with_its_watermark(here: Project) -> None:
    header, *rows = csv.reader(bank().splitlines())
    names = ", ".join(f'"{name}"' for name in [*header, "updated_at"])
    with sqlite3.connect(here.root / "crm.db") as database:
        database.execute(f"create table clients ({names})")
        marked = [[*row, f"2026-08-01 10:{place // 60:02d}:{place % 60:02d}"] for place, row in enumerate(rows)]
        database.executemany(f"insert into clients values ({', '.join('?' * len(marked[0]))})", marked)
    database.close()

    said = here.run("ingestion", "--propose", "--database", "sqlite:///crm.db", "--table", "clients", "--write")
    ingested = here.run("ingestion", "--json")

    assert "500 rows accepted, 0 rejected" in said.out, said.err
    assert here.json("config.json")["source"]["watermark"] == "updated_at"
    assert ingested.json["n_rows"] == 500


def commands() -> list[str]:
    fences = re.findall(r"^```sh\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
    return "".join(fences).splitlines()


@pytest.mark.slow
def test_every_command_of_the_tutorial_works_in_its_order(tmp_path: Path) -> None:
    root = tmp_path / "clone"
    ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", "tests", "docs", ".*_cache")
    shutil.copytree(ROOT, root, ignore=ignored)
    for name in ("ingesteddata", "models", "production_deployment", "mydata"):
        shutil.rmtree(root / name, ignore_errors=True)
        (root / name).mkdir()
    (root / ".venv").symlink_to(ROOT / ".venv")
    (root / "mydata/clients.csv").write_text(as_csv(*telco(400)))
    os.utime(root / "mydata/clients.csv", (1e9, 1e9))
    environment = os.environ | {"TMPDIR": str(tmp_path), "DISPLAY": ""}

    for line in commands():
        typed = re.sub("^python ", f"{sys.executable} ", line).replace("make try", "make -o .venv/.installed try")
        ended = subprocess.run(["sh", "-ec", typed], cwd=root, env=environment, capture_output=True, text=True)
        assert ended.returncode == 0, (line, ended.stdout, ended.stderr)

    assert "0002-" in (root / "ingesteddata/finaldata.csv").read_text()
    assert len(list(tmp_path.glob("risk-try.*/models/calllist.csv"))) == 1
