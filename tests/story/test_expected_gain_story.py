"""A list in the order of expected gain, from the settings to the files, the snapshot, the console and the list kept."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from risk.lists import list_history
from tests.conftest import HEADER, Installations, Project, table

CAPACITY = {"calls_per_week": 30, "order": "expected gain", "acceptance": 0.4, "call_cost": 25}
SCHEMA = {"period": "period", "value": "worth", "currency": "€", "renewal": "renews"}


def month(number: int, *, labels: bool = True) -> str:
    """Return the file of a month; one client in ten has no value, and most are worth less than a call."""
    worth = np.random.default_rng(100 + number).lognormal(4, 1.2, 400).round(2)
    rows = table(400, seed=number, labels=labels).splitlines()[1:]
    cells = [
        f"{row},2026-{number:02d},{'' if at % 10 == 3 else worth[at]},{'' if at % 2 else '2026-12-24'}"
        for at, row in enumerate(rows)
    ]
    return "\n".join([f"{HEADER},period,worth,renews", *cells]) + "\n"


def by_gain(project: Project) -> None:
    project.configure(schema=SCHEMA, capacity=CAPACITY)
    for number in range(1, 4):
        project.drop(f"sourcedata/2026-{number:02d}.csv", month(number, labels=number < 3))
    project.drop("testdata/testdata.csv", month(9).replace("\nc", "\nd"))
    said = project.run("fullprocess", whole=True)
    assert said.code == 0, said.err


@pytest.fixture
def made(installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(by_gain, tmp_path)


@pytest.mark.slow
def test_a_list_by_expected_gain_is_the_same_everywhere(made: Project) -> None:
    shown = made.json("models/snapshot.json")
    lines = list(csv.DictReader((made.root / "models/calllist.csv").read_text().splitlines()))
    kept = list_history.on_disk(made.root / "models/lists")[-1]
    rows = list_history.sound_rows(made.root / "models/lists", kept)

    gains = [call["expected_gain"] for call in shown["call_list"]]
    assert gains == sorted(gains, reverse=True)
    assert min(gains) > 0
    assert [line["client"] for line in lines] == [call["client"] for call in shown["call_list"]]
    assert [float(line["expected_gain"]) for line in lines] == gains
    assert rows is not None
    assert set(rows["client"][rows["on_list"].astype(bool)]) == {line["client"] for line in lines}
    assert [it["order"] for it in shown["orders"]["orders"]] == ["risk", "expected gain"]
    told = shown["list"]["expected_gain"]
    assert (told["n_without_value"], told["listed"]) == (40, pytest.approx(sum(gains)))
    ranks = [
        int(line["rank"]) for line in csv.DictReader((made.root / "models/clientrisks.csv").read_text().splitlines())
    ]
    assert ranks == sorted(ranks)  # of all clients, by risk
    assert (shown["renewals"].count("2026-12-24"), shown["renewals"].count(None)) == (200, 200)


@pytest.mark.slow
def test_a_setting_changed_to_expected_gain_makes_a_new_list_without_training(made: Project) -> None:
    made.configure(schema=SCHEMA, capacity=CAPACITY | {"call_cost": 1_000_000})

    made.run("fullprocess")

    shown = made.json("models/snapshot.json")
    assert shown["outcome"] in ("no drift", "not enough evidence")
    assert shown["call_list"] == []
    told = shown["list"]["expected_gain"]
    assert (told["n_losing"], told["n_left_over"]) == (400, 30)
    newest = shown["track_record"]["lists"][-1]  # in place of the list that was made before it on this day
    assert (newest["as_of"], newest["n_listed"], newest["n_clients"]) == (shown["as_of"], 0, 400)
    assert [it["as_of"] for it in shown["track_record"]["lists"]].count(shown["as_of"]) == 1
    words = made.run("diagnostics", "--track-record").out
    assert "by expected gain nobody is worth a call" in words


@pytest.mark.slow
def test_an_empty_list_is_graded_as_one_that_held_no_leaver(made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    made.configure(schema=SCHEMA, capacity=CAPACITY | {"acceptance": 0})
    made.run("fullprocess")
    made.drop("sourcedata/2026-03.csv", month(3))
    monkeypatch.setattr("risk.command.today", lambda: "2099-01-01")

    assert made.run("fullprocess").code == 0

    record = made.json("models/snapshot.json")["track_record"]
    empty = next(it for it in record["lists"] if it["newest_period"] == "2026-03")
    assert (empty["n_listed"], empty["listed_left"], empty["share_caught"], empty["complete"]) == (0, 0, 0.0, True)
    assert empty["n_left"] > 0
    assert "Of the 0" not in record["sentence"]
