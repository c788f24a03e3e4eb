from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from risk.disk import journal
from risk.errors import JournalError


def line(number: int, outcome: str = "no drift", **more: object) -> dict[str, object]:
    return {"kind": "run", "run": number, "outcome": outcome, "steps": [], **more}


def test_journal_chains_its_lines_and_verifies_them(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for number in (1, 2, 3):
        journal.append(path, line(number))

    assert journal.verify(path) == 3
    assert journal.read(path)[0]["previous"] == journal.FIRST
    assert journal.next_run(path) == 4


def test_every_line_names_the_account_that_wrote_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    journal.append(path, line(1))
    monkeypatch.setattr("os.geteuid", lambda: 2**31 - 7)
    journal.append(path, line(2))

    assert [it["user"] for it in journal.read(path)] == [pwd.getpwuid(os.getuid()).pw_name, str(2**31 - 7)]


def test_journal_names_the_first_line_that_another_hand_changed(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for number in (1, 2, 3):
        journal.append(path, line(number))
    path.write_text(path.read_text().replace('"run": 2', '"run": 9'))

    with pytest.raises(JournalError, match="line 3"):
        journal.verify(path)


def test_journal_cuts_a_torn_last_line_and_notes_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal.append(path, line(1))
    with path.open("ab") as file:
        file.write(b'{"kind": "ru')

    assert journal.next_run(path) == 2
    journal.append(path, line(2))

    assert journal.verify(path) == 2
    assert journal.read(path)[-1]["torn_line_cut"] == 12


def test_timings_are_the_last_and_the_median_of_a_step(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for number, seconds in enumerate((3.0, 1.0, 2.0), 1):
        journal.append(path, line(number) | {"steps": [{"name": "training", "seconds": seconds}]})

    found = journal.timings(path, under_way={"training": 9.0})

    assert found["training"] == journal.Timing(last=9.0, median=2.5)
    assert found["ingestion"] == journal.Timing(last=None, median=None)


def test_a_failed_run_is_not_a_finished_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal.append(path, line(1))
    journal.append(path, line(2, "failed"))

    finished = journal.last_finished(path)

    assert finished is not None
    assert finished["run"] == 1
    assert journal.next_run(path) == 3
