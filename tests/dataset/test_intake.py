from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from ingesting import current, entry, ingest, look_again, months, of

from risk.dataset import inbox, intake
from risk.dataset.manifest import Manifest
from risk.disk import paths
from risk.errors import DataError
from risk.reading.reader import Refusal
from risk.settings.schema import Schema
from tests.conftest import Project

BAD = "corporation\nacme\n"


def test_a_first_look_reads_everything_in_order(project: Project) -> None:
    for name in ("d10.csv", "d9.csv"):
        project.drop(f"sourcedata/{name}", of(f"{name},1,2,3,0"))

    taken = look_again(project)

    assert taken.read == ("d9.csv", "d10.csv")
    assert taken.unsettled == ()
    assert [it.judged_run for it in taken.manifest.entries] == [2, 2]
    assert set(taken.manifest.parts) == {path.name for path in (project.root / "ingesteddata/parts").iterdir()}


def test_a_source_keeps_the_run_that_first_judged_it(project: Project) -> None:
    project.drop("sourcedata/good.csv", of("acme,1,2,3,0"))
    project.drop("sourcedata/bad.csv", BAD)
    ingest(project)

    first = look_again(project)
    project.drop("sourcedata/bad.csv", BAD + "globex\n")
    project.drop("sourcedata/good.csv", of("acme,1,2,3,1"))
    second = look_again(project)

    assert [it.judged_run for it in first.manifest.entries] == [1, 1]
    assert [it.judged_run for it in second.manifest.entries] == [2, 2]


def test_a_file_that_vanishes_before_it_is_read_is_left_for_the_next_run(project: Project) -> None:
    path = project.drop("sourcedata/one.csv", of("acme,1,2,3,0"))
    box = inbox.list_sources(path.parent, size_cap=10**9)
    path.unlink()

    taken = intake.take_in(
        box, Manifest("sourcedata", "s"), Schema(), project.root / "parts", {}, run=1, size_cap=10**9
    )

    assert taken.unsettled == ("one.csv",)
    assert (taken.manifest.entries, taken.seen) == ((), {})


def test_a_known_file_that_vanishes_meanwhile_stays_as_it_was(project: Project) -> None:
    path = project.drop("sourcedata/one.csv", of("acme,1,2,3,0"))
    before = ingest(project).manifest
    project.drop("sourcedata/one.csv", of("acme,1,2,3,1"))
    box = inbox.list_sources(path.parent, size_cap=10**9)
    path.unlink()

    parts = project.root / "ingesteddata" / paths.PARTS
    taken = intake.take_in(box, before, project.settings.schema, parts, {}, run=2, size_cap=10**9)

    assert taken.manifest.name == before.name


@pytest.mark.slow
def test_a_known_file_that_is_passed_over_now_is_not_gone(project: Project) -> None:
    path = project.drop("sourcedata/one.csv", of("acme,1,2,3,0"))
    ingest(project)
    target = project.drop("elsewhere.csv", of("globex,1,2,3,0"))
    path.unlink()
    path.symlink_to(target)

    found = ingest(project)

    assert not found.changed
    assert entry(project, "one.csv").state == "in"
    assert any("link out of the folder" in warning for warning in found.warnings)


def test_a_damaged_cache_costs_one_reading_and_no_more(project: Project) -> None:
    path = project.drop("sourcedata/one.csv", of("acme,1,2,3,0"))
    ingest(project)

    stale = look_again(project, {"one.csv": [1, 2, 3, 4, "0" * 64]})
    at = path.stat()
    wrong = look_again(project, {"one.csv": [at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino, "0" * 64]})

    assert (stale.read, wrong.read) == ((), ("one.csv",))
    assert stale.manifest.name == wrong.manifest.name


def test_a_copy_of_a_refused_file_is_not_read_either(project: Project) -> None:
    project.drop("sourcedata/bad.csv", BAD)
    ingest(project)

    project.drop("sourcedata/copy.csv", BAD)
    taken = look_again(project)

    assert taken.read == ()
    reasons = [it.reason or "" for it in taken.manifest.entries]
    assert [reason.partition(":")[0] for reason in reasons] == ["bad.csv", "copy.csv"]


def test_an_own_file_over_the_size_cap_is_no_source(project: Project) -> None:
    project.configure(max_source_mb=1)
    project.drop("sourcedata/big.csv", of(*(f"acme{i},1,2,3,0" for i in range(80_000))))

    found = ingest(project)

    assert found.manifest.entries == ()
    assert "max_source_mb" in found.warnings[0]


def test_the_refusals_of_a_file_are_its_fault_and_then_its_rows(project: Project) -> None:
    project.drop("sourcedata/bad.csv", of(*(f"acme,x{i},2,3,0" for i in range(12))))
    found = ingest(project).manifest

    refusals = intake.refused_rows(found, project.root / "ingesteddata" / paths.PARTS)

    assert entry(project, "bad.csv").state == "refused"
    assert len(refusals) == 13
    assert "12 of 12 rows" in refusals[0][1].reason
    assert [refusal.line for _, refusal in refusals[1:]] == list(range(2, 14))


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (Refusal(7, "size", "abc", "is not a number", "a number"),
         "d.csv: line 7: size ('abc') is not a number; expected a number"),
        (Refusal(None, None, None, "is empty", "rows"), "d.csv: is empty; expected rows"),
        (Refusal(2, None, "a,b", "has 2 fields", "5"), "d.csv: line 2: ('a,b') has 2 fields; expected 5"),
        (Refusal(2, "id", "a\n\x1b", "is odd", "x"), "d.csv: line 2: id ('a\\n\\x1b') is odd; expected x"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_sentence(refusal: Refusal, expected: str) -> None:
    assert intake.sentence("d.csv", refusal) == expected


def test_one_file_alone_makes_a_manifest_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text(of("acme,1,2,3,0"))

    found = intake.of_file(path, Schema(), tmp_path / "parts")

    assert [it.path for it in found.entries] == ["one.csv"]
    assert found.entries[0].contents[0].n_accepted == 1


@pytest.mark.parametrize(("content", "told"), [(BAD, "missing"), (None, "changed while it was read")])
def test_one_file_alone_that_cannot_be_read_is_an_error(tmp_path: Path, content: str | None, told: str) -> None:
    path = tmp_path / "one.csv"
    if content:
        path.write_text(content)

    with pytest.raises(DataError, match=told) as caught:
        intake.of_file(path, Schema(), tmp_path / "parts")

    assert str(path) in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_passed_over(project: Project) -> None:
    project.drop("sourcedata/one.csv", of("acme,1,2,3,0")).chmod(0)

    found = ingest(project)

    assert found.manifest.entries == ()
    assert "permission denied" in found.warnings[0]


def test_a_gone_source_is_told_once_and_stays_gone(project: Project) -> None:
    project.drop("sourcedata/one.csv", of("acme,1,2,3,0")).unlink()
    project.drop("sourcedata/two.csv", of("acme,1,2,3,0"))
    ingest(project)
    (project.root / "sourcedata/two.csv").unlink()

    second, third = ingest(project), ingest(project)

    assert (second.changed, third.changed) == (True, False)
    assert [it.state for it in third.manifest.entries] == ["gone"]
    assert replace(third.manifest, number=0).name == replace(second.manifest, number=0).name


FORMS = {"months": ("2026-01", "2026-02"), "dates": ("2026-01-05", "2026-02-02")}


@pytest.mark.parametrize(("form", "other"), [("months", "dates"), ("dates", "months")])
def test_a_file_whose_periods_are_of_another_form_than_all_before_is_refused_whole(
    project: Project, form: str, other: str
) -> None:
    project.configure(schema={"period": "month"})
    project.drop("sourcedata/a.csv", months(f"acme,{FORMS[form][0]},1,2,3,0"))
    project.run("ingestion")
    project.drop("sourcedata/b.csv", months(f"acme,{FORMS[other][1]},1,2,3,0", "globex,x,1,2,3,0"))

    first, again, listed = project.run("ingestion"), project.run("ingestion"), project.run("ingestion", "--rejected")

    assert (first.code, again.code, entry(project, "b.csv").state) == (4, 0, "refused")
    assert "as in all files before (convert it, or begin a new installation" in first.out
    assert f"b.csv: month ('{FORMS[other][1]}') is a" in listed.out
    assert current(project).n_refused == 2
    assert current(project).counts["n_rows"] == 1
    assert project.run("ingestion", "--verify").out.startswith("sound")


def test_a_check_before_arrival_knows_the_form_of_the_periods_too(project: Project) -> None:
    project.configure(schema={"period": "month"})
    bad = project.drop("b.csv", months("acme,2026-02-02,1,2,3,0"))
    alone = project.run("ingestion", "--check", str(bad))
    project.drop("sourcedata/a.csv", months("acme,2026-01,1,2,3,0"))
    project.run("ingestion")

    said = project.run("ingestion", "--check", str(bad))

    assert (alone.code, said.code) == (0, 1)
    assert "as in all files before" in said.out
    assert said.out.rstrip().endswith("0 rows would be accepted, 1 refusal of 1 row")


def test_files_of_two_forms_that_came_together_are_told_apart_too(project: Project) -> None:
    project.configure(schema={"period": "month"})
    project.drop("sourcedata/a.csv", months("acme,2026-01,1,2,3,0"))
    project.drop("sourcedata/b.csv", months("acme,2026-02-02,1,2,3,0"))

    assert project.run("ingestion").code == 4
    assert [it.state for it in current(project).entries] == ["in", "refused"]


def test_a_file_in_the_form_of_the_others_takes_the_place_of_the_one_that_was_refused(project: Project) -> None:
    project.configure(schema={"period": "month"})
    project.drop("sourcedata/a.csv", months("acme,2026-01,1,2,3,0"))
    project.drop("sourcedata/b.csv", months("acme,2026-02-02,1,2,3,0"))
    ingest(project)

    project.drop("sourcedata/b.csv", months("acme,2026-02,1,2,3,0"))
    ingest(project)

    assert current(project).counts["n_rows"] == 2
