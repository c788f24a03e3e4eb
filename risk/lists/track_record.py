"""The track record: kept call lists graded by what came of the clients, by what was said before.

The outcome of a row is not the list's own work: clients who were called may have stayed for that. Nothing of it enters
a decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk.dataset import labels
from risk.dataset.dataset import Dataset
from risk.dataset.labels import KnownLabels
from risk.drift import season
from risk.errors import DiskError
from risk.lists import list_history, list_outcomes, track_record_words
from risk.lists.control import compare
from risk.lists.list_files import KeptList, ListFacts
from risk.lists.list_history import Said
from risk.modeling.fitting import expected_leavers
from risk.modeling.metrics import Floats, highest
from risk.settings.schema import Schema

COMPLETE = 0.95  # the share of outcomes that are known of a list that counts as complete: some clients never get one
SHOWN_BEFORE = 3  # lists before a client left
MOST_LEAVERS = 200  # that are shown, those who left last

Rows = Mapping[str, NDArray[Any]]
NamesAt = Callable[[Sequence[int]], list[tuple[str, str | None]]]


@dataclass(frozen=True)
class Grade:
    """One list beside what came of it; shares are of all who left, and None where nobody did or none can be had.

    Of `n_open` clients the outcome was not known when the list was made: with periods the others grade nothing.
    Of `listed_treated` clients a call may have changed the outcome; the `untreated` counts and share leave them out.
    """

    as_of: str
    replayed: bool
    n_listed: int
    n_clients: int
    n_known: int
    n_left: int
    listed_known: int
    listed_left: int
    listed_treated: int
    untreated_left: int
    untreated_share_caught: float | None
    share_caught: float | None
    random_share: float | None
    simple_share: float | None
    expected: float
    expected_low: int
    expected_high: int
    complete: bool
    newest_period: str | None = None
    n_open: int | None = None


@dataclass(frozen=True)
class Leaver:
    """A client who left, and what the last lists before said, the newest first."""

    client: str
    period: str | None
    said: tuple[dict[str, Any], ...]
    warned: bool


@dataclass(frozen=True)
class Leavers:
    """All who left since the first list: those shown, how many there are, and how many of them no list warned of.

    `lead_days_median` is from a client's first place on a list to the first list without it.
    """

    leavers: tuple[Leaver, ...] = ()
    n_leavers: int = 0
    n_unwarned: int = 0
    lead_days_median: float | None = None


def record(folder: Path, rows: Dataset, noted: Mapping[str, str], as_of: str) -> dict[str, Any]:
    """The track record of the lists in a folder by the labels of the dataset, as the snapshot holds it."""
    kept, broken = list_history.counted(list_history.on_disk(folder), noted)
    number = simple_rule(rows.schema)
    known = labels.known(rows, number) if kept else labels.NOTHING_KNOWN
    told, changed = _said(folder, kept, known, by_period=rows.schema.period is not None)
    broken = sorted([*broken, *changed])
    grades, left = graded(told), leavers(told, as_of)
    left = with_strangers(left, told, known, lambda at: labels.names_at(rows, at)) if rows.schema.period else left
    rule = f"lowest {rows.schema.labels[number][0]} first" if number else None
    shown = {"lists": [asdict(it) | {"simple_rule": rule} for it in grades], **asdict(left), "broken": broken}
    shown["control"] = _beside_control(told)
    return shown | {"sentence": track_record_words.sentence(shown, rows.schema.horizon)}


def _beside_control(told: Said) -> dict[str, Any] | None:
    """What came of listed clients beside the control group; None where nobody was drawn as control."""
    real = np.array([not it.facts.replayed for it in told.lists], dtype=bool)
    rows = told.rows
    asked = rows["on_list"].astype(bool) & ~np.isnan(rows["left"]) & (real[rows["list"]] if len(real) else False)
    control = rows["control"].astype(bool)[asked]
    found = compare(rows["left"][asked], control) if control.any() else None
    return asdict(found) if found else None


def _said(folder: Path, kept: list[KeptList], known: KnownLabels, *, by_period: bool) -> tuple[Said, list[str]]:
    """What the lists said that are as the journal names them, and the days of the others."""
    try:
        told = list_history.said(folder, kept, known, by_period=by_period)
        changed = list_history.broken(told)
    except DiskError:  # of one file at least
        changed = [it.facts.as_of for it in kept if list_history.sound_rows(folder, it) is None]
        if not changed:
            raise
    if changed:
        sound = [it for it in kept if it.facts.as_of not in changed]
        told = list_history.said(folder, sound, known, by_period=by_period)
    return told, changed


def simple_rule(schema: Schema) -> str | None:
    """The number that a team without a model sorts by, the lowest first: the first one that files hold."""
    return next((name for name, it in schema.features.items() if it.kind == "numeric" and not it.change_of), None)


def graded(told: Said) -> list[Grade]:
    """Every list beside what came of it, the oldest first."""
    names, by_period = ("left", "on_list", "treated", "risk", "open", "number"), bool(len(told.periods))
    parts = list_history.by_list(told, names)
    return [_grade(kept.facts, rows, by_period) for kept, rows in zip(told.lists, parts, strict=True)]


def _grade(facts: ListFacts, rows: Rows, by_period: bool) -> Grade:
    left, listed = rows["left"], rows["on_list"].astype(bool)
    known = ~np.isnan(left)
    n_known, n_left = int(known.sum()), int((left == 1).sum())
    listed_known, listed_left = int((known & listed).sum()), int((left[listed] == 1).sum())
    treated = rows["treated"].astype(bool) & known
    untreated_left, all_untreated_left = (int((left[who & ~treated] == 1).sum()) for who in (listed, known))
    counted_in = season.moved(rows["risk"][known & listed], facts.level or 0.0)
    expected = expected_leavers(counted_in, n_known, facts.n_trained, facts.deviation or 0.0)
    n_open = int(rows["open"].sum()) if by_period else len(left)
    return Grade(
        facts.as_of, facts.replayed, int(listed.sum()), len(left), n_known, n_left, listed_known, listed_left,
        int((treated & listed).sum()), untreated_left,
        untreated_share_caught=untreated_left / all_untreated_left if all_untreated_left else None,
        share_caught=listed_left / n_left if n_left else None,
        random_share=listed_known / n_known if n_known else None,
        simple_share=simple_share(rows["number"][known], left[known], listed_known),
        expected=expected.mean, expected_low=expected.low, expected_high=expected.high,
        complete=bool(n_known and n_known >= COMPLETE * n_open), newest_period=facts.newest_period, n_open=n_open,
    )  # fmt: skip


def simple_share(numbers: Floats, left: Floats, k: int) -> float | None:
    """The share of leavers among the k clients with the lowest number; one without comes last, equals share places."""
    if not left.sum() or np.isnan(numbers).all():
        return None
    if not k:  # nobody was listed, or of those listed nothing is known yet
        return 0.0
    return float(highest(np.where(np.isnan(numbers), -np.inf, -numbers), k) @ left / left.sum())


def leavers(told: Said, as_of: str) -> Leavers:
    """Every client of these lists who left, with what the last lists before had said; `as_of` is today."""
    rows, days = told.rows, [*(it.facts.as_of for it in told.lists), as_of]
    at = np.flatnonzero(rows["left"] == 1)
    last = at[np.append(rows["client"][at][1:] != rows["client"][at][:-1], True)] if len(at) else at
    first = np.searchsorted(rows["client"], rows["client"][last])
    on_list = rows["on_list"].astype(bool)
    before = last[:, None] - np.arange(SHOWN_BEFORE)
    warned = (on_list[np.maximum(before, 0)] & (before >= first[:, None])).any(axis=1)
    listed = np.append(np.flatnonzero(on_list), len(on_list))
    first_listed = listed[np.searchsorted(listed, first)]
    ordinals = np.array([date.fromisoformat(day).toordinal() for day in days])
    gone, seen = ordinals[rows["list"][last] + 1], first_listed <= last
    lead = gone[seen] - ordinals[rows["list"][first_listed[seen]]]
    newest = np.argsort(-rows["list"][last], kind="stable")[:MOST_LEAVERS]
    shown = [_leaver(told, rows, range(last[it], max(first[it], last[it] - SHOWN_BEFORE + 1) - 1, -1)) for it in newest]
    median = float(np.median(lead)) if len(lead) else None
    return Leavers(tuple(shown), len(last), int((~warned).sum()), median)


def _leaver(told: Said, rows: Rows, places: Sequence[int] | range) -> Leaver:
    said = tuple(
        {
            "as_of": told.lists[rows["list"][it]].facts.as_of,
            "rank": int(rows["rank"][it]),
            "risk": round(float(rows["risk"][it]), 4),
            "on_list": bool(rows["on_list"][it]),
        }
        for it in places
    )
    period = rows["period"][places[0]]
    named = str(told.periods[period]) if period >= 0 else None
    return Leaver(str(told.clients[rows["client"][places[0]]]), named, said, any(it["on_list"] for it in said))


def with_strangers(found: Leavers, told: Said, known: KnownLabels, names_at: NamesAt) -> Leavers:
    """The leavers with those who are on no list though one of their period was kept; of other periods none counts.

    Nor do those whose outcome was there when the first list of their period was made: they were no clients any more.
    """
    rows, runs = told.rows, np.array([it.facts.run for it in told.lists], dtype=np.int64)
    made = np.full(len(told.period_keys) + 1, np.iinfo(np.int64).max)
    np.minimum.at(made, rows["period"], runs[rows["list"]])
    left = np.flatnonzero((known.left == 1) & (list_outcomes.codes(told.client_keys, known.client) < 0))
    period = list_outcomes.codes(told.period_keys, known.period[left])
    later = (period >= 0) & (known.run[left] > made[period])
    left, period = left[later], period[later]
    newest = left[np.lexsort((known.position[left], -period))][:MOST_LEAVERS]
    strangers = [Leaver(client, period, (), False) for client, period in names_at(known.position[newest].tolist())]
    ordered = sorted([*found.leavers, *strangers], key=lambda it: it.period or "", reverse=True)
    n_leavers, n_unwarned = found.n_leavers + len(left), found.n_unwarned + len(left)
    return Leavers(tuple(ordered[:MOST_LEAVERS]), n_leavers, n_unwarned, found.lead_days_median)
