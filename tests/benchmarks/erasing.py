"""What erasing costs: 100 clients of a million rows beside rewriting the same parts."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from risk.disk import paths
from risk.reading.sql import connect, literal
from risk.report import erasing  # noqa: F401  (what is imported once is not timed)
from tests.benchmarks.measure import Table
from tests.conftest import HEADER, Project, Said

PER_FILE = 500_000
N_ERASED = 100


def file_of(number: int, rows: int, n_clients: int) -> bytes:
    draw = np.random.default_rng(number)
    names = draw.integers(0, n_clients, rows)
    figures = draw.integers(0, 10_000, (rows, 3))
    left = draw.integers(0, 2, rows)
    lines = (f"c{name:07d},{a},{b},{c},{mark}" for name, (a, b, c), mark in zip(names, figures, left, strict=True))
    return "\n".join([HEADER, *lines, ""]).encode()


def timed(work: Callable[[], object]) -> float:
    """Return the seconds of CPU that a piece of work takes."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def rewritten(parts: list[Path], folder: Path) -> None:
    """Write each part once more as it is: what no erasure can do without."""
    for part in parts:
        with connect() as connection:
            copy = f"copy (select * from read_parquet({literal(str(part))})) to {literal(str(folder / part.name))}"
            connection.execute(f"{copy} (format parquet)")


def bench(rows: int = 1_000_000) -> Table:
    """Ingest, rewrite the parts as they are, erase, and look at all digests."""
    n_clients = rows // 10
    with tempfile.TemporaryDirectory() as scratch:
        project, elsewhere = Project(Path(scratch)), Path(scratch) / "elsewhere"
        elsewhere.mkdir()
        project.configure(max_final_rows=1)
        for number in range(max(rows // PER_FILE, 1)):
            project.drop(f"sourcedata/{number:03d}.csv", file_of(number, min(rows, PER_FILE), n_clients))
        seconds = {"ingested": timed(lambda: project.run("ingestion"))}
        parts = sorted((project.settings.ingested / paths.PARTS).glob("*.parquet"))
        plain = timed(lambda: rewritten(parts, elsewhere))
        step = n_clients // N_ERASED
        listing = project.drop("leave.txt", "".join(f"c{place * step:07d}\n" for place in range(N_ERASED)))
        words = ("--erase-file", str(listing), "--reason", "a benchmark", "--json")
        said: list[Said] = []
        seconds["erased"] = timed(lambda: said.append(project.run("ingestion", *words)))
        seconds["verified"] = timed(lambda: said.append(project.run("ingestion", "--verify")))
        assert [it.code for it in said] == [0, 0], said
        n_rows = said[0].json["certificates"]["production"]["n_rows"]
    what = f"{N_ERASED} of {n_clients:,} clients with {n_rows:,} of {rows:,} rows in {len(parts)} parts"
    table = [
        (f"{what}: {name}", f"{taken / plain:.1f} × ({taken:.1f} s)", "≤ 2 ×" if name == "erased" else "",
         taken <= 2 * plain if name == "erased" else None)
        for name, taken in seconds.items()
    ]  # fmt: skip
    return Table("Erasing", f"CPU beside rewriting the same parts as they are ({plain:.1f} s).", table)
