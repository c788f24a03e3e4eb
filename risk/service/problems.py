"""How the service says no: problem details for programs, one sentence for people."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from risk.errors import RequestError


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
