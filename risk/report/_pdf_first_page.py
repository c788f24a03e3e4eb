"""The first page of a report, which suffices alone: how things stand, whom to call, what it is worth, the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reportlab.platypus import CondPageBreak, Flowable, Spacer

from risk.report import missing_list, money_words, season_words, situation, words
from risk.report._pdf_calls import calls as list_of_calls
from risk.report._pdf_layout import HEIGHT, WIDTH, height, in_columns, more, panel, section, text
from risk.text import amount, counted, day, moment, number

Snapshot = Mapping[str, Any]

WHOLE_LIST, FIRST_CALLS = 25, 15  # a list of up to so many stands on the page whole, of a longer one the first
TRIES = ((4, 8, 8, 600), (4, 8, 8, 240), (3, 8, 8, 240), (2, 8, 8, 240), (2, 4, 8, 160), (2, 0, 8, 100), (2, 0, 0, 100))
MOST_LINES, IN_DETAIL, CALLS_PRINTED = 4, 500, 10_000
ROOM_FOR_THE_REST = 130  # points: a few calls
IN_A_ROW, LONGEST_SUM = 4, 32  # owners, and characters of what is said of one
ALERTS = 2


def first_page(snapshot: Snapshot, name: str) -> list[Flowable]:
    """The first page; where it would not hold the calls they take fewer lines, then less stands around them."""
    calls = snapshot["call_list"] if snapshot["release"] is not None else []
    first = calls if len(calls) <= WHOLE_LIST else calls[:FIRST_CALLS]
    others = more(len(calls) - len(first), "on the next pages, and all in calllist.csv")
    parts: list[Flowable] = []
    for most, n_gone, owners, longest in TRIES:  # lines of a call, names of those gone, owners, characters of an alert
        parts = [*_top(snapshot, name, n_gone), *_alerts(snapshot, longest), Spacer(0, 4)]
        parts += [_calls(snapshot, first, most), *others] if first else []
        data = text(f"{situation.health(snapshot)}.", "cell", 400, title="Data")
        parts += [*_money(snapshot, owners), Spacer(0, 6), data]
        if height(parts) <= HEIGHT:
            break
    return parts


def rest_of_the_list(snapshot: Snapshot) -> list[Flowable]:
    """The clients that do not stand on the first page; very far down the list a client has one line."""
    calls = snapshot["call_list"]
    if len(calls) <= WHOLE_LIST or snapshot["release"] is None:
        return []
    last = min(len(calls), CALLS_PRINTED)
    parts = ((calls[FIRST_CALLS : min(last, IN_DETAIL)], MOST_LINES), (calls[IN_DETAIL:last], 1))
    shown = [_calls(snapshot, some, most) for some, most in parts if some]
    start = CondPageBreak(ROOM_FOR_THE_REST)
    return [start, *section("The rest of the call list", *shown, *more(len(calls) - last, "in calllist.csv"))]


def _calls(snapshot: Snapshot, some: Sequence[Snapshot], most: int) -> Flowable:
    return list_of_calls(snapshot["call_list"], some, WIDTH, most, snapshot["schema"].get("currency"))


def _top(snapshot: Snapshot, name: str, n_gone: int) -> list[Flowable]:
    as_of = snapshot.get("as_of")
    of = f" · list of {day(as_of)}" if as_of and snapshot["call_list"] else ""
    since, gone = situation.since_last_list(snapshot), situation.gone(snapshot, n_gone) if n_gone else None
    parts = [text(situation.situation(snapshot, snapshot["call_list"]), "lead")]
    level = season_words.of_level(snapshot["expected_leavers"] or {})
    parts += [text(it, longest=500) for it in (level, money_words.kept_promise(snapshot), since, gone) if it]
    return [
        text("Clients at risk of leaving", "title"),
        text(f"Run {snapshot['run']} of {moment(snapshot['made_at'])}{of} · {name}", "small"),
        panel(parts),
    ]


def _alerts(snapshot: Snapshot, longest: int) -> list[Flowable]:
    """What must be known before the list is used: a failed run, a release that is not proven, what needs attention."""
    found = [("The run failed", snapshot["reason"])] if snapshot["outcome"] == "failed" else []
    waits = snapshot["release"] is None and snapshot.get("waiting")  # that needs attention, and says what to do
    waits = waits or missing_list.of(snapshot)
    found += [banner] if (banner := words.banner(snapshot)) and not waits else []
    found += [("Needs attention", it["sentence"]) for it in snapshot.get("attention", ())]
    n_more = len(found) - ALERTS
    parts = [text(why, longest=longest, title=title) for title, why in found[:ALERTS]]
    others = f"{counted(n_more, 'more thing needs', 'more things need')} attention: see The data."
    parts += [text(others)] if n_more > 0 else []
    return [panel(parts, alert=True)] if parts else []


def _money(snapshot: Snapshot, n_owners: int) -> list[Flowable]:
    """The value at risk, that of owners, and what the order of the list gains; a full page has the first alone."""
    money = snapshot.get("money")
    if not money:  # no client has a value, which a list by expected gain says
        order = money_words.of_list(snapshot)
        return [Spacer(0, 6), text(order, "cell", title="Money")] if order and snapshot["call_list"] else []
    currency = money["currency"]
    sums = [amount(money[name], currency) for name in ("listed", "everyone")]
    found = situation.owners(snapshot, n_owners) if n_owners else []
    said = f"Value at risk (value × risk): {sums[0]} on this list of {sums[1]} among all {number(snapshot['clients'])}"
    line = text(f"{said} clients{'; of each owner likewise:' if found else '.'}", "cell", title="Money")
    told = [f"{counted(n, 'call')} · {number(on_list)} of {amount(total, currency)}" for _, n, on_list, total in found]
    cells = [[text(owner, "strong", 60), text(it, "tiny")] for (owner, *_), it in zip(found, told, strict=True)]
    in_a_row = IN_A_ROW if max(map(len, told), default=0) <= LONGEST_SUM else IN_A_ROW // 2
    of_orders = (money_words.of_list, money_words.both_orders, money_words.measured)
    orders = " ".join(it for words_of in of_orders if (it := words_of(snapshot))) if n_owners else ""
    below = [Spacer(0, 4), text(orders, "cell", 900)] if orders else []
    return [Spacer(0, 6), line, *([in_columns(cells, in_a_row)] if cells else []), *below]
