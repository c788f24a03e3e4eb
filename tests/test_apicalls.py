from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from apicalls import ASKED, LIST, call_api, holdout_clients
from app import create_app
from risk.disk import paths
from risk.errors import DataError
from risk.lists import list_history
from risk.lists.list_files import ListFacts
from risk.service import security
from risk.service.operations import OPERATIONS
from risk.service.server import HttpServer
from risk.settings.settings import Settings, load
from tests.installation import deploy, lay_out, report
from tests.service.test_schemathesis import whole

GETS = [f"GET {path}" for path in ASKED]
NAMED = {f"GET {LIST}": "GET /clients/acme%2C%20inc.", "GET /releases": "GET /releases/1-aa/card"}
PATHS = ["POST /prediction", *(asked for it in GETS for asked in (it, NAMED.get(it)) if asked)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return whole(tmp_path, server={"port": free_port()})


def free_port() -> int:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return int(server.server_address[1])


@pytest.fixture
def running(settings: Settings) -> Iterator[Settings]:
    with serving(settings):
        yield settings


@contextlib.contextmanager
def serving(settings: Settings, seconds: float = 0.0) -> Iterator[None]:
    """A service of this installation that begins with its first answer only after so many seconds."""
    ended, app = threading.Event(), create_app(settings)
    pauses = [seconds]

    def slowly(environ: Any, start_response: Any) -> Any:
        time.sleep(pauses.pop() if pauses else 0.0)
        return app(environ, start_response)

    server = HttpServer(slowly, "127.0.0.1", settings.server.port)
    thread = threading.Thread(target=server.run, args=(ended.is_set,))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(20)
        app.extensions["rooms"].watch.stop()


def sections(path: Path) -> list[tuple[str, str, Any]]:
    """Return what was asked, the line with the status, and the body of every section."""
    found = [section.split("\n", 2) for section in path.read_text().strip().split("\n\n")]
    return [(asked, status, json.loads(body) if body[0] in "{[" else body) for asked, status, body in found]


@pytest.mark.slow
def test_every_endpoint_is_asked_and_kept(settings: Settings) -> None:
    calls = call_api(settings)

    found = sections(settings.models / "apireturns.txt")
    assert [asked for asked, _, _ in found] == PATHS
    assert all(re.fullmatch(r"200 OK, \d+(,\d+)* bytes, \d+\.\d{3} s", status) for _, status, _ in found)
    assert len(found[0][2]["predictions"]) == 20
    assert found[PATHS.index("GET /report")][2] == "(application/pdf, 19 bytes)"
    assert (calls.own, calls.failed, calls.faults) == (True, [], [])
    assert re.match(r"26 answers, 0 of them errors, 0 faults: .*; the slowest, \w+ /.*, took \d", calls.sentence)


@pytest.mark.slow
def test_no_thread_and_no_open_door_is_left_behind(settings: Settings) -> None:
    call_api(settings)

    assert "own service" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.slow
def test_a_missing_model_is_recorded_not_an_error(tmp_path: Path) -> None:
    settings = lay_out(tmp_path, server={"port": free_port()})

    calls = call_api(settings)

    assert "GET /scoring: 503" in calls.failed
    assert sections(calls.file)[0][2]["detail"] == "no model is deployed; run fullprocess.py"


@pytest.mark.slow
def test_the_running_service_of_this_installation_is_asked(running: Settings) -> None:
    calls = call_api(running)

    assert (calls.own, calls.url) == (False, f"http://127.0.0.1:{running.server.port}")


@pytest.mark.slow
def test_a_running_service_that_is_at_work_is_asked_all_the_same(settings: Settings) -> None:
    with serving(settings, seconds=1.5):
        calls = call_api(settings)

    assert not calls.own


@pytest.mark.slow
def test_a_running_service_is_given_the_time_to_notice(running: Settings) -> None:
    call_api(running)
    deploy(running, "2-bb")
    report(running, "2", "2-bb")

    calls = call_api(running)

    assert not calls.own
    about_the_model = [it.answer for it in calls.each if it.answer.request.path_url in ("/prediction", "/scoring")]
    assert [answer.json()["release"] for answer in about_the_model] == ["2-bb", "2-bb"]


@pytest.mark.slow
def test_the_service_of_another_installation_is_left_alone(running: Settings, tmp_path: Path) -> None:
    other = lay_out(tmp_path / "other", server={"port": running.server.port})

    calls = call_api(other)

    assert calls.own


@pytest.mark.slow
def test_a_token_is_known_to_the_calls(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(security.TOKEN, "secret" * 6)

    assert call_api(settings).failed == []


def test_an_address_that_does_not_answer_is_an_error(settings: Settings) -> None:
    with pytest.raises(DataError, match="no answer"):
        call_api(settings, f"http://127.0.0.1:{settings.server.port}")


def test_the_clients_sent_are_the_first_that_fit(settings: Settings) -> None:
    path = settings.holdout / "testdata.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(
        "".join([lines[0], "bad,2026-08,Ann,x,1,retail,1,0\n", "blank,2026-08,Ann,,1.5,,1,0\n", *lines[1:4]])
    )
    (settings.holdout / "broken.csv").write_bytes(b"\xff")
    (settings.holdout / "other.csv").write_text("a,b\n1,2\n")

    found = holdout_clients(settings)

    assert found[0] == {"activity": None, "size": 1.5, "sector": None, "company": "blank"}
    assert [client["company"] for client in found] == ["blank", "c0", "c1", "c2"]


@pytest.mark.slow
def test_practice_calls_ask_practice(running: Settings) -> None:
    (running.root / "practicemodels").mkdir(exist_ok=True)
    practice = load(running.root / "config.json", practice=True)

    calls = call_api(practice)

    assert calls.own
    assert calls.file.parent.name == "practicemodels"


@pytest.mark.slow
def test_a_history_and_a_picture_that_answers_name_are_asked_too(settings: Settings) -> None:
    rows = pd.DataFrame({"rank": [1], "client": ["acme, inc."], "risk": [0.9], "open": True, "period": "2026-06"})
    listed = list_history.rows_of(rows.assign(value=None), [{"client": "acme, inc."}])
    list_history.keep(settings.models / paths.LISTS, [(ListFacts("2026-07-01", 1, 100), listed)], {}, 1)
    folder = settings.models / paths.REPORTS / paths.CURRENT
    (folder / "roc.svg").write_bytes(b"<svg></svg>")

    asked = [it.answer.request.path_url for it in call_api(settings).each]

    assert {"/clients/acme%2C%20inc./history", "/figures/roc.svg"} <= set(asked)


def test_what_is_no_address_is_told(settings: Settings) -> None:
    with pytest.raises(DataError, match="foo: this is no address; expected http://HOST:PORT"):
        call_api(settings, "foo")


def test_every_address_that_needs_no_name_is_asked() -> None:
    without_body = {name for name, it in OPERATIONS.items() if it.body is None}
    named = {"downloads.card", "clients.client", "clients.history", "pages.figure"}

    assert set(ASKED.values()) == without_body - named


@pytest.mark.slow
def test_a_service_of_another_release_than_production_holds_is_told(
    running: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    call_api(running)
    monkeypatch.setattr("risk.service.live.Watch.poll", lambda watch: None)  # as where it cannot load the new one
    deploy(running, "2-bb")

    calls = call_api(running, f"http://127.0.0.1:{running.server.port}")

    assert calls.faults == ["GET /health: the service runs release 1-aa, production holds release 2-bb"]
    assert f"fault: {calls.faults[0].partition(': ')[2]}" in calls.file.read_text()
    assert "production holds release 2-bb" in calls.sentence
    assert "API calls" in caplog.text
