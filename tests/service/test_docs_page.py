"""/docs, the page for people: its calls can be typed, it reads as the other pages do."""

from __future__ import annotations

import html
import itertools
import json
import re
import shlex
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs
import pytest
from flask.testing import FlaskClient

from app import create_app
from risk.service import security
from tests.service.test_pages import Page
from tests.service.test_schemathesis import whole

TOKEN = "a-secret-of-at-least-32-characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    app = create_app(whole(tmp_path_factory.mktemp("docs") / "root"))
    yield app.test_client()
    app.extensions["rooms"].watch.stop()


def calls(client: FlaskClient, **asked: Any) -> list[list[str]]:
    """Return the words of every call of curl on the page."""
    shown = re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", client.get("/docs", **asked).text, re.DOTALL)
    return [shlex.split(html.unescape(it).replace("\\\n", "")) for it in shown]


def sent(words: list[str]) -> tuple[str, str | None, dict[str, str]]:
    """Return the path of a call, its body and its headers."""
    (url,), flags = (it for it in words if it.startswith("http")), list(itertools.pairwise(words))
    headers = [it.split(": ", 1) for flag, it in flags if flag == "-H"]
    return urlsplit(url).path, dict(flags).get("-d"), dict(headers)


def test_every_call_on_the_page_works_as_it_is_printed(client: FlaskClient) -> None:
    plain = [it for it in calls(client) if "NAME" not in " ".join(it) and "FILE" not in " ".join(it)]

    for words in plain:
        path, body, headers = sent(words)
        found = client.get(path) if body is None else client.post(path, data=body, headers=headers)
        assert found.status_code == 200, words
    assert len(plain) >= 25


def test_every_body_on_the_page_is_one_of_its_schema(client: FlaskClient) -> None:
    told, n_bodies = client.get("/openapi.json").json, 0

    for words in calls(client):
        path, body, headers = sent(words)
        if body is not None:
            schema = told["paths"][path]["post"]["requestBody"]["content"][headers["Content-Type"]]["schema"]
            jsonschema_rs.validate(schema | {"components": told["components"]}, json.loads(body))
            n_bodies += 1
    assert n_bodies == 3


def test_a_contact_on_the_page_lacks_nothing_but_the_name(client: FlaskClient) -> None:
    (body,) = (it for path, it, _ in map(sent, calls(client)) if path == "/outcomes" and it)

    found = client.post("/outcomes", json=json.loads(body) | {"client": "zeta//one"})

    assert json.loads(body)["client"] == "NAME"
    assert found.status_code == 201


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A service that asks for a token, as one behind a proxy does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(security.TOKEN, TOKEN)
        app = create_app(whole(tmp_path_factory.mktemp("guarded") / "root"))
        yield app.test_client()
        app.extensions["rooms"].watch.stop()


def addresses(client: FlaskClient, **headers: str) -> set[str]:
    """Return the scheme and host of every call on the page that is asked with these headers."""
    named = {name.replace("_", "-"): it for name, it in headers.items()}
    urls = [next(it for it in words if "://" in it) for words in calls(client, headers=named)]
    return {f"{it.scheme}://{it.netloc}" for it in map(urlsplit, urls)}


@pytest.mark.parametrize("host", ["localhost:8123", "127.0.0.1", "[::1]:9000"])
def test_the_calls_go_to_the_address_by_which_the_page_was_asked(client: FlaskClient, host: str) -> None:
    assert addresses(client, Host=host) == {f"http://{host}"}
    assert client.get("/docs", headers={"Host": host}).headers["Cache-Control"] == "no-store"
    assert client.get("/openapi.json", headers={"Host": host}).data == client.get("/openapi.json").data


@pytest.mark.parametrize(
    ("told", "scheme"), [("https", "https"), ("http", "http"), ("", "http"), ("javascript", "http")]
)
def test_behind_a_proxy_the_calls_go_to_its_name(guarded: FlaskClient, told: str, scheme: str) -> None:
    found = addresses(guarded, **BEARER, Host="risk.example.com", X_Forwarded_Proto=told)

    assert found == {f"{scheme}://risk.example.com"}


@pytest.mark.parametrize(
    "host", ["<script>", "x;reboot", "x$(reboot)", "me@x", "x/y", "x'y", 'x"y', "x y", "x:99999999", ""]
)
def test_a_host_that_is_no_name_is_not_repeated(guarded: FlaskClient, host: str) -> None:
    assert addresses(guarded, **BEARER, Host=host) == {"http://127.0.0.1:8000"}


def test_where_a_token_is_needed_each_call_sends_it(guarded: FlaskClient) -> None:
    for words in calls(guarded, headers=BEARER):
        path, *_ = sent(words)
        assert ("Authorization: Bearer $RISK_TOKEN" in words) is (path not in security.OPEN), path


def test_a_file_that_no_terminal_shows_is_written_to_one(client: FlaskClient) -> None:
    named = {sent(words)[0]: words[words.index("-o") + 1] for words in calls(client) if "-o" in words}

    assert named == {"/report": "report.pdf", "/calllist.csv": "calllist.csv", "/calllist.xlsx": "calllist.xlsx"}


def test_the_page_has_the_links_of_the_others_and_a_list_of_contents(client: FlaskClient) -> None:
    page, told = Page(client.get("/docs").text), client.get("/openapi.json").json

    links, ids = page.all("href"), page.all("id")
    assert links[: links.index("/runs") + 1] == Page(client.get("/").text).all("href")[: links.index("/runs") + 1]
    first = min(links.index(f"#{way['operationId']}") for ways in told["paths"].values() for way in ways.values())
    assert first < links.index("#schemas") < links.index("#schema-ClientFigures")
    assert len(ids) == len(set(ids))
    assert {it[1:] for it in links if it.startswith("#")} <= set(ids)


def test_words_on_the_page_are_plain(client: FlaskClient) -> None:
    text = " ".join(Page(client.get("/docs").text).text.split())

    assert "`" not in text
    assert "<code>n_clients</code>" in client.get("/docs").text
    for words in (
        "whole number from 0 to 10; 0 if left out",
        "ClientFigures, ByClients, ByIds, ByFilepath or a list of ClientFigures",
        "a list of (text of at most 200 characters or whole number: at most 200 characters, taken as text)",
    ):
        assert words in text, words
