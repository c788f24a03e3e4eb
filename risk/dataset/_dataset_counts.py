"""The rows of a manifest as they are counted: what each source gives to the set, by period, by client.

The contents have positions: each source has a range of its own, in which its rows are numbered through its contents.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk.dataset._rows import Place, Rows
from risk.dataset.manifest import Manifest, Periods, content_order, overlaps
from risk.reading.client_ids import alike, odd_forms
from risk.reading.sql import literal
from risk.schema import Schema

SPAN = 1 << 40  # positions of one source


@dataclass(frozen=True)
class Given:
    """How many rows of the set come from a content, how many of them are labelled, and how many have it to thank

    that they stand against others of their client and period: their last twin lies in it.
    """

    rows: int
    labelled: int
    upheld: int


class DatasetCounts:
    """The rows of one manifest. A share of the clients may be `spared`, as held out."""

    def __init__(
        self, manifest: Manifest, schema: Schema, parts: Path, known: Manifest | None = None, spared: float = 0
    ):
        self.manifest, self.schema, self.parts, self.known, self._spared = manifest, schema, parts, known, spared

    def contributions(self, during: Periods | None = None) -> dict[tuple[int, str], Given]:
        """Return how many rows of the set come from each (source's place, content's digest) in the periods."""
        rows = self._rows_of([place for place in self._places if overlaps(place.content, during)])
        last, told = "latest" if rows.period else "position", f"{rows.target} is not null as told"
        query = f"select position, {last} as last, {told} from ({rows.resolved(self._during(during))})"
        found = {name: np.asarray(column) for name, column in rows.run(query).fetchnumpy().items()}
        at, last_at = self._at(found["position"]), self._at(found["last"])
        counts = [np.bincount(at), np.bincount(at[found["told"].astype(bool)]), np.bincount(last_at)]
        padded = [np.pad(one, (0, len(self._places) - len(one))).tolist() for one in counts]
        places = ((place.source, place.content.digest) for place in self._places)
        return {place: Given(*some) for place, some in zip(places, zip(*padded, strict=True), strict=True) if any(some)}

    def counts(self) -> dict[str, int]:
        """Return the number of rows in the set and of labelled ones."""
        found = self._rows.run(f"select count(*), count({self._rows.target}) from ({self._rows.resolved()})").fetchall()
        return dict(zip(("n_rows", "n_labelled"), map(int, found[0]), strict=True))

    def rows_by_period(self, where: str = "true") -> dict[str, int]:
        """Return each period with the number of accepted rows in it."""
        told = f"select {self._rows.period}, count(*) from accepted where {where} group by {self._rows.period}"
        return {str(period): int(n_rows) for period, n_rows in self._rows.run(told).fetchall()}

    def labelled_by_period(self) -> list[tuple[str, int]]:
        """Return each period that lies not in the future with the number of accepted rows whose outcome is known."""
        known = f"{self._rows.target} is not null and not ({self._in_future()})"
        return list(self.rows_by_period(known).items())

    def alike(self) -> str | None:
        """Say how many clients look like another one of the dataset, whichever file it is in."""
        forms: dict[str, set[str]] = {}
        for form, written in odd_forms(it for content in self.manifest.contents.values() for it in content.odd):
            forms.setdefault(form, set()).add(written)
        if not forms or len(self.manifest.contents) == 1:
            return None
        told = f"select distinct {self._rows.client} from accepted where list_contains(?, {self._rows.client})"
        return alike(forms, {row[0] for row in self._rows.run(told, [list(forms)]).fetchall()})

    def names_a_client(self, text: str) -> bool:
        """Return whether the id of a client, of four characters or more, stands in the text as a word of its own."""
        query = f"select distinct {self._rows.client} from accepted where strlen({self._rows.client}) > 3"
        found = self._rows.run(f"{query} and contains(?, {self._rows.client})", [text]).fetchall()
        return any(re.search(rf"(?<!\w){re.escape(client)}(?!\w)", text) for (client,) in found)

    def n_clients(self) -> int:
        """Return the number of clients who have ever had an accepted row."""
        return int(self._rows.run(f"select count(distinct {self._rows.client}) from accepted").fetchall()[0][0])

    def _during(self, periods: Periods | None) -> str:
        """Return the condition that a row's period lies in the periods."""
        period = self._rows.period
        return f"{period} between {literal(periods[0])} and {literal(periods[1])}" if periods and period else "true"

    def _in_future(self) -> str:
        """Return the condition that a row lies in the future of the day on which its content was judged first."""
        places = ((it.position, sum(s.rows for s in it.content.slices), it.content.limit) for it in self._places)
        rows = f"position between {{}} and {{}} and {self._rows.period} > {{}}"
        return " or ".join(rows.format(at, at + n - 1, literal(limit)) for at, n, limit in places if limit) or "false"

    def _at(self, positions: NDArray[Any]) -> NDArray[np.int64]:
        """Return the place of the content in which each position lies."""
        begins = np.array([place.position for place in self._places], dtype=np.int64)
        return np.searchsorted(begins, positions, side="right") - 1

    @functools.cached_property
    def _rows(self) -> Rows:
        return self._rows_of(self._places)

    def _rows_of(self, places: list[Place]) -> Rows:
        return Rows([placed for place in places for placed in place.placed], self.schema, self.parts)

    @functools.cached_property
    def _places(self) -> list[Place]:
        return self._placed(self.manifest, False)

    @functools.cached_property
    def _known_places(self) -> list[Place]:
        return self._placed(self.known, True) if self.known else []

    def _placed(self, manifest: Manifest, known: bool) -> list[Place]:
        """Return the contents by position: rows are counted through a source's contents."""
        order, found = content_order(self.manifest, self.known), []
        for source, entry in enumerate(manifest.entries):
            position = source * SPAN
            for content in entry.contents:
                found.append(Place(content, source, position, order[content.digest], known))
                position += sum(piece.rows for piece in content.slices)
        return found
