"""Tables without a target, and logs of events: from the first files to a list of current clients and a live model."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
from ingesting import current, ingest

from app import create_app
from tests.conftest import Project

HEADER = "corporation,month,lastmonth_activity,lastyear_activity,number_of_employees"
MONTHS = ("2024-01", "2024-02", "2024-03", "2024-04", "2024-05")


def lives(seed: int = 3, n: int = 300) -> list[dict[str, float]]:
    """Return, for each month, the activity of each client who is there: of the quiet ones fewer are next month."""
    draw, found, there = np.random.default_rng(seed), [], [f"c{number:04d}" for number in range(n)]
    for month in range(len(MONTHS)):
        activity = {client: round(float(draw.lognormal(3, 1)), 1) for client in there}
        found.append(activity)
        stay = [it for it, much in activity.items() if draw.random() > 1 / (1 + np.exp(1.5 * (np.log(much) - 2)))]
        there = stay + [f"n{month}{number:03d}" for number in range(n - len(stay))]
    return found


def snapshot(month: str, activity: dict[str, float]) -> str:
    rows = (f"{client},{month},{much},{10 * much:.1f},5" for client, much in activity.items())
    return "\n".join([HEADER, *rows]) + "\n"


def log(month: str, activity: dict[str, float]) -> str:
    """Return events of a month: the more activity, the more events; the last day of the month has one."""
    rows = ["id,at,paid,what"]
    for client, much in activity.items():
        rows += [f"{client},{month}-{1 + number % 28:02d},{much},visit" for number in range(1 + int(np.log1p(much)))]
    return "\n".join(
        [*rows, f"{client},{month}-{'31' if month[-1] in '135' else '30' if month != '2024-02' else '29'},1,"]
    )


def listed(project: Project) -> set[str]:
    """Return who is ranked."""
    return {row["client"] for row in csv.DictReader(io.StringIO(project.text("models/clientrisks.csv")))}


def told(project: Project) -> list[str]:
    warnings: list[str] = project.json("models/snapshot.json")["warnings"]
    return warnings


@pytest.mark.slow
def test_a_table_without_a_target_becomes_a_list_of_those_who_are_there(project: Project) -> None:
    project.configure(schema={"period": "month", "target": {"absent_for": "30 days"}})
    months = lives()
    for name, activity in zip(MONTHS[:4], months, strict=False):
        project.drop(f"sourcedata/{name}.csv", snapshot(name, activity))

    first = project.run("fullprocess", "--json")

    assert (first.code, first.json["outcome"]) == (0, "deployed"), first.err
    assert listed(project) == set(months[3])
    assert project.json("models/trainedmodel.json")["horizon"] == "the next 30 days"

    back = next(it for it in months[0] if it not in months[1])
    project.drop("sourcedata/2024-05.csv", snapshot("2024-05", months[4] | {back: 9.9}))
    second = project.run("fullprocess", "--json")

    assert second.code == 0, second.err
    assert listed(project) == {*months[4], back}
    assert any("client who had left has come back" in it or "clients who had left have" in it for it in told(project))
    assert project.json("models/snapshot.json")["dataset"]["n_labelled"] == 4 * 300
    assert [it["path"] for it in project.json("models/snapshot.json")["dataset"]["sources"]] == [
        f"{name}.csv" for name in MONTHS
    ]
    assert project.run("fullprocess", "--json").json["outcome"] == "no new data"


@pytest.mark.slow
def test_events_become_a_live_model_whose_features_a_request_may_name(project: Project) -> None:
    events = {"client": "id", "time": "at", "amount": "paid", "kind": "what", "kinds": ["visit"]}
    project.configure(events=events, schema={"target": {"absent_for": "30 days"}})
    months = lives()
    for name, activity in zip(MONTHS, months, strict=True):
        project.drop(f"sourcedata/{name}.csv", log(name, activity))

    said = project.run("fullprocess", "--json")

    assert (said.code, said.json["outcome"]) == (0, "deployed"), said.err
    card = project.json("models/trainedmodel.json")
    assert list(card["features"]) == list(project.settings.schema.kinds)
    assert listed(project) == set(months[4])
    assert "A row is made of all events of a client in a month" in project.text(
        "production_deployment/current/modelcard.md"
    )
    client = create_app(project.settings).test_client()
    known = client.post("/prediction", json={"ids": sorted(months[4])[:2]})
    given = client.post("/prediction", json={"clients": [dict.fromkeys(card["features"], 1)]})
    assert (known.status_code, given.status_code) == (200, 200), given.json


def test_a_run_that_was_cut_off_before_it_derived_is_finished_by_the_next(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.configure(schema={"period": "month", "target": {"absent_for": "30 days"}})
    for name, activity in zip(MONTHS[:3], lives(n=30), strict=False):
        project.drop(f"sourcedata/{name}.csv", snapshot(name, activity))

    def cut(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("risk.dataset.derived._taken", cut)
        with pytest.raises(KeyboardInterrupt):
            ingest(project)
    assert current(project).counts == {}
    ingest(project)

    assert current(project).counts == {"n_rows": 90, "n_labelled": 60}
