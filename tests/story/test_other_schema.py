"""Another schema is another dataset: all sources are read again, and runs go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pypdf import PdfReader

from app import create_app
from risk.modeling.selection import ALL_ROWS
from risk.registry.releases import BASE_RATE
from tests.conftest import Installations, Project

HEADER = "corporation,period,owner,site,activity,worth,exited"
FEATURES = {"activity": {"minimum": 0}}
SITE = {"site": "numeric"}
PLAIN: dict[str, Any] = {"features": FEATURES, "period": "period"}
ALL: dict[str, Any] = {"features": FEATURES | SITE, "period": "period", "owner": "owner", "value": "worth"}


def clients(month: int, n: int = 250, first: int = 0) -> str:
    draw = np.random.default_rng(month)
    activity, site, worth = draw.lognormal(4, 1, n).round(4), draw.integers(1, 4, n), draw.integers(90, 900, n)
    left = draw.random(n) < 1 / (1 + np.exp(1 + 1.4 * (np.log(activity) - 4) + (site - 2)))
    rows = zip(range(first, first + n), activity, site, worth, left.astype(int), strict=True)
    lines = [f"c{i:05d},2026-{month:02d},{'AB'[i % 2]},{where},{a},{v},{mark}" for i, a, where, v, mark in rows]
    return "\n".join([HEADER, *lines]) + "\n"


def deploy(project: Project, schema: dict[str, Any]) -> None:
    project.configure(schema=schema)
    project.drop("testdata/testdata.csv", clients(9, 150, first=90_000))
    for month in (1, 2):
        project.drop(f"sourcedata/2026-{month:02d}.csv", clients(month))
    assert project.run("fullprocess", "--json").json["outcome"] == "deployed"


def deploy_plain(project: Project) -> None:
    deploy(project, PLAIN)


def deploy_all(project: Project) -> None:
    deploy(project, ALL)


@pytest.fixture
def plain(installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(deploy_plain, tmp_path)


@pytest.fixture
def whole(installations: Installations, tmp_path: Path) -> Project:
    return installations.copy(deploy_all, tmp_path)


def is_well(project: Project, n_rows: int) -> None:
    """Run, and again with another month: the sources are read, a model of these columns is live, its list is made."""
    for month in (3, 4):
        answer = project.run("fullprocess", "--json")
        assert answer.code == 0, answer.err
        assert answer.json["outcome"] == ("deployed" if month == 3 else "no drift"), answer.json
        shown = project.json("models/snapshot.json")
        assert (shown["dataset"]["n_rows"], len(shown["call_list"])) == (n_rows, 50)
        project.drop(f"sourcedata/2026-{month:02d}.csv", clients(month))
        n_rows += 250
    for script in ("ingestion", "diagnostics"):
        assert project.run(script, "--verify").out.startswith("sound")


MORE = [
    {"value": "worth"},
    {"owner": "owner"},
    {"features": FEATURES | SITE},
    {"period": None},
    {"features": FEATURES | {"change": {"change_of": "activity"}}},
]


@pytest.mark.parametrize("more", [MORE[0], *(pytest.param(it, marks=pytest.mark.slow) for it in MORE[1:])])
def test_where_a_column_is_added_all_sources_are_read_again(plain: Project, more: dict[str, Any]) -> None:
    plain.configure(schema=PLAIN | more)

    is_well(plain, 500)


@pytest.mark.slow
@pytest.mark.parametrize(
    "schema", [PLAIN, PLAIN | {"period": None}, ALL | {"features": FEATURES | {"site": "categorical"}}]
)
def test_where_a_column_goes_or_is_of_another_kind_all_sources_are_read_again(
    whole: Project, schema: dict[str, Any]
) -> None:
    whole.configure(schema=schema)

    is_well(whole, 500)


@pytest.mark.slow
@pytest.mark.parametrize("key", ["target", "client", "period"])
def test_where_a_column_is_called_otherwise_all_sources_are_read_again(plain: Project, key: str) -> None:
    former = {"target": "exited", "client": "corporation", "period": "period"}[key]
    plain.configure(schema=PLAIN | {key: "new"})
    for path in [*plain.root.glob("sourcedata/*"), *plain.root.glob("testdata/*")]:
        plain.drop(str(path.relative_to(plain.root)), path.read_text().replace(former, "new"))

    answer = plain.run("fullprocess", "--json")

    assert (answer.code, answer.json["outcome"]) == (0, "deployed"), answer.err
    assert plain.json("models/snapshot.json")["dataset"]["n_rows"] == 500


@pytest.mark.slow
def test_a_proven_model_of_other_columns_does_not_keep_a_first_model_from_making_the_list(whole: Project) -> None:
    whole.configure(schema=ALL | {"features": {"worth": "numeric"}, "value": None})  # it tells nothing

    answer = whole.run("fullprocess", "--json")

    shown = whole.json("models/snapshot.json")
    assert (answer.code, answer.json["outcome"], len(shown["call_list"])) == (0, "deployed", 50), answer.out
    assert shown["release"]["provisional"]


@pytest.mark.slow
def test_a_model_for_another_meaning_of_leaving_is_trained_on_the_rows_it_is_judged_on(plain: Project) -> None:
    header, *lines = clients(3).splitlines()
    draw = np.random.default_rng(5)
    ended = [f"{line[:-1]}{2 if draw.random() < 0.4 else 0}" for line in lines]  # among all rows few are
    plain.drop("sourcedata/2026-03.csv", "\n".join([header, *ended]) + "\n")
    plain.configure(schema=PLAIN | {"target_values": {"stayed": ["0", "1"], "left": ["2"]}})

    answer = plain.run("fullprocess", "--json")

    card, gate = plain.json("models/trainedmodel.json"), plain.json("models/verdict.json")["gate"]
    assert answer.json["outcome"] == "deployed", answer.json
    assert (card["learned"], gate["against"]) == (ALL_ROWS, BASE_RATE)
    assert gate["challenger_log_loss"] < 1.02 * gate["champion_log_loss"]


def test_where_no_model_fits_the_schema_everybody_reads_that_there_is_no_list_and_what_to_do(plain: Project) -> None:
    live = plain.json("models/snapshot.json")["release"]["name"]
    plain.configure(schema=PLAIN | {"target_values": {"stayed": ["0", "1"], "left": ["2"]}})  # nobody has left

    first, second = plain.run("fullprocess", whole=True), plain.run("fullprocess")

    told = f"There is no call list: release {live} was trained for another meaning of the columns"
    status, app = plain.run("fullprocess", "--status"), create_app(plain.settings)
    page, health = (app.test_client().get(it, headers={"Accept": "text/html"}).text for it in ("/", "/health"))
    app.extensions["rooms"].watch.stop()
    printed = " ".join(" ".join(it.extract_text() for it in PdfReader(plain.root / "models/report.pdf").pages).split())
    assert (first.code, second.out) == (4, "no new data\n")
    assert all(told in it for it in (first.out, status.out, page, health, printed))
    assert "no model can be trained on them. Send outcomes." in status.out
    for text in (page, printed):
        assert not any(it in text for it in ("the next run updates", "no release yet", "No model is deployed"))


@pytest.mark.slow
def test_a_new_model_that_was_refused_is_named_beside_the_list_that_is_missing(plain: Project) -> None:
    plain.configure(schema=PLAIN | {"value": "worth"})
    plain.run("fullprocess")
    plain.run("deployment", "--rollback")

    refused = plain.run("fullprocess")
    forced, later = plain.run("deployment", "--force", "we want a list"), plain.run("fullprocess")

    assert (refused.code, forced.code, later.code) == (4, 0, 0)
    assert "The new one was refused: This very model was rolled back on this dataset" in refused.out
    shown = plain.json("models/snapshot.json")
    assert (shown["attention"], len(shown["call_list"])) == ([], 50)


def test_before_they_are_read_again_everything_that_needs_them_says_so(plain: Project) -> None:
    plain.configure(schema=PLAIN | {"value": "worth"})
    asked = ("training",), ("ingestion", "--verify"), ("diagnostics", "--backtest"), ("diagnostics", "--compare")

    answers = [plain.run(*words) for words in asked]

    told = "the dataset is of another input folder or schema; run python ingestion.py first"
    assert [(it.code, told in it.err) for it in answers] == [(1, True)] * len(asked)


@pytest.mark.slow
def test_a_client_is_erased_from_parts_in_which_a_column_is_of_another_kind(whole: Project) -> None:
    whole.configure(schema=ALL | {"features": FEATURES | {"site": "categorical"}})
    assert whole.run("fullprocess").code == 0

    answer = whole.run("ingestion", "--erase", "c00003", "--reason", "asked")

    assert answer.code == 0, answer.err
    for script in ("ingestion", "diagnostics"):
        assert whole.run(script, "--verify").out.startswith("sound")


def test_a_file_that_changes_worth_and_manager_alone_is_not_news_to_the_live_model(whole: Project) -> None:
    header, *lines = clients(2).splitlines()
    fields = (line.split(",") for line in lines)
    moved = [",".join([*it[:2], "C", *it[3:5], str(int(it[5]) + 7), it[6]]) for it in fields]
    whole.drop("sourcedata/2026-02.csv", "\n".join([header, *moved]) + "\n")

    answer = whole.run("fullprocess", "--json")

    assert answer.code == 0, answer.err
    assert answer.json["reason"] == "No labelled row is new to the live model."
    calls = whole.json("models/snapshot.json")["call_list"]
    assert {call["owner"] for call in calls} == {"C"}
