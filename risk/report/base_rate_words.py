"""Words for a live model that is the base rate: every client has the same risk, and the list is in no order of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from risk.modeling.families import BASE_RATE, NO_FEATURE
from risk.text import percent

Facts = Mapping[str, Any]

SAME = "nothing: every client has the same risk"


def is_base_rate(release: Facts | None) -> bool:
    """Whether the live release states the share of leavers for everybody."""
    return bool(release and release.get("size") == BASE_RATE)


def clients(release: Facts) -> str:
    """What the clients of a list are called; without a release they have no risk."""
    return "clients, ranked by their risk" if release and not is_base_rate(release) else "clients"


def all_alike(release: Facts, about: Facts | None) -> tuple[str, str]:
    """Title and text of what must be known first about such a release; `about` is what is told of its list."""
    has_values = ((about or {}).get("expected_gain") or {}).get("typical_value") is not None
    order = "expected gain, by which their values part them" if has_values else "name"
    share = f"It is {percent(release['base_rate'])}; the list is in no order of risk, and its clients stand by {order}."
    return "All clients have the same risk", f"{NO_FEATURE} {share}"


# --- on the model card ------------------------------------------------------------------------------------------------


def provisional(card: Facts) -> str:
    """Why a model that is deployed proves nothing."""
    unproven = "It is not proven better than the average risk: do not rely on its percentages."
    return f"{NO_FEATURE} It is live until one tells more." if is_base_rate(card) else unproven


def order(card: Facts) -> str:
    """What the list of a model tells."""
    if is_base_rate(card):
        return "It is the same for all of them: the list is in no order of risk."
    return "The list in order of this risk tells a team whom to call first."


def effects(card: Facts, asked: Mapping[str, list[str]]) -> Mapping[str, list[str]]:
    """The typical value of each factor, and what it does."""
    return {name: [it[0], SAME] for name, it in asked.items()} if is_base_rate(card) else asked


def calibration(card: Facts) -> list[str]:
    """What is said of stated risks that are all the same."""
    return [f"It states about {percent(card.get('base_rate'))} for every client: so many of its rows were of leavers."]
