"""A window: labelled rows that are new to a model, with its risks, as the scan takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from risk.modeling.metrics import Array


@dataclass(frozen=True)
class Window:
    """The labelled rows of the last `contents` contents with the deployed model's risks; one array entry per row."""

    contents: int
    features: Mapping[str, Array]
    labels: Array
    risks: Array
    clients: Array

    @property
    def n_rows(self) -> int:
        return len(self.labels)

    @property
    def leavers(self) -> int:
        return int(np.sum(self.labels))
