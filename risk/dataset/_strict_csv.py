"""Small CSV files beside the client files, which people or other systems write: read strictly, one record a line.

A line that is refused stops no other one; a file that is no such CSV is refused whole.
"""

from __future__ import annotations

import csv
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from risk.text import CONTROL, counted, in_short

Record = dict[str, str]


@dataclass(frozen=True)
class RejectedLine:
    """A line that was refused (None: the whole file), what was found there and expected, and its `text`."""

    source: str
    line: int | None
    reason: str
    text: str = field(default="", repr=False, compare=False)

    @property
    def told(self) -> dict[str, Any]:
        """The refusal without the text."""
        return {"source": self.source, "line": self.line, "reason": self.reason}

    @property
    def searched(self) -> str:
        """What a name may stand in: the reason, and the text with the quotes of CSV and without."""
        return "\n".join((self.reason, self.text, self.text.replace('""', '"')))

    @property
    def sentence(self) -> str:
        """The refusal as people read it."""
        return f"{self.source}: {f'line {self.line}: ' if self.line else ''}{self.reason}"


@dataclass(frozen=True)
class StrictCsv:
    """The records of one file by their line (the header is line 1), and what was refused."""

    records: tuple[tuple[int, Record], ...] = ()
    rejected: tuple[RejectedLine, ...] = ()


def read(
    path: Path, source: str, required: Sequence[str], optional: Sequence[str], fault: Callable[[Record], str | None],
    size_cap: int, verbatim: str | None = None,
) -> StrictCsv:  # fmt: skip
    """Return what a file holds. `fault` says what is wrong with a record, None where nothing is.

    Every record has all columns; one that the file does not have is blank. Spaces around a field are no part of it,
    but in the column that is read `verbatim`.
    """
    try:
        lines = _text(path, size_cap).removeprefix("\ufeff").split("\n")
        header = _header(lines[0], required, optional)
    except ValueError as error:
        return StrictCsv(rejected=(RejectedLine(source, None, str(error)),))
    records, rejected, blank = [], [], dict.fromkeys((*required, *optional), "")
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        try:
            record = blank | _record(line, header, verbatim)
            if found := fault(record):
                raise ValueError(found)
        except ValueError as error:
            rejected.append(RejectedLine(source, number, str(error), line))
        else:
            records.append((number, record))
    return StrictCsv(tuple(records), tuple(rejected))


def _text(path: Path, size_cap: int) -> str:
    """The text of a regular file. Raises: ValueError where it is none."""
    try:
        descriptor = os.open(os.path.realpath(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError("not a regular file; put the file itself there")
            content = file.read(size_cap + 1)
    except OSError as error:
        raise ValueError(f"not readable ({error.strerror}); give read access") from error
    if len(content) > size_cap:
        raise ValueError(f"more than {size_cap / 1e6:,.0f} MB; split it")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8; save it as CSV in UTF-8") from error


def _header(line: str, required: Sequence[str], optional: Sequence[str]) -> list[str]:
    """The columns that a file has. Raises: ValueError where they are others than expected."""
    header = [name.strip() for name in _fields(line)]
    wrong = [name for name in header if header.count(name) > 1 or name not in (*required, *optional)]
    if wrong or not set(required) <= set(header):
        expected = f"{','.join(required)} and, where wanted, {','.join(optional)}"
        raise ValueError(f"line 1: the header is {in_short(line.strip())}, expected {expected}, separated by commas")
    return header


def _record(line: str, header: Sequence[str], verbatim: str | None) -> Record:
    cells = _fields(line)
    if len(cells) != len(header):
        raise ValueError(f"found {len(cells)} fields, expected {len(header)} as in line 1")
    return {name: cell if name == verbatim else cell.strip() for name, cell in zip(header, cells, strict=True)}


def _fields(line: str) -> list[str]:
    """The fields of one line. Raises: ValueError where it is not CSV."""
    line = line.removesuffix("\r")
    if CONTROL.search(line):
        raise ValueError("found a tab or another control character, expected text alone")
    if '"' not in line:
        return line.split(",")
    cells = line[1:-1].split('","')
    if line[0] == line[-1] == '"' and line.count('"') == 2 * len(cells):  # as we write them: read five times as fast
        return cells
    try:
        (cells,) = csv.reader([line], strict=True)
    except (csv.Error, ValueError) as error:
        raise ValueError("a quote is not closed, or stands within a field; expected CSV, one record a line") from error
    return cells


def sentences(rejected: Sequence[RejectedLine]) -> Iterator[tuple[str, str]]:
    """Yield one warning for each file with refusals, and the same without any text of the file."""
    for source in dict.fromkeys(it.source for it in rejected):
        found = [it for it in rejected if it.source == source]
        n_lines = sum(it.line is not None for it in found)
        more = f" ({n_lines} lines of the file are left out)" if n_lines > 1 else "; it is left out" if n_lines else ""
        left_out = f"{counted(n_lines, 'line')} left out" if n_lines else "the file is left out"
        told = f"{source}: {left_out}; python ingestion.py --rejected says why"
        yield found[0].sentence + more, told
