"""The description is that of the service: every route, every key of a query, every answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient

from app import create_app
from risk.disk import paths
from risk.service import operations, security
from risk.service.operations import OPERATIONS
from risk.settings.settings import Settings
from tests.installation import deploy, lay_out, report

TOKEN = "a-secret-of-at-least-32-characters"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = lay_out(tmp_path_factory.mktemp("described") / "root")
    deploy(settings, "1-aa")
    report(settings, "1", "1-aa")
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


def test_every_route_is_described_and_nothing_else(client: FlaskClient, told: dict[str, Any]) -> None:
    rules = [it for it in client.application.url_map.iter_rules() if it.endpoint != "static"]
    routes = {(description_path(str(it)), way.lower()) for it in rules for way in it.methods or () if way in WAYS}

    described = {(path, way) for path, ways in told["paths"].items() for way in ways}

    assert described == routes
    assert {it.endpoint for it in rules} == set(OPERATIONS)


WAYS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def description_path(rule: str) -> str:
    return rule.replace("<path:", "{").replace("<", "{").replace(">", "}")


def test_every_key_that_a_query_may_have_is_described_and_no_other(client: FlaskClient) -> None:
    known = client.application.extensions["queries"]

    assert {name: set(it.names) for name, it in OPERATIONS.items() if it.names} == {
        name: set(keys) for name, keys in known.items()
    }


def test_the_columns_of_a_client_are_those_of_the_live_model(told: dict[str, Any]) -> None:
    figures = told["components"]["schemas"]["ClientFigures"]

    assert figures["required"] == ["activity", "size", "sector"]
    assert figures["properties"]["activity"] == {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]}
    assert {"company", "month", "owner", "value", "left"} <= set(figures["properties"])


def test_no_two_kinds_of_a_body_have_the_same_schema(told: dict[str, Any]) -> None:
    bodies = [
        way["requestBody"]["content"]
        for ways in told["paths"].values()
        for way in ways.values()
        if "requestBody" in way
    ]

    for content in bodies:  # a generated client tells the kinds of a body by their schemas
        schemas = [json.dumps(it["schema"]) for it in content.values()]
        assert len(set(schemas)) == len(schemas)


@pytest.mark.parametrize("kind", ["application/json", "text/csv"])
def test_every_example_of_a_prediction_is_answered(client: FlaskClient, told: dict[str, Any], kind: str) -> None:
    about = told["paths"]["/prediction"]["post"]["requestBody"]["content"][kind]
    bodies = [it["value"] for it in about["examples"].values()] if "examples" in about else [about["example"]]

    for body in bodies:
        content = body if isinstance(body, str) else json.dumps(body)
        assert client.post("/prediction", data=content, content_type=kind).status_code == 200


def test_the_service_is_described_before_any_model_is_live(tmp_path: Path) -> None:
    app = create_app(lay_out(tmp_path))

    told, page = (app.test_client().get(path) for path in ("/openapi.json", "/docs"))

    app.extensions["rooms"].watch.stop()
    assert (told.status_code, page.status_code) == (200, 200)
    assert told.json["components"]["schemas"]["ClientFigures"]["required"] == ["activity", "size", "sector"]


def test_a_token_is_described_where_it_is_needed(
    settings: Settings, told: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(security.TOKEN, TOKEN)
    app = create_app(settings)

    found = app.test_client().get("/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}).json

    app.extensions["rooms"].watch.stop()
    assert [it["scheme"] for it in found["components"]["securitySchemes"].values()] == ["bearer", "basic"]
    assert found["security"] == [{"bearer": []}, {"basic": []}]
    assert found["paths"]["/health"]["get"]["security"] == []
    assert "401" in found["paths"]["/scoring"]["get"]["responses"]
    assert "security" not in told
    assert "401" not in told["paths"]["/scoring"]["get"]["responses"]


ASKED = [
    ("/scoring", "service.scoring"), ("/summarystats", "service.summary_statistics"),
    ("/diagnostics", "service.diagnostics"), ("/history", "service.history"), ("/releases", "service.releases"),
    ("/health", "service.health"), ("/live", "service.alive"), ("/ready", "service.ready"),
    ("/outcomes", "contacts.listing"), ("/clients", "clients.listing"), ("/clients/zeta%2F%2Fone", "clients.client"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "endpoint"), ASKED)
def test_an_answer_is_what_its_closed_struct_says(client: FlaskClient, path: str, endpoint: str) -> None:
    struct = OPERATIONS[endpoint].kinds[operations.JSON]

    msgspec.json.decode(client.get(path).data, type=struct, strict=True)


def test_it_says_over_which_rows_the_statistics_are(client: FlaskClient, told: dict[str, Any]) -> None:
    summary = told["paths"]["/summarystats"]["get"]["summary"]

    assert summary.endswith("over the n_rows rows with a known outcome.")
    assert "All rows, with an outcome or not." in client.get("/metrics").text


def test_a_description_is_the_same_from_the_same_model(client: FlaskClient, settings: Settings) -> None:
    other = create_app(settings)

    again = other.test_client().get("/openapi.json")

    other.extensions["rooms"].watch.stop()
    assert again.data == client.get("/openapi.json").data


def test_the_page_shows_every_endpoint_and_every_schema(client: FlaskClient, told: dict[str, Any]) -> None:
    page = client.get("/docs", headers={"Host": "127.0.0.1:8000"}).text

    for path, ways in told["paths"].items():
        for way in ways.values():
            assert f'id="{way["operationId"]}"' in page, path
    for name in told["components"]["schemas"]:
        assert f'id="schema-{name}"' in page
    assert "list of ClientFigures or" not in re.sub("<[^>]*>", "", page)  # it would be read as a list of either
    assert "`" not in page
    assert "curl -H &#39;Content-Type: application/json&#39; http://127.0.0.1:8000/prediction" in page
    assert paths.PROGRAM in page
