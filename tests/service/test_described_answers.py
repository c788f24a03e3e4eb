"""Headers, kinds and statuses that are described are those that the service sends, and the reverse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from flask.testing import FlaskClient

from app import create_app
from risk.disk import paths
from risk.lists import list_history
from risk.lists.list_files import ListFacts
from risk.service import security
from risk.service.server import BUSY
from risk.settings.settings import Settings
from tests.installation import lay_out
from tests.service.test_schemathesis import whole

TOKEN = "a-secret-of-at-least-32-characters"
NAMES = {"/clients/{name}": "zeta%2F%2Fone", "/clients/{name}/history": "zeta%2F%2Fone"}
TOLD = {"ETag", "Last-Modified", "X-Request-Id", "Retry-After", "Content-Disposition", "Cache-Control"}
PROBLEM, HTML, JSON = "application/problem+json", "text/html", "application/json"
PAGES = ("/", "/model", "/drift", "/data", "/runs", "/clients", "/trackrecord")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = whole(tmp_path_factory.mktemp("answers") / "root")
    (settings.models / paths.REPORTS / "1" / "roc.svg").write_text("<svg/>")
    rows = pd.DataFrame({"rank": [1], "client": ["zeta//one"], "risk": [0.5], "open": [True], "value": [None]})
    rows = list_history.rows_of(rows.assign(period="2026-06"), [])
    list_history.keep(settings.models / paths.LISTS, [(ListFacts("2026-07-01", 1, 100), rows)], {}, 1)
    return settings


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[FlaskClient]:
    app = create_app(settings)
    yield app.test_client()
    app.extensions["rooms"].watch.stop()


@pytest.fixture(scope="module")
def told(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json
    return found


def address(path: str) -> str:
    names = {"/figures/{name}": "roc.svg", "/releases/{name}/card": "1-aa"}
    return path.replace("{name}", NAMES.get(path) or names.get(path, ""))


def gets(told: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = [(path, ways["get"]["responses"]) for path, ways in told["paths"].items() if "get" in ways]
    assert len(found) >= 27
    return found


def test_headers_of_an_answer_are_those_that_are_described(client: FlaskClient, told: dict[str, Any]) -> None:
    for path, answers in gets(told):
        found = client.get(address(path))

        described = set(answers["200"]["headers"])
        assert found.status_code == 200, path
        assert TOLD & set(found.headers.keys()) == described, path
        if "Content-Disposition" in described:
            assert (
                answers["200"]["headers"]["Content-Disposition"]["schema"]["const"]
                == found.headers["Content-Disposition"]
            )


def test_what_has_not_changed_is_answered_so_where_that_is_described(client: FlaskClient, told: dict[str, Any]) -> None:
    for path, answers in gets(told):
        tag = client.get(address(path)).headers.get("ETag", "*")
        found = client.get(address(path), headers={"If-None-Match": tag})

        asks = [it for it in told["paths"][path]["get"].get("parameters", ()) if it["name"] == "If-None-Match"]
        assert found.status_code == (304 if "304" in answers else 200), path
        assert [it["in"] for it in asks] == (["header"] if "304" in answers else [])
        if "304" in answers:
            assert set(answers["304"]["headers"]) == TOLD & set(found.headers.keys()) - {"Content-Disposition"}
            assert "content" not in answers["304"]


def test_a_page_is_described_where_a_browser_gets_one(client: FlaskClient, told: dict[str, Any]) -> None:
    for path, answers in gets(told):
        found = client.get(address(path), headers={"Accept": HTML})

        assert (found.mimetype == HTML) is (HTML in answers["200"]["content"]), path


@pytest.mark.parametrize("accept", [HTML, JSON])
def test_a_refusal_is_of_a_kind_that_is_described(client: FlaskClient, told: dict[str, Any], accept: str) -> None:
    for path, answers in gets(told):
        found = client.get(f"{address(path)}?unknown=1", headers={"Accept": accept})

        assert found.status_code == 422
        assert found.mimetype in answers["422"]["content"], path
        assert TOLD & set(found.headers.keys()) == set(answers["422"]["headers"]), path


def test_a_host_that_stands_twice_is_refused_as_described(client: FlaskClient, told: dict[str, Any]) -> None:
    for path, answers in gets(told):
        assert client.get(address(path), headers={"Host": "localhost, evil"}).status_code == 400, path
        assert "Host" in answers["400"]["description"]


def test_without_a_report_pages_answer_and_figures_are_refused(tmp_path: Path) -> None:
    app = create_app(lay_out(tmp_path))
    client = app.test_client()
    told = client.get("/openapi.json").json

    for path, answers in gets(told):
        found = client.get(address(path), headers={"Accept": HTML if path in PAGES else JSON})
        assert str(found.status_code) in answers, path
        assert found.mimetype in answers[str(found.status_code)]["content"], path
        assert (found.status_code == 200) or path not in PAGES
    app.extensions["rooms"].watch.stop()
    assert "no report is made" not in told["paths"]["/model"]["get"]["responses"]["503"]["description"]


def test_all_but_health_may_be_refused_under_overload_and_are_told_when_to_come_again(told: dict[str, Any]) -> None:
    for path, ways in told["paths"].items():
        for way in ways.values():
            if path not in security.OPEN:
                assert set(way["responses"]["503"]["headers"]) >= set(BUSY.headers), path
                assert "overloaded" in way["responses"]["503"]["description"]
    assert "Retry-After" in told["paths"]["/outcomes"]["post"]["responses"]["429"]["headers"]


def test_a_missing_token_is_asked_for_as_it_is_described(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(security.TOKEN, TOKEN)
    app = create_app(settings)
    client = app.test_client()
    told = client.get("/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}).json

    found = client.get("/scoring")

    app.extensions["rooms"].watch.stop()
    described = told["paths"]["/scoring"]["get"]["responses"]["401"]["headers"]
    assert set(described) == (TOLD | {"WWW-Authenticate"}) & set(found.headers.keys())


def test_another_method_is_told_those_that_there_are(client: FlaskClient, told: dict[str, Any]) -> None:
    for path, ways in told["paths"].items():
        found = client.delete(address(path))

        allowed = {it for way in ways for it in (way.upper(), "HEAD" if way == "get" else way.upper())}
        assert (found.status_code, found.mimetype) == (405, PROBLEM)
        assert set(found.headers["Allow"].split(", ")) == allowed | {"OPTIONS"}, path
    assert "405" in told["info"]["description"]


def test_every_reference_of_the_description_leads_somewhere(told: dict[str, Any]) -> None:
    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from ([value["$ref"]] if "$ref" in value else [])
        for it in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from references(it)

    for name in set(references(told)):
        _, *keys = name.split("/")
        found: Any = told
        for key in keys:
            found = found[key]
