"""The module of a family of one's own: run from the very bytes that are hashed; its failures are FamilyErrors."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from risk import deadline
from risk.disk import files
from risk.errors import FamilyError, RiskError
from risk.settings.model_choice import OwnFamilies

MADE_OF = "_made_of"  # what marks a module that was run here: its path and digest


class Budget:
    """The seconds that the code of one family may still take."""

    def __init__(self, name: str, seconds: float):
        self._name, self._total, self._left = name, seconds, seconds

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Run code of the family: what it raises is a FamilyError, and to take too long; what it prints goes to stderr.

        What it says may quote a row, so the record has the kind of the error and its line alone.
        """
        started = time.monotonic()
        late = FamilyError(self._name, f"it takes more than {self._total:g} seconds, a quarter of deadline_hours")
        try:
            with deadline.ended_after(self._left, late), contextlib.redirect_stdout(sys.stderr):
                yield
        except RiskError:
            raise
        except (Exception, SystemExit) as error:
            kind, place = type(error).__name__, _place(error, self._name)
            told = " ".join(str(error).split())[:300]
            raise FamilyError(self._name, f"{kind}{place}: {told}", f"{kind}{place}") from error
        finally:
            self._left -= time.monotonic() - started
        if self._left <= 0:
            raise late


def digest(own: OwnFamilies, name: str) -> str:
    """The SHA-256 of the module's file. Raises: FamilyError."""
    return files.digest(_content(own, name))


def function(own: OwnFamilies, name: str) -> Any:
    """The function of a family, of the module as its file stands now. Raises: FamilyError."""
    found = getattr(_module(own, name), name.partition(":")[2], None)
    if not callable(found):
        raise FamilyError(name, f"{own.file_of(name).name} has no function {name.partition(':')[2]}")
    return found


def _content(own: OwnFamilies, name: str) -> bytes:
    path = own.file_of(name)
    try:
        if path.resolve().parent != own.folder.resolve():
            raise FamilyError(name, f"{path.name} is a link that leads out of the folder of config.json")
        return path.read_bytes()
    except OSError as error:
        raise FamilyError(name, f"{path.name} cannot be read beside config.json ({error.strerror})") from error


def _module(own: OwnFamilies, name: str) -> ModuleType:
    path, content = own.file_of(name), _content(own, name)
    mark, known = (str(path), files.digest(content)), sys.modules.get(path.stem)
    if known is not None and getattr(known, MADE_OF, None) == mark:
        return known
    if not hasattr(known, MADE_OF) and _is_another(path, known):
        raise FamilyError(name, f"another module is called {path.stem} too; give {path.name} another name")
    module = ModuleType(path.stem)
    module.__dict__.update({"__file__": str(path), MADE_OF: mark})
    sys.modules[path.stem] = module  # by this name a model file finds its classes
    try:
        with Budget(name, own.seconds).guard():
            exec(compile(content, str(path), "exec"), module.__dict__)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _is_another(path: Path, known: ModuleType | None) -> bool:
    """Whether a module that is no file of the folder has this name already: a package's, Python's, or one of ours."""
    if known is not None or path.stem in sys.stdlib_module_names:
        return True
    found = importlib.util.find_spec(path.stem)
    return found is not None and Path(str(found.origin)).resolve() != path.resolve()


def _place(error: BaseException, name: str) -> str:
    """Where in the module an error came up, if it did there."""
    lines, trace = [], error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).stem == name.partition(":")[0]:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f" in line {lines[-1]}" if lines else ""
