"""The life of a folder whose rows carry a period: one row per client and period, and what was known stays known."""

from __future__ import annotations

import shutil

import pytest
from ingesting import current, entry, final, ingest, look_again, months, rows_of

from tests.conftest import Project


@pytest.fixture
def monthly(project: Project) -> Project:
    project.configure(schema={"period": "month"})
    return project


@pytest.mark.parametrize("order", [("m2.csv", "m10.csv"), ("m10.csv", "m2.csv")])
def test_of_one_client_and_period_the_later_source_wins(monthly: Project, order: tuple[str, ...]) -> None:
    rows = {"m2.csv": "acme,2024-01,1,2,3,0", "m10.csv": "acme,2024-01,4,5,6,1"}

    for name in order:
        monthly.drop(f"sourcedata/{name}", months(rows[name]))
        ingest(monthly)

    assert final(monthly) == [rows["m10.csv"]]


def test_of_one_source_the_last_row_of_a_client_and_period_wins(monthly: Project) -> None:
    monthly.drop("sourcedata/m.csv", months("acme,2024-01,1,2,3,1", "acme,2024-01,4,5,6,1"))

    ingest(monthly)

    assert final(monthly) == ["acme,2024-01,4,5,6,1"]
    assert entry(monthly, "m.csv").n_duplicate == 1


def test_of_one_source_the_newer_content_wins(monthly: Project) -> None:
    monthly.drop("sourcedata/m.csv", months("acme,2024-01,1,2,3,0", "globex,2024-01,1,1,1,0"))
    ingest(monthly)

    monthly.drop("sourcedata/m.csv", months("acme,2024-01,9,9,9,1"))
    ingest(monthly)

    assert final(monthly) == ["globex,2024-01,1,1,1,0", "acme,2024-01,9,9,9,1"]


@pytest.mark.slow
def test_a_file_overwritten_with_the_next_period_keeps_its_former_ones(monthly: Project) -> None:
    for month in ("2024-01", "2024-02", "2024-03"):
        monthly.drop("sourcedata/m.csv", months(f"acme,{month},1,2,3,0"))
        ingest(monthly)

    assert [row.split(",")[1] for row in final(monthly)] == ["2024-01", "2024-02", "2024-03"]
    assert len(entry(monthly, "m.csv").contents) == 3
    assert look_again(monthly).read == ()


def test_labels_filled_in_later_replace_the_blank_ones(monthly: Project) -> None:
    monthly.drop("sourcedata/m.csv", months("acme,2024-01,1,2,3,", "globex,2024-01,4,5,6,"))
    ingest(monthly)
    assert final(monthly) == []

    monthly.drop("sourcedata/m.csv", months("acme,2024-01,1,2,3,0", "globex,2024-01,4,5,6,1"))
    ingest(monthly)

    assert final(monthly) == ["acme,2024-01,1,2,3,0", "globex,2024-01,4,5,6,1"]
    assert current(monthly).counts == {"n_rows": 2, "n_labelled": 2}


def test_a_later_source_without_labels_leaves_a_known_label(monthly: Project) -> None:
    monthly.drop("sourcedata/m1.csv", months("acme,2024-01,1,2,3,1"))
    monthly.drop("sourcedata/m2.csv", months("acme,2024-01,1,2,3,"))

    ingest(monthly)

    assert final(monthly) == ["acme,2024-01,1,2,3,1"]


def test_the_latest_figures_win_with_the_label_known_for_them(monthly: Project) -> None:
    monthly.drop("sourcedata/m1.csv", months("acme,2024-01,1,2,3,1"))
    monthly.drop("sourcedata/m2.csv", months("acme,2024-01,9,9,9,"))
    monthly.drop("sourcedata/m3.csv", months("acme,2024-01,1,2,3,"))

    ingest(monthly)

    assert final(monthly) == ["acme,2024-01,1,2,3,1"]


def test_the_latest_figures_win_over_a_label_of_other_figures(monthly: Project) -> None:
    monthly.drop("sourcedata/m1.csv", months("acme,2024-01,1,2,3,1"))
    monthly.drop("sourcedata/m2.csv", months("acme,2024-01,9,9,9,"))

    ingest(monthly)

    assert final(monthly) == []
    assert rows_of(monthly).clients()["lastmonth_activity"].tolist() == [9.0]


@pytest.mark.slow
def test_former_contents_that_no_row_comes_from_are_pruned_and_their_parts_tidied(monthly: Project) -> None:
    for number in range(7):
        monthly.drop("sourcedata/m.csv", months(f"acme,2024-01,{number},2,3,0"))
        ingest(monthly)

    assert len(entry(monthly, "m.csv").contents) == 1
    assert len(list((monthly.root / "ingesteddata/parts").iterdir())) == 5


@pytest.mark.slow
def test_a_pruned_content_stays_on_disk_while_a_release_names_it(monthly: Project) -> None:
    monthly.drop("sourcedata/m.csv", months("acme,2024-01,99,2,3,0"))
    learned = ingest(monthly).manifest
    release = monthly.root / "production_deployment/releases/1-abc"
    release.mkdir(parents=True)
    shutil.copy(monthly.root / "ingesteddata/current/manifest.json", release)

    for number in range(7):
        monthly.drop("sourcedata/m.csv", months(f"acme,2024-01,{number},2,3,0"))
        ingest(monthly)

    assert final(monthly) == ["acme,2024-01,6,2,3,0"]
    assert rows_of(monthly, learned).labelled()["lastmonth_activity"].tolist() == [99.0]


def test_a_former_content_that_gives_one_row_is_kept(monthly: Project) -> None:
    monthly.drop("sourcedata/m.csv", months("acme,2024-01,1,2,3,0", "globex,2024-01,1,2,3,0"))
    ingest(monthly)

    monthly.drop("sourcedata/m.csv", months("acme,2024-01,4,5,6,0", "acme,2024-02,4,5,6,1"))
    ingest(monthly)

    found = entry(monthly, "m.csv")
    assert len(found.contents) == 2
    assert found.n_duplicate == 1


def test_a_copy_of_a_former_content_is_not_counted_for_the_copied_source(monthly: Project) -> None:
    first, second = months("acme,2024-01,1,2,3,0"), months("acme,2024-02,1,2,3,0")
    monthly.drop("sourcedata/m1.csv", first)
    ingest(monthly)
    monthly.drop("sourcedata/m1.csv", second)
    monthly.drop("sourcedata/m2.csv", first)
    ingest(monthly)

    assert final(monthly) == ["acme,2024-01,1,2,3,0", "acme,2024-02,1,2,3,0"]
    assert [len(it.contents) for it in current(monthly).entries] == [1, 1]
    assert [it.n_duplicate for it in current(monthly).entries] == [0, 0]


def test_first_one_content_then_another_then_the_first_again_with_periods(monthly: Project) -> None:
    first, second = months("acme,2024-01,1,2,3,0"), months("acme,2024-01,9,9,9,1", "acme,2024-02,4,5,6,0")

    for content in (first, second, first):
        monthly.drop("sourcedata/m.csv", content)
        ingest(monthly)

    assert final(monthly) == ["acme,2024-01,1,2,3,0", "acme,2024-02,4,5,6,0"]


def test_rows_come_in_the_order_of_periods_then_sources_then_age_then_rows(monthly: Project) -> None:
    monthly.drop("sourcedata/m1.csv", months("zeta,2024-02,1,1,1,0", "old,2024-01,1,1,1,0", "old2,2024-01,1,1,1,0"))
    ingest(monthly)

    monthly.drop("sourcedata/m1.csv", months("zeta,2024-02,2,2,2,0", "new,2024-01,1,1,1,0", "alpha,2024-01,1,1,1,0"))
    monthly.drop("sourcedata/m0.csv", months("omega,2024-02,1,1,1,0"))
    ingest(monthly)

    clients = [row.split(",")[0] for row in final(monthly)]
    assert clients == ["old", "old2", "new", "alpha", "omega", "zeta"]


def test_a_client_is_shown_by_the_newest_period_wherever_it_stands(monthly: Project) -> None:
    monthly.drop("sourcedata/m1.csv", months("acme,2024-03,3,3,3,", "gone,2024-02,1,1,1,1", "back,2024-01,1,1,1,1"))
    monthly.drop("sourcedata/m2.csv", months("acme,2024-01,1,1,1,0", "gone,2024-01,1,1,1,0", "back,2024-02,1,1,1,0"))
    ingest(monthly)

    found = rows_of(monthly).clients()

    shown = sorted(zip(found["corporation"], found["month"], strict=True))
    assert shown == [("acme", "2024-03"), ("back", "2024-02")]


def test_labels_filled_in_later_are_news(monthly: Project) -> None:
    monthly.drop("sourcedata/m1.csv", months("old,2023-12,1,1,1,0", "acme,2024-01,1,2,3,"))
    learned = ingest(monthly).manifest

    monthly.drop("sourcedata/m1.csv", months("old,2023-12,1,1,1,0", "acme,2024-01,1,2,3,1"))
    ingest(monthly)

    assert rows_of(monthly, known=learned).news()["corporation"].tolist() == ["acme"]


@pytest.mark.slow
def test_the_news_of_the_last_contents_are_those_of_the_last_periods(monthly: Project) -> None:
    monthly.drop("sourcedata/z.csv", months("acme,2024-01,1,2,3,0"))
    learned = ingest(monthly).manifest
    for name, month in (("c.csv", "2024-02"), ("b.csv", "2024-03"), ("a.csv", "2024-04")):
        monthly.drop(f"sourcedata/{name}", months(f"acme,{month},1,2,3,0"))
    ingest(monthly)

    rows = rows_of(monthly, known=learned)

    assert rows.recent(2)["month"].tolist() == ["2024-03", "2024-04"]
    assert rows.recent(None)["month"].tolist() == ["2024-02", "2024-03", "2024-04"]
    assert rows.recent(9)["month"].tolist() == ["2024-02", "2024-03", "2024-04"]


def test_every_content_has_its_own_place_in_the_order(monthly: Project) -> None:
    for number in range(4):
        monthly.drop(f"sourcedata/m{number}.csv", months(f"c{number},2024-01,1,2,3,0"))
    monthly.drop("sourcedata/copy.csv", months("c0,2024-01,1,2,3,0"))
    learned = ingest(monthly).manifest
    for number in range(4, 7):
        monthly.drop(f"sourcedata/m{number}.csv", months(f"c{number},2024-01,1,2,3,0"))
    ingest(monthly)

    news = rows_of(monthly, known=learned).news()

    in_order = news.sort_values("content")
    assert in_order["corporation"].tolist() == ["c4", "c5", "c6"]
    assert news["content"].nunique() == 3
