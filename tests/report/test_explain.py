from __future__ import annotations

import copy
import json
import os
import pwd
from collections.abc import Iterator
from typing import Any

import pytest
from pypdf import PdfReader

from app import create_app
from risk.disk import journal
from risk.registry import releases
from risk.report import explain
from risk.report._run_in_words import of_run
from tests.conftest import Project, table

JOURNAL = "production_deployment/journal.jsonl"
TODAY = journal.now()[:10]
ACCOUNT = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """First release, a turned month that retrains, a rollback by hand, a refused file, a deployment by force."""
    project = Project(tmp_path_factory.mktemp("story"))
    project.drop("sourcedata/dataset1.csv", table(400))
    project.drop("testdata/testdata.csv", table(100, seed=9, first=90_000))
    project.run("fullprocess")
    project.drop("sourcedata/dataset2.csv", table(800, seed=2, first=1000, turned=True))
    project.run("fullprocess")
    project.run("deployment", "--rollback")
    project.drop("sourcedata/broken.csv", "corporation,exited\nx,1\n")
    project.run("fullprocess")
    for name in ("training", "scoring"):
        project.run(name)
    project.run("deployment", "--force", "the board wants it")
    return project


def records(project: Project) -> list[dict[str, Any]]:
    return [json.loads(line) for line in project.text(JOURNAL).splitlines()]


def day_of(project: Project) -> str:
    """The day of its records: midnight may have passed since."""
    return str(records(project)[0]["at"])[:10]


def explained(project: Project, asked: str) -> str:
    said = project.run("diagnostics", "--explain", asked)
    assert (said.code, said.err) == (0, "")
    return " ".join(said.out.split())


def told(found: list[dict[str, Any]], asked: str = "last") -> str:
    return "\n".join(explain.tell(found, asked, today=TODAY, origin=lambda _: releases.Origin()).lines)


@pytest.mark.slow
def test_a_run_that_deployed_tells_what_was_known_compared_and_decided(story: Project) -> None:
    run = next(it for it in records(story) if it.get("run") == 2 and it["kind"] == "run")

    text = explained(story, "2")

    assert "Run 2 of fullprocess.py" in text
    assert run["outcome"] == "deployed"
    assert "dataset2.csv: 800 rows, 800 with a known outcome" in text
    assert f"Yes. {run['reason']} (reason to train: drift)" in text
    assert f"χ² {run['scan']['windows'][0]['chi2']:,.1f}, " in text
    assert ": alarm" in text
    assert run["sentence"] in text
    assert f"{run['gate']['z']:.2f} standard errors (z)" in text
    assert "compared with the live model, 1-" in text
    assert f"Release {run['release']} was deployed. It went live on" in text
    assert run["challenger"] in text
    assert f"Settings {run['config']}, those of now." in text
    assert run["packages"]["numpy"] in text


@pytest.mark.slow
def test_a_first_release_is_compared_with_the_average_risk(story: Project) -> None:
    text = explained(story, "1")

    assert "compared with the average risk, on" in text
    assert "(reason to train: nothing is deployed)" in text


def test_a_run_without_training_tells_why_and_what_stayed_live(story: Project) -> None:
    text = explained(story, "4")

    assert "No. No new labels have come since run 2" in text
    assert "broken.csv was refused whole: broken.csv: line 1" in text
    assert "Nothing was deployed; 1-" in text


def test_a_persons_acts_are_told_as_such(story: Project) -> None:
    back, forced, last = explained(story, "3"), explained(story, "7"), explained(story, "last")

    assert f"A person (account {ACCOUNT}) went back from 2-" in back
    assert "by force and gave this reason: the board wants it" in forced
    assert forced == last


def test_a_day_tells_all_runs_acts_and_what_was_live_at_its_end(story: Project) -> None:
    live = story.run("deployment", "--list", "--json").json["releases"][-1]["release"]

    text = explained(story, day_of(story))

    assert f"{day_of(story)} (UTC): 7 runs." in text
    assert f"Release {live}, deployed by run 7, live since" in text
    assert "made of 2 sources: dataset1.csv, dataset2.csv." in text
    assert f"A person (account {ACCOUNT}) went back from 2-" in text
    assert all(f"Run {number} of " in text for number in range(1, 8))


def test_json_gives_the_records_beside_the_text(story: Project) -> None:
    run = story.run("diagnostics", "--explain", "2", "--json").json
    day = story.run("diagnostics", "--explain", day_of(story), "--json").json

    assert [it["kind"] for it in run["records"]] == ["intent", "done", "run"]
    assert day["records"] == records(story)
    assert day["live"]["release"] == day["records"][-1].get("release", day["live"]["release"])
    assert day["text"][0] == f"{day_of(story)} (UTC): 7 runs."


@pytest.mark.parametrize(
    ("asked", "code", "told"),
    [
        ("99", 1, "there is no run 99; there are runs 1 to 7"),
        ("2001-01-01", 1, "the journal tells of the days from 20"),
        ("2999-01-01", 1, "there is no record of 2999-01-01"),
        ("yesterday", 2, "expected last, the number of a run, or a day"),
        ("", 2, "expected last"),
        ("２", 2, "expected last"),
    ],
)
def test_what_is_not_there_is_one_line_naming_what_is(story: Project, asked: str, code: int, told: str) -> None:
    said = story.run("diagnostics", "--explain", asked)

    assert said.code == code
    assert told in said.err
    assert len(said.err.splitlines()) == 1


def test_before_any_run_there_is_nothing_to_explain(project: Project) -> None:
    assert "nothing is recorded yet; run python fullprocess.py" in project.run("diagnostics", "--explain", "last").err


def test_explaining_writes_nothing(story: Project) -> None:
    before = story.seen()

    explained(story, day_of(story))

    assert story.seen() == before


def test_a_broken_chain_is_said_first_and_is_exit_code_one(story: Project) -> None:
    path = story.root / JOURNAL
    sound = path.read_text()
    path.write_text(sound.replace("the board wants it", "nobody wanted it!!"))

    said = story.run("diagnostics", "--explain", "2")
    path.write_text(sound)

    assert said.code == 1
    assert said.out.startswith("This cannot be proven:")


def shortened(record: Any) -> Iterator[Any]:
    """Yield the record without each of its keys in turn, and with each as null, however deep."""
    for key, value in list(record.items() if isinstance(record, dict) else enumerate(record)):
        if isinstance(record, dict):
            yield {name: it for name, it in record.items() if name != key}
            yield record | {key: None}
        for inner in shortened(value) if isinstance(value, dict | list) else ():
            less = copy.copy(record)
            less[key] = inner
            yield less


@pytest.mark.slow
def test_a_record_that_lacks_any_key_is_told_without_a_traceback(story: Project) -> None:
    whole = records(story)

    for place, record in enumerate(whole):
        for less in shortened(record):
            changed = [*whole[:place], less, *whole[place + 1 :]]
            for asked in ("last", day_of(story)):
                assert told(changed, asked)
            if less.get("kind") == "run":
                assert of_run(less)


def test_text_from_outside_is_one_line_without_control_characters(story: Project) -> None:
    whole = records(story)
    whole[-1]["error"] = "a\nb\x1b[31m"

    lines = explain.tell(whole, "last", today=TODAY, origin=lambda _: releases.Origin()).lines

    assert all(line.isprintable() for line in lines)
    assert any(r"a\nb\x1b[31m" in line for line in lines)


def test_the_candidate_that_was_taken_is_marked_and_the_guards_are_put_in_words() -> None:
    gate = {"champion_capture": 0.3, "challenger_capture": 0.2, "challenger_log_loss": 0.41}
    names = [{"name": "all rows", "log_loss": 0.5}, {"name": "recent rows", "log_loss": 0.41, "chosen": True}]

    text = "\n".join(of_run({"run": 1, "candidates": names, "gate": gate | {"capture_upper": -0.01}}))
    chance = "\n".join(of_run({"run": 1, "gate": gate | {"capture_upper": 0.01}}))

    assert "- all rows: log-loss 0.5000\n" in text
    assert "- recent rows: log-loss 0.4100, which was taken\n" in text
    assert "hold 20.0 % instead of 30.0 % of those who left: significantly fewer." in text
    assert "of those who left: fewer, but not significantly." in chance


@pytest.mark.parametrize(
    ("lower", "words"), [(0.01, "more, significantly."), (-0.01, "more, but not significantly."), (None, "more.")]
)
def test_a_longer_catch_is_told_with_what_is_sure_of_it(lower: float | None, words: str) -> None:
    gate = {"champion_capture": 0.2, "challenger_capture": 0.3, "capture_upper": 0.2, "capture_lower": lower}

    assert f"of those who left: {words}" in "\n".join(of_run({"run": 1, "gate": gate}))


def test_a_killed_deployment_and_other_acts_have_their_place_in_the_day() -> None:
    day = f"{TODAY}T10:00:0"
    acts: list[dict[str, Any]] = [
        {"at": f"{day}0Z", "kind": "intent", "action": "deploy", "release": "1-a", "run": 1},
        {"at": f"{day}1Z", "kind": "abandoned", "release": "1-a", "torn_line_cut": 12},
        {"at": f"{day}2Z", "kind": "act", "act": "check dependencies", "newest": {}},
        {"at": f"{day}3Z", "kind": "run", "run": 1, "script": "release", "outcome": "released", "released": "x.csv"},
        {"at": f"{day}4Z", "kind": "run", "run": 2, "outcome": "no drift", "reason_to_train": "asked for by --force"},
    ]

    text = told(acts[:3], TODAY) + told(acts, TODAY)

    assert "Release 1-a was deployed. It was cut off and abandoned on" in text
    assert "A line that a kill had torn was cut (12 bytes)." in text
    assert "A person asked the package index for the newest versions." in text
    assert "Run 1 of ingestion.py --release: A person took in x.csv, which had been held back." in text
    assert "A person had asked for training." in text
    assert "No model was live." in text


def test_what_was_live_on_a_former_day_is_what_was_done_until_then() -> None:
    def line(day: int, kind: str, release: str, action: str | None = None) -> dict[str, Any]:
        return {"at": f"2026-01-0{day}T23:59:59Z", "kind": kind, "release": release, "action": action}

    acts = [line(2, "intent", "1-a", "deploy"), line(2, "done", "1-a"), line(4, "intent", "2-b", "deploy")]
    acts += [line(5, "done", "2-b"), line(6, "intent", "1-a", "rollback"), line(6, "done", "1-a")]

    live = {day: explain.live_on(acts, f"2026-01-0{day}") for day in range(1, 8)}

    assert [live[day].release if live[day] else None for day in live] == [  # type: ignore[union-attr]
        None, "1-a", "1-a", "1-a", "2-b", "1-a", "1-a",
    ]  # fmt: skip
    assert live[7] is not None
    assert live[7].since.startswith("2026-01-06")


def test_a_rollback_by_the_gate_is_not_a_persons() -> None:
    acts: list[dict[str, Any]] = [
        {
            "at": f"{TODAY}T10:00:00Z",
            "kind": "intent",
            "action": "rollback",
            "release": "1-a",
            "from": "2-b",
            "run": 3,
            "reason": "it was better.",
        },
        {"at": f"{TODAY}T10:00:01Z", "kind": "done", "release": "1-a"},
        {"at": f"{TODAY}T10:00:02Z", "kind": "run", "run": 3, "script": "fullprocess", "outcome": "rolled back"},
    ]

    text = told(acts)

    assert (
        "By the gate's figures production went back from 2-b to 1-a, for this reason: it was better. It went live"
        in text
    )
    assert "person" not in text


@pytest.mark.slow
def test_console_json_api_page_pdf_and_journal_tell_the_same_run_outcome_and_verdict(project: Project) -> None:
    project.drop("sourcedata/dataset1.csv", table(400))
    project.drop("testdata/testdata.csv", table(100, seed=9, first=90_000))
    project.run("fullprocess")
    project.drop("sourcedata/dataset2.csv", table(800, seed=2, first=1000, turned=True))

    said = project.run("fullprocess", "--json", whole=True).json
    (line,) = (it for it in records(project) if it.get("run") == said["run"] and it["kind"] == "run")
    snapshot = project.json("models/snapshot.json")
    app = create_app(project.settings)
    client = app.test_client()
    history: Any = client.get("/history").json
    shown, page = history["history"][0], client.get("/").text
    app.extensions["rooms"].watch.stop()
    paper = " ".join(PdfReader(project.root / "models/report.pdf").pages[0].extract_text().split())
    text = explained(project, "last")

    expected = (said["run"], said["outcome"], said["verdict"])
    assert expected == (2, "deployed", "retrain")
    assert all((it["run"], it["outcome"], it["verdict"]) == expected for it in (line, snapshot, shown))
    assert "Run 2" in page
    assert "Run 2" in paper
    assert "Run 2 of fullprocess.py" in text
    assert ": deployed (" in text
    assert "Finding: retrain" in text


@pytest.mark.slow
def test_a_broken_journal_is_warned_of_in_log_snapshot_and_report(deployed: Project) -> None:
    project, path = deployed, deployed.root / JOURNAL
    path.write_text(path.read_text().replace('"forced": false', '"forced": true'))
    project.drop("sourcedata/dataset2.csv", table(300, seed=3, first=5000))

    said = project.run("fullprocess", whole=True)

    paper = "".join(page.extract_text() for page in PdfReader(project.root / "models/report.pdf").pages)
    assert said.code == 4
    assert "the journal is broken" in said.err
    assert "line 2: it does not follow" in project.json("models/snapshot.json")["warnings"][0]
    assert "line 2: it does not follow" in " ".join(paper.split())
