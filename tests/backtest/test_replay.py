"""The replay of policies over contents, and what the backtest tells and keeps of it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from risk.backtest import policies, replay
from risk.backtest.policies import Rows, Rules
from risk.backtest.replay import Replay, expected_log_loss
from risk.decision import policy
from risk.disk import files, paths
from risk.report import figures, tables
from risk.settings.decision_rules import Drift, GateRule
from tests.conftest import Installations, Project, table
from tests.once import remember_fits

NAMES = policy.Names("client", "left", {"activity": "numeric", "size": "numeric"})
RULES = Rules(NAMES, Drift(), GateRule(), "logistic")
TURNS = 4  # the step whose outcomes are the first ones by other reasons


def contents(count: int, n_rows: int = 400, turns: int = TURNS) -> pd.DataFrame:
    """Return labelled rows of contents 0, 1, …: quiet clients leave, from content `turns` on large ones."""
    draw, number = np.random.default_rng(1), np.repeat(np.arange(count), n_rows)
    figures = draw.normal(size=(2, len(number)))
    truth = 1 / (1 + np.exp(1.2 + np.where(number >= turns, -1.5 * figures[1], 1.5 * figures[0])))
    columns = {"activity": np.exp(4 + figures[0]), "size": np.exp(3 + figures[1])}
    known = {"client": [f"c{i}" for i in range(len(number))], "left": 1.0 * (draw.random(len(number)) < truth)}
    return pd.DataFrame(columns | known | {"content": number, "truth": truth})


def rows_of(frame: pd.DataFrame, *, truth: bool = True) -> Rows:
    known = frame["truth"].to_numpy() if truth else None
    return Rows(frame, replay.steps_of(frame["content"].to_numpy()), NAMES, known)


@pytest.fixture(scope="module")
def turned() -> Replay:
    return replay.replay(rows_of(contents(8)), RULES)


@pytest.fixture(scope="module")
def told(turned: Replay) -> dict[str, Any]:
    names = [f"dataset{number}.csv" for number in range(1, 9)]
    return replay.as_dict(turned, names, 0.1, dataset="8-abc", n_rows=3200)


@pytest.fixture(scope="module")
def cut() -> Replay:
    """The same without its last two contents."""
    return replay.replay(rows_of(contents(8)[: 6 * 400]), RULES)


@pytest.mark.slow
def test_our_policy_deploys_once_the_outcomes_after_a_change_are_known(turned: Replay) -> None:
    ours = turned.story(policies.OURS)

    by_drift = [it for it in ours.changes if it.reason == "drift"]
    assert [(it.step, it.outcome, it.model) for it in by_drift] == [(TURNS, "deployed", "recent rows, logistic")]
    assert ours.delay(TURNS) == 0
    assert not any(it.worse for it in ours.changes)


@pytest.mark.slow
def test_a_replayed_training_is_told_whether_the_order_of_the_risks_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    told, trained = list[bool](), policies.View.trained

    def noted(view: policies.View, *given: Any, order_holds: bool = True) -> Any:
        told.append(order_holds)
        return trained(view, *given, order_holds=order_holds)

    monkeypatch.setattr(policies.View, "trained", noted)

    replay.replay(rows_of(contents(TURNS + 1)), RULES, {policies.OURS: policies.ours})

    assert (told[0], told[-1]) == (True, False)  # the first model; after the change


@pytest.mark.slow
def test_a_replayed_gate_is_told_whether_the_list_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, draw, told, judged = contents(4, turns=9), np.random.default_rng(2), list[tuple[str, bool]](), policy.judged
    more = (frame["content"] == 3) & (draw.random(len(frame)) < 0.35)  # of all kinds of clients
    frame["left"] = np.maximum(frame["left"], more)

    def noted(*given: Any, same_list: bool = False, **named: Any) -> Any:
        found = judged(*given, same_list=same_list, **named)
        told.append((found.sentence, same_list))
        return found

    monkeypatch.setattr(policy, "judged", noted)

    replay.replay(rows_of(frame, truth=False), RULES, {policies.OURS: policies.ours})

    assert [same_list for _, same_list in told][:2] == [False, True]  # the first model; the recalibrated one
    assert "its list of 40 is the same" in told[1][0]


@pytest.mark.slow
def test_never_retrain_keeps_its_first_model_and_always_retrain_none(turned: Replay) -> None:
    never, always = turned.story(policies.NEVER), turned.story(policies.ALWAYS)

    assert [it.step for it in never.deployments] == [0]
    assert [it.step for it in always.deployments] == list(range(8))
    assert never.delay(TURNS) is None


@pytest.mark.slow
def test_lists_of_the_policies_differ_after_the_change_alone(turned: Replay) -> None:
    ours, never = turned.story(policies.OURS).caught, turned.story(policies.NEVER).caught

    assert ours[0] is None
    assert never[0] is None
    assert sum(ours[TURNS + 1 :]) > 2 * sum(never[TURNS + 1 :])  # type: ignore[arg-type]


@pytest.mark.slow
def test_no_list_ever_knows_the_outcomes_of_its_content(cut: Replay) -> None:
    frame = contents(8)[: 6 * 400]
    other = frame.assign(left=np.where(frame["content"] == 5, 1 - frame["left"], frame["left"]))

    turned_last = replay.replay(rows_of(other), RULES)

    for one, two in zip(cut.stories, turned_last.stories, strict=True):
        assert one.decisions[:5] == two.decisions[:5]
        assert one.caught[:5] == two.caught[:5]
        k, leavers = 40, int(frame["left"][frame["content"] == 5].sum())
        assert one.caught[5] + two.caught[5] == k  # type: ignore[operator]  # the same clients, the other outcomes
        assert one.caught[5] != leavers


@pytest.mark.slow
def test_later_contents_do_not_change_what_was_decided_before(turned: Replay, cut: Replay) -> None:
    for one, two in zip(turned.stories, cut.stories, strict=True):
        assert one.decisions[:6] == two.decisions
        assert one.caught[:6] == two.caught


@pytest.mark.slow
def test_a_first_model_waits_for_both_outcomes() -> None:
    frame = contents(3)
    frame.loc[frame["content"] == 0, "left"] = 0.0

    stories = replay.replay(rows_of(frame), RULES).stories

    assert {it.decisions[0].outcome for it in stories} == {"not enough evidence"}
    assert {it.caught[:2] for it in stories} == {(None, None)}
    assert {it.deployments[0].step for it in stories} == {1}


@pytest.mark.slow
def test_a_worse_deployment_is_told_by_outcomes_where_the_truth_is_not_known() -> None:
    rows = rows_of(frame_that_lies(), truth=False)

    lying = replay.replay(rows, RULES, {policies.ALWAYS: policies.always}).stories[0]

    assert [it.worse for it in lying.changes] == [True, False]
    assert lying.changes[-1].gain is None  # nothing came after it


def frame_that_lies() -> pd.DataFrame:
    """Return three contents, the second of which has every outcome turned and is larger than the first."""
    frame = contents(6, turns=99)
    number = np.array([0, 1, 1, 1, 1, 2])[frame["content"].to_numpy()]
    return frame.assign(content=number, left=np.where(number == 1, 1 - frame["left"], frame["left"]))


def test_the_true_risks_have_the_lowest_expected_log_loss() -> None:
    truth = np.linspace(0.05, 0.6, 50)

    assert expected_log_loss(truth, truth) < min(expected_log_loss(truth, truth * by) for by in (0.9, 1.1))


@pytest.mark.parametrize(("n_contents", "n_steps"), [(1, 1), (60, 60), (61, 31), (1000, 59)])
def test_very_many_contents_are_joined_with_their_neighbours(n_contents: int, n_steps: int) -> None:
    steps = replay.steps_of(np.repeat(np.arange(n_contents) * 7, 2))

    assert steps.max() + 1 == n_steps
    assert set(np.diff(steps)) <= {0, 1}


def test_progress_is_told_after_every_content() -> None:
    heard: list[tuple[int, int]] = []

    replay.replay(
        rows_of(contents(3)), RULES, {policies.NEVER: policies.first}, lambda done, of: heard.append((done, of))
    )

    assert heard == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.slow
def test_a_backtest_counts_as_the_replay_did(turned: Replay, told: dict[str, Any]) -> None:
    ours, never, always, _ = told["policies"]

    assert told["leavers"] == sum(content.leavers for content in turned.contents[1:])
    assert (told["first_ranked"], told["first_alarm"]) == (2, TURNS + 1)
    assert (never["deployments"], never["delay"], always["deployments"], always["delay"]) == (0, None, 7, 0)
    assert ours["delay"] == 0
    assert f"have held {ours['caught']} with" in told["sentence"]
    shown = tables.backtest(told)
    assert [len(row) for row in shown.rows] == [len(shown.columns)] * 4


@pytest.mark.slow
def test_a_page_shows_names_from_data_on_one_line(told: dict[str, Any]) -> None:
    first = {**told["contents"][0], "name": "a\x1b[2Jb\nc.csv"}

    page = tables.backtest_page({**told, "contents": [first, *told["contents"][1:]]})

    assert "\x1b" not in page
    assert "b\\nc.csv" in page
    assert page.count("\n") == 3 + 5 + 1 + 8


@pytest.mark.slow
def test_the_figure_of_equal_backtests_has_equal_bytes(told: dict[str, Any]) -> None:
    assert figures.backtest(told["policies"]) == figures.backtest(list(told["policies"]))


# --- diagnostics.py --backtest ----------------------------------------------------------------------------------------


def fill(project: Project) -> None:
    project.configure(model={"family": "logistic"})
    for number in range(1, 5):
        project.drop(f"sourcedata/dataset{number}.csv", table(300, seed=number, first=1000 * number, turned=number > 2))
    project.drop("testdata/testdata.csv", table(60, seed=9, first=90_000))


def ingest(project: Project) -> None:
    fill(project)
    assert project.run("ingestion").code == 0


def backtest(project: Project) -> None:
    fill(project)
    assert project.run("fullprocess").code == 0
    said = project.run("diagnostics", "--backtest", "--json")
    assert said.code == 0, said.err


@pytest.fixture
def company(installations: Installations, tmp_path: Path) -> Project:
    """A project of four files, taken in."""
    return installations.copy(ingest, tmp_path)


@pytest.fixture
def backtested(installations: Installations, tmp_path: Path) -> Project:
    """The same after a whole run and a backtest."""
    return installations.copy(backtest, tmp_path)


@pytest.mark.slow
def test_a_backtest_is_kept_and_the_next_report_shows_it(backtested: Project) -> None:
    company = backtested

    told = company.json("models/backtest.json")
    assert [it["name"] for it in told["contents"]] == [f"dataset{number}.csv" for number in range(1, 5)]
    assert (company.root / "models" / paths.BACKTEST_FIGURE).read_bytes().startswith(b"\x89PNG")
    assert company.json("models/snapshot.json")["backtest"] is None
    company.run("reporting")
    assert company.json("models/snapshot.json")["backtest"] == told


@pytest.mark.slow
def test_a_backtest_waits_for_another_run_to_end(company: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = files.lock(company.root / "production_deployment" / paths.LOCK)

    with contextlib.ExitStack() as other_run:
        other_run.enter_context(lock)
        monkeypatch.setattr("diagnostics.time.sleep", lambda _: other_run.close())
        said = company.run("diagnostics", "--backtest")

    assert said.code == 0, said.err
    assert (company.root / "models" / paths.BACKTEST).is_file()


@pytest.mark.slow
def test_a_run_never_makes_a_backtest(company: Project) -> None:
    company.run("fullprocess")
    company.drop("sourcedata/dataset5.csv", table(300, seed=5, first=5000, turned=True))
    company.run("fullprocess")

    assert not list((company.root / "models").glob("backtest*"))


@pytest.mark.slow
def test_equal_contents_give_an_equal_backtest(backtested: Project) -> None:
    kept = [backtested.root / "models" / name for name in ("backtest.json", "backtest.png")]
    before = [path.read_bytes() for path in kept]
    remember_fits(False)

    assert backtested.run("diagnostics", "--backtest").code == 0

    assert [path.read_bytes() for path in kept] == before


@pytest.mark.slow
def test_a_backtest_of_other_columns_or_another_program_is_not_shown(backtested: Project) -> None:
    company = backtested
    path = company.root / "models" / paths.BACKTEST
    path.write_text(path.read_text().replace('"schema": "', '"schema": "other'))

    company.run("reporting")

    assert company.json("models/snapshot.json")["backtest"] is None


def test_a_backtest_of_one_content_says_what_is_missing(project: Project) -> None:
    project.drop("sourcedata/dataset1.csv", table(100))
    project.run("ingestion")

    said = project.run("diagnostics", "--backtest")

    assert said.code == 1
    assert "1 content, expected at least two" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.slow
def test_a_backtest_that_is_stopped_by_hand_leaves_nothing(company: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("diagnostics._bar", stop)
    said = company.run("diagnostics", "--backtest")

    assert said.code == 1
    assert said.err.count("\n") == 1
    assert not list(Path(company.root / "models").glob("backtest*"))
