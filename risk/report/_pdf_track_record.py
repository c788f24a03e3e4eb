"""The track record in print: what the lists before had said of those who left, and what came of the calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reportlab.platypus import Flowable

from risk.lists.track_record_words import left, of_day, state
from risk.report import call_words
from risk.report._pdf_layout import WIDTH, alert, more, picture, section, text, titled_table
from risk.report.tables import Table, TableColumn
from risk.text import NOTHING, counted, number, percent

Facts = Mapping[str, Any]

LISTS_SHOWN, LEAVERS_SHOWN = 12, 12


def track_record(record: Facts | None, drawn: bytes | None) -> list[Flowable]:
    """What the lists before had said of those who left, and whom nobody had warned of."""
    if not record:
        return []
    shown, missed = _lists(record), _unwarned(record)
    n_leavers, n_unwarned = record["n_leavers"], record["n_unwarned"]
    of = f"{counted(n_leavers, 'client')} left since the first list; {number(n_unwarned)} of them without a warning."
    of_whom = f"which names the {number(len(record['leavers']))} who left last"
    broken = f"Not as the journal recorded them, and not graded: the lists of {', '.join(record['broken'])}."
    return section(
        "The track record",
        text(record["sentence"], longest=600),
        *(alert("Lists that are not proven", [broken]) if record["broken"] else []),
        *([picture(drawn, WIDTH)] if drawn else []),
        *([*titled_table(shown), *more(shown.n_more, "in snapshot.json")] if shown.rows else []),
        *([text(of)] if n_leavers else []),
        *([*titled_table(missed), *more(missed.n_more, f"in snapshot.json, {of_whom}")] if missed.rows else []),
    )


def calls(outcomes: Facts | None) -> list[Flowable]:
    """What the recorded calls tell, and of whom a manager thinks another thing than the model."""
    said, others = call_words.sentences(outcomes), call_words.disagreements(outcomes)
    if not said:
        return []
    shown = [*titled_table(others), *more(others.n_more, "in snapshot.json")] if others.rows else []
    return section("The calls, and what came of them", text(" ".join(said), longest=1_200), *shown)


def _lists(record: Facts) -> Table:
    """The lists of the track record, the newest first: what each said, and what came of it."""
    rows = []
    for it in record["lists"][: -LISTS_SHOWN - 1 : -1]:
        known = it.get("listed_known", it["n_listed"])
        said = f"{number(it['expected_low'])} to {number(it['expected_high'])}" if known else NOTHING
        shares = (percent(it[name], 0) for name in ("share_caught", "simple_share", "random_share"))
        rows.append([of_day(it, record["lists"]), number(it["n_listed"]), said, left(it), *shares, state(it)])
    titles = ("Listed", "Said to leave", "Left", "Of all leavers", "Simple rule", "Random")
    columns = [TableColumn("List of", 62, is_strong=True)]
    columns += [*(TableColumn(title, 58, is_number=True) for title in titles), TableColumn("State", 100)]
    return Table("What each list said, and what happened", columns, rows, len(record["lists"]) - len(rows))


def _unwarned(record: Facts) -> Table:
    """Those who left though no list warned of them, with what the last lists said."""
    columns = [TableColumn("Client", 150, longest=90, is_strong=True), TableColumn("Left in", 60)]
    rows = []
    for it in [it for it in record["leavers"] if not it["warned"]][:LEAVERS_SHOWN]:
        said = [f"{was['as_of']}: rank {number(was['rank'])}, {percent(was['risk'])}" for was in it["said"]]
        rows.append([it["client"], it["period"] or NOTHING, "; ".join(said) or "on no list"])
    columns.append(TableColumn("The lists before said", 290))
    n_named = sum(not it["warned"] for it in record["leavers"])
    return Table("Who left without a warning", columns, rows, n_named - len(rows))
