"""Parquet files as comma-separated lines, in order, a bounded piece at a time; DuckDB writes them, without a disk.

A number is written as it is held: whole ones plainly, others with the fewest digits that give the same again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from risk.reading import sql
from risk.reading.refusals import fault
from risk.reading.sql import literal, quoted
from risk.settings.schema import Schema

if TYPE_CHECKING:
    import duckdb

FIRST_ROWS = 100_000  # of the first piece, whose size tells how many the next ones have
FEWEST_ROWS = 2_048
WHOLE_BELOW = 9.2e18  # nearer to the end of the whole numbers of 64 bits, none is surely one
FLOATS = "DOUBLE", "FLOAT"
NUMBERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", *FLOATS, "DECIMAL"}
NUMBERS |= {f"U{name}" for name in NUMBERS if name.endswith("INT")} | {"UINTEGER"}
UNREADABLE = "STRUCT", "MAP", "UNION", "BLOB", "BIT", "VARIANT", "GEOMETRY", "LIST", "ARRAY"


class ParquetTable:
    """One parquet file; `typed` are the columns that hold numbers. It `is_typed` where its dates are dates, too."""

    def __init__(self, path: str, schema: Schema, size: int) -> None:
        self._path, self._schema, self._size = path, schema, size
        self.typed: frozenset[str] = frozenset()
        self.is_typed = False

    def chunks(self) -> Iterator[bytes]:
        """Yield the header and the rows, about `size` bytes at a time. Raises: Fault where it cannot be read."""
        import duckdb

        try:
            connection = sql.connect(threads=1)
            table = f"read_parquet({literal(self._path)}, file_row_number=true)"
            described = connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
            columns = {name: kind for name, kind, *_ in described[:-1]}
            query = f"SELECT {', '.join(self._fields(columns))} FROM {table}"
            (n_rows,) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0]
            yield from self._pieces(connection, columns, query, n_rows)
        except duckdb.Error as error:
            reason = str(error).splitlines()[0].replace(self._path, "the file")
            raise fault(f"cannot be read as parquet ({reason})", "a whole parquet file") from error

    def _fields(self, columns: dict[str, str]) -> list[str]:
        """What is written of each column; nothing of those that are not wanted."""
        wanted = {column.name: column.kind for column in self._schema.columns}
        fields, typed, texts = (
            [],
            set(),
            {name for name, kind in wanted.items() if kind in ("number", "period", "date")},
        )
        for name, kind in columns.items():
            column = self._schema.aliases.get(name, name)
            base = kind.partition("(")[0]
            if column not in wanted:
                fields.append("NULL")
                continue
            if kind.endswith("]") or base in UNREADABLE:
                raise fault(f"holds {base.lower()} values", "numbers, texts or dates", None, column)
            typed |= {column} if base in NUMBERS else set()
            texts -= {column} if base in NUMBERS or base == "DATE" or base.startswith("TIMESTAMP") else set()
            fields.append(_text(quoted(name), base, wanted[column] in ("period", "date")))
        self.typed, self.is_typed = frozenset(typed), not texts
        return fields

    def _pieces(
        self, connection: duckdb.DuckDBPyConnection, columns: dict[str, str], query: str, n_rows: int
    ) -> Iterator[bytes]:
        names = (" ".join(name.split()).replace('"', '""') for name in columns)
        header = ",".join(f'"{name}"' for name in names).encode() + b"\n"
        first, rows = 0, FIRST_ROWS
        while first < n_rows:
            lines = _copied(
                connection, f"{query} WHERE file_row_number >= {first} AND file_row_number < {first + rows}"
            )
            yield header + lines
            header, first = b"", first + rows
            rows = max(int(rows * self._size / (len(lines) + 1)), FEWEST_ROWS)
        if header:
            yield header


def _copied(connection: duckdb.DuckDBPyConnection, query: str) -> bytes:
    descriptor = os.memfd_create("rows")
    try:
        target = literal(f"/proc/self/fd/{descriptor}")
        connection.execute(f"COPY ({query}) TO {target} (FORMAT csv, HEADER false, USE_TMP_FILE false)")
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    finally:
        os.close(descriptor)


def _text(name: str, kind: str, is_date: bool) -> str:
    """A column as text: what a person would write into a plain file."""
    text = f"{name}::VARCHAR"
    if kind in FLOATS:
        digits, power = f"replace(split_part(abs({name})::VARCHAR, 'e-', 1), '.', '')", f"split_part({text}, 'e-', 2)"
        small = f"if({name} < 0, '-', '') || '0.' || repeat('0', {power}::INT - 1) || {digits}"
        whole = f"{name} = trunc({name}) AND abs({name}) < {WHOLE_BELOW}"
        return (
            f"CASE WHEN {whole} THEN {name}::BIGINT::VARCHAR WHEN contains({text}, 'e-') THEN {small} ELSE {text} END"
        )
    if kind == "DECIMAL":
        return f"if(contains({text}, '.'), rtrim(rtrim({text}, '0'), '.'), {text})"
    if kind.startswith("TIMESTAMP"):
        moment = f"{name}::TIMESTAMP"
        return f"{moment}::DATE::VARCHAR" if is_date else f"replace({moment}::VARCHAR, ' 00:00:00', '')"
    return f"nullif({text}, '')"
