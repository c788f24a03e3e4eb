"""`python -m risk.simulation.simulate`: the files it writes, and the committed files that it wrote."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score

from risk.simulation._worlds import Series, history, month
from risk.simulation.simulate import COLUMNS, drop, main, start

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "reference" / "made-up-clients.md"
FEATURES = ("lastmonth_activity", "lastyear_activity", "number_of_employees")
Row = dict[str, str]
STEADY = Series()


def rows_of(*paths: Path) -> list[Row]:
    found: list[Row] = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            found += csv.DictReader(file)
    return found


def clients_of(*paths: Path) -> set[str]:
    return {row["corporation"] for row in rows_of(*paths)}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def labels(path: Path) -> str:
    return "".join(row["exited"] for row in rows_of(path))


def matrix(rows: list[Row]) -> np.ndarray:
    figures = np.array([[float(row[name] or "nan") for name in FEATURES] for row in rows])
    return np.log1p(np.where(np.isnan(figures), figures[:, 1:2] / 12, figures))


def target(rows: list[Row]) -> np.ndarray:
    return np.array([int(row["exited"]) for row in rows])


def documented_commands() -> list[list[str]]:
    lines = GUIDE.read_text(encoding="utf-8").splitlines()
    return [line.split()[3:] for line in lines if line.startswith("    python -m risk.simulation.simulate")]


def unlabelled(content: bytes) -> bytes:
    return re.sub(rb",[01]?\n", b",\n", content)


@pytest.mark.slow
def test_the_documented_commands_make_the_committed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    codes = [main(command) for command in documented_commands()]

    assert codes == [0, 0, 0]
    for folder in ("sourcedata", "practicedata", "testdata", "outcomes"):
        made = contents(tmp_path / folder)
        committed = {name: (ROOT / folder / name).read_bytes() for name in made}
        if folder in (
            "sourcedata",
            "practicedata",
        ):  # whoever dropped a month since then has labels in the newest of these
            newest = max(made)
            made[newest], committed[newest] = unlabelled(made[newest]), unlabelled(committed[newest])
        assert made == committed


def test_the_committed_groups_share_no_client() -> None:
    groups = [clients_of(*(ROOT / name).glob("*.csv")) for name in ("sourcedata", "practicedata", "testdata")]

    together = set().union(*groups)

    assert all(groups)
    assert len(together) == sum(len(clients) for clients in groups)


def test_the_holdout_has_one_labelled_row_per_client_of_many_months() -> None:
    rows = rows_of(ROOT / "testdata" / "testdata.csv")

    clients = {row["corporation"] for row in rows}

    assert len(clients) == len(rows) >= 1_500
    assert {row["exited"] for row in rows} == {"0", "1"}
    assert len({row["period"] for row in rows}) == 7
    assert 0.17 < target(rows).mean() < 0.23


def test_the_committed_data_can_be_learned() -> None:
    learned = [row for row in rows_of(*(ROOT / "sourcedata").glob("clients_2026-0[1-7].csv")) if row["exited"]]
    held_out = rows_of(ROOT / "testdata" / "testdata.csv")

    model = LogisticRegression(C=100, max_iter=1_000).fit(matrix(learned), target(learned))
    risks = model.predict_proba(matrix(held_out))[:, 1]

    leavers = target(held_out)
    assert roc_auc_score(leavers, risks) >= 0.78
    assert f1_score(leavers, risks > 0.3) > f1_score(leavers, np.ones(len(leavers))) + 0.15


def test_the_first_drop_writes_the_first_month_without_labels(tmp_path: Path) -> None:
    written = drop(tmp_path, STEADY, clients=50)

    path = tmp_path / "clients_2026-01.csv"
    assert [month.number for month in written] == [1]
    assert path.read_bytes().startswith(COLUMNS.encode() + b"\n")
    assert b"\r" not in path.read_bytes()
    assert [row["exited"] for row in rows_of(path)] == [""] * 50


def test_a_drop_fills_in_the_labels_and_adds_the_next_month(tmp_path: Path) -> None:
    drop(tmp_path, STEADY, clients=400)
    blank = rows_of(tmp_path / "clients_2026-01.csv")

    drop(tmp_path, STEADY)

    first, second = rows_of(tmp_path / "clients_2026-01.csv"), rows_of(tmp_path / "clients_2026-02.csv")
    assert [row | {"exited": ""} for row in first] == blank
    left = {row["corporation"] for row in first if row["exited"] == "1"}
    assert left == {row["corporation"] for row in first} - {row["corporation"] for row in second}
    assert len(second) == 400
    assert labels(tmp_path / "clients_2026-02.csv") == ""


def test_drops_one_by_one_write_what_a_whole_history_writes(tmp_path: Path) -> None:
    one_by_one, at_once, whole = (tmp_path / name for name in ("one", "two", "three"))
    for _ in range(4):
        drop(one_by_one, STEADY, clients=80)

    drop(at_once, STEADY, clients=80, months=4)
    start(whole, STEADY, clients=80, months=4)

    assert len(contents(whole)) == 4
    assert contents(one_by_one) == contents(at_once) == contents(whole)


def test_the_file_says_what_the_month_says(tmp_path: Path) -> None:
    start(tmp_path, STEADY, clients=300, months=2)

    rows = rows_of(tmp_path / "clients_2026-01.csv")
    truth = next(history("steady", 1, clients=300))

    assert [row["corporation"] for row in rows] == truth.client.tolist()
    assert [float(row["contract_value"]) for row in rows] == truth.contract_value.tolist()
    assert [row["lastmonth_activity"] == "" for row in rows] == np.isnan(truth.lastmonth_activity).tolist()
    assert [int(row["lastyear_activity"]) for row in rows] == truth.lastyear_activity.tolist()
    assert target(rows).tolist() == truth.exited.tolist()


@pytest.mark.slow
def test_the_labels_that_come_with_a_dropped_change_follow_the_turned_rule(tmp_path: Path) -> None:
    start(tmp_path, STEADY, clients=2_000, months=3)

    drop(tmp_path, Series("change"))

    rows = rows_of(tmp_path / "clients_2026-03.csv")
    turned, steady = (month(world, 3, clients=2_000) for world in ("change", "steady"))
    assert target(rows).tolist() == turned.exited.tolist()
    assert (turned.exited != steady.exited).mean() > 0.1


def test_a_harmless_shift_begins_in_the_month_that_is_dropped(tmp_path: Path) -> None:
    start(tmp_path, STEADY, clients=500, months=3)
    before = contents(tmp_path)

    drop(tmp_path, Series("harmless"))

    known = {row["corporation"] for row in rows_of(tmp_path / "clients_2026-03.csv")}
    last = rows_of(tmp_path / "clients_2026-04.csv")
    joined = [int(row["number_of_employees"]) for row in last if row["corporation"] not in known]
    assert np.median(joined) < 40 < np.median([int(row["number_of_employees"]) for row in last])
    labelled = contents(tmp_path)["clients_2026-03.csv"]
    assert unlabelled(labelled) == before["clients_2026-03.csv"] != labelled


def test_the_drop_after_a_broken_one_sends_the_good_version(tmp_path: Path) -> None:
    start(tmp_path / "good", STEADY, clients=300, months=4)
    start(tmp_path / "bad", STEADY, clients=300, months=2)

    drop(tmp_path / "bad", Series("broken"), fault="swapped")
    broken = rows_of(tmp_path / "bad" / "clients_2026-03.csv")
    drop(tmp_path / "bad", STEADY)

    good = rows_of(tmp_path / "good" / "clients_2026-03.csv")
    assert [row["lastyear_activity"] for row in broken] == [row["number_of_employees"] for row in good]
    assert contents(tmp_path / "bad") == contents(tmp_path / "good")


def test_a_series_goes_on_with_the_options_that_it_was_begun_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = ["--folder", str(tmp_path / "one")], ["--folder", str(tmp_path / "two")]
    main([*one, "--start", "--clients", "200", "--months", "2", "--seed", "7", "--group", "practice"])
    main([*two, "--start", "--clients", "200", "--months", "2", "--seed", "7", "--group", "practice"])
    main([*one, "--world", "change"])
    main([*two, "--world", "change"])

    codes = [main(one), main([*two, "--world", "change", "--since", "2026-02", "--seed", "7", "--group", "practice"])]

    assert codes == [0, 0]
    said = "world change; the series continues with --world change --since 2026-02 --seed 7 --group practice\n"
    assert capsys.readouterr().out.splitlines(keepends=True)[-2].endswith(said)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert (tmp_path / "one" / "clients_2026-04.csv").exists()


def test_other_options_than_those_of_the_series_are_refused_and_these_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--folder", str(tmp_path)]
    main([*folder, "--world", "change", "--start", "--clients", "200", "--months", "3"])
    before = contents(tmp_path)

    codes = [main([*folder, "--world", "steady"]), main([*folder, "--seed", "2"])]

    assert codes == [2, 2]
    assert "made with (--world change --since 2026-01 --seed 1 --group source)" in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_a_series_that_is_begun_again_forgets_the_former(tmp_path: Path) -> None:
    folder = ["--folder", str(tmp_path)]
    main([*folder, "--world", "change", "--seed", "3", "--start", "--clients", "100", "--months", "2"])

    codes = [main([*folder, "--start", "--clients", "100", "--months", "2"]), main(folder)]

    assert codes == [0, 0]
    assert sorted(contents(tmp_path)) == [f"clients_2026-0{month}.csv" for month in (1, 2, 3)]


@pytest.mark.parametrize("kept", [b"", b"[]", b"{", b'{"world": "gone"}', b'{"world": []}', b'{"seed": true}'])
def test_a_damaged_memory_of_a_series_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kept: bytes
) -> None:
    drop(tmp_path, STEADY, clients=50)
    (tmp_path / ".simulate.json").write_bytes(kept)
    before = contents(tmp_path)

    code = main(["--folder", str(tmp_path)])

    error = capsys.readouterr().err
    assert (code, error.count("\n")) == (2, 1)
    assert "the options of this series are damaged. Nothing is written." in error
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seed", "2"], "expected the options that the file was made with"),
        (["--group", "practice"], "expected the options that the file was made with"),
        (["--clients", "99"], "expected the options that the file was made with"),
        (["--start", "--months", "2"], "lies after 2026-02"),
        (["--fault", "units"], "expected only with --world broken"),
    ],
)
def test_a_wrong_option_is_refused_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    start(tmp_path, STEADY, clients=100, months=3)
    before = contents(tmp_path)

    code = main(["--folder", str(tmp_path), *arguments])

    assert code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "arguments", [["--since", "2026-13"], ["--since", "2025-12"], ["--clients", "0"], ["--seed", "-1"]]
)
def test_a_value_that_cannot_be_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)

    assert arguments[1] in capsys.readouterr().err


def test_a_place_that_is_no_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("no folder")

    code = main(["--folder", str(tmp_path / "file"), "--clients", "10"])

    assert code == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_other_files_of_the_folder_are_left_alone(tmp_path: Path) -> None:
    for name in ("clients_2026-13.csv", "clients_2026-05.csv.part", "notes.txt", "clients_2025-12.csv"):
        (tmp_path / name).write_text("mine")

    drop(tmp_path, STEADY, clients=10)

    kept = contents(tmp_path)
    assert len(kept.pop("clients_2026-01.csv")) > 100
    assert set(kept.values()) == {b"mine"}


@pytest.mark.slow
def test_the_command_says_in_one_line_what_it_wrote(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "risk.simulation.simulate", "--clients", "20", "--folder", str(tmp_path)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == f"{tmp_path}: wrote clients_2026-01.csv; 20 clients, world steady\n"
    assert done.stderr == ""


# --- calls ------------------------------------------------------------------------------------------------------------

CALLED = Series(calls=30)


def test_a_drop_writes_the_calls_of_the_month_whose_labels_it_brings(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    drop(folder, CALLED, clients=300)
    before = (tmp_path / "outcomes").exists()

    drop(folder, CALLED)

    rows = rows_of(tmp_path / "outcomes" / "2026-02.csv")
    assert not before
    assert list(rows[0]) == ["client", "date", "result", "opinion", "note"]
    assert len(rows) == len({row["client"] for row in rows}) == 30
    assert {row["client"] for row in rows} <= clients_of(folder / "clients_2026-01.csv")
    assert {row["date"][:7] for row in rows} == {"2026-02"}
    assert [row["date"] for row in rows] == sorted(row["date"] for row in rows)
    assert {row["result"] for row in rows} <= {"reached", "not reached", "stays", "undecided", "leaving"}
    assert {row["opinion"] for row in rows} <= {"", "stays", "leaves", "unsure"}


def test_drops_one_by_one_write_the_calls_of_a_whole_history(tmp_path: Path) -> None:
    one_by_one, whole = tmp_path / "a" / "source", tmp_path / "b" / "source"
    for _ in range(4):
        drop(one_by_one, CALLED, clients=200)

    start(whole, CALLED, clients=200, months=4)

    assert contents(one_by_one) == contents(whole)
    assert contents(tmp_path / "a" / "outcomes") == contents(tmp_path / "b" / "outcomes")
    assert sorted(contents(tmp_path / "b" / "outcomes")) == ["2026-02.csv", "2026-03.csv", "2026-04.csv"]


def test_a_series_goes_on_with_its_calls_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ["--folder", str(tmp_path / "source")]
    main([*folder, "--start", "--clients", "200", "--months", "2", "--calls", "20"])

    code = main(folder)

    assert code == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert f"20 calls a month in {tmp_path / 'outcomes'}" in last
    assert last.endswith("the series continues with --world steady --seed 1 --group source --calls 20")
    assert len(rows_of(tmp_path / "outcomes" / "2026-03.csv")) == 20
