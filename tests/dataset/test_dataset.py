"""The dataset as a set: what is distinct, how it is written, who is a client, what is news."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ingesting import current, entry, final, ingest, months, of, rows_of

from risk.dataset import dataset
from risk.dataset.counts import Given
from risk.dataset.summary import ColumnStatistics
from risk.disk import paths
from risk.errors import DiskError
from tests.conftest import HEADER, Project, table

NAMES = ["part", "first", "last", "source", "digest", "known", "file", "filename", "generation", "latest", "c0", "nth",
         "select", 'a"b', "it's", "two words", "Größe", "order", "start", "p", "accepted", "count", "a,b"]  # fmt: skip


@pytest.fixture
def lively(project: Project) -> Project:
    """Two files of many rows with repeats, gaps, decimals, and clients without an outcome."""
    project.drop("sourcedata/one.csv", table(400))
    blanks = "\n".join(f"d{i},{i}.{i % 97:02d},,{i * 7 % 50},{i % 2 if i % 5 else ''}" for i in range(300))
    project.drop("sourcedata/two.csv", f"{table(50)}{blanks}\n")
    ingest(project)
    return project


def written(project: Project, content: str) -> list[str]:
    project.drop("sourcedata/one.csv", content)
    ingest(project)
    return final(project)


def test_duplicates_within_a_file_and_across_files_stand_once_at_their_first_place(project: Project) -> None:
    project.drop("sourcedata/a.csv", of("x,1,2,3,0", "y,1,2,3,0", "x,1,2,3,0"))
    project.drop("sourcedata/b.csv", of("z,1,2,3,0", "y,1,2,3,0", "w,1,2,3,0"))

    ingest(project)

    assert [row[0] for row in final(project)] == ["x", "y", "z", "w"]
    assert [it.n_duplicate for it in current(project).entries] == [1, 1]


def test_rows_that_differ_in_one_value_or_in_its_absence_are_two(project: Project) -> None:
    rows = ["x,1,2,3,0", "x,1,2,3,1", "x,1,2,,0", "x,,2,,0", "x,1,,,0", "X,1,2,3,0", "x ́,1,2,3,0"]

    assert written(project, of(*rows)) == rows


def test_rows_with_the_same_gaps_are_one(project: Project) -> None:
    assert written(project, of("x,,2,,0", "x,,2,,0")) == ["x,,2,,0"]


@pytest.mark.parametrize("order", [("x,1,,3,1", "x,1,,3,"), ("x,1,,3,", "x,1,,3,1")])
def test_a_labelled_row_replaces_its_unlabelled_twin(project: Project, order: tuple[str, str]) -> None:
    for name, row in zip(("a.csv", "b.csv"), order, strict=True):
        project.drop(f"sourcedata/{name}", of(row))

    ingest(project)

    assert final(project) == ["x,1,,3,1"]
    assert current(project).counts == {"n_rows": 1, "n_labelled": 1}


def test_an_unlabelled_row_without_a_twin_is_in_the_set_but_not_in_finaldata(project: Project) -> None:
    project.drop("sourcedata/a.csv", of("x,1,2,3,", "x,1,2,3,", "y,1,2,3,0"))

    ingest(project)

    assert final(project) == ["y,1,2,3,0"]
    assert current(project).counts == {"n_rows": 2, "n_labelled": 1}


def test_finaldata_has_the_columns_of_the_schema_without_the_others(project: Project) -> None:
    content = "exited,extra,number_of_employees,corporation,lastyear_activity,lastmonth_activity\n1,e,3,acme,2,1\n"

    written(project, content)

    assert (project.root / "ingesteddata/finaldata.csv").read_bytes() == f"{HEADER}\nacme,1,2,3,1\n".encode()


def test_ids_are_kept_as_text(project: Project) -> None:
    rows = [f"{name},1,2,3,0" for name in ("007", "NA", "null", "None", "nan", "1e5", "1.0", "+1", "Ünïcode", "=x")]

    assert written(project, of(*rows)) == rows


def test_quotes_stand_where_they_are_needed(project: Project) -> None:
    names = ["Smith, Sons", 'the "best"', "two\nlines", "a\rreturn", "both\r\n", "it's", "#1", "plain"]

    written(project, of(*('"' + name.replace('"', '""') + '",1,2,3,0' for name in names)))

    text = (project.root / "ingesteddata/finaldata.csv").read_bytes().decode()
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert [row[0] for row in found[1:]] == names
    assert text.endswith("\nplain,1,2,3,0\n")


def test_the_words_of_the_target_are_written_back(project: Project) -> None:
    values = {"stayed": ["No", "n"], "left": ["Yes", "y"]}
    project.configure(schema={"target_values": values})

    rows = written(project, of("a,1,2,3,No", "b,1,2,3,y", "c,1,2,3,Yes", "d,1,2,3,n", "a,1,2,3,n"))

    assert [row.rpartition(",")[2] for row in rows] == ["No", "Yes", "Yes", "No"]
    labelled = rows_of(project).labelled().set_index("corporation")["exited"]
    assert labelled.to_dict() == {"a": 0.0, "b": 1.0, "c": 1.0, "d": 0.0}


def test_words_with_quotes_for_the_target_are_written_back(project: Project) -> None:
    project.configure(schema={"target_values": {"stayed": "hasn't", "left": "it's gone"}})

    rows = written(project, of("a,1,2,3,hasn't", "b,1,2,3,it's gone"))

    assert rows == ["a,1,2,3,hasn't", "b,1,2,3,it's gone"]


def test_a_whole_number_is_written_without_a_point_whatever_the_column_is(project: Project) -> None:
    project.drop("sourcedata/a.csv", of("x,5,2,3,0"))
    project.drop("sourcedata/b.csv", of("y,5.5,2,3,0", "z,6.0,2,3,0", "w,1000000000000000,2,3,0"))

    ingest(project)

    assert [row.split(",")[1] for row in final(project)] == ["5", "5.5", "6", "1000000000000000"]


def test_wide_integers_stay_themselves(project: Project) -> None:
    wide = ["9007199254740993", "9223372036854775807", "1"]

    rows = written(project, of(*(f"x{number},{number},2,3,0" for number in wide)))

    assert [row.split(",")[1] for row in rows] == wide


@pytest.mark.slow
def test_a_wide_integer_stays_itself_beside_another_files_decimals(project: Project) -> None:
    project.drop("sourcedata/a.csv", of("x,9007199254740993,2,3,0", "y,7,2,3,0", "v,,2,3,0"))
    project.drop("sourcedata/b.csv", of("z,1.5,2,3,0", "y,7.0,2.5,3,0", "y,7.0,2,3,0", "w,0.00001,2,3,0"))

    ingest(project)

    assert [row.split(",")[1] for row in final(project)] == ["9007199254740993", "7", "", "1.5", "7", "0.00001"]
    assert rows_of(project).labelled().set_index("corporation").loc["z", "lastmonth_activity"] == 1.5
    assert rows_of(project).summary().columns["lastmonth_activity"].median == 7.0


@pytest.mark.slow
@example("0.00001")
@example("123456789012345.6")
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**12, places=7).map(str))
@settings(max_examples=15, deadline=None)
def test_a_decimal_is_written_plain_and_is_the_same_number(
    tmp_path_factory: pytest.TempPathFactory, number: str
) -> None:
    number = number if "E" not in number and len(number) < 17 else "0.0000012"
    project = Project(tmp_path_factory.mktemp("decimal"))
    project.configure(schema={"features": ["x"]})

    row = written(project, of(f"a,{number},0", "b,-0.5,0", header="corporation,x,exited"))[0]

    text = row.split(",")[1]
    assert float(text) == float(number)
    assert not set(text) - set("0123456789.")
    assert not text.endswith(".0")


def test_negative_and_tiny_decimals_are_plain(project: Project) -> None:
    project.configure(schema={"features": ["x"]})
    numbers = ["-0.0000123", "-7.25", "0.000000000001", "-3", "0", "0.5"]

    rows = written(project, of(*(f"a{i},{x},0" for i, x in enumerate(numbers)), header="corporation,x,exited"))

    assert [row.split(",")[1] for row in rows] == numbers


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_column_may_have_any_name(project: Project, name: str) -> None:
    project.configure(schema={"features": {name: "numeric", "color": "categorical"}, "client": "id", "period": "when"})
    shown = '"' + name.replace('"', '""') + '"'
    project.drop("sourcedata/a.csv", of("x,2024-01,1,red,0", "y,2024-01,,,1", header=f"id,when,{shown},color,exited"))

    ingest(project)

    rows = rows_of(project)
    assert final(project) == ["x,2024-01,1,red,0", "y,2024-01,,,1"]
    assert rows.clients()[name].tolist() == [1.0]
    assert rows.summary().columns[name].mean == 1.0
    assert len(rows_of(project, known=current(project)).news()) == 0


@pytest.mark.parametrize("names", [("source", "target"), ("part", "digest"), ("known", "first")])
def test_client_and_target_may_have_any_name(project: Project, names: tuple[str, str]) -> None:
    client, target = names
    project.configure(schema={"client": client, "target": target, "features": ["x"]})
    project.drop("sourcedata/a.csv", of("acme,1,0", "acme,2,", "gone,1,1", header=f"{client},x,{target}"))

    ingest(project)

    assert final(project) == ["acme,1,0", "gone,1,1"]
    assert rows_of(project).clients()[client].tolist() == ["acme"]


def test_clients_are_shown_by_their_newest_row_though_it_repeats_an_older_one(project: Project) -> None:
    project.drop("sourcedata/d1.csv", of("acme,1,1,1,0"))
    project.drop("sourcedata/d2.csv", of("acme,2,2,2,0"))
    project.drop("sourcedata/d3.csv", of("acme,1,1,1,0"))

    ingest(project)

    assert [row.split(",")[1] for row in final(project)] == ["1", "2"]
    assert rows_of(project).clients()["lastmonth_activity"].tolist() == [1.0]


@pytest.mark.parametrize("by_period", [False, True])
def test_the_row_of_a_client_before_its_newest_one(by_period: bool, project: Project) -> None:
    if by_period:
        project.configure(schema={"period": "month"})
    rows = (
        ("07", "acme,1,1,1,0", "gone,5,5,5,0"),
        ("08", "acme,2,2,2,0", "gone,1,1,1,1"),
        ("09", "acme,3,3,3,", "new,1,1,1,"),
    )
    for month, *lines in rows:
        project.drop(f"sourcedata/{month}.csv", of(*lines) if not by_period else in_month(month, lines))
    ingest(project)
    clients = rows_of(project).clients()

    before = rows_of(project).before(clients[::-1])

    shown = dict(zip(clients[::-1]["corporation"], before["lastmonth_activity"], strict=True))
    assert shown == {"acme": 2.0, "new": pytest.approx(np.nan, nan_ok=True)}
    assert before.index.tolist() == clients.index[::-1].tolist()
    assert rows_of(project).before(clients[:0]).empty


def in_month(month: str, lines: list[str]) -> str:
    return f"{HEADER},month\n" + "".join(f"{line},2026-{month}\n" for line in lines)


def test_nobody_who_has_left_is_a_current_client(project: Project) -> None:
    project.drop("sourcedata/d2.csv", of("left,1,1,1,0", "back,1,1,1,1", "stays,1,1,1,0"))
    project.drop("sourcedata/d10.csv", of("left,2,2,2,1", "back,2,2,2,0", "new,3,3,3,"))

    ingest(project)

    found = rows_of(project).clients().set_index("corporation")["exited"]
    assert sorted(found.index) == ["back", "new", "stays"]
    assert found[["stays", "back"]].tolist() == [0.0, 0.0]
    assert np.isnan(found["new"])


def test_ids_that_differ_in_case_or_normal_form_are_two_clients(project: Project) -> None:
    project.drop("sourcedata/a.csv", of("Acme,1,2,3,0", "acme,1,2,3,0", "caf\u00e9,1,2,3,0", "cafe\u0301,1,2,3,0"))

    ingest(project)

    assert rows_of(project).n_clients() == 4
    assert len(rows_of(project).clients()) == 4


def test_news_are_the_labelled_rows_of_contents_that_the_known_manifest_lacks(project: Project) -> None:
    project.drop("sourcedata/d1.csv", of("a,1,2,3,0", "b,1,2,3,"))
    learned = ingest(project).manifest
    project.drop("sourcedata/d2.csv", of("a,1,2,3,0", "b,1,2,3,1", "c,1,,3,0", "d,1,2,3,"))
    ingest(project)

    news = rows_of(project, known=learned).news()

    assert sorted(news["corporation"]) == ["b", "c"]


def test_nothing_is_news_to_a_manifest_that_knows_it_all(project: Project) -> None:
    project.drop("sourcedata/d1.csv", of("a,1,2,3,0"))
    learned = ingest(project).manifest
    project.drop("sourcedata/copy.csv", of("a,1,2,3,0"))
    ingest(project)

    rows = rows_of(project, known=learned)

    assert len(rows.news()) == len(rows.recent(1)) == len(rows.recent(None)) == 0


def test_a_changed_file_has_news_only_in_its_new_rows(project: Project) -> None:
    project.drop("sourcedata/d1.csv", of("a,1,2,3,0", "b,1.5,2,3,1"))
    learned = ingest(project).manifest
    project.drop("sourcedata/d1.csv", of("b,1.5,2,3,1", "c,1,2,3,0", "a,1,2,3,0"))
    ingest(project)

    assert rows_of(project, known=learned).news()["corporation"].tolist() == ["c"]


@pytest.mark.slow
def test_recent_news_are_those_of_the_last_sources_in_natural_order(project: Project) -> None:
    project.drop("sourcedata/d1.csv", of("z,1,2,3,0"))
    learned = ingest(project).manifest
    for number in (10, 9, 11):
        project.drop(f"sourcedata/d{number}.csv", of(f"c{number},1,2,3,0"))
        ingest(project)

    rows = rows_of(project, known=learned)

    assert rows.recent(2)["corporation"].tolist() == ["c10", "c11"]
    assert rows.recent(None)["corporation"].tolist() == ["c9", "c10", "c11"]


def test_without_a_known_manifest_every_labelled_row_is_news(lively: Project) -> None:
    rows = rows_of(lively)

    pd.testing.assert_frame_equal(rows.news(), rows.labelled())


def test_a_row_has_the_same_key_in_every_version_and_typing(project: Project) -> None:
    project.drop("sourcedata/a.csv", of("x,5,,3,0", "y,5,2,3,0"))
    ingest(project)
    before = rows_of(project).labelled().set_index("corporation")["row"]
    project.drop("sourcedata/a.csv", of("z,5,2,3,0", "y,5.0,2,3,1", "x,5,,3.0,0", "w,5.5,2,3,0"))
    ingest(project)

    after = rows_of(project).labelled().set_index("corporation")["row"]

    assert before.dtype == after.dtype == np.uint64
    assert after[["x", "y"]].to_dict() == before.to_dict()
    assert after.nunique() == 4


def test_keys_tell_a_gap_and_its_place_apart(project: Project) -> None:
    project.configure(schema={"features": {"a": "categorical", "b": "categorical"}})
    project.drop("sourcedata/a.csv", of("x,p,,0", "x,,p,0", "x,,,0", "x,p,p,0", header="corporation,a,b,exited"))

    ingest(project)

    assert rows_of(project).labelled()["row"].nunique() == 4


def test_a_frame_has_numbers_as_float64_texts_as_objects_and_our_three_columns(project: Project) -> None:
    project.configure(schema={"features": {"size": "numeric", "color": "categorical"}, "owner": "owner", "value": "v"})
    project.drop("sourcedata/a.csv", of("x,ann,1,red,2.5,0", header="corporation,owner,size,color,v,exited"))
    ingest(project)

    frame = rows_of(project).labelled()

    assert list(frame.columns) == ["corporation", "owner", "size", "color", "v", "exited", *dataset.ADDED]
    assert [str(frame[name].dtype) for name in frame.columns[:6]] == [
        "object", "object", "float64", "object", "float64", "float64",
    ]  # fmt: skip


def test_the_summary_is_what_pandas_says_of_the_same_rows(lively: Project) -> None:
    rows = pd.read_csv(lively.root / "ingesteddata/finaldata.csv")

    found = rows_of(lively).summary()

    assert found.n_rows == len(rows) == rows_of(lively).counts()["n_labelled"]
    for name, told in found.columns.items():
        expected = [rows[name].mean(), rows[name].median(), rows[name].std()]
        np.testing.assert_allclose([told.mean, told.median, told.standard_deviation], expected, rtol=1e-12)
    assert list(found.columns) == ["lastmonth_activity", "lastyear_activity", "number_of_employees"]
    assert found.missing_percent == {name: round(100 * rows[name].isna().mean(), 4) for name in HEADER.split(",")}
    assert found.missing_percent["lastyear_activity"] > 0


@pytest.mark.slow
def test_the_summary_is_the_same_to_the_last_digit_every_time(project: Project) -> None:
    draw = np.random.default_rng(1)
    project.configure(schema={"features": ["x"]})
    numbers = draw.lognormal(8, 3, 200_000).round(3)  # enough for two threads
    project.drop("sourcedata/a.csv", of(*(f"{i},{x},0" for i, x in enumerate(numbers)), header="corporation,x,exited"))
    manifest = ingest(project).manifest

    first = rows_of(project, manifest)
    found = {repr(first.summary()), *(repr(rows_of(project, manifest).summary()) for _ in range(3))}

    assert len(found) == 1


def test_an_empty_dataset_answers_every_question(project: Project) -> None:
    ingest(project)
    rows = rows_of(project)

    rows.write_final_data(project.root / "empty.csv")

    assert rows.counts() == {"n_rows": 0, "n_labelled": 0}
    assert rows.contributions() == {}
    assert rows.summary().n_rows == 0
    assert set(rows.summary().missing_percent.values()) == {0.0}
    assert all(it == ColumnStatistics(None, None, None) for it in rows.summary().columns.values())
    frames = rows.labelled(), rows.news(), rows.recent(2), rows.recent(None), rows.clients()
    assert [len(frame) for frame in frames] == [0] * 5
    assert project.text("empty.csv") == HEADER + "\n"


def test_an_empty_dataset_with_a_period_answers_too(project: Project) -> None:
    project.configure(schema={"period": "month"})
    project.drop("sourcedata/empty.csv", months())
    ingest(project)

    rows = rows_of(project)

    assert (len(rows.clients()), len(rows.labelled()), rows.summary().n_rows) == (0, 0, 0)


def test_a_dataset_without_labels_has_clients_only(project: Project) -> None:
    project.drop("sourcedata/a.csv", of("x,1,2,3,", "y,1,2,3,"))
    ingest(project)

    rows = rows_of(project)

    assert rows.counts() == {"n_rows": 2, "n_labelled": 0}
    assert (len(rows.clients()), len(rows.labelled()), rows.summary().n_rows) == (2, 0, 0)


def test_contributions_name_source_and_content(project: Project) -> None:
    project.drop("sourcedata/a.csv", of("x,1,2,3,0", "y,1,2,3,0"))
    project.drop("sourcedata/b.csv", of("y,1,2,3,0", "z,1,2,3,0"))
    ingest(project)

    found = rows_of(project).contributions()

    digests = [it.contents[0].digest for it in current(project).entries]
    assert found == {(0, digests[0]): Given(2, 2, 2), (1, digests[1]): Given(1, 1, 1)}


def test_a_lost_part_is_said_in_one_sentence(project: Project) -> None:
    project.drop("sourcedata/a.csv", of("x,1,2,3,0"))
    ingest(project)
    (part,) = (project.root / "ingesteddata" / paths.PARTS).iterdir()
    part.unlink()

    with pytest.raises(DiskError, match=r"the rows cannot be read .*--verify"):
        rows_of(project).counts()


def test_there_is_no_current_manifest_before_the_first_version(project: Project) -> None:
    settings = project.settings

    found = dataset.current(settings.ingested, "sourcedata/", settings.schema).manifest

    assert (found.input_folder, found.schema, found.number) == ("sourcedata", settings.schema.identity, 0)
    assert found.entries == ()


def test_a_slash_at_the_end_of_the_input_folder_is_no_other_folder(project: Project) -> None:
    project.drop("sourcedata/a.csv", of("x,1,2,3,0"))
    first = ingest(project)

    project.configure(input_folder_path="sourcedata/")
    second = ingest(project)

    assert not second.changed
    assert second.manifest == first.manifest


@pytest.mark.slow
def test_the_same_rows_in_other_parts_give_the_same_frames(project: Project, tmp_path: Path) -> None:
    rows = [f"c{i % 7},{i % 3},{i % 2}.5,3,{i % 2}" for i in range(40)]
    project.drop("sourcedata/a.csv", of(*rows[:20]))
    project.drop("sourcedata/b.csv", of(*rows[20:]))
    ingest(project)
    (tmp_path / "other").mkdir()
    other = Project(tmp_path / "other")
    for name, some in (("b.csv", rows[20:]), ("a.csv", rows[:20])):
        other.drop(f"sourcedata/{name}", of(*some))
        ingest(other)

    frames: list[Any] = [(it.clients(), it.labelled()) for it in map(rows_of, (project, other))]

    assert len(entry(other, "a.csv").contents) == 1
    for one, two in zip(*frames, strict=True):
        pd.testing.assert_frame_equal(one, two)
