"""Levels of features that only rows of erased clients had, taken out of what a report set tells."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from risk.disk.redaction import PUT
from risk.disk.staging import Rewrite
from risk.disk.word_search import longest_of
from risk.drift.moved import LONGEST
from risk.report import plots
from risk.report.evidence import MISSING, OTHERS
from risk.text import one_line

Levels = Mapping[str, Collection[str]]  # by feature

BEHIND = "(?= or |, (?:a level|levels) )"  # a level in a sentence
NO_LEVELS = {OTHERS, MISSING}  # bins beside those of levels
PLOTS = {"factors": plots.factors, "shift": plots.shift}


def cut(snapshot: dict[str, Any], levels: Levels) -> dict[str, Any]:
    """The snapshot without the levels: in its sentences another word stands, of figures by level they are left out."""
    for name, gone in levels.items():
        shown = longest_of({one_line(it)[:LONGEST] for it in gone}, lambda last: BEHIND)
        snapshot = _told(snapshot, re.compile(rf"(?<!\w)({re.escape(name)} = ){shown}"))
    told = {key: it for key, it in (snapshot.get("evidence") or {}).items() if key in WITHOUT and levels}
    less = {key: [WITHOUT[key](it, {*levels.get(it["name"], ())} - NO_LEVELS) for it in told[key]] for key in told}
    return snapshot | {"evidence": snapshot["evidence"] | less} if less else snapshot


def redrawn(folder: Path, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Rewrite]:
    """Yield the plots of a set whose figures by level have changed."""
    for key, draw in PLOTS.items():
        was, now = ((it.get("evidence") or {}).get(key) for it in (before, after))
        if was != now and (path := folder / f"{key}.svg").is_file():
            yield Rewrite(path, draw(now) if now else None)


def _told(value: Any, sought: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return sought.sub(rf"\g<1>{PUT}", value) if " = " in value else value
    if isinstance(value, list):
        return [_told(it, sought) for it in value]
    if isinstance(value, dict):
        return {_told(key, sought): _told(it, sought) for key, it in value.items()}
    return value


def _factor(it: dict[str, Any], gone: Collection[str]) -> dict[str, Any]:
    left = [place for place, value in enumerate(it["values"]) if value not in gone]
    return it | {key: [it[key][place] for place in left] for key in ("values", "risks")}


def _shift(it: dict[str, Any], gone: Collection[str]) -> dict[str, Any]:
    """The shares of a level that is gone are of the others."""
    left, lost = ([bin for bin in it["bins"] if (bin["bin"] in gone) == is_gone] for is_gone in (False, True))
    more = {key: sum(bin[key] for bin in lost) for key in ("reference", "recent")}
    added = [bin | {key: bin[key] + n for key, n in more.items()} if bin["bin"] == OTHERS else bin for bin in left]
    return it | {"bins": added}


WITHOUT = {"factors": _factor, "shift": _shift}  # what the evidence tells by level
