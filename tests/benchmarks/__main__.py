"""Run benchmarks, print the tables and write their page: `make bench`, `make bench-decisions`, …"""

from __future__ import annotations

import argparse
import importlib
import inspect
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from tests.benchmarks.measure import Table

HALVES = {
    "bench": ("ticks", "runs", "feeds", "ingestion", "formats", "models", "quiet", "lists"),
    "bench-decisions": ("decisions", "selection"),
    "bench-seasons": ("seasons",),
    "bench-calling": ("calling",),
    "bench-lives": ("lives",),
    "bench-models": ("contenders",),
    "bench-service": ("service", "load"),
    "bench-scale": ("scale",),
    "bench-erasing": ("erasing",),
}
BENCHES = [name for half in HALVES.values() for name in half]
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "benchmarks.md"
PACKAGES = ("duckdb", "numpy", "pandas", "scikit-learn", "flask", "waitress")
TITLE = (
    "# Benchmarks\n\nRun them again to see your own figures. "
    "Ratios within one run hold from machine to machine, seconds do not.\n\n"
)


def main() -> None:
    """Run the benches named, or those of `make bench`; a whole half of the page is written, the other stays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benches", nargs="*", choices=[*BENCHES, []], help="which (default: those of `make bench`)")
    parser.add_argument("--lives", type=int, help="how many lives of each kind, for `lives`")
    parser.add_argument("--cache", type=Path, help="where finished lives are kept (default: RISK_LIVES, or ~/.cache)")
    parser.add_argument("--tables", type=Path, help="a folder of tables of your own, for `contenders`")
    parser.add_argument("--rows", type=int, help="how many rows, for `scale` and `erasing`")
    given = vars(parser.parse_args())
    asked = tuple(given.pop("benches")) or HALVES["bench"]
    options = {name: value for name, value in given.items() if value is not None}
    tables = []
    for name in asked:
        bench = importlib.import_module(f"tests.benchmarks.{name}").bench
        own = {key: value for key, value in options.items() if key in inspect.signature(bench).parameters}
        table: Table = bench(**own)
        print(table.text(), flush=True)
        tables.append(table)
    for half, names in HALVES.items():
        if asked == names and "tables" not in options:
            PAGE.write_text(with_half(PAGE.read_text(encoding="utf-8"), half, tables), encoding="utf-8")


def with_half(page: str, half: str, tables: Sequence[Table]) -> str:
    """Return the page with one half made anew and the other as it stands."""
    kept = {found[1]: found[0].rstrip() + "\n" for found in re.finditer(_OF_HALF, page)}
    kept[half] = "\n".join([_head(half), *(table.text() for table in tables)])
    return TITLE + "\n".join(kept[name] for name in HALVES if name in kept)


_OF_HALF = re.compile(r"^Made by `make ([a-z-]+)`.*?(?=^Made by `make |\Z)", re.MULTILINE | re.DOTALL)


def _head(half: str) -> str:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    day = datetime.now(UTC).date()
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"Made by `make {half}`: {day}, {system}, {versions}.\n"


if __name__ == "__main__":
    main()
