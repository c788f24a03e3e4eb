"""Tables of a report as data: title, columns and rows of text. PDF and page show the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

from risk.decision.gate import Gate
from risk.drift.finding import Scan
from risk.modeling.metrics import Scores
from risk.report import list_words, season_words
from risk.report.words import STATES, TROUBLED, score_rows
from risk.text import MORE, NOTHING, counted, digits_for, moment, number, one_line, p_value, percent

Facts = Mapping[str, Any]

OPTIONAL = ("owner", "value", "value_at_risk", "reasons")  # columns of the call list that may be empty


@dataclass(frozen=True)
class TableColumn:
    """A column; in print its width is relative, and a text is cut to the longest. Numbers stand to the right."""

    title: str
    width: float
    is_number: bool = False
    longest: int = 200
    is_strong: bool = False


@dataclass(frozen=True)
class Table:
    """A table of texts; `n_more` rows are left out."""

    title: str
    columns: Sequence[TableColumn]
    rows: Sequence[Sequence[str]]
    n_more: int = 0


def _number(title: str, width: float, longest: int = 200) -> TableColumn:
    return TableColumn(title, width, is_number=True, longest=longest)


def _cut(title: str, columns: Sequence[TableColumn], rows: Sequence[Sequence[str]], most: int | None) -> Table:
    return Table(title, columns, rows[:most], len(rows) - len(rows[:most]))


def scores(measured: Facts, on: str) -> Table:
    """The scores on some rows, each with its interval and what it means."""
    columns = [TableColumn("Score", 74, is_strong=True), _number("Value", 44), _number("95 % interval", 84)]
    columns.append(TableColumn("In words", 285))
    return Table(f"Scores on {on}, with their 95 % intervals", columns, score_rows(Scores.from_dict(measured)))


def confusion(counts: Facts) -> Table:
    """How many of each outcome were predicted."""
    columns = [TableColumn("Happened", 100), _number("Predicted to stay", 100), _number("Predicted to leave", 100)]
    rows = [
        ["Stayed", number(counts["tn"]), number(counts["fp"])],
        ["Left", number(counts["fn"]), number(counts["tp"])],
    ]
    return Table("What was predicted, and what happened", columns, rows)


def calibration(bins: Sequence[Facts]) -> Table:
    """Of the rows with about the same stated risk, the share who left."""
    columns = [_number("Stated risk", 100), _number("Left", 100), _number("Rows", 100)]
    rows = [[percent(bin["risk"]), percent(bin["share"]), number(bin["n_rows"])] for bin in bins]
    return Table("Stated risk, and the share who left", columns, rows)


def filled(clients: Sequence[Facts], names: Sequence[str] = OPTIONAL) -> list[str]:
    """The columns of the call list that any client fills."""
    return [name for name in names if any(client.get(name) not in (None, []) for client in clients)]


def scan(found: Scan) -> Table:
    """The windows of the drift check."""
    titles = ("Newest files", "Rows", "Leavers", "χ²", "df", "p", "p among such", "Gain per client", "Alarm")
    rows = [
        [
            number(it.contents), number(it.n_rows), number(it.leavers), number(it.chi2, 1), number(it.df),
            p_value(it.p), p_value(it.balanced_p), number(it.gain, 4), season_words.alarm(found, it),
        ]
        for it in found.windows
    ]  # fmt: skip
    return Table("Have the reasons for leaving changed?", [_number(title, 53) for title in titles], rows)


def gate(found: Gate) -> Table:
    """What the gate measured."""
    columns = [
        TableColumn("Outcome", 90, is_strong=True), TableColumn("Against", 110), _number("Rows", 50),
        _number("Leavers", 55), _number("Log-loss lower by", 75), _number("z", 40), _number("Leavers caught", 85),
    ]  # fmt: skip
    row = [
        found.outcome, found.against, number(found.n_rows), number(found.leavers), percent(found.gain),
        number(found.z, 2), _points(found.capture_difference),
    ]  # fmt: skip
    return Table("Is the new model better than what was deployed?", columns, [row])


def _points(difference: float | None) -> str:
    """The difference of two shares in percentage points."""
    return NOTHING if difference is None else f"{'+' if difference >= 0 else ''}{number(100 * difference, 1)} points"


def statistics(snapshot: Facts, most: int | None = None) -> Table:
    """Kind, statistics and missing values of every column, over the rows whose outcome is known."""
    figures, missing = snapshot["statistics"]["columns"], snapshot["missing_percent"]
    schema, moments = snapshot["schema"], ("mean", "median", "standard_deviation")
    columns = [
        TableColumn("Column", 110, longest=80, is_strong=True), TableColumn("Shown as", 110, longest=80),
        TableColumn("Kind", 60), _number("Mean", 50), _number("Median", 50), _number("Standard deviation", 70),
        _number("Missing", 45),
    ]  # fmt: skip
    rows = [
        [
            name,
            list_words.column(name, schema),
            schema["features"].get(name) or ("numeric" if name in figures else NOTHING),
            *(number(figures.get(name, {}).get(key), digits_for(figures.get(name, {}))) for key in moments),
            percent(None if missing.get(name) is None else missing[name] / 100),
        ]
        for name in dict.fromkeys([*missing, *figures])
    ]
    return _cut(f"Columns of the {snapshot['statistics']['n_rows']:,} rows with a known outcome", columns, rows, most)


def sources(snapshot: Facts, most: int) -> Table:
    """The sources that a person should see: those that are not in first, then the newest."""
    by_age = snapshot["dataset"]["sources"]
    troubled = [it for it in by_age if it["state"] in TROUBLED][:most]
    sound = [it for it in by_age if it["state"] not in TROUBLED]
    columns = [
        TableColumn("Source", 160, longest=110, is_strong=True), _number("Read", 50), _number("Accepted", 54),
        _number("Refused", 48), _number("Already in or replaced", 54), TableColumn("State", 150, longest=180),
    ]  # fmt: skip
    rows = []
    for source in [*troubled, *sound[::-1]][:most]:
        counts = [number(source[key]) for key in ("rows_read", "accepted", "refused", "duplicate")]
        state = STATES.get(source["state"], source["state"])
        rows.append([source["path"], *counts, f"{state}: {source['reason']}" if source["reason"] else state])
    return Table("What was read, and what of it is in", columns, rows, len(by_age) - len(rows))


def refusals(snapshot: Facts) -> Table:
    """The first rows that were refused, each with the reason."""
    columns = [
        TableColumn("Source", 108, longest=80), _number("Line", 38), TableColumn("Column", 116, longest=60),
        TableColumn("Found", 70, longest=50), TableColumn("Why it was refused", 155, longest=160),
    ]  # fmt: skip
    rows = [
        [
            it["source"], number(it["line"]), it["column"] or NOTHING, it["value"] or NOTHING,
            f"{it['reason']}; expected {it['expected']}" if it["expected"] else str(it["reason"]),
        ]
        for it in snapshot["refusals"]
    ]  # fmt: skip
    return Table("Rows that were refused", columns, rows, snapshot["rejected_rows"] - len(rows))


def stages(snapshot: Facts) -> Table:
    """Seconds of each stage, last and median."""
    rows = [[name, number(it["last"], 2), number(it["median"], 2)] for name, it in snapshot["seconds"].items()]
    return Table("Seconds of each stage", [TableColumn("Stage", 110), _number("Last", 60), _number("Median", 60)], rows)


def steps(snapshot: Facts) -> Table:
    """Seconds of the steps of this run."""
    rows = [[it["name"], number(it["seconds"], 2)] for it in snapshot["steps"]]
    return Table("Seconds of this run's steps", [TableColumn("Step", 170), _number("Seconds", 60)], rows)


def packages(snapshot: Facts, most: int | None = None) -> Table:
    """The packages that are required, installed and newest."""
    columns = [TableColumn("Package", 84, longest=40), _number("Required", 48, 12), _number("Installed", 48, 12)]
    unknown = {"required": NOTHING, "installed": "missing", "newest": "not checked"}
    rows = [
        [it["name"], *(it[key] or words for key, words in unknown.items())]
        for it in snapshot["dependencies"]["packages"]
    ]
    return _cut("Packages", [*columns, _number("Newest", 56, 12)], rows, most)


def history(snapshot: Facts) -> Table:
    """The last runs, the newest first."""
    columns = [
        _number("Run", 28), TableColumn("When (UTC)", 84), TableColumn("Outcome", 78, is_strong=True),
        TableColumn("Release", 82, longest=40), _number("F1", 34), _number("Seconds", 44),
        TableColumn("Reason", 137, longest=140),
    ]  # fmt: skip
    rows = [
        [
            number(it["run"]), moment(it["at"]).removesuffix(" UTC"), it["outcome"], it["release"] or NOTHING,
            number(it["f1"], 3), number(it["seconds"], 1), shorten(it["reason"] or NOTHING, 140, placeholder=MORE),
        ]
        for it in snapshot["history"]
    ]  # fmt: skip
    return Table("The last runs, the newest first", columns, rows)


def backtest(replayed: Facts) -> Table:
    """Leavers, deployments and delay of each policy."""
    rows = [
        [
            policy["policy"],
            number(policy["caught"]),
            percent(policy["caught"] / replayed["leavers"] if replayed["leavers"] else None),
            *(number(policy[name]) for name in ("deployments", "worse")),
            NOTHING if policy["delay"] is None else counted(policy["delay"], "content"),
        ]
        for policy in replayed["policies"]
    ]
    titles = ("leavers on the lists", "share", "deployments", "worse", "delay")
    columns = [TableColumn("policy", 150, is_strong=True), *(_number(title, 80) for title in titles)]
    return Table("How it would have gone", columns, rows)


def backtest_page(told: Facts) -> str:
    """Return what people read in a terminal: the sentence, the table, and what ours decided when."""
    lines = [f"Backtest of dataset {told['dataset']}: {counted(told['n_rows'], 'labelled row')}.", told["sentence"], ""]
    policies = backtest(told)
    lines += _aligned([[column.title for column in policies.columns], *policies.rows])
    names = [one_line(content["name"]) for content in told["contents"]]
    decided = [[it["outcome"], it["reason"]] for it in told["policies"][0]["decided"]]
    ours = [[name, *decision] for name, decision in zip(names, decided, strict=True)]
    return "\n".join([*lines, "", "Our decisions, content by content:", *_aligned(ours)])


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def diagnostics(seconds: Facts, dependencies: Facts) -> list[str]:
    """How long each step takes, and the packages beside the newest ones, line by line."""
    lines = [
        f"{name}: last {number(it['last'], 2)} s, median {number(it['median'], 2)} s" for name, it in seconds.items()
    ]
    lines.append(f"packages (newest: {dependencies['checked_on'] or 'not checked; --check-dependencies'}):")
    for package in dependencies["packages"]:
        asked = f"required {package['required']:<10} installed {package['installed']}"
        lines.append(f"  {package['name']:<16} {asked}  newest {package['newest'] or '-'}")
    return lines
