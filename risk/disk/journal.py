"""The journal: one line per run that did something and per person's act, each holding the SHA-256 of the line before.

Runs, timings, history and decisions are views of it; no other ledger exists.
"""

from __future__ import annotations

import json
import os
import pwd
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from risk.disk import files
from risk.errors import JournalError
from risk.text import one_line

FIRST = "0" * 64
FAILED = "failed"
ERASE = "erase"  # the kind of the lines of an erasure; one of them says by `replaced` which digest became which
TIMED = ("ingestion", "training", "scoring")

# the kinds of what needs a person
REJECTED, HELD, NO_ROWS, PASSED_OVER, NO_LIST = "rejected", "held", "no rows", "passed over", "no list"
STOPPED, RECORD, LEAK, CALLS, APPROVAL = "stopped feed", "record", "leak", "refused calls", "approval"
LOST = "lost rows"
OF_SOURCES = (REJECTED, HELD, NO_ROWS)


@dataclass(frozen=True)
class Attention:
    """One thing that needs a person: its kind, what it is about (a source, a column, a release), and a sentence.

    The journal keeps it from run to run until it is settled, so the sentence holds no text of a client's row.
    """

    kind: str
    subject: str
    sentence: str


@dataclass(frozen=True)
class Timing:
    """Seconds of one step: of its last run and the median of the last hundred; None when it never ran."""

    last: float | None
    median: float | None


def append(path: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Add a record, chained to the line before, and make it durable. A torn last line is cut first and noted.

    Every line names the account of the operating system that it was written by.
    """
    lines = _whole_lines(path)
    torn = _cut_torn_line(path)
    previous = files.digest(lines[-1]) if lines else FIRST
    record = {"previous": previous, "at": now(), "user": _account()} | record
    record |= {"torn_line_cut": torn} if torn else {}
    line = json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    files.append(path, line)
    return record


def begin(path: Path) -> None:
    """Make an empty journal where there is none: so whatever runs left without one has lost it."""
    if not path.exists():
        files.append(path, b"")


def _account() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # an account without a name, as in many containers
        return str(os.geteuid())


def read(path: Path) -> list[dict[str, Any]]:
    """Return every whole line, oldest first; a torn last line is not one. Raises: JournalError.

    Digests of files that a later erasure rewrote are those that the files have since.
    """
    return _followed([_parse(path, number, line) for number, line in enumerate(_whole_lines(path), 1)])


def _followed(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records, each with what later erasures put in the place of what it names."""
    now: dict[str, str] = {}
    for place in reversed(range(len(records))):
        record = records[place]
        if now:
            records[place] = {key: _renamed(value, now) for key, value in record.items()}
        if record.get("kind") == ERASE:
            replaced = record.get("replaced") or {}
            now |= {former: now.get(later, later) for former, later in replaced.items()}
    return records


def _renamed(value: Any, now: dict[str, str]) -> Any:
    if isinstance(value, str):
        return now.get(value, value)
    if isinstance(value, dict):
        return {key: _renamed(it, now) for key, it in value.items()}
    return [_renamed(it, now) for it in value] if isinstance(value, list) else value


def verify(path: Path) -> int:
    """Return how many lines the chain holds. Raises: JournalError naming the first line that does not follow."""
    previous = FIRST
    lines = _whole_lines(path)
    for number, line in enumerate(lines, 1):
        if _parse(path, number, line).get("previous") != previous:
            raise JournalError(
                f"{path}: line {number}: it does not follow from the line before; "
                "the journal was changed by another hand, compare it with a backup"
            )
        previous = files.digest(line)
    return len(lines)


def anchor(path: Path) -> dict[str, Any]:
    """Return how many lines there are and the SHA-256 of the last: who keeps it elsewhere can prove them later."""
    return _anchor(_whole_lines(path))


def holds(path: Path, kept: dict[str, Any]) -> bool:
    """Return whether the lines that an anchor was made of are still there, unchanged, as far as the chain is sound."""
    return _anchor(_whole_lines(path)[: kept["lines"]]) == kept


def fault(path: Path) -> str | None:
    """Return where the chain is broken, in one line; None while it is sound."""
    try:
        verify(path)
    except (JournalError, OSError) as error:
        return str(error)
    return None


def runs(path: Path) -> list[dict[str, Any]]:
    """Return the lines of runs, oldest first."""
    return [record for record in read(path) if record.get("kind") == "run"]


def next_run(path: Path) -> int:
    """Return the number of the run under way, or of the next: a killed run left no line, so its number comes again."""
    return max((record["run"] for record in runs(path)), default=0) + 1


def last_finished(path: Path) -> dict[str, Any] | None:
    """Return the line of the last run that came to its end."""
    return next((record for record in reversed(runs(path)) if record["outcome"] != FAILED), None)


def finished(path: Path) -> int:
    """Return the number of the last run that came to its end, or 0: what carries a higher one is still to be ended."""
    last = last_finished(path)
    return last["run"] if last else 0


def last_arrival(path: Path) -> str | None:
    """Return when a run last took in something new."""
    return next((it["at"] for it in reversed(runs(path)) if it.get("arrived")), None)


def last_look(path: Path) -> dict[str, Any] | None:
    """Return the line of the last finished run that looked at the labelled rows; its `evidence` names them."""
    return next((it for it in reversed(runs(path)) if it["outcome"] != FAILED and it.get("evidence")), None)


def attention(path: Path) -> list[dict[str, Any]]:
    """Return what needed a person when a finished run last looked at that."""
    told = [it["attention"] for it in runs(path) if it["outcome"] != FAILED and "attention" in it]
    return list(told[-1]) if told else []


def attention_after(
    former: Sequence[dict[str, Any]], kinds: Iterable[str], entries: Iterable[Attention]
) -> list[dict[str, Any]]:
    """What needs a person once these kinds were judged again; of a kind that was not judged the former entries stay."""
    kinds = set(kinds)
    judged = ({name: one_line(text) for name, text in asdict(entry).items()} for entry in entries)
    return [*(entry for entry in former if entry["kind"] not in kinds), *judged]


def new_sentences(entries: Sequence[dict[str, Any]], told: Sequence[dict[str, Any]]) -> list[str]:
    """The sentences of what needs a person and was not told before."""
    known = {(entry["kind"], entry["subject"]) for entry in told}
    return [entry["sentence"] for entry in entries if (entry["kind"], entry["subject"]) not in known]


def timings(
    path: Path, steps: tuple[str, ...] = TIMED, *, under_way: dict[str, float] | None = None
) -> dict[str, Timing]:
    """Return the seconds of the named steps, those of a run under way included."""
    spent: dict[str, list[float]] = {step: [] for step in steps}
    done = ((step["name"], step["seconds"]) for record in runs(path) for step in record["steps"])
    for name, seconds in (*done, *(under_way or {}).items()):
        if name in spent:
            spent[name].append(seconds)
    return {
        name: Timing(round(all_[-1], 3), round(statistics.median(all_[-100:]), 3)) if all_ else Timing(None, None)
        for name, all_ in spent.items()
    }


def now() -> str:
    """Return the time now, in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _anchor(lines: list[bytes]) -> dict[str, Any]:
    return {"lines": len(lines), "sha256": files.digest(lines[-1]) if lines else FIRST}


def _whole_lines(path: Path) -> list[bytes]:
    """Return the lines without their line feed; what follows the last line feed was torn by a kill."""
    try:
        return path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []


def _cut_torn_line(path: Path) -> int:
    """Cut what follows the last line feed; return how many bytes that were."""
    if not path.exists():
        return 0
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with files.refusals(path):
            os.truncate(path, whole)
    return len(content) - whole


def _parse(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise JournalError(f"{path}: line {number} is not JSON; compare the journal with a backup") from error
    if not isinstance(record, dict):
        raise JournalError(f"{path}: line {number} is not a record; compare the journal with a backup")
    return record
