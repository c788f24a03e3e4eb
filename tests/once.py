"""Fits of in-process tests: what was fitted before on equal rows is not fitted again in the same process.

A fit is most of a small run, and half of all fits are repeats: of the installation that another test began with too, or
of a former step of the same story. Only the risks of rows that a fold's model has not seen are remembered; models that
are released are always fitted. Tests of fitting itself, and of runs that have to be equal, fit again (see conftest).
"""

from __future__ import annotations

import sys
from hashlib import sha256
from typing import Any

import pandas as pd

MODULE = "risk.modeling.candidates"


class RisksAfter:
    """Stands for `risks_after`: keyed by the family, the rows that are learned, and those that are rated."""

    __name__ = "risks_after"

    def __init__(self, work: Any) -> None:
        self._work, self._known, self.is_on = work, dict[bytes, Any](), False

    def __call__(self, family: Any, kinds: Any, x: pd.DataFrame, left: Any, rows: Any, inside: Any) -> Any:
        if not self.is_on:
            return self._work(family, kinds, x, left, rows, inside)
        told = sha256(repr((family.name, id(family.make), list(kinds.items()))).encode())
        for frame in (x[rows], x[inside]):
            for name in frame:
                values = frame[name].to_numpy()
                told.update(f"\0{name} {len(values)} {values.dtype}\0".encode())
                told.update(repr(values.tolist()).encode() if values.dtype == object else values.tobytes())
        told.update(left[rows].tobytes())
        key = told.digest()
        if key not in self._known:
            self._known[key] = self._work(family, kinds, x, left, rows, inside)
        return self._known[key].copy()


def remember_fits(is_on: bool) -> None:
    """Remember fits from now on, or no more. Nothing is imported for it."""
    if module := sys.modules.get(MODULE):
        if not isinstance(module.risks_after, RisksAfter):
            module.risks_after = RisksAfter(module.risks_after)  # type: ignore[attr-defined]
        module.risks_after.is_on = is_on
