from __future__ import annotations

import json

import pytest

from tests.conftest import Project, table


@pytest.fixture
def ingested(project: Project) -> Project:
    project.drop("sourcedata/a.csv", table(50))
    project.drop("sourcedata/b.csv", table(50) + "bad,x,1,1,0\n")
    assert project.run("ingestion").code == 0
    return project


def test_a_dataset_as_it_was_written_is_sound(ingested: Project) -> None:
    said = ingested.run("ingestion", "--verify")

    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("sound: dataset 1-")


def test_a_part_with_one_changed_byte_is_named(ingested: Project) -> None:
    part = next((ingested.root / "ingesteddata" / "parts").glob("*.parquet"))
    content = bytearray(part.read_bytes())
    content[100] ^= 1
    part.write_bytes(bytes(content))

    said = ingested.run("ingestion", "--verify")

    assert said.code == 1
    assert f"{part.name}: its SHA-256 is not that of the manifest" in said.out


def test_a_missing_part_and_a_missing_list_of_refusals_are_named(ingested: Project) -> None:
    for path in (ingested.root / "ingesteddata" / "parts").iterdir():
        path.unlink()

    said = ingested.run("ingestion", "--verify", "--json")

    assert said.code == 1
    assert any("the part is missing" in fault for fault in said.json["faults"])
    assert any("refused rows is missing" in fault for fault in said.json["faults"])


@pytest.mark.parametrize("change", [{"n_duplicate": 7}, {"counts": {"n_rows": 1, "n_labelled": 1}}])
def test_a_count_that_the_parts_disprove_is_named(ingested: Project, change: dict[str, object]) -> None:
    path = ingested.root / "ingesteddata" / "current" / "manifest.json"
    told = json.loads(path.read_text())
    if "counts" in change:
        told |= change
    else:
        told["entries"][1] |= change
    path.write_text(json.dumps(told))

    said = ingested.run("ingestion", "--verify")

    assert said.code == 1
    assert "in the manifest" in said.out


def test_a_final_data_that_somebody_edited_is_named(ingested: Project) -> None:
    path = ingested.root / "ingesteddata" / "finaldata.csv"
    path.write_text(path.read_text() + "more,1,1,1,0\n")

    said = ingested.run("ingestion", "--verify")

    assert "51 rows, 50 in the manifest" in said.out


def test_before_any_dataset_verify_says_what_to_run(project: Project) -> None:
    said = project.run("ingestion", "--verify")

    assert said.code == 1
    assert "run python ingestion.py first" in said.err
