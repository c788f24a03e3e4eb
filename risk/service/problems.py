"""Refused requests: problem details for programs, one sentence for people."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any

from risk.errors import RequestError

MAX_NAME = 200  # characters of a name
LONG_NUMBER = f"expected a whole number of at most {MAX_NAME} characters"
_PLACE = re.compile(r"`\$(?:\.(clients|ids|filepath))?(?:\[(\d+)\])?(?:\.(.*))?`", re.DOTALL)
_OBJECT_FIELD = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)
_WORDS = {
    "`": "", "float": "a number", "int": "a whole number", "str": "text", "bool": "true or false",
    "array": "a list", "object": "an object", " | ": " or ", "Integer value out of range": LONG_NUMBER,
}  # fmt: skip


class Problem(RequestError):
    """A request that is refused: the status, the sentence, and the row (from 0) and field at fault."""

    def __init__(self, status: int, detail: str, *, row: int | None = None, field: str | None = None, **headers: str):
        super().__init__(detail)
        self.status, self.row, self.field = status, row, field
        self.headers = {name.replace("_", "-"): text for name, text in headers.items()}

    @property
    def document(self) -> dict[str, Any]:
        """The problem details. Source: RFC 9457."""
        told = {"type": "about:blank", "title": HTTPStatus(self.status).phrase, "status": self.status}
        told |= {"detail": str(self)}
        place = {"row": self.row, "field": self.field}
        return told | {name: value for name, value in place.items() if value is not None}


class OldReport(Problem, LookupError):
    """A report of an older program lacks what is asked for."""


class ReportObject(dict[str, Any]):
    """A JSON object of a report; a missing key says that an older program made it."""

    def __missing__(self, key: str) -> Any:
        raise OldReport(503, f"an older program made the newest report, which lacks {key!r}; run fullprocess.py")


# --- what is wrong with a JSON body -----------------------------------------------------------------------------------


def check_names(body: bytes, n_names: int) -> None:
    """Raise Problem 422 where a name occurs twice in an object; a decoder silently keeps the last.

    `n_names` were decoded. Each brings a colon: without more colons, none occurs twice. Else the body is read again,
    which takes five times as long.
    """
    if body.count(b":") > n_names:
        n_objects = 0

        def once(pairs: list[tuple[str, Any]]) -> None:
            nonlocal n_objects
            names = [name for name, _ in pairs]
            if len(set(names)) < len(names):
                name = next(name for name in names if names.count(name) > 1)
                row = None if name in ("clients", "ids", "filepath") else n_objects
                place = "" if row is None else f"row {row}: "
                raise Problem(422, f"{place}{name}: occurs twice; give it once", row=row, field=name)
            n_objects += 1

        json.loads(body, object_pairs_hook=once, parse_int=str, parse_float=str)


def misfit(message: str, *, unknown: str = ", or null where it is unknown") -> Problem:
    """Turn the decoder's sentence into ours: which row, which field, what was found, what was expected.

    `unknown` says what to give for a missing value that nobody knows.
    """
    fault, _, place = message.rpartition(" - at ")
    match = _PLACE.fullmatch(place)
    if not match:
        fault, match = message, _PLACE.fullmatch("`$`")
    assert match
    part, row, name = match.groups()
    if about := _OBJECT_FIELD.fullmatch(fault):
        name, is_missing = about[2][:MAX_NAME], about[1] == "missing required"
        fault = f"is missing; give a value{unknown}" if is_missing else "is not known"
    else:
        for word, plain in _WORDS.items():
            fault = fault.replace(word, plain)
        fault = fault.replace("Expected", "expected").replace(", got", ", found")
    row = "0" if row is None and part == "clients" and name else row  # one client without a list around it
    where = f"row {row}: " if row is not None else ""
    field = name or part
    return Problem(422, f"{where}{field or 'the body'}: {fault}", row=int(row) if row else None, field=field)
