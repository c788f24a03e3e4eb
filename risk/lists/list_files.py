"""The files of kept call lists: one of each list, and one of each year with one list a day, sorted by client.

Each says in its metadata which lists it holds, with the digest of their rows, whatever file these lie in.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from risk.disk import files
from risk.errors import DiskError
from risk.reading.sql import connect, literal, pattern
from risk.text import event, log

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FIELDS = {
    "client": "varchar", "rank": "integer", "risk": "decimal(5, 4)", "value": "double", "period": "varchar",
    "on_list": "boolean", "control": "boolean", "open": "boolean",
}  # fmt: skip
SUFFIX, METADATA = ".parquet", "lists"
MOST_DAYS = 12  # files of days that lie beside the file of their year: each costs a reader about a millisecond
GROUP = 40_960  # rows that are read together; a client's rows lie in one group of a year


@dataclass(frozen=True)
class ListFacts:
    """What is known of a list beside its rows: its day, and whether it was made afterwards from what was known then.

    `n_trained` rows had its model, which is that of the release; `run` made it from data up to the newest period.
    """

    as_of: str
    run: int
    n_trained: int
    release: str | None = None
    replayed: bool = False
    newest_period: str | None = None
    level: float | None = None
    deviation: float | None = None

    @property
    def told(self) -> dict[str, Any]:
        """These facts as a file tells them and the digest counts them; older lists know no newest period."""
        later = ("newest_period", "level", "deviation")  # keys that lists of an older program lack
        return {name: it for name, it in asdict(self).items() if name not in later or it is not None}


@dataclass(frozen=True)
class KeptList:
    """A list on disk, with the digest of its rows."""

    facts: ListFacts
    digest: str
    n: int
    file: str = ""

    @property
    def noted(self) -> dict[str, Any]:
        """What the journal says of it."""
        told = {"as_of": self.facts.as_of, "digest": self.digest, "n": self.n}
        told |= {"newest_period": self.facts.newest_period} if self.facts.newest_period else {}
        return told | ({"replayed": True} if self.facts.replayed else {})


def digest(facts: ListFacts, rows: pd.DataFrame | Mapping[str, Any]) -> str:
    """The SHA-256 of a list, whatever file its rows come from: of its facts, then of each column in order of client.

    Clients and periods are texts, or these as `hashes`.
    """
    values = np.asarray(rows["value"], dtype="<f8")
    texts = [np.asarray(rows[name]) for name in ("client", "period")]
    columns = [
        *(it if it.dtype == np.uint8 else hashes(it.tolist()) for it in texts),
        np.asarray(rows["rank"], dtype="<i4"),
        np.rint(np.asarray(rows["risk"], dtype=np.float64) * 10_000).astype("<u2"),
        np.where(np.isnan(values), np.nan, values) + 0.0,
        *(np.asarray(rows[name], dtype="u1") for name in ("on_list", "control", "open")),
    ]
    whole = hashlib.sha256(json.dumps([facts.told, len(values)], sort_keys=True).encode())
    for column in columns:
        whole.update(hashlib.sha256(column.tobytes()).digest())
    return whole.hexdigest()


def hashes(texts: Sequence[str | None]) -> NDArray[np.uint8]:
    """16 bytes for each text, of its SHA-256; zeros for None."""
    known: dict[str | None, bytes] = {None: bytes(16)}
    for text in texts:
        if text not in known:
            known[text] = hashlib.sha256(str(text).encode()).digest()[:16]
    return np.frombuffer(b"".join(map(known.__getitem__, texts)), dtype=np.uint8).reshape(-1, 16)


def select(folder: Path, kept: Sequence[KeptList]) -> str:
    """The query of the rows of lists, each with its day `as_of` and the place of its `list` among these."""
    query, parts = "select * from read_parquet({})", []
    for file, lists in itertools.groupby(sorted(enumerate(kept), key=_file_of), key=_file_of):
        rows = query.format(literal(pattern(folder / file)))
        days = ", ".join(f"(date {literal(it.facts.as_of)}, {place})" for place, it in lists)
        parts.append(f"{rows} join (values {days}) as held(as_of, list) using (as_of)")
    empty = ", ".join(f"cast(null as {kind}) as {name}" for name, kind in FIELDS.items())
    return " union all ".join(parts) or f"select date '2000-01-01' as as_of, {empty}, 0 as list where false"


def _file_of(placed: tuple[int, KeptList]) -> str:
    return placed[1].file


@contextlib.contextmanager
def refusals(folder: Path) -> Iterator[None]:
    """Turn what DuckDB cannot read or write below a folder into one sentence."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        why = str(error).splitlines()[0]
        raise DiskError(
            f"{folder}: the lists cannot be read or written ({why}). What was there before is unchanged. "
            "Make room or put the folder back from a backup, then run again.",
            record=f"{folder}: the lists cannot be read or written; the log says why",
        ) from error


def held(folder: Path) -> list[KeptList]:
    """Every list of every file; a file that cannot be read holds none."""
    files_there = sorted(folder.glob(f"[0-9]*{SUFFIX}"))
    try:
        return _held(folder, files_there)
    except DiskError:  # one file at least: each by itself
        found = []
        for path in files_there:
            try:
                found += _held(folder, [path])
            except DiskError as error:
                log.warning(event("a file of lists cannot be read", path=path, reason=error))
        return found


def of_days(folder: Path) -> set[str]:
    """The names of the files of days, whatever is in them."""
    return {path.name for path in folder.glob(f"[0-9]*-*{SUFFIX}")}


def _held(folder: Path, those: Sequence[Path]) -> list[KeptList]:
    if not those:
        return []
    with refusals(folder), connect(threads=1) as connection:
        paths = ", ".join(literal(pattern(path)) for path in those)
        query = f"""select parse_filename(file_name), decode(value) from parquet_kv_metadata([{paths}])
            where decode(key) = {literal(METADATA)}"""
        told = connection.execute(query).fetchall()
    try:
        return [KeptList(ListFacts(**it), whole, n, name) for name, text in told for it, whole, n in json.loads(text)]
    except (ValueError, TypeError) as error:
        raise DiskError(f"{folder}: what a file says of its lists cannot be understood ({error})") from error


def write(folder: Path, facts: ListFacts, rows: pd.DataFrame) -> KeptList:
    """Write a list as the file of its day."""
    whole = digest(facts, rows)
    kept = KeptList(facts, whole, len(rows), f"{facts.as_of}-{whole[:12]}{SUFFIX}")
    fields = ", ".join(f"cast({name} as {kind}) as {name}" for name, kind in FIELDS.items())
    with refusals(folder), connect(threads=1) as connection:
        connection.register("made", rows)
        _write(connection, f"select date {literal(facts.as_of)} as as_of, {fields} from made", folder, [kept])
    return kept


def consolidated(folder: Path, stay: list[KeptList], noted: Mapping[str, str], newest: str) -> list[KeptList]:
    """Take days into the file of their year, where the year is over or many lie there; whatever fails can wait."""
    lists = list(stay)
    for year, kept in itertools.groupby(stay, key=lambda it: it.facts.as_of[:4]):
        file = f"{year}{SUFFIX}"
        of_year = list(kept)
        proven = sorted((it for it in of_year if it.digest in noted), key=lambda it: it.file == file)
        days = [it for it in {it.facts.as_of: it for it in proven}.values() if it.file != file]  # one of each day
        is_damaged = (folder / file).exists() and all(it.file != file for it in of_year)
        if is_damaged or len(days) <= (MOST_DAYS if year == newest[:4] else 0):
            continue
        try:
            with refusals(folder), connect(threads=1) as connection:
                sound = [it for it in days if digest(it.facts, rows_of(connection, folder, it)) == it.digest]
                whole = [it for it in of_year if it.file == file or it in sound]
                merged = [replace(it, file=file) for it in whole]
                if sound:
                    _write(connection, f"select * exclude (list) from ({select(folder, whole)})", folder, merged)
        except DiskError as error:
            log.warning(event("days of lists stay in files of their own", year=year, reason=error))
            continue
        lists = [it for it in lists if it not in whole] + merged
    return sorted(lists, key=lambda it: it.facts.as_of)


def rewrite(folder: Path, stay: Sequence[KeptList]) -> None:
    """Rewrite the file that holds these lists, with them alone."""
    with refusals(folder), connect(threads=1) as connection:
        _write(connection, f"select * exclude (list) from ({select(folder, stay)})", folder, stay)


def rows_of(connection: DuckDBPyConnection, folder: Path, kept: KeptList) -> dict[str, Any]:
    """The rows of a list in the order of the clients."""
    return columns(connection, f"select * exclude (list) from ({select(folder, [kept])}) order by client")


def columns(connection: DuckDBPyConnection, query: str) -> dict[str, NDArray[Any]]:
    """The answer to a query as arrays; a missing number is NaN, a missing text None."""
    answer = connection.execute(query).fetchnumpy()
    return {name: _filled(column) for name, column in answer.items()}


def _filled(column: Any) -> NDArray[Any]:
    if not np.ma.isMaskedArray(column):
        return np.asarray(column)
    if column.dtype.kind != "O":
        return np.asarray(column.filled(np.nan) if column.dtype.kind == "f" else column.data)
    texts = np.array(column.data, dtype=object)
    texts[np.ma.getmaskarray(column)] = None
    return texts


def _write(connection: DuckDBPyConnection, query: str, folder: Path, kept: Sequence[KeptList]) -> None:
    """Write the file of lists, the same bytes for the same lists."""
    ordered = f"select * from ({query}) order by client, as_of"

    def copy(path: Path) -> None:
        connection.execute(f"copy ({ordered}) to {literal(str(path))} ({options(kept)})")

    files.write(folder / kept[0].file, copy)


def options(kept: Sequence[KeptList]) -> str:
    """How DuckDB writes a file of these lists."""
    told = json.dumps([[it.facts.told, it.digest, it.n] for it in kept], sort_keys=True)
    written = f"format parquet, compression zstd, parquet_version v2, row_group_size {GROUP}"
    return f"{written}, kv_metadata {{{METADATA}: {literal(told)}}}"
