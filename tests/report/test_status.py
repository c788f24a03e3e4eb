from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path

import pytest

from risk.disk import files, journal
from risk.errors import ConfigError
from risk.report import snapshot, status
from risk.text import hours_of
from tests.conftest import Installations, Project, deploy, table


def deploy_daily(project: Project) -> None:
    project.configure(expected_every="24 hours")
    deploy(project)


@pytest.fixture
def deployed(installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(deploy_daily, tmp_path)


def two_days_pass(project: Project) -> None:
    """Bring the project to where it would be if its last rows had come two days earlier."""
    tick = project.root / "production_deployment" / "tick.json"
    told = json.loads(tick.read_text())
    tick.write_text(json.dumps(told | {"due": time.time() - 86_400}))
    age_journal(project.root / "production_deployment" / "journal.jsonl")


def age_journal(path: Path) -> None:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 2 * 86_400))
    lines, previous = [], journal.FIRST
    for line in path.read_text().splitlines():
        lines.append(json.dumps(json.loads(line) | {"at": stamp, "previous": previous}))
        previous = files.digest(lines[-1].encode())
    path.write_text("\n".join([*lines, ""]))


@pytest.mark.parametrize(("text", "hours"), [("24 hours", 24), ("1 day", 24), ("7 days", 168), ("1.5 hours", 1.5)])
def test_hours_and_days_are_understood(text: str, hours: float) -> None:
    assert hours_of(text) == hours


@pytest.mark.parametrize("text", ["", "24", "soon", "0 hours", "-1 days", "1 week"])
def test_another_interval_is_refused_in_one_sentence(project: Project, text: str) -> None:
    project.configure(expected_every=text)

    with pytest.raises(ConfigError, match=r"'expected_every'.*such as '24 hours' or '7 days'"):
        _ = project.settings


def test_a_journal_that_is_missing_is_not_called_sound(project: Project) -> None:
    assert "journal:  0 lines, sound" in project.run("fullprocess", "--status").out
    project.drop("sourcedata/a.csv", table(20))
    assert project.run("ingestion").code == 0
    (project.settings.production / "journal.jsonl").unlink()

    said = project.run("fullprocess", "--status")

    assert said.code == 1
    assert "journal:  missing\n" in said.out
    assert "the journal is missing, but " in said.out


def test_after_the_schema_was_changed_no_dataset_is_named_that_exists_nowhere(project: Project) -> None:
    project.drop("sourcedata/a.csv", table(20))
    project.run("ingestion")
    project.configure(schema={"owner": "manager"})

    said = project.run("fullprocess", "--status")

    assert "dataset:  none of this schema and input folder yet; the next run reads all sources\n" in said.out
    assert json.loads(project.run("fullprocess", "--status", "--json").out)["dataset"] is None


@pytest.mark.slow
def test_a_feed_is_late_only_after_it_was_due(deployed: Project) -> None:
    expected = status.expectation(deployed.settings)
    assert expected is not None

    assert expected["due"] == datetime.fromisoformat(expected["last_arrival"]).timestamp() + 24 * 3600
    assert snapshot.overdue(expected, expected["due"]) is None
    assert "No new rows have come for 25 hours" in str(snapshot.overdue(expected, expected["due"] + 3600))
    assert snapshot.overdue(None, 9e9) is None


@pytest.mark.slow
def test_a_feed_that_comes_in_time_is_not_warned_about(deployed: Project) -> None:
    assert deployed.run("fullprocess").out == "no new data\n"
    assert deployed.json("models/snapshot.json")["warnings"] == []
    assert "late:" not in deployed.run("fullprocess", "--status").out


@pytest.mark.slow
def test_a_feed_that_stops_is_told_once_in_the_report_and_always_in_the_status(deployed: Project) -> None:
    two_days_pass(deployed)

    told = deployed.run("fullprocess", "--json")
    again = deployed.run("fullprocess")

    assert told.json["outcome"] == "no drift"
    assert "No new rows have come for 48 hours" in deployed.json("models/snapshot.json")["warnings"][0]
    assert again.out == "no new data\n"
    assert "No new rows have come" in deployed.run("fullprocess", "--status").out


@pytest.mark.slow
def test_health_and_page_say_that_the_feed_has_stopped(deployed: Project) -> None:
    from app import create_app

    two_days_pass(deployed)
    deployed.run("fullprocess")

    with create_app(deployed.settings).test_client() as client:
        health, page = client.get("/health").json, client.get("/").text

    assert "No new rows have come" in health["late"]
    assert page.count("No new rows have come") == 1
