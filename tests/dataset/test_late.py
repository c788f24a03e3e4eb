"""Outcomes that come late in the usual ways: files sent again, and files of outcomes beside those of clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from ingesting import current, ingest, months, rows_of

from risk.dataset import manifest
from risk.dataset.lag import LaggedRows
from tests.conftest import Project

N = 80  # clients, of whom every fourth leaves
FIRST = 6  # the months that the first run reads
AGES = {True: (1, 1, 1, 1, 1, 2, 2, 2, 3, 3), False: (1, 1, 2, 2, 2, 3, 3, 3, 3, 3)}  # leavers are known sooner
WAYS = ("said to stay", "blank", "one file", "a file of each month", "a file of all months")
Rows = dict[int, str]


@pytest.fixture
def monthly(project: Project) -> Project:
    project.configure(schema={"period": "month"})
    return project


def outcomes(month: int, now: int, stays: bool) -> Iterator[tuple[int, str]]:
    """What is known of each client of a month now; `stays` is said of the others, else nothing."""
    for client in range(N):
        leaves = client % 4 == 0
        place = client // 4 if leaves else client - client // 4
        is_known = now - month >= AGES[leaves][place % 10]
        yield client, str(int(leaves)) if is_known else "0" if stays and now > month else ""


def row(month: int, client: int, outcome: str) -> str:
    return f"c{client},2026-{month:02d},{client},{month},5,{outcome}"


def whole(month: int, now: int, stays: bool = False) -> list[str]:
    return [row(month, *it) for it in outcomes(month, now, stays)]


def send(project: Project, way: str, now: int) -> None:
    """Put there what a company sends in this month: its clients, and what it has found out."""
    if way == "one file":
        lines = [line for month in range(1, now + 1) for line in whole(month, now, True)]
        project.drop("sourcedata/clients.csv", months(*lines))
        return
    again = range(max(1, now - 4) if now > FIRST else 1, now + 1)
    if way in ("said to stay", "blank") or now == FIRST:
        for month in again:
            project.drop(f"sourcedata/clients_{month:02d}.csv", months(*whole(month, now, way == "said to stay")))
        return
    project.drop(f"sourcedata/clients_{now:02d}.csv", months(*whole(now, now)))
    new = {
        month: [row(month, *it) for it in outcomes(month, now, False) if it not in [*outcomes(month, now - 1, False)]]
        for month in range(now - 3, now)
    }
    if way == "a file of all months":
        new = {0: [line for lines in new.values() for line in lines]}
    for month, lines in new.items():
        project.drop(f"sourcedata/outcomes_{now:02d}_{month:02d}.csv", months(*lines))


def live(project: Project, way: str, until: int) -> None:
    for now in range(FIRST, until + 1):
        send(project, way, now)
        project.run("ingestion")


@pytest.mark.parametrize("way", WAYS)
def test_months_wait_until_their_outcomes_are_complete(monthly: Project, way: str) -> None:
    live(monthly, way, FIRST)
    for now in range(FIRST + 1, FIRST + 6):
        known = current(monthly)
        send(monthly, way, now)
        monthly.run("ingestion")

        found = rows_of(monthly, known=known)

        if way == "one file" and now < FIRST + 3:  # its first content holds six months: nobody knows when these came
            continue
        assert (found.lag.until, found.lag.open) == (
            f"2026-{now - 3:02d}",
            (f"2026-{now - 2:02d}", f"2026-{now - 1:02d}"),
        )
        for frame in (found.labelled(), found.news()):
            assert frame.groupby("month")["exited"].mean().tolist() == [0.25] * frame["month"].nunique()
            assert max(frame["month"]) == found.lag.until


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("many", [range(1, 3), range(3, 7), range(1, 9)])
def test_what_is_loaded_later_of_another_team_is_no_lag(monthly: Project, many: range, at_once: bool) -> None:
    for month in range(1, 9):
        monthly.drop(f"sourcedata/{month:02d}.csv", months(*whole(month, 99)))
    monthly.run("ingestion")
    for month in many:
        lines = (row(month, N + client, str(int(client % 2 == 0))) for client in range(N // 2))
        monthly.drop(f"sourcedata/others_{month:02d}.csv", months(*lines))
        if not at_once:
            monthly.run("ingestion")
    monthly.run("ingestion")

    found = rows_of(monthly)

    assert found.lag.open == ()
    assert len(found.labelled()) == 8 * N + len(many) * N // 2


@pytest.mark.parametrize("watched", [True, False])
def test_a_history_that_is_sent_again_with_other_outcomes_is_no_lag(monthly: Project, watched: bool) -> None:
    for month in range(1, 9):
        monthly.drop(f"sourcedata/{month:02d}.csv", months(*whole(month, 99)))
        if watched:
            monthly.run("ingestion")
    monthly.run("ingestion")
    for month in range(1, 8):
        monthly.drop(f"sourcedata/{month:02d}.csv", months(*(row(month, c, str(int(c % 3 == 0))) for c in range(N))))
        monthly.run("ingestion")

    assert rows_of(monthly).lag.open == ()


def test_rows_that_come_only_once_their_outcome_is_known_show_a_lag(monthly: Project) -> None:
    for now in range(1, 8):
        stayers = [line for place, line in enumerate(whole(max(1, now - 2), 99)) if place % 4]
        monthly.drop(f"sourcedata/{now:02d}.csv", months(*whole(now, 99)[::4], *(stayers if now > 2 else ())))
        monthly.run("ingestion")

    assert rows_of(monthly).lag.open == ("2026-06", "2026-07")


def test_rows_beside_a_dataset_without_any_outcome_are_all_news(monthly: Project) -> None:
    live(monthly, "blank", FIRST + 3)
    rows = rows_of(monthly)
    entries = [it for it in rows.manifest.entries if not any(content.n_labelled for content in it.contents)]

    news = rows_of(monthly, known=replace(rows.manifest, entries=tuple(entries))).news()

    assert entries
    assert len(news) == len(rows.labelled()) > 0


def test_one_month_whose_outcomes_came_in_two_parts_is_no_lag(monthly: Project) -> None:
    known = [row(month, client, str(int(client % 4 == 0))) for month in range(1, 5) for client in range(N)]
    monthly.drop("sourcedata/m4.csv", months(*known[: 3 * N + 5], *(row(4, client, "") for client in range(5, N))))
    monthly.run("ingestion")
    monthly.drop("sourcedata/m5.csv", months(*(row(5, client, "") for client in range(N))))
    monthly.run("ingestion")
    monthly.drop("sourcedata/m4.csv", months(*known))
    monthly.drop("sourcedata/m6.csv", months(*(row(6, client, str(int(client % 4 == 0))) for client in range(N))))
    monthly.run("ingestion")

    assert rows_of(monthly).lag.open == ()


def test_a_month_that_has_a_few_outcomes_less_by_chance_does_not_wait(monthly: Project) -> None:
    lines = []
    for month, n_known in zip(range(1, 7), (40, 41, 39, 42, 40, 34), strict=True):
        lines += [row(month, client, str(int(client % 4 == 0)) if client < n_known else "") for client in range(N)]
    monthly.drop("sourcedata/all.csv", months(*lines))
    ingest(monthly)

    assert rows_of(monthly).lag.open == ()


@pytest.mark.parametrize("way", WAYS[3:])
def test_months_with_many_blanks_wait_also_where_all_is_read_at_once(monthly: Project, way: str) -> None:
    for now in range(FIRST, FIRST + 5):
        send(monthly, way, now)
    ingest(monthly)

    assert rows_of(monthly).lag.until == f"2026-{FIRST + 1:02d}"


def test_a_month_sent_again_with_all_outcomes_waits_for_nothing(monthly: Project) -> None:
    for now in range(1, 9):
        monthly.drop(f"sourcedata/{now:02d}.csv", months(*whole(now, now)))
        monthly.run("ingestion")
        monthly.drop(f"sourcedata/{now - 1:02d}.csv", months(*whole(now - 1, 99)))
        monthly.run("ingestion")

        assert rows_of(monthly).lag.open == ()


def test_outcomes_of_a_whole_history_that_come_at_once_are_all_taken(monthly: Project) -> None:
    for now in (0, 99):
        for month in range(1, 9):
            monthly.drop(f"sourcedata/{month:02d}.csv", months(*whole(month, max(now, month))))
        monthly.run("ingestion")

    assert rows_of(monthly).lag.open == ()


def test_a_later_delivery_within_the_month_counts_where_outcomes_come_so(monthly: Project) -> None:
    for now in range(1, 10):
        monthly.drop(f"sourcedata/{now:02d}.csv", months(*whole(now, now)))
        monthly.run("ingestion")
        for lines in (whole(now - 1, now)[::4], whole(now - 1, 99)):
            lagging = rows_of(monthly).lag.open
            monthly.drop(f"sourcedata/{now - 1:02d}.csv", months(*whole(now - 1, now - 1)[1:], *lines))
            monthly.run("ingestion")

    assert lagging == ("2026-08",)
    assert rows_of(monthly).lag.open == ()


def test_a_month_whose_rows_come_week_by_week_with_their_outcomes_waits_for_nothing(monthly: Project) -> None:
    for now in range(1, 6):
        for week in range(4):
            lines = whole(now, 99)[week::4] if now % 2 else whole(now, 99)[20 * week : 20 * week + 20]
            monthly.drop(f"sourcedata/{now:02d}_{week}.csv", months(*lines))
            monthly.run("ingestion")

            assert rows_of(monthly).lag.open == ()


def test_a_month_that_grows_day_by_day_in_one_file_waits_for_nothing(monthly: Project) -> None:
    for now in range(1, 6):
        for day in range(1, 9):
            former = [line for month in range(1, now) for line in whole(month, 99)]
            monthly.drop("sourcedata/clients.csv", months(*former, *whole(now, 99)[: 10 * day]))
            monthly.run("ingestion")

            assert rows_of(monthly).lag.open == ()


def test_a_month_that_grows_while_its_outcomes_are_late_waits_for_these(monthly: Project) -> None:
    for now in range(1, 8):
        for week in range(4):
            lines = [line for month in range(max(1, now - 4), now) for line in whole(month, now, True)]
            monthly.drop(f"sourcedata/{now:02d}.csv", months(*lines, *whole(now, now, True)[: 20 * week + 20]))
            monthly.run("ingestion")

    assert rows_of(monthly).lag.open == ("2026-05", "2026-06")


@pytest.mark.parametrize("n_days", [100, 45])
def test_days_of_which_leavers_alone_are_known_wait_until_all_are(monthly: Project, n_days: int) -> None:
    first, lines = date(2026, 1, 1), []
    for day in range(n_days):
        for client in range(40):
            age, leaves = n_days - 1 - day, client % 4 == 0
            is_known = age >= (client * 7 + day) % 31 if leaves else age >= 31
            outcome = str(int(leaves)) if is_known else ""
            lines.append(f"c{client},{first + timedelta(day)},{client},{day},5,{outcome}")
    monthly.drop("sourcedata/all.csv", months(*lines))
    ingest(monthly)

    found = rows_of(monthly)

    assert found.labelled()["exited"].mean() == pytest.approx(0.25, abs=0.02)
    assert found.lag.until is not None
    assert date(2026, 1, 1) + timedelta(n_days - 45) < date.fromisoformat(found.lag.until)


def test_what_was_measured_once_is_not_measured_again(monthly: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    live(monthly, "blank", FIRST + 2)
    first = rows_of(monthly).lag
    monkeypatch.setattr(LaggedRows, "_measured", lambda *_: pytest.fail("measured again"))

    assert rows_of(monthly).lag == first


def test_months_in_which_ever_fewer_outcomes_are_known_are_taken_once_that_is_usual(monthly: Project) -> None:
    for now in range(1, 11):
        lines = whole(now, 99) if now < 5 else [row(now, c, o if c % 2 else "") for c, o in outcomes(now, 99, False)]
        monthly.drop(f"sourcedata/{now:02d}.csv", months(*lines))
        monthly.run("ingestion")
        if now == 6:
            assert rows_of(monthly).lag.open == ("2026-05", "2026-06")

    assert rows_of(monthly).lag.open == ()


def test_what_is_gone_is_kept_as_numbers_alone(monthly: Project) -> None:
    live(monthly, "said to stay", FIRST + 2)

    found = current(monthly).entry(f"clients_{FIRST - 1:02d}.csv")

    assert found is not None
    assert len(found.contents) == 1
    assert [it.outcomes[f"2026-{FIRST - 1:02d}"] for it in found.earlier] == [[70, 10, 80], [64, 16, 80]]
    assert monthly.run("ingestion", "--verify").code == 0


def test_a_manifest_of_an_older_program_is_read(monthly: Project) -> None:
    live(monthly, "said to stay", FIRST + 1)
    path = (monthly.root / "ingesteddata/current").resolve() / "manifest.json"
    older = json.loads(path.read_text())
    for entry in older["entries"]:
        del entry["earlier"]
        for content in entry["contents"]:
            del content["run"]
    path.write_text(json.dumps(older))

    read = manifest.read(path.parent)

    assert read is not None
    assert rows_of(monthly, read).lag.open == ()
