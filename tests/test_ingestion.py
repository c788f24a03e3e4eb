"""The life of a folder: what arrives, changes, moves, repeats, is refused or goes."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingesting import current, entry, final, ingest, look_again, marks, months, of, rejected, rows_of

import ingestion
from risk.disk import files, paths
from tests.conftest import HEADER, Project, table

ACME, GLOBEX, INITECH = "acme,1,2,3,0", "globex,4,5,6,1", "initech,7,8,9,0"
NO_TARGET = "corporation,lastmonth_activity,lastyear_activity,number_of_employees\nacme,1,2,3\n"
SHOWN = ("finaldata.csv", "ingestedfiles.txt", "rejected.csv")


def test_the_first_ingest_publishes_one_version_behind_its_links(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME, GLOBEX))

    found = ingest(project)

    folder = project.root / "ingesteddata"
    assert found.changed
    assert found.manifest.counts == {"n_rows": 2, "n_labelled": 2}
    assert [path.name for path in (folder / "versions").iterdir()] == [found.manifest.name]
    assert all(os.readlink(folder / name) == f"current/{name}" for name in SHOWN)
    assert final(project) == [ACME, GLOBEX]
    assert project.text("ingesteddata/ingestedfiles.txt") == "one.csv\n"
    assert project.text("ingesteddata/rejected.csv") == "source,line,column,value,reason,expected\n"


def test_nothing_is_written_when_nothing_changed(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME))
    project.drop("sourcedata/two.csv", NO_TARGET)
    first = ingest(project)
    before = marks(project.root / "ingesteddata")

    second = ingest(project)

    assert not second.changed
    assert second.manifest == first.manifest
    assert marks(project.root / "ingesteddata") == before


def test_a_change_of_the_folder_is_a_change_of_its_marks(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME))
    ingest(project)
    before = marks(project.root / "ingesteddata")

    project.drop("sourcedata/one.csv", of(GLOBEX))
    ingest(project)

    assert marks(project.root / "ingesteddata") != before


@pytest.mark.parametrize("with_cache", [True, False])
def test_unchanged_content_is_never_read_again(project: Project, with_cache: bool) -> None:
    for name in ("one.csv", "two.csv"):
        project.drop(f"sourcedata/{name}", of(f"{name},1,2,3,0"))
    project.drop("sourcedata/refused.csv", NO_TARGET)
    seen = ingest(project).seen

    project.drop("sourcedata/new.csv", of(ACME))
    taken = look_again(project, seen if with_cache else None)

    assert taken.read == ("new.csv",)


def test_the_cache_of_signatures_names_every_file_that_was_read(project: Project) -> None:
    path = project.drop("sourcedata/one.csv", of(ACME))

    seen = ingest(project).seen

    at = path.stat()
    signature = [at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino]
    assert seen == {"one.csv": [*signature, files.digest_file(path)]}


def test_a_file_of_the_same_size_with_other_bytes_is_read(project: Project) -> None:
    project.drop("sourcedata/one.csv", of("acme,1,2,3,0"))
    seen = ingest(project).seen

    project.drop("sourcedata/one.csv", of("acme,1,2,4,0"))

    assert look_again(project, seen).read == ("one.csv",)


def test_a_new_file_adds_its_rows(project: Project) -> None:
    project.drop("sourcedata/dataset10.csv", of(ACME))
    first = ingest(project)

    project.drop("sourcedata/dataset2.csv", of(GLOBEX))
    second = ingest(project)

    assert second.manifest.number == first.manifest.number + 1
    assert final(project) == [GLOBEX, ACME]
    assert project.text("ingesteddata/ingestedfiles.txt") == "dataset2.csv\ndataset10.csv\n"


def test_a_changed_file_replaces_its_former_rows(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME, GLOBEX))
    ingest(project)

    project.drop("sourcedata/one.csv", of(GLOBEX, INITECH))
    ingest(project)

    assert final(project) == [GLOBEX, INITECH]
    assert len(entry(project, "one.csv").contents) == 1


def test_first_one_content_then_another_then_the_first_again(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME, GLOBEX))
    project.drop("sourcedata/two.csv", of(INITECH))
    ingest(project)
    before = {name: project.text(f"ingesteddata/{name}") for name in SHOWN}

    project.drop("sourcedata/one.csv", of(GLOBEX))
    ingest(project)
    project.drop("sourcedata/one.csv", of(ACME, GLOBEX))
    ingest(project)

    assert {name: project.text(f"ingesteddata/{name}") for name in SHOWN} == before


def test_a_copy_under_another_name_is_not_read_and_adds_nothing(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME, GLOBEX))
    ingest(project)

    project.drop("sourcedata/copy.csv", of(ACME, GLOBEX))
    taken = look_again(project)
    ingest(project)

    assert taken.read == ()
    assert final(project) == [ACME, GLOBEX]
    assert project.text("ingesteddata/ingestedfiles.txt") == "copy.csv\none.csv\n"
    assert [it.n_duplicate for it in current(project).entries] == [2, 0]  # the copy came later


def test_a_copy_that_changes_later_leaves_the_original_alone(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME))
    project.drop("sourcedata/two.csv", of(ACME))
    ingest(project)

    project.drop("sourcedata/two.csv", of(GLOBEX))
    ingest(project)

    assert final(project) == [ACME, GLOBEX]


def test_a_renamed_file_is_not_read_again(project: Project) -> None:
    path = project.drop("sourcedata/one.csv", of(ACME))
    ingest(project)

    path.rename(path.with_name("renamed.csv"))
    taken = look_again(project)
    ingest(project)

    assert taken.read == ()
    assert final(project) == [ACME]
    assert [(it.path, it.state) for it in current(project).entries] == [("one.csv", "gone"), ("renamed.csv", "in")]


def test_a_deleted_file_keeps_its_rows_and_says_why(project: Project) -> None:
    path = project.drop("sourcedata/one.csv", of(ACME))
    ingest(project)

    path.unlink()
    ingest(project)

    assert final(project) == [ACME]
    assert project.text("ingesteddata/ingestedfiles.txt") == "one.csv\n"
    assert entry(project, "one.csv").state == "gone"
    assert "its rows are kept" in (entry(project, "one.csv").reason or "")


def test_a_deleted_file_that_comes_back_is_in_again_without_being_read(project: Project) -> None:
    path = project.drop("sourcedata/one.csv", of(ACME))
    ingest(project)
    path.unlink()
    ingest(project)

    project.drop("sourcedata/one.csv", of(ACME))
    taken = look_again(project)
    ingest(project)

    assert taken.read == ()
    assert (entry(project, "one.csv").state, entry(project, "one.csv").reason) == ("in", None)


def test_a_refused_file_that_is_deleted_leaves_no_trace(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME))
    path = project.drop("sourcedata/bad.csv", NO_TARGET)
    ingest(project)
    assert len(rejected(project)) == 1

    path.unlink()
    ingest(project)

    assert rejected(project) == []
    assert current(project).entry("bad.csv") is None


def test_a_good_file_refused_and_then_deleted_keeps_its_good_rows_only(project: Project) -> None:
    path = project.drop("sourcedata/one.csv", of(ACME))
    ingest(project)
    project.drop("sourcedata/one.csv", NO_TARGET)
    ingest(project)

    path.unlink()
    ingest(project)

    assert final(project) == [ACME]
    assert rejected(project) == []


def test_a_touched_file_changes_nothing(project: Project) -> None:
    path = project.drop("sourcedata/one.csv", of(ACME))
    seen = ingest(project).seen
    versions = project.root / "ingesteddata" / paths.VERSIONS
    before = marks(versions)

    os.utime(path, (1, 1))
    taken = look_again(project, seen)
    found = ingest(project)

    assert taken.read == ()
    assert not found.changed
    assert marks(versions) == before


def test_a_file_that_repeats_known_rows_is_counted_as_duplicates(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME, GLOBEX))
    ingest(project)

    project.drop("sourcedata/two.csv", of(GLOBEX, ACME, INITECH))
    ingest(project)

    assert final(project) == [ACME, GLOBEX, INITECH]
    assert entry(project, "two.csv").n_duplicate == 2


def test_a_file_with_a_missing_column_is_left_out_while_others_go_on(project: Project) -> None:
    project.drop("sourcedata/bad.csv", NO_TARGET)
    project.drop("sourcedata/one.csv", of(ACME))

    found = ingest(project)

    assert final(project) == [ACME]
    assert project.text("ingesteddata/ingestedfiles.txt") == "one.csv\n"
    assert entry(project, "bad.csv").state == "refused"
    assert [row["source"] for row in rejected(project)] == ["bad.csv"]
    assert "bad.csv: line 1: exited" in found.warnings[0]


def test_a_changed_file_that_is_refused_keeps_its_last_good_rows(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME))
    ingest(project)

    project.drop("sourcedata/one.csv", NO_TARGET)
    ingest(project)

    assert final(project) == [ACME]
    assert project.text("ingesteddata/ingestedfiles.txt") == "one.csv\n"
    assert entry(project, "one.csv").state == "refused"


@pytest.mark.parametrize("mended", [GLOBEX, ACME])
def test_a_refused_file_that_is_mended_is_in_again(project: Project, mended: str) -> None:
    project.drop("sourcedata/one.csv", of(ACME))
    ingest(project)
    project.drop("sourcedata/one.csv", NO_TARGET)
    ingest(project)

    project.drop("sourcedata/one.csv", of(mended))
    ingest(project)

    assert final(project) == [mended]
    assert rejected(project) == []
    assert (entry(project, "one.csv").state, entry(project, "one.csv").reason) == ("in", None)


def test_other_bytes_refused_for_the_same_reason_are_remembered(project: Project) -> None:
    project.drop("sourcedata/bad.csv", NO_TARGET)
    ingest(project)

    project.drop("sourcedata/bad.csv", NO_TARGET + "globex,4,5,6\n")
    second, third = ingest(project), look_again(project)

    assert second.changed
    assert third.read == ()
    assert third.manifest.name == second.manifest.name


def test_refused_rows_are_listed_and_the_others_taken(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME, "globex,x,5,6,1", "initech,7,8,9,maybe"))

    found = ingest(project)

    assert final(project) == [ACME]
    assert found.manifest.n_refused == 2
    assert [(row["line"], row["column"], row["value"]) for row in rejected(project)] == [
        ("3", "lastmonth_activity", "x"),
        ("4", "exited", "maybe"),
    ]


def test_no_formula_and_no_long_value_stands_in_rejected_csv(project: Project) -> None:
    project.drop("sourcedata/=one.csv", of(f"acme,=1+{'1' * 500},2,3,0", "globex,@x,5,6,1", "initech,1,2,-3,0"))

    ingest(project)

    values = [row["value"] for row in rejected(project)]
    assert [value[:3] for value in values] == ["'=1", "'@x", "'-3"]
    assert len(values[0]) <= 81
    assert {row["source"] for row in rejected(project)} == {"'=one.csv"}


def test_sub_folders_are_named_with_slashes_in_natural_order(project: Project) -> None:
    for name in ("b/part10.csv", "b/part9.csv", "a.csv", "b/c/deep.csv"):
        project.drop(f"sourcedata/{name}", of(f"{name},1,2,3,0"))

    ingest(project)

    assert project.text("ingesteddata/ingestedfiles.txt").splitlines() == [
        "a.csv", "b/c/deep.csv", "b/part9.csv", "b/part10.csv",
    ]  # fmt: skip


def test_names_with_spaces_quotes_and_umlauts_are_taken(project: Project) -> None:
    names = ["it's new.csv", 'say "hello".csv', "Zürich [1] 100%.csv", "a,b;c*.csv"]
    for place, name in enumerate(names):
        project.drop(f"sourcedata/{name}", of(f"c{place},1,2,3,0"))

    said = project.run("ingestion", "--json")

    assert (said.code, said.json["n_rows"]) == (0, 4)
    assert sorted(project.text("ingesteddata/ingestedfiles.txt").splitlines()) == sorted(names)


def test_names_that_no_list_can_hold_are_passed_over_with_a_reason(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME))
    project.drop("sourcedata/two\nlines.csv", of(GLOBEX))
    project.drop(os.fsdecode(b"sourcedata/not\xff-utf8.csv"), of(INITECH))

    said = project.run("ingestion", "--json")

    assert (said.code, said.json["n_rows"]) == (4, 1)
    assert "line feed" in said.err
    assert "not UTF-8" in said.err
    assert all("two" not in line or "\\n" in line for line in said.err.splitlines())


def test_read_only_sources_are_taken_and_left_as_they_are(project: Project) -> None:
    path = project.drop("sourcedata/one.csv", of(ACME))
    path.chmod(0o444)
    path.parent.chmod(0o555)
    before = marks(path.parent)

    ingest(project)

    assert final(project) == [ACME]
    assert marks(path.parent) == before
    path.parent.chmod(0o755)


@pytest.mark.parametrize("sources", [{}, {"bad.csv": NO_TARGET}, {"header.csv": HEADER + "\n"}])
def test_a_dataset_without_rows_is_a_version_too(project: Project, sources: dict[str, str]) -> None:
    for name, content in sources.items():
        project.drop(f"sourcedata/{name}", content)

    first, second = ingest(project), ingest(project)

    assert first.manifest.counts == {"n_rows": 0, "n_labelled": 0}
    assert not second.changed
    assert project.text("ingesteddata/finaldata.csv") == HEADER + "\n"


@pytest.mark.slow
def test_another_input_folder_is_another_dataset_with_the_next_number(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.drop("sourcedata/one.csv", of(ACME))
    project.drop("practicedata/one.csv", of(GLOBEX))
    first = ingest(project)

    project.configure(input_folder_path="practicedata")
    with caplog.at_level(logging.WARNING):
        second = ingest(project)

    assert second.manifest.number == first.manifest.number + 1
    assert final(project) == [GLOBEX]
    assert "another input folder or schema" in caplog.text


def test_another_schema_reads_every_source_anew(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME))
    first = ingest(project)

    project.configure(schema={"features": {"lastmonth_activity": "categorical"}})
    taken = look_again(project)
    second = ingest(project)

    assert taken.read == ("one.csv",)
    assert second.manifest.number == first.manifest.number + 1
    assert final(project) == ["acme,1,0"]


def test_above_the_limit_finaldata_is_absent_and_export_writes_it(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.configure(max_final_rows=1)
    project.drop("sourcedata/one.csv", of(ACME, GLOBEX))

    with caplog.at_level(logging.WARNING):
        ingest(project)
    said = project.run("ingestion", "--export", str(project.root / "out" / "all.csv"))

    assert not (project.root / "ingesteddata/finaldata.csv").exists()
    assert "--export FILE" in caplog.text
    assert said.code == 0
    assert project.text("out/all.csv") == of(ACME, GLOBEX)


def test_at_the_limit_finaldata_is_written(project: Project) -> None:
    project.configure(max_final_rows=2)
    project.drop("sourcedata/one.csv", of(ACME, GLOBEX))

    ingest(project)

    assert final(project) == [ACME, GLOBEX]


@pytest.mark.slow
def test_only_five_versions_and_their_parts_are_kept(project: Project) -> None:
    for number in range(8):
        project.drop("sourcedata/one.csv", of(f"acme,{number},2,3,0"))
        ingest(project)

    folder = project.root / "ingesteddata"
    versions = sorted(int(path.name.partition("-")[0]) for path in (folder / "versions").iterdir())
    assert versions == [4, 5, 6, 7, 8]
    assert len(list((folder / "parts").iterdir())) == 5


@pytest.mark.slow
def test_parts_that_a_release_was_made_of_are_kept(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME))
    ingest(project)
    release = project.root / "production_deployment" / "releases" / "1-abc"
    release.mkdir(parents=True)
    shutil.copy(project.root / "ingesteddata/current/manifest.json", release)
    named = set(current(project).parts)

    for number in range(7):
        project.drop("sourcedata/one.csv", of(f"acme,{number},9,9,0"))
        ingest(project)

    kept = {path.name for path in (project.root / "ingesteddata/parts").iterdir()}
    assert named < kept
    assert len(kept) == 6


def test_what_a_killed_run_left_is_removed(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME))
    found = ingest(project)
    folder = project.root / "ingesteddata"
    (folder / "parts" / "unnamed.parquet").write_text("x")
    (folder / "versions" / "2-unlinked").mkdir()
    (folder / "versions" / f"{paths.UNFINISHED}3-torn").mkdir()
    (folder / f"{paths.UNFINISHED}current").symlink_to("versions")

    ingest(project)

    assert {path.name for path in (folder / "parts").iterdir()} == set(found.manifest.parts)
    assert [path.name for path in (folder / "versions").iterdir()] == [found.manifest.name]
    assert not list(folder.glob(f"{paths.UNFINISHED}*"))


def test_a_real_file_under_a_conventional_name_becomes_a_link(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.drop("ingesteddata/finaldata.csv", "from a simpler system")
    project.drop("sourcedata/one.csv", of(ACME))

    with caplog.at_level(logging.WARNING):
        ingest(project)

    assert (project.root / "ingesteddata/finaldata.csv").is_symlink()
    assert final(project) == [ACME]
    assert "replaced a real file by a link" in caplog.text


def test_a_rehearsal_takes_in_what_is_new_and_writes_nothing(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME))
    ingest(project)
    project.drop("sourcedata/two.csv", of(GLOBEX))
    before = marks(project.root)

    with ingestion.rehearsed(project.settings) as elsewhere:
        found = ingestion.ingest(elsewhere, ingestion.Run(elsewhere, "rehearsal", 2))

    assert found.manifest.counts["n_rows"] == 2
    assert marks(project.root) == before


def test_many_small_files_share_few_parts(project: Project) -> None:
    for number in range(300):
        project.drop(f"sourcedata/day{number}.csv", of(f"c{number},{number},2,3,{number % 2}"))

    found = ingest(project)

    assert found.manifest.counts["n_rows"] == 300
    assert len(found.manifest.parts) <= 3
    assert final(project)[10] == "c10,10,2,3,0"
    assert look_again(project).read == ()


def test_a_folder_with_an_equals_sign_is_no_column(tmp_path: Path) -> None:
    (tmp_path / "exited=1 [a]" / "it's").mkdir(parents=True)
    project = Project(tmp_path / "exited=1 [a]" / "it's")
    project.drop("sourcedata/one.csv", of(ACME))

    ingest(project)

    assert final(project) == [ACME]


@pytest.mark.parametrize("name", ["row", "CONTENT", "position", "file_row_number", "Corporation"])
def test_a_column_that_the_program_needs_is_refused_in_one_sentence(project: Project, name: str) -> None:
    project.configure(schema={"features": [name]})
    project.drop("sourcedata/one.csv", of("a,1,0", header=f"corporation,{name},exited"))

    said = project.run("ingestion")

    assert said.code == 2
    assert f"'{name.lower()}' is" in said.err
    assert "rename it" in said.err


def test_check_says_what_would_be_refused_and_takes_nothing_in(project: Project) -> None:
    good = project.drop("elsewhere/good.csv", of(ACME))
    bad = project.drop("elsewhere/bad.csv", of(ACME, "globex,x,5,6,1"))
    before = marks(project.root)

    said = project.run("ingestion", "--check", str(good), str(bad), str(bad.with_name("absent.csv")))

    assert said.code == 1
    assert f"{good}: 1 row would be accepted, 0 refusals" in said.out
    assert f"{bad}: line 3: lastmonth_activity ('x') is not a number; expected a plain decimal number" in said.out
    assert "absent.csv: is not there, or changes; expected a file at rest" in said.out
    assert marks(project.root) == before


def test_check_of_good_files_exits_with_zero(project: Project) -> None:
    good = project.drop("elsewhere/good.csv", of(ACME))

    said = project.run("ingestion", "--check", str(good), "--json")

    assert (said.code, said.json) == (0, {"refusals": 0, "warnings": 0})


def test_check_tells_what_is_accepted_with_a_warning(project: Project) -> None:
    rows = [f"c{i},{i + 50},{i + 70},5,0" for i in range(9)]
    path = project.drop("elsewhere/a.csv", of(*rows, "c3,1,2,3,1", "All,487,668,48,", ",,,,"))

    said = project.run("ingestion", "--check", str(path))

    assert said.code == 1
    assert "line 12: corporation ('All') is a total" in said.out
    assert f"{path}: 1 blank line of separators is skipped\n" in said.out
    assert f"{path}: 1 row is of a client who has an earlier row in this file" in said.out


def test_clients_of_two_files_that_look_alike_are_warned_about_without_a_name(project: Project) -> None:
    project.drop("sourcedata/a.csv", of("secret\u00a0inc,1,2,3,0"))
    first = ingest(project)
    project.drop("sourcedata/b.csv", of("secret inc,1,2,3,0"))

    second = ingest(project)

    assert first.warnings == ()
    assert second.warnings == (
        "in all files together, 1 client is told from another only by what cannot be seen (U+00A0)",
    )


def test_rejected_lists_rows_and_files(project: Project) -> None:
    project.drop("sourcedata/bad.csv", NO_TARGET)
    project.drop("sourcedata/one.csv", of(ACME, "globex,x,5,6,1"))
    ingest(project)

    said, told = project.run("ingestion", "--rejected"), project.run("ingestion", "--rejected", "--json").json

    assert len(said.out.splitlines()) == 2
    assert said.out.startswith("bad.csv: line 1: exited")
    assert [(it["source"], it["line"]) for it in told["rejected"]] == [("bad.csv", 1), ("one.csv", 3)]


def test_rejected_says_so_where_nothing_is_refused(project: Project) -> None:
    assert project.run("ingestion", "--rejected").out == "no row is refused\n"


def test_the_script_says_in_one_object_what_it_did(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME, "globex,x,5,6,1"))

    first, second = (project.run("ingestion", "--json").json for _ in range(2))

    assert first == {
        "outcome": "ingested", "dataset": current(project).name, "rejected_rows": 1,
        "n_rows": 1, "n_labelled": 1,
    }  # fmt: skip
    assert second == first | {"outcome": "nothing new"}


def test_the_run_is_journaled_with_its_dataset(project: Project) -> None:
    project.drop("sourcedata/one.csv", of(ACME))

    project.run("ingestion")

    line = json.loads(project.text("production_deployment/journal.jsonl").splitlines()[-1])
    assert (line["script"], line["dataset"]) == ("ingestion", current(project).name)
    assert [step["name"] for step in line["steps"]] == ["ingestion"]


ARRIVALS = {
    "a2.csv": (ACME, GLOBEX, ACME, "umbrella,1,1,1,"),
    "a10.csv": ("acme,1,2,3,1", "umbrella,1,1,1,0", "acme,1,2,3,0"),
    "b/a1.csv": ("globex,4,5,6,", "hooli,1.5,,3,1", "nobody,-1,2,3,0", "acme,1,2,3,0"),
    "bad.csv": (),
}
MONTHLY = {
    "m1.csv": ("acme,2024-01,1,2,3,0", "globex,2024-01,4,5,6,"),
    "m2.csv": ("acme,2024-02,1,2,3,", "globex,2024-01,4,5,6,1", "acme,2024-01,9,9,9,"),
    "m10.csv": ("acme,2024-01,1,2,3,", "acme,2024-02,1,2,3,1", "hooli,2023-12,1,1,1.5,0"),
    "m3.csv": ("hooli,2023-12,1,1,1,0", "hooli,2023-12,x,1,1,0"),
}


def outcome(names: list[str], breaks: list[bool], with_period: bool) -> dict[str, str]:
    """Return what stands there after the files came in this order, with ingests between them where there are breaks."""
    with tempfile.TemporaryDirectory() as scratch:
        project = Project(Path(scratch))
        if with_period:
            project.configure(schema={"period": "month"})
        for name, pause in zip(names, breaks, strict=True):
            rows = MONTHLY[name] if with_period else ARRIVALS[name]
            project.drop(f"sourcedata/{name}", (months(*rows) if with_period else of(*rows)) if rows else NO_TARGET)
            if pause:
                ingest(project)
        ingest(project)
        shown = rows_of(project)
        told = {name: project.text(f"ingesteddata/{name}") for name in SHOWN}
        frames = {"clients": shown.clients(), "labelled": shown.labelled()}
        return told | {name: frame.drop(columns="content").to_csv() for name, frame in frames.items()}


@pytest.mark.slow
@pytest.mark.parametrize("with_period", [False, True])
def test_the_order_of_arrival_changes_no_byte(with_period: bool) -> None:
    names = sorted(MONTHLY if with_period else ARRIVALS)
    expected = outcome(names, [False] * len(names), with_period)

    @settings(max_examples=8, deadline=None, derandomize=True)
    @given(st.permutations(names), st.lists(st.booleans(), min_size=len(names), max_size=len(names)))
    def check(order: list[str], breaks: list[bool]) -> None:
        assert outcome(order, breaks, with_period) == expected

    check()


def test_versions_are_numbered_one_after_the_other(project: Project) -> None:
    numbers = []
    for number in range(3):
        project.drop(f"sourcedata/{number}.csv", table(3, seed=number))
        numbers.append(ingest(project).manifest.number)

    assert all(later == earlier + 1 for earlier, later in pairwise(numbers))


def test_too_little_room_is_said_before_anything_is_written(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.drop("sourcedata/one.csv", of(ACME, GLOBEX))
    usage = shutil.disk_usage(project.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))

    said = project.run("ingestion")

    assert said.code == 1
    assert "1 MB are free on this disk, about 32 MB are needed" in said.err
    assert not (project.root / "ingesteddata" / "current").exists()


@pytest.mark.slow
def test_counts_are_of_everything_where_the_listing_is_cut(project: Project) -> None:
    rows = "".join(f"c{number},many,2,3,0\n" for number in range(1_500))
    path = project.drop("sourcedata/a.csv", f"{HEADER}\n{rows}")

    checked = project.run("ingestion", "--check", str(path))
    project.run("ingestion")
    listed, rejected = project.run("ingestion", "--rejected").out, project.text("ingesteddata/rejected.csv")

    assert checked.code == 1
    assert checked.out.splitlines()[-1] == f"{path}: 0 rows would be accepted, 1,500 refusals of 1,500 rows"
    for told in (checked.out, listed, rejected):
        assert "500 more rows are refused and not listed (1,500 in all)" in told


def test_a_version_that_is_missing_is_never_taken_for_none(project: Project) -> None:
    gone = project.drop("sourcedata/a.csv", f"{HEADER}\nc1,1,2,3,0\n")
    project.drop("sourcedata/b.csv", f"{HEADER}\nc2,1,2,3,0\n")
    project.run("ingestion")
    gone.unlink()
    away = (project.root / "ingesteddata/versions").rename(project.root / "away")

    failed = project.run("ingestion")
    away.rename(project.root / "ingesteddata/versions")
    back = project.run("ingestion")

    assert (failed.code, back.code) == (1, 0)
    assert "the version that it names is missing" in failed.err
    assert "2 rows" in back.out
