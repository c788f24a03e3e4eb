"""Runs explained from the journal: one run, or all of a day with what was live at its end and what persons did."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from risk.disk.journal import ERASE
from risk.errors import DataError, UsageError
from risk.registry.releases import Origin
from risk.registry.retention import removed
from risk.report._run_in_words import named, of_run, person, publication
from risk.text import counted, moment, one_line

if TYPE_CHECKING:
    from risk.dataset.manifest import Manifest

Record = Mapping[str, Any]
Pair = tuple[Record, Record | None]

LAST = "last"
MOST_SOURCES = 50  # that the journal keeps of a run
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
ENDS = ("done", "abandoned")
ACTS = {
    "check dependencies": "asked the package index for the newest versions",
    "prune": "removed what is beyond the section keep of the settings (fullprocess.py --prune)",
    "reread": "gave the former dataset up and had the input folder read again",
    "restore": "restored the installation from a backup",
    "backtest": "had the policy replayed over the company's own files (backtest)",
}


@dataclass(frozen=True)
class Tenure:
    """What was live: the release, since when, and the line that announced it."""

    release: str
    since: str
    intent: Record


@dataclass(frozen=True)
class Explanation:
    """What was asked for, as lines of text and as the records it is told from; what was live at the end of a day."""

    lines: tuple[str, ...]
    records: tuple[Record, ...]
    live: Tenure | None = None


def sources_of(manifest: Manifest, run: int) -> list[dict[str, Any]]:
    """Return what this run judged for the first time: the newest content of every source that was new or changed."""
    judged = [(it, it.newest) for it in manifest.entries if it.judged_run == run and it.newest]
    numbers = ("n_accepted", "n_labelled", "n_refused")
    return [
        {"path": entry.path, "state": entry.state, "reason": entry.stated_reason}
        | {it: getattr(content, it) for it in numbers}
        for entry, content in judged
    ]


def tell(
    records: Sequence[Record], asked: str, *, today: str, origin: Callable[[str], Origin], settings: str | None = None
) -> Explanation:
    """The story of a run (`last` or its number) or of a day (UTC).

    `origin` answers what a release was made of; `settings` is the digest of the settings of now.
    Raises: UsageError for other words, DataError naming what there is.
    """
    if not records:
        raise DataError("nothing is recorded yet; run python fullprocess.py")
    records = _with_erasures(records)
    if DAY.fullmatch(asked):
        return _day(records, asked, today, origin, settings)
    if asked != LAST and not re.fullmatch(r"\d{1,9}", asked, re.ASCII):
        raise UsageError(f"--explain {asked!r}: expected last, the number of a run, or a day such as {today}")
    runs = [it for it in records if it.get("kind") == "run"]
    numbers = [it.get("run") for it in runs]
    if not runs:
        raise DataError("no run has come to its end yet; run python fullprocess.py, or ask for a day")
    found = [it for it in runs if it.get("run") == (numbers[-1] if asked == LAST else int(asked))]
    if not found:
        raise DataError(f"there is no run {asked}; there are runs {numbers[0]} to {numbers[-1]}")
    pairs = _pairs(records)
    gone = removed(records)
    told = [line for run in found for line in [*of_run(run, _of(run, pairs), settings), *_removed(run, gone), ""]][:-1]
    used = [it for run in found for pair in _of(run, pairs) for it in pair if it] + found
    return Explanation(tuple(map(one_line, told)), tuple(used))


def _with_erasures(records: Sequence[Record]) -> list[Record]:
    """The records, each run with how many rows of erased clients had gone since the run before."""
    told, n_rows = list[Record](), 0
    for it in records:
        n_rows += it.get("n_rows") or 0 if it.get("kind") == ERASE else 0
        is_run = it.get("kind") == "run"
        told.append({**it, "n_erased": n_rows} if is_run and n_rows else it)
        n_rows = 0 if is_run else n_rows
    return told


def _removed(run: Record, gone: Mapping[str, str]) -> list[str]:
    """That the release of a run was removed since."""
    name = str(run.get("release"))
    return ["", f"Release {name} was removed on {gone[name]}; the journal keeps its digests."] if name in gone else []


def last_runs(records: Sequence[Record], most: int) -> dict[str, list[str]]:
    """The story of each of the last runs, by its number."""
    records = _with_erasures(records)
    pairs, runs = _pairs(records), {str(it.get("run")): it for it in records if it.get("kind") == "run"}
    last = list(runs.items())[-most:]
    return {number: [*map(one_line, of_run(run, _of(run, pairs), None))] for number, run in last}


def page(lines: Sequence[str]) -> str:
    """The lines for a terminal: long ones go on below, a little further in."""
    indents = [" " * (len(line) - len(line.lstrip()) + 2) for line in lines]
    return "\n".join(
        textwrap.fill(line, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
        for line, indent in zip(lines, indents, strict=True)
    )


def live_on(records: Sequence[Record], day: str) -> Tenure | None:
    """Return what was live at the end of a day (UTC), or None before the first release."""
    ended = [(it, end) for it, end in _pairs(records) if end and end.get("kind") == "done" and _date(end) <= day]
    return Tenure(str(ended[-1][0].get("release")), str(ended[-1][1].get("at")), ended[-1][0]) if ended else None


def _day(
    records: Sequence[Record], day: str, today: str, origin: Callable[[str], Origin], settings: str | None
) -> Explanation:
    first = next(date for date in [*map(_date, records), today] if date)
    if not first <= day <= today:
        raise DataError(f"there is no record of {day}; the journal tells of the days from {first} to {today}")
    pairs, live = _pairs(records), live_on(records, day)
    of_day = [it for it in records if _date(it) == day]
    runs = [it for it in of_day if it.get("kind") == "run"]
    events = [f"  {str(it.get('at') or '')[11:16]} {line}" for it in of_day for line in _events(it, pairs, records)]
    told = [f"{day} (UTC): {counted(len(runs), 'run')}.", "", f"Live at the end of {day}"]
    told += _live(live, origin, removed(records))
    told += ["", "What happened", *(events or ["  Nothing was recorded."])]
    for run in runs:
        told += ["", "-" * 72, *of_run(run, _of(run, pairs), settings)]
    return Explanation(tuple(map(one_line, told)), tuple(of_day), live)


def _live(live: Tenure | None, origin: Callable[[str], Origin], gone: Mapping[str, str]) -> list[str]:
    if live is None:
        return ["  No model was live."]
    made, by = origin(live.release), f" by run {live.intent['run']}" if live.intent.get("run") else ""
    way = {"rollback": "put back", "deploy": "deployed"}.get(str(live.intent.get("action")), "made live")
    told = [f"  Release {live.release}, {way}{by}, live since {moment(live.since)}."]
    if made.provisional:
        told.append("  It is provisional: not proven better than the average risk.")
    if made.dataset is None and live.release in gone:
        return [*told, f"  It was removed on {gone[live.release]}; the journal keeps its digests."]
    if made.dataset is None:
        return [*told, "  Its folder is gone, so what it was trained on is not known here."]
    sources = f"{counted(len(made.sources), 'source')}: {', '.join(made.sources)}"
    return [*told, f"  It was trained on dataset {made.dataset}, made of {sources}."]


def _events(record: Record, pairs: Sequence[Pair], records: Sequence[Record]) -> list[str]:
    """Return what a line tells of: a run or act in one sentence, a deployment of a run that was killed, a cut line."""
    kind, told = record.get("kind"), []
    if record.get("torn_line_cut"):
        told.append(f"A line that a kill had torn was cut ({counted(record['torn_line_cut'], 'byte')}).")
    if kind == "run":
        told += [_short(record, _of(record, pairs))]
    elif kind == "act":
        act = record.get("act")
        told += [f"{person(record)} {ACTS.get(str(act), f'did this: {act}')}."]
    elif kind in ENDS:
        finished = [it.get("run") for it in records if it.get("kind") == "run"]
        ended = [pair for pair in pairs if pair[1] is record and pair[0].get("run") not in finished]
        told += [publication(None, intent, end) for intent, end in ended]
    return told


def _short(run: Record, published: Sequence[Pair]) -> str:
    if run.get("script") == "deployment" and published:
        return f"{named(run)}: {publication(run, *published[-1])}"
    if run.get("released"):
        return f"{named(run)}: {person(run)} took in {run['released']}, which had been held back."
    if run.get("withdrawn"):
        return f"{named(run)}: {person(run)} took {run['withdrawn']} out again."
    asked = f" {person(run)} had asked for training." if "--force" in str(run.get("reason_to_train")) else ""
    why = str(run.get("error") or run.get("sentence") or "").rstrip(".")
    return f"{named(run)}: {run.get('outcome')}. {why + '.' if why else ''}{asked}".rstrip()


def _pairs(records: Sequence[Record]) -> list[Pair]:
    """Every intent with the line that ended it, in the order of these ends; those without an end come last."""
    pairs: list[Pair] = []
    under_way: dict[Any, Record] = {}
    for record in records:
        if record.get("kind") == "intent":
            under_way[record.get("release")] = record
        elif record.get("kind") in ENDS and record.get("release") in under_way:
            pairs.append((under_way.pop(record.get("release")), record))
    return pairs + [(intent, None) for intent in under_way.values()]


def _of(run: Record, pairs: Sequence[Pair]) -> list[Pair]:
    return [pair for pair in pairs if pair[0].get("run") is not None and pair[0].get("run") == run.get("run")]


def _date(record: Record) -> str:
    return str(record.get("at") or "")[:10]
