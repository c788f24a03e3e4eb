from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from app import create_app
from risk.disk import paths
from risk.service import explaining
from risk.service.client_answers import ClientAnswer
from risk.service.live import Watch
from tests.conftest import Installations, Project, table

BROWSER = {"Accept": "text/html"}
LEVELS = ("basic", "plus", "pro")

pytestmark = pytest.mark.slow


def company(project: Project, family: str = "logistic") -> None:
    """Do a first run on clients with a plan; one in nine has none."""
    features = {"lastmonth_activity": "numeric", "number_of_employees": {"context": True}, "plan": "categorical"}
    project.configure(schema={"features": features}, model={"family": family}, capacity={"calls_per_week": 10})
    header, *lines = table(300).splitlines()
    rows = [f"{line},{'' if at % 9 == 0 else LEVELS[at % 3]}" for at, line in enumerate(lines)]
    for name in ("sourcedata/dataset1.csv", "testdata/testdata.csv"):
        project.drop(name, "\n".join([f"{header},plan", *rows]) + "\n")
    assert project.run("fullprocess").code in (0, 4)


def of_boosting(project: Project) -> None:
    """Do a first run with a model that is no sum of terms."""
    company(project, "boosting")


@pytest.mark.parametrize("made", [company, of_boosting])
def test_a_listed_client_would_be_explained_as_the_list_does(
    made: object, installations: Installations, tmp_path: Path
) -> None:
    project = installations.copy(made, tmp_path)  # type: ignore[arg-type]
    watch = Watch(project.settings.production, project.settings.models, project.settings.schema)

    for call in project.json("models/snapshot.json")["call_list"]:
        found = explaining.why(watch.live, watch.schema, call["client"])

        assert found["reasons"] == call["reasons"]
        assert found["context"] == call["context"]
        assert [name for name, _ in found["drivers"]] == [name for name, _ in call["drivers"]]
    watch.stop()


@pytest.mark.parametrize("made", [company, of_boosting])
def test_a_prediction_gives_the_reasons_of_the_list(made: object, installations: Installations, tmp_path: Path) -> None:
    project = installations.copy(made, tmp_path)  # type: ignore[arg-type]
    calls = project.json("models/snapshot.json")["call_list"]
    names, *rows = map(json.loads, project.text("models/reports/current/clientfeatures.jsonl").splitlines())
    client, told = create_app(project.settings).test_client(), [it["reasons"] for it in calls]
    figures = [dict(zip(names, row, strict=True)) for row in rows[: len(calls)]]

    two, by_name, posted = (
        client.post(f"/prediction?reasons={most}", json=body).json
        for most, body in (
            (2, {"ids": [it["client"] for it in calls]}), (9, {"ids": [it["client"] for it in calls]}), (9, figures),
        )
    )  # fmt: skip

    assert two["reasons"] == [it[:2] for it in told]
    assert by_name["reasons"] == posted["reasons"] == told


def test_the_json_of_any_client_holds_what_its_page_shows(installations: Installations, tmp_path: Path) -> None:
    project = installations.copy(company, tmp_path)
    client = create_app(project.settings).test_client()
    names = [it["client"] for it in client.get("/clients").json["clients"]]

    for name, on_list in ((names[0], True), (names[-1], False)):
        answer = client.get(f"/clients/{name}")
        told = msgspec.json.decode(answer.data, type=ClientAnswer)

        assert told.on_list is on_list
        assert [it.feature for it in told.drivers]
        assert [it.file for it in told.rows] == ["dataset1.csv"]
        assert {"lastmonth_activity", "plan"} <= set(told.rows[0].values)


def test_the_page_of_any_client_says_what_drives_the_risk(installations: Installations, tmp_path: Path) -> None:
    project = installations.copy(company, tmp_path)
    client = create_app(project.settings).test_client()
    shown = project.json("models/snapshot.json")
    listed = {call["client"] for call in shown["call_list"]}
    others = [it["client"] for it in client.get("/clients.json").json["clients"] if it["client"] not in listed]

    pages = [client.get(f"/clients/{name}", headers=BROWSER).text for name in (others[0], others[-1])]

    assert all("What each figure adds to the log-odds of leaving" in text for text in pages)
    assert all("not on the call list" in text for text in pages)
    assert all("The newest row of this client, as the files hold it" in text for text in pages)
    assert all("<bdi>dataset1.csv</bdi>" in text for text in pages)


def test_a_damaged_file_of_rows_leaves_the_page_without_them(installations: Installations, tmp_path: Path) -> None:
    project = installations.copy(company, tmp_path)
    reports = project.settings.models / "reports"
    (reports / "1" / paths.CLIENT_ROWS).write_bytes(b"torn")
    client = create_app(project.settings).test_client()
    name = client.get("/clients.json").json["clients"][0]["client"]

    page = client.get(f"/clients/{name}", headers=BROWSER)

    assert page.status_code == 200
    assert "as the files hold them" not in page.text


def test_after_another_deployment_nothing_is_said_until_the_next_list(
    installations: Installations, tmp_path: Path
) -> None:
    project = installations.copy(company, tmp_path)
    watch = Watch(project.settings.production, project.settings.models, project.settings.schema)
    now, schema = watch.live, project.settings.schema
    assert now.shown is not None
    name = now.shown.clients.names[-1]
    now.shown.snapshot["release"] = {"name": "0-other"}

    assert explaining.why(now, schema, name) == {}
    watch.stop()
