"""Excel workbooks as comma-separated lines: a process of its own reads the sheet, under a limit of its memory."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from risk.reading.refusals import Fault, fault

if TYPE_CHECKING:
    from risk.settings.table_format import Format

PACKAGE = "python_calamine"
NEEDS = "needs the package python-calamine"
INSTALL = "it, by `make xlsx`, or the sheet saved as CSV"
BLOCK = 1024 * 1024
OLD = b"\xd0\xcf\x11\xe0"  # also of a workbook with a password
PROCESS = Path(__file__).with_name("_sheet_process.py")


def are_readable() -> bool:
    """Whether the package that reads workbooks is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


class Workbook:
    """One workbook; `sheet` is the one that is read, `first_column` where its table begins, from 0."""

    def __init__(self, descriptor: int, form: Format) -> None:
        self._descriptor, self._form = descriptor, form
        self.sheet, self.first_column = "", 0

    def blocks(self) -> Iterator[bytes]:
        """Yield the rows from the header on. Raises: Fault where it cannot be read."""
        if not are_readable():
            raise fault(NEEDS, INSTALL)
        if os.pread(self._descriptor, len(OLD), 0) == OLD:
            raise fault("is an old Excel workbook, or has a password", "a workbook saved as .xlsx, without a password")
        form, path = self._form, f"/proc/self/fd/{self._descriptor}"
        words = [path, json.dumps(form.sheet), str(form.header_row), str(form.skip_footer), form.decimal]
        with tempfile.TemporaryFile() as said:
            command = [sys.executable, "-P", str(PROCESS), *words]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, pass_fds=[self._descriptor]) as process:
                assert process.stdout
                try:
                    yield from self._output(process.stdout)
                    process.wait()
                finally:
                    process.kill()
            if process.returncode:
                raise _what_failed(said)

    def _output(self, output: IO[bytes]) -> Iterator[bytes]:
        if first := output.readline():
            told = json.loads(first)
            self.sheet, self.first_column = told["sheet"], told["column"]
        yield from iter(lambda: output.read(BLOCK), b"")

    def cell(self, row: int, field: int | None) -> str:
        """The place of a row, or of a cell, as people know it."""
        return f"sheet {self.sheet!r}, {'row ' if field is None else _letters(self.first_column + field)}{row}"


def _letters(column: int) -> str:
    return (_letters(column // 26 - 1) if column >= 26 else "") + chr(65 + column % 26)


def _what_failed(said: IO[bytes]) -> Fault:
    said.seek(0)
    try:
        told = json.loads(said.read().splitlines()[-1])
        return fault(told["reason"], told["expected"])
    except (ValueError, IndexError, KeyError, TypeError):
        return fault("cannot be read within 2 GB of memory, or is damaged", "a smaller sheet, or one saved as CSV")
