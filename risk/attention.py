"""What needs a person: told once by an exit code, and by status, page, health and report until it is settled.

The journal keeps it, so no sentence here holds a text of a client's row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from risk.safe_text import one_line
from risk.typography import counted

if TYPE_CHECKING:
    from risk.manifest import Entry, Manifest

EXIT_CODE = 4  # done, and there is something new that needs a person
REJECTED, HELD, NO_ROWS, PASSED_OVER = "rejected", "held", "no rows", "passed over"
STOPPED, RECORD, LEAK = "stopped feed", "record", "leak"
OF_SOURCES = (REJECTED, HELD, NO_ROWS)

Record = dict[str, Any]


@dataclass(frozen=True)
class Attention:
    """One thing that needs a person: its kind, what it is about (a source, a column, a release), and a sentence."""

    kind: str
    subject: str
    sentence: str


def judged(former: Sequence[Record], kinds: Iterable[str], found: Iterable[Attention]) -> list[Record]:
    """Return what needs a person once these kinds have been judged again: of them what was found, of others the former.

    A kind that a run does not judge stays as it was.
    """
    kinds = set(kinds)
    named = ({name: one_line(text) for name, text in asdict(it).items()} for it in found)
    return [*(it for it in former if it["kind"] not in kinds), *named]


def news(now: Sequence[Record], told: Sequence[Record]) -> list[str]:
    """Return the sentences of what was not told before."""
    known = {(it["kind"], it["subject"]) for it in told}
    return [it["sentence"] for it in now if (it["kind"], it["subject"]) not in known]


def other_warnings(snapshot: Mapping[str, Any]) -> list[str]:
    """Return the warnings of a snapshot that do not stand already in what needs a person."""
    told = [it["sentence"] for it in snapshot.get("attention", ())]
    return [warning for warning in snapshot["warnings"] if not any(it.startswith(warning) for it in told)]


def of_sources(manifest: Manifest) -> list[Attention]:
    """Return the sources that are refused or held whole, and that the input folder gives no row at all."""
    found = [_of_source(entry) for entry in manifest.entries]
    folder = manifest.input_folder
    if not any(entry.state == "in" and entry.has_rows for entry in manifest.entries):
        known = "; what was taken in before is kept" if manifest.contents else ""
        gives = "every source that has rows is held back" if manifest.held else "it gives no row at all"
        told = f"{folder}: {gives} ({counted(len(manifest.entries), 'source')} known){known}."
        found.append(Attention(NO_ROWS, folder, f"{told} Look at what sends the files."))
    return [it for it in found if it]


def _of_source(entry: Entry) -> Attention | None:
    newest = entry.newest
    if entry.state == "held":
        told = (
            f"{entry.path}: held back: {entry.reason}. Take it in with ingestion.py --release, or send a good version."
        )
        return Attention(HELD, entry.path, told)
    if entry.state == "refused":
        reason = str(reason_of(entry)).removeprefix(f"{entry.path}: ")
        return Attention(REJECTED, entry.path, f"{entry.path}: refused whole: {reason}. Send a good version.")
    if entry.state == "in" and newest and newest.n_read and not newest.n_accepted:
        told = f"{entry.path}: {counted(newest.n_read, 'row was', 'rows were')} read and none is accepted"
        return Attention(REJECTED, entry.path, f"{told}; rejected.csv says why. Send a good version.")
    return None


def reason_of(entry: Entry) -> str | None:
    """Return why a source is not in, without any text of its file."""
    fault = entry.refused.fault if entry.state == "refused" and entry.refused else None
    if fault is None:
        return entry.reason
    line = f"line {fault.line}: " if fault.line else ""
    return f"{entry.path}: {line}expected {fault.expected}; rejected.csv says what was found"
