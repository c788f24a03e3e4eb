"""Ingestion of many rows and of many files, beside DuckDB's own COPY of the same files and beside the pandas way."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from tests.benchmarks.measure import ROOT, Table, Used, used

MILLION = 1_000_000
HEADER = "corporation,lastmonth_activity,lastyear_activity,number_of_employees,exited\n"
LIMIT = """import duckdb, sys
duckdb.connect(config={"threads": 2}).execute(f\"\"\"copy (select * from read_csv('{sys.argv[1]}/*.csv', columns = {{
    'corporation': 'varchar', 'lastmonth_activity': 'bigint', 'lastyear_activity': 'bigint',
    'number_of_employees': 'bigint', 'exited': 'tinyint'}})) to '{sys.argv[2]}' (format parquet)\"\"\")"""
PANDAS = """import glob, pandas, sys
frames = [pandas.read_csv(path) for path in sorted(glob.glob(sys.argv[1] + "/*.csv"))]
pandas.concat(frames).drop_duplicates().to_csv(sys.argv[2], index=False)"""

Row = tuple[str, str, str, bool | None]


def bench() -> Table:
    """Measure whole processes: reading, proving, hashing and counting every row, and making all of it durable."""
    return Table(
        "Ingestion",
        "Whole processes of `python ingestion.py`; the limit is DuckDB's own COPY (SELECT * FROM read_csv) TO parquet "
        "of the same files, run just before. Wall ratios are loose on a machine with other work.",
        [*_first(10, 2.6, 2.5, 1.0, pandas=True), *_first(50, 3.0, 3.0, 2.0, more=True), _rewritten(), _many_files()],
    )


def _first(
    files: int, cpu: float, wall: float, memory: float, *, pandas: bool = False, more: bool = False
) -> list[Row]:
    """Return the figures of a first ingestion of so many files of a million rows, and what is asked for beside it."""
    with _installation() as root:
        for number in range(files):
            _write(root / f"sourcedata/dataset{number}.csv", number * MILLION, MILLION)
        limit = used([sys.executable, "-c", LIMIT, str(root / "sourcedata"), str(root / "limit.parquet")])
        ours = _ingestion(root)
        what = f"{files} million rows in {files} files"
        found = [
            _row(f"{what}: CPU, times the limit", ours.cpu / limit.cpu, cpu, "×"),
            _row(f"{what}: wall, times the limit", ours.wall / limit.wall, wall, "×"),
            _row(f"{what}: peak memory", ours.peak_gb, memory, "GB"),
        ]
        if pandas:
            theirs = used([sys.executable, "-c", PANDAS, str(root / "sourcedata"), str(root / "all.csv")])
            found += [
                _row(
                    f"{what}: CPU, times read_csv + concat + drop_duplicates + to_csv", ours.cpu / theirs.cpu, None, "×"
                ),
                _row(f"{what}: wall, as part of the same", ours.wall / theirs.wall, 0.25, "×"),
                _row(f"{what}: peak memory of the same", theirs.peak_gb, None, "GB"),
            ]
        return found + (_one_more(root, files) if more else [])


def _one_more(root: Path, files: int) -> list[Row]:
    """Return what one more file of 10,000 rows costs on this history, beside the same on none."""
    _write(root / "sourcedata/dataset90.csv", 90 * MILLION, 10_000)
    after = _ingestion(root)
    with _installation() as empty:
        _write(empty / "sourcedata/dataset90.csv", 90 * MILLION, 10_000)
        alone = _ingestion(empty)
    what = f"10,000 rows more on {files} million"
    return [
        _row(f"{what}: CPU, times the same on none", after.cpu / alone.cpu, 1.5, "×"),
        _row(f"{what}: peak memory", after.peak_gb, 1.0, "GB"),
    ]


def _rewritten() -> Row:
    with _installation() as root:
        for number in range(2):
            _write(root / f"sourcedata/dataset{number}.csv", number * MILLION, MILLION - 10_000)
        _ingestion(root)
        _write(root / "sourcedata/dataset90.csv", 90 * MILLION, 10_000)
        seconds = _ingestion(root).wall
    return _row("10,000 rows more on 2 million, finaldata.csv rewritten: wall", seconds, 2.0, "s")


def _many_files() -> Row:
    with _installation() as root:
        for number in range(10_000):
            path = root / f"sourcedata/dataset{number}.csv"
            path.write_text(f"{HEADER}c{number},{number},{number * 7 % 1000},{number % 90},{int(number % 5 == 0)}\n")
            os.utime(path, (0, 0))
        seconds = _ingestion(root).wall
    return _row("10,000 files of one row, for the first time: wall", seconds, 5.0, "s")


def _row(what: str, figure: float, most: float | None, unit: str) -> Row:
    shown = f"{figure:.2f} {unit}"
    return (what, shown, f"≤ {most:g} {unit}", figure <= most) if most else (what, shown, "", None)


def _ingestion(root: Path) -> Used:
    return used([sys.executable, str(ROOT / "ingestion.py"), "--config", str(root / "config.json")])


@contextmanager
def _installation() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        for name in ("sourcedata", "testdata"):
            (root / name).mkdir()
        known = json.loads((ROOT / "config.json").read_text())
        five = {key: value for key, value in known.items() if key.endswith("_path")}
        (root / "config.json").write_text(json.dumps(five))
        yield root
        shutil.rmtree(root / "sourcedata")


def _write(path: Path, first: int, rows: int) -> None:
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(
            f"""copy (select 'c' || lpad((i * 7919 % 3000000)::varchar, 7, '0') as corporation,
                hash(i) % 5000 as lastmonth_activity, hash(i + 1) % 60000 as lastyear_activity,
                hash(i + 2) % 900 as number_of_employees, (hash(i + 3) % 5 = 0)::tinyint as exited
                from range({first}, {first + rows}) t(i)) to '{path}' (format csv, header true)"""
        )
    os.utime(path, (0, 0))
