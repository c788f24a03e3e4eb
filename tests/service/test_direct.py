"""Plain predictions before Flask: every answer, header and count is that of Flask."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, run_wsgi_app

from app import create_app
from risk.service import security, traffic
from tests.installation import deploy, lay_out, report

KIND = "application/json"
THROUGH_FLASK = f"{KIND}; charset=utf-8"
ONE = {"activity": 3, "size": 10, "sector": "bank", "company": "acme"}
BODIES: dict[str, Any] = {
    "one": [ONE],
    "many": [ONE | {"activity": number, "company": f"c{number}"} for number in range(100)],
    "an object": ONE,
    "clients": {"clients": [ONE]},
    "nobody": [],
    "strange": [ONE | {"sector": "nobody's", "size": 1e300, "activity": None}],
    "ids": {"ids": ["alpha"]},
    "a file": {"filepath": "testdata/testdata.csv"},
    "a file elsewhere": {"filepath": "/etc/passwd"},
    "unknown": [ONE | {"colour": 1}],
    "nothing": {},
}
QUIRKS = [b"", b"[", b"\xff", b"\xef\xbb\xbf[]", b'[{"activity":1,"activity":2}]', b"PK\x03\x04", b"[" * 5_000]


@pytest.fixture(scope="module", params=["released", "bare"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    settings = lay_out(tmp_path_factory.mktemp("direct") / request.param)
    if request.param == "released":
        deploy(settings, "1-aa")
        report(settings, "1", "1-aa")
    app = create_app(settings)
    yield app.test_client()
    app.extensions["rooms"].watch.stop()


def told(client: FlaskClient, body: bytes, kind: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    answer = client.post("/prediction", data=body, headers={"Content-Type": kind, "X-Request-Id": "same"} | headers)
    return answer.status_code, dict(sorted(answer.headers)), answer.data


@pytest.mark.parametrize("packed", ["", "gzip", "gzip;q=0", "br, gzip;q=0.4, identity;q=0.5", "*"])
@pytest.mark.parametrize(
    "body", [*(json.dumps(it).encode() for it in BODIES.values()), *QUIRKS], ids=lambda it: it[:30]
)
def test_both_roads_give_the_same_answer(client: FlaskClient, body: bytes, packed: str) -> None:
    headers = {"Accept-Encoding": packed} if packed else {}

    assert told(client, body, KIND, **headers) == told(client, body, THROUGH_FLASK, **headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-For": "10.0.0.1"},
        {"Content-Encoding": "gzip"},
        {"Accept": "text/html"},
    ],
    ids=str,
)
def test_whoever_is_refused_is_refused_on_both(client: FlaskClient, headers: dict[str, str]) -> None:
    body = json.dumps([ONE]).encode()

    assert told(client, body, KIND, **headers) == told(client, body, THROUGH_FLASK, **headers)


def test_nothing_is_read_of_whoever_is_not_admitted(client: FlaskClient) -> None:
    class Unread:
        def read(self, *_: int) -> bytes:
            raise AssertionError("the body was read")

    environ = EnvironBuilder(path="/prediction", method="POST", content_type=KIND, data=b"[]").get_environ()
    environ |= {"HTTP_HOST": "evil.example", "REMOTE_ADDR": "127.0.0.1", "wsgi.input": Unread()}

    assert run_wsgi_app(client.application, environ)[1].startswith("421")


def test_flask_is_not_asked_for_what_is_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = lay_out(tmp_path / "root")
    deploy(settings, "1-aa")
    report(settings, "1", "1-aa")
    app = create_app(settings)
    monkeypatch.setattr(app, "full_dispatch_request", lambda: pytest.fail("Flask was asked"))
    client = app.test_client()
    many = [ONE] * 100

    assert client.post("/prediction", json=[ONE]).json["predictions"] in ([0], [1])
    packed = client.post("/prediction", json=many, headers={"Accept-Encoding": "gzip"})
    assert len(json.loads(gzip.decompress(packed.data))["risks"]) == 100

    seen: traffic.Traffic = app.extensions["rooms"].traffic
    seen.count()
    assert seen.kinds == {("/prediction", "POST", "200"): 2}
    assert seen.rows == 101
    app.extensions["rooms"].watch.stop()


def test_without_the_token_nobody_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(security.TOKEN, "secret" * 6)
    settings = lay_out(tmp_path / "root")
    deploy(settings, "1-aa")
    client = create_app(settings).test_client()

    assert client.post("/prediction", json=[ONE]).status_code == 401
    known = {"Authorization": f"Bearer {'secret' * 6}"}
    assert client.post("/prediction", json=[ONE], headers=known).status_code == 200
    client.application.extensions["rooms"].watch.stop()
