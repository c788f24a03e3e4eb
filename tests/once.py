"""Fits of in-process tests: what was fitted before on equal rows is not fitted again in the same process.

A fit is most of a small run, and half of all fits are repeats: of the installation that another test began with too, or
of a former step of the same story. Only the out-of-fold risks of a family are remembered; models that are released are
always fitted. Tests of fitting itself, and of runs that have to be equal, fit again (see conftest).
"""

from __future__ import annotations

import sys
from hashlib import sha256
from typing import Any

MODULE = "risk.modeling.candidates"


class Tune:
    """Stands for `tune`: keyed by the family, the labelled rows with their folds, and those that are trained on."""

    __name__ = "tune"

    def __init__(self, work: Any) -> None:
        self._work, self._known, self.is_on = work, dict[bytes, Any](), False

    def __call__(self, family: Any, labelled: Any, rows: Any) -> Any:
        if not self.is_on:
            return self._work(family, labelled, rows)
        told = sha256(repr((family.name, family.encoding, id(family.make), list(labelled.kinds.items()))).encode())
        for name in labelled.x:
            values = labelled.x[name].to_numpy()
            told.update(f"\0{name} {len(values)} {values.dtype}\0".encode())
            told.update(repr(values.tolist()).encode() if values.dtype == object else values.tobytes())
        for values in (labelled.left, labelled.fold, rows):
            told.update(values.tobytes())
        key = told.digest()
        if key not in self._known:
            self._known[key] = self._work(family, labelled, rows)
        return self._known[key]


def remember_fits(is_on: bool) -> None:
    """Remember fits from now on, or no more. Nothing is imported for it."""
    if module := sys.modules.get(MODULE):
        if not isinstance(module.tune, Tune):
            module.tune = Tune(module.tune)  # type: ignore[attr-defined]
        module.tune.is_on = is_on
