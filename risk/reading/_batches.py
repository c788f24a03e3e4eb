"""Rows on their way from files to parts, and what the parts tell of a file as a whole.

Small files share a part; a refused file leaves nothing in it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk.reading import spreadsheets
from risk.reading._reading import ODD, Reading
from risk.reading._whole_file import ClientPeriod, Suspicion, may_be_totals
from risk.reading.parts import Part, PartWriter, Piece, Slice, Stream, canonical
from risk.reading.sql import Layout, literal, quoted
from risk.settings.schema import Schema

FULL = 32 * 1024 * 1024  # bytes of lines in one part


@dataclass
class _Batch(Stream):
    """Lines that wait for their part, whose they are, and the columns with integers that float64 would change."""

    wide: set[int] = field(default_factory=set)
    owners: list[tuple[Reading, int]] = field(default_factory=list)

    def add(self, reading: Reading, lines: bytes, rows: int) -> None:
        self.pieces.append(lines)
        self.rows.append(rows)
        self.owners.append((reading, reading.accept(rows)))

    def drop(self, reading: Reading) -> int:
        """Forget what the file that was read last has put in, so at the end; return the bytes."""
        dropped = 0
        while self.owners and self.owners[-1][0] is reading:
            self.owners.pop()
            self.rows.pop()
            dropped += len(self.pieces.pop())
        return dropped


class Batches:
    """Holds lines until they fill a part. What a part disproves is handed back, to be read exactly."""

    def __init__(self, writer: PartWriter, schema: Schema, disproved: Callable[[Reading, bytes], None]) -> None:
        self._writer, self._disproved = writer, disproved
        self._exact = Layout(tuple(range(len(schema.columns))), len(schema.columns), encoded=True)
        self._numbers = [index for index, column in enumerate(schema.columns) if column.kind == "number"]
        self._batches: dict[Layout, _Batch] = {}
        self._size = 0

    def add_rows(self, reading: Reading, rows: Sequence[list[str]]) -> None:
        """Take accepted rows of a file, each checked by itself."""
        reading.note_odd(spreadsheets.odd_forms(row[0] for row in rows))
        lines, wide = canonical(rows), reading.exact.values.wide
        fractional = {index for index in self._numbers if any("." in row[index] for row in rows)}
        batch = self._batches.get(self._exact, _Batch(self._exact))
        if (batch.wide & fractional) or ((batch.fractional or set()) & wide):
            self.flush()
        self._make_room(len(lines))
        batch = self._batches.setdefault(self._exact, _Batch(self._exact))
        batch.fractional = (batch.fractional or set()) | fractional
        batch.wide |= wide
        batch.add(reading, lines, len(rows))

    def add_file(self, reading: Reading, lines: bytes, rows: int, layout: Layout) -> None:
        """Take all lines of a file that look plain."""
        self._make_room(len(lines))
        reading.n_read += rows
        self._batches.setdefault(layout, _Batch(layout)).add(reading, lines, rows)

    def write_now(self, reading: Reading, lines: bytes, rows: int, layout: Layout) -> Part | None:
        """Make lines that look plain a part of their own, or return None where it disproves them."""
        part = self._writer.write(Stream(layout, None, [lines], [rows]))
        if part:
            reading.n_read += rows
            reading.pieces[reading.accept(rows)] = part.pieces[0]
        return part

    def drop(self, reading: Reading) -> None:
        """Take the rows of the file that was read last back, as far as they are not written."""
        self._size -= sum(batch.drop(reading) for batch in self._batches.values())
        reading.forget_rows()

    def flush(self) -> None:
        """Write everything that waits."""
        while self._batches:
            batches, self._batches, self._size = self._batches, {}, 0
            for batch in batches.values():
                part = self._writer.write(batch) if batch.owners else None
                for index, (reading, place) in enumerate(batch.owners):
                    if part:
                        reading.pieces[place] = part.pieces[index]
                    else:
                        reading.forget_rows()
                        self._disproved(reading, batch.pieces[index])

    def _make_room(self, size: int) -> None:
        if self._size + size > FULL:
            self.flush()
        self._size += size


class Suspects:
    """Asks the parts in a folder what the rows of one file show together. The answers are those of an exact reading."""

    def __init__(self, folder: Path, schema: Schema, ask: Callable[[str, Sequence[Any]], list[Any]]) -> None:
        self._folder, self._schema, self._ask, self._client = folder, schema, ask, quoted(schema.client)

    def of(self, reading: Reading, is_ordered: bool) -> Suspicion | None:
        """Note what a person should know of the clients of a file; return what makes a second reading necessary.

        Opposite outcomes contradict each other unless the rows are ordered: then the later one is a correction.
        """
        pieces = [piece for piece in reading.pieces if piece]
        slices, client = [piece.slice for piece in pieces], self._client
        if reading.may_be_odd:
            is_odd = f"contains({client}, '  ') OR regexp_full_match({client}, {literal(spreadsheets.WHOLE)})"
            odd = self._rows(slices, f"SELECT DISTINCT {client} FROM rows WHERE {is_odd} LIMIT {ODD}")
            reading.note_odd(spreadsheets.odd_forms(sorted(client for (client,) in odd)))
        keys = np.sort(np.concatenate([piece.keys for piece in pieces])) if pieces else np.empty(0, np.uint64)
        repeated = keys[1:][keys[1:] == keys[:-1]]
        reading.n_repeats = len(repeated)
        if reading.fault or not reading.digest:
            return None
        if spreadsheets.may_be_cut(fields[0] for _, fields, _ in reading.exact.tail):
            long, cut = (f"regexp_full_match({client}, {literal(it)})" for it in (spreadsheets.LONG, spreadsheets.CUT))
            counts = self._rows(slices, f"SELECT count(DISTINCT {client}), bool_and({cut}) FROM rows WHERE {long}")
            reading.n_cut = sum(n_long for n_long, are_cut in counts if are_cut)
        if reading.may_be_totals:
            is_total = f"regexp_full_match({client}, {literal(spreadsheets.TOTAL)})"
            reading.n_totals = sum(n for (n,) in self._rows(slices, f"SELECT count(*) FROM rows WHERE {is_total}"))
        if reading.suspicion:
            return None
        may_oppose = bool(self._schema.period) and not is_ordered and len(repeated) > 0
        opposed = self._opposite(slices, np.unique(repeated)) if may_oppose else set()
        tail = tuple(reading.exact.tail) if self._may_be_totals(reading, pieces) else ()
        return Suspicion(self._schema, opposed, tail) if opposed or tail else None

    def known(self, slices: Sequence[Slice], clients: Sequence[str]) -> set[str]:
        """Return which of the ids are in the slices."""
        query = f"SELECT DISTINCT {self._client} FROM rows WHERE list_contains(?, {self._client})"
        return {client for (client,) in self._rows(slices, query, list(clients))}

    def _opposite(self, slices: Sequence[Slice], keys: NDArray[np.uint64]) -> set[ClientPeriod]:
        """The clients and periods among these keys whose outcomes are opposite."""
        names, target = f"{self._client}, {quoted(self._schema.period or '')}", quoted(self._schema.target)
        query = f"SELECT {names} FROM rows WHERE hash({names}) IN (SELECT unnest(?::UBIGINT[]))"
        return set(self._rows(slices, f"{query} GROUP BY {names} HAVING min({target}) <> max({target})", keys.tolist()))

    def _may_be_totals(self, reading: Reading, pieces: Sequence[Piece]) -> bool:
        columns = zip(*(piece.ends for piece in pieces), strict=True)
        figures = [list(zip(*(ends for ends in column if ends), strict=True)) for column in columns]
        ends = [(min(it[0]), max(it[1]), sum(it[2]), sum(it[3])) if it else None for it in figures]
        return may_be_totals(self._schema, (reading.n_accepted, reading.n_refused, reading.exact.tail), ends)

    def _rows(self, slices: Sequence[Slice], query: str, *values: object) -> list[Any]:
        """The rows that answer a query of the `rows` of some slices; none without a slice."""
        of_slice = "SELECT * FROM read_parquet(?, file_row_number=true) WHERE file_row_number BETWEEN ? AND ?"
        rows = " UNION ALL ".join([of_slice] * len(slices))
        places = [(str(self._folder / it.part), it.first, it.first + it.rows - 1) for it in slices]
        return self._ask(f"WITH rows AS ({rows}) {query}", [*itertools.chain(*places), *values]) if slices else []
