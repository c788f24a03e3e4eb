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
from tests.service.test_schemathesis import whole


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
    (url,) = (it for it in words if it.startswith("http"))
    flags = dict(itertools.pairwise(words))
    headers = [flags[it].split(": ", 1) for it in flags if it == "-H"]
    return urlsplit(url).path, flags.get("-d"), dict(headers)


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
