"""A client is erased through the command line from a folder that real runs made, and nothing else changes."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

import pytest

from risk.disk import journal, paths
from tests.conftest import HEADER, Installations, Project, Said, deploy, table
from tests.kept_texts import holding

ODD = 'O\'Neil, "Zoë"'
FORMULA = "=1+1 Ltd"
ERASED = ("acme", ODD, FORMULA)
OTHERS = ("acme2", "big acme", "acme-x", "Acme")
SPECIAL = (*ERASED, *OTHERS)
REASON = "request 2026-17"

STOPPED = (
    ("ingestion",),
    ("fullprocess",),
    ("ingestion", "--erase", "acme2", "--reason", REASON),
    ("diagnostics", "--verify"),
    ("fullprocess", "--status"),
)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def month(number: int, *, labels: bool = True, n: int = 250) -> str:
    """Return the file of a month: the same clients each time, and those with special names, who look like leavers."""
    rows = table(n, seed=number, labels=labels).splitlines()[1:]
    rows += [
        f"{quoted(name)},{place},{place + number},2,{1 - place % 2 if labels else ''}"
        for place, name in enumerate(SPECIAL)
    ]
    return "\n".join([HEADER + ",period", *(f"{row},2026-{number:02d}" for row in rows)]) + "\n"


def installation(project: Project) -> None:
    """Do three runs: two releases, lists of three days, refused rows, recorded contacts, a log."""
    project.configure(schema={"period": "period"}, capacity={"calls_per_week": 60})
    project.drop("testdata/testdata.csv", month(9).replace("\nc", "\nd"))
    for number in range(1, 4):
        project.drop(f"sourcedata/2026-{number:02d}.csv", month(number, labels=number < 3))
    run_of_day(project, "2026-04-20")
    refused = f"{HEADER},period\nacme,x,2,3,0,2026-03\nacme,1,2\nb,1,2,3,0,2026-03\n{quoted(ODD)},1,2,3,9,2026-03\n"
    project.drop("sourcedata/refused.csv", refused)
    run_of_day(project, "2026-05-20", "--force")
    project.drop("sourcedata/2026-03.csv", month(3))
    project.drop("sourcedata/2026-04.csv", month(4, labels=False))
    contacts = [f"{quoted(name)},2026-05-21,reached,stays,a note" for name in ("acme", "acme2")]
    project.drop("outcomes/recorded.csv", "client,date,result,opinion,note\n" + "\n".join(contacts) + "\n")
    project.drop("production_deployment/fullprocess.log", "warning source='acme' and acme2 and acme\n")
    run_of_day(project, "2026-06-20", "--force")
    said = project.run("deployment", "--force", "two releases are wanted")
    assert said.code == 0, said.err


def run_of_day(project: Project, day: str, *words: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("risk.command.today", lambda: day)
        said = project.run("fullprocess", "--json", *words, whole=True)
    assert said.code in (0, 4), said.err


@pytest.fixture
def kept(installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(installation, tmp_path)


def erase(project: Project, *clients: str) -> Said:
    listing = project.drop("leave.txt", "".join(f"{name}\n" for name in clients))
    said = project.run("ingestion", "--erase-file", str(listing), "--reason", REASON, "--json")
    listing.unlink()
    return said


def holders(project: Project, name: str) -> list[str]:
    return holding(project.root, name, OTHERS)


def records(project: Project) -> list[dict[str, Any]]:
    return journal.read(project.settings.production / paths.JOURNAL)


@pytest.mark.slow
def test_an_erased_client_is_in_nothing_that_is_kept(kept: Project) -> None:
    before = {name: holders(kept, name) for name in ERASED}
    assert min(len(found) for found in before.values()) > 10

    said = erase(kept, *ERASED)

    assert said.code == 0, (said.out, said.err)
    assert not any(holders(kept, name) for name in ERASED)
    assert said.json["left"] == 0


@pytest.mark.slow
def test_everything_verifies_after_an_erasure_and_the_next_run_goes_on(kept: Project) -> None:
    assert kept.run("diagnostics", "--verify").code == 0

    assert erase(kept, *ERASED).code == 0

    for script in ("diagnostics", "ingestion"):
        said = kept.run(script, "--verify")
        assert said.code == 0, said.out
    said = kept.run("fullprocess", "--json", whole=True)
    assert said.code in (0, 4), said.err
    assert said.json["outcome"] != "no new data"
    assert not kept.json("models/snapshot.json")["track_record"]["broken"]
    assert not any(holders(kept, name) for name in ERASED)


@pytest.mark.slow
def test_the_live_model_stays_as_the_journal_names_it_where_its_dataset_is_kept_no_more(project: Project) -> None:
    project.configure(schema={"period": "period"}, keep={"versions": 1})
    project.drop("sourcedata/2026-01.csv", month(1))
    assert project.run("fullprocess").code == 0
    for number in range(2, 4):
        project.drop(f"sourcedata/2026-{number:02d}.csv", month(number, labels=False))
        assert project.run("ingestion").code == 0

    assert erase(project, month(1).splitlines()[1].split(",")[0]).code == 0

    verified = project.run("diagnostics", "--verify")
    assert verified.code == 0, verified.err
    assert project.run("fullprocess").code == 0


def test_nothing_changes_for_other_clients(kept: Project) -> None:
    names = ("ingesteddata/finaldata.csv", "models/clientrisks.csv", "models/calllist.csv")
    before = {name: kept.text(name) for name in names}
    gone = [path for path in holding(kept.root, "acme2") if path.endswith("apireturns.txt")]  # it names the client too
    held = {name: len(holding(kept.root, name)) - len(gone) for name in ("acme2", "Acme")}

    erase(kept, *ERASED)

    for name in names:
        rows = list(csv.reader(io.StringIO(before[name])))
        place = rows[0].index("client" if "client" in rows[0] else "corporation")
        left = [row for row in rows if row[place].removeprefix("'") not in ERASED]
        assert list(csv.reader(io.StringIO(kept.text(name)))) == left
        assert len(left) < len(rows)
    assert next(line for line in before[names[0]].splitlines() if line.startswith("acme2")) in kept.text(names[0])
    assert {name: len(holding(kept.root, name)) for name in held} == held


@pytest.mark.slow
def test_rows_that_are_sent_again_are_refused_without_the_name(kept: Project) -> None:
    erase(kept, *ERASED)
    kept.drop("sourcedata/2026-05.csv", month(5, labels=False))

    said = kept.run("fullprocess", "--json", whole=True)

    assert said.code in (0, 4), said.err
    refused = [
        it
        for it in csv.DictReader(io.StringIO(kept.text("ingesteddata/rejected.csv")))
        if it["source"] == "2026-05.csv"
    ]
    assert [(it["column"], it["value"], it["reason"]) for it in refused] == [
        ("corporation", "", "is of a client who was erased")
    ] * 3
    assert not any(holders(kept, name) for name in ERASED)
    assert holding(kept.root, "acme2")


@pytest.mark.slow
def test_the_certificate_tells_what_was_done_and_who_else_holds_the_client(kept: Project) -> None:
    said = kept.run("ingestion", "--erase", "acme", "--reason", REASON)

    assert said.code == 0, said.err
    assert "0 occurrences left" in said.out
    assert "sourcedata/2026-01.csv (1 row)" in said.out
    assert "trained on them: 1-" in said.out
    assert "acme" not in said.out.replace("acme2", "")


@pytest.mark.slow
def test_the_journal_holds_keyed_digests_and_the_reason_alone(kept: Project) -> None:
    erase(kept, "acme")

    lines = [it for it in records(kept) if it.get("kind") == journal.ERASE]
    assert [it["step"] for it in lines] == ["intent", "replaced", "done"]
    assert lines[0]["reason"] == REASON
    assert len(lines[0]["clients"][0]) == 64
    assert lines[1]["replaced"]
    assert journal.verify(kept.settings.production / paths.JOURNAL)


@pytest.mark.slow
def test_nothing_is_erased_without_the_key_with_the_name_as_reason_or_of_nobody(kept: Project) -> None:
    erase(kept, FORMULA)
    before = kept.seen()

    named = kept.run("ingestion", "--erase", "acme", "--reason", "ACME asked")
    nobody = kept.run("ingestion", "--erase", "acm", "--reason", REASON)
    bare = kept.run("ingestion", "--erase", "acme")
    (kept.settings.production / paths.ERASED_KEY).rename(kept.root / "key")
    keyless = kept.run("ingestion", "--erase", "acme", "--reason", REASON)
    blocked = kept.run("ingestion")
    os.rename(kept.root / "key", kept.settings.production / paths.ERASED_KEY)

    assert [it.code for it in (named, nobody, bare, keyless)] == [2, 2, 2, 1]
    assert "the key of the register is missing" in keyless.err
    assert "the key of the register is missing" in blocked.err
    after = kept.seen()
    assert {name for name in after if before.get(name) != after[name]} <= {
        f"production_deployment/{paths.JOURNAL}",
        "ingesteddata/signatures.json",
    }


@pytest.mark.slow
def test_a_client_may_be_erased_twice_and_others_after_it(kept: Project) -> None:
    assert erase(kept, "acme").code == 0
    assert erase(kept, "acme").code == 0
    assert erase(kept, ODD, "acme2").code == 0

    assert kept.run("diagnostics", "--verify").code == 0
    assert holders(kept, ODD) == []


@pytest.mark.slow
def test_a_lost_register_stops_what_takes_rows_and_is_told(kept: Project) -> None:
    assert erase(kept, "acme").code == 0
    (kept.settings.production / paths.ERASED).unlink()

    said = {(script, *words): kept.run(script, *words) for script, *words in STOPPED}
    renewed = kept.run("ingestion", "--renew-register", "a disk", "--json")

    assert {it.code for it in said.values()} == {1}
    assert all("whom the journal names are missing" in it.out + it.err for it in said.values())
    assert renewed.json["n_clients"] == 1
    assert kept.run("diagnostics", "--verify").code == 0
    assert kept.run("ingestion").code == 0
    assert not holders(kept, "acme")


@pytest.mark.slow
def test_a_lost_key_may_be_given_up(kept: Project) -> None:
    assert erase(kept, "acme").code == 0
    (kept.settings.production / paths.ERASED_KEY).unlink()
    assert "the key of the register is missing" in kept.run("fullprocess", "--status").out

    assert kept.run("ingestion", "--renew-register", "a disk", "--json").json["outcome"] == "register given up"

    assert kept.run("diagnostics", "--verify").code == 0
    assert erase(kept, "acme2").code == 0


def test_a_key_that_others_may_read_is_told(project: Project) -> None:
    project.drop("sourcedata/a.csv", f"{HEADER}\nacme,1,2,3,0\nb,1,2,3,1\n")
    assert project.run("ingestion").code == 0
    assert project.run("ingestion", "--erase", "acme", "--reason", REASON).code == 0
    os.chmod(project.settings.production / paths.ERASED_KEY, 0o644)

    for script, word in (("fullprocess", "--status"), ("diagnostics", "--verify")):
        assert "others than its owner may read the key" in project.run(script, word).out


@pytest.mark.slow
def test_counts_of_former_reports_stay_and_runs_say_that_rows_had_gone(kept: Project) -> None:
    before = kept.json("models/snapshot.json")

    assert erase(kept, *ERASED).code == 0
    run_of_day(kept, "2026-06-21")

    former = kept.json(f"models/reports/{before['run']}/snapshot.json")
    assert (former["clients"], len(former["risks"])) == (before["clients"], len(before["risks"]) - len(ERASED))
    assert "of erased clients had gone" in kept.run("diagnostics", "--explain", "last").out


@pytest.mark.slow
def test_retrain_lays_a_challenger_without_the_client_on_the_desk_and_judges_it(kept: Project) -> None:
    former, live = kept.json("models/trainedmodel.json"), os.readlink(kept.settings.production / paths.CURRENT)

    said = kept.run("ingestion", "--erase", "acme", "--reason", REASON, "--retrain")

    assert said.code == 0, (said.out, said.err)
    erasing, run = records(kept)[-2:]
    assert (erasing["step"], run["script"]) == ("done", "fullprocess")
    assert (run["reason_to_train"], run["outcome"]) == ("asked for by --force", "not enough evidence")
    assert run["gate"]["sentence"] == run["sentence"]
    assert said.out.splitlines()[-2:] == [
        f"  retrained: not enough evidence: {run['sentence']}",
        "  the live release stays; to deploy the challenger all the same: python deployment.py --force REASON",
    ]
    assert [it.partition("-")[0] for it in erasing["trained"]] == ["1", "2", "the challenger on the desk"]
    assert all(f"  trained on them: {it}\n" in said.out for it in erasing["trained"])
    card = kept.json("models/trainedmodel.json")
    assert (card["run"], card["n_rows"]) == (run["run"], former["n_rows"] - 3)  # of three months with an outcome
    assert card["sha256"] == run["challenger"] != former["sha256"]
    assert holding(kept.root, "acme", OTHERS) == []
    assert os.readlink(kept.settings.production / paths.CURRENT) == live
    assert kept.run("diagnostics", "--verify").code == 0
    assert kept.run("deployment", "--force", "request 2026-17").code == 0


@pytest.mark.slow
def test_retrain_says_that_nothing_was_trained_where_too_few_rows_are_left(project: Project) -> None:
    deploy(project)
    rows = [line.split(",") for line in project.text("sourcedata/dataset1.csv").splitlines()[1:]]
    leave = project.drop("leave.txt", "".join(f"{row[0]}\n" for row in rows if row[-1] == "1"))

    said = project.run("ingestion", "--erase-file", str(leave), "--reason", REASON, "--retrain")

    n_left = sum(row[-1] == "0" for row in rows)
    told = f"{n_left} labelled rows with 1 kind of outcome: no model can be trained on them."
    assert f"  not retrained: not enough evidence: {told}" in said.out, (said.out[-2000:], said.err)
    assert records(project)[-1]["outcome"] == "not enough evidence"


@pytest.mark.slow
def test_no_model_that_was_trained_on_the_client_competes_once_it_is_erased(kept: Project) -> None:
    kept.drop("sourcedata/2026-05.csv", month(5))
    run_of_day(kept, "2026-07-20", "--force")
    before = [it["name"] for it in records(kept)[-1]["candidates"]]
    assert erase(kept, "acme").code == 0
    kept.drop("sourcedata/2026-06.csv", month(6))

    run_of_day(kept, "2026-07-21", "--force")

    assert "recalibrated, logistic" in before
    assert [it["name"] for it in records(kept)[-1]["candidates"]] == ["all rows, logistic", "recent rows, logistic"]


@pytest.mark.slow
def test_a_challenger_of_a_run_that_was_cut_off_is_trained_again_without_the_client(kept: Project) -> None:
    kept.drop("sourcedata/2026-05.csv", month(5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scoring.judge", lambda *_: 1 / 0)
        assert kept.run("fullprocess", "--force").code == 1
    former = kept.json("models/trainedmodel.json")
    assert erase(kept, "acme").code == 0

    run_of_day(kept, "2026-07-20", "--force")

    card = kept.json("models/trainedmodel.json")
    assert card["dataset"] == former["dataset"]
    assert (card["n_rows"], card["sha256"] == former["sha256"]) == (former["n_rows"] - 3, False)  # called in May
