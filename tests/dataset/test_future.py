"""Periods that lie in the future: taken in, named, and never what later files are measured by."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from ingesting import current, entry, final, ingest, months, rows_of

from risk.dataset.manifest import content_order
from risk.disk import journal
from tests.conftest import Project, table


def day(after: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=after)).isoformat()


def month(after: int) -> str:
    return day(after)[:7]


@pytest.fixture
def monthly(project: Project) -> Project:
    project.configure(schema={"period": "month"})
    return project


def fill(project: Project, name: str, period: str, rows: str, *more: str) -> None:
    told = [row.replace(",", f",{period},", 1) for row in rows.splitlines()[1:]]
    project.drop(f"{'testdata' if name == 'testdata' else 'sourcedata'}/{name}.csv", months(*told, *more))


def last(project: Project) -> dict[str, object]:
    return journal.runs(project.settings.production / "journal.jsonl")[-1]


def test_rows_of_the_future_are_taken_in_and_named(monthly: Project) -> None:
    monthly.drop("sourcedata/a.csv", months("acme,2026-01,1,2,3,0", "acme,2062-01,4,5,6,1", "zeta,9999-12,7,8,9,0"))

    found = ingest(monthly)

    content = entry(monthly, "a.csv").contents[0]
    assert len(final(monthly)) == 3
    assert (content.n_future, content.last_present, content.judged) == (2, "2026-01", day(0))
    assert found.warnings == (f"a.csv: {content.warnings[0]}",)
    assert "month lies in the future in 2 rows (the last: 9999-12)" in found.warnings[0]


def test_a_client_is_shown_by_its_newest_row_that_has_come(monthly: Project) -> None:
    monthly.drop("sourcedata/a.csv", months("acme,2062-01,4,5,6,1", "acme,2026-01,1,2,3,0", "zeta,2062-01,7,8,9,0"))
    monthly.drop("sourcedata/b.csv", months("acme,2026-02,9,2,3,0"))
    ingest(monthly)

    found = rows_of(monthly).clients()

    assert set(zip(found["corporation"], found["month"], strict=True)) == {("acme", "2026-02"), ("zeta", "2062-01")}


def test_a_content_of_the_future_is_not_the_newest(monthly: Project) -> None:
    monthly.drop("sourcedata/a.csv", months("acme,2062-01,4,5,6,0"))
    monthly.drop("sourcedata/b.csv", months("acme,2026-01,1,2,3,0"))
    monthly.drop("sourcedata/c.csv", months("acme,2026-02,1,2,3,0", "zeta,2062-01,4,5,6,0"))
    ingest(monthly)

    order = content_order(current(monthly))

    assert [order[entry(monthly, name).contents[0].digest] for name in ("a.csv", "b.csv", "c.csv")] == [0, 1, 2]
    assert sorted(rows_of(monthly).recent(1)["month"]) == ["2026-02", "2062-01"]


@pytest.mark.parametrize("period", [day(1), day(30), month(1), month(20)])
def test_a_period_that_is_sent_a_little_ahead_is_ordinary(monthly: Project, period: str) -> None:
    monthly.drop("sourcedata/a.csv", months(f"acme,{period},1,2,3,0"))

    found = ingest(monthly)

    assert (found.warnings, entry(monthly, "a.csv").contents[0].limit) == ((), None)


def test_quarters_that_are_named_by_their_last_day_are_ordinary(monthly: Project) -> None:
    ends = [day(85 - 91 * number) for number in range(5)]
    monthly.drop("sourcedata/a.csv", months(*(f"acme,{end},1,2,3,0" for end in ends)))

    assert ingest(monthly).warnings == ()

    monthly.drop("sourcedata/b.csv", months(f"acme,{day(400)},1,2,3,0"))
    assert "in 1 row" in ingest(monthly).warnings[0]


@pytest.mark.slow
@pytest.mark.parametrize("stray", [1, 900], ids=["one row", "a whole file"])
def test_after_a_period_of_the_future_a_change_is_found_all_the_same(monthly: Project, stray: int) -> None:
    fill(monthly, "testdata", "2026-09", table(60, seed=9, first=50_000))
    fill(monthly, "a", "2026-05", table(900, seed=1))
    monthly.run("fullprocess")
    fill(monthly, "b", "2062-06", table(stray, seed=5, first=9_000))
    monthly.run("fullprocess")
    shown = [monthly.run("fullprocess", "--status").out, monthly.text("models/reports/current/snapshot.json")]
    assert all("b.csv: month lies in the future" in text for text in (*shown, str(last(monthly)["warnings"])))
    assert json.loads(shown[1])["dataset"]["last_period"] == "2026-05"

    fill(monthly, "c", "2026-06", table(900, seed=2, first=2_000, turned=True))
    monthly.run("fullprocess")

    assert last(monthly)["reason_to_train"] == "drift"


def test_the_day_of_first_judgement_stays(monthly: Project) -> None:
    monthly.drop("sourcedata/a.csv", months("acme,2062-01,1,2,3,0"))
    ingest(monthly)
    folder = (monthly.root / "ingesteddata/current").resolve()
    told = json.loads((folder / "manifest.json").read_text())
    told["entries"][0]["contents"][0] |= {"judged": "2061-12-24", "limit": None, "n_future": 0, "warnings": []}
    (folder / "manifest.json").write_text(json.dumps(told))

    monthly.drop("sourcedata/b.csv", months("acme,2026-01,1,2,3,0"))

    assert ingest(monthly).warnings == ()
    assert entry(monthly, "a.csv").contents[0].judged == "2061-12-24"


def test_a_manifest_of_an_older_program_opens_and_is_judged_now(monthly: Project) -> None:
    monthly.drop("sourcedata/a.csv", months("acme,2062-01,1,2,3,0", "acme,2026-01,4,2,3,0"))
    ingest(monthly)
    folder = (monthly.root / "ingesteddata/current").resolve()
    told = json.loads((folder / "manifest.json").read_text())
    for name in ("judged", "limit", "n_future", "last_present"):
        del told["entries"][0]["contents"][0][name]
    (folder / "manifest.json").write_text(json.dumps(told))
    assert current(monthly).entries[0].contents[0].newest_period == "2062-01"

    monthly.drop("sourcedata/b.csv", months("zeta,2026-01,1,2,3,0"))
    ingest(monthly)

    assert entry(monthly, "a.csv").contents[0].n_future == 1
    assert set(rows_of(monthly).clients()["month"]) == {"2026-01"}


def test_the_same_sources_make_the_same_dataset_whatever_the_day(monthly: Project) -> None:
    monthly.drop("sourcedata/a.csv", months("acme,2026-01,1,2,3,0", "zeta,2026-02,1,2,3,0"))
    found = ingest(monthly).manifest
    folder = monthly.root / "ingesteddata/current"
    told = json.loads((folder / "manifest.json").read_text())

    told["entries"][0]["contents"][0]["judged"] = str(date(2026, 3, 1))
    (folder / "manifest.json").write_text(json.dumps(told))

    assert current(monthly).name == found.name
    assert rows_of(monthly).clients()["month"].tolist() == ["2026-01", "2026-02"]
