"""The exact reading of a file, all its rows in memory: what every faster way has to agree with."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from risk.reading import spreadsheets
from risk.reading._reading import Reading
from risk.reading._stream import read_file
from risk.reading._whole_file import Suspicion, may_be_totals
from risk.settings.schema import Schema

Rows = list[list[str]]


def exact_rows(path: Path, schema: Schema) -> tuple[Rows, Reading]:
    """Return the accepted rows of a file and what was read; once more where the whole of it leaves a suspicion."""
    rows, reading = _read_once(path, schema, None)
    if suspicion := None if reading.fault else _suspicion(reading, rows, schema):
        rows, reading = _read_once(path, schema, suspicion)
    clients = [row[0] for row in rows]
    reading.n_repeats = len(rows) - len({(row[0], row[1] if schema.period else "") for row in rows})
    reading.n_totals = sum(bool(re.fullmatch(spreadsheets.TOTAL, client)) for client in clients)
    if spreadsheets.may_be_cut(clients):
        reading.n_cut = sum(len(client) > 15 and client.isdecimal() for client in set(clients))
    reading.note_odd(spreadsheets.odd_forms(clients))
    return rows, reading


def _read_once(path: Path, schema: Schema, suspicion: Suspicion | None) -> tuple[Rows, Reading]:
    rows: Rows = []

    def take(reading: Reading, lines: bytes, following: Iterator[bytes]) -> None:
        rows.extend(reading.exactly(itertools.chain([lines], following)))

    reading = read_file(path, schema, take, suspicion=suspicion)
    reading.judge()
    return ([] if reading.fault else rows), reading


def _suspicion(reading: Reading, rows: Rows, schema: Schema) -> Suspicion | None:
    numbers = [
        [float(row[index]) for row in rows if row[index]] if column.kind == "number" else []
        for index, column in enumerate(schema.columns)
    ]
    ends = [(min(column), max(column), len(column), sum(column)) if column else None for column in numbers]
    counts = len(rows), reading.n_refused, reading.exact.tail
    tail = tuple(reading.exact.tail) if may_be_totals(schema, counts, ends) else ()
    outcomes = defaultdict(set)
    for row in rows if schema.period else ():
        outcomes[row[0], row[1]] |= {row[-1] in schema.target_values.left} if row[-1] else set()
    opposite = {key for key, values in outcomes.items() if len(values) > 1}
    return Suspicion(schema, opposite, tail) if opposite or tail else None
