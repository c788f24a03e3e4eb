"""Calls and what came of them, in words and as a table: the report and the page of the track record say the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from risk.report.list_words import OPINIONS
from risk.report.tables import Table, TableColumn
from risk.text import NOTHING, counted, number, percent

Facts = Mapping[str, Any]

MOST_DISAGREEMENTS = 25


def sentences(outcomes: Facts | None) -> list[str]:
    """What the recorded calls tell; nothing where none is recorded and no line was refused."""
    if not outcomes or not (outcomes["n_contacts"] or outcomes["n_rejected"]):
        return []
    contacts, clients = counted(outcomes["n_contacts"], "contact"), counted(outcomes["n_clients"], "client")
    told = [f"{contacts} with {clients} {'is' if outcomes['n_contacts'] == 1 else 'are'} recorded."]
    if n_rejected := outcomes["n_rejected"]:
        told.append(f"{counted(n_rejected, 'line was', 'lines were')} refused; ingestion.py --rejected says why.")
    if n_treated := outcomes["n_treated"]:
        rows = f"Of {counted(n_treated, 'row')} a call may have changed the outcome"
        told.append(f"{rows}; model, check for drift and scores rest on the others.")
    told += _scores(outcomes.get("scores"))
    if grades := outcomes.get("opinions"):
        who = f"Managers had said of {counted(grades['n'], 'client')} whose outcome is known whether they leave"
        right = f"they were right {number(grades['people_right'])} times, the model {number(grades['model_right'])}"
        told.append(f"{who}: {right} times.")
        if n_disagreed := grades["n_disagreed"]:
            model = number(grades["model_right_of_disagreed"])
            told.append(f"Of the {number(n_disagreed)} on which they disagreed, the model was right {model} times.")
    if control := outcomes.get("control"):
        told.append(control["sentence"])
    return told


def _scores(scores: Facts | None) -> list[str]:
    """The share of leavers that the first clients hold, without the called ones and with them."""
    both = (scores or {}).get("newest") or (scores or {}).get("test")
    if not both or None in (both["without"]["capture"], both["with"]["capture"]):
        return []
    without, others = (percent(both[name]["capture"], 0) for name in ("without", "with"))
    return [
        f"The {number(both['without']['capture_k'])} clients at the highest risk hold {without} of the leavers among "
        f"those not called; with the called ones, the first {number(both['with']['capture_k'])} hold {others}."
    ]


def disagreements(outcomes: Facts | None) -> Table:
    """Clients of whom a manager thinks another thing than the model predicts, the newest opinion first."""
    columns = [
        TableColumn("Client", 150, longest=90, is_strong=True), TableColumn("Owner", 90, longest=60),
        TableColumn("On", 60), TableColumn("The manager says", 100), TableColumn("Risk", 50, is_number=True),
    ]  # fmt: skip
    found = (outcomes or {}).get("disagreements") or []
    rows = [
        [it["client"], it["owner"] or NOTHING, it["date"], OPINIONS[it["opinion"]], percent(it["risk"])]
        for it in found[:MOST_DISAGREEMENTS]
    ]
    return Table("Managers and model disagree", columns, rows, len(found) - len(rows))
