"""Levels of categorical columns as whole numbers: what a fitted encoder makes of each is asked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from risk.modeling.metrics import Array

MISSING, UNSEEN = 0, 1  # the codes that every column has
UNKNOWN = "a level that no row had, \x00"


def codes(encoder: Any, names: Sequence[str]) -> dict[str, dict[str | None, int]]:
    """Return the code of each level, by column: its row in what `answers` answers."""
    known = {
        name: [None, UNKNOWN, *(text for text in texts if isinstance(text, str))]
        for name, texts in zip(names, encoder.categories_, strict=True)
    }
    return {name: {text: place for place, text in enumerate(texts)} for name, texts in known.items()}


def answers(transformer: Any, names: Sequence[str], known: Mapping[str, dict[str | None, int]], name: str) -> Array:
    """Return what a fitted transformer of these columns makes of every level of one, a row for each."""
    texts = list(known[name])
    blank = pd.DataFrame({it: pd.Series([float("nan")] * len(texts), dtype=object) for it in names})
    blank[name] = pd.Series([float("nan") if text is None else text for text in texts], dtype=object)
    made = transformer.transform(blank)
    return made.toarray() if hasattr(made, "toarray") else made  # type: ignore[no-any-return]
