"""One read-only connection to a database, and what it refuses in one line that knows no password.

Needs SQLAlchemy and a driver.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import sqlalchemy
from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection, Engine, make_url

from risk.errors import ConfigError, RiskError, SourceError

CONNECT_SECONDS = 10
SHOWN = 300  # characters of what a database says
SESSION = {  # of PostgreSQL: values have one form, whatever the role or the server prefers
    "datestyle": "ISO, YMD",
    "timezone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "lock_timeout": "30s",
}


@contextlib.contextmanager
def opened(url: str, password: str | None, name: str, root: Path) -> Iterator[Connection]:
    """Open a read-only transaction in which every answer is of the same moment.

    `name` is what the source is called in errors; a relative path in the URL begins at `root`.
    Raises: ConfigError where the URL cannot be used; SourceError in one line where the database refuses.
    """
    engine = _engine(url, password, name, root)
    move = "check that the server runs and that url, user and password are right"
    with _sentences(engine, password, name, "the connection failed", move):
        connection = engine.connect()
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with _sentences(engine, password, name, "reading failed", "the next run will retry"), connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        if engine.dialect.name == "postgresql":
            connection.execute(sqlalchemy.select(*(sqlalchemy.func.set_config(*it, True) for it in SESSION.items())))
        yield connection


def reason_of(error: Exception, password: str | None) -> str:
    """Return what a database said: its first line, without URLs and without the password in any form."""
    text = str(getattr(error, "orig", None) or error)
    for secret in sorted(_forms(password or ""), key=len, reverse=True):
        text = text.replace(secret, "***")
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [type(error).__name__]
    first = lines[1] if lines[0].endswith(":") and len(lines) > 1 else lines[0]
    return re.sub(r"\w[\w+.-]*://\S*", "(its url)", first)[:SHOWN]


def _forms(secret: str) -> set[str]:
    forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}
    forms |= {secret.replace("'", "''"), secret.replace("\\", "\\\\").replace("'", "\\'")}
    return (forms | {re.sub("%..", lambda match: match[0].lower(), form) for form in forms}) - {""}


@contextlib.contextmanager
def _sentences(engine: Engine, password: str | None, name: str, what: str, move: str) -> Iterator[None]:
    """Turn what a database refuses into one sentence; the error itself is not chained, it may know too much."""
    try:
        yield
    except RiskError:
        raise
    except (exc.SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as error:
        message = f"{name}: {what} ({reason_of(error, password)}). No rows were taken in; {move}"
        raise SourceError(message, record=f"{name}: {what}; the log says why") from None


def _engine(url: str, password: str | None, name: str, root: Path) -> Engine:
    try:
        place = make_url(url)
        if place.get_backend_name() == "sqlite":
            path = root / (place.database or "")
            if not path.is_file():
                raise SourceError(f"{name}: there is no file {path}; name the database in the key 'source.url'")
            query = {"mode": "ro", "uri": "true"}
            return _create(URL.create("sqlite", database=path.absolute().as_uri(), query=query))
        place = place.set(drivername=re.sub("^postgres(ql)?$", "postgresql+psycopg", place.drivername))
        place = place.set(password=password) if password else place
        patience = place.drivername == "postgresql+psycopg" and "connect_timeout" not in place.query
        options = {"connect_timeout": CONNECT_SECONDS} if patience else {}
        return _create(place, **options)
    except ModuleNotFoundError as error:
        driver = "psycopg[binary]" if error.name == "psycopg" else str(error.name)
        raise ConfigError(
            f"key 'source.url' needs the package {driver}; run .venv/bin/python -m pip install '{driver}'"
        ) from None
    except (exc.ArgumentError, ValueError):
        raise ConfigError(
            "key 'source.url' cannot be understood; expected postgresql://USER@HOST/DATABASE or sqlite:///FILE"
        ) from None


def _create(place: URL, **options: Any) -> Engine:
    return sqlalchemy.create_engine(place, poolclass=sqlalchemy.NullPool, hide_parameters=True, connect_args=options)
