"""The decision of a run as its line in the journal or a snapshot holds it, of older programs too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from risk.decision import no_alert
from risk.decision.gate import Gate
from risk.drift.finding import Scan
from risk.modeling.families import NO_FEATURE
from risk.modeling.stored import Stored
from risk.registry.judgement import HoldoutScores

NOT_CLEAR = f"{no_alert.NOT_CLEAR.capitalize()}."


@dataclass(frozen=True)
class RunDecision(Stored):
    """What a run decided, by which figures, and why. Of a snapshot the `scores` are told elsewhere."""

    outcome: str
    verdict: str | None
    reason: str | None
    reason_to_train: str | None
    sentence: str | None
    scan: Scan | None
    gate: Gate | None
    scores: HoldoutScores | None = None

    @property
    def measured(self) -> Gate | None:
        """The figures of the gate; None where they are of the base rate beside itself: what these say is chance."""
        return None if self.gate and self.gate.sentence.startswith(NO_FEATURE) else self.gate

    @property
    def because(self) -> str:
        """The reason, without the finding that it may begin with."""
        return (self.reason or "").removeprefix(NOT_CLEAR).strip()

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """What a program stored; where it did not store that a check was not clear, its sentence tells."""
        found = super().from_dict(stored)
        says_so = any((it or "").startswith(NOT_CLEAR) for it in (found.reason, found.sentence))
        if found.scan is None or not says_so or "unclear" in stored["scan"]:
            return found
        return replace(found, scan=replace(found.scan, unclear=True))

    @classmethod
    def of(cls, snapshot: Mapping[str, Any]) -> RunDecision:
        """The decision that a snapshot shows: of its run, or of the last one that decided anything."""
        return cls.from_dict({name: snapshot[name] for name in ("outcome", "verdict", "reason")} | snapshot["decision"])
