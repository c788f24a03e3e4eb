"""Other kinds of tables beside the plain CSV file of the same rows, and a large sheet of a workbook."""

from __future__ import annotations

import gzip
import json
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb
import xlsxwriter

from tests.benchmarks.measure import ROOT, Table, used

ROWS, SHEET_ROWS = 2_000_000, 100_000
READ = """import resource, sys, tempfile
from pathlib import Path
from risk.reading import reader
from risk.settings.settings import load
path = Path(sys.argv[1])
with tempfile.TemporaryDirectory() as parts:
    schema = load(path.parent / "config.json").schema
    ((_, content),) = reader.read([reader.Source(path.name, path)], schema, Path(parts), size_cap=1 << 40)
assert content.n_read == content.n_accepted == int(sys.argv[2]), content
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000, file=open(path.parent / "peak", "w"))"""
COLUMNS = {f"n{number}": "numeric" for number in range(8)}
GERMAN = {"delimiter": ";", "decimal": ",", "encoding": "cp1252"}


def bench() -> Table:
    """Measure whole processes that read one file into parts."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        _write_tables(root)
        plain = _cpu(root / "a.csv", ROWS)
        rows = [
            _row(f"{what}: CPU, times the plain CSV file", _cpu(root / name, ROWS) / plain, 1.5, "×")
            for what, name in {
                "2 million rows, .csv.gz": "a.csv.gz",
                "2 million rows, .parquet": "a.parquet",
                "2 million rows, semicolons, decimal commas, cp1252": "german/a.csv",
            }.items()
        ]
        sheet = used([sys.executable, "-c", READ, str(root / "sheet/a.xlsx"), str(SHEET_ROWS)])
        peak = float((root / "sheet/peak").read_text())
        rows.append(_row("100,000 rows of 10 columns, .xlsx: wall", sheet.wall, 10, "s"))
        rows.append(_row("the same: peak memory of the process that reads the sheet", peak, 600, "MB"))
    about = "Whole processes that read one file into parts, of clients with a fraction and whole numbers."
    return Table("Kinds of tables", about, rows)


def _cpu(path: Path, rows: int) -> float:
    return min(used([sys.executable, "-c", READ, str(path), str(rows)]).cpu for _ in range(2))


def _write_tables(root: Path) -> None:
    known = {key: value for key, value in json.loads((ROOT / "config.json").read_text()).items() if "_path" in key}
    schema = {"client": "client", "features": COLUMNS}
    for name, more in {"": {}, "german": {"format": GERMAN}, "sheet": {"schema": schema}}.items():
        for folder in ("sourcedata", "testdata"):
            (root / name / folder).mkdir(parents=True)
        (root / name / "config.json").write_text(json.dumps(known | more))
    query = f"""SELECT 'c' || lpad(i::VARCHAR, 7, '0') AS corporation, hash(i) % 5000 / 10 AS lastmonth_activity,
        hash(i + 1) % 60000 AS lastyear_activity, hash(i + 2) % 900 AS number_of_employees,
        (hash(i + 3) % 5 = 0)::TINYINT AS exited FROM range({ROWS}) t(i)"""
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"COPY ({query}) TO '{root}/a.csv' (FORMAT csv, HEADER)")
        connection.execute(f"COPY ({query}) TO '{root}/a.parquet' (FORMAT parquet)")
    with (root / "a.csv").open("rb") as plain, gzip.open(root / "a.csv.gz", "wb", 6) as compressed:
        shutil.copyfileobj(plain, compressed)
    text = (root / "a.csv").read_bytes()
    (root / "german/a.csv").write_bytes(text.replace(b",", b";").replace(b".", b","))
    _write_workbook(root / "sheet/a.xlsx")


def _write_workbook(path: Path) -> None:
    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    sheet = book.add_worksheet("Data")
    sheet.write_row(0, 0, ["client", *COLUMNS, "exited"])
    for row in range(1, SHEET_ROWS + 1):
        numbers = [row * 37 % 1009 * number / 8 for number in range(len(COLUMNS))]
        sheet.write_row(row, 0, [f"c{row}", *numbers, int(row % 5 == 0)])
    book.close()


def _row(what: str, figure: float, most: float, unit: str) -> tuple[str, str, str, bool | None]:
    return what, f"{figure:.2f} {unit}", f"≤ {most:g} {unit}", figure <= most
