"""Outcomes that follow from the rows: they appear when they are mature, stay consistent, and no file may hold them."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from ingesting import current, entry, final, ingest, rejected, rows_of

from risk.dataset.derived import faults
from risk.disk import paths
from tests.conftest import Project

HEADER = "corporation,month,lastmonth_activity,lastyear_activity,number_of_employees"


def month(name: str, clients: str, activity: int = 1) -> str:
    """Return a file of one month: each client is a letter, a small one without activity."""
    rows = (f"{it.upper()},{name},{activity * it.isupper()},2,3" for it in clients)
    return "\n".join([HEADER, *rows]) + "\n"


def send(project: Project, **months: str) -> None:
    """Drop a file of each month, such as m01="ABC"."""
    for name, clients in months.items():
        project.drop(f"sourcedata/{name}.csv", month(f"2024-{name[1:]}", clients))


def left(project: Project) -> dict[str, str]:
    """Return the clients of each labelled month: in capital letters those who left, in small ones those who stayed."""
    found: dict[str, str] = {}
    for row in final(project):
        client, period, *_, outcome = row.split(",")
        found[period[5:]] = found.get(period[5:], "") + (client if outcome == "1" else client.lower())
    return {period: "".join(sorted(clients, key=str.lower)) for period, clients in found.items()}


def now(project: Project) -> str:
    """Return who is a current client."""
    return "".join(sorted(rows_of(project).clients()["corporation"]))


@pytest.fixture
def absent(project: Project) -> Project:
    project.configure(schema={"period": "month", "target": {"absent_for": "60 days"}})
    return project


@pytest.fixture
def inactive(project: Project) -> Project:
    rule = {"absent_for": "60 days", "activity": ["lastmonth_activity"], "smallest_share": 0}
    project.configure(schema={"period": "month", "target": rule})
    return project


def test_a_label_appears_once_its_window_has_passed(absent: Project) -> None:
    send(absent, m01="ABCD", m02="ABC")
    ingest(absent)
    assert left(absent) == {}

    send(absent, m03="ABC", m04="ABC")
    ingest(absent)

    assert left(absent) == {"01": "abcD", "02": "abc"}
    assert current(absent).counts == {"n_rows": 13, "n_labelled": 7}


def test_who_was_last_seen_longer_ago_is_no_current_client(absent: Project) -> None:
    send(absent, m01="ABCDEF", m02="ABCDE", m03="ABCD", m04="ABC")

    ingest(absent)

    assert now(absent) == "ABCD"


@pytest.mark.slow
def test_files_make_the_same_dataset_in_every_order(absent: Project, tmp_path: Path) -> None:
    names = set()
    for number, order in enumerate(itertools.permutations(("m01", "m02", "m03"))):
        other = Project(tmp_path / str(number)) if (tmp_path / str(number)).mkdir() is None else absent
        other.configure(schema={"period": "month", "target": {"absent_for": "60 days"}})
        for name in order:
            send(other, **{name: {"m01": "ABCD", "m02": "ABC", "m03": "ABC"}[name]})
            ingest(other)
        names.add((current(other).name.partition("-")[2] and current(other).rows, *final(other)))

    assert len(names) == 1


def test_nothing_new_derives_nothing_new(absent: Project) -> None:
    send(absent, m01="ABCD", m02="ABC", m03="ABC")
    first = ingest(absent)

    again = ingest(absent)

    assert (first.changed, again.changed) == (True, False)
    assert again.manifest.name == first.manifest.name


def test_a_late_correction_of_a_month_changes_the_labels_and_the_rows_that_follow(absent: Project) -> None:
    send(absent, m01="ABCD", m02="ABC", m03="ABC")
    known = ingest(absent).manifest
    absent.drop("sourcedata/m01.csv", month("2024-01", "ABC", activity=7))
    send(absent, m03="ABCD")

    now = ingest(absent).manifest

    assert left(absent) == {"01": "abcd"}
    assert [row for row in final(absent) if row.startswith("A,")] == ["A,2024-01,7,2,3,0"]
    assert set(rows_of(absent, now, known).news()["corporation"]) == set("ABCD")
    assert current(absent).counts == rows_of(absent).counts()


def test_a_row_of_a_former_content_is_not_forgotten_when_its_outcome_is_known(absent: Project) -> None:
    send(absent, m01="ABCD", m02="ABCD", m03="ABC")
    ingest(absent)
    send(absent, m01="ABC")  # what the newer content does not hold stays

    for _ in range(2):
        send(absent, m04="ABC")
        ingest(absent)

    assert left(absent) == {"01": "abcd", "02": "abcD"}
    assert [entry(absent, f"m0{it}.csv").n_duplicate for it in (1, 2, 3)] == [3, 0, 0]


def test_no_file_may_hold_the_outcome(absent: Project) -> None:
    absent.drop("sourcedata/m.csv", f"{HEADER},exited\nA,2024-01,1,2,3,1\n")

    ingest(absent)

    assert entry(absent, "m.csv").state == "refused"
    assert rejected(absent)[0]["reason"] == "is in the header although it is derived"


def test_a_client_who_comes_back_after_leaving_is_told_and_is_current_again(absent: Project) -> None:
    send(absent, m01="ABCD", m02="ABC", m03="ABC", m04="ABCD")

    told = ingest(absent).warnings

    assert left(absent) == {"01": "abcD", "02": "abc"}
    assert [it for it in told if "1 client who had left has come back" in it]
    assert now(absent) == "ABCD"


def test_a_missing_month_makes_nobody_absent(absent: Project) -> None:
    send(absent, m01="ABCD", m02="ABCD", m04="ABCD", m05="ABCD")

    told = ingest(absent).warnings

    assert left(absent) == {"02": "abcd"}
    assert told == ("labels by absence: no row of 2024-03: labels that need it are not given. Send it, and they are",)


def test_by_an_incomplete_month_nobody_is_absent_until_the_rest_comes(absent: Project) -> None:
    send(absent, m01="ABCD", m02="ABCD", m03="A")
    told = ingest(absent).warnings
    assert (left(absent), now(absent)) == ({}, "ABCD")
    assert "2024-03 has 1 client, where about 4 are usual" in told[0]

    send(absent, m03="ABC")
    told = ingest(absent).warnings

    assert (left(absent), told) == ({"01": "abcd"}, ())


def test_a_client_without_activity_has_left_and_its_later_rows_tell_nothing(inactive: Project) -> None:
    send(inactive, m01="ABC", m02="ABc", m03="ABc", m04="ABc", m05="ABc", m06="ABc")

    ingest(inactive)

    assert left(inactive) == {"01": "abC", "02": "abC", "03": "ab", "04": "ab"}
    assert now(inactive) == "AB"


@pytest.mark.slow
def test_derived_rows_are_sound_and_their_parts_are_kept(absent: Project) -> None:
    for number, clients in enumerate(("ABCDE", "ABCDE", "ABCD", "ABC", "ABC", "ABC", "ABC"), start=1):
        send(absent, **{f"m{number:02}": clients})
        ingest(absent)

    said = absent.run("ingestion", "--verify")

    assert said.code == 0, said.out
    assert absent.text("ingesteddata/ingestedfiles.txt").split() == [f"m{it:02}.csv" for it in range(1, 8)]
    assert set(current(absent).file_names) <= {it.name for it in (absent.settings.ingested / paths.PARTS).iterdir()}


def test_labels_that_do_not_follow_from_the_rows_are_no_sound_dataset(absent: Project) -> None:
    send(absent, m01="ABCD", m02="ABC", m03="ABC")
    known = ingest(absent).manifest
    others = [replace(it, path="labels by absence/2024-02") if it.derived else it for it in known.entries]
    settings = absent.settings

    told = faults(known.with_entries(others), settings.schema, settings.ingested / paths.PARTS)

    sentence = "it is not what follows from the sources"
    assert told == [f"labels by absence/2024-0{it}: {sentence}" for it in (1, 2)]


def test_rows_of_a_file_that_is_held_back_count_for_nothing(absent: Project) -> None:
    clients = [f"c{number:03d}" for number in range(300)]
    for name, activity in (("2024-01", 7), ("2024-02", 8), ("2024-03", 0)):
        rows = (f"{it},{name},{activity * int(it[1:])},{int(it[1:])}.5,3" for it in clients)
        absent.drop(f"sourcedata/{name}.csv", "\n".join([HEADER, *rows]) + "\n")
        ingest(absent)

    held = current(absent)

    assert (held.held, held.counts) == (["2024-03.csv"], {"n_rows": 600, "n_labelled": 0})
    assert absent.run("ingestion", "--release", "2024-03.csv").code == 0
    assert current(absent).counts == {"n_rows": 900, "n_labelled": 300}
    absent.run("ingestion", "--withdraw", "2024-03.csv")
    assert current(absent).rows == held.rows


def test_files_that_are_gone_keep_their_rows_and_what_follows_from_them(absent: Project) -> None:
    send(absent, m01="ABCD", m02="ABC", m03="ABC")
    ingest(absent)
    for name in ("m01", "m02", "m03"):
        (absent.root / f"sourcedata/{name}.csv").unlink()

    ingest(absent)

    assert left(absent) == {"01": "abcD"}
    assert {it.state for it in current(absent).sources} == {"gone"}


def test_another_rule_is_another_dataset(absent: Project) -> None:
    send(absent, m01="ABCD", m02="ABC", m03="ABC")
    ingest(absent)
    absent.configure(schema={"period": "month", "target": {"absent_for": "30 days"}})

    ingest(absent)

    assert left(absent) == {"01": "abcD", "02": "abc"}


# --- by an end date ---------------------------------------------------------------------------------------------------


def dated(name: str, **ends: str) -> str:
    """Return a file of one month: client="" or the day in 2024 on which the client ends."""
    rows = (f"{it},{name},1,2,3,{end and f'2024-{end}'}" for it, end in ends.items())
    return "\n".join([f"{HEADER},contract_end", *rows]) + "\n"


def tell(project: Project, months: dict[str, dict[str, str]]) -> tuple[str, ...]:
    """Drop a file of each month and ingest; return what is told."""
    for name, ends in months.items():
        project.drop(f"sourcedata/m{name}.csv", dated(f"2024-{name}", **ends))
    return ingest(project).warnings


@pytest.fixture
def ending(project: Project) -> Project:
    rule = {"ended_on": "contract_end", "within": "30 days", "smallest_share": 0}
    project.configure(schema={"period": "month", "target": rule})
    return project


def test_who_ends_in_the_window_after_a_row_has_left(ending: Project) -> None:
    tell(ending, {"01": {"A": "", "B": ""}, "02": {"A": "", "B": "03-15"}, "03": {"A": "", "B": "03-15"}})
    assert left(ending) == {"01": "ab", "02": "aB"}

    tell(ending, {"04": {"A": "", "B": "03-15"}})

    assert left(ending) == {"01": "ab", "02": "aB", "03": "a"}
    assert now(ending) == "A"


def test_an_end_that_is_known_ahead_is_no_label_before_its_window_has_passed(ending: Project) -> None:
    tell(ending, {"01": {"A": "", "B": "03-15"}, "02": {"A": "", "B": "03-15"}})

    assert left(ending) == {"01": "ab"}
    assert now(ending) == "AB"


def test_an_end_that_was_taken_back_is_none(ending: Project) -> None:
    tell(ending, {"01": {"A": "02-28"}, "02": {"A": "08-31"}, "03": {"A": "08-31"}, "04": {"A": ""}})

    assert left(ending) == {"01": "a", "02": "a", "03": "a"}
    assert now(ending) == "A"


def test_an_end_that_is_entered_late_changes_the_labels(ending: Project) -> None:
    tell(ending, {"01": {"A": "", "B": ""}, "02": {"A": "", "B": ""}, "03": {"A": "", "B": ""}})
    assert left(ending) == {"01": "ab", "02": "ab"}

    tell(ending, {"04": {"A": "", "B": "02-10"}})

    assert left(ending) == {"01": "aB", "02": "a", "03": "a"}
    assert now(ending) == "A"


def test_a_client_who_is_there_after_its_end_is_back(ending: Project) -> None:
    told = tell(
        ending,
        {"01": {"A": "", "B": "02-10"}, "02": {"A": ""}, "03": {"A": ""}, "04": {"A": "", "B": ""}, "05": {"A": ""}},
    )

    assert left(ending) == {"01": "aB", "02": "a", "03": "a", "04": "ab"}
    assert any("1 client who had left has come back (there after their end date)" in it for it in told)


def test_the_end_date_is_no_feature_and_no_key_of_a_row(ending: Project) -> None:
    tell(ending, {"01": {"A": "", "B": ""}, "02": {"A": "", "B": ""}})
    before = rows_of(ending).labelled()
    tell(ending, {"01": {"A": "", "B": "09-30"}})

    now = rows_of(ending).labelled()

    assert "contract_end" not in ending.settings.schema.kinds
    assert sorted(now["row"]) == sorted(before["row"])


def test_without_periods_who_has_a_date_that_has_come_has_left(project: Project) -> None:
    project.configure(schema={"target": {"ended_on": "contract_end", "name": "churned"}})
    header = "corporation,lastmonth_activity,lastyear_activity,number_of_employees,contract_end"
    project.drop("sourcedata/a.csv", f"{header}\nA,1,2,3,\nB,1,2,3,2024-03-15\nC,1,2,3,9024-03-15\n")
    project.drop("sourcedata/b.csv", f"{header}\nD,1,2,3,\n")

    ingest(project)

    assert final(project) == ["A,1,2,3,,0", "B,1,2,3,2024-03-15,1", "D,1,2,3,,0"]
    assert now(project) == "ACD"
    assert current(project).counts == {"n_rows": 4, "n_labelled": 3}
    assert project.run("ingestion", "--verify").code == 0
