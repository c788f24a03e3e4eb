"""The story: what the whole process does, run after run, as people see it."""

from __future__ import annotations

import csv
import json
import pickle
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from risk.disk import files, paths
from risk.modeling import selection
from risk.registry import model, releases
from tests.conftest import HEADER, Installations, Project, deploy, table

STAGES = ("ingestion", "drift check", "reporting", "API calls")


@pytest.fixture
def deployed(installations: Installations, tmp_path: Path) -> Project:
    """A project with a first release, proven against the base rate."""
    return installations.copy(deploy, tmp_path, n_rows=1_500)


def release(project: Project) -> str | None:
    return releases.name_of(project.settings.production)


def shown(project: Project) -> dict[str, object]:
    found: dict[str, object] = project.json("models/snapshot.json")
    return found


def test_the_first_run_makes_every_file_and_a_real_release(deployed: Project) -> None:
    root = deployed.root
    ingested, models, production = root / "ingesteddata", root / "models", root / "production_deployment"

    assert all((ingested / name).is_file() for name in (*paths.DATASET_LINKS, "current/manifest.json"))
    assert all((models / name).is_file() for name in paths.REPORT_LINKS)
    desk = (paths.MODEL, paths.CARD, paths.LATEST_SCORE, paths.VERDICT, paths.API_RETURNS)
    assert all((models / name).is_file() for name in desk)
    papers = (paths.MODEL, paths.CARD, paths.LATEST_SCORE, paths.INGESTED_FILES)
    assert all((production / "current" / name).is_file() for name in (*papers, "verdict.json", "manifest.json"))
    assert all((production / name).is_file() for name in (*paths.RELEASE_LINKS, paths.JOURNAL, paths.TICK))
    assert shown(deployed)["release"]["provisional"] is False  # type: ignore[index]


@pytest.mark.slow
def test_a_tick_makes_the_list_again_on_the_day_on_which_it_changes(
    deployed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = str(deployed.json("models/snapshot.json")["list"]["next_change"])
    midnight = datetime.fromisoformat(day).timestamp()
    monkeypatch.setattr("risk.command.today", lambda: day)

    monkeypatch.setattr("risk.disk.tick.time", SimpleNamespace(time=lambda: midnight - 1))
    before = deployed.run("fullprocess", "--json").json
    monkeypatch.setattr("risk.disk.tick.time", SimpleNamespace(time=lambda: midnight + 1))
    after = deployed.run("fullprocess", "--json").json

    assert (before["outcome"], after["outcome"]) == ("no new data", "no drift")
    assert shown(deployed)["as_of"] == day
    assert deployed.run("fullprocess", "--json").json["outcome"] == "no new data"


@pytest.mark.slow
def test_a_list_of_another_day_is_shown_and_not_kept(deployed: Project) -> None:
    kept = [path.name for path in (deployed.root / "models/lists").iterdir()]

    said = deployed.run("reporting", "--as-of", "2031-01-06")

    assert (said.code, shown(deployed)["as_of"]) == (0, "2031-01-06")
    assert [path.name for path in (deployed.root / "models/lists").iterdir()] == kept
    assert deployed.run("fullprocess", "--json").json["outcome"] == "no drift"
    assert shown(deployed)["as_of"] != "2031-01-06"
    with pytest.raises(SystemExit):
        deployed.run("reporting", "--as-of", "soon")


@pytest.mark.slow
def test_a_file_of_calls_that_cannot_be_read_needs_a_person(deployed: Project) -> None:
    deployed.drop("outcomes/crm.csv", "who;when\nacme;2026-11-02\n")
    deployed.drop("sourcedata/dataset2.csv", table(5, seed=3, first=70_000))

    said = deployed.run("fullprocess", "--json")

    assert said.code == 4
    assert [it["subject"] for it in said.json["attention"] if it["kind"] == "refused calls"] == ["outcomes/crm.csv"]


def test_a_lost_list_is_told_without_a_new_report(deployed: Project) -> None:
    (lost,) = (deployed.root / "models/lists").iterdir()
    lost.unlink()

    status, record = deployed.run("fullprocess", "--status"), deployed.run("diagnostics", "--track-record")

    assert (status.code, record.code) == (1, 1)
    for said in (status, record):
        assert f"The list of {lost.name[:10]} is missing or not as it was" in said.out


def test_the_second_run_has_no_new_data_and_changes_nothing(deployed: Project) -> None:
    before = deployed.seen()

    said = deployed.run("fullprocess", "--json")

    assert (said.json["outcome"], said.json["reason"], said.json["verdict"]) == ("no new data", "no new data", None)
    assert set(said.json) == {
        "run", "outcome", "verdict", "reason", "reason_to_train", "dataset", "release", "steps", "held",
        "rejected_rows", "attention", "waiting",
    }  # fmt: skip
    assert deployed.run("fullprocess").out == "no new data\n"
    assert deployed.seen() == before


@pytest.mark.slow
def test_a_few_rows_give_a_provisional_release_that_says_so_everywhere(project: Project) -> None:
    project.drop("sourcedata/dataset3.csv", table(26))
    project.drop("testdata/testdata.csv", table(5, seed=1, first=500))

    said = project.run("fullprocess", "--json")

    assert said.json["outcome"] == "deployed"
    assert shown(project)["release"]["provisional"] is True  # type: ignore[index]
    assert "(provisional)" in project.run("fullprocess", "--status").out
    assert "provisional" in project.run("deployment", "--list").out
    assert project.json("production_deployment/current/verdict.json")["provisional"] is True
    assert "provisional" in shown(project)["decision"]["sentence"]  # type: ignore[index]


@pytest.mark.slow
def test_a_month_without_change_is_no_drift_and_a_new_list(deployed: Project) -> None:
    before, listed = release(deployed), deployed.text("models/calllist.csv")
    deployed.drop("sourcedata/dataset2.csv", table(1000, seed=2, first=5000))

    said = deployed.run("fullprocess", "--json")

    assert (said.json["outcome"], said.json["verdict"]) == ("no drift", "no drift")
    assert [step["name"] for step in said.json["steps"]] == list(STAGES)
    assert release(deployed) == before
    assert deployed.text("models/calllist.csv") != listed


@pytest.mark.slow
def test_a_changed_reason_for_leaving_is_found_and_a_new_model_deployed(deployed: Project) -> None:
    before = release(deployed)
    deployed.drop("sourcedata/dataset2.csv", table(1000, seed=2, first=5000, turned=True))

    said = deployed.run("fullprocess", "--json")

    assert (said.json["outcome"], said.json["verdict"]) == ("deployed", "retrain")
    assert release(deployed) == said.json["release"] != before
    assert "lastmonth_activity" in said.json["reason"]
    assert shown(deployed)["outcome"] == "deployed"


@pytest.mark.slow
def test_the_same_verdict_stands_in_console_snapshot_journal_and_answers(deployed: Project) -> None:
    deployed.drop("sourcedata/dataset2.csv", table(1000, seed=2, first=5000))
    said = deployed.run("fullprocess", "--json", whole=True).json

    line = json.loads(deployed.text("production_deployment/journal.jsonl").splitlines()[-1])
    told = shown(deployed)

    assert said["outcome"] == line["outcome"] == told["outcome"]
    assert said["verdict"] == line["verdict"] == told["verdict"]
    assert said["run"] == line["run"] == told["run"]
    assert said["release"] == line["release"] == told["release"]["name"]  # type: ignore[index]
    assert said["release"] in deployed.text("models/apireturns.txt")


@pytest.mark.slow
def test_a_spoiled_challenger_is_rejected_and_not_deployed(deployed: Project) -> None:
    before = release(deployed)
    deployed.drop("sourcedata/dataset2.csv", table(1000, seed=2, first=5000, turned=True))
    for stage in ("ingestion", "training"):
        assert deployed.run(stage).code == 0
    spoil(deployed.root / "models")

    said = deployed.run("scoring")
    refused = deployed.run("deployment")

    assert said.out.startswith("challenger rejected")
    assert "refused as spoiled" in said.out
    verdict = deployed.json("models/verdict.json")
    assert verdict["gate"]["sentence"] == verdict["sentence"]
    assert verdict["scores"]["scored_on"] == "held-out clients"
    assert refused.code == 3
    assert "challenger rejected" in refused.out
    assert release(deployed) == before


def spoil(desk: Path) -> None:
    """Put a model on the desk that learned the opposite, with a card that vouches for it."""
    frame = pd.DataFrame({name: np.arange(200.0) for name in HEADER.split(",")[1:4]})
    opposite = (np.arange(200) > 100).astype(float)
    kinds = dict.fromkeys(frame, "numeric")
    nobody, none = np.arange(200).astype(str), np.zeros(200, dtype=bool)
    packed = model.pack(selection.teach(frame, opposite, nobody, none, none, kinds), frame, opposite)
    card = json.loads((desk / paths.CARD).read_text()) | {"sha256": files.digest(packed)}
    (desk / paths.MODEL).write_bytes(packed)
    (desk / paths.CARD).write_bytes(files.as_json(card))


@pytest.mark.slow
def test_a_challenger_that_is_no_better_is_rejected(deployed: Project) -> None:
    before = release(deployed)
    deployed.drop("sourcedata/dataset2.csv", table(1000, seed=2, first=5000))

    said = deployed.run("fullprocess", "--force", "--json")

    assert said.json["outcome"] == "challenger rejected"
    assert deployed.run("deployment").code == 3
    assert release(deployed) == before


@pytest.mark.slow
def test_a_person_may_overrule_the_gate_and_go_back(deployed: Project) -> None:
    first = release(deployed)
    deployed.drop("sourcedata/dataset2.csv", table(1000, seed=2, first=5000))
    deployed.run("fullprocess", "--force")

    forced = deployed.run("deployment", "--force", "the board asked for it", "--json")
    second = release(deployed)
    back = deployed.run("deployment", "--rollback", "--json")

    assert forced.json == {"outcome": "deployed", "release": second}
    assert second != first
    assert back.json == {"outcome": "rolled back", "release": first}
    assert "the board asked for it" in deployed.text("production_deployment/journal.jsonl")


@pytest.mark.slow
def test_after_a_rollback_the_list_is_made_anew_and_the_model_is_not_proposed_again(deployed: Project) -> None:
    first = release(deployed)
    deployed.drop("sourcedata/dataset2.csv", table(1000, seed=2, first=5000, turned=True))
    deployed.run("fullprocess")
    deployed.run("deployment", "--rollback")

    again = deployed.run("fullprocess", "--json")
    forced = deployed.run("fullprocess", "--force", "--json")

    assert again.json["release"] == forced.json["release"] == first
    assert shown(deployed)["release"]["name"] == first  # type: ignore[index]
    assert forced.json["outcome"] == "challenger rejected"
    assert "rolled back" in deployed.json("models/verdict.json")["sentence"]


@pytest.mark.slow
def test_a_changed_capacity_gives_a_new_list_without_training(deployed: Project) -> None:
    deployed.configure(capacity={"calls_per_week": 7})

    said = deployed.run("fullprocess", "--json")

    assert [step["name"] for step in said.json["steps"]] == list(STAGES)
    assert len(list(csv.reader(deployed.text("models/calllist.csv").splitlines()))) == 8


@pytest.mark.slow
def test_a_changed_test_file_is_scored_without_training(deployed: Project) -> None:
    before = shown(deployed)["scores"]
    deployed.drop("testdata/testdata.csv", table(400, seed=4, first=70_000))

    said = deployed.run("fullprocess", "--json")

    assert "training" not in [step["name"] for step in said.json["steps"]]
    assert shown(deployed)["scores"]["n_rows"] == 400  # type: ignore[index]
    assert shown(deployed)["scores"] != before


@pytest.mark.slow
def test_practice_leaves_production_untouched(deployed: Project) -> None:
    deployed.drop("practicedata/dataset1.csv", table(300, seed=5))
    before = {name: content for name, content in deployed.seen().items() if not name.startswith("practice")}

    said = deployed.run("fullprocess", "--practice", "--json")

    assert said.json["outcome"] == "deployed"
    assert (deployed.root / "practicemodels" / "production_deployment" / "trainedmodel.pkl").is_file()
    after = {name: content for name, content in deployed.seen().items() if not name.startswith("practice")}
    assert after == before


@pytest.mark.slow
def test_another_input_folder_is_another_dataset(deployed: Project) -> None:
    deployed.drop("practicedata/dataset7.csv", table(300, seed=5, first=30_000))
    deployed.configure(input_folder_path="practicedata")

    deployed.run("fullprocess")

    clients = [row[0] for row in csv.reader(deployed.text("ingesteddata/finaldata.csv").splitlines()[1:])]
    assert len(clients) == 300
    assert min(clients) >= "c30000"
    assert deployed.text("ingesteddata/ingestedfiles.txt") == "dataset7.csv\n"


@pytest.mark.slow
def test_another_table_works_by_configuration_alone(project: Project) -> None:
    draw = np.random.default_rng(3)
    months, plan = draw.integers(1, 72, 800), draw.choice(["monthly", "yearly", ""], 800)
    gone = np.where(draw.random(800) < 1 / (1 + np.exp(0.08 * months - (plan == "monthly"))), "Yes", "No")
    rows = [f"{n:04d}-X,{a},{b},{c}" for n, (a, b, c) in enumerate(zip(months, plan, gone, strict=True))]
    header = "customerID,tenure,Contract,Churn"
    project.drop("sourcedata/telco.csv", "\n".join([header, *rows[:600]]) + "\n")
    project.drop("testdata/telco.csv", "\n".join([header, *rows[600:]]) + "\n")
    target_values = {"stayed": "No", "left": "Yes"}
    features = {"tenure": "numeric", "Contract": "categorical"}
    schema = {"client": "customerID", "target": "Churn", "target_values": target_values, "features": features}
    project.configure(schema=schema)

    said = project.run("fullprocess", "--json")

    assert said.json["outcome"] == "deployed"
    assert shown(project)["release"]["provisional"] is False  # type: ignore[index]
    assert project.text("ingesteddata/finaldata.csv").startswith(header + "\n0000-X,")
    assert set(pd.read_csv(project.root / "ingesteddata" / "finaldata.csv")["Churn"]) == {"Yes", "No"}


@pytest.mark.slow
def test_new_rows_without_labels_refresh_the_list_and_are_no_evidence(deployed: Project) -> None:
    deployed.drop("sourcedata/dataset2.csv", table(50, seed=2, first=5000, labels=False))

    said = deployed.run("fullprocess", "--json")

    assert "training" not in [step["name"] for step in said.json["steps"]]
    assert "cannot be seen" in said.json["reason"]
    assert "c05000" in deployed.text("models/clientrisks.csv")


def test_the_model_is_a_plain_scikit_learn_object(deployed: Project) -> None:
    found = pickle.loads((deployed.root / "production_deployment" / "trainedmodel.pkl").read_bytes())
    rows = pd.read_csv(deployed.root / "testdata" / "testdata.csv")

    risks, answers = found.predict_proba(rows)[:, 1], found.predict(rows)

    threshold = deployed.json("production_deployment/current/trainedmodel.json")["threshold"]
    assert answers.tolist() == (risks >= threshold).astype(int).tolist()


@pytest.mark.slow
def test_dry_run_says_the_reason_and_writes_nothing(deployed: Project) -> None:
    deployed.drop("sourcedata/dataset2.csv", table(1000, seed=2, first=5000, turned=True))
    before = deployed.seen()

    said = deployed.run("fullprocess", "--dry-run", "--json")

    assert said.json["train"] is True
    assert "reason for leaving has changed" in said.json["reason"]
    assert deployed.seen() == before


def test_a_dry_run_before_the_first_run_works_and_writes_nothing(project: Project) -> None:
    project.drop("sourcedata/dataset1.csv", table(100))
    before = project.seen()

    said = project.run("fullprocess", "--dry-run")

    assert said.code == 0
    assert "would train" in said.out
    assert project.seen() == before


@pytest.mark.slow
def test_labels_of_one_kind_alone_teach_nothing(project: Project) -> None:
    rows = [line[:-1] + "0" for line in table(50).splitlines()[1:]]
    project.drop("sourcedata/dataset1.csv", "\n".join([HEADER, *rows]) + "\n")

    said = project.run("fullprocess", "--json")

    assert said.json["outcome"] == "not enough evidence"
    assert said.json["release"] is None
    assert (project.root / "models" / "report.pdf").is_file()


@pytest.mark.slow
def test_an_empty_input_folder_is_no_failure(project: Project) -> None:
    said = project.run("fullprocess", "--json")

    assert (said.code, said.json["outcome"]) == (4, "not enough evidence")
    assert project.run("fullprocess").out == "no new data\n"


@pytest.mark.slow
def test_one_bad_file_stops_nothing_that_is_good(deployed: Project) -> None:
    deployed.drop("sourcedata/dataset2.csv", table(1000, seed=2, first=5000))
    deployed.drop("sourcedata/broken.csv", b"\x00\x01\x02")
    deployed.drop("sourcedata/short.csv", "corporation,exited\na,1\n")

    said = deployed.run("fullprocess", "--json")

    assert (said.code, said.json["outcome"]) == (4, "no drift")
    assert deployed.text("ingesteddata/ingestedfiles.txt") == "dataset1.csv\ndataset2.csv\n"
    assert "lastmonth_activity" in deployed.text("ingesteddata/rejected.csv")
    assert {entry["source"] for entry in shown(deployed)["refusals"]} == {"broken.csv", "short.csv"}  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_source_that_goes_away_is_no_new_row(deployed: Project) -> None:
    (deployed.root / "sourcedata" / "dataset1.csv").unlink()

    said = deployed.run("fullprocess", "--json")

    assert said.json["outcome"] == "no drift"
    assert said.json["reason"].startswith("No new labels have come since run 1")
    assert len(deployed.text("ingesteddata/finaldata.csv").splitlines()) == 1501


def in_other_units(content: str) -> str:
    """Return a client file with the activity of last month told in twelfths."""
    head, *lines = content.splitlines()
    rows = [line.split(",") for line in lines]
    return "\n".join([head, *(",".join([row[0], str(int(row[1]) * 12), *row[2:]]) for row in rows)]) + "\n"


@pytest.mark.slow
def test_a_faulty_feed_is_held_and_not_learned(deployed: Project) -> None:
    before = deployed.text("ingesteddata/finaldata.csv")
    deployed.drop("sourcedata/dataset2.csv", in_other_units(table(1000, seed=2)))

    said = deployed.run("fullprocess", "--json")

    assert (said.code, said.json["held"]) == (4, ["dataset2.csv"])
    assert deployed.text("ingesteddata/finaldata.csv") == before
    assert "dataset2.csv: held back: lastmonth_activity" in said.err
    assert deployed.run("fullprocess").out == "no new data\n"
    entry = deployed.json("ingesteddata/current/manifest.json")["entries"][1]
    assert (entry["state"], len(entry["contents"])) == ("held", 0)


@pytest.mark.slow
def test_a_person_releases_a_held_source(deployed: Project) -> None:
    deployed.drop("sourcedata/dataset2.csv", in_other_units(table(1000, seed=2)))
    deployed.run("fullprocess")

    said = deployed.run("ingestion", "--release", "dataset2.csv")
    again = deployed.run("fullprocess", "--json")

    assert said.code == 0
    assert len(deployed.text("ingesteddata/finaldata.csv").splitlines()) == 2501
    assert again.json["held"] == []
    assert '"released": "dataset2.csv"' in deployed.text("production_deployment/journal.jsonl")
    assert deployed.run("ingestion", "--release", "dataset2.csv").code == 1


@pytest.mark.slow
def test_a_good_next_version_replaces_a_held_one(deployed: Project) -> None:
    deployed.drop("sourcedata/dataset2.csv", in_other_units(table(1000, seed=2)))
    deployed.drop("sourcedata/copy.csv", in_other_units(table(1000, seed=2)))
    assert set(deployed.run("fullprocess", "--json").json["held"]) == {"copy.csv", "dataset2.csv"}
    deployed.drop("sourcedata/dataset2.csv", table(1000, seed=2, first=5000))

    said = deployed.run("fullprocess", "--json")

    assert said.json["held"] == ["copy.csv"]
    assert len(deployed.text("ingesteddata/finaldata.csv").splitlines()) == 2501
