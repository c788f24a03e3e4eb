"""GET /metrics: what Prometheus reads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from app import create_app
from risk.disk import journal, paths
from risk.service import metrics
from risk.service.predictions import LiveState, Shown, load_clients
from risk.service.traffic import Traffic
from risk.settings.settings import Settings
from tests.installation import deploy, lay_out, report, snapshot

ROOT = Path(__file__).resolve().parents[2]
ONE = {"activity": 3, "size": 10, "sector": "bank"}
NOBODY = load_clients("rank,client,risk,prediction,owner,value,period\n")
Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = lay_out(tmp_path_factory.mktemp("metrics") / "root")
    deploy(settings, "1-aa")
    report(settings, "1", "1-aa")
    run = {"kind": "run", "run": 1, "script": "fullprocess", "at": journal.now(), "outcome": "deployed"}
    journal.append(settings.production / paths.JOURNAL, run)
    (settings.production / paths.LOCK).touch()
    return settings


@pytest.fixture
def client(settings: Settings) -> Iterator[FlaskClient]:
    app = create_app(settings)
    yield app.test_client()
    app.extensions["rooms"].watch.stop()


def figures(text: str) -> Figures:
    """Return every sample by name and labels, the worker's left out."""
    samples = (it for family in text_string_to_metric_families(text) for it in family.samples)
    return {
        (it.name, tuple(sorted((key, told) for key, told in it.labels.items() if key != "worker"))): it.value
        for it in samples
    }


def bare(text: str) -> dict[str, float]:
    return {name: value for (name, labels), value in figures(text).items() if not labels}


def shown(now: LiveState, moment: float = 0.0) -> dict[str, float]:
    return bare(metrics.exposition(Traffic(), now, (), None, moment).decode())


@pytest.mark.slow
def test_requests_seconds_and_rows_are_counted(client: FlaskClient) -> None:
    client.post("/prediction", json=[ONE, ONE, ONE])
    client.post("/prediction", json=[{"activity": "many"}])
    client.get("/nowhere")

    answer = client.get("/metrics")
    found = figures(answer.text)

    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    asked = (("endpoint", "/prediction"), ("method", "POST"))
    assert found["risk_requests_total", (*asked, ("status", "200"))] == 1
    assert found["risk_requests_total", (*asked, ("status", "422"))] == 1
    assert found["risk_requests_total", (("endpoint", "unknown"), ("method", "GET"), ("status", "404"))] == 1
    assert found["risk_predicted_rows_total", ()] == 3
    assert found["risk_request_seconds_count", (("endpoint", "/prediction"),)] == 2
    assert found["risk_request_seconds_bucket", (("endpoint", "/prediction"), ("le", "+Inf"))] == 2
    assert found["risk_request_seconds_sum", (("endpoint", "/prediction"),)] > 0


@pytest.mark.slow
def test_what_is_live_is_told(client: FlaskClient) -> None:
    found = figures(client.get("/metrics").text)

    assert found["risk_release_info", (("release", "1-aa"),)] == 1
    assert found["risk_last_run_info", (("outcome", "deployed"),)] == 1
    told = {name: value for (name, labels), value in found.items() if not labels}
    assert {name: told[f"risk_{name}"] for name in ("ready", "faults", "last_run_failed", "attention")} == {
        "ready": 1, "faults": 0, "last_run_failed": 0, "attention": 0}  # fmt: skip
    assert {name: told[f"risk_{name}"] for name in ("rejected_rows", "call_list_size", "clients", "dataset_rows")} == {
        "rejected_rows": 1, "call_list_size": 2, "clients": 4, "dataset_rows": 29}  # fmt: skip
    assert all(0 <= told[f"risk_{name}_age_seconds"] < 3600 for name in ("last_run", "last_good_run", "last_look"))
    assert told["risk_report_age_seconds"] > 0


@pytest.mark.slow
def test_every_figure_is_explained_in_the_page_on_the_api(client: FlaskClient) -> None:
    page = (ROOT / "docs/reference/api.md").read_text()

    names = {family.name for family in text_string_to_metric_families(client.get("/metrics").text)}

    assert not {name for name in names if f"`{name}" not in page}


def test_nothing_deployed_is_no_error() -> None:
    told = shown(LiveState())

    assert (told["risk_ready"], told["risk_faults"]) == (0, 0)
    assert "risk_last_run_age_seconds" not in told
    assert "risk_call_list_size" not in told


def test_a_report_of_an_older_program_is_no_error() -> None:
    told = shown(LiveState(shown=Shown("1", {"release": None}, NOBODY, None)))

    assert told["risk_call_list_size"] == 0
    assert "risk_rejected_rows" not in told


def test_what_is_held_back_and_what_needs_a_person_is_counted() -> None:
    facts = snapshot("1-aa", [])
    source = facts["dataset"]["sources"][0] | {"state": "held", "rows_read": 250}
    facts["dataset"]["sources"] += [source, source]
    facts["attention"] = [{"kind": "source", "subject": "a", "sentence": "look"}]
    facts["history"] = [{"scan": None}, {"scan": {"rings": True}}, {"scan": {"rings": False}}]

    told = shown(LiveState(shown=Shown("1", facts, NOBODY, None)))

    assert (told["risk_quarantined_sources"], told["risk_quarantined_rows"]) == (2, 500)
    assert (told["risk_attention"], told["risk_drift_alert"]) == (1, 1)


def test_a_failed_run_and_its_age_are_told() -> None:
    run = {"outcome": "failed", "at": "1970-01-01T00:00:10Z"}

    told = shown(LiveState(last_run=run, last_good=run | {"outcome": "deployed", "at": "1970-01-01T00:00:04Z"}), 60.0)

    assert (told["risk_last_run_failed"], told["risk_last_run_age_seconds"]) == (1, 50)
    assert told["risk_last_good_run_age_seconds"] == 56


@pytest.mark.slow
def test_whether_the_compiled_form_answers_is_told(tmp_path: Path) -> None:
    settings = lay_out(tmp_path)
    deploy(settings, "1-aa")
    watch = create_app(settings).extensions["rooms"].watch

    told = [shown(replace(watch.live, model=None)), shown(watch.live)]
    watch.live.model.__dict__["compiled"] = "a level is unknown"
    told.append(shown(watch.live))

    assert [it.get("risk_model_compiled") for it in told] == [None, 1.0, 0.0]


@pytest.mark.slow
def test_a_fault_is_counted(tmp_path: Path) -> None:
    settings = lay_out(tmp_path)
    app = create_app(settings)
    watch = app.extensions["rooms"].watch
    watch._live = replace(watch.live, faults=("the deployed model is damaged",))

    told = bare(app.test_client().get("/metrics").text)
    watch.stop()

    assert told["risk_faults"] == 1


@pytest.mark.slow
def test_the_token_is_asked_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISK_TOKEN", "x" * 32)
    client = create_app(settings).test_client()

    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": f"Bearer {'x' * 32}"}).status_code == 200


@pytest.mark.slow
def test_nobody_pays_for_prometheus_who_does_not_ask() -> None:
    code = "import app, sys; assert 'prometheus_client' not in sys.modules"

    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
