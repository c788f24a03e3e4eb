"""Which new labels are checked, which come too late, that no stray source makes others late, and what else is told."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from ingesting import months, rows_of

from risk import command
from risk.dataset import manifest
from risk.dataset.manifest import Entry
from risk.decision import incumbents, policy, reasons_to_train, verdict
from risk.decision.reasons_to_train import late_by_name, late_by_period, reached
from risk.disk import journal
from risk.modeling.metrics import log_losses
from risk.modeling.selection import RECALIBRATED
from risk.reading.reader import Content
from risk.registry import model, proven, releases
from tests.conftest import HEADER, Installations, Project, table


def deploy_dataset5(project: Project) -> None:
    project.drop("testdata/testdata.csv", table(60, seed=9, first=50_000))
    project.drop("sourcedata/dataset5.csv", table(900, seed=1))
    assert project.run("fullprocess", "--json").json["outcome"] == "deployed"


@pytest.fixture
def live(installations: Installations, tmp_path: Path) -> Project:
    """A project whose live model is trained on dataset5.csv."""
    return installations.copy(deploy_dataset5, tmp_path)


def last(project: Project) -> dict[str, object]:
    return journal.runs(project.settings.production / "journal.jsonl")[-1]


@pytest.mark.slow
def test_a_source_that_sorts_before_what_was_judged_is_taken_in_and_no_look(live: Project) -> None:
    live.drop("sourcedata/dataset10.csv", table(300, seed=2, first=2_000))
    live.run("fullprocess")
    assert last(live)["scan"]
    live.drop("sourcedata/dataset7.csv", table(600, seed=3, turned=True, first=4_000))

    said = live.run("fullprocess", "--json")

    told = last(live)
    assert (said.json["outcome"], told["scan"]) == ("no drift", None)
    assert "dataset7.csv: taken in, but sorts before" in said.json["reason"]
    assert any("dataset7.csv" in str(warning) for warning in told["warnings"])  # type: ignore[union-attr]
    assert live.json("ingesteddata/current/manifest.json")["counts"]["n_rows"] == 1_800


@pytest.mark.slow
def test_beside_a_late_source_a_timely_one_is_a_look(live: Project) -> None:
    live.drop("sourcedata/dataset3.csv", table(300, seed=2, first=2_000))
    live.drop("sourcedata/dataset6.csv", table(300, seed=3, first=4_000))

    live.run("fullprocess", "--json")

    assert last(live)["scan"]


@pytest.mark.slow
def test_a_judged_source_that_changes_is_a_look(live: Project) -> None:
    live.drop("sourcedata/dataset6.csv", table(300, seed=2, first=2_000))
    live.run("fullprocess")
    live.drop("sourcedata/dataset6.csv", table(300, seed=4, first=2_000))

    live.run("fullprocess")

    assert last(live)["scan"]


@pytest.mark.slow
def test_with_periods_time_decides_and_not_the_name(project: Project) -> None:
    project.configure(schema={"period": "month"})

    def month(name: str, period: str, seed: int, turned: bool = False) -> None:
        rows = table(600, seed=seed, turned=turned).splitlines()[1:]
        project.drop(f"sourcedata/{name}.csv", months(*(row.replace(",", f",{period},", 1) for row in rows)))

    rows = [row.replace(",", ",2024-09,", 1) for row in table(60, seed=9, first=50_000).splitlines()[1:]]
    project.drop("testdata/testdata.csv", months(*rows))
    month("b", "2024-05", 1)
    assert project.run("fullprocess", "--json").json["outcome"] == "deployed"

    month("a", "2024-06", 2)
    project.run("fullprocess")
    assert last(project)["scan"]
    month("z", "2024-01", 3, turned=True)
    project.run("fullprocess")
    assert last(project)["scan"] is None


@pytest.mark.slow
def test_rows_without_outcomes_are_compared_and_train_nothing(live: Project) -> None:
    live.drop("sourcedata/dataset6.csv", table(400, seed=2, first=2_000, labels=False))

    said = live.run("fullprocess", "--json")

    told = last(live)["unlabelled"]
    assert (said.json["outcome"], "training" in str(said.json["steps"])) == ("not enough evidence", False)
    assert not told["differ"]  # type: ignore[index]
    assert told["sentence"] in said.json["reason"]  # type: ignore[index]
    assert "why clients leave cannot be seen" in said.json["reason"]


@pytest.mark.slow
def test_other_clients_without_outcomes_are_told_with_the_column(live: Project) -> None:
    rows = [row.split(",") for row in table(150, seed=2, first=2_000, labels=False).splitlines()[1:]]
    smaller = [",".join([name, a, b, str(int(c) // 8), left]) for name, a, b, c, left in rows]
    live.drop("sourcedata/dataset6.csv", "\n".join([HEADER, *smaller]) + "\n")

    said = live.run("fullprocess", "--json")

    assert said.json["outcome"] == "not enough evidence"
    assert "most in number_of_employees" in said.json["reason"]


@pytest.mark.slow
def test_a_release_names_the_dataset_that_its_model_learned(live: Project) -> None:
    live.run("training")
    live.run("scoring")
    trained_on = live.json("models/trainedmodel.json")["dataset"]
    live.drop("sourcedata/dataset6.csv", table(300, seed=2, first=2_000))
    live.run("ingestion")

    assert live.run("deployment", "--force", "for a test").code == 0

    release = releases.current(live.settings.production)
    assert release is not None
    found = manifest.read(release.folder)
    assert found is not None
    assert found.name == trained_on
    assert found.name != (live.root / "ingesteddata/current").resolve().name


@pytest.mark.slow
def test_a_model_whose_dataset_is_not_kept_is_not_deployed(live: Project) -> None:
    live.run("training")
    live.run("scoring")
    before = releases.name_of(live.settings.production)
    trained_on = live.root / "ingesteddata/versions" / live.json("models/trainedmodel.json")["dataset"]
    trained_on.rename(trained_on.with_name("9-elsewhere"))

    said = live.run("deployment", "--force", "for a test")

    assert said.code == 1
    assert "python training.py" in said.err
    assert releases.name_of(live.settings.production) == before


@pytest.mark.slow
def test_rows_of_the_training_that_are_news_again_are_checked_by_out_of_fold_risks(live: Project) -> None:
    settings, rule = live.settings, live.settings.drift
    champion, rows = proven.live(settings.production), rows_of(live)  # nothing is known: all rows are news
    assert champion is not None
    news, names = rows.news(), reasons_to_train._names(rows)
    known = reasons_to_train._known(rows, champion.model, champion, None, "auto")
    out_of_fold = incumbents.honest_risks(champion.model, champion.folder, news, rows.schema)

    found = reasons_to_train.check(rows, champion, known, None, rule, command.Run(settings, "fullprocess", 2))

    assert found == policy.reason(news, out_of_fold, names, known, len(news), rule)
    assert found != policy.reason(news, champion.model.risks(news), names, known, len(news), rule)


@pytest.mark.slow
def test_the_gate_judges_the_live_model_by_out_of_fold_risks_where_it_was_trained(live: Project) -> None:
    live.run("training")
    settings, rows, champion = live.settings, rows_of(live), proven.live(live.settings.production)
    assert champion is not None
    news = rows.news()
    honest = incumbents.honest_risks(champion.model, champion.folder, news, rows.schema)
    expected, flattered = (log_losses(news["exited"], it).mean() for it in (honest, champion.model.risks(news)))

    found = verdict.evidence(rows, settings.models, model.load(settings.models), champion, False, settings.gate, 10_000)

    assert found.gate.champion_log_loss == pytest.approx(expected)
    assert found.gate.champion_log_loss != pytest.approx(flattered)


@pytest.mark.slow
def test_where_more_of_all_clients_leave_a_recalibrated_model_is_judged_by_the_list_that_it_keeps(
    live: Project,
) -> None:
    head, *rows = table(1_800, seed=3, first=2_000).splitlines()
    more = [row for place, row in enumerate(rows) if row.endswith("1") or place % 2 == 0]  # the odds are doubled
    live.drop("sourcedata/dataset6.csv", "\n".join([head, *more]) + "\n")

    said, judged = live.run("fullprocess", "--json"), live.json("models/verdict.json")

    assert (said.json["outcome"], live.json("models/trainedmodel.json")["learned"]) == ("deployed", RECALIBRATED)
    assert judged["gate"]["challenger_capture"] == judged["gate"]["champion_capture"]
    assert " is the same" in judged["sentence"]


@pytest.mark.slow
def test_nobody_need_read_to_the_end(live: Project) -> None:
    script = Path(__file__).parents[2] / "deployment.py"
    command = f"'{sys.executable}' '{script}' --config '{live.root}/config.json' --list | true"

    said = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert said.stderr == ""


# --- lateness ---------------------------------------------------------------------------------------------------------

CONTENT = Content("0", 1, 0.0, 500, 500, 0, 500, None, None, (), None, None, (), n_given=500)


def came(path: str, run: int, n_given: int = 500, last_period: str | None = None) -> Entry:
    content = replace(CONTENT, digest=path, n_given=n_given, n_labelled=max(n_given, 1), last_period=last_period)
    return Entry(path, "in", None, (content,), None, run)


def late(fresh: str, *known: Entry) -> bool:
    return late_by_name([came(fresh, 99)], known) == [fresh]


def test_a_point_is_reached_by_enough_rows_at_it_and_after_it() -> None:
    assert reached([("2026-01", 500), ("2026-02", 150), ("2026-03", 60), ("2062-02", 1)]) == "2026-02"
    assert reached([("2026-01", 150)]) is None


def test_a_source_whose_name_sorts_before_is_late() -> None:
    assert late("d3", came("d5", 1), came("d10", 2))
    assert not late("d11", came("d5", 1), came("d10", 2))


def test_a_stray_small_file_or_a_copy_does_not_make_others_late() -> None:
    assert not late("d6", came("d5", 1), came("test", 2, n_given=1))
    assert not late("d6", came("d5", 1), came("z_copy", 2, n_given=0))


def test_names_that_do_not_sort_as_they_came_tell_nothing_of_time() -> None:
    assert late("28-02-2026", came("30-01-2026", 1))  # so far they may
    assert not late("01-03-2026", came("30-01-2026", 1), came("28-02-2026", 2))


def test_one_source_astray_among_many_leaves_the_names_their_say() -> None:
    known = [came(f"d{number}", number) for number in range(2, 9)]

    assert late("d1", *known)
    assert late("d1", *known, came("d0", 9))


def test_a_source_is_late_when_none_of_its_rows_is_of_the_period_that_was_reached() -> None:
    fresh = [came("a", 2, last_period="2026-04"), came("b", 2, last_period="2026-05")]

    assert late_by_period(fresh, "2026-05") == ["a"]
    assert late_by_period(fresh, None) == []


def outcome(project: Project) -> dict[str, object]:
    project.run("fullprocess")
    return journal.runs(project.settings.production / "journal.jsonl")[-1]


@pytest.mark.slow
@pytest.mark.parametrize("stray", ["one row", "copy"])
def test_after_a_stray_source_a_change_is_found_all_the_same(live: Project, stray: str) -> None:
    rows = table(900, seed=1) if stray == "copy" else table(1, seed=5, first=9_000)
    live.drop("sourcedata/zz.csv", rows)
    outcome(live)
    (live.root / "sourcedata/zz.csv").unlink()
    live.drop("sourcedata/dataset6.csv", table(900, seed=2, first=2_000, turned=True))

    assert outcome(live)["reason_to_train"] == "drift"


@pytest.mark.slow
def test_after_a_mistyped_period_a_change_is_found_all_the_same(project: Project) -> None:
    project.configure(schema={"period": "month"})

    def drop(name: str, period: str, rows: str) -> None:
        told = (row.replace(",", f",{period},", 1) for row in rows.splitlines()[1:])
        project.drop(f"{'testdata' if name == 'testdata' else 'sourcedata'}/{name}.csv", months(*told))

    drop("testdata", "2026-09", table(60, seed=9, first=50_000))
    drop("a", "2026-05", table(900, seed=1))
    assert outcome(project)["outcome"] == "deployed"
    drop("b", "2062-06", table(1, seed=5, first=9_000))
    outcome(project)
    drop("c", "2026-06", table(900, seed=2, first=2_000, turned=True))

    assert outcome(project)["reason_to_train"] == "drift"
