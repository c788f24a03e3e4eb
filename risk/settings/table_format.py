"""The section `format` of the settings: how the files that arrive are written."""

from __future__ import annotations

import codecs
import functools
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, Strict, field_validator, model_validator
from pydantic.dataclasses import dataclass

CHARACTER = Field(min_length=1, max_length=1, pattern="[^\r\n\x00A-Za-z0-9]")
ISO = "%Y-%m-%d"
LONGEST_FOOTER = 1_000


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Format:
    """How the tables that arrive are written; `plain` is what a file is read by where nothing is declared."""

    delimiter: Annotated[str, CHARACTER] = ","
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", "'", " "] = ""
    encoding: str = "utf-8"
    quote: Annotated[str, Field(max_length=1, pattern="^[^\r\n\x00]?$")] = '"'
    dates: str = ISO
    units: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    sheet: str | int | None = None
    header_row: Annotated[int, Strict(), Field(ge=1, le=LONGEST_FOOTER)] = 1
    skip_footer: Annotated[int, Strict(), Field(ge=0, le=LONGEST_FOOTER)] = 0

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)  # of text codecs alone: neither base64 nor zip
            name = codecs.lookup(value).name
        except LookupError:
            raise ValueError('expected an encoding such as "utf-8", "cp1252" or "utf-16"') from None
        return "utf-8" if name == "utf-8-sig" else name

    @field_validator("sheet", mode="before")
    @classmethod
    def _name_or_number(cls, value: Any) -> Any:
        if value is None or (isinstance(value, str) and value) or (type(value) is int and value >= 1):
            return value
        raise ValueError("expected the name of a sheet, or its number from 1")

    @field_validator("dates")
    @classmethod
    def _whole_dates(cls, value: str) -> str:
        """A pattern has to tell the day, or the month, as it was."""
        for day in (date(2026, 12, 31), date(2026, 12, 1)):
            try:
                if datetime.strptime(day.strftime(value), value).date() == day:
                    return value
            except ValueError:
                continue
        raise ValueError('expected a pattern with %d, %m and %Y, such as "%d.%m.%Y"')

    @field_validator("units")
    @classmethod
    def _no_numbers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if bad := [unit for unit in value if unit != unit.strip() or set(unit) & set("0123456789.,-")]:
            raise ValueError(f"expected signs and words such as '€' or 'EUR', found {bad[0]!r}")
        return value

    @model_validator(mode="after")
    def _signs_differ(self) -> Format:
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands must differ")
        if self.delimiter == self.quote:
            raise ValueError("delimiter and quote must differ")
        return self

    @functools.cached_property
    def is_plain(self) -> bool:
        """Whether nothing but what every file is read by was declared."""
        return self == Format()

    @classmethod
    def differing(cls, found: object) -> dict[str, Any]:
        """The keys, as far as something has them, that are not as where nothing is declared."""
        known = {name: getattr(found, name) for name in cls.__dataclass_fields__ if hasattr(found, name)}
        plain = cls()
        return {name: list(it) if name == "units" else it for name, it in known.items() if it != getattr(plain, name)}

    @functools.cached_property
    def identity(self) -> list[Any]:
        """All that decides what a file means."""
        return [getattr(self, name) for name in self.__dataclass_fields__]
