"""Questions about the written rows of one file: repeated clients, ids that look alike, a last line that is a total.

The answers are those that the exact reading would give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk.reading import client_ids
from risk.reading._stream import ODD, Reading
from risk.reading._whole_file import ClientPeriod, Suspicion, may_be_totals
from risk.reading.client_ids import WHOLE
from risk.reading.parts import Piece, Slice
from risk.reading.sql import literal, quoted
from risk.schema import Schema


class Suspects:
    """Asks the parts in a folder."""

    def __init__(self, folder: Path, schema: Schema, ask: Callable[[str, Sequence[Any]], list[Any]]) -> None:
        self._folder, self._schema, self._ask = folder, schema, ask
        self._client = quoted(schema.client)

    def of(self, reading: Reading, is_ordered: bool) -> Suspicion | None:
        """Note what a person should know of the clients of a file; return what makes a second reading necessary.

        Opposite outcomes contradict each other unless the rows are ordered: then the later one is a correction.
        """
        pieces = [piece for piece in reading.pieces if piece]
        slices = [it.slice for it in pieces]
        if reading.may_be_odd:
            reading.note_odd(client_ids.odd_forms(self._odd_clients(slices)))
        keys = np.sort(np.concatenate([it.keys for it in pieces])) if pieces else np.empty(0, np.uint64)
        repeated = keys[1:][keys[1:] == keys[:-1]]
        reading.n_repeats = len(repeated)
        sound = not reading.fault and bool(reading.digest)
        if sound and client_ids.may_be_cut(fields[0] for _, fields, _ in reading.exact.tail):
            reading.n_cut = self._n_cut(slices)
        if sound and reading.may_be_totals:
            query = f"{_rows('count(*)')} AND regexp_full_match({self._client}, {literal(client_ids.TOTAL)})"
            reading.n_totals = sum(self._ask(query, self._place(it))[0][0] for it in slices)
        if reading.suspicion or not sound:
            return None
        may_oppose = bool(self._schema.period) and not is_ordered and len(repeated) > 0
        opposed = self._opposite(slices, np.unique(repeated)) if may_oppose else set()
        tail = tuple(reading.exact.tail) if self._may_be_totals(reading, pieces) else ()
        return Suspicion(self._schema, opposed, tail) if opposed or tail else None

    def known(self, slices: Sequence[Slice], clients: Sequence[str]) -> set[str]:
        """Return which of the ids are in the slices."""
        query = f"SELECT DISTINCT {self._client} FROM ({_rows(self._client)}) WHERE list_contains(?, {self._client})"
        return {row[0] for it in slices for row in self._ask(query, [*self._place(it), list(clients)])}

    def _odd_clients(self, slices: Sequence[Slice]) -> list[str]:
        """Return ids that may not be written as they are seen, though they hold no invisible character."""
        where = (
            f"WHERE contains({self._client}, '  ') OR regexp_full_match({self._client}, {literal(WHOLE)}) LIMIT {ODD}"
        )
        query = f"SELECT DISTINCT {self._client} FROM ({_rows(self._client)}) {where}"
        return sorted(row[0] for it in slices for row in self._ask(query, self._place(it)))

    def _n_cut(self, slices: Sequence[Slice]) -> int:
        """Return how many ids are long, 0 where one of them is not cut."""
        long, cut = (f"regexp_full_match({self._client}, {literal(it)})" for it in (client_ids.LONG, client_ids.CUT))
        query = f"SELECT {self._client} AS c, {cut} AS cut FROM ({_rows(self._client)}) WHERE {long}"
        counted = f"SELECT count(DISTINCT c), coalesce(bool_and(cut), true) FROM ({query})"
        counts = [self._ask(counted, self._place(it))[0] for it in slices]
        return sum(n for n, _ in counts) if all(is_cut for _, is_cut in counts) else 0

    def _opposite(self, slices: Sequence[Slice], keys: NDArray[np.uint64]) -> set[ClientPeriod]:
        """The clients and periods among these keys whose outcomes are opposite."""
        columns = self._client, quoted(self._schema.period or ""), quoted(self._schema.target)
        rows = " UNION ALL ".join([_rows("{} AS c, {} AS p, {} AS t".format(*columns))] * len(slices))
        query = f"SELECT c, p FROM ({rows}) WHERE hash(c, p) IN (SELECT unnest(?::UBIGINT[]))"
        values = [value for it in slices for value in self._place(it)]
        return set(self._ask(f"{query} GROUP BY c, p HAVING min(t) <> max(t)", [*values, keys.tolist()]))

    def _may_be_totals(self, reading: Reading, pieces: Sequence[Piece]) -> bool:
        columns = zip(*(piece.ends for piece in pieces), strict=True)
        figures = [list(zip(*(ends for ends in column if ends), strict=True)) for column in columns]
        ends = [(min(it[0]), max(it[1]), sum(it[2]), sum(it[3])) if it else None for it in figures]
        return may_be_totals(self._schema, (reading.n_accepted, reading.n_refused, reading.exact.tail), ends)

    def _place(self, it: Slice) -> list[Any]:
        return [str(self._folder / it.part), it.first, it.first + it.rows - 1]


def _rows(columns: str) -> str:
    """The query of the rows of a slice; its values are those of its place."""
    return f"SELECT {columns} FROM read_parquet(?, file_row_number=true) WHERE file_row_number BETWEEN ? AND ?"
