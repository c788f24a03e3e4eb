"""Which new rows a run looks at: labels new to the champion, once each, and none too late to tell of the present.

Where there is nothing to look at, what can be said of the new rows is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from risk.command import Run, event, log
from risk.dataset.dataset import Dataset
from risk.decision import _lateness, incumbents, policy
from risk.decision.policy import NO_DRIFT, NOT_ENOUGH, Reason
from risk.drift import two_sample
from risk.drift.two_sample import Side, TwoSample
from risk.modeling import selection
from risk.registry.model import Card, Model
from risk.registry.releases import Release
from risk.settings import Drift

MOST_NAMED = 3  # late sources


def look(
    rows: Dataset, champion: Model, known: policy.Champion, before: Mapping[str, Any] | None, rule: Drift,
    choice: str, run: Run,
) -> Reason:  # fmt: skip
    """Return the reason to train that new labels give, or why they give none.

    `before` is the journal's line of the last look. What else is to be told of the new rows is noted in the run.
    """
    if before and before["evidence"] == rows.manifest.evidence:
        return _nothing_new(run, before, rows, champion)
    if before and (late := _late(rows, before["run"])):
        return _told_late(run, late)
    news = rows.news()
    n_labelled = rows.manifest.counts["n_labelled"]
    return policy.reason(news, champion.risks(news), _names(rows), known, n_labelled, rule, choice)


def known(rows: Dataset, champion: Model, live: Release, tried: Card | None) -> policy.Champion:
    """Return what the rules need of the live model; `tried` is the card of the challenger that was trained last."""
    card = champion.card
    n_tried, family = (tried.n_labelled, tried.family) if tried and tried.schema == rows.schema.identity else (0, "")
    n_learned = card.n_labelled if card.learned == selection.ALL_ROWS else card.n_rows
    return policy.Champion(
        card.family, card.n_labelled, n_learned, card.residuals, live.provisional, n_tried,
        lambda: incumbents.learned_rows(live, rows.schema, rows.parts, _names(rows)), family,
    )  # fmt: skip


def _names(rows: Dataset) -> policy.Names:
    return policy.Names(rows.schema.client, rows.schema.target, rows.schema.kinds)


def _nothing_new(run: Run, before: Mapping[str, Any], rows: Dataset, champion: Model) -> Reason:
    """Return that nothing can be judged: with new rows, because they bear no labels; else the former outcome stands."""
    if before.get("rows") != rows.manifest.rows:
        found = _unlabelled(rows, champion)
        run.note(unlabelled=asdict(found) if found else None)
        told = found.sentence if found else f"The new rows bear no labels. {two_sample.BLIND}"
        return Reason(False, None, NOT_ENOUGH, None, f"{told} The list is made anew.")
    outcome = NOT_ENOUGH if before.get("verdict") == NOT_ENOUGH else NO_DRIFT
    since = f"run {before['run']} ({before['outcome']})"
    sentence = f"No new labels have come since {since}: only the list and the report are made anew."
    return Reason(False, None, outcome, None, sentence)


def _unlabelled(rows: Dataset, champion: Model) -> TwoSample | None:
    """Compare the newest rows without outcomes with those that the champion may have learned."""
    schema, sides = rows.schema, []
    for frame in (rows.unlabelled(), rows.labelled(two_sample.MOST_ROWS)):
        features = {name: frame[name].to_numpy() for name in champion.card.features}
        sides.append(Side(features, frame[schema.client].to_numpy()))
    return two_sample.compare(sides[0], sides[1], champion.card.residuals)


def _late(rows: Dataset, run: int) -> list[str]:
    """Return the sources that came after a run, if all of them come too late to tell of the present."""
    known, fresh = ([it for it in rows.manifest.entries if (it.judged_run > run) == new] for new in (False, True))
    fresh = [entry for entry in fresh if entry.n_labelled]
    if rows.schema.period:
        late = _lateness.late_by_period(fresh, _lateness.reached(rows.labelled_by_period()))
    else:
        late = _lateness.late_by_name(fresh, known)
    return late if len(late) == len(fresh) else []


def _told_late(run: Run, late: list[str]) -> Reason:
    more = len(late) - MOST_NAMED
    named = ", ".join(late[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    sentence = f"{named}: taken in, but sorts before what was judged already, so it says nothing of the present."
    log.warning(event("source", warning=sentence))
    run.note(warnings=[*run.record.get("warnings", []), sentence])
    return Reason(False, None, NO_DRIFT, None, sentence)
