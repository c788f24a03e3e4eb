"""Ids of requests, counts and the access log, over HTTP and in process."""

from __future__ import annotations

import http.client
import json
import logging
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from risk.errors import DiskError
from risk.service import access
from risk.service.access import AccessLog
from risk.service.traffic import UNKNOWN, Traffic
from risk.settings.settings import Settings
from tests.installation import HOSTILE, deploy, lay_out, report
from tests.service.test_server import serving

MADE = re.compile("[0-9a-f]{16}")
ONE = {"activity": 3, "size": 10, "sector": "bank", "company": "acme"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = lay_out(tmp_path_factory.mktemp("traffic") / "root", server={"access_log": "access.log"})
    deploy(settings, "1-aa")
    report(settings, "1", "1-aa")
    return settings


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[FlaskClient]:
    app = create_app(settings)
    yield app.test_client()
    app.extensions["rooms"].watch.stop()


def lines(settings: Settings) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (settings.root / "access.log").read_text().splitlines()]


def traffic_of(client: FlaskClient) -> Traffic:
    found: Traffic = client.application.extensions["rooms"].traffic
    found.count()
    return found


@pytest.mark.parametrize("path", ["/", "/health", "/metrics", "/clients/nobody", "/nowhere", "/static/page.css"])
def test_every_answer_has_an_id(client: FlaskClient, path: str) -> None:
    first, second = (client.get(path).headers["X-Request-Id"] for _ in range(2))

    assert MADE.fullmatch(first)
    assert first != second


@pytest.mark.parametrize("given", ["a", "7f3c-1.b_2", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "x" * 64])
def test_a_plain_id_that_the_request_brings_is_kept(client: FlaskClient, given: str) -> None:
    answer = client.get("/nowhere", headers={"X-Request-Id": given})

    assert answer.headers["X-Request-Id"] == given
    assert answer.get_json()["request_id"] == given


@pytest.mark.parametrize("given", ["", " ", "x" * 65, "two words", "a\tb", "<b>", '"', "\xe4", "-x", "a,b"])
def test_an_id_that_is_not_plain_and_short_is_replaced(client: FlaskClient, given: str) -> None:
    answer = client.get("/live", headers={"X-Request-Id": given})

    assert MADE.fullmatch(answer.headers["X-Request-Id"])


def test_a_problem_on_a_page_names_the_request(client: FlaskClient) -> None:
    answer = client.get("/nowhere", headers={"Accept": "text/html", "X-Request-Id": "mine"})

    assert "<code>mine</code>" in answer.text


def test_a_line_of_the_log_names_the_request_and_never_the_client(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings)

    def fail(name: str) -> None:
        raise RuntimeError("broken")

    app.view_functions["clients.client"] = fail
    app.view_functions.update({it: fail for it in app.view_functions if it.endswith(("client", "_client"))})

    with caplog.at_level(logging.ERROR, "risk"):
        answer = app.test_client().get("/clients/acme%2C%20inc.", headers={"X-Request-Id": "mine"})
    app.extensions["rooms"].watch.stop()

    assert answer.status_code == 500
    assert answer.get_json()["request_id"] == "mine"
    assert "request_id=mine" in caplog.text
    assert "acme" not in caplog.text


def test_a_line_of_the_access_log_tells_one_request(settings: Settings, client: FlaskClient) -> None:
    answer = client.post("/prediction", json=[ONE, ONE], headers={"X-Request-Id": "mine"})
    line = lines(settings)[-1]

    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("at"))
    assert 0 < line.pop("milliseconds") < 60_000
    assert line == {"request_id": "mine", "method": "POST", "route": "/prediction", "status": 200,
                    "bytes": len(answer.data), "rows": 2, "address": "127.0.0.1"}  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["/clients/acme, inc.", "/clients?q=acme, inc.", "/acme, inc.", "/?owner=acme, inc.", "/live?acme, inc.",
     "/clients/acme, inc./history", "/outcomes?client=acme, inc."],
)  # fmt: skip
def test_the_access_log_holds_no_name(settings: Settings, client: FlaskClient, path: str) -> None:
    client.get(path)
    client.post(path, json=ONE)
    client.open(path, method="ACME")

    assert "acme" not in (settings.root / "access.log").read_text().lower()


def test_whatever_is_asked_the_labels_are_bounded(client: FlaskClient) -> None:
    for number in range(50):
        client.get(f"/nowhere/{number}")
        client.get(f"/clients/{number}")
        client.open("/live", method=f"M{number}")

    kinds = traffic_of(client).kinds
    routes = {rule.rule for rule in client.application.url_map.iter_rules()} | {UNKNOWN}

    assert {route for route, _, _ in kinds} <= routes
    assert kinds[UNKNOWN, "GET", "404"] >= 50
    assert kinds["/clients/<path:name>", "GET", "404"] >= 50
    assert kinds["/live", UNKNOWN, "405"] >= 50


def test_requests_are_counted_without_anybody_asking() -> None:
    traffic = Traffic()

    for _ in range(2_500):
        traffic.passed({"REQUEST_METHOD": "GET", "risk.rows": 2}, "200", 0.02)

    assert traffic.kinds == {(UNKNOWN, "GET", "200"): 2_000}
    assert traffic.rows == 4_000
    assert traffic.times[UNKNOWN][:-1].count(2_000) == 1


def test_a_refused_request_is_counted_by_its_route(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISK_TOKEN", "x" * 32)
    client = create_app(settings).test_client()

    client.get("/clients/acme")

    assert traffic_of(client).kinds == {("/clients/<path:name>", "GET", "401"): 1}


def test_a_log_that_was_moved_away_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "PAUSE", 0.0)
    log = AccessLog("access.log", tmp_path)
    log.tell("first", ("/", "GET", "200"), 0.001, None, None, ())

    (tmp_path / "access.log").rename(tmp_path / "access.log.1")
    log.tell("second", ("/", "GET", "200"), 0.001, None, None, ())

    assert [json.loads((tmp_path / name).read_text())["request_id"] for name in ("access.log.1", "access.log")] == [
        "first",
        "second",
    ]


def test_standard_output_can_be_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    AccessLog("-", tmp_path).tell("mine", ("/", "GET", "200"), 0.001, None, None, [("Content-Length", "7")])

    line = json.loads(capfd.readouterr().out)
    assert (line["request_id"], line["bytes"], line["rows"]) == ("mine", 7, None)


def test_a_log_that_cannot_be_opened_is_an_error_for_people(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match=r"no/access.log: the access log cannot be written \(No such file"):
        AccessLog("no/access.log", tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_loses_lines_and_says_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = AccessLog("/dev/full", tmp_path)

    for _ in range(3):
        log.tell("mine", ("/", "GET", "200"), 0.001, None, None, ())

    assert caplog.text.count("No space left on device") == 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 300_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\nContent-Length: 999999999\r\n\r\n", 413),
    ],
)
def test_what_the_server_itself_refuses_is_a_problem_with_an_id(sent: bytes, status: int) -> None:
    with serving(lambda environ, start: [b""]) as port, socket.create_connection(("127.0.0.1", port), 20) as door:
        door.sendall(sent)
        answer = http.client.HTTPResponse(door)
        answer.begin()
        told = json.loads(answer.read())

    assert (answer.status, told["status"]) == (status, status)
    assert answer.getheader("Content-Type") == "application/problem+json"
    assert told["request_id"] == answer.getheader("X-Request-Id")
    assert b"X-Request-Id" not in sent or told["request_id"] == "mine"


def test_a_hostile_address_stays_one_line(settings: Settings, client: FlaskClient) -> None:
    before = len(lines(settings))

    client.get("/live", environ_base={"REMOTE_ADDR": f'{HOSTILE}\n"'})

    assert len(lines(settings)) == before + 1
