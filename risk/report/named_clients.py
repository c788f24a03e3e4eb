"""Clients who are named to be erased: who of them is or was one, and what else their names may mean.

Reads everything that an installation keeps; writes nothing. A client is whoever stands in a column of clients, in the
entry of a list, in a refused row, or in the register of those who were erased. A mere word is none.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from risk.dataset import outcomes
from risk.dataset.erasure import Erasure
from risk.dataset.manifest import State
from risk.disk import paths
from risk.disk.redacted_csv import records
from risk.disk.redaction import CLIENT, ClientNames
from risk.reading import erased
from risk.reading.sql import connect, quoted
from risk.registry.releases import object_in
from risk.settings.schema import Schema

PROGRAM = Path(__file__).parents[2]
WRITES_NOTHING_KEPT = {"service", "simulation", "proposal"}


@dataclass(frozen=True)
class Home:
    """What an installation keeps, by its folders, and the folders of others that may hold a client."""

    production: Path
    ingested: Path
    models: Path
    outcomes: Path
    others: tuple[Path, ...]
    schema: Schema
    input_folder: str
    size_cap: int
    max_final_rows: int

    @property
    def kept(self) -> tuple[Path, ...]:
        return self.production, self.ingested, self.models, self.outcomes / paths.RECORDED

    @property
    def journal(self) -> Path:
        return self.production / paths.JOURNAL

    @property
    def order(self) -> Path:
        return self.production / paths.ERASING


def known(home: Home, clients: Collection[str]) -> set[str]:
    """Those who are or were a client here, or whose rows were refused. Raises: ErasureError, DiskError."""
    register = erased.read(home.production)
    found = {it for it in clients if register.holds(it)}
    found |= {it.client for it in outcomes.read(home.outcomes, home.size_cap).contacts} & set(clients)
    names, columns = ClientNames(frozenset(clients)), (CLIENT, home.schema.client)
    parts = Erasure(home.ingested, home.schema, names).of_clients
    found |= parts.named()
    asked = set(parts.rows.having(home.schema.client))
    for path in (it for folder in home.kept for it in sorted(folder.rglob("*"))):
        read = _READERS.get(path.suffix) if path.is_file() and not path.is_symlink() and path not in asked else None
        if read and not found >= names.names:
            found |= set(read(path, names, columns))
    return found & names.names


def names(home: Home, clients: Collection[str]) -> ClientNames:
    """The names, beside what else they may mean: values of other columns, words of ours, parts of longer names."""
    alone = ClientNames(frozenset(clients))
    longer, values = Erasure(home.ingested, home.schema, alone).of_clients.values_of_others()
    written = home.journal.read_text(encoding="utf-8") if home.journal.is_file() else ""
    alone = ClientNames(alone.names, frozenset(filter(alone.may_name, longer)))
    ours = set(get_args(State)) | _keys(object_in(home.models / paths.SNAPSHOT))
    ours |= _keys(object_in(home.models / paths.CARD))
    shared = {it.group() for it in alone.pattern.finditer(written) if not it["other"]} & alone.names
    texts = f"{home.schema!r}\n{_our_texts(alone)}"
    spoken = (it for it in alone.names if it in texts and re.search(rf"(?<!\w){re.escape(it)}(?!\w)", texts))
    shared |= {it for it in alone.names if it in ours} | set(spoken)
    return ClientNames(alone.names, alone.others, frozenset(shared)).beside(values)


def _our_texts(names: ClientNames) -> str:
    """The texts of the program itself, as it writes them into what is kept, of the files in which a name is sought."""
    found = list[str]()
    for path in (*sorted(PROGRAM.glob("*.py")), *sorted((PROGRAM / "risk").rglob("*.py"))):
        text = path.read_text(encoding="utf-8")
        if path.parent.name not in WRITES_NOTHING_KEPT and names.may_be_in(text):
            nodes = [*ast.walk(ast.parse(text))]
            apart = {id(it.value) for it in nodes if isinstance(it, ast.Expr)}  # what documents it
            constants = (it for it in nodes if isinstance(it, ast.Constant) and id(it) not in apart)
            found += [it.value for it in constants if isinstance(it.value, str)]
    return "\n".join(found)


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_keys, value.values()))
    return set().union(*map(_keys, value)) if isinstance(value, list) else set()


# --- who stands where a client is meant -------------------------------------------------------------------------------


def _in_parquet(path: Path, names: ClientNames, columns: Collection[str]) -> Iterator[str]:
    with connect(threads=1) as connection:
        ask = "select name from parquet_schema(?) where type = 'BYTE_ARRAY'"
        texts = [name for (name,) in connection.execute(ask, [str(path)]).fetchall()]
        for name in [it for it in texts if it in columns] or texts:  # of another schema: any text
            query = f"select distinct {quoted(name)} from read_parquet(?) where {quoted(name)} in (select unnest(?))"
            yield from (it for (it,) in connection.execute(query, [str(path), sorted(names.names)]).fetchall())


def _in_csv(path: Path, names: ClientNames, columns: Collection[str]) -> Iterator[str]:
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    if not names.may_be_in(text):
        return
    at: list[int] | None = None
    for _, record in records(text, names):
        at = [place for place, name in enumerate(record or ()) if name in columns] if at is None else at
        cells = [record[place] for place in at if record and place < len(record)]
        yield from (name for it in cells if names.is_client(it) for name in (it, it[1:]))


def _in_json(path: Path, names: ClientNames, columns: Collection[str]) -> Iterator[str]:
    if names.may_be_in(path.read_text(encoding="utf-8", errors="replace")):
        yield from _entries(object_in(path))


def _entries(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and isinstance(value.get(CLIENT), str):
        yield value[CLIENT]
    for it in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _entries(it)


def _in_refusals(path: Path, names: ClientNames, columns: Collection[str]) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").split("\n"):
        refusal = json.loads(line) if line and names.may_be_in(line) else {}
        shown = refusal.get("value") or ""
        if refusal.get("column") in columns:
            yield shown
        elif refusal.get("column") is None:  # a row as it was written
            yield from (it.strip(' "') for it in re.split(r"[,;\t|]", shown))
            yield from (it for it in names.names if f'"{it.replace(chr(34), chr(34) * 2)}"' in shown)


_READERS: dict[str, Callable[[Path, ClientNames, Collection[str]], Iterator[str]]] = {
    ".parquet": _in_parquet,
    ".csv": _in_csv,
    ".json": _in_json,
    ".refused": _in_refusals,
}
