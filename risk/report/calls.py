"""Calls and what came of them: rows kept apart, scores with and without these, and the opinions of those who called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from risk.dataset.outcomes import Contact, Outcomes
from risk.dataset.treated import ends_of_periods
from risk.modeling.metrics import Marks
from risk.registry import out_of_fold

if TYPE_CHECKING:
    from risk.dataset.dataset import Dataset
    from risk.registry.model import Model
    from risk.registry.out_of_fold import RatedRows
    from risk.settings.schema import Schema

MOST_REJECTED = 20
OF_SCORES = ("n_rows", "n_leavers", "f1", "auc", "log_loss", "capture", "capture_k")
LEAVES, STAYS = "leaves", "stays"  # opinions; who is unsure has none
Scores = Mapping[str, Any] | None


@dataclass(frozen=True)
class Grades:
    """Rows of which people said whether the client leaves and whose outcome is known, and how many each had right.

    `n_disagreed` are those of which model and people said different things; of these one of the two is right.
    """

    n: int
    model_right: int
    people_right: int
    n_disagreed: int
    model_right_of_disagreed: int


def graded(said_to_leave: Marks, predicted_to_leave: Marks, left: Marks) -> Grades | None:
    """Return how often the opinions and the model were right, on the same rows; None without any. One entry per row."""
    if not len(left):
        return None
    model, apart = predicted_to_leave == left, said_to_leave != predicted_to_leave
    sums = (len(left), model.sum(), (said_to_leave == left).sum(), apart.sum(), (model & apart).sum())
    return Grades(*map(int, sums))


def newest(
    rows: Dataset, called: Outcomes, model: Model | None, folder: Path | None, most: int
) -> tuple[RatedRows | None, RatedRows | None]:
    """Return the rows of the newest outcomes without and with those of called clients; the same without calls.

    Where too few are left without them, those with them stand for both.
    """
    if model is None or folder is None:
        return None, None
    everyone = out_of_fold.newest_rated(rows.apart(Outcomes(), 0), model, folder, most)
    if not called.contacts:
        return everyone, everyone
    return out_of_fold.newest_rated(rows.apart(called, 0), model, folder, most) or everyone, everyone


def scores(
    rated: tuple[RatedRows | None, RatedRows | None], model: Model | None, schema: Schema, top_share: float
) -> tuple[Scores, Scores]:
    """Return the scores on rows without and with those of called clients."""
    if model is None:
        return None, None
    threshold = model.card.threshold
    found = {id(it): out_of_fold.scores(it, schema, threshold, top_share) for it in rated if it}
    return found.get(id(rated[0])), found.get(id(rated[1]))


def told(
    called: Outcomes, rows: Dataset, model: Model | None, folder: Path | None, everyone: pd.DataFrame,
    newest: tuple[Scores, Scores], test: tuple[Scores, Scores],
) -> dict[str, Any]:  # fmt: skip
    """Return what is shown of outcomes: counts, refused lines, and what the calls say of the model.

    `rows` keep treated ones apart; of `newest` and `test` scores the first are without them.
    """
    rejected = [it.told for it in called.rejected[:MOST_REJECTED]]
    frame = rows.of(tuple(called.clients)) if called.contacts else pd.DataFrame()
    n_treated = int(rows.treated(frame).sum())
    pairs = {"newest": newest, "test": test} if n_treated else {}
    return called.facts | {
        "rejected": rejected,
        "n_treated": n_treated,
        "scores": {name: _beside(*pair) for name, pair in pairs.items() if None not in pair} or None,
        "disagreements": _disagreements(rows, frame, everyone) if called.contacts else [],
        "opinions": _opinions(rows, frame, model, folder) if model and folder else None,
        "control": None,
    }


def _beside(without: Scores, with_called: Scores) -> dict[str, dict[str, Any]]:
    both = {"without": without or {}, "with": with_called or {}}
    return {name: {it: scores.get(it) for it in OF_SCORES} for name, scores in both.items()}


def _opinions(rows: Dataset, frame: pd.DataFrame, model: Model, folder: Path) -> dict[str, Any] | None:
    """Grade opinions and model on the labelled rows around whose snapshot somebody had an opinion."""
    if frame.empty or rows.treatment is None:
        return None
    schema, ends = rows.schema, rows.snapshot_ends(frame)
    near = (rows.treatment.near(client, int(end)) for client, end in zip(frame[schema.client], ends, strict=True))
    last = [opinion.opinion if (opinion := _last_opinion(contacts)) else "" for contacts in near]
    some = frame[np.array([bool(it) for it in last])]
    if some.empty:
        return None
    risks = pd.Series(model.risks(some), index=some.index)
    risks = out_of_fold.shown(model, risks, some[schema.client], some["row"], folder)
    said = np.array([it == LEAVES for it in last if it])
    grades = graded(said, (risks >= model.card.threshold).to_numpy(), (some[schema.target] == 1).to_numpy())
    return asdict(grades) if grades else None


def _disagreements(rows: Dataset, labelled: pd.DataFrame, everyone: pd.DataFrame) -> list[dict[str, Any]]:
    """The current clients of whom the last opinion says another thing than the model, the newest opinion first.

    With periods an opinion counts that is about the client's newest row, whose outcome is not known yet.
    """
    schema, treatment = rows.schema, rows.treatment
    if treatment is None:
        return []
    known = set(zip(labelled[schema.client], labelled[schema.period], strict=True)) if schema.period else set()
    concerned = everyone[everyone["client"].isin(list(treatment.contacts))]
    ends = ends_of_periods(concerned["period"].tolist()) if schema.period else [None] * len(concerned)
    found = []
    for row, end in zip(concerned.to_dict("records"), ends, strict=True):
        client = row["client"]
        contacts = treatment.contacts[client] if end is None else treatment.near(client, int(end))
        opinion = _last_opinion(contacts)
        if opinion and (opinion.opinion == LEAVES) != bool(row["prediction"]) and (client, row["period"]) not in known:
            owner = None if pd.isna(row["owner"]) else row["owner"]
            found.append({"client": client, "owner": owner, "date": opinion.date, "opinion": opinion.opinion,
                          "risk": float(row["risk"])})  # fmt: skip
    return sorted(sorted(found, key=lambda it: it["client"]), key=lambda it: it["date"], reverse=True)


def _last_opinion(contacts: list[Contact] | tuple[Contact, ...]) -> Contact | None:
    return next((it for it in reversed(contacts) if it.opinion in (LEAVES, STAYS)), None)
