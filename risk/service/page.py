"""The words of the page, from the snapshot: the same headline, verdict and scores as in the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from risk.attention import other_warnings
from risk.report.score_words import key_figures, newest_on, provisional, score_rows, scored_on, tested
from risk.text import NOTHING, counted, digits_for, interval, moment, number, percent

Snapshot = Mapping[str, Any]

CALLS_SHOWN = 200
SOURCES_SHOWN = 50
FILTERS = {"number": number, "percent": percent, "interval": interval, "moment": moment, "counted": counted}
STATES = {"in": "in", "held": "held back", "refused": "refused", "gone": "in, file is gone"}


def words(snapshot: Snapshot, deployed: str | None) -> dict[str, Any]:
    """Return what the template needs beside the snapshot; `deployed` is the release that predicts now."""
    from risk.report.pdf import HEADLINES, VERDICTS

    outcome, scores, release = snapshot["outcome"], snapshot["scores"], snapshot["release"]
    newest = snapshot.get("newest")
    listed = release["name"] if release else None
    return {
        "headline": HEADLINES.get(outcome, f"Outcome: {outcome}."),
        "verdict": VERDICTS.get(snapshot["verdict"], snapshot["verdict"]),
        "deployed": deployed if deployed != listed else None,
        "notes": other_warnings(snapshot),
        "calls": snapshot["call_list"][:CALLS_SHOWN],
        "columns": _call_columns(snapshot["call_list"]),
        "newest_on": newest_on(newest) if newest else None,
        "newest_rows": score_rows(newest) if newest else [],
        "scored_on": scored_on(scores, newest) if scores else None,
        "score_rows": score_rows(scores) if scores else [],
        "provisional": provisional(release) if release else None,
        "tested": tested(scores) if scores else None,
        "figures": key_figures(snapshot),
        "statistics": _statistics(snapshot),
        "sources": _sources(snapshot["dataset"]["sources"]),
        "states": STATES,
    }


def _call_columns(calls: list[Snapshot]) -> set[str]:
    """Return the optional columns that any client fills."""
    return {name for name in ("owner", "value", "reasons") if any(call[name] not in (None, []) for call in calls)}


def _sources(sources: list[Snapshot]) -> list[Snapshot]:
    """Return the sources that a person should see: those not in first, then the newest."""
    troubled = [source for source in sources if source["state"] in ("held", "refused")]
    sound = [source for source in sources if source["state"] not in ("held", "refused")]
    return [*troubled, *sound[::-1]][:SOURCES_SHOWN]


def _statistics(snapshot: Snapshot) -> list[list[str]]:
    """Return a row per column: name, kind, mean, median, standard deviation, missing."""
    figures, missing = snapshot["statistics"]["columns"], snapshot["missing_percent"]
    kinds = snapshot["schema"]["features"]
    return [
        [name, kinds.get(name, NOTHING), *_moments(figures.get(name, {})), _missing(missing.get(name))]
        for name in dict.fromkeys([*missing, *figures])
    ]


def _moments(figures: Snapshot) -> list[str]:
    return [number(figures.get(name), digits_for(figures)) for name in ("mean", "median", "standard_deviation")]


def _missing(share: float | None) -> str:
    return percent(None if share is None else share / 100)
