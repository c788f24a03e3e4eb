"""What needs a person: told once by an exit code, and by status, page, health and report until it is settled.

The journal keeps it, so no sentence here holds a text of a client's row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from risk.text import one_line

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
