"""Run every benchmark, print the tables and write them to docs/benchmarks.md: `make bench`."""

from __future__ import annotations

import argparse
import importlib
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from tests.benchmarks.measure import Table

BENCHES = ("ticks", "runs", "feeds", "ingestion")
PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
PACKAGES = ("duckdb", "numpy", "pandas", "scikit-learn", "flask", "waitress")


def main() -> None:
    """Run the benches named, or all; only a run of all writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benches", nargs="*", choices=[*BENCHES, []], help="which (default: all)")
    asked = parser.parse_args().benches or list(BENCHES)
    tables = []
    for name in asked:
        table: Table = importlib.import_module(f"tests.benchmarks.{name}").bench()
        print(table.text(), flush=True)
        tables.append(table)
    if asked == list(BENCHES):
        PAGE.write_text("\n".join([_head(), *(table.text() for table in tables)]), encoding="utf-8")


def _head() -> str:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    day = datetime.now(UTC).date()
    return (
        "# Benchmarks\n\n"
        "Made by `make bench`; run it again to see your own figures. "
        "Ratios within one run hold from machine to machine, seconds do not.\n\n"
        f"{day}, {platform.system()} {platform.machine()}, Python {platform.python_version()}, {versions}.\n"
    )


if __name__ == "__main__":
    main()
