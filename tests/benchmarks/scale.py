"""One backlog through both engines: DuckDB, and Spark on a standalone cluster with one worker and with two."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests import spark
from tests.benchmarks.measure import ROOT, Table
from tests.conftest import FIVE_KEYS

FILES = 8
HEADER = "corporation,month,lastmonth_activity,lastyear_activity,number_of_employees,exited\n"
STEPS = """import json, resource, sys, time
from pathlib import Path
import ingestion
from risk.disk import paths
from risk.command import Run
from risk.dataset.dataset import Dataset
from risk.settings import settings
found = settings.load(Path(sys.argv[1]))
seconds, started = {}, time.monotonic()
def lap(name):
    global started
    seconds[name], started = time.monotonic() - started, time.monotonic()
if found.engine.kind == "spark":
    from risk.engine import _session
    session = _session.session(found.engine)
    session.range(0, 2, 1, 2).mapInArrow(lambda batches: batches, "id long").collect()
    lap("start")
manifest = ingestion.ingest(found, Run(found, "ingestion", 1)).manifest
lap("ingestion and counts")
rows = Dataset(manifest, found.schema, found.ingested / paths.PARTS)
again = rows.counts()
lap("counts again")
statistics = repr(rows.summary())
lap("statistics")
size = sum(path.stat().st_size for path in (found.ingested / paths.PARTS).iterdir())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
told = {"counts": manifest.counts, "again": again, "statistics": statistics}
print(json.dumps({"seconds": seconds, "size": size, "peak": peak, **told}))"""


def bench(rows: int = 4_000_000) -> Table:
    """Measure each step of the same backlog; the answers of all must be equal, or nothing is shown.

    Raises: RuntimeError where they are not.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "sourcedata").mkdir()
        for number in range(FILES):
            _write(folder / f"sourcedata/clients{number}.csv", number, rows // FILES)
        found = {"DuckDB": _measured(folder, "duckdb", {})}
        for workers in (1, 2):
            home = folder / f"cluster{workers}"
            home.mkdir()
            with spark.cluster(home, workers) as cluster:
                options = cluster.options | {"spark.cores.max": str(workers), "spark.executor.memory": "550m"}
                section = {"kind": "spark", "master": cluster.master, "from_mb": 0, "options": options}
                found[f"Spark, {workers}"] = _measured(folder, f"spark{workers}", section)
    if len({json.dumps([it[name] for name in ("counts", "again", "statistics")]) for it in found.values()}) > 1:
        raise RuntimeError(f"the engines do not tell the same: {found}")
    if found["DuckDB"]["counts"]["n_rows"] != rows:
        raise RuntimeError(f"rows are missing: {found['DuckDB']['counts']}")
    return _table(rows, *found.values())


def _table(rows: int, duckdb: dict[str, Any], spark1: dict[str, Any], spark2: dict[str, Any]) -> Table:
    local, one, two = (it["seconds"] for it in (duckdb, spark1, spark2))
    lines: list[tuple[str, str, str, bool | None]] = []
    for name in local:
        lines.append((f"{name}: DuckDB, two threads", f"{local[name]:.1f} s", "", None))
        lines.append((f"{name}: Spark, two one-core workers", f"{two[name]:.1f} s", "", None))
        lines.append((f"{name}: speed-up from one worker to two", f"{one[name] / two[name]:.2f} ×", "", None))
        lines.append((f"{name}: Spark with two, times DuckDB", f"{two[name] / local[name]:.1f} ×", "", None))
    lines.append(("bytes of parts per row", f"{duckdb['size'] / rows:.1f}", "", None))
    lines.append(
        (
            "peak memory of DuckDB's process, and of the driver's Python",
            f"{duckdb['peak']:.2f} and {spark2['peak']:.2f} GB",
            "",
            None,
        )
    )
    lines.append(("start of a session and of Python on its workers", f"{two['start']:.0f} s", "", None))
    return Table(
        "Scale",
        f"{rows:,} rows of {FILES} files through both engines, on one machine: a standalone master and workers with "
        "one core each, beside DuckDB with two threads. All answers were equal.",
        lines,
    )


def _measured(folder: Path, name: str, engine: dict[str, Any]) -> dict[str, Any]:
    root = folder / name
    root.mkdir()
    (root / "testdata").mkdir()
    (root / "sourcedata").symlink_to(folder / "sourcedata")
    sections = {"engine": engine, "schema": {"period": "month"}, "max_final_rows": 1}
    (root / "config.json").write_text(json.dumps(FIVE_KEYS | sections))
    said = subprocess.run([sys.executable, "-c", STEPS, str(root / "config.json")], cwd=ROOT, capture_output=True)
    if said.returncode:
        raise RuntimeError(said.stderr.decode()[-3_000:])
    found: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    return found


def _write(path: Path, seed: int, rows: int) -> None:
    draw = np.random.default_rng(seed)
    amounts, years = draw.lognormal(3, 2, rows).round(2).tolist(), draw.integers(0, 5_000, rows).tolist()
    clients, sizes = draw.permutation(rows).tolist(), draw.integers(1, 900, rows).tolist()
    left = draw.integers(0, 2, rows).tolist()
    with path.open("w") as file:
        file.write(HEADER)
        columns = zip(clients, amounts, years, sizes, left, strict=True)
        file.writelines(f"c{c:08d},2026-{seed + 1:02d},{a},{y},{s},{t}\n" for c, a, y, s, t in columns)
