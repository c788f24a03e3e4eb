"""The idle tick: what a cron line costs when nothing has come."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.benchmarks.measure import Table, cpu_seconds, full_process, installation

YARDSTICK = [sys.executable, "-c", "import json, sqlite3"]
TIMES = 15
HEADER = "corporation,lastmonth_activity,lastyear_activity,number_of_employees,exited\n"


def bench() -> Table:
    """Compare idle ticks with importing json and sqlite3, in turn."""
    few, yard = _idle(10)
    many, _ = _idle(10_000)
    return Table(
        "The idle tick",
        "CPU of `python fullprocess.py` when nothing has come, beside `python -c 'import json, sqlite3'` (medians).",
        [
            ("10 known files, times the yardstick", f"{few / yard:.2f} ×", "≤ 1.6 ×", few <= 1.6 * yard),
            ("10,000 known files, CPU seconds", f"{many:.3f}", "≤ 0.15", many <= 0.15),
        ],
    )


def _idle(n_files: int) -> tuple[float, float]:
    with installation("testdata") as root:
        (root / "sourcedata").mkdir()
        config = json.loads((root / "config.json").read_text())
        config["schema"] = {}
        (root / "config.json").write_text(json.dumps(config))
        for number in range(n_files):
            _drop(root / "sourcedata" / f"dataset{number}.csv", number)
        cpu_seconds(full_process(root))
        ticks, yards = [], []
        for _ in range(TIMES):
            ticks.append(cpu_seconds(full_process(root)))
            yards.append(cpu_seconds(YARDSTICK))
        return sorted(ticks)[TIMES // 2], sorted(yards)[TIMES // 2]


def _drop(path: Path, number: int) -> None:
    path.write_text(f"{HEADER}c{number},{number},{number * 7 % 1000},{number % 90},{int(number % 97 % 5 == 0)}\n")
    os.utime(path, (0, 0))
