"""The track record in words, for page, PDF and console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from risk.text import NOTHING, counted, day, number, percent

Facts = Mapping[str, Any]

NONE_YET = "No list has been graded yet: no outcome is known of a client on an earlier list."
NEVER = (
    "No list can be graded: every outcome was known when its list was made. Send the rows of a period as soon as they "
    "are known, without outcomes, and again with them."
)
REPLAYED = "replayed: made afterwards from what was known then"


def sentence(record: Facts, horizon: str) -> str:
    """The newest list whose outcomes are known, in a manager's words; the newest with any where none is complete."""
    graded = [it for it in record["lists"] if left(it) != NOTHING and it["n_left"]]
    chosen = next(iter([it for it in graded if it["complete"]][-1:] or graded[-1:]), None)
    if chosen is None:
        closed = [it for it in record["lists"] if it.get("n_clients")]
        return NEVER if closed and all(it.get("n_open") == 0 for it in closed) else NONE_YET
    return of_list(chosen, horizon)


def of_list(grade: Facts, horizon: str) -> str:
    """One graded list in words."""
    when = f"{'' if horizon.startswith(('in ', 'within ')) else 'in '}{horizon}"
    whose = f"the list of {day(grade['as_of'])}{f' ({REPLAYED})' if grade['replayed'] else ''}"
    if not grade["n_listed"]:
        known = f"Of the {counted(grade['n_known'], 'client')} whose outcome is known, {number(grade['n_left'])}"
        return f"Nobody stood on {whose}. {known} left {when}; the list had named none of them."
    n_left, n_known = number(grade["listed_left"]), number(grade["listed_known"])
    if grade["listed_known"] < grade["n_listed"]:
        said = f"Of the {number(grade['n_listed'])} on {whose}, what came of {n_known} is known: {n_left} left {when}"
    else:
        said = f"Of the {n_known} on {whose}, {n_left} left {when}"
    parts = [f"{said}; the list held {percent(grade['share_caught'], 0)} of all who left."]
    parts.append(f"Random: {percent(grade['random_share'], 0)}.")
    if grade["simple_share"] is not None:
        rule = grade["simple_rule"]
        parts.append(f"{rule[:1].upper()}{rule[1:]}: {percent(grade['simple_share'], 0)}.")
    if grade["listed_treated"]:
        called, others = grade["listed_treated"], grade["listed_known"] - grade["listed_treated"]
        share = percent(grade["untreated_share_caught"], 0)
        parts.append(f"{number(called)} of them were called; of the other {number(others)}, "
                     f"{number(grade['untreated_left'])} left: {share} of all who left without a call.")  # fmt: skip
    return " ".join([*parts, f"The list said {number(grade['expected_low'])} to {number(grade['expected_high'])}."])


def state(grade: Facts) -> str:
    """Whether a list was replayed, and what is known of its outcomes."""
    shown = "replayed" if grade["replayed"] else "as shown then"
    if grade.get("n_open") == 0 and grade.get("n_clients"):
        return f"{shown}, outcomes were known before"
    return shown if grade["complete"] else f"{shown}, outcomes still arrive"


def left(grade: Facts) -> str:
    """How many of those listed left: of nobody 0, once any outcome is known; a dash where none is."""
    n_known = grade.get("listed_known", grade["n_listed"]) if grade["n_listed"] else grade.get("n_known")
    return number(grade["listed_left"]) if n_known else NOTHING


def of_leavers(record: Facts) -> str:
    """How many left, and how many of them the lists warned of."""
    n_leavers, n_unwarned = record["n_leavers"], record["n_unwarned"]
    if not n_leavers:
        return "Nobody who stood on a list is known to have left."
    warned = f"of {number(n_leavers - n_unwarned)} the lists before had warned, of {number(n_unwarned)} they had not"
    said, days = f"{counted(n_leavers, 'client')} left since the first list: {warned}.", record["lead_days_median"]
    lead = f" From their first place on a list to the first list without them: {counted(round(days or 0), 'day')}"
    return said + ("" if days is None else f"{lead} (median).")


def of_broken(record: Facts) -> str | None:
    """The lists that are not as the journal names them; None where all are."""
    days = record["broken"]
    if not days:
        return None
    which = f"The {'lists' if len(days) > 1 else 'list'} of {', '.join(days)}"
    are = "are missing or not as they were" if len(days) > 1 else "is missing or not as it was"
    return f"{which} {are} when the journal named them, and not graded. Put models/lists back from a backup."


def page(record: Facts, horizon: str) -> str:
    """The whole track record as lines of a console."""
    lines = [record["sentence"], of_leavers(record), *filter(None, [of_broken(record)]), ""]
    heads = f"{'clients':>8} {'listed':>7} {'left':>6} {'said':>9} {'caught':>7} {'random':>7} {'simple':>7}"
    lines.append(f"{'list of':<12} {heads}")
    for it in record["lists"]:
        said = f"{number(it['expected_low'])}-{number(it['expected_high'])}" if it["listed_known"] else NOTHING
        shares = " ".join(f"{percent(it[name], 0):>7}" for name in ("share_caught", "random_share", "simple_share"))
        known = "" if it["complete"] else "  known before" if it.get("n_open") == 0 else "  not all known"
        marks = f"{'  replayed' if it['replayed'] else ''}{known}"
        counts = f"{number(it['n_clients']):>8} {number(it['n_listed']):>7} {left(it):>6}"
        lines.append(f"{of_day(it, record['lists']):<12} {counts} {said:>9} {shares}{marks}")
    if record["lists"]:
        what = "said: the 90 % interval of the list; caught: share of all who left"
        rule = record["lists"][-1]["simple_rule"] or "no rule"
        lines += ["", f"left: of those listed, {horizon}; {what}"]
        lines.append(f"replayed: {REPLAYED.partition(': ')[2]}; simple: {rule}")
    for it in [it for it in record["leavers"] if not it["warned"]][:10]:
        said = ", ".join(f"{row['as_of']} rank {row['rank']} risk {row['risk']:.4f}" for row in it["said"])
        lines.append(f"nobody warned of {it['client']} ({it['period'] or 'no period'}): {said or 'on no list'}")
    return "\n".join(lines)


def of_day(grade: Facts, lists: Sequence[Facts]) -> str:
    """The day of a list, with the newest period of its data where another list is of that day."""
    is_one_of_two = sum(it["as_of"] == grade["as_of"] for it in lists) > 1 and grade.get("newest_period")
    return f"{grade['as_of']} ({grade['newest_period']})" if is_one_of_two else str(grade["as_of"])
