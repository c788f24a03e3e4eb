"""A level that the live model was not trained on, among current clients: told when it comes, before any outcome."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app import create_app
from risk.modeling import families
from tests.conftest import HEADER, Installations, Project, table
from tests.kept_texts import holding
from tests.story.test_base_rate_story import noise

FEATURES = dict.fromkeys(HEADER.split(",")[1:-1], "numeric") | {"site": "categorical"}
TOLD = "20 clients of site = Site 99, a level the model was not trained on: their risk is that of an unknown level."
NOTED = "20 clients of a level of site that the model was not trained on: their risk is that of an unknown level."
HINT = "<bdi>site = Site 99</bdi>: the model was not trained on this level"


def at_sites(text: str, sites: list[str]) -> str:
    """Return a client file with the site of each row in turn."""
    head, *rows = text.splitlines()
    parts = [row.rpartition(",") for row in rows]
    lines = [f"{figures},{sites[at % len(sites)]},{mark}" for at, (figures, _, mark) in enumerate(parts)]
    return "\n".join([f"{head.rpartition(',')[0]},site,exited", *lines]) + "\n"


def trained(project: Project) -> None:
    project.configure(schema={"features": FEATURES})
    rare = ["Site 7", *["Site 1", "Site 2"] * 200]  # three rows are of Site 7, which shares an indicator
    project.drop("sourcedata/dataset1.csv", at_sites(table(900), rare))
    project.drop("testdata/testdata.csv", at_sites(table(200, seed=9, first=90_000), rare))
    assert project.run("fullprocess").code == 0


@pytest.fixture
def later(installations: Installations, tmp_path: Path) -> Project:
    """The project after a file without outcomes of clients of sites known, rare, missing and new."""
    project = installations.copy(trained, tmp_path)
    news = table(60, seed=3, first=7_000, labels=False)
    project.drop("sourcedata/dataset2.csv", at_sites(news, ["Site 99", "Site 1", "Site 99", "Site 7", "Site 2", ""]))
    return project


def test_run_status_and_report_tell_of_the_clients_of_a_level_that_is_new(later: Project) -> None:
    assert "site" not in str(later.json("models/snapshot.json")["warnings"])

    later.run("fullprocess", whole=True)

    assert later.json("models/snapshot.json")["warnings"].count(TOLD) == 1
    journal = later.text("production_deployment/journal.jsonl")
    assert NOTED in journal
    assert "Site 99" not in journal
    assert NOTED in later.run("fullprocess", "--status").out
    assert later.run("fullprocess").out == "no new data\n"


def test_page_client_and_predictions_tell_of_it(later: Project) -> None:
    later.run("fullprocess")
    app = create_app(later.settings)
    client = app.test_client()
    names = ["c07000", "c07001", "c07003"]
    figures = [client.get(f"/clients/{name}").json["rows"][0]["values"] for name in names]
    rows = [{name: it[name] for name in FEATURES} for it in figures]
    by_name, by_figures = (client.post("/prediction", json=it).json["warnings"] for it in ({"ids": names}, rows))
    pages = [
        client.get(f"/{it}", headers={"Accept": "text/html"}).text for it in ("", *(f"clients/{n}" for n in names))
    ]
    app.extensions["rooms"].watch.stop()

    assert by_name == by_figures
    assert [(it["row"], it["field"]) for it in by_name] == [(0, "site")]
    assert "Please note" in pages[0]
    assert TOLD in pages[0]
    assert [HINT in page for page in pages[1:]] == [True, False, False]


def test_reasons_on_the_list_and_of_predictions_claim_nothing_of_it(project: Project) -> None:
    project.configure(schema={"features": FEATURES}, capacity={"calls_per_week": 60})
    rows = at_sites(table(900), [*["Site 1"] * 4, "Site 2"]).splitlines()
    risky = [f"{row[:-1]}1" if "Site 2" in row and place % 3 else row for place, row in enumerate(rows)]
    project.drop("sourcedata/dataset1.csv", "\n".join(risky) + "\n")
    project.drop("sourcedata/dataset2.csv", at_sites(table(60, seed=3, first=7_000, labels=False), ["Site 99"]))

    project.run("fullprocess")

    calls = [it for it in project.json("models/snapshot.json")["call_list"] if it["client"] >= "c07"]
    app = create_app(project.settings)
    predicted = app.test_client().post("/prediction?reasons=5", json={"ids": ["c07000", "c07001"]}).json["reasons"]
    app.extensions["rooms"].watch.stop()
    told = {reason for it in (*(call["reasons"] for call in calls), *predicted) for reason in it if "Site 99" in reason}
    assert told == {"site Site 99 (the model was not trained on such clients)"}


def page_of(project: Project, name: str) -> str:
    app = create_app(project.settings)
    page = app.test_client().get(f"/clients/{name}", headers={"Accept": "text/html"}).text
    app.extensions["rooms"].watch.stop()
    return page


def test_the_page_of_a_client_tells_nothing_of_levels_beside_a_risk_of_another_release(later: Project) -> None:
    later.run("fullprocess")
    path = (later.root / "models/snapshot.json").resolve()
    shown = json.loads(path.read_bytes())

    path.write_text(json.dumps(shown | {"release": shown["release"] | {"name": "0-other"}}))

    assert "The list is of another release" in (page := page_of(later, "c07000"))
    assert HINT not in page


def test_a_level_that_only_an_erased_client_had_leaves_the_report_sets(later: Project) -> None:
    later.drop("sourcedata/dataset3.csv", at_sites(table(1, first=8_000, labels=False), ["Zebra9"]))
    later.run("fullprocess", whole=True)
    held = [path for path in holding(later.root, "Zebra9") if path.startswith("models/reports/")]
    assert {Path(path).name for path in held} >= {"snapshot.json", "report.pdf", "factors.svg"}

    said = later.run("ingestion", "--erase", "c08000", "--reason", "request 7")

    assert "site: 1 value of it only rows of theirs had, gone from report sets" in said.out
    assert not holding(later.root, "Zebra9")
    warnings = later.json("models/snapshot.json")["warnings"]
    assert [it for it in warnings if "site = Site 99 or site = [erased], levels the model was not trained on" in it]


def test_a_level_that_is_new_changes_nothing_where_all_clients_have_one_risk(project: Project) -> None:
    project.configure(schema={"features": FEATURES})
    project.drop("sourcedata/clients.csv", at_sites(noise(), ["Site 1", "Site 2"]))
    project.drop("sourcedata/later.csv", at_sites(table(20, first=7_000, labels=False), ["Site 99"]))

    project.run("fullprocess")

    assert families.NO_FEATURE in (page := page_of(project, "c07000"))
    assert HINT not in page
