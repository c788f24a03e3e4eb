"""Approval by a person: a challenger that passed the gate waits until one has said yes or no."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import killing
import pytest
from flask.testing import FlaskClient

from app import create_app
from risk.disk import journal, paths
from risk.registry import releases
from tests.conftest import Installations, Project, Said, table
from tests.promises.test_crash import check_all, check_readers, one_of_each_kind

HTML = {"Accept": "text/html"}
JOURNAL = "production_deployment/journal.jsonl"


def asked(project: Project) -> None:
    """Leave an installation whose first run has a model that waits."""
    project.configure(gate={"approval": "person"})
    project.drop("sourcedata/dataset1.csv", table(300))
    project.drop("testdata/testdata.csv", table(100, seed=9, first=90_000))
    first = project.run("fullprocess", "--json")
    assert (first.code, first.json["outcome"]) == (4, "waiting for approval"), first.err


def approved(project: Project) -> None:
    """Leave one whose first model was approved and shown."""
    asked(project)
    assert project.run("deployment", "--approve", "our first").code == 0
    assert project.run("fullprocess").code == 0


def turned(project: Project) -> None:
    """Leave one in which the reason for leaving has changed, and a second model waits."""
    approved(project)
    project.drop("sourcedata/dataset2.csv", table(300, seed=2, turned=True, first=1000))
    said = project.run("fullprocess", "--json", whole=True)
    assert (said.code, said.json["outcome"]) == (4, "waiting for approval"), said.err


@pytest.fixture
def first(installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(asked, tmp_path)


@pytest.fixture
def second(installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(turned, tmp_path)


@pytest.fixture
def client(second: Project) -> Iterator[FlaskClient]:
    app = create_app(second.settings)
    yield app.test_client()
    app.extensions["rooms"].watch.stop()


def live(project: Project) -> str | None:
    return releases.name_of(project.root / "production_deployment")


def lines(project: Project) -> list[dict[str, object]]:
    return journal.read(project.root / JOURNAL)


def status(project: Project) -> Said:
    return project.run("fullprocess", "--status", "--json")


def test_without_the_setting_nobody_is_asked(deployed: Project) -> None:
    said = deployed.run("deployment", "--approve", "yes")

    assert (said.code, "no challenger waits" in said.err) == (1, True)
    assert status(deployed).json["waiting"] is None
    assert "waiting" not in lines(deployed)[-1]


def test_the_very_first_model_waits_too_and_there_is_no_list_until_then(first: Project) -> None:
    shown = first.json("models/snapshot.json")

    assert live(first) is None
    assert (shown["release"], shown["call_list"]) == (None, [])
    assert shown["waiting"]["against"] == "base rate"
    assert "waits for approval" in shown["attention"][0]["sentence"]

    assert first.run("deployment", "--approve", "our first").out.startswith("deployed: 1-")
    assert first.run("fullprocess").code == 0
    assert first.json("models/snapshot.json")["call_list"]
    assert first.json("models/snapshot.json")["waiting"] is None


def test_what_passed_the_gate_waits_and_is_told_once(second: Project) -> None:
    told = status(second).json

    assert str(live(second)).startswith("1-")
    assert told["waiting"]["since"] == told["last_run"]["at"]
    assert told["waiting"]["against"] == live(second)
    assert "it passed the gate and may be deployed" in told["waiting"]["sentence"]
    assert "waiting:  The challenger" in second.run("fullprocess", "--status").out
    assert second.run("fullprocess").out == "no new data\n"
    second.drop("sourcedata/more.csv", table(30, seed=5, first=5000, labels=False))
    again = second.run("fullprocess", "--json")
    assert again.code == 0
    assert [it["kind"] for it in again.json["attention"]] == ["approval"]
    assert again.json["waiting"]["model"] == told["waiting"]["model"]


def test_deploying_without_a_word_is_refused(second: Project) -> None:
    before = live(second)

    said = second.run("deployment", "--json")

    assert (said.code, said.json["outcome"], live(second)) == (3, "waiting for approval", before)
    assert status(second).json["waiting"]


def test_a_person_approves_exactly_what_was_judged(second: Project) -> None:
    waits = status(second).json["waiting"]

    said = second.run("deployment", "--approve", "looks right", "--json")

    intent = next(it for it in reversed(lines(second)) if it["kind"] == "intent")
    run = lines(second)[-1]
    assert (said.code, said.json["outcome"]) == (0, "deployed")
    assert intent["model"] == waits["model"] == second.json("production_deployment/current/verdict.json")["model"]
    assert (intent["approved"], bool(intent["user"]), intent["forced"]) == ("looks right", True, False)
    assert (run["script"], run["attention"], run["waiting"]) == ("deployment", [], None)
    assert status(second).json["waiting"] is None
    told = second.run("diagnostics", "--explain", "last").out
    assert "approved" in told
    assert "looks right" in told
    assert second.run("diagnostics", "--verify").code == 0
    assert second.run("fullprocess", "--json").json["outcome"] in ("no drift", "not enough evidence")


def test_a_person_rejects_and_it_does_not_wait_again_on_the_same_rows(second: Project) -> None:
    before = live(second)

    said = second.run("deployment", "--reject", "not before the audit", "--json")

    assert (said.code, said.json["outcome"], live(second)) == (0, "challenger rejected", before)
    assert status(second).json["waiting"] is None
    assert second.run("fullprocess", "--json").json["attention"] == []
    assert second.json("models/snapshot.json")["waiting"] is None
    forced = second.run("fullprocess", "--force", "--json")
    assert forced.json["outcome"] == "challenger rejected"
    assert "does not wait again" in forced.json["reason"] + str(lines(second)[-1]["sentence"])
    assert second.run("deployment", "--approve", "yes").code == 1
    assert live(second) == before


def test_a_newer_challenger_takes_the_place_of_the_one_that_waits(second: Project) -> None:
    former = status(second).json["waiting"]
    second.drop("sourcedata/dataset3.csv", table(300, seed=3, turned=True, first=3000))

    said = second.run("fullprocess", "--json")

    waits = status(second).json["waiting"]
    assert (said.code, said.json["outcome"]) == (4, "waiting for approval")
    assert waits["model"] != former["model"]
    assert (
        f"It replaces the challenger {former['model'][:12]} that waited before."
        in said.json["attention"][0]["sentence"]
    )
    assert second.run("deployment", "--approve", "the newer one").code == 0
    assert str(live(second)).endswith(waits["model"][:12])


def test_what_was_judged_on_other_labels_cannot_be_approved(second: Project) -> None:
    before = live(second)
    second.drop("sourcedata/dataset2.csv", table(300, seed=4, turned=True, first=1000))
    assert second.run("ingestion").code == 0

    said = second.run("deployment", "--approve", "yes")

    assert (said.code, live(second)) == (1, before)
    assert "Labelled rows have come or changed since it was judged" in said.err
    assert status(second).json["waiting"]["moved_on"]
    assert second.run("fullprocess", "--force").code in (0, 4)
    assert second.run("deployment", "--approve", "judged again").code == 0


def test_a_changed_model_file_cannot_be_approved(second: Project) -> None:
    path = second.root / "models" / paths.MODEL
    path.write_bytes(path.read_bytes() + b"\0")

    said = second.run("deployment", "--approve", "yes")

    assert (said.code, "no challenger waits" in said.err) == (1, True)


@pytest.mark.slow
def test_after_a_rejected_first_model_a_person_can_force_it_and_new_rows_bring_another(first: Project) -> None:
    assert first.run("deployment", "--reject", "not yet").code == 0
    again = first.run("fullprocess", "--force", "--json").json
    assert (again["outcome"], live(first)) == ("challenger rejected", None)
    more = Project(shutil.copytree(first.root, first.root / "more", symlinks=True))

    forced = first.run("deployment", "--force", "we begin with it")
    more.drop("sourcedata/dataset2.csv", table(300, seed=4, first=2000))
    other = more.run("fullprocess", "--json").json

    assert (forced.code, str(live(first))[:2]) == (0, "1-"), forced.err
    assert first.run("fullprocess").code == 0
    assert first.json("models/snapshot.json")["call_list"]
    assert (other["outcome"], live(more)) == ("waiting for approval", None)


def test_what_waits_is_told_as_of_the_last_ingestion(second: Project) -> None:
    second.drop("sourcedata/dataset3.csv", table(300, seed=4, turned=True, first=3000))

    said = second.run("fullprocess", "--status").out

    waits = next(line for line in said.splitlines() if line.startswith("waiting:"))
    assert "Files that came since the last ingestion are not counted in." in waits


def test_rollback_and_force_ask_nobody(second: Project) -> None:
    assert second.run("deployment", "--force", "now").code == 0
    assert str(live(second)).startswith("2-")
    assert status(second).json["waiting"] is None
    assert second.run("deployment", "--rollback").code == 0
    assert str(live(second)).startswith("1-")
    assert status(second).json["waiting"] is None


@pytest.mark.parametrize("option", ["--approve", "--reject"])
def test_a_reason_that_is_blank_or_names_a_client_is_refused(second: Project, option: str) -> None:
    before = lines(second)

    for reason in (" ", "because of c00001"):
        said = second.run("deployment", option, reason)
        assert (said.code, "Nothing was done" in said.err) == (2, True)

    assert lines(second) == before


@pytest.mark.parametrize("option", ["--force", "--approve", "--reject"])
def test_a_reason_that_is_not_utf_8_is_refused(second: Project, option: str) -> None:
    before = lines(second)

    said = second.run("deployment", option, "asked by Z\udcfcrich")

    assert (said.code, "not UTF-8" in said.err, lines(second)) == (2, True, before)


@pytest.mark.slow
def test_the_pages_and_the_report_show_what_waits(second: Project, client: FlaskClient) -> None:
    index, model = (client.get(path).text for path in ("/", "/model"))

    assert "A model waits for approval (since <time" in index
    assert "it is deployed" not in index.partition("Needs attention")[2]
    assert "waits for approval" in index.partition("Needs attention")[2]
    assert "Is the new model better than what was deployed?" in model.partition("Waiting for approval")[2]
    assert json.loads(client.get("/health").text)["attention"]
    from pypdf import PdfReader

    first_page = " ".join((PdfReader(second.root / "models/report.pdf").pages[0].extract_text() or "").split())
    assert "waits for approval" in first_page


WAITS = ("A model waits", "waits for a person", 'id="waiting"', "waits for approval", '"approval"')


@pytest.mark.slow
@pytest.mark.parametrize("words", [("--approve", "yes"), ("--reject", "no"), ("--force", "now")])
def test_once_a_person_has_decided_the_service_no_longer_says_that_it_waits(
    second: Project, client: FlaskClient, words: tuple[str, str]
) -> None:
    before = [client.get(path, headers=HTML).text for path in ("/", "/model", "/health")]
    assert second.run("deployment", *words).code == 0

    client.application.extensions["rooms"].watch.poll()

    told = [client.get(path, headers=HTML).text for path in ("/", "/model", "/health")]
    assert [any(it in page for it in WAITS) for page in before] == [True] * 3
    assert [[it for it in WAITS if it in page] for page in told] == [[]] * 3
    assert "risk_attention 0" in client.get("/metrics").text


@pytest.mark.slow
def test_while_an_approved_first_model_has_no_list_the_page_says_so_alone(first: Project) -> None:
    app = create_app(first.settings)
    page = app.test_client().get("/", headers=HTML).text
    assert first.run("deployment", "--approve", "our first").code == 0

    app.extensions["rooms"].watch.poll()

    after, health = (app.test_client().get(path, headers=HTML) for path in ("/", "/health"))
    app.extensions["rooms"].watch.stop()
    assert "A model waits" in page
    assert "There is no list yet." in after.text
    assert not [it for it in ("No release yet", *WAITS) if it in after.text]
    assert (health.json["status"], health.json["attention"]) == ("ok", [])


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--approve", "--reject"])
def test_a_decision_that_is_killed_anywhere_is_taken_or_not(tmp_path: Path, option: str) -> None:
    project = killing.installation(tmp_path / "project")
    project.configure(gate={"approval": "person"})
    project.drop("sourcedata/dataset1.csv", table(300))
    project.drop("testdata/testdata.csv", table(60, seed=9, first=90_000))
    assert killing.run(project).code == 4
    before = live(project)
    story = killing.undisturbed(project, tmp_path / "shelf", option, "yes", script="deployment")
    after = live(project)
    assert (before is None, after is None) == (True, option == "--reject")

    def one(story: killing.Story, state: killing.State) -> None:
        killing.put_back(project.root, state.folder)
        check_readers(story)
        again = killing.run(project, option, "yes", script="deployment")
        assert again.code == 0 or "no challenger waits" in again.err
        assert live(project) == after
        assert not killing.run(project, "--status", "--json").json["waiting"]
        shown = killing.run(project, "--json")
        assert (shown.code, shown.json["attention"]) == (0, []), shown
        assert journal.verify(project.root / JOURNAL)

    check_all(story, one_of_each_kind(story.recording.states), one)
    assert len(story.recording.operations) >= 3
