"""The judgement on a model: what production goes by of the verdict that lies in its release, and the scores in it."""

from __future__ import annotations

from dataclasses import dataclass

from risk.modeling.metrics import Scores
from risk.modeling.stored import Stored


@dataclass(frozen=True, kw_only=True)
class HoldoutScores(Scores):
    """The scores of a model on held-out rows, and what these rows are; scores of older programs do not tell."""

    scored_on: str = ""


@dataclass(frozen=True, kw_only=True)
class Judgement(Stored):
    """What was decided of one challenger (by its digest) against one champion, on which data, and why.

    `forced` is the reason of a person who deployed it whatever was decided.
    """

    model: str
    champion: str
    dataset: str
    holdout: str
    run: int
    reason: str
    deploy: bool
    provisional: bool
    outcome: str
    sentence: str
    forced: str | None = None
