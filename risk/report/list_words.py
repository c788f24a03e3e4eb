"""Words for client managers: what changed, whether the runs go on, what was said at the last contact."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from risk.report.words import TROUBLED
from risk.text import counted, number

Facts = Mapping[str, Any]

RESULTS = {"reached": "reached", "not reached": "not reached", "stays": "wants to stay", "undecided": "undecided",
           "leaving": "wants to leave"}  # fmt: skip
OPINIONS = {"stays": "will stay", "leaves": "will leave", "unsure": "unsure"}
MOVES = {"new": "new", "risen": "risen", "fallen": "fallen"}
SHOWN = {"new": "New", "risen": "Risen", "renews": "Renews soon", "uncalled": "Not yet called"}
ORDERS = {
    "expected_gain": "Highest expected gain first", "rank": "Highest risk first",
    "value_at_risk": "Most at risk in money first", "renewal": "Next renewal first", "client": "By name",
}  # fmt: skip
ROLES = {"client": "Client", "period": "Period", "owner": "Owner", "value": "Value", "renewal": "Renewal",
         "target": "Outcome"}  # fmt: skip
SILENT = 48 * 3600.0  # seconds without any run or look for new data until every page says so


def column(name: str, schema: Facts) -> str:
    """A column as people call it: by its label and unit, else by what the settings take it for, else by its name."""
    known = {schema.get(key): words for key, words in ROLES.items()}
    currency = schema.get("currency") if name == schema.get("value") else None
    label, unit = schema.get("labels", {}).get(name) or (known.get(name, name), currency)
    return f"{label} ({unit})" if unit else str(label)


def renewal(days: int | None) -> str | None:
    """When a contract renews."""
    if days is None:
        return None
    if days < 0:
        return f"renewed {counted(-days, 'day')} ago"
    return {0: "renews today", 1: "renews tomorrow"}.get(days, f"renews in {counted(days, 'day')}")


def move(call: Facts) -> str | None:
    """How the client moved since the last list."""
    word = MOVES.get(call.get("move") or "")
    if word is None or word == "new":
        return word
    before = call.get("previous_risk")
    return f"{word} from {number(before * 100)} %" if before is not None else word


def ago(at: str | float | None, now: float) -> str:
    """How long ago a moment was (ISO in UTC, or seconds since 1970)."""
    if at is None:
        return "never"
    then = datetime.fromisoformat(at).timestamp() if isinstance(at, str) else at
    seconds = max(0.0, now - then)
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= (2 if unit == "day" else 1) * size:
            return f"{counted(int(seconds // size), unit)} ago"
    return "just now"


def pipeline(last_run: Facts | None, last_good: Facts | None, looked: float | None, now: float) -> str | None:
    """The sentence that warns of a failed run, or that nothing has run for long; None while all is well.

    `looked` is when a run or tick last touched the lock, in seconds since 1970.
    """
    good = f"The last successful run was {ago(last_good['at'], now)}" if last_good else "No run has succeeded yet"
    if last_run and (last_good is None or last_run["run"] > last_good["run"]):
        why = f": {last_run['error']}" if last_run.get("error") else "."
        since = "; what you see is from then." if last_good else "."
        return f"The last run failed {ago(last_run['at'], now)}{why.rstrip('.')}. {good}{since}"
    seen = [datetime.fromisoformat(last_run["at"]).timestamp()] if last_run else []
    latest = max([*seen, *([looked] if looked else [])], default=None)
    if latest is None or now - latest <= SILENT:
        return None
    silent = f"Nobody has looked for new data for {ago(latest, now).removesuffix(' ago')}"
    return f"{silent}. {good}; check cron and its log."


def today(now: float) -> str:
    """The day in UTC."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def verdict(scores: Facts) -> str:
    """How good the model is, in one sentence."""
    if scores["capture"] is None:
        return "Nobody left among those it was measured on, so nothing can be said yet."
    share, called = 100 * scores["capture"], 100 * scores["capture_k"] / scores["n_rows"]
    return (f"Of 100 clients who leave, {number(share)} are among the {number(called)} in 100 "
            f"with the highest risk; at random it would be {number(called)}.")  # fmt: skip


def data(snapshot: Facts) -> str:
    """How the data stands, in one sentence."""
    sources, n_refused = snapshot["dataset"]["sources"], snapshot["rejected_rows"]
    n_out = sum(it["state"] in TROUBLED for it in sources)
    said = [counted(len(sources) - n_out, "file is in", "files are in")]
    said += [f"{counted(n_out, 'file is', 'files are')} not"] if n_out else []
    said += [f"{counted(n_refused, 'row was', 'rows were')} refused" if n_refused else "no row was refused"]
    return f"{', '.join(said[:-1])} and {said[-1]}."
