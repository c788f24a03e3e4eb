"""Kept lists as a run sees them: what was there before its own list, and its own list among them."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from risk.command import Run
from risk.dataset.dataset import Dataset
from risk.dataset.next_steps import NextStep
from risk.dataset.outcomes import Outcomes
from risk.disk import journal, paths
from risk.errors import RiskError
from risk.lists import list_history, replayed_lists
from risk.lists.call_list import Past
from risk.lists.list_files import ListFacts
from risk.lists.moves import FormerList
from risk.registry import proven, releases
from risk.registry.model import Model
from risk.settings.capacity import Capacity
from risk.settings.model_choice import NO_FAMILIES, OwnFamilies


@dataclass(frozen=True)
class KeptLists:
    """The folder of the kept lists, that of production, and the run under way, which journals what it keeps."""

    folder: Path
    production: Path
    run: Run
    own: OwnFamilies = NO_FAMILIES

    @property
    def noted(self) -> Mapping[str, str]:
        """The digests of the lists that count, each with its day, as the journal and this run name them."""
        return list_history.journaled([*journal.read(self.production / paths.JOURNAL), self.run.record])

    def past(self, live: Model | None, called: Outcomes, steps: Sequence[NextStep]) -> Past:
        """What was there before the list of the run's day. Raises: DiskError."""
        noted, today = self.noted, datetime.date.fromisoformat(self.run.day)
        monday = today - datetime.timedelta(days=today.weekday())
        week = list_history.former(self.folder, noted, monday.isoformat())
        reached = called.reached(self.run.day)
        then = list_history.risks_at(self.folder, noted, reached) if reached else {}
        earlier = list_history.former(self.folder, noted, self.run.day)
        return Past(self.run.day, earlier, week, self._model_of(week, live), called, reached, then, tuple(steps))

    def _model_of(self, former: FormerList | None, live: Model | None) -> Model | None:
        """The model that a list was made by; None where it cannot be had any more."""
        if former is None or former.release is None or live is None or former.release == live.name:
            return live if former and former.release else None
        with contextlib.suppress(RiskError):
            return proven.opened(self.production, releases.named(self.production, former.release), self.own)
        return None

    def keep(self, *made: tuple[ListFacts, pd.DataFrame]) -> None:
        """Keep lists, and note for the journal their digests and those of what the run left when it was killed."""
        kept = list_history.keep(self.folder, made, self.noted, self.run.number)
        if real := [it.noted for it in kept if not it.facts.replayed]:
            self.run.note(list=real[-1])
        if others := [it.noted for it in kept if it.noted not in real[-1:]]:
            self.run.note(lists=[*self.run.record.get("lists", []), *others])

    def replaces(self, facts: ListFacts) -> bool:
        """Whether a list counts that this one takes the place of: of its day, by the same newest period."""
        counted, _ = list_history.counted(list_history.on_disk(self.folder), self.noted)
        place = facts.as_of, facts.newest_period
        return any((it.facts.as_of, it.facts.newest_period) == place for it in counted)

    def replay(self, rows: Dataset, capacity: Capacity) -> None:
        """Make the lists of past periods, where there is no list yet."""
        before = list_history.on_disk(self.folder)
        if not self.noted and all(it.facts.run == self.run.number for it in before):
            self.keep(*replayed_lists.made(rows, capacity, self.run.day, self.run.number))
