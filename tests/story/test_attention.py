"""Green lights that must not lie: what needs a person is told once, and stays until it is settled."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from risk.disk import journal, paths
from risk.registry import releases
from risk.report import subject
from risk.report.words import banner
from tests.conftest import HEADER, Installations, Project, Said, deploy, table


def judge(project: Project) -> None:
    """Leave a challenger on the desk that the gate does not let pass."""
    deploy(project)
    project.drop("sourcedata/dataset2.csv", table(200, seed=2, first=5_000))
    for stage in ("ingestion", "training", "scoring"):
        assert project.run(stage).code == 0


@pytest.fixture
def judged(installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(judge, tmp_path)


def kinds(project: Project) -> list[str]:
    return [it["kind"] for it in project.run("fullprocess", "--status", "--json").json["attention"]]


@pytest.mark.slow
def test_a_source_that_is_refused_whole_is_told_once_and_kept_until_it_is_settled(deployed: Project) -> None:
    deployed.drop("sourcedata/dataset2.csv", "client,exited\nAcme Ltd,1\n")

    first, second = deployed.run("fullprocess"), deployed.run("fullprocess")
    shown, unsettled = deployed.json("models/snapshot.json"), kinds(deployed)
    deployed.drop("sourcedata/dataset3.csv", table(50, seed=3, first=7_000))
    third = deployed.run("fullprocess")
    deployed.drop("sourcedata/dataset2.csv", table(50, seed=2, first=5_000))
    settled = deployed.run("fullprocess")

    assert (first.code, second.code, third.code, settled.code) == (4, 0, 0, 0)
    assert "needs attention: dataset2.csv: refused whole" in first.out
    assert second.out == "no new data\n"
    assert [it["subject"] for it in shown["attention"]] == ["dataset2.csv"]
    assert (unsettled, kinds(deployed)) == (["rejected"], [])


@pytest.mark.slow
@pytest.mark.parametrize("script", ["fullprocess", "ingestion"])
@pytest.mark.parametrize(
    "files",
    [
        {},
        {"a.csv": HEADER + "\n"},
        {"a.csv": ""},
        {"a.csv": f"{HEADER}\nc1,x,y,z,0\n"},
        {"a.txt": "x"},
    ],
)
def test_an_input_folder_that_gives_no_row_needs_a_person(project: Project, files: dict[str, str], script: str) -> None:
    for name, content in files.items():
        project.drop(f"sourcedata/{name}", content)

    said = [project.run(script) for _ in range(2)]

    assert [it.code for it in said] == [4, 0]
    assert "it gives no row at all" in said[0].out
    assert "no rows" in kinds(project)


def test_a_folder_whose_sources_are_all_held_is_not_said_to_give_no_row(project: Project) -> None:
    project.drop("sourcedata/a.csv", table(300, seed=1))
    project.run("ingestion")
    head, *lines = table(300, seed=2).splitlines()
    blown = "\n".join(
        [head, *(",".join([c, a, f"{int(b) * 1000}", *rest]) for c, a, b, *rest in (it.split(",") for it in lines))]
    )
    project.drop("sourcedata/a.csv", blown + "\n")

    said = project.run("ingestion")

    assert said.code == 4
    assert "every source that has rows is held back (1 source known); what was taken in before is kept." in said.out
    assert "gives no row at all" not in said.out


def test_a_file_whose_rows_were_all_refused_is_no_ingested_file(deployed: Project) -> None:
    deployed.drop("sourcedata/bad.csv", f"{HEADER}\nc1,x,y,z,0\n")

    said = deployed.run("ingestion")

    assert said.code == 4
    assert "bad.csv: 1 row was read and none is accepted" in said.out
    assert deployed.text("ingesteddata/ingestedfiles.txt") == "dataset1.csv\n"


@pytest.mark.slow
def test_a_held_source_needs_a_person_until_it_is_taken_in(deployed: Project) -> None:
    rows = [line.split(",") for line in table(300, seed=5, first=3_000).splitlines()]
    blown = "\n".join(",".join([a, str(int(b) * 1000) if b.isdigit() else b, *rest]) for a, b, *rest in rows)
    deployed.drop("sourcedata/dataset2.csv", blown + "\n")

    held = deployed.run("fullprocess")
    listed, during = deployed.run("ingestion", "--rejected"), kinds(deployed)
    released = deployed.run("ingestion", "--release", "dataset2.csv")

    assert held.code == 4
    assert "dataset2.csv: held back: lastmonth_activity is about 1,000 times" in listed.out
    assert (during, released.code, kinds(deployed)) == (["held"], 0, [])


@pytest.mark.slow
def test_a_feed_that_stops_needs_a_person_once(deployed: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed.configure(expected_every="24 hours")
    deployed.run("fullprocess")

    later = time.time() + 30 * 3600
    monkeypatch.setattr(time, "time", lambda: later)
    said = [deployed.run("fullprocess") for _ in range(3)]

    assert [it.code for it in said] == [4, 0, 0]
    assert "No new rows have come for 30 hours" in said[0].out


def deploy_again(project: Project) -> None:
    """Make a second release, by a person's word."""
    for words in (["training"], ["scoring"], ["deployment", "--force", "a second one"]):
        assert project.run(*words).code == 0, words


@pytest.mark.slow
def test_another_release_made_live_by_hand_needs_a_person_once(deployed: Project) -> None:
    deploy_again(deployed)
    deployed.drop("sourcedata/dataset2.csv", table(50, seed=2, first=5_000))
    first, second = releases.all_of(deployed.settings.production)
    releases.files.turn(deployed.settings.production / paths.CURRENT, first.folder)

    said = [deployed.run("fullprocess") for _ in range(2)]

    assert [it.code for it in said] == [4, 0]
    assert f"current: it names {first.name}, but the journal's last deployment is {second.name}" in said[0].out


@pytest.mark.slow
def test_a_missing_live_release_can_be_left_by_a_rollback(deployed: Project) -> None:
    deploy_again(deployed)
    first, second = releases.all_of(deployed.settings.production)
    shutil.rmtree(second.folder)

    back = deployed.run("deployment", "--rollback", "1")

    assert back.code == 0
    assert releases.name_of(deployed.settings.production) == first.name
    assert deployed.run("fullprocess").code == 0


@pytest.mark.slow
def test_who_goes_back_behind_a_change_is_told_until_a_check_finds_none(deployed: Project) -> None:
    deployed.drop("sourcedata/dataset2.csv", table(900, seed=2, turned=True, first=5_000))
    assert deployed.run("fullprocess", "--json").json["reason_to_train"] == "drift"
    later = releases.name_of(deployed.settings.production)

    def behind() -> Any:
        assert deployed.run("fullprocess").code == 0
        return deployed.json("models/snapshot.json")["release"]["behind"]

    def remade() -> Any:
        assert deployed.run("reporting").code == 0
        return deployed.json("models/snapshot.json")["release"]["behind"]

    assert deployed.run("deployment", "--rollback").code == 0
    assert behind() == later
    title, why = banner(deployed.json("models/snapshot.json")) or ("", "")
    assert title == "This release is of the time before a change"
    assert f"python deployment.py --rollback {later}." in why
    assert deployed.run("deployment", "--rollback", str(later)).code == 0
    assert behind() is None
    assert deployed.run("deployment", "--rollback").code == 0
    assert [behind(), remade(), remade()] == [later] * 3
    look = {"kind": "run", "verdict": "no drift", "scan": {"windows": [{}]}}
    journal.append(deployed.settings.production / paths.JOURNAL, look)
    assert subject._behind(deployed.settings.production) is None


def test_practice_needs_a_person_too(project: Project) -> None:
    project.drop("practicedata/a.csv", "client\nx\n")

    said = [project.run("fullprocess", "--practice") for _ in range(2)]

    assert [it.code for it in said] == [4, 0]


@pytest.mark.slow
def test_a_run_that_fails_leaves_what_it_found_to_be_told_by_the_next(deployed: Project) -> None:
    deployed.drop("sourcedata/dataset2.csv", "client\nx\n")
    away = (deployed.root / "production_deployment/releases").rename(deployed.root / "away")

    failed = deployed.run("fullprocess")
    away.rename(deployed.root / "production_deployment/releases")
    told = deployed.run("fullprocess")

    assert (failed.code, told.code) == (1, 4)


# --- a damaged or missing live release --------------------------------------------------------------------------------


def flip(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9] + b"123456789")


@pytest.mark.parametrize("name", [paths.MODEL, paths.CARD, paths.LEARNED_RISKS, paths.VERDICT])
def test_a_damaged_live_release_is_no_idle_tick_and_fails_the_run(deployed: Project, name: str) -> None:
    assert deployed.run("fullprocess").out == "no new data\n"

    flip(deployed.root / "production_deployment/current" / name)
    said, status = deployed.run("fullprocess"), deployed.run("fullprocess", "--status")

    assert (said.code, status.code) == (1, 1)
    assert name in said.err
    assert "damaged:" in status.out


@pytest.mark.slow
def test_a_missing_live_release_fails_the_run_and_is_never_replaced_by_a_first_one(deployed: Project) -> None:
    before = releases.name_of(deployed.settings.production)
    away = (deployed.root / "production_deployment/releases").rename(deployed.root / "away")

    failed, status = deployed.run("fullprocess"), deployed.run("fullprocess", "--status")
    away.rename(deployed.root / "production_deployment/releases")
    back = deployed.run("fullprocess")

    assert (failed.code, status.code, back.code) == (1, 1, 0)
    assert "the release that it names is missing" in failed.err
    assert releases.name_of(deployed.settings.production) == before
    assert deployed.run("fullprocess", "--status").code == 0


def test_a_lost_journal_costs_no_release(deployed: Project) -> None:
    path = deployed.settings.production / paths.JOURNAL
    kept = path.read_bytes()
    path.unlink()

    said = deployed.run("fullprocess")

    assert said.code == 1
    assert "the journal is missing" in said.err
    assert len(releases.all_of(deployed.settings.production)) == 1
    path.write_bytes(kept)
    assert deployed.run("fullprocess").code == 0
    assert deployed.run("fullprocess").out == "no new data\n"


@pytest.mark.parametrize(
    ("script", "words"),
    [("scoring", ("--production",)), ("reporting", ()), ("diagnostics", ("--predict", "testdata/testdata.csv"))],
)
def test_whoever_opens_a_release_proves_it_by_the_journal(
    deployed: Project, script: str, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(deployed.root)
    folder = deployed.root / "production_deployment/current"
    flip(folder / paths.MODEL)
    card = json.loads((folder / paths.CARD).read_text())
    card["sha256"] = releases.files.digest_file(folder / paths.MODEL)
    (folder / paths.CARD).write_text(json.dumps(card))

    said = deployed.run(script, *words)

    assert said.code == 1
    assert "is not the one that the journal names" in said.err


@pytest.mark.slow
def test_a_damaged_report_set_is_made_again(deployed: Project) -> None:
    (deployed.root / "models/reports/current/clientrisks.csv").write_text("x")

    said = deployed.run("fullprocess")

    assert said.code == 0
    assert deployed.text("models/clientrisks.csv").startswith("rank,client,risk")


# --- outcomes are outcomes --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_refusal_by_the_gate_is_an_outcome_and_no_failure(judged: Project) -> None:
    said = judged.run("deployment")
    line = journal.runs(judged.settings.production / paths.JOURNAL)[-1]

    assert (said.code, said.err) == (3, "")
    assert said.out.startswith(line["outcome"])
    assert line["outcome"] in ("challenger rejected", "not enough evidence")
    assert "error" not in line
    status = judged.run("fullprocess", "--status")
    assert (status.code, status.out.count(line["outcome"])) == (0, 1)


@pytest.mark.slow
def test_a_challenger_that_is_not_judged_is_refused_and_no_failure(deployed: Project) -> None:
    deployed.drop("sourcedata/dataset2.csv", table(200, seed=2, first=5_000))
    for stage in ("ingestion", "training"):
        assert deployed.run(stage).code == 0

    said = deployed.run("deployment")

    assert said.code == 3
    assert "not judged yet" in said.out
    assert deployed.run("fullprocess", "--status").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("content", ["", "{", "null", "3", "[1]", '"x"', "{}", '{"model": "of another"}', "\xff", None])
def test_a_verdict_that_is_damaged_or_of_another_model_covers_no_challenger(
    judged: Project, content: str | None
) -> None:
    path, before = judged.root / "models" / paths.VERDICT, releases.name_of(judged.settings.production)
    path.unlink() if content is None else path.write_text(content, encoding="latin-1")

    said, forced = judged.run("deployment"), judged.run("deployment", "--force", "it must be")

    assert (said.code, said.err, forced.code) == (3, "", 3)
    assert "models/verdict.json: this challenger is not judged yet; run python scoring.py" in said.out
    assert releases.name_of(judged.settings.production) == before
    assert judged.run("fullprocess", "--status").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("content", ["{", "[1]", '{"release": 3}'])
def test_a_torn_snapshot_is_made_again_by_the_next_tick(deployed: Project, content: str) -> None:
    (deployed.root / "models/reports/current" / paths.SNAPSHOT).write_text(content)
    (deployed.root / "models/backtest.json").write_text("[1]")
    (deployed.root / "ingesteddata" / paths.SIGNATURES).write_text("[1]")

    said = deployed.run("fullprocess")

    assert said.code == 0
    assert deployed.json("models/snapshot.json")["release"]["name"] == releases.name_of(deployed.settings.production)


@pytest.mark.parametrize("words", [("--rollback",), ("--rollback", "1")])
def test_what_cannot_be_rolled_back_to_is_no_failed_run(deployed: Project, words: tuple[str, ...]) -> None:
    n_lines = len(deployed.text("production_deployment/journal.jsonl").splitlines())

    said = deployed.run("deployment", *words)

    assert said.code == 1
    assert "nothing was changed" in said.err
    assert len(deployed.text("production_deployment/journal.jsonl").splitlines()) == n_lines


@pytest.mark.slow
def test_status_is_red_after_a_failed_run_and_green_after_the_next(deployed: Project) -> None:
    (deployed.root / "testdata/testdata.csv").unlink()
    deployed.drop("sourcedata/dataset2.csv", table(1000, seed=2, first=5000, turned=True))
    (deployed.root / "production_deployment/current/latestscore.txt").rename(deployed.root / "kept")

    failed = deployed.run("fullprocess")
    red: Said = deployed.run("fullprocess", "--status")
    (deployed.root / "kept").rename(deployed.root / "production_deployment/current/latestscore.txt")
    deployed.drop("testdata/testdata.csv", table(100, seed=9, first=90_000))
    mended = deployed.run("fullprocess")

    assert (failed.code, red.code, mended.code) == (1, 1, 0)
    assert deployed.run("fullprocess", "--status").code == 0


def test_the_runs_so_far_tell_what_was_decided(deployed: Project) -> None:
    (first,) = deployed.json("models/snapshot.json")["history"]

    assert first["outcome"] == "deployed"
    assert first["reason"] == deployed.json("production_deployment/current/verdict.json")["sentence"]
    assert first["reason"] != "Nothing is deployed yet."


@pytest.mark.slow
@pytest.mark.parametrize("lines", ["", "\n\n", ",,,,\n"])
def test_a_source_of_a_header_alone_is_told_and_is_no_arrival(deployed: Project, lines: str) -> None:
    deployed.drop("sourcedata/dataset2.csv", f"{HEADER}\n{lines}")

    said, status = deployed.run("fullprocess", "--json"), deployed.run("fullprocess", "--status")

    assert "warning:  dataset2.csv: it brought no rows (a header and no row below it)" in status.out
    last = journal.runs(deployed.root / "production_deployment" / paths.JOURNAL)[-1]
    assert (said.code, last["arrived"]) == (0, False)
    assert last["sentence"].startswith("No new labels have come since run 1")
