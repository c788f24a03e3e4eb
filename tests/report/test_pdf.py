from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdf
import pypdfium2  # type: ignore[import-untyped]
import pytest
from PIL import Image

from risk.report import _pdf_first_page, figures, pdf, season_words, tables
from risk.report._pdf_document import document
from risk.report._pdf_layout import table
from risk.report.figures import in_reading_order, markup, shown
from risk.report.tables import Table, TableColumn
from risk.text import number

Snapshot = dict[str, Any]

NASTY = (
    "<b>bold</b>", "&amp;", "</para>", "<img src='x'/>", "\U0001f600", "漢字株式会社", "شركة", "x" * 200, "$\\alpha$",
    "two\nlines", "\x00\x1b[31mred", "\u202egnp", "\ud800", "=cmd()", "",
)  # fmt: skip
SCORES = {
    "f1": 0.5786, "f1_interval": [0.53, 0.62], "auc": 0.836, "auc_interval": [0.81, 0.861],
    "log_loss": 0.402, "log_loss_interval": [0.37, 0.435], "brier": 0.128, "brier_interval": [0.118, 0.139],
    "capture": 0.352, "capture_interval": [0.31, 0.39], "capture_k": 120, "n_rows": 1200, "n_leavers": 250,
    "confusion": {"tp": 162, "fp": 148, "fn": 88, "tn": 802}, "scored_on": "held-out clients",
    "calibration": [{"risk": 0.05 + 0.09 * i, "share": 0.06 + 0.085 * i, "n_rows": 120} for i in range(10)],
}  # fmt: skip
RELEASE = {
    "name": "3-ab12cd34ef56", "digest": "0f" * 32, "provisional": False, "family": "logistic", "threshold": 0.31,
    "dataset": "12-ab12cd34ef56", "n_rows": 16000, "base_rate": 0.21, "run": 12,
    "features": {"lastmonth_activity": "numeric", "region": "categorical"},
}  # fmt: skip
SECTIONS = (
    "The rest of the call list", "How good the model is", "Have the reasons for leaving changed?", "The data",
    "Run times", "Packages", "What was decided", "The runs so far", "The card of the model",
)  # fmt: skip
PACKAGES = ("pandas", "numpy", "scikit-learn", "flask", "matplotlib", "seaborn", "requests", "reportlab", "pytest",
            "duckdb", "pydantic", "waitress", "msgspec")  # fmt: skip


def make_client(rank: int, **changes: Any) -> Snapshot:
    words = ("Northwind", "Adler", "Contoso", "Vestfold", "Meridian", "Oakhurst", "Brightwater")
    kinds = ("Shipping", "Insurance Group", "Logistics GmbH", "Foods", "Steel & Wire", "Retail Holding plc")
    client = {
        "rank": rank, "client": f"{words[rank % 7]} {kinds[rank % 6]}", "risk": 0.985 - 0.0131 * rank, "prediction": 1,
        "owner": f"Owner {rank % 4 + 1}", "value": 1200.0 * (40 - rank % 37), "period": "2026-08",
        "reasons": ["last month activity 3 (typical 120)", "number of employees 7 (typical 480)"][: 1 + rank % 2],
    }  # fmt: skip
    return {**client, **changes}


def make_source(month: int, **changes: Any) -> Snapshot:
    period = f"2026-{month:02}"
    source = {
        "path": f"clients_{period}.csv", "state": "in", "reason": None, "rows_read": 2000, "accepted": 1999,
        "refused": 1, "duplicate": 0, "labelled": 1999, "first_period": period, "last_period": period,
    }  # fmt: skip
    return {**source, **changes}


def make_decision() -> Snapshot:
    windows = [
        {
            "contents": 1,
            "n_rows": 1999,
            "leavers": 412,
            "chi2": 61.3,
            "df": 5,
            "p": 1e-11,
            "gain": 0.0141,
            "rings": True,
        },
        {
            "contents": 2,
            "n_rows": 3998,
            "leavers": 809,
            "chi2": 38.2,
            "df": 5,
            "p": 0.000021,
            "gain": 0.0042,
            "rings": False,
        },
    ]
    gate = {
        "outcome": "deploy", "n_rows": 3998, "leavers": 809, "z": 4.81, "gain": 0.0192, "capture_difference": 0.021,
        "against": "2-77aa01bc44d0", "provisional": False,
        "sentence": "On 3,998 rows that the deployed model never saw the new model is better, and this is no accident.",
    }  # fmt: skip
    scan = {
        "windows": windows,
        "moved": "The effect of last month activity has changed: few visits no longer say much.",
    }
    return {"reason_to_train": "drift", "scan": scan, "gate": gate,
            "sentence": "The newest file shows other reasons for leaving, so a new model was trained."}  # fmt: skip


def make_history(run: int) -> Snapshot:
    outcome = ("no drift", "deployed", "challenger rejected", "not enough evidence")[run % 4]
    return {"run": run, "at": f"2026-11-{run + 5:02}T09:41:53Z", "outcome": outcome, "verdict": None,
            "reason": "The newest file shows the same reasons for leaving.", "release": "2-77aa01bc44d0", "f1": 0.58,
            "seconds": 9.1}  # fmt: skip


def make_picture(colour: str) -> bytes:
    png = BytesIO()
    Image.new("RGB", (30, 20), colour).save(png, "PNG")
    return png.getvalue()


def make_snapshot(**changes: Any) -> Snapshot:
    features = {"lastmonth_activity": "numeric", "lastyear_activity": "numeric", "number_of_employees": "numeric",
                "region": "categorical"}  # fmt: skip
    columns = {
        "lastmonth_activity": {"mean": 118.42, "median": 97.0, "standard_deviation": 88.13},
        "lastyear_activity": {"mean": 1421.9, "median": 1180.0, "standard_deviation": 1010.4},
        "number_of_employees": {"mean": 483.11, "median": 120.0, "standard_deviation": 1892.7},
    }
    refused = {"source": "clients_2026-02.csv", "line": 7, "column": "number_of_employees", "value": "abc",
               "reason": "is not a number", "expected": "a number of at least 0"}  # fmt: skip
    held = "The median of lastyear_activity is 12.0 times the known one: the units seem to have changed."
    packages = [
        {"name": name, "required": "3.1.1", "installed": "3.1.1", "newest": None, "up_to_date": None}
        for name in PACKAGES
    ]
    steps = ("ingestion", "drift check", "training", "scoring", "deployment")
    snapshot = {
        "run": 12, "made_at": "2026-11-21T09:41:53Z", "outcome": "deployed", "verdict": "retrain", "program": "1.0.0",
        "reason": "The newest file shows other reasons for leaving, and the new model beats the deployed one.",
        "instance": "c0ffee", "release": RELEASE, "scores": SCORES, "decision": make_decision(), "clients": 2200,
        "dataset": {
            "version": "12-ab12cd34ef56", "n_rows": 18000, "n_labelled": 16000, "n_clients": 2200,
            "first_period": "2026-01", "last_period": "2026-08",
            "sources": [*(make_source(month) for month in range(1, 9)),
                        make_source(9, state="held", reason=held, accepted=0, refused=0)],
        },
        "statistics": {"n_rows": 16000, "columns": columns},
        "missing_percent": {"corporation": 0.0, **dict.fromkeys(features, 0.4), "exited": 11.1},
        "seconds": {"ingestion": {"last": 0.51, "median": 0.44}, "training": {"last": 2.2, "median": 2.04},
                    "scoring": {"last": None, "median": None}},
        "steps": [{"name": name, "seconds": 0.51 + i} for i, name in enumerate(steps)],
        "dependencies": {"checked_on": None, "packages": packages},
        "capacity": {"calls_per_week": 50, "per": "all"},
        "expected_leavers": {"mean": 30.4, "low": 22, "high": 38},
        "call_list": [make_client(rank) for rank in range(1, 51)],
        "rejected_rows": 8, "refusals": [refused], "held": ["clients_2026-09.csv"],
        "warnings": ["2 client names differ only in their Unicode form; they are kept apart."],
        "history": [make_history(run) for run in range(12, 4, -1)],
        "schema": {"client": "corporation", "target": "exited", "period": "period", "owner": "owner", "value": "value",
                   "horizon": "the month after the snapshot", "features": features},
    }  # fmt: skip
    return {**snapshot, **changes}


def read_text(file: bytes) -> str:
    """Return all text as a reader sees it: words that were broken over lines are whole again."""
    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(file)]
    return " ".join("\n".join(pages).replace("\ufffe", "").split())


def margins_are_white(file: bytes) -> bool:
    """Say whether nothing reaches into the left and right 40 points of any page (the margins are 44)."""
    pages = [page.render(grayscale=True).to_pil() for page in pypdfium2.PdfDocument(file)]
    strips = [page.crop((x, 0, x + 40, page.height)) for page in pages for x in (0, page.width - 40)]
    return all(strip.getextrema() == (255, 255) for strip in strips)


def report(pictures: Mapping[str, bytes] | None = None, **changes: Any) -> str:
    return read_text(pdf.report(make_snapshot(**changes), pictures or {}))


@pytest.fixture(scope="module")
def typical() -> bytes:
    return pdf.report(make_snapshot(), {})


def first_page(file: bytes) -> str:
    """Return the text of the first page as a reader sees it."""
    page = pypdfium2.PdfDocument(file)[0].get_textpage().get_text_range()
    return " ".join(str(page).replace("\ufffe", "").split())


def make_week(n: int, **changes: Any) -> Snapshot:
    """Return what a snapshot holds beside a list of an earlier week; its calls have all that a call may have."""
    calls = [
        make_client(
            rank, client=f"Client {rank:05}", value_at_risk=1234.0, move=("new", "risen", "fallen", "same")[rank % 4],
            previous_risk=0.71, moved_by="the client changed", renews_in_days=21, changed=["logins fell from 9 to 2"],
            contact={"date": "2026-11-12", "result": "undecided", "opinion": "leaves", "note": "asks for a price"},
            control=rank == 2, next_step="Offer a training day.", context=["number of employees 7"],
        )
        for rank in range(1, n + 1)
    ]  # fmt: skip
    gone = [{"client": f"Former {i}", "why": ("called", "left")[i % 2], "owner": None} for i in range(3)]
    about = {"as_of": "2026-11-27", "previous": "2026-11-20", "n_new": 6, "n_risen": 3, "n_fallen": 2, "gone": gone,
             "next_change": None, "n_snoozed": 1}  # fmt: skip
    owners = [{"owner": f"Owner {i}", "at_risk": 9000.0 / i} for i in range(1, 5)]
    money = {"currency": "€", "listed": 18400.0, "everyone": 99000.0, "owners": owners}
    return {"as_of": "2026-11-27", "list": about, "call_list": calls, "money": money, **changes}


def make_record(**changes: Any) -> Snapshot:
    lists = [
        {"as_of": f"2026-0{month}-01", "replayed": month < 5, "n_listed": 40, "n_clients": 2000, "n_known": 2000,
         "n_left": 200, "listed_left": 17, "share_caught": 0.31, "random_share": 0.1, "simple_share": 0.22,
         "simple_rule": "lowest activity first", "expected": 18.0, "expected_low": 15, "expected_high": 21,
         "complete": month < 7}
        for month in range(4, 8)
    ]  # fmt: skip
    said = [{"as_of": "2026-06-01", "rank": 812, "risk": 0.021, "on_list": False}]
    leavers = [{"client": name, "period": "2026-07", "said": said, "warned": name == "Warned"}
               for name in ("Warned", "<b>Unwarned</b>")]  # fmt: skip
    return {"lists": lists, "sentence": "Of the 40 on the list of 1 June 2026, 17 left.", "leavers": leavers,
            "n_leavers": 9, "n_unwarned": 4, "lead_days_median": 31.0, "broken": [], **changes}  # fmt: skip


def test_the_first_page_says_how_things_stand_in_a_managers_words() -> None:
    text = first_page(pdf.report(make_snapshot(**make_week(40)), {}))

    assert "Run 12 of 2026-11-21 09:41 UTC · list of 27 November 2026 · release" in text
    assert "39 to call this week, 10 new; 1 more is a control, not to be called. About 30 of those to call" in text
    assert "expected to leave without a call (90 % interval: 22 to 38); 18,400 € are at risk." in text
    assert "Since the list of 20 November 2026: 6 new, 3 risen, 2 fallen, 3 gone (2 called, 1 left)." in text
    assert "Gone: Former 0 (called), Former 1 (left), Former 2 (called)." in text
    assert "Money Value at risk (value × risk): 18,400 € on this list of 99,000 € among all 2,200 clients" in text
    assert "Owner 1 10 calls · 12,340 of 9,000 €" in text
    assert "1 held back · 8 rows refused · 1 warning · nothing needs attention." in text


def test_the_first_page_says_that_a_level_is_counted_in() -> None:
    expected = {"mean": 26.4, "low": 12, "high": 41, "stated": 11.9, "level": 1.0, "deviation": 0.3, "calendar": False}
    shown = make_snapshot(**make_week(40) | {"expected_leavers": expected})

    text = first_page(pdf.report(shown, {}))

    assert "About 26 of those to call are" in text
    assert season_words.of_level(expected) in text


BROKEN = {"order": "risk", "value_left": 90.0, "value_expected": 50.0, "value_low": 40.0, "value_high": 60.0}


def test_the_first_page_says_beside_the_situation_what_such_lists_brought() -> None:
    capacity = make_snapshot()["capacity"] | {"order": "risk"}
    orders = {"orders": [BROKEN | {"n_listed": 4, "n_left": 2, "saved": 9.0}], "n_rows": 9, "n_leavers": 3}
    orders |= {"acceptance": 0.3, "call_cost": 5.0, "difference": 0.0, "low": -1.0, "high": 1.0}
    orders |= {"first_period": None, "last_period": None}

    text = first_page(pdf.report(make_snapshot(**make_week(40), orders=orders, capacity=capacity), {}))

    assert "18,400 € are at risk. On the newest outcomes such a list held 50 at risk by the same reckoning" in text


def test_a_list_by_gain_of_clients_without_a_value_has_ranks_by_risk_and_says_how_many_these_are() -> None:
    week = make_week(3)
    gone = {"value": None, "value_at_risk": None, "expected_gain": None, "gain_rank": None}
    calls = [call | gone for call in week["call_list"]]
    by_gain = {"listed": None, "n_left_over": 0, "n_losing": 0, "n_without_value": 2200, "typical_value": None}
    capacity = make_snapshot()["capacity"] | {"order": "expected gain", "acceptance": 0.3, "call_cost": 0.0}
    about = week["list"] | {"expected_gain": by_gain}

    made = pdf.report(make_snapshot(**week | {"call_list": calls, "money": None, "list": about}, capacity=capacity), {})
    text = first_page(made)

    assert "what the calls gain is not known, for no client has a value." in text
    assert "Money The list is to be in the order of expected gain, but none of the 2,200 clients has a value" in text
    assert re.findall(r"(\d) very high", text) == ["1", "2", "3"]


def test_a_currency_may_say_the_period_of_the_sums() -> None:
    week, monthly = make_week(3), "€ a month"
    schema = {**make_snapshot()["schema"], "currency": monthly}
    text = first_page(
        pdf.report(make_snapshot(**week, schema=schema) | {"money": week["money"] | {"currency": monthly}}, {})
    )

    assert "18,400 € a month are at risk." in text
    assert "At risk (€ a month)" in text
    assert "18,400 € a month on this list of 99,000 € a month among all" in text


def test_sums_of_owners_that_take_much_room_stand_two_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []
    drawn = _pdf_first_page.in_columns
    monkeypatch.setattr(_pdf_first_page, "in_columns", lambda cells, n: found.append(n) or drawn(cells, n))
    week = make_week(3)
    pdf.report(make_snapshot(**week), {})
    short = set(found)
    found.clear()
    owners = [it | {"at_risk": 19_244_869.0} for it in week["money"]["owners"]]
    pdf.report(make_snapshot(**week) | {"money": week["money"] | {"currency": "€ a year", "owners": owners}}, {})

    assert (short, set(found)) == ({4}, {2})


def test_a_risk_has_the_figure_and_the_word_of_the_page() -> None:
    week = make_week(3)
    calls = [call | {"risk": risk} for call, risk in zip(week["call_list"], (0.496, 0.494, 0.2), strict=True)]

    text = first_page(pdf.report(make_snapshot(**week | {"call_list": calls}), {}))

    assert re.findall(r"(\d\d %) 1,234", text) == ["50 %", "49 %", "20 %"]
    assert re.findall(r"[123] (high|raised|moderate) ", text) == ["high", "raised", "moderate"]


def test_a_call_shows_all_that_is_known_of_it_on_a_few_lines() -> None:
    text = first_page(pdf.report(make_snapshot(**make_week(3)), {}))

    assert "Client 00002" in text
    assert "control: do not call" in text
    assert "Owner 3 · renews in 21 days · 12 Nov: undecided, opinion leaves" in text
    assert "very high" in text
    assert "▲" in text
    assert "Next: Offer a training day." in text
    assert "was 71 %, the client changed; logins fell from 9 to 2; note: asks for a price; number of" in text


@pytest.mark.parametrize("n", [3, 15, 25])
def test_a_list_of_up_to_25_stands_whole_on_the_first_page_with_money_and_data(n: int) -> None:
    attention = [{"sentence": "A thing that somebody must look at. " * 9}] * 5

    text = first_page(pdf.report(make_snapshot(**make_week(n), attention=attention, outcome="failed"), {}))

    assert re.findall(r"Client (\d{5})", text) == [f"{rank:05}" for rank in range(1, n + 1)]
    assert "The run failed" in text
    assert "4 more things need attention: see The data." in text
    assert "Money Value at risk" in text
    assert "Data 18,000 rows" in text


def test_of_a_longer_list_the_first_15_stand_on_the_first_page_and_all_in_the_report() -> None:
    file = pdf.report(make_snapshot(**make_week(70)), {})

    first, whole = (re.findall(r"Client (\d{5})", text) for text in (first_page(file), read_text(file)))
    assert first == [f"{rank:05}" for rank in range(1, 16)]
    assert whole == [f"{rank:05}" for rank in range(1, 71)]
    assert "55 more on the next pages, and all in calllist.csv." in first_page(file)


def test_report_of_very_many_calls_ends_at_a_page_that_somebody_may_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pdf_first_page, "CALLS_PRINTED", 80)
    monkeypatch.setattr(_pdf_first_page, "IN_DETAIL", 40)
    calls = [make_client(rank, client=f"client{rank:05}") for rank in range(1, 84)]

    text = report(call_list=calls)

    assert "client00080" in text
    assert "Owner 1 · last month activity 3" in text
    assert "client00081" not in text
    assert "3 more in calllist.csv." in text


@pytest.mark.slow
def test_all_of_10_000_calls_are_set() -> None:
    file = pdf.report(make_snapshot(**make_week(10_000)), {})

    assert "Client 10000" in read_text(file)


@pytest.mark.slow
def test_report_leaves_out_columns_of_the_call_list_that_are_empty_throughout() -> None:
    clients = [make_client(rank, owner=None, value=None) for rank in range(1, 4)]

    assert "Rank Risk Client Why" in report(call_list=clients)
    assert "Rank Risk Client Value Why" in report(call_list=[*clients, make_client(4)])
    assert "Rank Risk Client At risk (€) Why" in report(
        **make_week(3), schema={**make_snapshot()["schema"], "currency": "€"}
    )


@pytest.mark.slow
def test_report_shows_the_track_record_and_who_left_without_a_warning() -> None:
    pictures = figures.drawn(None, None, make_record())

    text = report(pictures, track_record=make_record(), call_list=[make_client(1)])

    assert "The track record Of the 40 on the list of 1 June 2026, 17 left." in text
    assert "2026-07-01 40 15 to 21 17 31 % 22 % 10 % as shown then, outcomes still arrive" in text
    assert "List of Listed Said to leave Left Of all leavers Simple rule Random State" in text
    assert "9 clients left since the first list; 4 of them without a warning." in text
    assert "<b>Unwarned</b> 2026-07 2026-06-01: rank 812, 2.1 %" in text
    assert "Warned 2026-07" not in text.replace("Unwarned", "")
    assert "more in snapshot.json" not in text  # the snapshot names no others


@pytest.mark.slow
def test_report_counts_those_without_a_warning_whom_only_the_snapshot_names() -> None:
    record = make_record()
    unwarned = [it | {"client": f"Unwarned {n}"} for n in range(15) for it in record["leavers"][1:]]

    text = report({}, track_record=record | {"leavers": unwarned, "n_unwarned": 40}, call_list=[make_client(1)])

    assert "3 more in snapshot.json, which names the 15 who left last." in text
    assert "The track record" not in report()


def test_a_first_model_that_waits_is_told_with_what_to_do_and_no_other_advice() -> None:
    said = f"The challenger 2f1c waits for approval. {'It is better. ' * 20}Approve it with deployment.py."
    attention = [{"kind": "approval", "subject": "2f1c", "sentence": said}]
    told = {"release": None, "scores": None, "call_list": [], "as_of": "2026-11-28"}
    waits = make_snapshot(waiting={"said": said}, attention=attention, **told)
    bare = make_snapshot(**told)

    waiting, none = (first_page(pdf.report(it, {})) for it in (waits, bare))

    assert "Approve it with deployment.py." in waiting
    assert "when there is data to train on" not in waiting
    assert "when there is data to train on" in none
    assert "list of 28" not in waiting


def test_a_reason_in_the_table_of_runs_is_cut_between_words() -> None:
    (row,) = tables.history({"history": [make_history(1) | {"reason": "catches " * 40}]}).rows

    assert row[-1].endswith("catches…")


def test_report_names_lists_that_are_not_as_the_journal_recorded_them() -> None:
    assert "not graded: the lists of 2026-05-01." in report(track_record=make_record(broken=["2026-05-01"]))


def test_report_without_a_release_says_so() -> None:
    decision = {"reason_to_train": None, "scan": None, "gate": None, "sentence": "There were no rows to learn from."}

    text = report(
        release=None, scores=None, call_list=[], decision=decision, history=[], outcome="failed", verdict=None
    )

    assert "The run failed." in text
    assert "No model is deployed, so no risks can be stated." in text
    assert "There is no call list yet" in text
    assert "There are no scores yet" in text
    assert "run 12 · no release yet · page 1 of" in text


def test_report_of_a_provisional_release_says_so() -> None:
    text = report(release={**RELEASE, "provisional": True, "n_rows": 26})

    assert "This release is provisional It was trained on 26 rows" in text
    assert "provisional" not in report()


def test_report_of_a_release_that_a_person_deployed_against_its_verdict_says_so() -> None:
    text = report(release={**RELEASE, "forced": "the board wants it"})

    assert "A person deployed this release The verdict did not favour it" in text
    assert "the board wants it" in text


def test_report_says_in_words_what_the_scores_mean(typical: bytes) -> None:
    text = read_text(typical)

    assert "Of 100 clients predicted to leave, 52 did; of 100 who left, 65 had been predicted." in text
    assert "reaches 35 of 100 who leave; calls at random would reach 10." in text
    assert "Stating the average risk for everyone would give 0.512." in text
    assert "0.810 to 0.861" in text


def test_report_shows_scores_that_could_not_be_had_as_missing() -> None:
    undefined = dict.fromkeys(("auc", "auc_interval", "capture", "capture_interval", "f1_interval"))
    confusion = {"tp": 0, "fp": 0, "fn": 0, "tn": 5}

    text = report(scores={**SCORES, **undefined, "confusion": confusion, "n_rows": 5, "n_leavers": 0})

    assert "F1 0.579 – 1 is perfect. Nobody left." in text
    assert "AUC – – It takes clients who left and clients who stayed." in text
    assert "Nobody left, so there was nobody to reach." in text


def test_report_warns_when_the_scores_are_of_seen_clients() -> None:
    text = report(scores={**SCORES, "scored_on": "seen clients"})

    assert "it looks better here than it is" in text
    assert "never seen these clients" not in text


def test_report_shows_decision_data_files_and_system(typical: bytes) -> None:
    text = read_text(typical)

    assert "2 3,998 809 38.2 5 < 0.0001 – 0.0042 no" in text
    assert "deploy 2-77aa01bc44d0 3,998 809 1.9 % 4.81 +2.1 points" in text
    assert "lastyear_activity numeric 1,422 1,180 1,010 0.4 %" in text
    assert "is not a number; expected a number of at least 0" in text
    assert "ingestion 0.51 0.44 training 2.20 2.04 scoring – –" in text
    assert "pandas 3.1.1 3.1.1 not checked" in text


def test_report_lists_what_is_not_in_first_when_there_are_many_sources() -> None:
    sound = [make_source(1, path=f"sound{i:03}.csv") for i in range(200)]
    dataset = {**make_snapshot()["dataset"], "sources": [make_source(1, state="refused", path="bad.csv"), *sound]}

    text = report(dataset=dataset)

    assert "bad.csv" in text
    assert "sound199.csv" in text
    assert "sound000.csv" not in text
    assert "171 more in manifest.json." in text


@pytest.mark.slow
@pytest.mark.parametrize("nasty", NASTY, ids=ascii)
def test_report_shows_hostile_text_as_it_is(nasty: str) -> None:
    source = make_source(1, path=nasty, reason=nasty, state="held")
    refusal = dict.fromkeys(("source", "column", "value", "reason", "expected"), nasty) | {"line": 7}

    text = report(
        call_list=[make_client(1, client=nasty, owner=nasty, reasons=[nasty, nasty])], refusals=[refusal],
        dataset={**make_snapshot()["dataset"], "sources": [source]}, missing_percent={nasty: 1.0}, held=[nasty],
        warnings=[nasty], reason=nasty, history=[{**make_history(1), "reason": nasty, "release": nasty}],
    )  # fmt: skip

    assert shown(nasty, 90).rstrip("…").replace(" ", "") in text.replace(" ", "")
    assert "The runs so far" in text


@pytest.mark.slow
def test_report_survives_more_warnings_and_longer_names_than_a_page_holds() -> None:
    names = [letter * 200 for letter in "WMQ@" * 30]
    warnings = [f"warning{i:02} " + "word " * 200 for i in range(60)]
    clients = [make_client(1, client=name, owner=name, value=123456789012.0) for name in names]

    file = pdf.report(make_snapshot(warnings=warnings, held=names, call_list=clients, reason="W" * 900), {})

    assert "48 more warnings in snapshot.json." in read_text(file)
    assert "warning11" in read_text(file)
    assert "warning12" not in read_text(file)
    assert "105 more on the next pages" in read_text(file)
    assert margins_are_white(file)


def test_table_keeps_numbers_that_are_too_wide_in_their_column() -> None:
    rows = [[number(10.0**14), "9" * 300]]

    columns = [TableColumn("A", 1, is_number=True), TableColumn("B", 1, is_number=True, longest=300)]

    file = document([table(Table("", columns, rows), 60)], title="a", footer="b", made_at="2026-11-21T09:41:53Z")

    assert margins_are_white(file)
    assert "100,000,000,000,000" in read_text(file).replace(" ", "")


def test_table_repeats_its_header_on_every_page() -> None:
    rows = [[f"row {i}", str(i)] for i in range(120)]

    columns = [TableColumn("Name", 1), TableColumn("Number", 1, is_number=True)]

    file = document([table(Table("", columns, rows))], title="a", footer="b", made_at="2026-11-21T09:41:53Z")

    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(file)]
    assert len(pages) == 3
    assert all(page.startswith("Name") for page in pages)
    assert "page 2 of 3" in " ".join(pages[1].split())


def test_report_draws_its_pictures() -> None:
    pictures = {name: make_picture(shade) for name, shade in zip(pdf.PICTURES, ("white", "black"), strict=True)}

    file = pdf.report(make_snapshot(), pictures)

    assert sum(len(page.images) for page in pypdf.PdfReader(BytesIO(file)).pages) == 2


def test_report_has_a_language_a_title_a_date_and_an_outline_that_leads_to_its_pages(typical: bytes) -> None:
    reader = pypdf.PdfReader(BytesIO(typical))

    pages = [reader.get_destination_page_number(entry) or 0 for entry in reader.outline]  # type: ignore[arg-type]

    assert str(reader.root_object["/Lang"]) == "en"
    assert reader.metadata is not None
    assert reader.metadata.title == "Client risk report, run 12"
    assert str(reader.metadata.creation_date) == "2026-11-21 09:41:53+00:00"
    assert [entry["/Title"] for entry in reader.outline] == list(SECTIONS)  # type: ignore[call-overload]
    assert pages == sorted(pages)
    assert pages[-1] == len(reader.pages) - 1


def test_report_embeds_its_fonts_and_holds_no_other(typical: bytes) -> None:
    reader = pypdf.PdfReader(BytesIO(typical))

    fonts = [font.get_object() for page in reader.pages for font in page["/Resources"]["/Font"].values()]  # type: ignore[index]

    assert b"Helvetica" not in typical
    assert {str(font["/BaseFont"]).split("+")[1] for font in fonts} == {"DejaVuSans", "DejaVuSans-Bold"}
    assert all("/FontFile2" in font["/FontDescriptor"] for font in fonts)


@pytest.mark.slow
def test_equal_snapshots_give_equal_bytes_in_every_process_and_environment(typical: bytes) -> None:
    code = ("import hashlib, test_pdf as t; from risk.report import pdf; "
            "print(hashlib.sha256(pdf.report(t.make_snapshot(), {})).hexdigest())")  # fmt: skip
    here = Path(__file__).parent
    changes = {"PYTHONPATH": f"{here.parents[1]}{os.pathsep}{here}", "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}

    answer = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **changes, "SOURCE_DATE_EPOCH": "86400"}, text=True,
        capture_output=True, check=True, cwd=here.parent,
    )  # fmt: skip

    assert answer.stdout.strip() == sha256(typical).hexdigest()


def test_shown_replaces_what_cannot_be_printed_and_cuts_what_is_too_long() -> None:
    assert shown("Zoë & Søn <Łódź> Ελ Яя") == "Zoë & Søn <Łódź> Ελ Яя"
    assert shown("漢 \U0001f600") == "[U+6F22] [U+1F600]"
    assert shown("a\nb\x1b\x85") == "a\\nb\\x1b\\x85"
    assert shown("\u202e\u200b\u00ad\u2028\ud800") == "[U+202E][U+200B][U+00AD][U+2028][U+D800]"
    assert shown("abcdef", 4) == "abc…"
    assert shown(None) == "–"
    assert shown("\U0001f600" * 50, 20) == "[U+1F600][U+1F600][…"


def test_markup_is_escaped_and_hebrew_reads_from_the_right() -> None:
    assert markup("<b>&amp;</b>") == "&lt;b&gt;&amp;amp;&lt;/b&gt;"
    assert in_reading_order("Bank אבג דה 12") == "Bank הד גבא 12"
    assert "אבג דה" in report(reason="Bank אבג דה")


def test_numbers_have_separators_no_negative_zero_and_a_dash_for_nothing() -> None:
    assert number(1234567.891, 2) == "1,234,567.89"
    assert number(-0.0001, 2) == "0.00"
    assert number(None) == number(float("nan")) == number(float("-inf")) == "–"
    assert number(1e300) == "1e+300"
