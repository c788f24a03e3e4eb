from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ingesting import ingest, months

from risk.dataset import manifest
from risk.dataset.manifest import Entry, Manifest
from risk.disk import files, paths
from risk.reading.reader import Content, Refusal, Slice
from tests.conftest import Project

FAULT = Refusal(1, "exited", None, "is missing from the header", "a header")


def content(digest: str, *, labelled: int = 1, part: str = "p.parquet", **changes: Any) -> Content:
    """Return the content of a small file."""
    known = Content(digest, 9, 0.1, 3, 2, 1, labelled, None, None, (Slice(part, 0, 2),), None, None, ())
    return replace(known, **changes)


def made(*entries: Entry) -> Manifest:
    return Manifest("sourcedata", "schema").with_entries(entries)


def of_one(path: str, *contents: Content, refused: Content | None = None) -> Entry:
    state = "refused" if refused else "in"
    return Entry(path, state, "why" if refused else None, contents, refused, 1)  # type: ignore[arg-type]


def test_a_manifest_is_read_back_as_it_was_published(project: Project) -> None:
    project.configure(schema={"period": "month"})
    project.drop("sourcedata/a.csv", months("x,2024-01,1,2,3,0"))
    project.drop("sourcedata/bad.csv", "corporation\n")
    project.drop("sourcedata/partly.csv", "more," + months("y,2024-01,1,2,3,0").replace("\n", "\n,", 1))
    ingest(project)
    project.drop("sourcedata/a.csv", months("x,2024-02,1,2,3,0", "y,2024-02,?,2,3,0"))

    published = ingest(project).manifest

    assert manifest.read(project.root / "ingesteddata/current") == published
    assert len(published.entries[0].contents) == 2


def test_there_is_no_manifest_in_a_folder_without_one_or_with_a_torn_one(tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / paths.MANIFEST).write_bytes(made().as_json()[:-9])

    assert manifest.read(tmp_path) is None
    assert manifest.read(torn) is None
    assert manifest.read(tmp_path / "absent") is None


def test_every_part_is_named_with_its_sha256(project: Project) -> None:
    project.drop("sourcedata/a.csv", "corporation,lastmonth_activity,lastyear_activity,number_of_employees,exited\n"
                 "x,1,2,3,0\n")  # fmt: skip

    found = ingest(project).manifest

    parts = project.root / "ingesteddata" / paths.PARTS
    assert found.parts == {path.name: files.digest_file(path) for path in parts.iterdir()}


def test_entries_stand_in_natural_order_and_parts_are_those_they_need() -> None:
    found = made(of_one("d10.csv", content("a", part="1")), of_one("d9.csv", content("b", part="2")))

    fewer = found.with_entries(found.entries[:1])

    assert [entry.path for entry in found.entries] == ["d9.csv", "d10.csv"]
    assert (set(found.parts), set(fewer.parts)) == ({"1", "2"}, {"2"})


@pytest.mark.parametrize(
    "other",
    [
        made(),
        made(of_one("b.csv", content("1"))),
        made(of_one("a.csv", content("2"))),
        made(of_one("a.csv", content("1"), content("2"))),
        made(of_one("a.csv", content("1"), refused=content("3", fault=FAULT))),
        made(of_one("a.csv", content("1"), refused=content("4", fault=FAULT))),
        replace(made(of_one("a.csv", content("1"))), input_folder="practicedata"),
        replace(made(of_one("a.csv", content("1"))), schema="other"),
        replace(made(of_one("a.csv", content("1"))), number=2),
    ],
)
def test_what_the_sources_hold_makes_the_name(other: Manifest) -> None:
    assert other.name != made(of_one("a.csv", content("1"))).name


def test_two_refused_contents_have_two_names() -> None:
    one, two = (made(of_one("a.csv", refused=content(digest, fault=FAULT))) for digest in ("1", "2"))

    assert one.name != two.name


def test_seconds_run_and_parts_do_not_make_the_name() -> None:
    one = made(of_one("a.csv", content("1")))
    entry = replace(of_one("a.csv", content("1", seconds=9.0, part="other")), judged_run=7)

    assert made(entry).name == one.name


def test_only_labelled_contents_are_evidence_but_all_are_rows() -> None:
    one = made(of_one("a.csv", content("1")))
    unlabelled = made(of_one("a.csv", content("1")), of_one("b.csv", content("2", labelled=0)))
    labelled = made(of_one("a.csv", content("1")), of_one("b.csv", content("2")))

    assert unlabelled.evidence == one.evidence != labelled.evidence
    assert unlabelled.rows == labelled.rows != one.rows


def test_a_renamed_source_is_no_new_evidence() -> None:
    one, two = made(of_one("a.csv", content("1"))), made(of_one("z.csv", content("1")))

    assert (one.evidence, one.rows) == (two.evidence, two.rows)


def test_refused_rows_are_those_of_what_the_sources_show_now() -> None:
    whole = content("3", fault=FAULT, n_read=50, n_accepted=0)
    found = made(of_one("a.csv", content("0"), content("1")), of_one("b.csv", content("2"), refused=whole))

    assert found.n_refused == 1 + 50


def test_files_of_refused_rows_are_needed_like_parts() -> None:
    former, newest = content("1", refusals="1.refused"), content("2", refusals="2.refused")
    refused = content("3", fault=FAULT, slices=(), refusals="3.refused")

    found = made(of_one("a.csv", former, newest), of_one("b.csv", refused=refused))

    assert found.file_names == {"p.parquet", "1.refused", "2.refused", "3.refused"}


def test_held_names_the_sources_that_are_held() -> None:
    held = replace(of_one("b.csv", content("2")), state="held")

    assert made(of_one("a.csv", content("1")), held).held == ["b.csv"]


def test_the_newest_content_is_the_refused_one() -> None:
    assert of_one("a.csv").newest is None
    assert of_one("a.csv", content("1"), content("2")).newest == content("2")
    assert of_one("a.csv", content("1"), refused=content("3")).newest == content("3")


def test_a_manifest_is_plain_json() -> None:
    found = made(of_one("a.csv", content("1", fault=FAULT, warnings=("w",))))

    told = json.loads(found.as_json())

    assert told["entries"][0]["contents"][0]["digest"] == "1"
    assert told["input_folder"] == "sourcedata"
