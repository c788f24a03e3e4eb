"""One file as a frame: for test data and for predictions. Nothing is written."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from risk.reading import client_ids
from risk.reading._scanning import Chunk
from risk.reading._stream import Reading, read_file
from risk.reading._whole_file import Suspicion, may_be_totals, opposite
from risk.reading.values import EXACT_DIGITS, fault
from risk.schema import Column, Schema

CHANGED = fault("vanished or changed while it was read", "a file that stands still")


def read_rows(path: Path, schema: Schema, target_optional: bool) -> tuple[pd.DataFrame, Reading]:
    """Return the accepted rows in schema order, none where the file has a fault, and what was read."""
    rows, reading = exact_rows(path, schema, target_optional)
    _check_wide(reading, rows, schema)
    if reading.fault:
        rows, reading.n_accepted = [], 0
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema.columns)
    series = {it.name: _series(it, texts, schema) for it, texts in zip(schema.columns, columns, strict=True)}
    return _with_changes(pd.DataFrame(series), schema), reading


def exact_rows(path: Path, schema: Schema, target_optional: bool = False) -> tuple[list[list[str]], Reading]:
    """Return the accepted rows of a file, and what was read: the definition of both.

    It is read once more where the whole of it leaves a suspicion.
    """
    rows, reading = _read_once(path, schema, target_optional, None)
    suspicion = None if reading.fault else _suspicion(reading, rows, schema)
    if suspicion:
        digest = reading.digest
        rows, reading = _read_once(path, schema, target_optional, suspicion)
        if reading.digest != digest:
            reading.fault = CHANGED.refusal
    keys = {(row[0], row[1] if schema.period else "") for row in rows}
    reading.n_repeats = len(rows) - len(keys)
    clients = {row[0] for row in rows}
    reading.n_totals = sum(bool(re.fullmatch(client_ids.TOTAL, row[0])) for row in rows) if reading.may_be_totals else 0
    reading.n_cut = (
        sum(len(it) > EXACT_DIGITS and it.isdecimal() for it in clients) if client_ids.may_be_cut(clients) else 0
    )
    reading.note_odd(client_ids.odd_forms(row[0] for row in rows))
    return rows, reading


def _read_once(
    path: Path, schema: Schema, target_optional: bool, suspicion: Suspicion | None
) -> tuple[list[list[str]], Reading]:
    rows: list[list[str]] = []

    def take(reading: Reading, chunk: Chunk, following: Iterator[Chunk]) -> None:
        rows.extend(reading.exactly(itertools.chain([chunk], following)))

    reading = read_file(path, schema, take, target_optional=target_optional, suspicion=suspicion)
    if reading.digest is None:
        reading.fault = CHANGED.refusal
    reading.n_accepted = len(rows)
    reading.judge()
    return rows, reading


def _suspicion(reading: Reading, rows: list[list[str]], schema: Schema) -> Suspicion | None:
    numbers = [
        [float(row[index]) for row in rows if row[index]] if column.kind == "number" else []
        for index, column in enumerate(schema.columns)
    ]
    ends = [(min(it), max(it), len(it), sum(it)) if it else None for it in numbers]
    told = len(rows), reading.n_refused, reading.exact.tail
    tail = tuple(reading.exact.tail) if may_be_totals(schema, told, ends) else ()
    opposed = opposite(rows, schema)
    return Suspicion(schema, opposed, tail) if opposed or tail else None


def _with_changes(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Add the changes since the client's period before, as far as the file itself holds it."""
    if not schema.changes or not schema.period:
        return frame
    keys = [schema.client, schema.period]
    last = frame.drop_duplicates(keys, keep="last").sort_values(keys, kind="stable")
    sources = list(schema.changes.values())
    changes = last[sources] - last.groupby(schema.client)[sources].shift()
    changes = changes.set_axis(list(schema.changes), axis=1).astype(np.float64)
    found = pd.concat([last[keys], changes], axis=1)
    return frame.merge(found, on=keys, how="left")


def _check_wide(reading: Reading, rows: list[list[str]], schema: Schema) -> None:
    """Give the reading a fault where a frame cannot hold a column: whole numbers too wide for float64, and none."""
    if reading.fault or not rows:
        return
    for index in reading.exact.values.wide:
        if not all(row[index] for row in rows):
            reason = f"holds whole numbers of more than {EXACT_DIGITS} digits beside blank ones"
            name = schema.columns[index].name
            reading.fault = fault(reason, "a number in every row, or fewer digits", None, name).refusal


def _series(column: Column, texts: Sequence[str], schema: Schema) -> pd.Series:
    if column.kind == "number":
        is_whole = all(texts) and not any("." in text for text in texts)
        values = [int(text) for text in texts] if is_whole else [float(text) if text else np.nan for text in texts]
        return pd.Series(values, dtype=np.int64 if is_whole else np.float64)
    if column.kind == "target":
        codes = dict.fromkeys(schema.target_values.stayed, 0.0) | dict.fromkeys(schema.target_values.left, 1.0)
        return pd.Series([codes[text] if text else np.nan for text in texts], dtype=np.float64)
    return pd.Series([text or None for text in texts], dtype=object)
