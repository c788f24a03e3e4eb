"""Bodies of POST /prediction, read by closed schemas that are built from the columns."""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Annotated, Any

import msgspec
import pandas as pd
from msgspec import UNSET, Meta, UnsetType

from risk.reading.dialect import NUMBER
from risk.service import csv_body
from risk.service.problems import LONG_NUMBER, MAX_NAME, Problem, check_names, misfit
from risk.settings.schema import Feature, Schema

MAX_BODY = 16 * 2**20
MAX_ROWS = 100_000

_NAME = Annotated[str, Meta(max_length=MAX_NAME)]
_NUMBER = Annotated[int, Meta(description=f"at most {MAX_NAME} characters, taken as text")]
Clients = list[str | None]
Reader = Callable[[str], Any]


@dataclass(frozen=True)
class RequestedRows:
    """Clients to predict: their names as they were given, and a column per feature of a model (missing = None)."""

    clients: Clients
    columns: dict[str, list[Any]]
    kinds: Mapping[str, str]

    @property
    def frame(self) -> pd.DataFrame:
        """The columns as scikit-learn takes them: -0 is zero, missing is NaN or None."""
        types = {"numeric": "float64", "categorical": "object"}
        frame = {name: pd.Series(self.columns[name], dtype=types[kind]) for name, kind in self.kinds.items()}
        return pd.DataFrame({name: it + 0.0 if self.kinds[name] == "numeric" else it for name, it in frame.items()})


@dataclass(frozen=True)
class Ids:
    """Current clients by name, whose risks are already listed."""

    clients: list[str]


@dataclass(frozen=True)
class File:
    """The path of a CSV file to predict, as it was given."""

    path: str


class Contract:
    """Reads requests for one model: its features, with the other columns of a client file known and ignored."""

    def __init__(self, schema: Schema, kinds: Mapping[str, str]) -> None:
        self.client = schema.client
        self.features = {name: schema.features.get(name, Feature()).minimum for name in kinds}
        self.kinds, self.trusted = dict(kinds), schema.trusted
        self.missing = frozenset(("", *schema.missing))
        known = [*(column.name for column in schema.columns), *schema.features, *schema.ignore]
        others = [name for name in dict.fromkeys(known) if name not in self.kinds and name != self.client]
        self._decoder = self._decoder_for(others)

    @property
    def asked(self) -> Any:
        """The type of a JSON body: a list of clients, or an object with them, ids or the path of a file."""
        return self._decoder.type

    def client_of(self, cells: Mapping[str, str | None]) -> dict[str, Any]:
        """The row of a CSV file as a client for JSON. Raises: Problem 422 where the row does not fit."""
        readers = self._readers(list(cells))
        try:
            return {name: read((cells[name] or "").strip()) for name, (_, read) in readers.items()}
        except ValueError as error:
            raise Problem(422, f"expected {error}") from error

    def read_json(self, body: bytes) -> RequestedRows | Ids | File:
        """Return what a JSON body asks. Raises: Problem 400 where it is not JSON, 413 or 422 where it does not fit."""
        body = body.removeprefix(codecs.BOM_UTF8)
        try:
            try:
                asked = self._decoder.decode(body)
            except msgspec.ValidationError as error:
                if self._is_a_client(body):
                    return self.read_json(b"[" + body + b"]")
                raise misfit(str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Problem(400, f"the body is not JSON in UTF-8 ({error}); send an object or a list") from error
        if isinstance(asked, list):
            check_names(body, self._n_names(asked))
            return self._rows(asked)
        given = [name for name in ("clients", "ids", "filepath") if getattr(asked, name) is not UNSET]
        if len(given) != 1:
            raise Problem(422, f"found {' and '.join(given) or 'none'} of clients, ids, filepath; expected exactly one")
        if asked.clients is not UNSET:
            clients = asked.clients if isinstance(asked.clients, list) else [asked.clients]
            check_names(body, 1 + self._n_names(clients))
            return self._rows(clients)
        check_names(body, 1)
        if asked.filepath is not UNSET:
            return File(asked.filepath)
        _check_size(len(asked.ids))
        return Ids(_texts_of(asked.ids, "ids"))

    def read_csv(self, content: bytes) -> RequestedRows:
        """The rows of a CSV text with a header; columns that are no feature are ignored, the client's is kept.

        Raises: Problem 400 where it is not CSV, 413 or 422 with row and field where it does not fit.
        """
        text = csv_body.decoded(content, self.kinds)
        return self._by_columns(text) or self._by_cells(text)

    def _by_columns(self, text: str) -> RequestedRows | None:
        """The rows of a text in which everything is plain; None where a cell has to be looked at alone."""
        plain = csv_body.columns_of(text, MAX_ROWS)
        if plain is None:
            return None
        readers, cells = self._readers([name.strip() for name in plain[0]]), plain[1]
        columns: dict[str, list[Any]] = {}
        for name, (place, _) in readers.items():
            is_number = self.kinds.get(name) == "numeric"
            read = partial(csv_body.numbers, minimum=self.features[name]) if is_number else _TEXTS
            found = read(cells[place], self.missing)
            if found is None:
                return None
            columns[name] = found
        return RequestedRows(columns.get(self.client) or [None] * len(cells[0]), columns, self.kinds)

    def _by_cells(self, text: str) -> RequestedRows:
        lines = csv_body.records(text)
        header = [name.strip() for name in next(lines, (1, []))[1]]
        readers = self._readers(header)
        columns: dict[str, list[Any]] = {name: [] for name in readers}
        for row, (line, cells) in enumerate(lines):
            _check_size(row + 1)
            if len(cells) != len(header):
                told = f"line {line}: found {len(cells)} fields, expected {len(header)} as in line 1"
                raise Problem(422, told, row=row)
            for name, (place, read) in readers.items():
                try:
                    columns[name].append(read(cells[place].strip()))
                except ValueError as error:
                    found = f"line {line}: {name} is {cells[place][:40]!r}, expected {error}"
                    raise Problem(422, found, row=row, field=name[:MAX_NAME]) from error
        n_rows = len(next(iter(columns.values())))
        return RequestedRows(columns.get(self.client) or [None] * n_rows, columns, self.kinds)

    def _decoder_for(self, others: list[str]) -> msgspec.json.Decoder[Any]:
        """The decoder of request bodies; columns are attributes c0, c1, … that carry their names on the wire."""
        types: dict[str, Any] = {
            name: (_NAME if self.kinds[name] == "categorical" else Annotated[float, Meta(ge=least)]) | None
            for name, least in self.features.items()
        }
        optional: dict[str, Any] = {self.client: _NAME | _NUMBER | None}
        optional |= {name: Annotated[str, Meta(max_length=1000)] | float | bool | None for name in others}
        fields: list[Any] = [(f"c{place}", kind) for place, kind in enumerate(types.values())]
        fields += [(f"c{place}", kind | UnsetType, UNSET) for place, kind in enumerate(optional.values(), len(types))]
        names = self._names = {f"c{place}": name for place, name in enumerate([*types, *optional])}
        told = [attrgetter(name) for name in names]
        self._wanted, self._optional = dict(zip(types, told, strict=False)), told[len(types) :]
        client: Any = msgspec.defstruct("ClientFigures", fields, rename=names, forbid_unknown_fields=True, gc=False)
        asked: list[Any] = [
            ("clients", list[client] | client | UnsetType, UNSET),
            ("ids", list[_NAME | _NUMBER] | UnsetType, UNSET),
        ]
        asked += [("filepath", Annotated[str, Meta(max_length=1000)] | UnsetType, UNSET)]
        body = msgspec.defstruct("Body", asked, forbid_unknown_fields=True)
        return msgspec.json.Decoder(list[client] | body)

    def _is_a_client(self, body: bytes) -> bool:
        """Whether a body is an object with a column of a client, and with nothing that may hold clients."""
        try:
            names = msgspec.json.decode(body, type=dict[str, msgspec.Raw]).keys()
        except msgspec.ValidationError:
            return False
        return not names.isdisjoint(self._names.values()) and names.isdisjoint(("clients", "ids", "filepath"))

    def _n_names(self, clients: list[Any]) -> int:
        """How many names of columns stand in the clients, each once."""
        unset = sum(list(map(told, clients)).count(UNSET) for told in self._optional)
        return len(clients) * len(self._names) - unset

    def _rows(self, clients: list[Any]) -> RequestedRows:
        _check_size(len(clients))
        columns = {name: list(map(told, clients)) for name, told in self._wanted.items()}
        for name, kind in self.kinds.items():
            if kind == "categorical":
                read = {text: None if text is None else self._text(text.strip()) for text in set(columns[name])}
                columns[name] = list(map(read.__getitem__, columns[name]))
        named = list(map(self._optional[0], clients))
        if not set(map(type, named)) <= {str}:
            named = _texts_of([None if name is UNSET else name for name in named], self.client)
        return RequestedRows(named, columns, self.kinds)

    def _readers(self, header: list[str]) -> dict[str, tuple[int, Reader]]:
        """The place in the header and the reader of each wanted column."""
        wanted = {name: self._number_of(name) if kind == "numeric" else self._text for name, kind in self.kinds.items()}
        if self.client in header:
            wanted.setdefault(self.client, self._text)
        for name in wanted:
            if header.count(name) != 1:
                found = "occurs twice" if name in header else "is missing"
                raise Problem(422, f"line 1: column {name!r} {found}; expected once", field=name)
        return {name: (header.index(name), read) for name, read in wanted.items()}

    def _text(self, text: str) -> str | None:
        if len(text) > MAX_NAME:
            raise ValueError(f"text of at most {MAX_NAME} characters")
        return None if text in self.missing else text

    def _number_of(self, name: str) -> Reader:
        minimum, missing = self.features[name], self.missing
        expected = "a plain decimal number" + ("" if minimum is None else f" of at least {minimum:g}")

        def read(text: str) -> float | None:
            if text in missing:
                return None
            number = float(text) if NUMBER.fullmatch(text) else math.inf
            if math.isinf(number) or (minimum is not None and number < minimum):
                raise ValueError(expected)
            return number

        return read


def _texts_of(ids: list[Any], field: str) -> list[Any]:
    """Ids as texts, None where there is none. Raises: Problem 422 for a number that is longer than a text may be."""
    texts = [None if it is None else str(it) for it in ids]
    for row, text in enumerate(texts):
        if text is not None and len(text) > MAX_NAME:
            raise Problem(422, f"row {row}: {field}: {LONG_NUMBER}", row=row, field=field)
    return texts


_TEXTS = partial(csv_body.texts, longest=MAX_NAME)


def _check_size(n_rows: int) -> None:
    if n_rows > MAX_ROWS:
        raise Problem(413, f"found more than {MAX_ROWS:,} rows; send them in several requests")
