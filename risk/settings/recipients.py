"""The section `deliver` of the settings: who is sent the list, how often, by which server, and where alerts go."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic.dataclasses import dataclass

from risk.settings.schema import CLOSED, Name, Whole

SMTP_PASSWORD = "RISK_SMTP_PASSWORD"
PORTS = {"starttls": 587, "tls": 465, "none": 25}
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", re.ASCII)
_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")


def _address(text: str) -> str:
    if len(text) > 254 or not _ADDRESS.fullmatch(text):
        raise ValueError("expected one mail address such as anna@example.com")
    return text


Address = Annotated[str, AfterValidator(_address)]


@dataclass(frozen=True, config=CLOSED)
class Smtp:
    """The mail server. `user` is needed where it asks for a password, which is never in this section."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]+$")]
    sender: Address = Field(alias="from")
    port: Annotated[Whole, Field(ge=1, le=65535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: Name | None = None
    password_file: Name | None = None

    @model_validator(mode="after")
    def _keeps_the_password(self) -> Smtp:
        if self.user is not None and not (self.user.isascii() and self.user.isprintable()):
            raise ValueError("user holds characters that are not printable ASCII")
        if self.password_file and not self.user:
            raise ValueError("password_file needs a user")
        if self.user and self.security == "none" and not _LOOPBACK.fullmatch(self.host):
            raise ValueError("a password is sent without encryption to this machine alone; set security to starttls")
        return self


@dataclass(frozen=True, config=CLOSED)
class Deliver:
    """Who is sent what: each of the `owners` the own clients, those in `to` the whole list and the report."""

    when: Literal["weekly", "daily", "each"] = "weekly"
    owners: dict[Name, Address] = Field(default_factory=dict)
    to: tuple[Address, ...] = ()
    smtp: Smtp | None = None
    alert_url: str | None = None

    @field_validator("alert_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None:
            place = urlsplit(value) if value.isprintable() and " " not in value else urlsplit("")
            if place.scheme not in ("http", "https") or not place.hostname or "@" in place.netloc:
                raise ValueError("expected the URL of a web hook, such as https://chat.example.com/hooks/…")
            _ = place.port  # raises ValueError where it is none
        return value

    @model_validator(mode="after")
    def _has_a_server(self) -> Deliver:
        if (self.owners or self.to) and self.smtp is None:
            raise ValueError("owners and to need a mail server; name it in 'deliver.smtp'")
        return self

    @property
    def is_wanted(self) -> bool:
        return bool(self.owners or self.to or self.alert_url)
