"""Outcomes of calls: what is read, what is refused and why, and that nothing refused stops what is good."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from risk.dataset import outcomes
from risk.dataset.outcomes import Contact, Outcomes
from risk.reading import erased
from risk.settings.settings import load
from tests.conftest import Project, table

CAP = 10_000
HEADER = "client,date,result,opinion,note"


def read(folder: Path, **files: str | bytes) -> Outcomes:
    home = folder / "outcomes"
    home.mkdir(exist_ok=True)
    for name, content in files.items():
        (home / f"{name}.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return outcomes.read(home, CAP)


def refused(found: Outcomes) -> list[tuple[str, int | None, str]]:
    return [(it.source, it.line, it.reason) for it in found.rejected]


def test_contacts_are_read_with_columns_in_any_order_and_sorted(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        crm="date,result,client\n2026-11-20,stays,zeta\r\n2026-11-02,not reached,acme\n",
        more=f'\ufeff{HEADER}\n acme ,2026-11-05,undecided,leaves,"Asked for a ""discount"", =1+1 "\n\n',
    )

    assert found.rejected == ()
    assert found.contacts == (
        Contact("acme", "2026-11-02", "not reached", "", "", "outcomes/crm.csv", 3),
        Contact("acme", "2026-11-05", "undecided", "leaves", 'Asked for a "discount", =1+1 ', "outcomes/more.csv", 2),
        Contact("zeta", "2026-11-20", "stays", "", "", "outcomes/crm.csv", 2),
    )
    assert found.of("acme") == found.contacts[:2]
    assert found.last("acme") == found.contacts[1]
    assert (found.last("nobody"), found.of("nobody")) == (None, ())


def test_a_call_of_the_future_is_refused_until_its_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Day(date):
        now = date(2026, 11, 20)

        @classmethod
        def today(cls) -> date:
            return cls.now

    monkeypatch.setattr("risk.dataset.outcomes.date", Day)
    first = read(tmp_path, crm="client,date,result\nacme,2026-11-21,stays\nbolt,2026-11-22,stays\n")
    Day.now = date(2026, 11, 21)

    assert [it.client for it in first.contacts] == ["acme"]
    assert refused(first) == [("outcomes/crm.csv", 3, "date is 2026-11-22, which lies in the future")]
    assert [it.client for it in read(tmp_path).contacts] == ["acme", "bolt"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("acme,1989-12-31,stays,,", "date is '1989-12-31', expected a day such as 2026-11-27"),
        ("acme,27.11.2026,stays,,", "date is '27.11.2026', expected a day such as 2026-11-27"),
        ("acme,2026-02-30,stays,,", "date is '2026-02-30', expected a day such as 2026-11-27"),
        ("acme,20261127,stays,,", "date is '20261127', expected a day such as 2026-11-27"),
        ("acme,2026-11-27,Stays,,", "result is 'Stays', expected one of reached, not reached, stays, undecided"),
        ("acme,2026-11-27,stays,maybe,", "opinion is 'maybe', expected blank or one of stays, leaves, unsure"),
        (",2026-11-27,stays,,", "client is '', expected the name of a client"),
        ("acme,2026-11-27,stays", "found 3 fields, expected 5 as in line 1"),
        ("acme,2026-11-27,stays,,a,b", "found 6 fields, expected 5 as in line 1"),
        ('acme,2026-11-27,stays,,"torn', "a quote is not closed, or stands within a field"),
        ("acme,2026-11-27,stays,,a\tb", "found a tab or another control character"),
        (f"acme,2026-11-27,stays,,{'n' * 501}", "expected 500 characters at most"),
    ],
)
def test_a_bad_line_is_refused_with_what_was_found_and_stops_no_other(tmp_path: Path, line: str, reason: str) -> None:
    found = read(tmp_path, calls=f"{HEADER}\nfirst,2026-11-01,stays,,\n{line}\nlast,2026-11-03,reached,,{'n' * 500}\n")

    assert [it.client for it in found.contacts] == ["first", "last"]
    ((source, number, told),) = refused(found)
    assert (source, number) == ("outcomes/calls.csv", 3)
    assert reason in told


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "line 1: the header is '', expected client,date,result and, where wanted, opinion,note"),
        (b"client,date\nacme,2026-11-27\n", "line 1: the header is 'client,date'"),
        (b"client,date,result,mood\n", "line 1: the header is 'client,date,result,mood'"),
        (b"client,date,result,date\n", "line 1: the header is 'client,date,result,date'"),
        (b"client;date;result\n", "separated by commas"),
        ("client,date,result\nn\u00e4h,2026-11-27,stays\n".encode("latin-1"), "is not UTF-8"),
        (b"client,date,result\n" + b"x" * CAP, "more than the 0 MB of max_source_mb"),
    ],
)
def test_a_file_that_is_no_such_csv_is_refused_whole_with_one_sentence(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    found = read(tmp_path, wrong=content, right="client,date,result\nacme,2026-11-27,stays\n")

    assert [it.source for it in found.contacts] == ["outcomes/right.csv"]
    ((source, number, told),) = refused(found)
    assert (source, number) == ("outcomes/wrong.csv", None)
    assert reason in told


def test_links_out_of_the_folder_and_what_is_no_file_are_never_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("client,date,result\nsecret,2026-11-27,stays\n")
    read(tmp_path, inside="client,date,result\nacme,2026-11-27,stays\n")
    home = tmp_path / "outcomes"
    (home / "out.csv").symlink_to(secret)
    (home / "again.csv").symlink_to(home / "inside.csv")
    os.mkfifo(home / "pipe.csv")
    (home / ".hidden.csv").write_text("not looked at")

    found = outcomes.read(home, CAP)

    assert [it.client for it in found.contacts] == ["acme"]
    assert [it.source for it in found.rejected] == ["outcomes/out.csv", "outcomes/pipe.csv"]


def test_a_line_that_stands_twice_counts_once_and_the_digest_knows_no_files(tmp_path: Path) -> None:
    line = "acme,2026-11-27,stays,,\n"
    once = read(tmp_path, a=f"{HEADER}\n{line}")
    twice = read(tmp_path, a=f"{HEADER}\n{line}{line}", b=f"{HEADER}\n{line}")
    more = read(tmp_path, b=f"{HEADER}\n{line}acme,2026-11-27,stays,leaves,\n")

    assert once.contacts == twice.contacts
    assert once.digest == twice.digest != more.digest
    assert len(more.contacts) == 2


def test_a_folder_that_is_not_there_tells_nothing(tmp_path: Path) -> None:
    assert outcomes.read(tmp_path / "outcomes", CAP) == Outcomes()


def test_a_warning_names_the_first_refusal_and_the_journal_no_text_of_the_file(tmp_path: Path) -> None:
    found = read(tmp_path, calls="client,date,result\n2026-11-27,acme,stays\nacme,x,stays\n")

    ((told, kept),) = found.warnings

    expected = "date is 'acme', expected a day such as 2026-11-27 (2 lines of the file are left out)"
    assert told == f"outcomes/calls.csv: line 2: {expected}"
    assert kept == "outcomes/calls.csv: 2 lines left out; python ingestion.py --rejected says why"


def test_reading_outcomes_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'pandas', 'duckdb', 'pydantic', 'sklearn'}"
    code = f"import sys, risk.dataset.outcomes; sys.exit(bool({heavy} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# --- in a run ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def called(project: Project) -> Project:
    """A project with one good and one bad line on calls."""
    project.drop("sourcedata/dataset1.csv", table(20))
    project.drop("outcomes/calls.csv", "client,date,result\nc00001,2026-11-27,stays\nsecret,c00002,stays\n")
    return project


def test_a_run_warns_of_refused_lines_and_records_digest_and_counts_without_a_name(called: Project) -> None:
    said = called.run("ingestion", "--json")

    assert said.code == 0
    assert "line 3: date is 'c00002'" in said.err
    told = called.text("production_deployment/journal.jsonl")
    line = json.loads(told.splitlines()[-1])
    digest = outcomes.read(called.root / "outcomes", CAP).digest
    assert line["outcomes"] == {"digest": digest, "n_contacts": 1, "n_clients": 1, "n_rejected": 1}
    assert line["warnings"] == ["outcomes/calls.csv: 1 line left out; python ingestion.py --rejected says why"]
    assert not {"c00001", "c00002", "secret"} & set(re.findall(r"\w+", told))


def test_rejected_and_check_tell_of_refused_lines(called: Project) -> None:
    called.run("ingestion")
    listed = called.run("ingestion", "--rejected")
    checked = called.run("ingestion", "--check", str(called.root / "outcomes/calls.csv"))

    assert listed.out == "outcomes/calls.csv: line 3: date is 'c00002', expected a day such as 2026-11-27\n"
    assert checked.code == 1
    assert checked.out.splitlines()[-1].endswith("calls.csv: 1 contact would be accepted, 1 refusal")


def test_a_run_without_outcomes_records_none(project: Project) -> None:
    project.drop("sourcedata/dataset1.csv", table(20))

    project.run("ingestion")

    assert '"outcomes"' not in project.text("production_deployment/journal.jsonl")


def test_practice_has_outcomes_of_its_own(project: Project) -> None:
    assert load(project.root / "config.json", practice=True).outcomes == project.root / "practicemodels/outcomes"


def test_contacts_of_a_client_who_was_erased_are_refused_without_the_name(tmp_path: Path) -> None:
    erased.add(tmp_path, ["acme"])
    read(tmp_path, crm=f"{HEADER}\nacme,2026-01-05,reached,,likes acme\nzeta,2026-01-05,reached,,\n")

    found = outcomes.read(tmp_path / "outcomes", CAP, erased.read(tmp_path))

    assert [it.client for it in found.contacts] == ["zeta"]
    assert refused(found) == [("outcomes/crm.csv", 2, erased.REASON)]
