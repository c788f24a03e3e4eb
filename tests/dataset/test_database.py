"""A database as a source, tried on SQLite: what is pulled, what is never lost, and what is said."""

from __future__ import annotations

import csv
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from risk.dataset import database
from risk.dataset._watermark import Watermark, at, before_jump, begin, kind_of
from risk.dataset.database import Pull
from risk.errors import ConfigError, DiskError, SourceError
from risk.reading.reader import Content, Source, read, read_refusals
from risk.settings.database_source import PASSWORD, DatabaseSource
from risk.settings.schema import Schema
from tests.postgres import need

need("sqlalchemy", "psycopg")

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = Schema()
PERIODS = Schema(period="period")
COLUMNS = "corporation, lastmonth_activity, lastyear_activity, number_of_employees, exited"
CLIENTS = f"create table clients ({COLUMNS.replace(',', ' text,', 1)}, updated_at text, note text)"


class Shop:
    """An SQLite database with a table of clients, pulled as a run would."""

    def __init__(self, root: Path, schema: Schema = SCHEMA, **section: Any) -> None:
        self.root, self.schema = root, schema
        self.source = database_source(url="sqlite:///crm.db", **section)
        self.since: Watermark | None = None
        self.run(CLIENTS)

    def run(self, statement: str, rows: list[tuple[Any, ...]] | None = None) -> None:
        with closing(sqlite3.connect(self.root / "crm.db")) as connection, connection:
            connection.executemany(statement, rows) if rows is not None else connection.execute(statement)

    def add(self, *rows: tuple[Any, ...]) -> None:
        """Add clients: (corporation, updated_at), or all columns up to `exited` and updated_at."""
        filled = [(row[0], 1, 2, 3, "0", row[1]) if len(row) == 2 else row for row in rows]
        self.run("insert into clients values (?, ?, ?, ?, ?, ?, 'x')", filled)

    def pull(self) -> Pull:
        """Pull and commit the watermark."""
        found = self.look()
        self.since = found.watermark
        return found

    def look(self) -> Pull:
        return database.pull(self.source, self.schema, self.since, self.root, self.root)

    def names(self) -> list[str]:
        return [row["corporation"] for row in rows(self.pull())]

    @property
    def news(self) -> bool:
        return database.news(self.source, self.schema, self.since, self.root)


def database_source(**section: Any) -> DatabaseSource:
    asked = {} if "query" in section else {"table": "clients"}
    filled = {"kind": "database", "watermark": "updated_at", **asked, **section}
    return TypeAdapter(DatabaseSource).validate_python(filled)


def rows(pull: Pull) -> list[dict[str, str]]:
    if pull.path is None:
        return []
    with pull.path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def as_read(pull: Pull, schema: Schema, parts: Path) -> Content:
    """Return what the reader of all files makes of a pull."""
    assert pull.path
    ((_, content),) = read([Source("database/clients", pull.path)], schema, parts, size_cap=1 << 40)
    assert content
    return content


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_first_pull_holds_the_whole_table_in_order(shop: Shop) -> None:
    shop.add(("b", "2026-01-02"), ("c", "2026-01-01"), ("a", "2026-01-02"))

    pull = shop.pull()

    assert [row["corporation"] for row in rows(pull)] == ["c", "a", "b"]
    assert list(rows(pull)[0]) == COLUMNS.split(", ")
    assert (pull.n_rows, pull.anew, pull.warnings) == (3, True, ())


def test_a_second_pull_finds_nothing_new(shop: Shop) -> None:
    shop.add(("a", "2026-01-01"), ("b", "2026-01-02"))
    first = shop.pull()

    again = shop.pull()

    assert again == Pull(None, first.watermark, 0, False)
    assert not shop.news


def test_news_are_known_without_pulling_them(shop: Shop) -> None:
    assert not shop.news  # a table without rows
    shop.add(("a", "2026-01-01 10:00:00"))
    assert shop.news

    shop.pull()
    shop.add(("b", "2026-01-01 10:00:00"))

    assert shop.news


def test_a_row_that_comes_late_with_an_equal_watermark_is_not_lost(tmp_path: Path) -> None:
    shop = Shop(tmp_path, overlap=0)
    shop.add(("a", "2026-01-01 10:00:00"), ("b", "2026-01-02 10:00:00"))
    shop.pull()
    shop.add(("late", "2026-01-02 10:00:00"))

    assert sorted(shop.names()) == ["b", "late"]
    assert shop.names() == []


def test_a_row_that_is_committed_late_within_the_overlap_is_not_lost(shop: Shop) -> None:
    shop.add(("old", "2026-01-02 09:00:00"), ("a", "2026-01-02 10:00:00"))
    shop.pull()
    shop.add(("late", "2026-01-02 09:56:00"), ("too late", "2026-01-02 09:54:00"))

    assert shop.names() == ["late", "a"]
    assert shop.names() == []


@pytest.mark.slow
def test_random_histories_lose_no_row_and_end_in_silence(tmp_path: Path) -> None:
    draw = random.Random(7)
    shop = Shop(tmp_path, overlap=3)
    shop.run("drop table clients")
    shop.run(CLIENTS.replace("updated_at text", "updated_at integer"))
    taken: set[str] = set()

    for step in range(40):
        late = [max(0, step - draw.randint(0, 3)) for _ in range(draw.randint(0, 3))]
        shop.add(*((f"c{step}-{place}", mark) for place, mark in enumerate([*late, step][: len(late) + step % 2])))
        taken |= set(shop.names())

    with closing(sqlite3.connect(tmp_path / "crm.db")) as connection:
        assert taken == {name for (name,) in connection.execute("select corporation from clients")}
    assert shop.names() == []


def test_a_revised_row_comes_again_and_last(shop: Shop) -> None:
    shop.add(("a", "2026-01-01 10:00:00"), ("b", "2026-01-02 10:00:00"))
    shop.pull()
    shop.run("update clients set exited = '1', updated_at = '2026-01-03 10:00:00' where corporation = 'a'")

    found = rows(shop.pull())

    assert [(row["corporation"], row["exited"]) for row in found] == [("b", "0"), ("a", "1")]


def test_a_pull_that_was_not_committed_is_given_again(shop: Shop) -> None:
    shop.add(("a", "2026-01-01"))

    first = shop.look()

    assert rows(first) == rows(shop.look())
    assert first == shop.look()


def test_the_watermark_survives_as_json(shop: Shop) -> None:
    shop.add(("a", "2026-01-01"))
    shop.pull()

    assert shop.since
    shop.since = Watermark(**json.loads(json.dumps(vars(shop.since))))

    assert shop.names() == []


def test_rows_without_a_watermark_are_left_out_and_counted(shop: Shop) -> None:
    shop.add(("a", "2026-01-01"), ("nowhere", None), ("nowhere else", None))

    pull = shop.pull()

    assert [row["corporation"] for row in rows(pull)] == ["a"]
    assert pull.warnings == ("updated_at is blank in 2 rows; they are left out until it is filled",)


def test_a_table_whose_rows_have_no_watermark_at_all_says_so(shop: Shop) -> None:
    shop.add(("nowhere", None))

    pull = shop.pull()

    assert (pull.path, pull.watermark) == (None, None)
    assert "blank in 1 rows" in pull.warnings[0]


def test_a_table_that_begins_again_is_read_whole(shop: Shop) -> None:
    shop.add(("a", "2026-01-01"), ("b", "2026-03-01"))
    shop.pull()
    shop.run("delete from clients")
    shop.add(("new", "2026-01-05"))

    pull = shop.pull()

    assert [row["corporation"] for row in rows(pull)] == ["new"]
    assert not pull.anew
    assert "ends at 2026-01-05, before 2026-03-01" in pull.warnings[0]
    assert shop.names() == []


def test_a_table_that_was_emptied_keeps_what_was_taken_in(shop: Shop) -> None:
    shop.add(("a", "2026-01-01"))
    before = shop.pull().watermark
    shop.run("delete from clients")

    pull = shop.pull()

    assert (pull.path, pull.watermark) == (None, before)
    assert "no rows any more" in pull.warnings[0]


def test_another_question_is_asked_anew(shop: Shop) -> None:
    shop.add(("a", "2026-01-01"), ("b", "2026-03-01"))
    shop.pull()
    shop.source = database_source(url="sqlite:///crm.db", query="select * from clients where corporation = 'a'")

    pull = shop.pull()

    assert [row["corporation"] for row in rows(pull)] == ["a"]
    assert pull.anew
    assert "read again" in pull.warnings[0]


def test_a_query_may_hold_colons_percent_signs_and_a_comment(shop: Shop) -> None:
    query = "select *, '10:30 :a ::b' as t, '5 %' as p from clients where updated_at like '%:00' -- a comment"
    shop.source = database_source(url="sqlite:///crm.db", query=query)
    shop.add(("a", "2026-01-01 10:00:00"), ("b", "2026-01-01 10:00:01"))

    assert shop.names() == ["a"]
    assert shop.names() == []


def test_every_value_is_as_a_file_would_hold_it(shop: Shop) -> None:
    odd = 'quote " comma , line\nfeed \r return'
    shop.add((odd, 1e-05, 5.0, None, "", "2026-01-01"), ("007", 9007199254740993, 0.1, 3, None, "2026-01-02"))

    found = [list(row.values()) for row in rows(shop.pull())]

    assert found == [[odd, "0.00001", "5.0", "", ""], ["007", "9007199254740993", "0.1", "3", ""]]


def test_the_reader_takes_a_pull_as_any_file(shop: Shop, tmp_path: Path) -> None:
    shop.add(("a, b", 1, 2.5, None, "1", "2026-01-01"), ('say "x"', 1e-05, None, 3, "", "2026-01-02"))

    content = as_read(shop.pull(), SCHEMA, tmp_path / "parts")

    assert (content.fault, content.n_accepted, content.n_refused, content.n_labelled) == (None, 2, 0, 1)
    assert content.warnings == ()


def test_what_a_client_file_may_not_hold_is_refused_by_row(shop: Shop, tmp_path: Path) -> None:
    bad = ["nul\0", "x" * 5000, "", None, b"bytes\0", "two\nlines"]
    shop.add(*((name, "2026-01-01") for name in bad), *((f"good{place}", "2026-01-02") for place in range(30)))
    shop.add(("infinite", float("inf"), 2, 3, "0", "2026-01-03"))

    content = as_read(shop.pull(), SCHEMA, tmp_path / "parts")

    assert (content.fault, content.n_accepted, content.n_refused) == (None, 31 + 1, 5)
    reasons = {it.reason for it in read_refusals(tmp_path / "parts", str(content.refusals))}
    assert reasons == {"holds the character U+0001", "has 1,001 characters", "is blank", "is not a number"}


def test_a_watermark_may_be_a_column_of_the_schema(tmp_path: Path) -> None:
    shop = Shop(tmp_path, PERIODS, watermark="period")
    shop.run("alter table clients rename column updated_at to period")
    shop.add(("a", "2026-01"), ("a", "2026-02"))

    assert [row["period"] for row in rows(shop.pull())] == ["2026-01", "2026-02"]

    shop.add(("b", "2026-02"), ("a", "2026-03"))
    assert [(row["corporation"], row["period"]) for row in rows(shop.pull())][-1] == ("a", "2026-03")


def test_names_that_must_be_quoted_are_quoted(tmp_path: Path) -> None:
    schema = Schema(client='the "client"', features={"select": {"kind": "numeric"}})  # type: ignore[dict-item]
    shop = Shop(tmp_path, schema, table="main.Order by; --", watermark="updated at")
    shop.run('create table "Order by; --" ("the ""client""" text, "select" int, exited int, "updated at" int)')
    shop.run("insert into \"Order by; --\" values ('a', 1, 0, 5)")

    assert rows(shop.pull()) == [{'the "client"': "a", "select": "1", "exited": "0"}]
    assert shop.pull().path is None


def test_the_database_is_opened_read_only_wherever_it_lies(tmp_path: Path) -> None:
    folder = tmp_path / "a b%20?c#d"
    folder.mkdir()
    shop = Shop(folder)
    shop.add(("a", "2026-01-01"))
    (folder / "crm.db").chmod(0o444)
    before = (folder / "crm.db").read_bytes()

    assert shop.names() == ["a"]
    assert (folder / "crm.db").read_bytes() == before
    assert {path.name for path in folder.iterdir()} == {"crm.db", "pulled.csv"}


def test_a_log_that_its_owner_has_not_written_back_is_read_and_left_alone(shop: Shop, tmp_path: Path) -> None:
    shop.run("pragma journal_mode = wal")
    shop.root = tmp_path / "copy"
    shop.root.mkdir()
    with closing(sqlite3.connect(tmp_path / "crm.db")) as owner:
        with owner:
            owner.execute("insert into clients (corporation, updated_at) values ('a', '2026-01-01')")
        for name in ("crm.db", "crm.db-wal"):
            shutil.copy(tmp_path / name, shop.root)

    assert shop.names() == ["a"]
    assert (shop.root / "crm.db-wal").stat().st_size > 0


def test_rows_that_a_writer_has_not_committed_are_not_read(shop: Shop) -> None:
    shop.run("pragma journal_mode = wal")
    shop.add(("a", "2026-01-01"))
    with closing(sqlite3.connect(shop.root / "crm.db", isolation_level=None)) as writer:
        writer.execute("begin immediate")
        writer.execute("insert into clients (corporation, updated_at) values ('b', '2026-01-02')")

        assert shop.names() == ["a"]

        writer.execute("commit")
        assert shop.names() == ["a", "b"]


def test_a_full_disk_is_said_and_nothing_is_taken(shop: Shop) -> None:
    shop.add(("a", "2026-01-01"))
    (shop.root / database.PULLED).symlink_to("/dev/full")

    with pytest.raises(DiskError, match=r"cannot write \(No space left"):
        shop.pull()


@pytest.mark.slow
def test_a_database_to_try_is_filled_with_client_files_and_grows(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.csv").write_text(f"{COLUMNS.replace(' ', '')}\n00{number},1,2,3,0\n")
    command = [sys.executable, "-m", "risk.simulation.demo_database", "--demo", str(tmp_path / "try.db")]
    source = database_source(url="sqlite:///try.db")

    said = subprocess.run([*command, str(tmp_path / "1.csv")], check=True, cwd=ROOT, capture_output=True, text=True)
    assert "try.db: added 1 row of 1 file; table clients has 1 row now.\n" in said.stdout
    assert '"watermark": "updated_at"}' in said.stdout
    first = database.pull(source, SCHEMA, None, tmp_path, tmp_path)
    assert [row["corporation"] for row in rows(first)] == ["001"]

    subprocess.run([*command, str(tmp_path / "2.csv")], check=True, cwd=ROOT)
    second = database.pull(source, SCHEMA, first.watermark, tmp_path, tmp_path)
    assert [row["corporation"] for row in rows(second)] == ["001", "002"]


@pytest.mark.slow
def test_a_file_that_is_in_the_database_to_try_already_is_not_added_again(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.csv").write_text(f"{COLUMNS.replace(' ', '')}\n00{number},1,2,3,0\n")
    command = [sys.executable, "-m", "risk.simulation.demo_database", "--demo", str(tmp_path / "try.db")]
    subprocess.run([*command, str(tmp_path / "1.csv")], check=True, cwd=ROOT)

    again = [*command, str(tmp_path / "2.csv"), str(tmp_path / "1.csv")]
    done = subprocess.run(again, check=False, cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"{tmp_path}/1.csv: its rows are in {tmp_path}/try.db already. Nothing was added. "
        f"Name only files that are new, or remove {tmp_path}/try.db to begin again.\n"
    )
    with closing(sqlite3.connect(tmp_path / "try.db")) as there:
        assert there.execute("select count(*) from clients").fetchone() == (1,)


# --- one bad value ----------------------------------------------------------------------------------------------------


def ago(form: str = "%Y-%m-%d %H:%M:%S", **time: float) -> str:
    return (datetime.now(UTC) - timedelta(**time)).strftime(form)


@pytest.mark.parametrize(
    ("form", "stray"),
    [
        ("%Y-%m-%d %H:%M:%S", "9999-12-31"),
        ("%Y-%m-%d %H:%M:%S", "9999-12-31 00:00:00"),
        ("%Y-%m-%dT%H:%M:%S", "2206-01-01T00:00:00"),
        ("%Y-%m-%d", "9999-12-31"),
        ("%Y/%m/%d %H:%M:%S", "9999/12/31"),
        ("%Y-%m-%d %H:%M:%S", "unknown"),
    ],
)
def test_a_row_of_the_far_future_is_taken_in_named_and_silences_none(shop: Shop, form: str, stray: str) -> None:
    shop.add(("a", ago(form, days=4)), ("stray", stray))

    pull = shop.pull()

    assert [row["corporation"] for row in rows(pull)] == ["a", "stray"]
    assert "updated_at sorts after the database's own time" in pull.warnings[0]
    assert ("in 1 row" in pull.warnings[0], stray in pull.warnings[0]) == (True, stray != "unknown")
    assert shop.names() == []
    assert not shop.news
    shop.add(("later", ago(form, days=1)))
    assert shop.news
    assert "later" in shop.names()
    assert not shop.news


def test_a_clock_that_is_a_day_ahead_silences_no_row(shop: Shop) -> None:
    shop.add(("a", ago(hours=2)), ("ahead", ago(hours=-24)))
    assert "own time" in shop.pull().warnings[0]

    shop.add(("b", ago(minutes=30)))

    assert "b" in shop.names()
    assert not shop.news


@pytest.mark.slow
def test_a_local_time_ahead_of_utc_is_not_named_and_not_news_once_it_has_come(shop: Shop) -> None:
    shop.add(("a", ago(hours=2)), ("b", ago(seconds=-1)), ("local", ago(hours=-2)))
    assert shop.pull().warnings == ()

    time.sleep(2)

    assert not shop.news
    assert shop.names() == []


def test_a_table_of_the_future_alone_is_taken_in_and_hides_nothing(shop: Shop) -> None:
    shop.add(("stray", "9999-12-31 00:00:00"))

    assert shop.names() == ["stray"]
    assert shop.names() == []
    shop.add(("b", ago(seconds=-1)))
    assert shop.names() == ["b", "stray"]


def test_a_watermark_that_an_older_program_left_in_the_future_is_healed(shop: Shop) -> None:
    shop.add(("a", ago(days=3)), ("stray", "9999-12-31 00:00:00"))
    shop.pull()
    assert shop.since
    shop.since = Watermark("9999-12-31 00:00:00", "str", "", shop.since.source)
    shop.add(("b", ago(days=2)))
    assert shop.news

    assert shop.names() == ["a", "b", "stray"]
    assert shop.names() == []


EPOCH = int(time.time())
DAYS = [int(f"{datetime.now(UTC) - timedelta(days=day):%Y%m%d}") for day in range(300, 0, -1)]
TIMES = [f"{datetime.now(UTC) - timedelta(hours=hour):%Y-%m-%d %H:%M:%S}" for hour in range(300, 0, -1)]
SECONDS = [EPOCH - 90_000 * step for step in range(350, 0, -1)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "values", "stray"),
    [
        ("integer", SECONDS, 2**31 - 1),
        ("integer", [EPOCH - 3600 * step for step in range(300, 0, -1)], EPOCH + 86_400),
        ("integer", [EPOCH - step for step in range(300, 0, -1)], EPOCH + 57_600),
        ("integer", [1_000 * value for value in SECONDS], 2**53),
        ("integer", [10**6 * value for value in SECONDS], 10**6 * (2**31 - 1)),
        ("real", [value + 0.25 for value in SECONDS], 2.0**31),
        ("real", [value + 0.25 for value in SECONDS], float("inf")),
        ("text", [str(value) for value in SECONDS], "9999999999"),
        ("integer", SECONDS, 1_000 * EPOCH),
        ("integer", DAYS, 20351231),
        ("integer", DAYS, EPOCH),
        ("integer", [100 * day + 7 for day in DAYS], 2035123100),
        ("integer", [1_000_000 * day + 93_000 for day in DAYS], 20351231000000),
        ("integer", [year * 100 + month for year in range(2000, 2026) for month in range(1, 13)], 203512),
        ("text", [str(day) for day in DAYS], "99991231"),
        ("text", [f"{day}093000" for day in DAYS], "99991231000000"),
        ("text", [str(day) for day in DAYS], "unknown"),
        ("text", TIMES, f"{TIMES[-1][:4]}Q3"),
        ("text", TIMES, f"{TIMES[-1][:4]}1127"),
        ("text", TIMES, f"{TIMES[-1][:4]}.06.30"),
        ("text", TIMES, "27.11.2026"),
        ("text", [time.replace(" ", "T") + "Z" for time in TIMES], f"{TIMES[-1][:4]}T"),
    ],
    ids=map(str, range(22)),
)
def test_no_bad_value_silences_rows_whatever_form_the_times_have(
    tmp_path: Path, kind: str, values: list[Any], stray: Any
) -> None:
    shop = Shop(tmp_path)
    shop.run("drop table clients")
    shop.run(CLIENTS.replace("updated_at text", f"updated_at {kind}"))
    *known, last = values
    shop.add(*((f"c{place}", value) for place, value in enumerate(known)), ("stray", stray))

    pull, again = shop.pull(), shop.pull()
    quiet = not shop.news
    shop.add(*((f"new{place}", last) for place in range(50)))
    told, names = shop.news, shop.names()

    assert (pull.n_rows, again.n_rows, quiet, told) == (len(known) + 1, 0, True, True)
    assert "updated_at sorts after the database's own time" in pull.warnings[0]
    assert again.warnings == pull.warnings
    assert {f"new{place}" for place in range(50)} <= set(names)
    assert (shop.news, shop.names()) == (False, [])


def test_several_bad_values_among_the_newest_silence_no_row(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.add(*((f"c{place}", time) for place, time in enumerate(TIMES[:-1])))
    shop.add(*((f"stray{place}", f"{TIMES[-1][:4]}Q{place:02}") for place in range(25)))

    assert "in 25 rows" in shop.pull().warnings[0]
    shop.add(("later", TIMES[-1]))
    assert "later" in shop.names()


def test_a_number_that_an_older_program_left_in_the_future_is_healed(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.run("drop table clients")
    shop.run(CLIENTS.replace("updated_at text", "updated_at integer"))
    shop.add(*((f"c{place}", value) for place, value in enumerate(SECONDS)), ("stray", 2**31 - 1))
    shop.pull()
    assert shop.since
    shop.since = Watermark(str(2**31 - 1), "int", "", shop.since.source)

    assert shop.news
    assert len(shop.names()) == 351
    assert not shop.news


def test_numbers_that_only_count_are_no_times(tmp_path: Path) -> None:
    for number, first in enumerate((1, 202_500, 20_261_000, 1_999_999_000, 10_000_000)):
        (tmp_path / str(number)).mkdir()
        shop = Shop(tmp_path / str(number), overlap=0)
        shop.run("drop table clients")
        shop.run(CLIENTS.replace("updated_at text", "updated_at integer"))
        shop.add(*((f"c{step}", first + step) for step in range(1_500)))

        pull = shop.pull()

        assert (pull.warnings, pull.watermark and pull.watermark.value) == ((), str(first + 1_499))


@pytest.mark.parametrize("stray", [2**63 - 1, 99991231, float("inf")])
def test_a_number_that_jumps_is_named_and_silences_none(tmp_path: Path, stray: float) -> None:
    shop = Shop(tmp_path, overlap=0)
    shop.run("drop table clients")
    shop.run(CLIENTS.replace("updated_at text", "updated_at numeric"))
    shop.add(*((f"c{number}", 5_000 + number) for number in range(1, 29)), ("stray", stray))

    pull = shop.pull()

    assert (pull.n_rows, "updated_at jumps from 5028 to" in pull.warnings[0]) == (29, True)
    assert shop.names() == []
    shop.add(("later", 5_029))
    assert "later" in shop.names()


def test_numbers_that_go_on_after_a_jump_are_ordinary(tmp_path: Path) -> None:
    shop = Shop(tmp_path, overlap=0)
    shop.add(*((f"c{number}", str(number)) for number in range(5)))
    shop.run("drop table clients")
    shop.run(CLIENTS.replace("updated_at text", "updated_at integer"))
    shop.add(*((f"c{number}", number) for number in range(5)), *((f"d{it}", 10**9 + it) for it in range(30)))

    assert shop.pull().warnings == ()


@pytest.mark.parametrize("told", [None, "", "now"])
def test_where_a_database_tells_no_time_this_machines_clock_counts(told: object) -> None:
    from risk.dataset._database_sql import moment_of

    assert abs(moment_of(told) - datetime.now(UTC)) < timedelta(hours=1)
    assert moment_of("2026-01-01 10:00:00") == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert moment_of(datetime.fromisoformat("2026-01-01T10:00+02:00")) == datetime(2026, 1, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("like", "shown"),
    [
        ("2026-01-01", "2026-11-27"),
        ("2026-01", "2026-11"),
        ("2026-01-01 10:00:00.5+02", "2026-11-27 09:05:00"),
        ("2026-01-01T10:00", "2026-11-27T09:05:00"),
        ("2026.01.01", "2026.11.27"),
        (date(2026, 1, 1), date(2026, 11, 27)),
        (datetime(2026, 1, 1), datetime(2026, 11, 27, 9, 5)),
        ("20260101", "20261127"),
        ("202601", "202611"),
        (20260101, 20261127),
        (20260101.0, 20261127),
        (20260101093000, 20261127090500),
        (1_700_000_000, 1_795_770_300),
        ("1700000000.25", "1795770300"),
        (Decimal("1700000000123"), 1_795_770_300_000),
        ("0042", None),
        ("A17", None),
        (42, None),
        (20261301, None),
        (-20260101, None),
    ],
)
def test_a_moment_is_told_in_the_form_of_the_watermark(like: Any, shown: Any) -> None:
    assert at(datetime(2026, 11, 27, 9, 5, tzinfo=UTC), like) == shown


def test_a_jump_is_absurd_only_beside_all_the_way_before_it() -> None:
    assert before_jump([10**9, 500, 400, 3], 0) == 500
    assert before_jump([1000, 1], 1) is None
    assert before_jump([3 * 10**6, 10**6], 0) is None
    assert before_jump([10**18, 10**10, 500], 0) == 500
    assert before_jump([], None) is None


@pytest.mark.slow
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"a,b\n1\n", b'a\n"'])
def test_a_database_to_try_says_in_one_line_what_cannot_be_added(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "1.csv").write_bytes(content)
    command = [
        sys.executable,
        "-m",
        "risk.simulation.demo_database",
        "--demo",
        str(tmp_path / "try.db"),
        str(tmp_path / "1.csv"),
    ]

    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"{tmp_path}/1.csv: it cannot be read or added (")


# --- what is said -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (lambda shop: shop.run("drop table clients"), "there is no table 'clients'; there is none"),
        (lambda shop: shop.run("alter table clients rename to client"), "no table 'clients'; those there are: client$"),
        (lambda shop: shop.run("alter table clients drop column exited"), "column 'exited' is not in the table, which"),
        (lambda shop: shop.run("alter table clients drop column updated_at"), "column 'updated_at' is not in"),
        (lambda shop: (shop.root / "crm.db").unlink(), r"there is no file .*crm\.db"),
        (lambda shop: (shop.root / "crm.db").write_bytes(b"x" * 9000), r"reading failed \(file is not a database\)"),
        (lambda shop: shop.add(("b", b"\x01")), "'updated_at' holds bytes and str, which has no order"),
        (lambda shop: shop.run("update clients set updated_at = x'01'"), "'updated_at' holds bytes, which has no"),
    ],
)
def test_a_fault_is_one_sentence(shop: Shop, break_it: Callable[[Shop], None], told: str) -> None:
    shop.add(("a", "2026-01-01"))
    break_it(shop)

    with pytest.raises(SourceError, match=told) as caught:
        shop.pull()

    assert str(caught.value).startswith("database/clients: ")
    assert "\n" not in str(caught.value)


def test_a_query_that_is_not_sql_is_said(shop: Shop) -> None:
    shop.source = database_source(url="sqlite:///crm.db", query="selec *")

    with pytest.raises(SourceError, match=r"^database/query: reading failed \(near .*: syntax error\)\. No rows"):
        shop.pull()


@pytest.mark.parametrize(
    ("package", "url"),
    [
        ("sqlalchemy", "sqlite:///crm.db"),
        ("psycopg", "postgresql://u@h/d"),
        ("pymysql", "mysql+pymysql://u@h/d"),
    ],
)
def test_a_missing_package_is_said_with_the_command(
    shop: Shop, package: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # it cannot be imported
    for name in ("risk.dataset._database_connection", "risk.dataset._database_sql"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    with pytest.raises(ConfigError, match=rf"needs the package {package}.*; run .venv/bin/python -m pip install"):
        database.pull(database_source(url=url), SCHEMA, None, shop.root, shop.root)


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"url": "postgresql://risk:hidden@h/d"}, "holds a password; take it out and put it into the environment as"),
        ({"url": "postgresql://risk:hid/den@h/d"}, "holds a password"),
        ({"url": "postgresql://risk:hid@den@h/d"}, "holds a password"),
        ({"url": "postgresql://risk:${A}hidden@h/d"}, "holds a password"),
        ({"url": "postgresql://h/d?password=hidden"}, "holds a password"),
        ({"url": "postgresql://h/d?a=b&sslpassword=hidden"}, "holds a password"),
        ({"url": "mssql://?odbc_connect=PWD%3Dhidden"}, "holds a password"),
        ({"url": "crm.db"}, "is no URL"),
        ({"url": "sqlite:///x", "table": None}, "has neither of table and query"),
        ({"url": "sqlite:///x", "query": "select 1", "table": "t"}, "has both of table and query"),
        ({"url": "sqlite:///x", "table": "a\nb"}, "'source.table' is no name"),
        ({"url": "sqlite:///x", "table": "a.csv"}, "ends in .csv"),
        ({"url": "sqlite:///x", "query": "select 1; drop table t"}, "holds a semicolon"),
        ({"url": "sqlite:///x", "query": " "}, "is blank"),
    ],
)
def test_a_section_that_cannot_be_used_is_refused_without_its_password(section: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        database_source(**section)

    assert "hid" not in str(caught.value)


@pytest.mark.parametrize("found", ["postgresql://risk:hidden@h/d", ["hidden"], {"url": ["postgresql://u:hidden@h/d"]}])
def test_a_section_of_another_shape_is_refused_without_showing_it(found: object) -> None:
    with pytest.raises(ConfigError, match=r"is no object|is missing or no text") as caught:
        TypeAdapter(DatabaseSource).validate_python(found)

    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql://risk@h:port/d", "nosuchdatabase://h/d", "postgresql+nodriver://h/d"])
def test_a_url_that_cannot_be_understood_is_said(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'source\.url' cannot be understood"):
        database.pull(database_source(url=url), SCHEMA, None, tmp_path, tmp_path)


def test_the_password_comes_from_the_urls_variable_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("\ufefffrom the file\n", encoding="utf-8")
    monkeypatch.setenv(PASSWORD, "from the environment")
    monkeypatch.setenv("CRM_PASSWORD", "from the variable")
    plain = {"url": "postgresql://u@h/d"}

    assert database.password(database_source(**plain), tmp_path) == "from the environment"
    assert database.password(database_source(**plain, password_file="secret"), tmp_path) == "from the file"
    named = database_source(url="postgresql://u:${CRM_PASSWORD}@h/d", password_file="secret")
    assert database.password(named, tmp_path) == "from the variable"

    monkeypatch.delenv("CRM_PASSWORD")
    with pytest.raises(ConfigError, match="CRM_PASSWORD, which is not set"):
        database.password(named, tmp_path)
    with pytest.raises(ConfigError, match="lost is not readable"):
        database.password(database_source(**plain, password_file="lost"), tmp_path)


def test_what_a_database_says_is_told_without_url_and_password() -> None:
    from risk.dataset._database_connection import reason_of

    secret = "p@ss:w/rd %'x"
    forms = [secret, "p%40ss%3Aw%2Frd+%25%27x", "p%40ss%3aw%2frd%20%25%27x", repr(secret), secret.replace("'", "''")]

    for form in forms:
        said = reason_of(RuntimeError(f"for {form} at postgresql://u:{form}@h/d x\nLINE 1: {form}"), secret)
        assert "***" in said
        assert not {"ss", "rd"} & {said[place : place + 2] for place in range(len(said))}
    assert reason_of(RuntimeError(""), None) == "RuntimeError"
    assert len(reason_of(RuntimeError("x" * 5000), None)) == 300


# --- watermarks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "first"),
    [
        (1000, 700),
        (1000.5, 700.5),
        (Decimal("1000.25"), Decimal("700.25")),
        (datetime(2026, 1, 1, 0, 1), datetime(2025, 12, 31, 23, 56)),
        (datetime.fromisoformat("2026-01-01 00:01:00+00:00"), datetime.fromisoformat("2025-12-31 23:56:00+00:00")),
        (date(2026, 1, 1), date(2025, 12, 31)),
        ("2026-01-01 00:01:00.5+00", "2025-12-31 23:56:00"),
        ("2026-01-01T00:01:00Z", "2025-12-31T23:56:00"),
        ("2026-01-01", "2025-12-31"),
        ("2026-01", "2026-01"),
        ("0042", "0042"),
        ("2026-13-01", "2026-13-01"),
        (date(1, 1, 1), date(1, 1, 1)),
    ],
)
def test_the_next_reading_begins_a_little_before_the_last_value(value: Any, first: Any) -> None:
    kind = kind_of(value)

    assert kind
    assert begin(Watermark(str(value), kind, "", "").typed, 300) == first
    assert begin(value, 0) <= value


def test_a_value_without_an_order_is_no_watermark() -> None:
    assert [kind_of(value) for value in (None, True, b"x", [1], {"a": 1})] == [None] * 5
