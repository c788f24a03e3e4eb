"""What erasing costs: 100 clients of some million rows beside rewriting what of the dataset holds them."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from risk.dataset import dataset
from risk.disk import files, paths
from risk.reading.sql import connect, literal
from risk.report import erasing  # noqa: F401  (what is imported once is not timed)
from risk.text import counted
from tests.benchmarks.measure import Table
from tests.conftest import HEADER, Project, Said

PER_FILE = 500_000
N_ERASED = 100
TIMES = 3  # of which the best counts: others use the machine too
SIZES = (1_000_000, 10_000_000)
ABOUT = (
    "CPU beside rewriting what of the dataset holds these clients: each part read, written by the COPY by which parts "
    "are written, made durable and named by its digest; and finaldata.csv, which sets of up to 2 million rows have, "
    "written from the rows. The erasure also finds who is a client, cuts manifests, searches all that is kept, and "
    "counts the rows in all files of others (26 MB of CSV in a million rows of ids). Names alike are made of "
    "eleven words, a third of them in quotes: the hardest to tell apart. The best of three."
)


def client_id(number: int) -> str:
    return f"c{number:07d}"


def company(number: int) -> str:
    """Return a name that is much like the others; every third has a comma."""
    words = ("Nord", "Baltic", "Global", "Data", "Steel", "Energy", "Water", "Paper", "West", "Iron", "Glass")
    kind = (", Inc", " Ltd", " AG")[number % 3]
    return f"{words[number % 11]} {words[number // 11 % 11]} {words[number // 121 % 11]}{kind} {number}"


def file_of(number: int, rows: int, n_clients: int, name_of: Callable[[int], str]) -> bytes:
    draw = np.random.default_rng(number)
    names = draw.integers(0, n_clients, rows).tolist()
    figures = draw.integers(0, 10_000, (rows, 3)).tolist()
    left = draw.integers(0, 2, rows).tolist()
    cells = (f'"{name}"' if "," in name else name for name in map(name_of, names))
    lines = (f"{cell},{a},{b},{c},{mark}" for cell, (a, b, c), mark in zip(cells, figures, left, strict=True))
    return "\n".join([HEADER, *lines, ""]).encode()


def timed(work: Callable[[], object]) -> float:
    """Return the seconds of CPU that a piece of work takes."""
    os.sync()  # what is yet to be written is not its work
    begun = time.process_time()
    work()
    return time.process_time() - begun


def rewritten(project: Project, folder: Path) -> None:
    """Write each part, and finaldata.csv where there is one, once more as they are: no erasure can do without."""
    ingested = project.settings.ingested
    for part in sorted((ingested / paths.PARTS).glob("*.parquet")):
        copy = f"copy (select * from read_parquet({literal(str(part))})) to {{}} (format parquet)"
        files.put(folder / part.name, lambda it, copy=copy: _run(copy.format(literal(str(it)))))  # type: ignore[misc]
        os.replace(folder / part.name, folder / f"{files.digest_file(folder / part.name)[:16]}.parquet")
    if (ingested / paths.FINAL_DATA).is_file():
        rows = dataset.current(ingested, project.settings.input_folder_path, project.settings.schema)
        files.put(folder / paths.FINAL_DATA, rows.write_final_data)
    files.sync(folder)


def _run(query: str) -> None:
    with connect() as connection:
        connection.execute(query)


def bench(rows: int | None = None) -> Table:
    """Ingest, rewrite what holds the clients as it is, erase, and look at all digests; each as often as `TIMES`."""
    table = [row for size in ([rows] if rows else SIZES) for row in _of_size(size, client_id, goal=2)]
    return Table("Erasing", ABOUT, table if rows else [*table, *_of_size(SIZES[0], company)])


def _of_size(
    rows: int, name_of: Callable[[int], str], goal: float | None = None
) -> list[tuple[str, str, str, bool | None]]:
    n_files, n_clients = max(rows // PER_FILE, 1), rows // 10
    sources = [file_of(number, min(rows, PER_FILE), n_clients, name_of) for number in range(n_files)]
    rounds = []
    for _ in range(TIMES):
        with tempfile.TemporaryDirectory() as scratch:
            rounds.append(
                _round(Path(scratch), sources, [name_of(it) for it in range(0, n_clients, n_clients // N_ERASED)])
            )
    best = {name: min(seconds[name] for seconds, _ in rounds) for name in rounds[0][0]}
    plain, kind = best["rewritten"], "names alike" if name_of is company else "ids"
    what = f"{rows:,} rows: {N_ERASED} of {n_clients:,} clients ({kind}), {rounds[0][1]}"
    table: list[tuple[str, str, str, bool | None]] = []
    for name, taken in best.items():
        has_goal = goal is not None and name == "erased"
        held = taken <= goal * plain if has_goal and goal else None
        table.append(
            (f"{what}: {name}", f"{taken / plain:.2f} × ({taken:.2f} s)", f"≤ {goal} ×" if has_goal else "", held)
        )
    return table


def _round(root: Path, sources: list[bytes], erased: list[str]) -> tuple[dict[str, float], str]:
    """Do all of it once; the seconds of each, and what was erased."""
    project, elsewhere = Project(root), root / "elsewhere"
    elsewhere.mkdir()
    for number, content in enumerate(sources):
        project.drop(f"sourcedata/{number:03d}.csv", content)
    names = "".join(f"{name}\n" for name in erased)
    words = ("--erase-file", str(project.drop("leave.txt", names)), "--reason", "a benchmark", "--json")
    ingested, said = project.settings.ingested, list[Said]()
    seconds = {"ingested": timed(lambda: project.run("ingestion"))}
    what = counted(len(list((ingested / paths.PARTS).glob("*.parquet"))), "part")
    what += " and finaldata.csv" if (ingested / paths.FINAL_DATA).is_file() else ""
    seconds["rewritten"] = timed(lambda: rewritten(project, elsewhere))
    seconds["erased"] = timed(lambda: said.append(project.run("ingestion", *words)))
    seconds["verified"] = timed(lambda: said.append(project.run("ingestion", "--verify")))
    assert [it.code for it in said] == [0, 0], said
    n_rows = said[0].json["certificates"]["production"]["n_rows"]
    return seconds, f"{n_rows:,} rows in {what}"
