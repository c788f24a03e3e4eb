"""One file as a frame: for test data and for predictions. Nothing is written."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from risk.reading import Reading, read_file
from risk.scanning import Chunk
from risk.schema import Column, Schema
from risk.values import EXACT_DIGITS, fault

NO_CAP = 1 << 62


def read_rows(path: Path, schema: Schema, target_optional: bool) -> tuple[pd.DataFrame, Reading]:
    """Return the accepted rows in schema order, none where the file has a fault, and what was read."""
    rows: list[list[str]] = []

    def take(reading: Reading, chunk: Chunk, following: Iterator[Chunk]) -> None:
        rows.extend(reading.exactly(itertools.chain([chunk], following)))

    reading = read_file(path, schema, take, size_cap=NO_CAP, target_optional=target_optional)
    if reading.digest is None:
        reading.fault = fault("vanished or changed while it was read", "a file that stands still").refusal
    reading.n_accepted = len(rows)
    reading.judge()
    _check_wide(reading, rows, schema)
    if reading.fault:
        rows, reading.n_accepted = [], 0
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema.columns)
    series = {it.name: _series(it, texts, schema) for it, texts in zip(schema.columns, columns, strict=True)}
    return _with_changes(pd.DataFrame(series), schema), reading


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
