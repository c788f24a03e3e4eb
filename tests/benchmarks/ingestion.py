"""The first ingestion of many rows, beside DuckDB's own COPY of the same files and beside the pandas way."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import duckdb

from tests.benchmarks.measure import ROOT, Table, used

ROWS, FILES = 10_000_000, 10
LIMIT = """import duckdb, sys
duckdb.connect(config={"threads": 2}).execute(f\"\"\"copy (select * from read_csv('{sys.argv[1]}/*.csv', columns = {{
    'corporation': 'varchar', 'lastmonth_activity': 'bigint', 'lastyear_activity': 'bigint',
    'number_of_employees': 'bigint', 'exited': 'tinyint'}})) to '{sys.argv[2]}' (format parquet)\"\"\")"""
PANDAS = """import glob, pandas, sys
frames = [pandas.read_csv(path) for path in sorted(glob.glob(sys.argv[1] + "/*.csv"))]
pandas.concat(frames).drop_duplicates().to_csv(sys.argv[2], index=False)"""


def bench() -> Table:
    """Measure whole processes: reading, proving, hashing and counting every row, and making all of it durable."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        _installation(root)
        limit = used([sys.executable, "-c", LIMIT, str(root / "sourcedata"), str(root / "limit.parquet")])
        ours = used([sys.executable, str(ROOT / "ingestion.py"), "--config", str(root / "config.json")])
        pandas = used([sys.executable, "-c", PANDAS, str(root / "sourcedata"), str(root / "all.csv")])
    cpu, wall, faster = ours.cpu / limit.cpu, ours.wall / limit.wall, pandas.wall / ours.wall
    return Table(
        "First ingestion",
        f"{ROWS:,} rows in {FILES} files; the limit is DuckDB's own COPY (SELECT * FROM read_csv) TO parquet.",
        [
            ("CPU, times the limit", f"{cpu:.2f} ×", "≤ 2.6 ×", cpu <= 2.6),
            ("wall, times the limit", f"{wall:.2f} ×", "≤ 2.5 ×", wall <= 2.5),
            ("peak memory", f"{ours.peak_gb:.2f} GB", "≤ 1 GB", ours.peak_gb <= 1),
            ("faster than read_csv, concat, drop_duplicates, to_csv", f"{faster:.1f} ×", "≥ 4 ×", faster >= 4),
        ],
    )


def _installation(root: Path) -> None:
    for name in ("sourcedata", "testdata"):
        (root / name).mkdir()
    five = {
        key: value for key, value in json.loads((ROOT / "config.json").read_text()).items() if key.endswith("_path")
    }
    (root / "config.json").write_text(json.dumps(five))
    for number in range(FILES):
        path = root / "sourcedata" / f"dataset{number}.csv"
        first = number * ROWS // FILES
        duckdb.execute(
            f"""copy (select 'c' || lpad((i * 7919 % 3000000)::varchar, 7, '0') as corporation,
                hash(i) % 5000 as lastmonth_activity, hash(i + 1) % 60000 as lastyear_activity,
                hash(i + 2) % 900 as number_of_employees, (hash(i + 3) % 5 = 0)::tinyint as exited
                from range({first}, {first + ROWS // FILES}) t(i)) to '{path}' (format csv, header true)"""
        )
        os.utime(path, (0, 0))
