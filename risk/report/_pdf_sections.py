"""The papers behind a report: the decision, the data, the files, the system, the runs so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reportlab.platypus import Flowable

from risk.report import backtest_words as backtests
from risk.report._pdf_layout import GUTTER, WIDTH, Column, picture, side_by_side, space, table, text
from risk.text import NOTHING, counted, digits_for, moment, number, percent

Snapshot = Mapping[str, Any]

COLUMNS_SHOWN = 60
SOURCES_SHOWN = 30
PACKAGES_SHOWN = 24  # they stand beside the seconds, on one page
HALF = (WIDTH - GUTTER) / 2
STATES = {"in": "in", "held": "held back", "refused": "refused", "gone": "in, file is gone"}

NO_WINDOW = "No file holds outcomes that the deployed model was not trained on."
AMONG_SUCH = "p among such: beside the learned clients, weighted to be such as came; it is asked where all else rings."


def decision(record: Snapshot) -> list[Flowable]:
    """Say why a challenger was trained or not, and show the figures of the scan and of the gate."""
    why = record["reason_to_train"]
    reason = f"Reason to train: {why}." if why else "There was no reason to train a new model."
    return [text(record["sentence"]), text(reason), *_scan(record["scan"]), *_gate(record["gate"], record["sentence"])]


def _scan(scan: Snapshot | None) -> list[Flowable]:
    if scan is None:
        return []
    titles = ("Newest files", "Rows", "Leavers", "χ²", "df", "p", "p among such", "Gain", "Alarm")
    columns = [Column(title, 53, is_number=True) for title in titles]
    windows = [_window_row(window) for window in scan["windows"]]
    shown = table(columns, windows) if windows else text(NO_WINDOW)
    asked = any(window.get("balanced_p") is not None for window in scan["windows"])
    moved = ([text(AMONG_SUCH)] if asked else []) + ([text(f"What moved: {scan['moved']}.")] if scan["moved"] else [])
    return [text("Have the reasons for leaving changed?", "subheading"), shown, *moved]


def _window_row(window: Snapshot) -> list[str]:
    return [
        number(window["contents"]), number(window["n_rows"]), number(window["leavers"]), number(window["chi2"], 1),
        number(window["df"]), _chance(window["p"]), _chance(window.get("balanced_p")), number(window["gain"], 4),
        "yes" if window["rings"] else "no",
    ]  # fmt: skip


def _chance(p: float | None) -> str:
    return "< 0.0001" if p is not None and p < 0.0001 else number(p, 4)


def _gate(gate: Snapshot | None, said: str) -> list[Flowable]:
    if gate is None:
        return []
    columns = [
        Column("Outcome", 90, style="strong"), Column("Against", 110), Column("Rows", 50, is_number=True),
        Column("Leavers", 55, is_number=True), Column("Gain in log-loss", 75, is_number=True),
        Column("z", 40, is_number=True), Column("Change in capture", 85, is_number=True),
    ]  # fmt: skip
    row = [
        gate["outcome"], gate["against"], number(gate["n_rows"]), number(gate["leavers"]), number(gate["gain"], 4),
        number(gate["z"], 2), number(gate["capture_difference"], 3),
    ]  # fmt: skip
    title = "Is the new model better than what is deployed?"
    told = [text(gate["sentence"])] if gate["sentence"] != said else []
    return [text(title, "subheading"), table(columns, [row]), *told]


def backtest(told: Snapshot, drawn: bytes | None) -> list[Flowable]:
    """Say what four policies would have decided over a version of the dataset, which is named, and show them."""
    of = f"Replayed over dataset {told['dataset']}, one content after the other."
    columns = [Column(backtests.TITLES[0], 150, style="strong")]
    columns += [Column(title, 80, is_number=True) for title in backtests.TITLES[1:]]
    shown = [space(6), picture(drawn, HALF)] if drawn else []
    return [text(f"{told['sentence']} {of}", longest=600), table(columns, backtests.rows(told)), *shown]


def data(snapshot: Snapshot) -> list[Flowable]:
    """Show how many rows and clients there are, and the statistics and the missing percent of every column."""
    dataset, statistics = snapshot["dataset"], snapshot["statistics"]["columns"]
    missing, kinds = snapshot["missing_percent"], snapshot["schema"]["features"]
    names = list(dict.fromkeys([*missing, *statistics]))
    columns = [
        Column("Column", 150, longest=80, style="strong"), Column("Kind", 70), Column("Mean", 65, is_number=True),
        Column("Median", 65, is_number=True), Column("Standard deviation", 90, is_number=True),
        Column("Missing", 55, is_number=True),
    ]  # fmt: skip
    shown = names[:COLUMNS_SHOWN]
    rows = [_column_row(name, kinds.get(name), statistics.get(name, {}), missing.get(name)) for name in shown]
    return [text(_dataset_in_words(dataset)), table(columns, rows), *_more(len(names) - len(shown), "snapshot.json")]


def _column_row(name: str, kind: str | None, figures: Snapshot, missing: float | None) -> list[str]:
    digits = digits_for(figures)
    shown = [number(figures.get(key), digits) for key in ("mean", "median", "standard_deviation")]
    return [name, kind or NOTHING, *shown, percent(None if missing is None else missing / 100)]


def _dataset_in_words(dataset: Snapshot) -> str:
    rows, clients = counted(dataset["n_rows"], "row"), counted(dataset["n_clients"], "client")
    first, last = dataset["first_period"], dataset["last_period"]
    words = f"Dataset {dataset['version']}: {rows} of {clients}, {number(dataset['n_labelled'])} with a known outcome"
    return f"{words}, from {first} to {last}." if first else f"{words}."


def files(snapshot: Snapshot) -> list[Flowable]:
    """Show the sources, what is not in first, and the rows that were refused."""
    sources = snapshot["dataset"]["sources"]
    if not sources:
        return [text("No source has been read yet.")]
    troubled = [source for source in sources if source["state"] in ("held", "refused")]
    sound = [source for source in sources if source["state"] not in ("held", "refused")]
    picked = [*troubled[:SOURCES_SHOWN], *sound[::-1]][:SOURCES_SHOWN]
    columns = [
        Column("Source", 160, longest=110, style="strong"), Column("Read", 50, is_number=True),
        Column("Accepted", 54, is_number=True), Column("Refused", 52, is_number=True),
        Column("Known", 50, is_number=True), Column("State", 150, longest=180),
    ]  # fmt: skip
    shown = table(columns, [_source_row(source) for source in picked])
    return [shown, *_more(len(sources) - len(picked), "manifest.json"), *_refusals(snapshot)]


def _source_row(source: Snapshot) -> list[str]:
    state = STATES.get(source["state"], source["state"])
    counts = [number(source[key]) for key in ("rows_read", "accepted", "refused", "duplicate")]
    return [source["path"], *counts, f"{state}: {source['reason']}" if source["reason"] else state]


def _refusals(snapshot: Snapshot) -> list[Flowable]:
    refusals = snapshot["refusals"]
    if not refusals:
        return []
    columns = [
        Column("Source", 108, longest=80), Column("Line", 38, is_number=True), Column("Column", 116, longest=60),
        Column("Found", 70, longest=50), Column("Why it was refused", 155, longest=160),
    ]  # fmt: skip
    rows = [
        [one["source"], number(one["line"]), one["column"] or NOTHING, one["value"] or NOTHING, _refusal_in_words(one)]
        for one in refusals
    ]
    more = _more(snapshot["rejected_rows"] - len(refusals), "rejected.csv")
    return [text("Rows that were refused", "subheading"), table(columns, rows), *more]


def _refusal_in_words(refusal: Snapshot) -> str:
    return f"{refusal['reason']}; expected {refusal['expected']}" if refusal["expected"] else str(refusal["reason"])


def system(snapshot: Snapshot) -> list[Flowable]:
    """Show the seconds of the stages and of this run's steps, and the packages that are required and installed."""
    return [side_by_side(_seconds(snapshot), _dependencies(snapshot["dependencies"]))]


def _seconds(snapshot: Snapshot) -> list[Flowable]:
    stages = [[name, number(took["last"], 2), number(took["median"], 2)] for name, took in snapshot["seconds"].items()]
    steps = [[step["name"], number(step["seconds"], 2)] for step in snapshot["steps"]]
    columns = [Column("Stage", 110), Column("Last", 60, is_number=True), Column("Median", 60, is_number=True)]
    step_columns = [Column("Step", 170), Column("Seconds", 60, is_number=True)]
    return [
        text("Seconds of each stage", "subheading"), table(columns, stages, HALF),
        text("Seconds of this run's steps", "subheading"), table(step_columns, steps, HALF),
    ]  # fmt: skip


def _dependencies(dependencies: Snapshot) -> list[Flowable]:
    packages = dependencies["packages"]
    checked = dependencies["checked_on"]
    columns = [
        Column("Package", 84, longest=40), Column("Required", 48, is_number=True, longest=12),
        Column("Installed", 48, is_number=True, longest=12), Column("Newest", 56, is_number=True, longest=12),
    ]  # fmt: skip
    unknown = {"required": NOTHING, "installed": "missing", "newest": "not checked"}
    rows = [
        [package["name"], *(package[key] or words for key, words in unknown.items())]
        for package in packages[:PACKAGES_SHOWN]
    ]
    note = f"Newest versions as of {checked}." if checked else "Newest versions: diagnostics.py --check-dependencies."
    more = _more(len(packages) - PACKAGES_SHOWN, "snapshot.json")
    return [text("Packages", "subheading"), table(columns, rows, HALF), *more, text(note, "small")]


def history(runs: Sequence[Snapshot], journal: Snapshot | None) -> list[Flowable]:
    """Show the runs, the newest first, and by what the journal of their time can be proven."""
    if not runs:
        return [text("This is the first run.")]
    lines = counted((journal or {}).get("lines") or 0, "line")
    kept = (
        [text(f"Before this run the journal had {lines}; SHA-256 of the last: {journal['sha256']}")] if journal else []
    )
    columns = [
        Column("Run", 28, is_number=True), Column("When (UTC)", 84), Column("Outcome", 78, style="strong"),
        Column("Release", 82, longest=40), Column("F1", 34, is_number=True), Column("Seconds", 44, is_number=True),
        Column("Reason", 137, longest=140),
    ]  # fmt: skip
    return [table(columns, [_run_row(run) for run in runs]), *kept]


def _run_row(run: Snapshot) -> list[str]:
    return [
        number(run["run"]), moment(run["at"]).removesuffix(" UTC"), run["outcome"], run["release"] or NOTHING,
        number(run["f1"], 3), number(run["seconds"], 1), run["reason"] or NOTHING,
    ]  # fmt: skip


def _more(n: int, where: str) -> list[Flowable]:
    return [text(f"{number(n)} more in {where}.", "small")] if n > 0 else []
