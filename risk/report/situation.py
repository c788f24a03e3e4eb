"""The situation in a manager's words: whom to call, what changed since the last list, what it is worth, the data."""

from __future__ import annotations

import math
from bisect import bisect
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from risk.modeling.metrics import Floats
from risk.report import missing_list, money_words
from risk.report.words import NOBODY, TROUBLED, other_warnings
from risk.text import amount, counted, day, number

Facts = Mapping[str, Any]

MANY = 30  # risks, from which on numpy finds their words sooner
LEVELS = ((0.75, "very high"), (0.5, "high"), (0.25, "raised"), (0.1, "moderate"), (0.0, "low"))
MOVES = {"new": "new", "risen": "▲", "fallen": "▼"}
FIRST_LIST = "There is no list of an earlier week yet; from the next week on, what has changed is said here."
OTHERS, NO_OWNER = "others", "no owner"
NOT_WORTH = "There is nobody to call: no call is expected to gain more than it costs."


def situation(snapshot: Facts, calls: Sequence[Facts], owner: str | None = None) -> str:
    """How many are to be called, of an owner or in all, and how many of them are expected to leave without a call."""
    by_gain = (snapshot.get("list") or {}).get("expected_gain")
    if snapshot["release"] is None or not snapshot["call_list"]:
        nobody = NOT_WORTH if by_gain and by_gain["n_losing"] else NOBODY
        return missing_list.lead(snapshot) if snapshot["release"] is None else nobody
    expected, money = snapshot["expected_leavers"], snapshot.get("money")
    to_call = [it for it in calls if not it.get("control")]
    n_new, n_control = sum(it.get("move") == "new" for it in to_call), len(calls) - len(to_call)
    controls = "1 more is a control" if n_control == 1 else f"{number(n_control)} more are controls"
    kept = f"; {controls}, not to be called" if n_control else ""
    whose, new = f" for {owner}" if owner else "", f", {number(n_new)} new" if n_new else ""
    said = f"{number(len(to_call))} to call this week{whose}{new}{kept}."
    if not calls:
        return said
    n_over = by_gain["n_left_over"] if by_gain and not owner else 0
    over = f" {money_words.left_over(n_over)}" if n_over else ""
    at_risk = sum(it.get("value_at_risk") or 0 for it in to_call) if owner else (money or {}).get("listed")
    worth = f"{amount(at_risk, money['currency'])} are at risk" if money else ""
    worth = money_words.gain(to_call, money) if by_gain and expected else worth
    if not expected:
        return f"{said} {worth}.{over}" if worth else f"{said}{over}"
    level = expected["mean"] / stated if (stated := expected.get("stated")) else 1.0
    n_leavers = round(sum(it["risk"] for it in to_call) * level if owner else expected["mean"])
    about, of = f"About {number(n_leavers)}" if n_leavers else "Fewer than 1", "those to call" if n_control else "them"
    bounds = "" if owner else f" (90 % interval: {number(expected['low'])} to {number(expected['high'])})"
    who = f"{about} of {of} {'is' if n_leavers <= 1 else 'are'}"
    return f"{said} {who} expected to leave without a call{bounds}{f'; {worth}' if worth else ''}.{over}"


def since_last_list(snapshot: Facts) -> str | None:
    """What has changed since the list of an earlier week; None where a snapshot of an older program does not tell."""
    about = snapshot.get("list")
    if about is None or not snapshot["call_list"]:
        return None
    if not about["previous"]:
        return FIRST_LIST
    moves = {f"n_{move}": move for move in ("new", "risen", "fallen")}
    parts = [f"{number(about[name])} {move}" for name, move in moves.items() if about.get(name)]
    gone = Counter(it["why"] for it in about["gone"])
    if gone:
        parts.append(f"{number(gone.total())} gone ({', '.join([f'{number(n)} {why}' for why, n in gone.items()])})")
    n_by_model = sum(it.get("moved_by") == "the model changed" for it in snapshot["call_list"])
    by_model = f" Of the moves, {number(n_by_model)} came of a changed model alone." if n_by_model else ""
    return f"Since the list of {day(about['previous'])}: {', '.join(parts) or 'nothing has changed'}.{by_model}"


def gone(snapshot: Facts, most: int) -> str | None:
    """The first of those who are no longer on the list, each with the reason; None where nobody is."""
    names = [f"{it['client']} ({it['why']})" for it in (snapshot.get("list") or {}).get("gone", ())]
    more = [f"{number(len(names) - most)} more"] if len(names) > most else []
    return f"Gone: {', '.join([*names[:most], *more])}." if names else None


def owners(snapshot: Facts, most: int) -> list[tuple[str, int, float, float]]:
    """Each owner with the number of calls and the value at risk, on the list and in all; the last ones as one.

    Controls are not to be called, and so not counted; the clients of nobody stand together, beside those of owners.
    """
    found = (snapshot.get("money") or {}).get("owners", ())
    calls, listed = Counter[str | None](), Counter[str | None]()
    for call in (it for it in snapshot["call_list"] if not it.get("control")):
        calls[call["owner"]] += 1
        listed[call["owner"]] += call.get("value_at_risk") or 0
    named = ((it["owner"], it["at_risk"]) for it in found)
    rows = [(owner or NO_OWNER, calls[owner], float(listed[owner]), at_risk) for owner, at_risk in named]
    if len(rows) <= most:
        return rows
    rest = rows[most - 1 :]
    counts = (sum(it[1] for it in rest), sum(it[2] for it in rest), sum(it[3] for it in rest))
    return [*rows[: most - 1], (f"{number(len(rest))} {OTHERS}", *counts)]


def health(snapshot: Facts) -> str:
    """How the data stands: rows, sources, refusals, what is held back, the feed, and how much there is to note."""
    dataset, sources = snapshot["dataset"], snapshot["dataset"]["sources"]
    n_out = sum(it["state"] in TROUBLED for it in sources)
    n_notes, n_alerts = len(other_warnings(snapshot)), len(snapshot.get("attention", ()))
    newest = f" up to {dataset['last_period']}" if dataset["last_period"] else ""
    until = dataset.get("outcomes_complete_until")
    late = any(it.startswith("No new rows have come for") for it in snapshot["warnings"])
    said = [
        f"{counted(dataset['n_rows'], 'row')} of {counted(dataset['n_clients'], 'client')}{newest}",
        *([f"outcomes complete up to {until}"] if until else []),
        f"{counted(len(sources) - n_out, 'source')} in",
        f"{number(len(snapshot['held']))} held back",
        f"{counted(snapshot['rejected_rows'], 'row')} refused",
        *([f"the feed is {'late' if late else 'on time'}"] if snapshot.get("expected") else []),
        counted(n_notes, "warning"),
        f"{counted(n_alerts, 'thing needs', 'things need')} attention" if n_alerts else "nothing needs attention",
    ]
    return " · ".join(said)


def facts(call: Facts) -> str:
    """The small things of a call on one line: owner, renewal, last contact."""
    days, contact = call.get("renews_in_days"), call.get("contact")
    renews = {None: "", 0: "renews today", 1: "renews in 1 day"}.get(days, f"renews in {days} days")
    renews = f"renewed {counted(-days, 'day')} ago" if days is not None and days < 0 else renews
    opinion = f", opinion {contact['opinion']}" if contact and contact.get("opinion") else ""
    talk = f"{day(contact['date'], year=False)}: {contact['result']}{opinion}" if contact else ""
    return " · ".join(filter(None, [call["owner"], renews, talk]))


def changes(call: Facts) -> str:
    """What has changed for a call, on the list and of the client, and what the last contact noted."""
    was, before = call.get("previous_risk"), MOVES.get(call.get("move") or "")
    moved = f"was {number(100 * was)} %" if was is not None and before and call["move"] != "new" else ""
    moved += f", {call['moved_by']}" if moved and call.get("moved_by") else ""
    note = (call.get("contact") or {}).get("note")
    return "; ".join(filter(None, [moved, *call.get("changed", ()), f"note: {note}" if note else ""]))


def level(risk: float) -> str:
    """A risk in a word: that of the whole percentage, which is what people see beside it."""
    shown = float(f"{risk * 100:.0f}")
    return next((word for least, word in LEVELS if shown >= 100 * least), LEVELS[-1][1])


_WORDS = tuple(word for _, word in LEVELS[::-1])
# the least per cent that rounds to each bound: a half is rounded to the even one
_EDGES = tuple(
    bound - 0.5 if bound % 2 == 0 else math.nextafter(bound - 0.5, bound)
    for bound in (round(100 * least) for least, _ in LEVELS[-2::-1])
)


def levels(risks: Sequence[float] | Floats) -> list[str]:
    """The word of each risk, as `level` has it, for many at once."""
    if len(risks) < MANY:
        return [_WORDS[bisect(_EDGES, risk * 100)] for risk in risks]
    places: list[int] = np.searchsorted(_EDGES, np.asarray(risks) * 100, side="right").tolist()
    return [_WORDS[place] for place in places]


def decided_since(snapshot: Facts) -> str | None:
    """How many runs there were since the list of an earlier week, and how they ended."""
    previous = (snapshot.get("list") or {}).get("previous")
    if not previous:
        return None
    ended = Counter(it["outcome"] for it in snapshot["history"] if it["at"] and it["at"][:10] > previous)
    how = ", ".join([f"{number(n)} {outcome}" for outcome, n in ended.items()])
    return f"Since the list of {day(previous)}: {counted(ended.total(), 'run')} ({how})." if ended else None
