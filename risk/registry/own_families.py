"""Families of one's own: functions of a module beside config.json, which is code that a person runs here.

What the file of such a model may hold stands in its card, by exact names. It is admitted where the card is proven, the
settings name the family, and its function still makes estimators of these packages. Nothing here guards against the
person's own code, but that fails no run.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from risk.errors import FamilyError, ModelError
from risk.modeling.allowed_names import Name
from risk.modeling.families import Family, is_own
from risk.modeling.metrics import Kinds
from risk.modeling.odds import WithOdds
from risk.registry import _own_module
from risk.registry._own_module import Budget
from risk.settings.model_choice import OwnFamilies
from risk.text import event, log

__all__ = ["FamilyError", "admitted", "guarded", "listed", "may_be_named", "told", "told_of", "usable"]

AGAIN = (
    "It was not opened. Put back what it was made with, go to another release with python deployment.py --rollback "
    "RELEASE, or make a new model with python fullprocess.py --force."
)
_EVERYWHERE = {"numpy", "scipy", "sklearn"}  # beside the packages of the estimator: what its parts are of
_HELD = {"collections": "Counter OrderedDict defaultdict deque", "builtins": "bytearray complex frozenset range set"}
_PLAIN = frozenset((module, name) for module, names in _HELD.items() for name in names.split())
_DRAWS = "numpy.random._pickle"
_CYTHON = "__pyx_unpickle_"


def usable(own: OwnFamilies, kinds: Kinds) -> tuple[list[Family], list[FamilyError]]:
    """The families that the settings name, and why some of them cannot be made."""
    able, faults = list[Family](), list[FamilyError]()
    for name in own.names:
        try:
            _unfitted(own, name, kinds)
            able.append(_family(own, name))
        except FamilyError as error:
            faults.append(error)
    return able, faults


def told_of(own: OwnFamilies, kinds: Kinds) -> list[Family]:
    """The families that can be made; the log tells why others cannot."""
    able, faults = usable(own, kinds)
    for fault in faults:
        log.warning(event("family", reason=fault))
    return able


def told(own: OwnFamilies, faults: Sequence[FamilyError]) -> list[dict[str, Any]]:
    """What a card tells of each family: its module, the digest of that, what failed, and what model files name."""
    failed, found = {it.family: it.record for it in faults}, list[dict[str, Any]]()
    for name in own.names:
        try:
            sha256 = _own_module.digest(own, name)
        except FamilyError:
            sha256 = None
        entry = {"family": name, "module": own.file_of(name).name, "sha256": sha256, "fault": failed.get(name)}
        found.append({**entry, "classes": []})
    return found


def guarded(own: OwnFamilies, name: str) -> Any:
    """A context in which the code of a family may be run."""
    return Budget(name, own.seconds).guard()


def _family(own: OwnFamilies, name: str) -> Family:
    def make(kinds: Kinds, x: pd.DataFrame) -> Any:
        return WithOdds(_unfitted(own, name, kinds))

    return Family(name, make, frozenset(), guard=Budget(name, own.seconds).guard)


def _unfitted(own: OwnFamilies, name: str, kinds: Kinds) -> Any:
    """What the function makes. Raises: FamilyError where it fails, or makes no classifier."""
    make = _own_module.function(own, name)
    with guarded(own, name):
        estimator = make(dict(kinds)) if inspect.signature(make).parameters else make()
        missing = [method for method in ("fit", "predict_proba", "get_params") if not hasattr(estimator, method)]
    if missing:
        found = f"{name.partition(':')[2]} returned {type(estimator).__name__}, which has no {missing[0]}"
        raise FamilyError(name, f"{found}; expected an unfitted classifier of scikit-learn's kind")
    return estimator


# --- what a model file may name ---------------------------------------------------------------------------------------


def listed(family: str, names: frozenset[Name], own: OwnFamilies, kinds: Kinds) -> list[list[str]]:
    """What a model file of a family names, for its card. Raises: FamilyError where it may not be kept so."""
    _check(family, names, own, kinds)
    return [list(it) for it in sorted(names)]


def admitted(family: str, entries: Sequence[Mapping[str, Any]], own: OwnFamilies, kinds: Kinds) -> frozenset[Name]:
    """What a model file may name by `entries` of its proven card.

    Raises: ModelError where the settings do not name the family, its module is gone or fails, or has changed while the
    file holds classes of it.
    """
    if not is_own(family):
        return frozenset()
    if family not in own.names:
        raise ModelError(f"it is of the family {family}, which model.families does not name. {AGAIN}")
    entry = next((it for it in entries if it.get("family") == family), {})
    names = frozenset((str(module), str(name)) for module, name in entry.get("classes") or ())
    try:
        _check(family, names, own, kinds)
        changed = _own_module.digest(own, family) != entry.get("sha256")
    except FamilyError as error:
        raise ModelError(f"its family {family} fails: {error.why}. {AGAIN}", record=AGAIN) from error
    module = family.partition(":")[0]
    if changed and any(it[0] == module for it in names):
        raise ModelError(f"{module}.py has changed since, and the model holds classes of it. {AGAIN}")
    return names


def may_be_named(found: Any, module: str, name: str) -> bool:
    """Whether something is a class, or a function that rebuilds one, and of the very package by which it is named."""
    if (module, name) in _PLAIN:
        return True
    if str(getattr(found, "__module__", module)).partition(".")[0] != module.partition(".")[0]:
        return False
    is_own_module = hasattr(sys.modules[module], _own_module.MADE_OF)
    return isinstance(found, type | np.ufunc) or is_own_module or module == _DRAWS or name.startswith(_CYTHON)


def _check(family: str, names: frozenset[Name], own: OwnFamilies, kinds: Kinds) -> None:
    """Raise FamilyError where something is named beyond the module and the packages of what it makes."""
    estimator = _unfitted(own, family, kinds)
    with guarded(own, family):
        parts = [estimator, *estimator.get_params(deep=True).values()]
    packages = {type(it).__module__.partition(".")[0] for it in parts} - set(sys.stdlib_module_names) - {"risk"}
    packages |= {*_EVERYWHERE, family.partition(":")[0]}
    for module, name in sorted(names - _PLAIN):
        if module.partition(".")[0] not in packages or not name.isidentifier():
            raise FamilyError(family, f"a fitted model holds {module}.{name}, which is not kept in a file")
