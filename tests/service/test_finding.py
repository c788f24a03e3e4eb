"""All clients, as programs and browsers find them: the same address finds the same ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from flask.testing import FlaskClient

from app import create_app
from risk.disk import paths
from tests.installation import lay_out, report, snapshot
from tests.service.test_pages import BROWSER, Page, names

OWNERS = {"acme": "Ann", "bolt": "", "corp": "Bob", "dorn": "", "echo": "Ann"}


def client_of(root: Path, line: str = "{},{},0.5,1,{},,", **changes: object) -> Iterator[FlaskClient]:
    settings, listed = lay_out(root), [(name, 0.5) for name in OWNERS]
    folder = report(settings, "1", None, listed, shown=snapshot(None, listed) | changes)
    rows = [line.format(rank, name, owner) for rank, (name, owner) in enumerate(OWNERS.items(), 1)]
    (folder / paths.CLIENT_RISKS).write_text("\n".join(["rank,client,risk,prediction,owner,value,period", *rows, ""]))
    app = create_app(settings)
    yield app.test_client()
    app.extensions["rooms"].watch.stop()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    yield from client_of(tmp_path_factory.mktemp("finding") / "root")


EVERYBODY = list(OWNERS)
QUERIES = {
    "": EVERYBODY, "owner=": EVERYBODY, "owner=Ann": ["acme", "echo"], "owner=%E2%80%93": ["bolt", "dorn"],
    "owner=nobody": [], "q=": EVERYBODY, "sort=&show=": EVERYBODY, "limit=2": ["acme", "bolt"], "limit=0": [],
    "limit=2&page=3": ["echo"], "limit=2&offset=3": ["dorn", "echo"], "offset=3": ["dorn", "echo"], "offset=9": [],
    "page=1": EVERYBODY, "owner=Ann&limit=1&page=2": ["echo"],
}  # fmt: skip


@pytest.mark.parametrize(("query", "found"), QUERIES.items())
def test_an_address_finds_the_same_clients_for_programs_and_browsers(
    client: FlaskClient, query: str, found: list[str]
) -> None:
    told, page = client.get(f"/clients.json?{query}").json, client.get(f"/clients?{query}", headers=BROWSER)

    assert [it["client"] for it in told["clients"]] == found
    assert [unquote(it.removeprefix("/clients/")) for it in names(Page(page.text))] == found


REFUSED = {
    "page=2&offset=3": ("page", "page and offset are both given; give one of them"),
    "page=2": ("page", "page is 2, but the last is 1: 5 clients, 100 a page"),
    "page=4&limit=2": ("page", "page is 4, but the last is 3: 5 clients, 2 a page"),
    "page=2&q=nobody": ("page", "page is 2, but the last is 1: 0 clients, 100 a page"),
    "page=1000001": ("page", "page is '1000001', expected a whole number from 1 to 1000000"),
    "sort=renewal": ("sort", "name the column in schema.renewal, run fullprocess.py"),
    "show=renews": ("show", "name the column in schema.renewal, run fullprocess.py"),
    "sort=value_at_risk": ("sort", "name the column in schema.value, run fullprocess.py"),
}


@pytest.mark.parametrize(("query", "told"), REFUSED.items())
def test_what_cannot_be_found_is_refused_with_what_to_do(
    client: FlaskClient, query: str, told: tuple[str, str]
) -> None:
    found, page = client.get(f"/clients?{query}"), client.get(f"/clients?{query}", headers=BROWSER)

    assert (found.status_code, found.json["field"], page.status_code) == (422, told[0], 422)
    assert found.json["detail"].endswith(told[1])
    assert told[1].lower() in Page(page.text).text.lower()


def test_the_pages_of_an_address_keep_their_size_and_leave_the_offset(client: FlaskClient) -> None:
    def links(query: str) -> set[str]:
        return set(Page(client.get(f"/clients?{query}", headers=BROWSER).text).all("href"))

    assert {"/clients?page=2&limit=2"} <= links("limit=2")
    assert {"/clients?limit=2", "/clients?page=3&limit=2"} <= links("limit=2&offset=3")
    assert "/clients?page=3&limit=2" in links("limit=2&offset=7")
    assert json.loads(client.get("/clients?limit=2&page=2").data)["offset"] == 2


def test_beyond_all_clients_a_page_does_not_say_that_nobody_fits(client: FlaskClient) -> None:
    told = Page(client.get("/clients?offset=9", headers=BROWSER).text).text

    assert "Nobody stands here, of 5 clients." in told
    assert "Nobody fits this" not in told


def test_clients_with_values_and_renewals_are_sorted_by_them(tmp_path: Path) -> None:
    for client in client_of(tmp_path, "{},{},0.5,1,{},70,", renewals=[None, *["2026-12-01"] * 4]):
        for query in ("sort=renewal", "show=renews", "sort=value_at_risk"):
            assert client.get(f"/clients?{query}").status_code == 200


def test_nothing_of_a_negative_value_is_at_risk(tmp_path: Path) -> None:
    capacity = {"calls_per_week": 9, "per": "all", "order": "expected gain", "acceptance": 0.5, "call_cost": 20}
    money = {"currency": None, "listed": 0.0, "everyone": 0.0, "owners": []}
    for client in client_of(tmp_path, "{},{},0.5,1,{},-7000,", capacity=capacity, money=money):
        everyone, one = (
            client.get(path, headers=BROWSER).text for path in ("/clients?sort=value_at_risk", "/clients/acme")
        )

        assert "-7,000" in everyone
        assert "-7,000" in one
        assert "-3,500" not in everyone + one
        assert "<dd>-20</dd>" in one  # a call costs and gains nothing


def test_only_orders_and_filters_that_the_report_holds_are_described(client: FlaskClient, tmp_path: Path) -> None:
    def described(found: FlaskClient) -> list[list[str]]:
        told = found.get("/openapi.json").json["paths"]["/clients"]["get"]["parameters"]
        return [it["schema"]["enum"] for it in told if it["name"] in ("sort", "show")]

    (whole,) = map(described, client_of(tmp_path, "{},{},0.5,1,{},70,", renewals=["2026-12-01"] * 5))

    assert whole == [["", "rank", "value_at_risk", "renewal", "client"], ["", "renews"]]
    assert described(client) == [["", "rank", "client"], [""]]
