"""A database to try as a source: a table of an SQLite file, filled with client files."""

from __future__ import annotations

import argparse
import csv
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from risk.command import say
from risk.errors import RiskError, SourceError
from risk.reading.sql import quoted
from risk.text import counted

TABLE = "clients"


def fill(path: Path, sources: list[Path]) -> tuple[int, int]:
    """Add the rows of client files to the table `clients`, as of now; return how many, and how many it has then.

    The file and the table are made where there are none. Raises: SourceError, also where the rows of a file are there
    already; nothing was added then.
    """
    place = path
    try:
        with closing(sqlite3.connect(path)) as database, database:
            before = database.total_changes
            for place in sources:
                if not _add(database, place):
                    raise SourceError(
                        f"{place}: its rows are in {path} already. Nothing was added. "
                        f"Name only files that are new, or remove {path} to begin again."
                    )
            (there,) = database.execute(f"select count(*) from {TABLE}").fetchone()
            return database.total_changes - before, there
    except (OSError, UnicodeDecodeError, csv.Error, sqlite3.Error) as error:
        raise SourceError(f"{place}: it cannot be read or added ({error}). Nothing was added to {path}.") from error


def _add(database: sqlite3.Connection, source: Path) -> bool:
    """Add the rows of a file; return False where all of them are there already."""
    with source.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = [record for record in csv.reader(file, strict=True) if record] or [[]]
    if not header:
        raise csv.Error("it is empty")
    columns = [quoted(name) for name in (*header, "updated_at")]
    database.execute(f"create table if not exists {TABLE} ({', '.join(f'{name} text' for name in columns)})")
    there = set(database.execute(f"select {', '.join(columns[:-1])} from {TABLE}"))
    if rows and there.issuperset(map(tuple, rows)):
        return False
    filled = f"({', '.join(columns)}) values ({'?, ' * len(header)} datetime('now'))"
    database.executemany(f"insert into {TABLE} {filled}", rows)
    return True


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Fill an SQLite database with client files, to try one as a source.")
    parser.add_argument("--demo", type=Path, required=True, metavar="FILE", help="the database; made, or added to")
    parser.add_argument("files", type=Path, nargs="+", help="client files whose rows are added as of now")
    asked = parser.parse_args()
    try:
        added, there = fill(asked.demo, asked.files)
        say(
            f"{asked.demo}: added {counted(added, 'row')} of {counted(len(asked.files), 'file')}; "
            f"table {TABLE} has {counted(there, 'row')} now.\n"
            f'To try it, put this into config.json, then run fullprocess.py: "source": {{"kind": "database", '
            f'"url": "sqlite:///{asked.demo}", "table": "{TABLE}", "watermark": "updated_at"}}'
        )
    except RiskError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
