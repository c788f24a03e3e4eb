"""The report as a PDF: the first page for the head of a team, then the proof, the data, the system, the decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reportlab.platypus import Flowable, Spacer

from risk.report import list_words, missing_list, model_card, money_words, situation, tables, words
from risk.report._pdf_document import document
from risk.report._pdf_first_page import first_page, rest_of_the_list
from risk.report._pdf_layout import (
    HALF,
    alert,
    figures_in_a_row,
    more,
    picture,
    section,
    side_by_side,
    table,
    text,
    titled,
    titled_table,
)
from risk.report._pdf_track_record import calls, track_record
from risk.report.run_decision import RunDecision
from risk.text import counted, number, percent

Snapshot = Mapping[str, Any]

WARNINGS_SHOWN = 12
COLUMNS_SHOWN = 60
SOURCES_SHOWN = 30
PACKAGES_SHOWN = 40
PICTURES = ("confusion matrix", "calibration")

NO_WINDOW = "No file holds outcomes that the deployed model was not trained on."
AMONG_SUCH = (
    "p among such: beside the rows of training, weighted to be like the new ones; computed where all else alarms."
)


def report(snapshot: Snapshot, pictures: Mapping[str, bytes]) -> bytes:
    """The report of a snapshot as PDF; equal arguments give equal bytes.

    `pictures` holds PNG by name, those of `figures.drawn`; one that is missing is left out.
    """
    run, release = snapshot["run"], snapshot["release"]
    name = missing_list.release_name(snapshot)
    story = [
        *first_page(snapshot, f"{name} ({release['family']})" if release else name),
        *rest_of_the_list(snapshot),
        *track_record(snapshot.get("track_record"), pictures.get("track record")),
        *calls(snapshot.get("outcomes")),
        *section("How good the model is", *_model(snapshot, pictures)),
        *section("Have the reasons for leaving changed?", *_drift(snapshot)),
        *section("The data", *_notes(snapshot), *_data(snapshot), *_files(snapshot)),
        *section("Run times", *_seconds(snapshot), n_whole=1),
        *section("Packages", *_packages(snapshot), n_whole=2),
        *section("What was decided", *_decisions(snapshot)),
        *_backtest(snapshot.get("backtest"), pictures.get("backtest")),
        *section("The runs so far", *_history(snapshot)),
        *_card(snapshot),
    ]
    title, footer = f"Client risk report, run {run}", f"run {run} · {name}"
    return document(story, title=title, footer=footer, made_at=snapshot["made_at"])


def _first(sentences: Sequence[str], others: str) -> list[str]:
    n_more = len(sentences) - WARNINGS_SHOWN
    return [*sentences[:WARNINGS_SHOWN], *([f"{number(n_more)} {others} in snapshot.json."] if n_more > 0 else [])]


def _notes(snapshot: Snapshot) -> list[Flowable]:
    attention = [thing["sentence"] for thing in snapshot.get("attention", [])]
    notes = _first(words.other_warnings(snapshot), "more warnings")
    notes += [words.held_back(snapshot["held"])] if snapshot["held"] else []
    n_refused = snapshot["rejected_rows"]
    notes += [f"{counted(n_refused, 'row was', 'rows were')} refused; rejected.csv says why."] if n_refused else []
    return [*alert("Needs attention", _first(attention, "more")), *alert("Please note", notes)]


def _model(snapshot: Snapshot, pictures: Mapping[str, bytes]) -> list[Flowable]:
    scores, newest, figures = snapshot["scores"], snapshot.get("newest"), words.key_figures(snapshot)
    shown: list[Flowable] = [figures_in_a_row(figures)] if snapshot["release"] else []
    shown += [text(words.newest_on(newest)), table(tables.scores(newest, "the newest outcomes"))] if newest else []
    orders, currency = snapshot.get("orders"), snapshot["schema"].get("currency")
    shown += titled_table(money_words.table(orders, currency)) if orders else []
    if scores is None:
        return [*shown, *([] if newest else [text(words.NO_SCORES)])]
    on = words.tested(scores)
    tested = [text(words.scored_on(scores, newest)), table(tables.scores(scores, on)), Spacer(0, 6)]
    shown += titled(f"On {on}", *tested) if newest else tested
    drawn = [picture(pictures[name], HALF) for name in PICTURES if name in pictures]
    return [*shown, *([side_by_side(drawn[:1], drawn[1:])] if len(drawn) == 2 else drawn)]


def _drift(snapshot: Snapshot) -> list[Flowable]:
    """What the scan saw in the newest files."""
    decision = RunDecision.of(snapshot)
    scan, finding = decision.scan, words.finding(decision)
    shown = [text(finding)] if finding else []
    if scan is None:
        return [*shown, text(words.NO_SCAN)]
    windows = tables.scan(scan)
    shown += [table(windows)] if windows.rows else [text(NO_WINDOW)]
    shown += [text(AMONG_SUCH, "small")] if any(it.balanced_p is not None for it in scan.windows) else []
    return shown + ([text(f"What moved: {scan.moved}.")] if scan.moved else [])


def _decisions(snapshot: Snapshot) -> list[Flowable]:
    """What this run decided and why, what the gate measured, and how the runs since the last list ended."""
    decision, since = RunDecision.of(snapshot), situation.decided_since(snapshot)
    shown = [text(words.headline(snapshot), "lead")] if snapshot["outcome"] in words.OUTCOMES else []
    shown += [text(snapshot["reason"])]
    told = (decision.sentence, decision.reason)
    shown += [text(decision.sentence)] if decision.sentence and decision.sentence != decision.reason else []
    shown += [text(words.reason_to_train(decision)), *([text(since)] if since else [])]
    gate = decision.gate
    shown += titled_table(tables.gate(it)) if (it := decision.measured) else []
    return [*shown, *([text(gate.sentence)] if gate and gate.sentence not in told else [])]


def _backtest(replayed: Snapshot | None, drawn: bytes | None) -> list[Flowable]:
    """Say what four policies would have decided over a version of the dataset, which is named, and show them."""
    if not replayed:
        return []
    of = f"{replayed['sentence']} Replayed over dataset {replayed['dataset']}, one content after the other."
    shown = tables.backtest(replayed)
    drawn_below = [Spacer(0, 6), picture(drawn, HALF)] if drawn else []
    return section(shown.title, text(of, longest=600), table(shown), *drawn_below)


def _data(snapshot: Snapshot) -> list[Flowable]:
    shown = tables.statistics(snapshot, COLUMNS_SHOWN)
    return [text(words.of_dataset(snapshot["dataset"])), *titled_table(shown), *more(shown.n_more, "in snapshot.json")]


def _files(snapshot: Snapshot) -> list[Flowable]:
    if not snapshot["dataset"]["sources"]:
        return [text(words.NO_SOURCE)]
    shown, refused = tables.sources(snapshot, SOURCES_SHOWN), tables.refusals(snapshot)
    rows = [*titled_table(refused), *more(refused.n_more, "in rejected.csv")] if refused.rows else []
    return [*titled_table(shown), *more(shown.n_more, "in manifest.json"), *rows]


def _seconds(snapshot: Snapshot) -> list[Flowable]:
    """Show the seconds of the stages and of this run's steps."""
    shown = tables.stages(snapshot), tables.steps(snapshot)
    return [side_by_side(*([text(it.title, "subheading"), table(it, HALF)] if it.rows else [] for it in shown))]


def _packages(snapshot: Snapshot) -> list[Flowable]:
    """Show which packages are required, installed and newest, in two halves."""
    shown, note = tables.packages(snapshot, PACKAGES_SHOWN), words.newest_versions(snapshot["dependencies"])
    middle = (len(shown.rows) + 1) // 2
    halves = [tables.Table("", shown.columns, rows) for rows in (shown.rows[:middle], shown.rows[middle:])]
    left, right = ([table(half, HALF)] if half.rows else [] for half in halves)
    return [side_by_side(left, right), *more(shown.n_more, "in snapshot.json"), text(note, "small")]


def _history(snapshot: Snapshot) -> list[Flowable]:
    """Show the runs, the newest first, and by what the journal of their time can be proven."""
    if not snapshot["history"]:
        return [text(words.FIRST_RUN)]
    journal = snapshot.get("journal")
    lines = counted((journal or {}).get("lines") or 0, "line")
    kept = f"Before this run the journal had {lines}; SHA-256 of the last: {journal['sha256']}" if journal else ""
    until = text("Of the newest run the seconds are those until this report.", "small")
    return [table(tables.history(snapshot)), until, *([text(kept)] if kept else [])]


def _card(snapshot: Snapshot) -> list[Flowable]:
    """The card of the model in short; the whole one lies in its release."""
    release, schema = snapshot["release"], snapshot["schema"]
    if release is None:
        return []
    features = ", ".join(f"{list_words.column(name, schema)}: {kind}" for name, kind in release["features"].items())
    rows = [
        ["Purpose", f"The risk, a probability, of leaving in {schema['horizon']}, for every current client."],
        ["Model", f"{release['family']}, release {release['name']}, of run {number(release['run'])}"],
        ["Trained on", f"{counted(release['n_rows'], 'row')}, {percent(release['base_rate'])} of them of leavers; "
                       f"dataset {release['dataset']}"],
        ["Factors", features],
        ["Predicted to leave", f"from a risk of {number(release['threshold'], 3)} on"],
        ["SHA-256", release["digest"]],
    ]  # fmt: skip
    columns = [tables.TableColumn("", 90, is_strong=True), tables.TableColumn("", 420, longest=1500)]
    sides = [
        [text(title, "subheading"), *(text(it.removeprefix("- ").replace("*", ""), "small") for it in said)]
        for title, said in (("Not for", model_card.NOT_FOR), ("What it cannot see", model_card.UNSEEN))
    ]
    more = text("modelcard.md in the release holds the whole card: what each factor does, scores, caveats.", "small")
    shown = table(tables.Table("", columns, rows)), more, side_by_side(*sides)
    return section("The card of the model", *shown, n_whole=len(shown))
