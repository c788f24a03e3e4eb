"""A column that is shown as a client's worth or manager and is learned from too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app import create_app
from tests.conftest import Installations, Project

HEADER = "corporation,month,ann,charges,tenure,exited"


def clients(n: int, seed: int = 0, first: int = 0) -> str:
    """Return clients of whom the expensive ones of one manager leave."""
    draw = np.random.default_rng(seed)
    charges, tenure, owner = draw.lognormal(4, 1, n).round(2), draw.integers(1, 70, n), draw.integers(0, 2, n)
    left = draw.random(n) < 1 / (1 + np.exp(-1.5 * (np.log(charges) - 4) + 2 * owner))
    rows = zip(range(first, first + n), owner, charges, tenure, left.astype(int), strict=True)
    lines = [f"c{name:05d},2026-01,{('Ann', 'Bo')[who]},{a},{b},{mark}" for name, who, a, b, mark in rows]
    return "\n".join([HEADER, *lines]) + "\n"


def deploy_company(project: Project) -> None:
    features = {"charges": {"minimum": 0}, "tenure": "numeric", "ann": "categorical"}
    schema = {"features": features, "value": "charges", "owner": "ann", "period": "month"}
    project.configure(schema=schema, capacity={"calls_per_week": 5, "per": "owner"})
    project.drop("testdata/testdata.csv", clients(200, seed=9, first=90_000))
    project.drop("sourcedata/clients.csv", clients(700))
    assert project.run("fullprocess", "--json").json["outcome"] == "deployed"


@pytest.fixture
def company(installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(deploy_company, tmp_path)


@pytest.mark.slow
def test_worth_and_manager_that_are_features_too_go_the_whole_way_once(company: Project) -> None:
    assert company.text("ingesteddata/finaldata.csv").splitlines()[0] == "corporation,month,charges,tenure,ann,exited"
    shown, card = company.json("models/snapshot.json"), company.json("models/trainedmodel.json")
    assert card["features"] == {"charges": "numeric", "tenure": "numeric", "ann": "categorical"}
    assert card["scores"]["auc"] > 0.7
    assert list(shown["statistics"]["columns"]) == ["charges", "tenure"]
    assert list(shown["missing_percent"]).count("charges") == 1
    assert {call["owner"] for call in shown["call_list"]} == {"Ann", "Bo"}
    assert all(call["value"] > 0 for call in shown["call_list"])
    assert shown["schema"]["value"] == "charges"


@pytest.mark.slow
def test_the_service_asks_for_such_a_column_once(company: Project) -> None:
    client = create_app(company.settings).test_client()
    asked = [{"corporation": "x", "charges": 400, "tenure": 3, "ann": "Ann"}, {"charges": 4, "tenure": 3, "ann": "Bo"}]

    answered = client.post("/prediction", json={"clients": asked})

    assert answered.status_code == 200, answered.json
    assert answered.json["risks"][0] > answered.json["risks"][1]
    refused = client.post("/prediction", json={"clients": [{"charges": -1, "tenure": 3, "ann": "Ann"}]})
    assert refused.status_code == 422


@pytest.mark.slow
def test_a_revised_worth_is_another_row_to_the_model(company: Project) -> None:
    before = company.json("models/snapshot.json")["dataset"]["version"]
    lines = company.text("sourcedata/clients.csv").splitlines()
    *names, _, tenure, _ = lines[1].split(",")
    lines[1] = ",".join([*names, "99999", tenure, ""])
    company.drop("sourcedata/clients.csv", "\n".join(lines) + "\n")

    company.run("fullprocess")

    assert company.json("models/snapshot.json")["dataset"]["version"] != before
    first = company.text("models/clientrisks.csv").splitlines()[1]
    assert first.split(",")[1] == "c00000"
    assert company.run("ingestion", "--verify").code == 0
