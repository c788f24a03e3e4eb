"""A table in which no feature tells who leaves: all have the same risk, and everybody is told so."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app import create_app
from risk.modeling import families
from risk.modeling.selection import RECALIBRATED
from risk.report.situation import level
from tests.conftest import HEADER, Installations, Project

TITLE = "All clients have the same risk"
PAGE = {"Accept": "text/html"}


def noise(n: int = 403, seed: int = 26, share: float = 0.25, first: int = 0) -> str:
    """Return a client file whose figures have nothing to do with who leaves; of every seventh that is not known."""
    draw = np.random.default_rng(seed)
    figures = [draw.lognormal(mean, 1, n).astype(int) for mean in (4, 6, 3)]
    left = (draw.random(n) < share).astype(int)
    rows = (
        f"a{first + at:04d},{a},{b},{c},{'' if at % 7 == 3 else left[at]}"
        for at, (a, b, c) in enumerate(zip(*figures, strict=True))
    )
    return "\n".join([HEADER, *rows]) + "\n"


def without_signal(project: Project) -> None:
    project.configure(capacity={"calls_per_week": 20})
    project.drop("sourcedata/clients.csv", noise())
    said = project.run("fullprocess", whole=True)
    assert said.code == 0, said.err
    project.drop("said.txt", said.out)


@pytest.fixture
def made(installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(without_signal, tmp_path)


def test_every_client_has_the_risk_that_the_model_itself_answers(made: Project) -> None:
    card, shown = made.json("models/trainedmodel.json"), made.json("models/snapshot.json")
    lines = list(csv.DictReader(made.text("models/clientrisks.csv").splitlines()))
    stated = list(csv.DictReader(noise().splitlines()))
    figures = [{name: float(it[name]) for name in HEADER.split(",")[1:-1]} for it in stated]
    app = create_app(made.settings)
    client = app.test_client()
    ids, rows = [it["client"] for it in lines], [*figures, dict.fromkeys(figures[0], 1e300), dict.fromkeys(figures[0])]
    by_name, by_figures = (client.post("/prediction", json=it).json for it in ({"ids": ids}, rows))
    one = client.get("/clients/a0084").json
    app.extensions["rooms"].watch.stop()

    assert card["size"] == families.BASE_RATE
    (risk,) = set(shown["risks"])
    assert {it["risk"] for it in shown["call_list"]} == {risk} == set(by_name["risks"]) == set(by_figures["risks"])
    assert {line["rank"] for line in lines} == {"1"} == {str(it) for it in by_name["ranks"] + by_figures["ranks"]}
    assert ids == sorted(ids)
    assert set(by_name["bands"]) == set(by_figures["bands"]) == {level(risk)} == {one["band"]}
    assert set(by_name["predictions"]) == set(by_figures["predictions"]) == {int(risk >= card["threshold"])}
    assert (one["risk"], one["drivers"], one["reasons"]) == (risk, [], [])
    assert {it["warnings"][0]["message"] for it in (by_name, by_figures)} == {families.NO_FEATURE}
    assert shown["newest"]["auc"] == shown["scores"]["auc"] == 0.5


def test_everybody_reads_that_the_list_is_in_no_order_of_risk(made: Project) -> None:
    app = create_app(made.settings)
    pages = {it: app.test_client().get(it, headers=PAGE).text for it in ("/", "/clients/a0084", "/model", "/drift")}
    app.extensions["rooms"].watch.stop()
    said, card = made.text("said.txt"), made.text("production_deployment/current/modelcard.md")

    assert families.NO_FEATURE in said
    assert not any(it in said for it in ("refused", "worse", "proven for these columns"))
    assert all(TITLE in page and families.NO_FEATURE in page for page in pages.values())
    assert "its clients stand by name" in pages["/"]
    assert "with care" not in "".join([*pages.values(), card])
    assert "Another model was deployed" not in pages["/clients/a0084"]
    assert "factors.svg" not in pages["/model"]
    assert " % at " not in card
    assert families.NO_FEATURE in card


def test_the_run_is_explained_without_figures_of_a_model_that_is_the_base_rate(made: Project) -> None:
    said = " ".join(made.run("diagnostics", "--explain", "last").out.split())

    assert families.NO_FEATURE in said
    assert "Calibration" not in said
    assert "refused" not in said


def test_with_values_the_order_by_expected_gain_is_told(made: Project) -> None:
    head, *rows = noise().splitlines()
    worth: list[Any] = [f"{row},{100 + (at * 37) % 400}" for at, row in enumerate(rows)]
    made.drop("sourcedata/clients.csv", "\n".join([f"{head},worth", *worth]) + "\n")
    gain = {"calls_per_week": 20, "order": "expected gain", "acceptance": 0.5, "call_cost": 1}
    made.configure(schema={"value": "worth"}, capacity=gain)

    made.run("fullprocess")

    shown = made.json("models/snapshot.json")
    values = [it["value"] for it in shown["call_list"]]
    assert values == sorted(values, reverse=True)
    assert len(set(shown["risks"])) == 1
    app = create_app(made.settings)
    page = app.test_client().get("/", headers=PAGE).text
    app.extensions["rooms"].watch.stop()
    assert "by expected gain" in page


def test_a_base_rate_whose_level_is_set_right_is_one_still(made: Project) -> None:
    made.drop("sourcedata/later.csv", noise(900, seed=5, share=0.6, first=1_000))

    made.run("fullprocess")

    card, shown = made.json("models/trainedmodel.json"), made.json("models/snapshot.json")
    assert (card["learned"], card["size"], shown["outcome"]) == (RECALIBRATED, families.BASE_RATE, "deployed")
    assert len(set(shown["risks"])) == 1
    assert shown["risks"][0] == pytest.approx(0.6, abs=0.05)
    assert families.NO_FEATURE in shown["reason"]
