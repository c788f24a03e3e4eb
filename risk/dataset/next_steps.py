"""Next steps: what the team advises where a figure drives a client's risk, read from a small CSV of their own.

Without that file, or a line that fits, no advice is given: none is invented.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from risk.dataset import _strict_csv
from risk.dataset._strict_csv import Record, RejectedLine
from risk.text import in_short

REQUIRED, OPTIONAL = ("feature", "sentence"), ("direction", "segment")
DIRECTIONS = ("", "up", "down")
LONGEST = 500  # characters of a sentence
Direction = Literal["up", "down", ""]


@dataclass(frozen=True)
class NextStep:
    """One line: the sentence for a feature, where it names one for a direction, and for rows of a segment.

    A segment is `column=value`.
    """

    feature: str
    direction: str
    segment: str
    sentence: str

    def fits(self, feature: str, direction: str, row: Mapping[str, Any]) -> bool:
        """Whether the line is meant for a row whose risk is driven by a feature that is so high (`up`) or low."""
        column, _, value = self.segment.partition("=")
        there = not self.segment or _as_text(row.get(column.strip())) == value.strip()
        return self.feature == feature and self.direction in ("", direction) and there


@dataclass(frozen=True)
class NextSteps:
    """The lines in their order, and those that were refused."""

    steps: tuple[NextStep, ...] = ()
    rejected: tuple[RejectedLine, ...] = ()

    @property
    def warnings(self) -> Iterator[tuple[str, str]]:
        """One warning where lines were refused, and the same without any text of the file."""
        return _strict_csv.sentences(self.rejected)


def read(path: Path, features: Collection[str], size_cap: int) -> NextSteps:
    """Return what a file advises for these features; nothing where there is none."""
    if not path.exists():
        return NextSteps()

    def fault(record: Record) -> str | None:
        segment = record["segment"].partition("=")
        expected = {
            "feature": None if record["feature"] in features else f"one of {', '.join(features)}",
            "direction": None if record["direction"] in DIRECTIONS else "blank, up or down",
            "segment": None if not record["segment"] or all(map(str.strip, segment)) else "blank or column=value",
            "sentence": None if 0 < len(record["sentence"]) <= LONGEST else f"1 to {LONGEST} characters",
        }
        wrong = ((name, why) for name, why in expected.items() if why)
        return next((f"{name} is {in_short(record[name])}, expected {why}" for name, why in wrong), None)

    found = _strict_csv.read(path, path.name, REQUIRED, OPTIONAL, fault, size_cap)
    return NextSteps(tuple(NextStep(**record) for _, record in found.records), found.rejected)


def next_step(steps: Sequence[NextStep], feature: str, direction: Direction, row: Mapping[str, Any]) -> str | None:
    """Return the sentence of the line that fits best, None where none does.

    A line with a segment goes before one without, then one with a direction; of equal ones the first.
    """
    fitting = [step for step in steps if step.fits(feature, direction, row)]
    best = max(fitting, key=lambda step: (bool(step.segment), bool(step.direction)), default=None)
    return best.sentence if best else None


def _as_text(value: Any) -> str:
    """A value of a row as people write it: whole numbers without a fraction, what is missing blank."""
    if value is None or value != value:
        return ""
    return f"{value:.15g}" if isinstance(value, float) else str(value)
