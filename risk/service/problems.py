"""Refused requests: problem details for programs, one sentence for people."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any

from risk.errors import RequestError

LONGEST = 200
_PLACE = re.compile(r"`\$(?:\.(clients|ids|filepath))?(?:\[(\d+)\])?(?:\.(.*))?`", re.DOTALL)
_OBJECT_FIELD = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)
_WORDS = {
    "`": "", "float": "a number", "int": "a whole number", "str": "text", "bool": "true or false",
    "array": "a list", "object": "an object", " | ": " or ",
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


class NotTold(Problem, LookupError):
    """What an older program did not write into its report."""


class Told(dict[str, Any]):
    """What a report says, as an object of JSON."""

    def __missing__(self, key: str) -> Any:
        raise NotTold(503, f"an older program made the newest report, which lacks {key!r}; run fullprocess.py")


# --- what is wrong with a JSON body -----------------------------------------------------------------------------------


def check_names(body: bytes, n_names: int) -> None:
    """Raise Problem 422 where a name stands twice in an object, of which a decoder keeps the last in silence.

    `n_names` were found, each once. Every name brings a colon: where there are no more colons, none stands twice.
    Else (a colon in a text) the body is read once more, which takes five times as long.
    """
    if body.count(b":") > n_names:
        n_objects = 0

        def once(pairs: list[tuple[str, Any]]) -> None:
            nonlocal n_objects
            names = [name for name, _ in pairs]
            if len(set(names)) < len(names):
                raise _twice(names, n_objects)
            n_objects += 1

        json.loads(body, object_pairs_hook=once, parse_int=str, parse_float=str)


def _twice(names: list[str], row: int) -> Problem:
    name = next(name for name in names if names.count(name) > 1)
    if name in ("clients", "ids", "filepath"):
        return Problem(422, f"{name}: is there twice; give it once", field=name)
    return Problem(422, f"row {row}: {name}: is there twice; give it once", row=row, field=name)


def misfit(message: str) -> Problem:
    """Turn the decoder's sentence into ours: which row, which field, what was found, what was expected."""
    said, _, place = message.rpartition(" - at ")
    found = _PLACE.fullmatch(place)
    if not found:
        said, found = message, _PLACE.fullmatch("`$`")
    assert found
    part, row, name = found.groups()
    about = _OBJECT_FIELD.fullmatch(said)
    if about:
        name = about[2][:LONGEST]
        said = (
            "is missing; give a value, or null where it is unknown"
            if about[1] == "missing required"
            else "is not known"
        )
    else:
        said = _in_words(said)
    row = "0" if row is None and part == "clients" and name else row  # one client without a list around it
    where = f"row {row}: " if row is not None else ""
    field = name or part
    return Problem(422, f"{where}{field or 'the body'}: {said}", row=int(row) if row else None, field=field)


def _in_words(said: str) -> str:
    for word, plain in _WORDS.items():
        said = said.replace(word, plain)
    return said.replace("Expected", "expected").replace(", got", ", found")
