"""What every source gives to the set: counted from what came and went, beside a count of everything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingesting import current, entry, ingest, look_again, months, of, rows_of

from risk.dataset import _fingerprints
from risk.dataset._fingerprints import Fingerprints
from risk.dataset.counts import counted
from risk.dataset.manifest import Manifest
from risk.disk import paths
from tests.conftest import Project

FOLDER = f"ingesteddata/{paths.FINGERPRINTS}"

rows = st.builds(
    "{},1,{},3,{}".format, st.sampled_from("abc"), st.sampled_from(["", "2", "2.5"]), st.sampled_from(["", "0", "1"])
)
steps = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.lists(rows, max_size=6) | st.none()), min_size=1, max_size=6
)


def counts(project: Project) -> tuple[dict[str, int], dict[str, int]]:
    """Return the counts of the manifest, and those of a query over all rows."""
    return current(project).counts, rows_of(project).counts()


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_what_is_counted_step_by_step_is_what_is_there(
    project: Project, steps: list[tuple[str, list[str] | None]]
) -> None:
    for path in (project.root / "sourcedata").glob("*.csv"):
        path.unlink()
    for name, content in steps:
        path = project.root / f"sourcedata/{name}.csv"
        path.unlink(missing_ok=True)
        if content is not None:
            project.drop(f"sourcedata/{name}.csv", of(*content))
        ingest(project)

        told, found = counts(project)
        assert told == found


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.lists(st.tuples(st.sampled_from(["2024-01", "2024-02", "2024-03"]), rows), max_size=5),
        ),
        max_size=6,
    )
)
def test_with_periods_too_and_for_every_source(
    project: Project, steps: list[tuple[str, list[tuple[str, str]]]]
) -> None:
    project.configure(schema={"period": "month"})
    for path in (project.root / "sourcedata").glob("*.csv"):
        path.unlink()
    for name, content in steps:
        lines = [row.replace(",", f",{month},", 1) for month, row in content]
        project.drop(f"sourcedata/{name}.csv", months(*lines))
        ingest(project)

        told, found = counts(project)
        assert told == found
        given = rows_of(project).contributions()
        for source, one in enumerate(current(project).entries):
            there = (given.get((source, content.digest)) for content in one.contents)
            assert [content.n_given for content in one.contents] == [it.rows if it else 0 for it in there]


def test_a_source_s_duplicates_are_what_it_repeats_and_what_was_in_already(project: Project) -> None:
    project.drop("sourcedata/b.csv", of("x,1,2,3,0", "y,1,2,3,0", "x,1,2,3,0"))
    ingest(project)
    project.drop("sourcedata/a.csv", of("y,1,2,3,0", "z,1,2,3,0"))
    project.drop("sourcedata/c.csv", of("z,1,2,3,0", "w,1,2,3,0"))
    ingest(project)

    assert [it.n_duplicate for it in current(project).entries] == [1, 1, 1]


def test_nothing_is_asked_of_rows_that_are_counted(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.drop("sourcedata/a.csv", of("x,1,2,3,0"))
    ingest(project)
    project.drop("sourcedata/b.csv", of("x,1,2,3,0", "y,1,2,3,1"))
    read: list[str] = []
    prints = Fingerprints._prints
    monkeypatch.setattr(Fingerprints, "_prints", lambda self, part: read.append(part) or prints(self, part))

    ingest(project)

    known = {piece.part for content in entry(project, "a.csv").contents for piece in content.slices}
    assert read
    assert not known & set(read)


@pytest.mark.parametrize("loss", ["lost", "torn", "foreign"])
def test_fingerprints_are_made_again(project: Project, loss: str) -> None:
    project.drop("sourcedata/a.csv", of("x,1,2,3,0", "y,1,2,3,"))
    ingest(project)
    for path in (project.root / FOLDER).iterdir():
        if loss == "lost":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:50] if loss == "torn" else b"no array")
    project.drop("sourcedata/b.csv", of("x,1,2,3,0", "y,1,2,3,1"))

    ingest(project)

    told, found = counts(project)
    assert told == found == {"n_rows": 2, "n_labelled": 2}


def test_fingerprints_of_parts_that_are_not_in_use_go(project: Project) -> None:
    project.drop("sourcedata/a.csv", of("x,1,2,3,0"))
    ingest(project)
    first = {path.name for path in (project.root / FOLDER).iterdir()}
    project.drop("sourcedata/a.csv", of("z,1,2,3,0"))

    ingest(project)

    left = {path.name for path in (project.root / FOLDER).iterdir()}
    assert len(left) == 1
    assert not left & first


def test_ranges_change_no_count(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fingerprints, "AT_ONCE", 3)
    project.drop("sourcedata/a.csv", of(*(f"c{i},{i},2,3,{i % 2}" for i in range(40))))
    project.drop("sourcedata/b.csv", of(*(f"c{i},{i},2,3,{i % 2}" for i in range(30, 50))))

    ingest(project)

    assert current(project).counts == {"n_rows": 50, "n_labelled": 50}
    assert [it.n_duplicate for it in current(project).entries] == [0, 10]


@pytest.mark.slow
def test_whole_and_decimal_numbers_have_one_fingerprint_and_large_integers_their_own(project: Project) -> None:
    project.drop("sourcedata/a.csv", of("x,1,2,3,0", "y,9007199254740993,2,3,0", "y,9007199254740992,2,3,0"))
    ingest(project)
    project.drop("sourcedata/b.csv", of("x,1,2.0,3,0", "z,1.5,2,3,0"))

    ingest(project)

    told, found = counts(project)
    assert told == found == {"n_rows": 4, "n_labelled": 4}


def test_a_former_content_goes_when_no_row_of_it_is_in_but_the_newest_stays(project: Project) -> None:
    project.configure(schema={"period": "month"})
    project.drop("sourcedata/m.csv", months("acme,2024-01,1,2,3,", "globex,2024-01,1,2,3,"))
    ingest(project)
    before = current(project)
    project.drop("sourcedata/m.csv", months("acme,2024-01,1,2,3,1", "globex,2024-01,1,2,3,0", "acme,2024-01,1,2,3,1"))
    parts, seen = project.root / "ingesteddata" / paths.PARTS, look_again(project).manifest

    found = counted(before, seen, project.settings.schema, parts, project.root / FOLDER)

    assert [len(it.entries[0].contents) for it in (seen, found)] == [2, 1]
    assert (found.counts, found.entries[0].n_duplicate) == ({"n_rows": 2, "n_labelled": 2}, 1)


def test_an_uncounted_manifest_is_counted_from_the_start(project: Project, tmp_path: Path) -> None:
    project.drop("sourcedata/a.csv", of("x,1,2,3,0", "x,1,2,3,"))
    manifest = ingest(project).manifest
    empty = replace(Manifest(manifest.input_folder, manifest.schema), number=4)
    parts = project.root / "ingesteddata" / paths.PARTS

    found = counted(empty, manifest, project.settings.schema, parts, tmp_path / "elsewhere")

    assert found.counts == {"n_rows": 1, "n_labelled": 1}
    assert np.array_equal([path.suffix for path in (tmp_path / "elsewhere").iterdir()], [".npy"])


@pytest.mark.slow
def test_a_former_content_that_upholds_another_row_stays(project: Project) -> None:
    """The labelled row stands against the one that came between, because it came once more without its label."""
    project.configure(schema={"period": "month"})
    project.drop("sourcedata/a.csv", months("x,2024-01,1,2,3,1"))
    ingest(project)
    project.drop("sourcedata/b.csv", months("x,2024-01,5,2,3,0"))
    ingest(project)
    project.drop("sourcedata/c.csv", months("x,2024-01,1,2,3,"))
    ingest(project)
    assert rows_of(project).labelled()["lastmonth_activity"].tolist() == [1.0]

    project.drop("sourcedata/c.csv", months("y,2024-02,1,2,3,0"))
    ingest(project)

    labelled = rows_of(project).labelled()
    assert dict(zip(labelled["corporation"], labelled["lastmonth_activity"], strict=True)) == {"x": 1.0, "y": 1.0}
    assert len(entry(project, "c.csv").contents) == 2
    told, found = counts(project)
    assert told == found


@pytest.mark.parametrize("schema", [{}, {"period": "month"}])
def test_a_version_that_kept_no_counts_of_contents_is_counted_anew(project: Project, schema: dict[str, str]) -> None:
    project.configure(schema=schema)
    write, begin = (months, "x,2024-01,") if schema else (of, "x,")
    project.drop("sourcedata/a.csv", write(f"{begin}1,2,3,0", f"{begin}4,2,3,0"))
    before = ingest(project).manifest
    bare = [replace(it, contents=tuple(replace(c, n_given=0) for c in it.contents)) for it in before.entries]
    project.drop("sourcedata/b.csv", write(f"{begin}1,2,3,0"))
    after = look_again(project).manifest

    parts = project.root / "ingesteddata" / paths.PARTS
    found = counted(before.with_entries(bare), after, project.settings.schema, parts, project.root / FOLDER)

    assert found.counts == counted(before, after, project.settings.schema, parts, project.root / FOLDER).counts
    assert sum(it.n_given for entry in found.entries for it in entry.contents) == found.counts["n_rows"]
