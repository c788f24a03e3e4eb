"""Call lists as they were, kept so that what was said can be compared with what happened: the last one of each day and
newest period of the data, so that a list that outcomes can grade is never replaced by one of newer rows.

A list is one parquet file of its day until it goes into the file of its year, which is sorted by client. Each file
says in its metadata which lists it holds. The journal names the digest of every list, and a list counts when its rows
have that digest: a list that a killed run left replaces no other one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from risk.dataset.labels import Keys, KnownLabels
from risk.disk import files
from risk.errors import DiskError
from risk.lists import list_files, list_outcomes
from risk.lists.list_files import KeptList, ListFacts
from risk.lists.moves import FormerList
from risk.reading.sql import connect, literal, pattern
from risk.text import event, log

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def rows_of(everyone: pd.DataFrame, calls: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows to keep of every current client, in the order of the clients."""
    listed = {call["client"]: bool(call.get("control")) for call in calls}
    clients = everyone["client"].astype(object)
    rows = pd.DataFrame({
        "client": clients,
        "rank": everyone["rank"].astype(np.int32),
        "risk": np.round(everyone["risk"].to_numpy(np.float64), 4),
        "value": everyone["value"].astype("float64"),
        "period": everyone["period"].astype(object),
        "on_list": clients.isin(list(listed)),
        "control": [listed.get(client, False) for client in clients],
        "open": everyone["open"].astype(bool),
    })  # fmt: skip
    return rows.iloc[sorted(range(len(rows)), key=rows["client"].tolist().__getitem__)].reset_index(drop=True)


def journaled(records: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The digests of the lists that count by these lines, oldest first, each with its day; those pruned do not."""
    known = list(records)
    noted = (it for record in known for it in (*record.get("lists", ()), record.get("list")) if it)
    last = {(it["as_of"], it.get("newest_period")): it for it in noted}
    gone = {digest for record in known for digest in record.get("pruned_lists", ())}
    return {it["digest"]: it["as_of"] for it in last.values() if it["digest"] not in gone}


def on_disk(folder: Path) -> list[KeptList]:
    """Every list that a file holds, by day, then by run; where two files hold it, as that of its year does."""
    return _each_once(list_files.held(folder))


def _each_once(held: Iterable[KeptList]) -> list[KeptList]:
    found = {(it.facts.as_of, it.digest): it for it in sorted(held, key=lambda it: -len(it.file))}
    return sorted(found.values(), key=lambda it: (it.facts.as_of, it.facts.run))


def counted(kept: Sequence[KeptList], noted: Mapping[str, str]) -> tuple[list[KeptList], list[str]]:
    """The lists that the journal names, by day, and the days whose list is missing or another one than it names."""
    good = [it for it in kept if it.digest in noted]
    missing = {noted[digest] for digest in noted.keys() - {it.digest for it in good}}
    return good, sorted(missing | ({it.facts.as_of for it in kept} - {it.facts.as_of for it in good}))


def lost(folder: Path, noted: Mapping[str, str]) -> list[str]:
    """The days whose list the journal names and no file holds; rows of the others are proven when they are graded."""
    return [day for day in counted(on_disk(folder), noted)[1] if day in noted.values()]


def keep(
    folder: Path, made: Sequence[tuple[ListFacts, pd.DataFrame]], noted: Mapping[str, str], run: int
) -> list[KeptList]:
    """Write lists, each the last of its day; return what the run has to journal: these, and what it left when killed.

    A list that the journal names stays until it names another one in its place. Raises: DiskError.
    """
    files.make_folder(folder)
    held, newest, days = list_files.held(folder), max(noted.values(), default=""), {facts.as_of for facts, _ in made}
    proven = {it.facts.as_of for it in held if it.digest in noted}
    stay, left = [], []
    for it in _each_once(held):
        day = it.facts.as_of
        if it.digest in noted or (day not in proven | days and it.facts.run != run):
            stay.append(it)
        elif day not in days and it.facts.run == run and day >= newest:
            left.append(it)
    fresh = [list_files.write(folder, facts, rows) for facts, rows in made]
    stay = list_files.consolidated(folder, stay, noted, max([newest, *days]))
    torn = list_files.of_days(folder) - {f"{day}-{digest[:12]}{list_files.SUFFIX}" for digest, day in noted.items()}
    gone = ({it.file for it in held} | torn) - {it.file for it in (*stay, *left, *fresh)}
    files.tidy(folder, lambda name: name not in gone)
    return [*left, *fresh]


def of_client(folder: Path, client: str) -> list[dict[str, Any]]:
    """What each list said of one client, the oldest first. Raises: DiskError."""
    last = {(it.facts.as_of, it.facts.newest_period): it for it in on_disk(folder)}  # that of the later run counts
    lists = {(it.facts.as_of, it.file): it.facts for it in last.values()}
    told = ("rank", "risk", "value", "period", "on_list", "control")
    if not lists:
        return []
    paths = ", ".join(literal(pattern(folder / file)) for file in sorted({file for _, file in lists}))
    query = f"""select cast(as_of as varchar), parse_filename(filename), {", ".join(told)}
        from read_parquet([{paths}], filename = true) where client = ?"""
    with list_files.refusals(folder), connect(threads=1) as connection:
        rows = {(day, file): row for day, file, *row in connection.execute(query, [client]).fetchall()}
    said = ((facts, rows[place]) for place, facts in lists.items() if place in rows)
    return [
        {"as_of": it.as_of, "replayed": it.replayed, **dict(zip(told, row, strict=True)), "risk": float(row[1])}
        for it, row in said
    ]


def former(folder: Path, noted: Mapping[str, str], before: str) -> FormerList | None:
    """The last real list of a day before this one (ISO) that is as the journal names it."""
    lists, _ = counted(on_disk(folder), noted)
    for it in reversed([it for it in lists if it.facts.as_of < before and not it.facts.replayed]):
        if rows := sound_rows(folder, it):
            columns = {name: rows[name] for name in ("rank", "risk", "on_list")}
            return FormerList(it.facts.as_of, it.facts.release, pd.DataFrame(columns, index=rows["client"]))
    return None


def sound_rows(folder: Path, kept: KeptList) -> dict[str, NDArray[Any]] | None:
    """The rows of a list in the order of the clients; None where they cannot be read or have another digest."""
    try:
        with list_files.refusals(folder), connect(threads=1) as connection:
            rows = list_files.rows_of(connection, folder, kept)
    except DiskError as error:
        log.warning(event("a list cannot be read", day=kept.facts.as_of, reason=error))
        return None
    return rows if list_files.digest(kept.facts, rows) == kept.digest else None


def risks_at(folder: Path, noted: Mapping[str, str], days: Mapping[str, str]) -> dict[str, float]:
    """The risk of each client on the last real list of its day (ISO) or before; without those on none.

    Raises: DiskError.
    """
    lists, _ = counted(on_disk(folder), noted)
    last = {it.facts.as_of: it for it in lists if not it.facts.replayed}
    rows = list_files.select(folder, list(last.values()))
    asked = pd.DataFrame({"client": list(days), "day": list(days.values())}, dtype=object)
    with list_files.refusals(folder), connect(threads=1) as connection:
        connection.register("asked", asked)
        query = f"""select client, arg_max(cast(risk as double), as_of) from ({rows}) join asked using (client)
            where as_of <= cast(day as date) group by client order by client"""
        return dict(connection.execute(query).fetchall())


@dataclass(frozen=True)
class Said:
    """The rows of lists in the order of client and day, one array per column, each row with what came of it.

    In them `client` and `period` are places in these texts (a period may be -1, none) and `list` one in `lists`; `left`
    is 1, 0, or NaN where that is not known; `number` and `treated` are those of the outcomes. Keys are the `hash` of a
    text in SQL, proofs as `list_files.hashes` makes them.
    """

    lists: tuple[KeptList, ...]
    clients: NDArray[Any]
    periods: NDArray[Any]
    rows: dict[str, NDArray[Any]]
    client_keys: Keys = field(default_factory=lambda: np.empty(0, np.uint64))
    period_keys: Keys = field(default_factory=lambda: np.empty(0, np.uint64))
    proofs: NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, 16), np.uint8))


def said(folder: Path, kept: Sequence[KeptList], known: KnownLabels, *, by_period: bool) -> Said:
    """What lists said, beside what came of it: of open rows, without periods of clients. Raises: DiskError."""
    rows_of_lists = list_files.select(folder, kept)
    with list_files.refusals(folder), connect(threads=1) as connection:
        texts = {name: _texts(connection, name, rows_of_lists) for name in ("client", "period")}
        rows = list_files.columns(
            connection,
            f"""select hash(client) as client, if(period is null, 0, hash(period)) as period, list, rank,
                cast(risk as double) as risk, value, on_list, control, open from ({rows_of_lists})""",
        )
    clients, periods = texts["client"], texts["period"]
    rows |= {name: list_outcomes.codes(it["key"], rows[name]) for name, it in texts.items()}
    order = np.argsort(rows["client"] * len(kept) + rows["list"], kind="stable")
    rows = {name: column[order] for name, column in rows.items()}
    if by_period:
        came = list_outcomes.of_rows(rows, periods["key"], clients["key"], known)
    else:
        runs = np.array([it.facts.run for it in kept], dtype=np.int64)
        came = list_outcomes.of_clients(rows, runs, clients["key"], known)
    proofs = np.frombuffer(b"".join(clients["proof"].tolist()), dtype=np.uint8).reshape(-1, 16)
    return Said(tuple(kept), clients["it"], periods["it"], rows | came, clients["key"], periods["key"], proofs)


def _texts(connection: DuckDBPyConnection, name: str, rows: str) -> dict[str, NDArray[Any]]:
    """The distinct texts of a column in their order, each with its key and its proof."""
    distinct = f"select distinct {name} as it from ({rows}) where {name} is not null"
    query = f"select it, hash(it) as key, unhex(sha256(it)[1:32]) as proof from ({distinct}) order by it"
    return list_files.columns(connection, query)


def broken(told: Said) -> list[str]:
    """The days of the lists whose rows have another digest than the journal names."""
    clients, periods = told.proofs, list_files.hashes([*told.periods, None])
    days = []
    for it, rows in zip(told.lists, by_list(told, list_files.FIELDS), strict=True):
        texts = {"client": clients[rows["client"]], "period": periods[rows["period"]]}
        if list_files.digest(it.facts, rows | texts) != it.digest:
            days.append(it.facts.as_of)
    return days


def by_list(told: Said, names: Iterable[str]) -> list[dict[str, NDArray[Any]]]:
    """These columns of each list, in the order of the clients."""
    lists = told.rows["list"].astype(np.min_scalar_type(len(told.lists)))  # small numbers are sorted quickly
    order = np.argsort(lists, kind="stable")
    ends = np.searchsorted(lists[order], np.arange(len(told.lists) + 1))
    ordered = {name: told.rows[name][order] for name in names}
    return [
        {name: column[first:last] for name, column in ordered.items()}
        for first, last in itertools.pairwise(ends.tolist())
    ]
