"""One file as a frame, for test data and predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from risk.reading.reader import Content, read_frame
from risk.settings.schema import Feature, Schema
from risk.settings.target import TargetValues

SCHEMA = Schema(
    period="month",
    features={"n": Feature(), "x": Feature(), "city": Feature("categorical")},
    target_values=TargetValues(("No",), ("Yes",)),
    missing=("?",),
)


def frame_of(
    folder: Path, *lines: str, schema: Schema = SCHEMA, target_optional: bool = False
) -> tuple[pd.DataFrame, Content]:
    path = folder / "a.csv"
    path.write_text("".join(f"{line}\n" for line in lines))
    return read_frame(path, schema, target_optional=target_optional)


def test_a_frame_has_the_columns_of_the_schema_and_their_types(tmp_path: Path) -> None:
    lines = [
        "exited,note,x,n,city,month,corporation",
        "Yes,-,1,1,?,2026-02,007",
        "?,-,,9007199254740993,Bonn,2026-01,NA",
    ]

    frame, content = frame_of(tmp_path, *lines)

    assert list(frame.columns) == ["corporation", "month", "n", "x", "city", "exited"]
    assert list(map(str, frame.dtypes)) == ["object", "object", "int64", "float64", "object", "float64"]
    assert frame["n"].tolist() == [1, 9007199254740993]
    assert frame["corporation"].tolist() == ["007", "NA"]
    assert frame["city"].tolist() == [None, "Bonn"]
    np.testing.assert_array_equal(frame[["x", "exited"]], [[1.0, 1.0], [np.nan, np.nan]])
    assert (content.n_accepted, content.n_labelled, content.slices, content.refusals) == (2, 1, (), None)
    assert (content.first_period, content.last_period) == ("2026-01", "2026-02")
    assert content.warnings == ("unknown columns ignored: 'note'",)


@pytest.mark.parametrize("target_optional", [True, False])
def test_a_file_without_the_target_is_read_as_all_blank_where_it_is_optional(
    target_optional: bool, tmp_path: Path
) -> None:
    lines = ["corporation,month,n,x,city", "a,2026-01,1,1,b", "b,2026-01,1,1", "c,2026-01,1,1,b,"]

    frame, content = frame_of(tmp_path, *lines, target_optional=target_optional)

    assert (content.fault is None) == target_optional
    assert frame["exited"].isna().tolist() == [True] * target_optional
    assert content.n_refused == (2 if target_optional else 0)


def test_a_file_with_a_fault_gives_no_rows_but_all_columns(tmp_path: Path) -> None:
    frame, content = frame_of(tmp_path, "corporation,month,n,x,city,exited", "a,2026-01,1,1,b,No", '"b')

    assert (len(frame), list(frame.columns)) == (0, [column.name for column in SCHEMA.columns])
    assert content.fault
    assert (content.n_read, content.n_accepted, content.fault.line) == (2, 0, 3)


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    frame, content = read_frame(tmp_path / "none.csv", SCHEMA)

    assert len(frame) == 0
    assert content.fault
    assert content.fault.reason == "vanished or changed while it was read"


def test_a_whole_number_that_a_frame_would_change_is_a_fault(tmp_path: Path) -> None:
    frame, content = frame_of(
        tmp_path, "corporation,month,n,x,city,exited", "a,2026-01,9007199254740993,1,b,No", "b,2026-01,,1,b,"
    )

    assert len(frame) == 0
    assert content.fault
    assert (content.fault.column, content.fault.reason) == (
        "n",
        "holds whole numbers of more than 15 digits beside blank ones",
    )


def test_nothing_is_written(tmp_path: Path) -> None:
    frame_of(tmp_path, "corporation,month,n,x,city,exited", "a,2026-01,1,1,b,No", "b,2026-01,1,1,b,maybe")

    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
