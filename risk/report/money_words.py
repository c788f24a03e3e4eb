"""Money in words: what calls are expected to gain, and what either order of the list would have saved."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from risk.report.base_rate_words import is_base_rate
from risk.report.tables import Table, TableColumn
from risk.text import amount, counted, number, percent

Facts = Mapping[str, Any]

RECKONED = "by the same reckoning, for as many leavers as there were"
NAMES = {"risk": "by risk", "expected gain": "by expected gain"}


def gain(to_call: Sequence[Facts], money: Facts | None) -> str:
    """What some calls are expected to gain together, where any client has a value."""
    gains = [call["expected_gain"] for call in to_call]
    if None in gains:
        return "what the calls gain is not known, for no client has a value"
    return f"the calls are expected to gain {amount(sum(gains), (money or {}).get('currency'))}"


def left_over(n: int) -> str:
    """How many calls there is time for that are worth nothing."""
    return f"{counted(n, 'call is', 'calls are')} left over, for nobody else is worth one."


def of_list(snapshot: Facts) -> str | None:
    """How the list is ordered, what its calls are expected to gain, and who is left out; None of a list by risk."""
    by_gain, capacity = (snapshot.get("list") or {}).get("expected_gain"), snapshot["capacity"]
    if by_gain is None:
        return None
    n_without, typical, currency = (
        by_gain["n_without_value"],
        by_gain["typical_value"],
        snapshot["schema"].get("currency"),
    )
    if typical is None:
        way = "name" if is_base_rate(snapshot["release"]) else "risk"
        nobody = f"none of the {counted(n_without, 'client')} has a value: it goes by {way}"
        return f"The list is to be in the order of expected gain, but {nobody}." if n_without else None
    each = f"{percent(capacity['acceptance'], 0)} of value × risk less {_cost(capacity['call_cost'], currency)} a call"
    said = [f"The list is in the order of expected gain ({each}): {amount(by_gain['listed'], currency)} in all."]
    if n_losing := by_gain["n_losing"]:
        other = "other " if snapshot["call_list"] else ""
        over = f"; {counted(n, 'call is', 'calls are')} left over" if (n := by_gain["n_left_over"]) else ""
        said.append(f"{counted(n_losing, f'{other}client is', f'{other}clients are')} not worth a call{over}.")
    if n_without:
        stands = f"the middle one, {amount(typical, currency)}, stands for it"
        said.append(f"{counted(n_without, 'client has', 'clients have')} no value; {stands}.")
    return " ".join(said)


def both_orders(snapshot: Facts) -> str | None:
    """What lists by risk and by expected gain would have saved of past clients; None where that is not known."""
    found, currency = snapshot.get("orders"), snapshot["schema"].get("currency")
    if not found:
        return None
    first, last = found["first_period"], found["last_period"]
    when = f" of {first if first == last else f'{first} to {last}'}" if first else ""
    of = f"{counted(found['n_rows'], 'client')}, {counted(found['n_leavers'], 'leaver')}"
    lists = ", ".join(
        f"the {number(it['n_listed'])} first {NAMES[it['order']]} hold {counted(it['n_left'], 'leaver')} "
        f"worth {amount(it['value_left'], currency)}"
        if it["n_listed"]
        else f"{NAMES[it['order']]} nobody is worth a call"
        for it in found["orders"]
    )
    saved = " and ".join(amount(it["saved"], currency) for it in found["orders"])
    kept, cost, difference = percent(found["acceptance"], 0), _cost(found["call_cost"], currency), found["difference"]
    way = f"{amount(abs(difference), currency)} {'more' if difference > 0 else 'less'}" if difference else "as much"
    is_certain = found["low"] == found["high"]  # both lists hold the same clients, or no leaver is kept
    bounds = "" if is_certain else f" (95 %: {number(found['low'])} to {number(found['high'])})"
    return (
        f"By the newest outcomes{when} ({of}) {lists}. If calls keep {kept} of these and one costs {cost}, the calls "
        f"bring {saved}: by expected gain {way}{bounds}."
    )


def kept_promise(snapshot: Facts) -> str | None:
    """Where lists of the newest outcomes brought clearly less or more than risk × value had promised: both figures.

    Not where the number of leavers alone explains it: that is said of levels, and no feature mends it. Nor where a
    person went back behind a change, which explains it.
    """
    found, is_of_then = snapshot.get("orders"), (snapshot.get("release") or {}).get("behind")
    if not found or is_of_then or not snapshot.get("money") or not snapshot["call_list"]:
        return None
    schema, order = snapshot["schema"], snapshot["capacity"]["order"]
    past = next(it for it in found["orders"] if it["order"] == order)
    if "value_expected" not in past:  # of an older program
        return None
    value, came, n_lists = past["value_expected"], past["value_left"], found.get("n_lists", 1)
    if past["value_low"] <= came <= past["value_high"]:  # within chance
        return None
    if order == "risk":
        sums = [amount(it, schema.get("currency")) for it in (value, came)]
        said = f"held {sums[0]} at risk {RECKONED}, and clients worth {sums[1]} left"
    else:
        promised = past["saved"] + found["acceptance"] * (value - came)
        sums = [amount(it, schema.get("currency")) for it in (promised, past["saved"])]
        was = "were" if n_lists > 1 else "was"
        said = f"{was} to gain {sums[0]} {RECKONED}, and would have gained {sums[1]}"
    advice = f"name '{schema['value']}' in schema.features too, so that the risks know what a client is worth"
    if schema["value"] in schema["features"]:
        advice = "count on the second figure rather than on the first"
    way, lists = "less" if came < value else "more", f"{number(n_lists)} such lists together"
    return f"On the newest outcomes {lists if n_lists > 1 else 'such a list'} {said}, clearly {way}: {advice}."


def measured(snapshot: Facts) -> str | None:
    """The acceptance that the control group shows, beside the one that is set; None where nothing was measured."""
    control = (snapshot.get("outcomes") or {}).get("control") or {}
    share, capacity = control.get("acceptance"), dict(snapshot["capacity"])
    if share is None or "acceptance" not in capacity:
        return None
    low, high = (number(100 * control[name]) for name in ("acceptance_low", "acceptance_high"))
    shown = f"calls kept {percent(share, 0)} of those who would have left (95 %: {low} to {high} %)"
    return f"By the control group {shown}; capacity.acceptance is {percent(capacity['acceptance'], 0)}."


def table(found: Facts, currency: str | None) -> Table:
    """Both orders side by side."""
    unit = f" ({currency})" if currency else ""
    columns = [TableColumn("Order of the list", 110, is_strong=True)]
    cost = unit if _of_cost(currency) else ""
    titles = ("Clients", "Left", f"Value of these{unit}", f"Cost{cost}", f"Saved{unit}")
    columns += [TableColumn(title, 80, is_number=True) for title in titles]
    rows = [
        [
            NAMES[it["order"]],
            *(number(it[name]) for name in ("n_listed", "n_left", "value_left")),
            number(found["call_cost"] * it["n_listed"]),
            number(it["saved"]),
        ]
        for it in found["orders"]
    ]
    return Table("What either order would have saved, by the newest outcomes", columns, rows)


def _cost(cost: float, currency: str | None) -> str:
    return " ".join(filter(None, [f"{cost:,.10g}", _of_cost(currency)]))


def _of_cost(currency: str | None) -> str | None:
    """The currency of a call's cost, a plain sum: none where that of the values may say what period they are of."""
    return currency if currency and not re.search(r"\s|/", currency) else None
