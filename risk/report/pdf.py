"""The report as a PDF: what happened, whom to call first, how good the model is; then the papers behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reportlab.platypus import Flowable

from risk.attention import other_warnings
from risk.report import _pdf_sections
from risk.report._pdf_layout import (
    GUTTER,
    WIDTH,
    Column,
    document,
    figures_in_a_row,
    panel,
    picture,
    section,
    side_by_side,
    space,
    table,
    text,
)
from risk.report.score_words import key_figures, newest_on, provisional, score_rows, scored_on, tested
from risk.text import NOTHING, counted, moment, number, percent

Snapshot = Mapping[str, Any]

CLIENTS_SHOWN = 25
CLIENTS_PRINTED = 5_000  # 200 pages
ROWS_SET = 200
WARNINGS_SHOWN = 12
PICTURES = ("confusion matrix", "calibration")

HEADLINES = {
    "deployed": "A new model was deployed.",
    "challenger rejected": "A new model was trained and not deployed.",
    "no drift": "No change was found; the deployed model stays.",
    "not enough evidence": "There is not enough evidence yet to decide.",
    "rolled back": "A former model is back in service.",
    "no new data": "There was no new data.",
    "failed": "The run failed.",
}
VERDICTS = {
    "no drift": "No change was found in why clients leave.",
    "not enough evidence": "Too few outcomes are known to say whether the reasons for leaving have changed.",
    "recalibrate": "The order of the clients still holds, but the stated risks were too high or too low.",
    "retrain": "Clients leave for other reasons than before.",
    "richer family": "A richer kind of model might describe better why clients leave.",
}


def report(snapshot: Snapshot, pictures: Mapping[str, bytes]) -> bytes:
    """Return the report of a snapshot as PDF; equal arguments give equal bytes.

    `pictures` holds PNG by name, "confusion matrix", "calibration" and "backtest"; one that is missing is left out.
    """
    run, release = snapshot["run"], snapshot["release"]
    name = f"release {release['name']}" if release else "no release yet"
    story = [
        *_head(snapshot),
        *_what_happened(snapshot),
        *section("Whom to call first", *_call_list(snapshot)),
        *section("How good the model is", *_model(snapshot, pictures)),
        *section("How it was decided", *_pdf_sections.decision(snapshot["decision"])),
        *_backtest(snapshot.get("backtest"), pictures.get("backtest")),
        *section("The data", *_pdf_sections.data(snapshot)),
        *section("The files", *_pdf_sections.files(snapshot)),
        *section("The system", *_pdf_sections.system(snapshot)),
        *section("The runs so far", *_pdf_sections.history(snapshot["history"], snapshot.get("journal"))),
        *_rest_of_the_list(snapshot["call_list"]),
    ]
    return document(
        story, title=f"Client risk report, run {run}", footer=f"run {run} · {name}", made_at=snapshot["made_at"]
    )


def _backtest(told: Snapshot | None, drawn: bytes | None) -> list[Flowable]:
    return section("How it would have gone", *_pdf_sections.backtest(told, drawn)) if told else []


def _head(snapshot: Snapshot) -> list[Flowable]:
    release = snapshot["release"]
    model = f"release {release['name']} ({release['family']})" if release else "no release yet"
    made = f"Run {snapshot['run']} · {moment(snapshot['made_at'])} · {model}"
    return [text("Clients at risk of leaving", "title"), text(made, "small"), space(4)]


def _what_happened(snapshot: Snapshot) -> list[Flowable]:
    outcome, verdict = snapshot["outcome"], snapshot["verdict"]
    parts = [text(HEADLINES.get(outcome, f"Outcome: {outcome}."), "lead")]
    if verdict is not None:
        parts.append(text(VERDICTS.get(verdict, f"Verdict: {verdict}.")))
    parts.append(text(snapshot["reason"]))
    told = section("What happened", panel(parts, alert=outcome == "failed"))
    return [
        *told,
        *_banner(snapshot),
        *_attention(snapshot),
        *_notes(snapshot),
        space(5),
        figures_in_a_row(key_figures(snapshot)),
    ]


def _banner(snapshot: Snapshot) -> list[Flowable]:
    release = snapshot["release"]
    if release is None:
        words = "No model is deployed, so no risks can be stated. Run fullprocess.py when there is data to learn from."
        return [panel([text("No release yet", "alert"), text(words)], alert=True)]
    if release.get("forced"):
        words = f"The verdict did not favour it; the reason that was given: {release['forced']}"
        return [panel([text("A person deployed this release", "alert"), text(words)], alert=True)]
    if not release["provisional"]:
        return []
    return [panel([text("This release is provisional", "alert"), text(provisional(release))], alert=True)]


def _attention(snapshot: Snapshot) -> list[Flowable]:
    """Show what needs a person; a snapshot of an older program knows of nothing."""
    told = [it["sentence"] for it in snapshot.get("attention", [])]
    more = len(told) - WARNINGS_SHOWN
    told = [*told[:WARNINGS_SHOWN], *([f"{number(more)} more in snapshot.json."] if more > 0 else [])]
    shown = [text("Needs attention", "alert"), *(text(sentence, longest=600) for sentence in told)]
    return [panel(shown, alert=True)] if told else []


def _notes(snapshot: Snapshot) -> list[Flowable]:
    warnings = other_warnings(snapshot)
    notes = list(warnings[:WARNINGS_SHOWN])
    if len(warnings) > WARNINGS_SHOWN:
        notes.append(f"{counted(len(warnings) - WARNINGS_SHOWN, 'more warning')} in snapshot.json.")
    if snapshot["held"]:
        notes.append(f"Held back until a person looks at it: {', '.join(snapshot['held'])}. Let one in with "
                     "ingestion.py --release NAME, or send a better version.")  # fmt: skip
    if snapshot["rejected_rows"]:
        notes.append(f"{counted(snapshot['rejected_rows'], 'row was', 'rows were')} refused; rejected.csv says why.")
    if not notes:
        return []
    return [panel([text("Please note", "alert"), *(text(note, longest=600) for note in notes)], alert=True)]


def _call_list(snapshot: Snapshot) -> list[Flowable]:
    clients, capacity = snapshot["call_list"], snapshot["capacity"]
    if snapshot["release"] is None:
        return [text("There is no call list yet: ranking clients takes a deployed model.")]
    if not clients:
        return [text("There is nobody to call: no current client was found in the data.")]
    per = "for each owner" if capacity["per"] == "owner" else "in all"
    calls = counted(capacity["calls_per_week"], "call")
    intro = f"The clients with the highest risk first. Capacity: {calls} a week {per}.{_expected(snapshot)}"
    more = len(clients) - CLIENTS_SHOWN
    rest = [text(f"{number(more)} more on the last pages, and all in calllist.csv.", "small")] if more > 0 else []
    return [text(intro), _call_table(clients, clients[:CLIENTS_SHOWN]), *rest]


def _rest_of_the_list(clients: Sequence[Snapshot]) -> list[Flowable]:
    """Return the clients that do not stand on the first page, in tables that are short enough to be set fast."""
    if len(clients) <= CLIENTS_SHOWN:
        return []
    places = [*range(CLIENTS_SHOWN, min(len(clients), CLIENTS_PRINTED), ROWS_SET)]
    tables = [_call_table(clients, clients[place : min(place + ROWS_SET, CLIENTS_PRINTED)]) for place in places]
    more = len(clients) - CLIENTS_PRINTED
    end = [text(f"{number(more)} more in calllist.csv.", "small")] if more > 0 else []
    return section("The rest of the call list", *tables, *end)


def _expected(snapshot: Snapshot) -> str:
    found = snapshot["expected_leavers"]
    if not found:
        return ""
    of = f"About {number(round(found['mean']))} of these {number(len(snapshot['call_list']))} are expected to leave"
    return f" {of} (90 % interval: {number(found['low'])} to {number(found['high'])})."


def _call_table(clients: Sequence[Snapshot], shown: Sequence[Snapshot]) -> Flowable:
    """Return a table of those shown, with the columns that any of the clients fills."""
    columns: dict[str, tuple[Column, Callable[[Snapshot], str]]] = {
        "rank": (Column("Rank", 34, is_number=True), lambda client: number(client["rank"])),
        "client": (Column("Client", 130, longest=90, style="strong"), lambda client: client["client"]),
        "risk": (Column("Risk", 44, is_number=True), lambda client: percent(client["risk"])),
        "owner": (Column("Owner", 76, longest=60), lambda client: client["owner"] or NOTHING),
        "value": (Column("Value", 56, is_number=True, longest=16), lambda client: number(client["value"])),
        "reasons": (Column("Why", 184, longest=180), lambda client: "; ".join(client["reasons"]) or NOTHING),
    }
    kept = [key for key in columns if any(client[key] not in (None, []) for client in clients)]
    return table([columns[key][0] for key in kept], [[columns[key][1](client) for key in kept] for client in shown])


def _model(snapshot: Snapshot, pictures: Mapping[str, bytes]) -> list[Flowable]:
    scores, newest = snapshot["scores"], snapshot.get("newest")
    told = [text(newest_on(newest)), _scores(newest)] if newest else []
    if scores is None:
        return told or [text("There are no scores yet: no model has been measured on test data.")]
    title = [text(f"On {tested(scores)}", "subheading")] if newest else []
    return [*told, *title, text(scored_on(scores, newest)), _scores(scores), space(6), *_pictures(pictures)]


def _scores(scores: Snapshot) -> Flowable:
    columns = [
        Column("Score", 74, style="strong"), Column("Value", 44, is_number=True),
        Column("95 % interval", 84, is_number=True), Column("In words", 285),
    ]  # fmt: skip
    return table(columns, score_rows(scores))


def _pictures(pictures: Mapping[str, bytes]) -> list[Flowable]:
    drawn = [[picture(pictures[name], (WIDTH - GUTTER) / 2)] for name in PICTURES if name in pictures]
    return [side_by_side(*drawn)] if len(drawn) == 2 else [one for (one,) in drawn]
