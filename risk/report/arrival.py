"""Whether a feed has stopped: new rows are expected every so often, and people are told when none have come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from risk.text import hours_of


def expectation(every: str | None, last_arrival: str | None) -> dict[str, Any] | None:
    """Return what is expected and when new rows came last (ISO, UTC), for the snapshot; None where nothing is."""
    if every is None or last_arrival is None:
        return None
    return {"every": every, "last_arrival": last_arrival, "due": _moment(last_arrival) + 3600 * hours_of(every)}


def lateness(expected: Mapping[str, Any] | None, now: float) -> str | None:
    """Return the sentence that warns of a feed that has stopped; `now` in seconds since 1970."""
    if expected is None or now <= expected["due"]:
        return None
    hours = (now - _moment(expected["last_arrival"])) / 3600
    since = f"{hours:,.0f} hours" if hours < 72 else f"{hours / 24:,.0f} days"
    return (
        f"No new rows have come for {since}; they are expected every {expected['every']}. Look at what sends the files."
    )


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
