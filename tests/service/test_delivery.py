from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from risk.disk import paths
from risk.service import security
from risk.settings.settings import Settings
from tests.installation import deploy, lay_out, report, snapshot

ONE = {"activity": 3, "size": 10, "sector": "bank"}
GZIP = {"Accept-Encoding": "gzip"}
STORED = [
    "/scoring", "/summarystats", "/diagnostics", "/history", "/releases", "/releases/1/card", "/report",
    "/calllist.csv", "/calllist.xlsx", "/clients", "/clients.json", "/clients/zeta%2F%2Fone", "/outcomes",
    "/openapi.json", "/figures/roc.svg",
]  # fmt: skip
LISTED = [("acme", 0.9), ("zeta//one", 0.1), *((f"c{n}", 0.09) for n in range(40))]


@pytest.fixture
def settings(tmp_path: Any) -> Settings:
    settings = lay_out(tmp_path)
    (deploy(settings, "1-aa") / paths.MODEL_CARD).write_text("# Model card\n" * 200)
    published(settings, "1")
    return settings


def published(settings: Settings, number: str, made_at: str = "2026-11-21T09:41:53Z") -> None:
    folder = report(settings, number, "1-aa", LISTED, shown=snapshot("1-aa", LISTED) | {"made_at": made_at})
    for name in (paths.CALL_LIST, paths.CALL_LIST_EXCEL, "roc.svg"):
        (folder / name).write_bytes(b"rank,client\n" * 100 + number.encode())


@pytest.fixture
def client(settings: Settings) -> Iterator[FlaskClient]:
    app = create_app(settings)
    yield app.test_client()
    app.extensions["rooms"].watch.stop()


@pytest.mark.slow
def test_a_stored_answer_is_not_sent_again_to_whoever_holds_it(client: FlaskClient) -> None:
    for path in STORED:
        first = client.get(path)
        again = client.get(path, headers={"If-None-Match": f'"other", {first.headers["ETag"]}'})

        assert (first.status_code, again.status_code, again.data) == (200, 304, b""), path
        assert first.headers["ETag"].startswith('"'), path
        assert all(again.headers.get(it) == first.headers.get(it) for it in ("ETag", "Vary")), path
        assert first.headers["Cache-Control"] == again.headers["Cache-Control"] == "private, no-cache", path
        assert client.get(path, headers={"If-None-Match": '"other"'}).data == first.data, path


@pytest.mark.slow
def test_a_new_report_is_sent_whole_and_has_another_tag(client: FlaskClient, settings: Settings) -> None:
    first = client.get("/calllist.csv")
    published(settings, "2", "2026-11-22T09:41:53Z")
    client.application.extensions["rooms"].watch.poll()

    by_tag = client.get("/calllist.csv", headers={"If-None-Match": first.headers["ETag"]})
    by_day = client.get("/calllist.csv", headers={"If-Modified-Since": first.headers["Last-Modified"]})

    assert (by_tag.status_code, by_day.status_code) == (200, 200)
    assert by_tag.data == by_day.data != first.data


def test_a_report_says_when_it_was_made(client: FlaskClient) -> None:
    made = datetime(2026, 11, 21, 9, 41, 53, tzinfo=UTC)
    days = [made, made + timedelta(days=1), made - timedelta(seconds=1)]

    found = [client.get("/scoring", headers={"If-Modified-Since": format_datetime(it, usegmt=True)}) for it in days]

    assert [it.status_code for it in found] == [304, 304, 200]
    assert found[2].headers["Last-Modified"] == "Sat, 21 Nov 2026 09:41:53 GMT"
    assert "Last-Modified" not in client.get("/outcomes").headers


@pytest.mark.parametrize("path", ["/health", "/live", "/ready", "/", "/model", "/nothing", "/scoring?x=1"])
def test_what_changes_by_itself_is_never_stored(client: FlaskClient, path: str) -> None:
    found = client.get(path)

    assert found.headers["Cache-Control"] == "no-store"
    assert "ETag" not in found.headers


def test_a_contact_changes_the_tag_of_its_client(client: FlaskClient) -> None:
    first = client.get("/clients/acme")
    assert client.post("/outcomes", json={"client": "acme", "result": "stays"}).status_code == 201

    again = client.get("/clients/acme", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, len(again.json["contacts"])) == (200, 1)


def test_nothing_is_confirmed_to_whoever_lacks_the_token(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    token = "a-secret-of-at-least-32-characters"
    monkeypatch.setenv(security.TOKEN, token)
    app = create_app(settings)
    tag = app.test_client().get("/scoring", headers={"Authorization": f"Bearer {token}"}).headers["ETag"]

    found = app.test_client().get("/scoring", headers={"If-None-Match": tag})

    app.extensions["rooms"].watch.stop()
    assert found.status_code == 401
    assert "ETag" not in found.headers


PACKED = ["/clients", "/", "/openapi.json", "/docs", "/calllist.csv", "/figures/roc.svg", "/releases/1/card"]


@pytest.mark.parametrize("path", [*PACKED, "/static/style.css"])
def test_a_large_answer_is_packed_for_whoever_asks(client: FlaskClient, path: str) -> None:
    plain, packed, again = (client.get(path, headers=it, buffered=True) for it in ({}, GZIP, GZIP))

    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data)
    assert gzip.decompress(packed.data) == plain.data
    assert packed.data == again.data
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.headers["Vary"]
    assert "Content-Encoding" not in plain.headers
    assert packed.headers.get("ETag") != plain.headers.get("ETag") or "ETag" not in plain.headers


@pytest.mark.parametrize("path", ["/clients", "/static/style.css"])
def test_a_packed_answer_is_confirmed_as_such(client: FlaskClient, path: str) -> None:
    tag = client.get(path, headers=GZIP, buffered=True).headers["ETag"]

    again = client.get(path, headers=GZIP | {"If-None-Match": tag}, buffered=True)
    head = client.head(path, headers=GZIP, buffered=True)

    assert (again.status_code, again.data) == (304, b"")
    assert "Content-Encoding" not in again.headers
    assert (head.headers["ETag"], head.data) == (tag, b"")


@pytest.mark.parametrize(
    ("asked", "is_packed"),
    [
        ("gzip;q=0", False), ("*;q=0", False), ("identity", False), ("br, deflate", False), ("", False),
        ("identity, gzip;q=0.5", False), ("gzip;q=0, *", False), ("*", True), ("br;q=1, gzip;q=0.1", True),
        ("GZIP", True), ("*;q=0, gzip", True),
    ],
)  # fmt: skip
def test_what_is_accepted_decides(client: FlaskClient, asked: str, is_packed: bool) -> None:
    found = client.get("/clients", headers={"Accept-Encoding": asked})

    assert ("Content-Encoding" in found.headers) is is_packed
    assert "Accept-Encoding" in found.headers["Vary"]


@pytest.mark.parametrize("path", ["/report", "/calllist.xlsx", "/scoring", "/nothing", "/live"])
def test_what_is_small_or_packed_already_is_sent_as_it_is(client: FlaskClient, path: str) -> None:
    assert "Content-Encoding" not in client.get(path, headers=GZIP).headers


def test_predictions_of_many_rows_are_packed_too(client: FlaskClient) -> None:
    few, many = (client.post("/prediction", json=[ONE] * n, headers=GZIP) for n in (1, 100))

    assert "Content-Encoding" not in few.headers
    assert "ETag" not in many.headers
    assert gzip.decompress(many.data) == client.post("/prediction", json=[ONE] * 100).data


def test_an_answer_that_depends_on_who_asks_says_so(client: FlaskClient) -> None:
    page = client.get("/clients", headers={"Accept": "text/html"})

    for answer in (page, client.get("/clients"), client.get("/clients/acme")):
        assert "Accept," in answer.headers["Vary"] + ","
    assert "Accept," not in client.get("/clients.json").headers["Vary"] + ","
