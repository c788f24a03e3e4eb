"""The section `source` of the settings: the database that may hold client rows."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from risk.errors import ConfigError
from risk.settings.schema import CLOSED, Whole
from risk.text import CONTROL

PASSWORD = "RISK_DATABASE_PASSWORD"
_WHERE = f"put it into the environment as {PASSWORD}, or into a file that the key 'source.password_file' names"
_A_URL = "expected postgresql://USER@HOST/DATABASE or sqlite:///FILE"
IN_URL = re.compile(r"[\w+.-]*://[^:/]*:([^@]+)@")
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
_IN_OPTIONS = re.compile(r"[?&;]([^=&;]*(?:passw|pwd|secret|token)[^=&;]*|odbc_connect)=", re.IGNORECASE)


@dataclass(frozen=True, config=CLOSED)
class DatabaseSource:
    """Which table or query is read, and the column that grows with every new or revised row.

    `overlap`: how far before the last row each pull looks again for rows that were committed late, in seconds of a
    time, in steps of a number.
    """

    url: str
    watermark: str = Field(min_length=1)
    kind: Literal["database"] = "database"
    table: str | None = None
    query: str | None = None
    password_file: str | None = None
    overlap: Whole = Field(default=300, ge=0, le=1_000_000_000)

    @model_validator(mode="before")
    @classmethod
    def _names_a_url(cls, found: Any) -> Any:
        if isinstance(found, str | list | int | float):
            raise ConfigError("key 'source' is no object; expected one with kind, url, table or query, and watermark")
        if isinstance(found, dict) and not isinstance(found.get("url"), str):
            raise ConfigError(f"key 'source.url' is missing or no text; {_A_URL}")
        return found

    @model_validator(mode="after")
    def _can_be_asked(self) -> DatabaseSource:
        if fault := _fault(self):
            raise ConfigError(fault)  # not a ValueError: its message would show the value, and so the password
        return self


def _fault(source: DatabaseSource) -> str | None:
    """Say why a section cannot be used, without any value that may hold a password."""
    found = IN_URL.match(source.url)
    if (found and not _PLACEHOLDER.fullmatch(found[1])) or _IN_OPTIONS.search(source.url):
        return f"key 'source.url' holds a password; take it out and {_WHERE}"
    if not re.match(r"\w[\w+.-]*://", source.url):
        return f"key 'source.url' is no URL; {_A_URL}"
    if (source.table is None) == (source.query is None):
        return f"key 'source' has {'both' if source.table else 'neither'} of table and query; expected one of them"
    if source.table is not None and (not source.table or CONTROL.search(source.table)):
        return "key 'source.table' is no name; expected a table, with its schema before a dot where it needs one"
    if source.table and source.table.lower().endswith(".csv"):
        return "key 'source.table' ends in .csv as files do; ask for it by a query"
    if source.query is not None and (not source.query.strip() or ";" in source.query):
        return "key 'source.query' is blank or holds a semicolon; expected one SELECT without any"
    return None
