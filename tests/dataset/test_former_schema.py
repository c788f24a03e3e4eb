"""Known rows of another schema: a row is known where all that a model learns from, as far as both have it, is equal."""

from __future__ import annotations

from typing import Any

import pytest
from ingesting import current, ingest, of, rows_of

from tests.conftest import Project

HEADER = "corporation,month,owner,site,activity,worth,exited"
FEATURES = {"activity": "numeric"}
WITH_SITE = FEATURES | {"site": "numeric"}
BY_SITE = FEATURES | {"site": "categorical"}
KNOWN = ("a,2026-01,Ann,1,5,100,0", "b,2026-01,Bo,2,5.5,200,1")
LATER = ("a,2026-01,Ann,1,5.0,100,0", "b,2026-01,Cy,3,5.5,250,1", "c,2026-02,Ann,1,7,100,0")


def news(project: Project, before: dict[str, Any], after: dict[str, Any], *later: str, header: str = HEADER) -> Any:
    """Return the clients of the news to what was known by the schema before."""
    project.configure(schema=before)
    project.drop("sourcedata/m1.csv", of(*KNOWN, header=HEADER))
    learned = ingest(project).manifest
    project.configure(schema=after)
    project.drop("sourcedata/m1.csv", of(*later, header=header))
    ingest(project)
    return sorted(rows_of(project, known=learned).news()["corporation"])


@pytest.mark.parametrize("period", [None, "month"])
@pytest.mark.parametrize("is_added", [True, False])
@pytest.mark.parametrize(
    "more",
    [
        {"value": "worth"},
        {"owner": "owner"},
        {"features": WITH_SITE},
        {"features": BY_SITE},
        {"value": "worth", "owner": "owner", "features": BY_SITE},
    ],
)
def test_rows_are_known_where_columns_are_added_or_taken_out(
    project: Project, more: dict[str, Any], is_added: bool, period: str | None
) -> None:
    schema = {"features": FEATURES, "period": period}
    before, after = (schema, schema | more) if is_added else (schema | more, schema)

    assert news(project, before, after, *LATER) == ["c"]


@pytest.mark.parametrize(("before", "after"), [(WITH_SITE, BY_SITE), (BY_SITE, WITH_SITE)])
def test_a_column_of_another_kind_is_another_column(
    project: Project, before: dict[str, Any], after: dict[str, Any]
) -> None:
    found = news(project, {"features": before}, {"features": after}, *LATER)

    assert found == ["c"]
    assert rows_of(project).labelled()["site"].tolist().count(1.0 if after is WITH_SITE else "1") == 2


@pytest.mark.parametrize(("before", "after"), [(None, "month"), ("month", None)])
def test_rows_are_known_where_periods_are_added_or_taken_out(
    project: Project, before: str | None, after: str | None
) -> None:
    found = news(project, {"features": FEATURES, "period": before}, {"features": FEATURES, "period": after}, *LATER)

    assert found == ["c"]


def test_rows_are_known_by_their_outcome_where_its_column_is_called_otherwise(project: Project) -> None:
    rows = ("a,2026-01,Ann,1,5,100,0", "b,2026-01,Bo,2,5.5,200,0", "c,2026-02,Ann,1,7,100,0")
    schema = {"features": FEATURES, "period": "month"}

    found = news(project, schema, schema | {"target": "quit"}, *rows, header=HEADER.replace("exited", "quit"))

    assert found == ["b", "c"]


def test_nothing_is_known_of_clients_who_are_named_in_another_column(project: Project) -> None:
    header = HEADER.replace("corporation", "company").replace("owner", "corporation")
    schema = {"features": FEATURES | {"corporation": "categorical"}, "client": "company", "period": "month"}
    project.configure(schema={"features": FEATURES, "period": "month"})
    project.drop("sourcedata/m1.csv", of(*KNOWN, header=HEADER))
    learned = ingest(project).manifest
    project.configure(schema=schema)
    project.drop("sourcedata/m1.csv", of(*LATER, header=header))
    ingest(project)

    assert sorted(rows_of(project, known=learned).news()["company"]) == ["a", "b", "c"]


def test_nothing_is_news_where_the_schema_changed_and_no_file(project: Project) -> None:
    project.configure(schema={"features": FEATURES, "period": "month"})
    project.drop("sourcedata/m1.csv", of(*KNOWN, header=HEADER))
    learned = ingest(project).manifest
    project.configure(schema={"features": FEATURES, "period": "month", "value": "worth"})

    assert rows_of(project, known=learned).news().empty  # before anything is read again
    ingest(project)
    assert current(project).counts == {"n_rows": 2, "n_labelled": 2}
    assert rows_of(project, known=learned).news().empty


@pytest.mark.parametrize("period", [None, "month"])
def test_a_change_in_a_column_that_no_model_learns_from_brings_no_news(project: Project, period: str | None) -> None:
    schema = {"features": FEATURES, "period": period, "owner": "owner", "value": "worth"}

    assert news(project, schema, schema, *LATER) == ["c"]


def test_a_change_in_a_worth_that_is_a_feature_too_brings_news(project: Project) -> None:
    schema = {"features": {"activity": "numeric", "worth": "numeric"}, "period": "month", "value": "worth"}

    assert news(project, schema, schema, *LATER) == ["b", "c"]


def test_a_known_row_whose_outcome_came_is_news_though_its_worth_changed_too(project: Project) -> None:
    schema = {"features": FEATURES, "period": "month", "value": "worth"}
    project.configure(schema=schema)
    project.drop("sourcedata/m1.csv", of("a,2026-01,Ann,1,5,100,", "b,2026-01,Bo,2,5.5,200,1", header=HEADER))
    learned = ingest(project).manifest
    project.drop("sourcedata/m1.csv", of("a,2026-01,Ann,1,5,300,0", "b,2026-01,Bo,2,5.5,300,1", header=HEADER))
    ingest(project)

    assert rows_of(project, known=learned).news()["corporation"].tolist() == ["a"]
