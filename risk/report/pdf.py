"""The report as a PDF: what happened, whom to call first, how good the model is, then the details."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reportlab.platypus import Flowable, Spacer

from risk.report import tables, words
from risk.report._pdf_layout import HALF, document, figures_in_a_row, panel, picture, section, side_by_side, table, text
from risk.text import counted, moment, number

Snapshot = Mapping[str, Any]

CLIENTS_SHOWN = 25
CLIENTS_PRINTED = 5_000  # 200 pages
ROWS_SET = 200
WARNINGS_SHOWN = 12
COLUMNS_SHOWN = 60
SOURCES_SHOWN = 30
PACKAGES_SHOWN = 24  # they stand beside the seconds, on one page
PICTURES = ("confusion matrix", "calibration")

NO_WINDOW = "No file holds outcomes that the deployed model was not trained on."
AMONG_SUCH = (
    "p among such: beside the rows of training, weighted to be like the new ones; computed where all else alarms."
)


def report(snapshot: Snapshot, pictures: Mapping[str, bytes]) -> bytes:
    """The report of a snapshot as PDF; equal arguments give equal bytes.

    `pictures` holds PNG by name, "confusion matrix", "calibration" and "backtest"; one that is missing is left out.
    """
    run, release = snapshot["run"], snapshot["release"]
    name = f"release {release['name']}" if release else "no release yet"
    model = f"{name} ({release['family']})" if release else name
    story = [
        text("Clients at risk of leaving", "title"),
        text(f"Run {run} · {moment(snapshot['made_at'])} · {model}", "small"),
        Spacer(0, 4),
        *section("What happened", *_what_happened(snapshot)),
        *section("Whom to call first", *_call_list(snapshot)),
        *section("How good the model is", *_model(snapshot, pictures)),
        *section("How it was decided", *_decision(snapshot["decision"])),
        *_backtest(snapshot.get("backtest"), pictures.get("backtest")),
        *section("The data", *_data(snapshot)),
        *section("The files", *_files(snapshot)),
        *section("The system", *_system(snapshot)),
        *section("The runs so far", *_history(snapshot)),
        *_rest_of_the_list(snapshot["call_list"]),
    ]
    return document(
        story, title=f"Client risk report, run {run}", footer=f"run {run} · {name}", made_at=snapshot["made_at"]
    )


def _what_happened(snapshot: Snapshot) -> list[Flowable]:
    finding, banner = words.finding(snapshot), words.banner(snapshot["release"])
    parts = [text(words.headline(snapshot), "lead"), *([text(finding)] if finding else []), text(snapshot["reason"])]
    attention = [thing["sentence"] for thing in snapshot.get("attention", [])]
    return [
        panel(parts, alert=snapshot["outcome"] == "failed"),
        *(_alert(banner[0], [banner[1]]) if banner else []),
        *_alert("Needs attention", _first(attention, "more")),
        *_alert("Please note", _notes(snapshot)),
        Spacer(0, 5),
        figures_in_a_row(words.key_figures(snapshot)),
    ]


def _alert(title: str, sentences: Sequence[str]) -> list[Flowable]:
    shown = [text(title, "alert"), *(text(sentence, longest=600) for sentence in sentences)]
    return [panel(shown, alert=True)] if sentences else []


def _first(sentences: Sequence[str], more: str) -> list[str]:
    n_more = len(sentences) - WARNINGS_SHOWN
    return [*sentences[:WARNINGS_SHOWN], *([f"{number(n_more)} {more} in snapshot.json."] if n_more > 0 else [])]


def _notes(snapshot: Snapshot) -> list[str]:
    notes = _first(words.other_warnings(snapshot), "more warnings")
    notes += [words.held_back(snapshot["held"])] if snapshot["held"] else []
    n_refused = snapshot["rejected_rows"]
    return notes + (
        [f"{counted(n_refused, 'row was', 'rows were')} refused; rejected.csv says why."] if n_refused else []
    )


def _call_list(snapshot: Snapshot) -> list[Flowable]:
    clients = snapshot["call_list"]
    if snapshot["release"] is None:
        return [text(words.NO_LIST)]
    if not clients:
        return [text(words.NOBODY)]
    shown = table(tables.calls(clients, clients[:CLIENTS_SHOWN]))
    intro = text(f"The clients with the highest risk first. {words.capacity(snapshot)}")
    return [intro, shown, *_more(len(clients) - CLIENTS_SHOWN, "on the last pages, and all in calllist.csv")]


def _rest_of_the_list(clients: Sequence[Snapshot]) -> list[Flowable]:
    """The clients that do not stand on the first page, in tables that are short enough to be set fast."""
    if len(clients) <= CLIENTS_SHOWN:
        return []
    places = range(CLIENTS_SHOWN, min(len(clients), CLIENTS_PRINTED), ROWS_SET)
    parts = [clients[place : min(place + ROWS_SET, CLIENTS_PRINTED)] for place in places]
    shown = [table(tables.calls(clients, part)) for part in parts]
    return section("The rest of the call list", *shown, *_more(len(clients) - CLIENTS_PRINTED, "in calllist.csv"))


def _model(snapshot: Snapshot, pictures: Mapping[str, bytes]) -> list[Flowable]:
    scores, newest = snapshot["scores"], snapshot.get("newest")
    shown = [text(words.newest_on(newest)), table(tables.scores(newest, "the newest outcomes"))] if newest else []
    if scores is None:
        return shown or [text(words.NO_SCORES)]
    on = words.tested(scores)
    shown += [text(f"On {on}", "subheading")] if newest else []
    shown += [text(words.scored_on(scores, newest)), table(tables.scores(scores, on)), Spacer(0, 6)]
    drawn = [picture(pictures[name], HALF) for name in PICTURES if name in pictures]
    return [*shown, *([side_by_side(drawn[:1], drawn[1:])] if len(drawn) == 2 else drawn)]


def _decision(record: Snapshot) -> list[Flowable]:
    """Say why a challenger was trained or not, and show the figures of the drift check and of the gate."""
    scan, gate = record["scan"], record["gate"]
    shown = [text(record["sentence"]), text(words.reason_to_train(record))]
    if scan is not None:
        windows = tables.scan(scan)
        shown += _titled(tables.scan(scan)) if windows.rows else [text(windows.title, "subheading"), text(NO_WINDOW)]
        shown += [text(AMONG_SUCH)] if any(it.get("balanced_p") is not None for it in scan["windows"]) else []
        shown += [text(f"What moved: {scan['moved']}.")] if scan["moved"] else []
    if gate is not None:
        shown += _titled(tables.gate(gate))
        shown += [text(gate["sentence"])] if gate["sentence"] != record["sentence"] else []
    return shown


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
    return [text(words.of_dataset(snapshot["dataset"])), table(shown), *_more(shown.n_more, "in snapshot.json")]


def _files(snapshot: Snapshot) -> list[Flowable]:
    if not snapshot["dataset"]["sources"]:
        return [text(words.NO_SOURCE)]
    shown, refused = tables.sources(snapshot, SOURCES_SHOWN), tables.refusals(snapshot)
    rows = [*_titled(refused), *_more(refused.n_more, "in rejected.csv")] if refused.rows else []
    return [table(shown), *_more(shown.n_more, "in manifest.json"), *rows]


def _system(snapshot: Snapshot) -> list[Flowable]:
    """Show the seconds of the stages and of this run's steps, and the packages that are required and installed."""
    packages, note = tables.packages(snapshot, PACKAGES_SHOWN), words.newest_versions(snapshot["dependencies"])
    right = [*_titled(packages, HALF), *_more(packages.n_more, "in snapshot.json"), text(note, "small")]
    return [side_by_side([*_titled(tables.stages(snapshot), HALF), *_titled(tables.steps(snapshot), HALF)], right)]


def _history(snapshot: Snapshot) -> list[Flowable]:
    """Show the runs, the newest first, and by what the journal of their time can be proven."""
    if not snapshot["history"]:
        return [text(words.FIRST_RUN)]
    journal = snapshot.get("journal")
    lines = counted((journal or {}).get("lines") or 0, "line")
    kept = f"Before this run the journal had {lines}; SHA-256 of the last: {journal['sha256']}" if journal else ""
    return [table(tables.history(snapshot)), *([text(kept)] if kept else [])]


def _titled(shown: tables.Table, *width: float) -> list[Flowable]:
    return [text(shown.title, "subheading"), table(shown, *width)]


def _more(n: int, where: str) -> list[Flowable]:
    return [text(f"{number(n)} more {where}.", "small")] if n > 0 else []
