"""Features that no file holds: the change of a number since the client's period before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ingesting import current, ingest, months, rows_of

from risk.errors import ConfigError
from risk.reading.reader import read_frame
from risk.settings import settings
from tests.conftest import Project

FEATURES: dict[str, Any] = {
    "lastmonth_activity": {"minimum": 0}, "lastyear_activity": {"minimum": 0}, "number_of_employees": {"minimum": 0},
    "activity_change": {"change_of": "lastmonth_activity"},
}  # fmt: skip


@pytest.fixture
def monthly(project: Project) -> Project:
    project.configure(schema={"period": "month", "features": FEATURES})
    return project


def changes(frame: Any) -> dict[tuple[str, str], float | None]:
    told = zip(frame["corporation"], frame["month"], frame["activity_change"], strict=True)
    return {(client, month): None if np.isnan(change) else change for client, month, change in told}


def test_the_change_is_against_the_client_s_period_before_and_blank_for_its_first(monthly: Project) -> None:
    monthly.drop("sourcedata/a.csv", months("acme,2024-01,10,2,3,0", "globex,2024-01,5,2,3,1"))
    monthly.drop("sourcedata/b.csv", months("acme,2024-03,4,2,3,0", "initech,2024-03,7,2,3,0"))
    ingest(monthly)

    found = changes(rows_of(monthly).labelled())

    first = {("acme", "2024-01"): None, ("globex", "2024-01"): None, ("initech", "2024-03"): None}
    assert found == first | {("acme", "2024-03"): -6.0}


def test_the_newest_row_and_news_know_the_change_too(monthly: Project) -> None:
    monthly.drop("sourcedata/a.csv", months("acme,2024-01,10,2,3,0"))
    ingest(monthly)
    known = current(monthly)
    monthly.drop("sourcedata/b.csv", months("acme,2024-02,12,2,3,0"))
    monthly.drop("sourcedata/c.csv", months("acme,2024-03,15,2,3,"))
    ingest(monthly)

    rows = rows_of(monthly, known=known)

    assert changes(rows.news()) == {("acme", "2024-02"): 2.0}
    assert changes(rows.clients()) == {("acme", "2024-03"): 3.0}


def test_a_revised_period_changes_what_follows(monthly: Project) -> None:
    monthly.drop("sourcedata/a.csv", months("acme,2024-01,10,2,3,0", "acme,2024-02,12,2,3,0"))
    monthly.drop("sourcedata/b.csv", months("acme,2024-01,11,2,3,0"))
    ingest(monthly)

    assert changes(rows_of(monthly).labelled())[("acme", "2024-02")] == 1.0


def test_a_blank_number_has_no_change_and_gives_none(monthly: Project) -> None:
    monthly.drop("sourcedata/a.csv", months("x,2024-01,,2,3,0", "x,2024-02,4,2,3,0", "x,2024-03,,2,3,0"))
    ingest(monthly)

    assert set(changes(rows_of(monthly).labelled()).values()) == {None}


def test_a_file_alone_knows_what_it_holds(monthly: Project) -> None:
    path = monthly.drop(
        "testdata/t.csv", months("acme,2024-02,4,2,3,0", "globex,2024-01,1,2,3,1", "acme,2024-01,10,2,3,0")
    )

    frame, _ = read_frame(path, monthly.settings.schema)

    assert list(frame["corporation"]) == ["acme", "globex", "acme"]
    assert changes(frame) == {("acme", "2024-02"): -6.0, ("globex", "2024-01"): None, ("acme", "2024-01"): None}


def test_a_change_is_no_column_of_the_files_and_makes_no_other_dataset(monthly: Project) -> None:
    plain = {name: it for name, it in FEATURES.items() if name != "activity_change"}

    schema = monthly.settings.schema
    monthly.configure(schema={"period": "month", "features": plain})

    assert "activity_change" not in [column.name for column in schema.columns]
    assert schema.identity == monthly.settings.schema.identity


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"features": FEATURES}, "needs a period"),
        ({"period": "month", "features": FEATURES | {"activity_change": {"change_of": "owner"}}}, "numeric feature"),
        ({"period": "month", "features": FEATURES | {"twice": {"change_of": "activity_change"}}}, "numeric feature"),
        (
            {"period": "month", "features": FEATURES | {"twice": {"change_of": "lastyear_activity", "minimum": 0}}},
            "alone",
        ),
        ({"period": "month", "features": FEATURES | {"month": {"change_of": "lastyear_activity"}}}, "two meanings"),
    ],
)
def test_what_a_change_cannot_be_is_said(project: Project, schema: dict[str, Any], reason: str) -> None:
    path = Path(project.root / "config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": schema}))

    with pytest.raises(ConfigError, match=reason):
        settings.load(path)
