"""Occurrences of clients in everything that is kept, and in the files of others: texts, tables and prints."""

from __future__ import annotations

import base64
import codecs
import contextlib
import csv
import html
import io
import itertools
import json
import re
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb

from risk.disk import paths
from risk.disk.redacted_csv import records
from risk.disk.redaction import CLIENT, ClientNames
from risk.errors import SourceError
from risk.reading import column_search, plain
from risk.reading.sql import connect, quoted
from risk.settings.schema import Schema

LEFT_OUT = (paths.ERASING, paths.ERASED_KEY)
JSON = (".json", ".jsonl", ".refused")
_STREAM = re.compile(rb"(\d+) 0 obj\s*(<<.*?>>)\s*stream\r?\n(.*?)endstream", re.DOTALL)
_FONT = re.compile(rb"/Name /(\S+) /Subtype /TrueType\s+/ToUnicode (\d+) 0 R")
_TEXT = re.compile(r'<t[^>]*>([^<]*)</t>|name="([^"]*)"')
_CODES = re.compile(rb"<(\w\w)> <(\w{4})>")
_SHOWN = re.compile(rb"/(\S+) [\d.]+ Tf|\(((?:\\.|[^\\()])*)\)\s*Tj", re.DOTALL)


def kept(folders: Iterable[Path], names: ClientNames, client: str) -> dict[str, int]:
    """How often the clients stand in each file below some folders; none where they do not. Raises: DiskError."""
    found = {}
    for path in sorted({it for folder in folders for it in ([folder] if folder.is_file() else folder.rglob("*"))}):
        is_asked = path.is_file() and not path.is_symlink() and path.name not in LEFT_OUT and path.suffix != ".lock"
        if is_asked and (n := in_file(path, names, (CLIENT, client))):
            found[str(path)] = n
    return found


def in_file(path: Path, names: ClientNames, columns: Collection[str]) -> int:
    """How often the clients stand in a file, whatever its kind."""
    if path.suffix == ".parquet":
        with contextlib.suppress(duckdb.Error):
            return _in_parquet(path, names, columns)
    content = path.read_bytes()
    if path.suffix == ".xlsx":
        with contextlib.suppress(zipfile.BadZipFile):
            return sum(_is_one(text, names) or names.count(text) for text in _cells(content))
    if path.suffix == ".pdf":
        return sum(_is_one(text, names) or names.count(text) for text in _print(content))
    text = content.decode("utf-8", "surrogateescape")
    if path.suffix in JSON:
        with contextlib.suppress(ValueError):
            documents = [text] if path.suffix == ".json" else text.splitlines()
            return sum(_in_json(json.loads(it), names) for it in documents if it.strip())
    if path.suffix == ".csv":
        return _in_csv(text, names, columns)
    return names.count(text)


def _is_one(text: str, names: ClientNames) -> int:
    return int(text in names.plain)


def _in_json(value: Any, names: ClientNames, key: str = "") -> int:
    if isinstance(value, dict):
        return sum(_in_json(it, names, name) + _is_one(name, names) for name, it in value.items())
    if isinstance(value, list):
        return sum(_in_json(it, names, key) for it in value)
    if not isinstance(value, str):
        return 0
    return int(names.is_told(key, value)) or _is_one(value, names) or names.count(value, key)


def _in_csv(text: str, names: ClientNames, columns: Collection[str]) -> int:
    n, header = 0, list[str]()
    for raw, record in records(text, names):
        if record is None:
            n += names.count(raw)
            continue
        header = header or record
        n += sum(
            (name in columns and names.is_client(cell)) or names.count(cell, name)
            for name, cell in itertools.zip_longest(header, record, fillvalue="")
        )
    return n


def _in_parquet(path: Path, names: ClientNames, columns: Collection[str]) -> int:
    with connect(threads=1) as connection:
        ask = "select name from parquet_schema(?) where type = 'BYTE_ARRAY'"
        texts = [name for (name,) in connection.execute(ask, [str(path)]).fetchall()]
        n = 0
        for name in texts:
            query = f"select count(*) from read_parquet(?) where {quoted(name)} in (select unnest(?))"
            sought = sorted(names.names if name in columns else names.plain)
            n += int(connection.execute(query, [str(path), sought]).fetchall()[0][0])
        facts = connection.execute("select decode(value) from parquet_kv_metadata(?)", [str(path)]).fetchall()
        return n + sum(names.count(text) for (text,) in facts)


def _cells(workbook: bytes) -> Iterator[str]:
    """Yield every text of a workbook, and the names of its sheets."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as members:
        for name in members.namelist():
            content = members.read(name).decode("utf-8", "replace")
            for text, sheet in _TEXT.findall(content):
                yield html.unescape(text or sheet)


def _print(pdf: bytes) -> Iterator[str]:
    """Yield the texts of a PDF as it prints them, each by the characters of its font; of no other's PDF."""
    streams = {int(number): _unpacked(head, body) for number, head, body in _STREAM.findall(pdf)}
    fonts = {name: _CODES.findall(streams.get(int(number), b"")) for name, number in _FONT.findall(pdf)}
    known = {name: {int(code, 16): chr(int(sign, 16)) for code, sign in codes} for name, codes in fonts.items()}
    for content in streams.values():
        signs: dict[int, str] = {}
        for font, shown in _SHOWN.findall(content) if b" Tf" in content else ():
            if font:
                signs = known.get(font, {})
            else:
                codes = re.sub(rb"\\(\d{3}|.)", lambda it: _escaped(it[1]), shown)
                yield "".join(signs.get(code) or chr(code) for code in codes)


def _escaped(code: bytes) -> bytes:
    named = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
    return bytes([int(code, 8)]) if len(code) == 3 else named.get(code, code)


def _unpacked(head: bytes, body: bytes) -> bytes:
    with contextlib.suppress(ValueError, zlib.error):
        content = body.strip() if b"ASCII85" in head else body
        content = base64.a85decode(content.removesuffix(b"~>")) if b"ASCII85" in head else content
        return zlib.decompress(content) if b"Flate" in head else content
    return b""


# --- the files of others ----------------------------------------------------------------------------------------------


def in_sources(folders: Iterable[Path], names: ClientNames, schema: Schema, size_cap: int) -> dict[str, int]:
    """How many rows of each file of others are of the clients; -1 where a file cannot be read."""
    found = {}
    for path in sorted({it for folder in folders for it in folder.rglob("*") if it.is_file()}):
        if paths.kind_of(path.name) and (n := _in_source(path, names, schema, size_cap)):
            found[str(path)] = n
    return found


def _in_source(path: Path, names: ClientNames, schema: Schema, size_cap: int) -> int:
    try:
        content = plain.as_csv(path, path.name, schema, size_cap).removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
        start = content.find(b"\n") + 1 or len(content)
        header = [name.strip() for name in next(csv.reader([content[:start].decode("utf-8", "replace")]), [])]
    except (OSError, SourceError, UnicodeDecodeError, csv.Error):
        try:
            return names.count(path.read_bytes().decode("utf-8", "replace"))
        except OSError:
            return -1
    columns = (CLIENT, schema.client)
    place = next((at for at, name in enumerate(header) if name in columns), None)
    if place is not None and (n := column_search.n_rows(content, start, place, len(header), names.names)) is not None:
        return n
    text = content[start:].decode("utf-8", "replace")
    rows = (record if record is not None else [raw] for raw, record in records(text, names))
    if place is None:  # of another kind: a row with such a cell
        return sum(any(cell.strip(" ") in names.names for cell in row) for row in rows)
    return sum(row[place].strip(" ") in names.names for row in rows if place < len(row))
