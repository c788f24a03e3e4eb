"""What erasing costs: 100 clients of millions of rows beside rewriting the same parts, and many releases.

    python -m tests.benchmarks.erasing [rows] [clients]

Figures of one run on one machine; the ratio is what counts.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from risk import paths
from risk.reading.sql import connect, literal
from risk.report import erasing  # noqa: F401  (what is imported once is not timed)
from tests.conftest import HEADER, Project

PER_FILE = 500_000
N_ERASED = 100


def file_of(number: int, rows: int, n_clients: int) -> bytes:
    draw = np.random.default_rng(number)
    names = draw.integers(0, n_clients, rows)
    figures = draw.integers(0, 10_000, (rows, 3))
    left = draw.integers(0, 2, rows)
    lines = (f"c{name:07d},{a},{b},{c},{mark}" for name, (a, b, c), mark in zip(names, figures, left, strict=True))
    return "\n".join([HEADER, *lines, ""]).encode()


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of processor and of wall that a piece of work takes."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def rewritten(parts: list[Path], folder: Path) -> None:
    """Write each part once more as it is: what no erasure can do without."""
    for part in parts:
        with connect() as connection:
            copy = f"copy (select * from read_parquet({literal(str(part))})) to {literal(str(folder / part.name))}"
            connection.execute(f"{copy} (format parquet)")


def main(rows: int = 10_000_000, n_clients: int = 1_000_000) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        project, elsewhere = Project(Path(scratch)), Path(scratch) / "elsewhere"
        elsewhere.mkdir()
        project.configure(max_final_rows=1)
        for number in range(max(rows // PER_FILE, 1)):
            project.drop(f"sourcedata/{number:03d}.csv", file_of(number, min(rows, PER_FILE), n_clients))
        taken = timed(lambda: project.run("ingestion"))
        parts = sorted((project.settings.ingested / paths.PARTS).glob("*.parquet"))
        plain = timed(lambda: rewritten(parts, elsewhere))
        step = n_clients // N_ERASED
        listing = project.drop("leave.txt", "".join(f"c{place * step:07d}\n" for place in range(N_ERASED)))
        words = ("--erase-file", str(listing), "--reason", "a benchmark")
        said = []
        erased = timed(lambda: said.append(project.run("ingestion", *words, "--json")))
        assert said[0].code == 0, said[0].err
        told = said[0].json["certificates"]["production"]
        verified = timed(lambda: said.append(project.run("ingestion", "--verify")))
        assert said[1].code == 0, said[1].out
    print(f"{rows:,} rows of {n_clients:,} clients in {len(parts)} parts; {told['n_rows']:,} rows erased")
    for name, (cpu, wall) in {
        "ingested": taken,
        "parts rewritten": plain,
        "erased": erased,
        "verified": verified,
    }.items():
        print(f"{name:<16} {cpu:8.1f} CPU s {wall:8.1f} s   {cpu / plain[0]:5.2f} times rewriting")


if __name__ == "__main__":
    main(*(int(word.replace("_", "")) for word in sys.argv[1:]))
