"""One file as a frame: for test data and for predictions. Nothing is written."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from risk.reading import Reading, read_file
from risk.schema import Column, Schema
from risk.values import fault


def read_rows(path: Path, schema: Schema, target_optional: bool) -> tuple[pd.DataFrame, Reading]:
    """Return the accepted rows in schema order, and what was read: none of them where the file has a fault."""
    rows: list[list[str]] = []

    def take(reading: Reading, chunk: bytes, following: Iterator[bytes]) -> None:
        rows.extend(reading.exactly(itertools.chain([chunk], following)))

    reading = read_file(path, schema, take, size_cap=1 << 62, target_optional=target_optional)
    if reading.digest is None:
        reading.digest, reading.fault = "", fault("vanished or changed while it was read", "a file at rest").refusal
    reading.n_accepted = len(rows)
    reading.judge()
    if reading.fault:
        rows.clear()
        reading.n_accepted = 0
    texts = zip(*rows, strict=True) if rows else [()] * len(schema.columns)
    columns = {c.name: _series(c, text, schema) for c, text in zip(schema.columns, texts, strict=True)}
    return pd.DataFrame(columns), reading


def _series(column: Column, texts: Sequence[str], schema: Schema) -> pd.Series:
    if column.kind == "number":
        whole = all(texts) and not any("." in text for text in texts)
        if whole:
            return pd.Series(np.array([int(text) for text in texts], dtype=np.int64))
        return pd.Series([float(text) if text else np.nan for text in texts], dtype=np.float64)
    if column.kind == "target":
        codes = dict.fromkeys(schema.target_values.stayed, 0.0) | dict.fromkeys(schema.target_values.left, 1.0)
        return pd.Series([codes[text] if text else np.nan for text in texts], dtype=np.float64)
    return pd.Series([text or None for text in texts], dtype=object)
