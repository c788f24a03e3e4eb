"""Reasons to train: nothing deployed, other columns, a person's word, or what new labels show.

Each label is checked once, and none of a late source. A source is late when it is about a time that was judged already.
That is asked of many rows, so neither a mistyped period nor a small file or a copy puts later ones in the past. Late
sources are taken in and reported, but not checked for drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

import numpy as np

from risk.command import Run
from risk.dataset.dataset import Dataset
from risk.dataset.inbox import natural
from risk.dataset.manifest import Entry
from risk.decision import incumbents, policy
from risk.decision.policy import NO_DRIFT, NOT_ENOUGH, Reason
from risk.decision.seasons import Levels
from risk.drift import two_sample
from risk.drift.two_sample import Side
from risk.modeling import leakage, selection
from risk.registry.model import Card, Model
from risk.registry.proven import LiveRelease
from risk.registry.releases import Release
from risk.settings.decision_rules import Drift
from risk.settings.model_choice import ModelChoice
from risk.text import counted, event, log

MOST_NAMED = 3  # late sources
ENOUGH = 200  # labelled rows by which a point in time is known
MOST_ASTRAY = 0.25  # of the sources that came one after the other: with more, their names do not follow time


def reason(
    rows: Dataset, live: LiveRelease | None, desk: Card | None, before: Mapping[str, Any] | None, rule: Drift,
    choice: ModelChoice, trusted: Sequence[str], run: Run, *, forced: bool,
) -> Reason:  # fmt: skip
    """Return the reason to train, or why there is none.

    `desk` is the card of the challenger that was trained last, `before` the journal's line of the last check; `forced`
    says that a person asked for it.
    """
    schema = rows.schema
    left = rows.labelled(choice.max_training_rows)[schema.target]
    if left.nunique() < 2:
        told = f"{counted(len(left), 'labelled row')} with {counted(left.nunique(), 'kind')} of outcome"
        return Reason(False, None, NOT_ENOUGH, None, f"{told}: no model can be trained on them.")
    if forced:
        return policy.train(policy.FORCED, "A person asked for it.")
    if live is None:
        return policy.train(policy.NOTHING_DEPLOYED, "Nothing is deployed yet.")
    champion, desk = live.model, desk if desk and desk.schema == schema.identity else None
    if not champion.fits(schema):
        return policy.train(policy.OTHER_SCHEMA, "The live model was made for other columns.")
    if settled := _settled(desk or champion.card, live, schema.kinds, trusted):
        return settled
    known = _known(rows, champion, live, desk, choice.family)
    checked = check(rows, live, known, before, rule, run)
    n_labelled = rows.manifest.counts["n_labelled"]
    return policy.by_family(checked, known, choice.family, left.to_numpy(np.float64), n_labelled)


def _settled(last: Card, live: Release, kinds: Mapping[str, str], trusted: Sequence[str]) -> Reason | None:
    """Return that a person has settled every leak of the model that was trained last, which kept it from being proven.

    Where it was refused, what it was trained for still holds: the rows that it is judged on are the same.
    """
    if not last.leaks or leakage.still(last.leaks, kinds, trusted):
        return None
    names = ", ".join(it["column"] for it in last.leaks)
    why = Reason.from_dict({} if live.provisional else last.why or {})
    sentence = f"A model was trained with {names}, which seemed to know the answer and is trusted now."
    return policy.train(policy.TRUSTED, sentence, why.verdict, why.scan)


def check(
    rows: Dataset, live: LiveRelease, known: policy.Champion, before: Mapping[str, Any] | None, rule: Drift, run: Run
) -> Reason:
    """Return the reason to train that new labels give, or why they give none; what else they tell the run notes."""
    if before and before["evidence"] == rows.manifest.evidence:
        return _nothing_new(run, before, rows, live.model)
    if before and (late := _late(rows, before["run"])):
        return _told_late(run, late)
    news = rows.news()
    run.warn(*rows.words(news, "in the drift check"))
    n_labelled = rows.manifest.counts["n_labelled"]
    risks = incumbents.honest_risks(live.model, live.folder, news, rows.schema)
    return policy.reason(news, risks, _names(rows), known, n_labelled, rule)


def _known(rows: Dataset, champion: Model, live: Release, tried: Card | None, choice: str) -> policy.Champion:
    """Return what the rules need of the live model; `tried` is the card of the challenger that was trained last.

    A family of one's own that failed then was tried all the same.
    """
    card = champion.card
    n_tried, family = (tried.n_labelled, tried.family) if tried else (0, "")
    family = choice if tried and any(it["family"] == choice and it["fault"] for it in tried.own) else family
    n_learned = card.n_labelled if card.learned == selection.ALL_ROWS else card.n_rows
    return policy.Champion(
        card.family, card.n_labelled, n_learned, card.residuals, live.provisional, n_tried,
        lambda: incumbents.learned_rows(live, rows.schema, rows.parts, _names(rows)), family,
        Levels(lambda: incumbents.past(rows, champion, live.folder), card.reason == policy.DRIFT),
    )  # fmt: skip


def _names(rows: Dataset) -> policy.Names:
    return policy.Names(rows.schema.client, rows.schema.target, rows.schema.kinds, rows.schema.period)


def _nothing_new(run: Run, before: Mapping[str, Any], rows: Dataset, champion: Model) -> Reason:
    """Return that nothing can be judged: with new rows, because they bear no labels; else the former outcome stands."""
    if before.get("rows") != rows.manifest.rows:
        sides = []
        for frame in (rows.unlabelled(), rows.labelled(two_sample.MOST_ROWS)):
            features = {name: frame[name].to_numpy() for name in champion.card.features}
            sides.append(Side(features, frame[rows.schema.client].to_numpy()))
        found = two_sample.compare(sides[0], sides[1], champion.card.residuals)
        run.note(unlabelled=asdict(found) if found else None)
        told = found.sentence if found else f"The new rows bear no labels. {two_sample.BLIND}"
        return Reason(False, None, NOT_ENOUGH, None, f"{told} The list is made again.")
    outcome = NOT_ENOUGH if before.get("verdict") == NOT_ENOUGH else NO_DRIFT
    since = f"run {before['run']} ({before['outcome']})"
    sentence = f"No new labels have come since {since}: only the list and the report are made again."
    return Reason(False, None, outcome, None, sentence)


def _late(rows: Dataset, run: int) -> list[str]:
    """Return the sources that came after a run, if all of them come too late to tell of the present."""
    known, fresh = ([it for it in rows.manifest.entries if (it.judged_run > run) == new] for new in (False, True))
    fresh = [entry for entry in fresh if entry.n_labelled]
    if rows.schema.period:
        late = late_by_period(fresh, reached(rows.labelled_by_period()))
    else:
        late = late_by_name(fresh, known)
    return late if len(late) == len(fresh) else []


def _told_late(run: Run, late: list[str]) -> Reason:
    more = len(late) - MOST_NAMED
    named = ", ".join(late[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    sentence = f"{named}: taken in, but sorts before what was judged already, so it says nothing of the present."
    log.warning(event("source", warning=sentence))
    run.warn(sentence)
    return Reason(False, None, NO_DRIFT, None, sentence)


# --- lateness ---------------------------------------------------------------------------------------------------------


def reached(rows: Iterable[tuple[Any, int]]) -> Any:
    """Return the latest point, of (point, labelled rows), that enough rows have reached; None where there are fewer."""
    total = 0
    for point, n_rows in sorted(rows, reverse=True):
        total += n_rows
        if total >= ENOUGH:
            return point
    return None


def late_by_period(fresh: Sequence[Entry], until: str | None) -> list[str]:
    """Return the sources of which no row is of the period that was reached, or of a later one.

    One whose rows all lie in the future tells of no other time than the present.
    """
    return [entry.path for entry in fresh if until and "" < entry.last_period < until]


def late_by_name(fresh: Sequence[Entry], known: Sequence[Entry]) -> list[str]:
    """Return the sources whose names sort before the last one that enough rows of the known sources have reached.

    Where the known names do not sort as they came, they tell nothing of time and no source is late.
    """
    until = reached((natural(entry.path), _new_rows(entry)) for entry in known)
    if until is None or not _follow_time(known):
        return []
    return [entry.path for entry in fresh if natural(entry.path) < until]


def _new_rows(entry: Entry) -> int:
    """Return how many labelled rows the source has brought: a copy has none."""
    return sum(min(content.n_given, content.n_labelled) for content in entry.contents)


def _follow_time(known: Sequence[Entry]) -> bool:
    """Return whether sources of enough rows came in the order of their names, but for a few."""
    told = sorted((entry.judged_run, natural(entry.path)) for entry in known if _new_rows(entry) >= ENOUGH)
    latest: Any = None
    later = astray = 0
    for _, some in groupby(told, key=lambda it: it[0]):
        names = [name for _, name in some]
        if latest is not None:
            later, astray = later + len(names), astray + sum(name < latest for name in names)
        latest = max(names) if latest is None else max(latest, *names)
    return astray <= MOST_ASTRAY * later
