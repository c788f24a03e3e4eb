from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import pandas as pd
import pytest
from pypdf import PdfReader

from risk.disk import journal, paths
from risk.errors import RiskError
from risk.report import status
from risk.service import live
from risk.settings.capacity import BY_GAIN, BY_RISK
from tests.conftest import HEADER, Project, table


def test_statistics_are_those_of_finaldata(deployed: Project) -> None:
    frame = pd.read_csv(deployed.root / "ingesteddata" / "finaldata.csv")

    told = deployed.run("diagnostics", "--json").json["statistics"]

    assert told["n_rows"] == len(frame)
    for name in ("lastmonth_activity", "lastyear_activity", "number_of_employees"):
        assert math.isclose(told["columns"][name]["mean"], frame[name].mean())
        assert math.isclose(told["columns"][name]["median"], frame[name].median())
        assert math.isclose(told["columns"][name]["standard_deviation"], frame[name].std())


@pytest.mark.slow
def test_missing_percent_is_told_of_every_column(project: Project) -> None:
    rows = table(40).splitlines()
    rows[1] = rows[1].replace(",", ",,", 1).rsplit(",", 4)[0] + "," + ",".join(rows[1].split(",")[2:])
    project.drop("sourcedata/a.csv", "\n".join(rows) + "\n")
    project.run("ingestion")

    told = project.run("diagnostics", "--json").json["statistics"]["missing_percent"]

    assert told["lastmonth_activity"] == 2.5
    assert told["corporation"] == told["exited"] == 0


def test_seconds_come_from_the_journal(deployed: Project) -> None:
    lines = [json.loads(line) for line in deployed.text("production_deployment/journal.jsonl").splitlines()]
    steps = {step["name"]: step["seconds"] for line in lines for step in line.get("steps", [])}

    told = deployed.run("diagnostics", "--json").json["seconds"]

    assert told["training"] == {"last": steps["training"], "median": steps["training"]}
    assert set(told) == {"ingestion", "training", "scoring"}


def test_predict_gives_the_risk_of_every_row_of_a_file(deployed: Project) -> None:
    said = deployed.run("diagnostics", "--predict", str(deployed.root / "testdata" / "testdata.csv"))

    rows = list(csv.DictReader(said.out.splitlines()))
    assert len(rows) == 100
    assert all(0 < float(row["risk"]) < 1 for row in rows)
    assert rows[0]["client"] == "c90000"


def test_predict_refuses_a_file_with_a_bad_row_whole(deployed: Project) -> None:
    path = deployed.drop("bad.csv", table(20).replace(",0\n", ",maybe\n", 1))

    said = deployed.run("diagnostics", "--predict", str(path))

    assert said.code == 1
    assert "1 of 20 rows are refused" in said.err


def test_predict_warns_of_clients_that_come_twice_or_look_alike(deployed: Project) -> None:
    path = deployed.drop("twice.csv", f"{HEADER}\nc2,1,2,3,\nc2,4,5,6,\nc2\u00a0,4,5,6,\n")

    said = deployed.run("diagnostics", "--predict", str(path))
    told = deployed.run("diagnostics", "--predict", str(path), "--json").json["warnings"]

    assert (said.code, len(said.out.splitlines())) == (0, 4)
    assert len(told) == 2
    assert all(warning in said.err for warning in told)
    assert "U+00A0" in said.err


def test_a_file_to_predict_that_is_not_there_is_called_so(deployed: Project) -> None:
    said = deployed.run("diagnostics", "--predict", str(deployed.root / "absent.csv"))

    assert (said.code, said.out) == (1, "")
    assert "absent.csv: there is no such file" in said.err


def test_a_release_that_is_not_there_or_is_live_makes_no_deployment(deployed: Project) -> None:
    path = deployed.settings.production / "journal.jsonl"
    before = journal.read(path)

    unknown = deployed.run("deployment", "--rollback", "99")
    assert (unknown.code, journal.read(path)) == (1, before)
    again = deployed.run("deployment", "--force", "we must")

    assert again.out.endswith("is live already; nothing was changed\n")
    assert [it["outcome"] for it in journal.read(path)[len(before) :]] == ["live already"]


def test_newest_versions_are_not_checked_until_asked(deployed: Project) -> None:
    told = deployed.run("diagnostics", "--json").json["dependencies"]

    assert told["checked_on"] is None
    assert {package["name"] for package in told["packages"]} >= {"pandas", "scikit-learn", "flask"}
    assert all(package["newest"] is package["up_to_date"] is None for package in told["packages"])
    assert all(package["installed"] for package in told["packages"])


@pytest.mark.slow
def test_where_no_index_answers_nothing_is_called_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"INDEX_URL": "http://127.0.0.1:9/simple", "NO_INDEX": "1"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")

    with pytest.raises(RiskError, match="no package index answers"):
        status.ask_index()


def test_what_an_index_said_is_shown_with_its_date(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# direct\npandas>=3.0\nabsent>=1\n")
    (tmp_path / "requirements.lock").write_text("pandas==3.1.1 \\\n    --hash=sha256:00\n")

    journal.append(tmp_path / "journal.jsonl", {"kind": "act", "act": status.ASKED, "newest": {"pandas": "99.0"}})

    told = status.packages(tmp_path / "journal.jsonl", tmp_path)

    absent, pandas = told["packages"]
    assert told["checked_on"] == journal.now()[:10]
    assert (pandas["required"], pandas["newest"], pandas["up_to_date"]) == ("3.1.1", "99.0", False)
    assert (absent["name"], absent["required"], absent["installed"]) == ("absent", ">=1", None)


@pytest.mark.slow
def test_a_report_of_any_data_and_model_touches_nothing_of_the_system(deployed: Project, tmp_path: Path) -> None:
    before = deployed.seen()
    other = tmp_path / "elsewhere"
    data = deployed.drop("other.csv", table(60, seed=5))

    live = str(deployed.root / "production_deployment" / "current")

    said = deployed.run("reporting", "--data", str(data), "--model", live, "--to", str(other))

    assert said.code == 0
    plots = {path.name for path in other.glob("*.svg")}
    assert {"roc.svg", "gain.svg", "calibration.svg"} <= plots
    assert {path.name for path in other.iterdir()} - plots == {*paths.REPORT_LINKS, paths.CLIENT_FEATURES}
    assert json.loads((other / "snapshot.json").read_text())["scores"]["n_rows"] == 60
    after = {name: content for name, content in deployed.seen().items() if not name.startswith("elsewhere")}
    assert after == before | {"other.csv": data.read_bytes()}


def test_the_report_tells_the_verdict_and_lists_whom_to_call(deployed: Project) -> None:
    text = " ".join(page.extract_text() for page in PdfReader(deployed.root / "models" / "report.pdf").pages)
    calls = list(csv.DictReader(deployed.text("models/calllist.csv").splitlines()))

    assert calls[0]["client"] in text
    assert deployed.json("models/snapshot.json")["release"]["name"] in text


def test_every_current_client_has_a_risk_and_a_rank_and_nobody_who_left(deployed: Project) -> None:
    final = pd.read_csv(deployed.root / "ingesteddata" / "finaldata.csv")
    listed = pd.read_csv(deployed.root / "models" / "clientrisks.csv")

    assert set(listed["client"]) == set(final[final["exited"] == 0]["corporation"])
    assert listed["risk"].is_monotonic_decreasing
    assert listed["rank"].tolist() == sorted(listed["rank"])


def test_a_learned_client_is_shown_its_out_of_fold_risk(deployed: Project) -> None:
    final = pd.read_csv(deployed.root / "ingesteddata" / "finaldata.csv").set_index("corporation")
    listed = pd.read_csv(deployed.root / "models" / "clientrisks.csv").set_index("client")
    from risk.registry import model, out_of_fold

    live = deployed.root / "production_deployment" / "current"
    told = out_of_fold.read(live).set_index("client")["risk"]
    fitted = pd.Series(model.load(live.resolve()).risks(final.loc[listed.index]), index=listed.index)

    exact = pd.Series(deployed.json("models/snapshot.json")["risks"], index=listed.index)
    assert (exact == told[listed.index]).all()
    assert (exact != fitted).any()


def test_people_read_risks_of_four_digits_and_programs_all_of_them(deployed: Project) -> None:
    shown = deployed.json("models/snapshot.json")
    texts = [deployed.text(f"models/{name}.csv") for name in ("calllist", "clientrisks")]
    lists = [list(csv.DictReader(text.splitlines())) for text in texts]
    predicted = deployed.run("diagnostics", "--predict", str(deployed.root / "testdata" / "testdata.csv"))
    clients = live.load_shown((deployed.root / "models" / "reports" / "current").resolve()).clients

    assert [row["risk"] for row in lists[0]] == [f"{call['risk']:.4f}" for call in shown["call_list"]]
    assert [row["risk"] for row in lists[1]] == [f"{risk:.4f}" for risk in shown["risks"]]
    assert all(re.fullmatch(r"[01]\.\d{4}", row.split(",")[1]) for row in predicted.out.splitlines()[1:])
    assert clients.risks.tolist() == shown["risks"] != [float(row["risk"]) for row in lists[1]]
    assert clients.ranks(clients.risks) == [int(row["rank"]) for row in lists[1]]


def test_status_says_how_the_system_is_and_a_broken_journal_is_exit_code_one(deployed: Project) -> None:
    well = deployed.run("fullprocess", "--status")
    journal = deployed.root / "production_deployment" / "journal.jsonl"
    journal.write_text(journal.read_text().replace("deployed", "depl0yed"))

    broken = deployed.run("fullprocess", "--status")

    assert (well.code, broken.code) == (0, 1)
    assert "release:  1-" in well.out
    assert "another hand" in broken.out


def test_the_track_record_is_told_as_the_newest_report_has_it(deployed: Project) -> None:
    shown = deployed.json("models/snapshot.json")

    said, as_json = (
        deployed.run("diagnostics", "--track-record"),
        deployed.run("diagnostics", "--track-record", "--json"),
    )

    assert (said.code, as_json.json) == (0, shown["track_record"])
    assert said.out.startswith("No list has been graded yet")


@pytest.mark.slow
def test_what_both_orders_would_have_saved_is_told_below_the_track_record(deployed: Project) -> None:
    path = deployed.root / "models/reports/current/snapshot.json"
    orders = [{"order": it, "n_listed": 4, "n_left": 2, "value_left": 90.0, "saved": 9.0} for it in (BY_RISK, BY_GAIN)]
    told = {
        "n_rows": 9, "n_leavers": 3, "n_lists": 1, "n_without_value": 0, "acceptance": 0.3, "call_cost": 5.0,
        "orders": orders, "difference": 0.0, "low": -1.0, "high": 1.0, "first_period": None, "last_period": None,
    }  # fmt: skip
    path.write_text(json.dumps(deployed.json("models/snapshot.json") | {"orders": told}))

    said = deployed.run("diagnostics", "--track-record")

    assert said.out.rstrip().splitlines()[-1].startswith("By the newest outcomes (9 clients, 3 leavers) the 4 first ")


def test_a_track_record_that_was_never_made_is_one_line(project: Project) -> None:
    said = project.run("diagnostics", "--track-record")

    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "no track record was made yet. Run fullprocess.py." in said.err


@pytest.mark.slow
def test_a_list_that_is_not_as_the_journal_names_it_is_exit_code_one(deployed: Project) -> None:
    (path,) = (deployed.root / "models" / "lists").iterdir()
    path.unlink()
    deployed.run("reporting")

    said = deployed.run("diagnostics", "--track-record")

    assert said.code == 1
    assert f"The list of {path.name[:10]} is missing or not as it was" in said.out
