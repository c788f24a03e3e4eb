"""The process that reads one sheet of a workbook and writes it as lines; a limit of its memory lets it fail alone.

Run by its path: python _sheet_process.py WORKBOOK SHEET HEADER_ROW SKIP_FOOTER DECIMAL. The first line that it writes
is JSON, the sheet and its first column. What is wrong goes to standard error, as JSON with `reason` and `expected`.
"""

from __future__ import annotations

import csv
import datetime
import itertools
import json
import re
import resource
import sys
import zipfile
from collections import deque
from decimal import Decimal

MEMORY = 2_000_000_000
MOST_CELLS = 40_000_000
MOST_INSIDE = 4_000_000_000  # bytes
LARGEST_WHOLE = 2**53
WORKBOOK, RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
RANGE = re.compile(rb'<(?:\w+:)?dimension [^>]*?ref="([A-Z]+)([0-9]+)(?::([A-Z]+)([0-9]+))?"')
FAILED = re.compile(rb'<(?:\w+:)?c (?=[^>]*?t="e")[^>]*?r="([A-Z]+)([0-9]+)"[^>]*>(.{0,2000}?)</(?:\w+:)?c>', re.DOTALL)
VALUE = re.compile(rb"<(?:\w+:)?v>([^<]*)</")
PIECE = 1024 * 1024
NO_WORKBOOK = "is damaged, or no Excel workbook", "a whole .xlsx file"


class _Refused(Exception):
    """What is wrong with the workbook, and what was expected."""


def main(path: str, asked: object, header_row: int, skip_footer: int, decimal: str) -> None:
    """Write the rows of the sheet from its header on."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    import python_calamine

    try:
        with zipfile.ZipFile(path) as archive:
            _check_sizes(archive)
            workbook = python_calamine.load_workbook(path)
            sheets = [it for it in workbook.sheets_metadata if it.typ == python_calamine.SheetTypeEnum.WorkSheet]
            visible = [it.name for it in sheets if it.visible == python_calamine.SheetVisibleEnum.Visible]
            name = _chosen(visible if asked is None else [it.name for it in sheets], asked)
            place = _place(archive, name)
            _check_range(archive, place)
            failed = _failed(archive, place)
        sheet = workbook.get_sheet_by_name(name)
    except python_calamine.PasswordError as error:
        raise _Refused("is protected by a password", "a workbook without one") from error
    except (python_calamine.CalamineError, zipfile.BadZipFile, KeyError, EOFError, NotImplementedError) as error:
        raise _Refused(*NO_WORKBOOK) from error
    first_row, first_column = sheet.start or (0, 0)
    sys.stdout.write(json.dumps({"sheet": name, "column": first_column}) + "\n")
    sys.stdout.flush()
    written, waiting = csv.writer(sys.stdout, lineterminator="\n"), deque[list[str]]()
    rows = itertools.islice(sheet.iter_rows(), header_row - 1, first_row + sheet.height)
    for number, row in enumerate(rows, start=header_row):
        cells = [_text(cell, decimal) for cell in row]
        for column, text in failed.get(number, ()):
            if column - first_column < len(cells):
                cells[column - first_column] = text
        waiting.append(cells if any(cells) else [])  # what waits at the end is the footer, and blank rows
        while any(cells) and len(waiting) > skip_footer:
            written.writerow(waiting.popleft())


def _check_sizes(archive: zipfile.ZipFile) -> None:
    inside = sum(it.file_size for it in archive.infolist())
    if inside > MOST_INSIDE:
        raise _Refused(f"holds {inside:,} bytes", f"at most {MOST_INSIDE:,} (split it, or save the sheet as CSV)")
    if WORKBOOK not in archive.namelist():
        raise _Refused(*NO_WORKBOOK)
    if any(it.endswith("vbaProject.bin") for it in archive.namelist()):
        raise _Refused("is a workbook with macros", "a workbook saved as .xlsx")


def _chosen(names: list[str], asked: object) -> str:
    """The sheet that the settings name; without it, the only one."""
    shown = ", ".join(map(repr, names))
    if asked is None:
        if len(names) != 1:
            raise _Refused(f"has {len(names)} sheets ({shown})", "one; format.sheet names the one to read")
        return names[0]
    chosen = names[asked - 1] if isinstance(asked, int) and asked <= len(names) else asked
    if chosen not in names:
        raise _Refused(f"has no sheet {asked!r} (but {shown})", "the name, or number, of a sheet in format.sheet")
    return str(chosen)


def _place(archive: zipfile.ZipFile, name: str) -> str:
    """The part of the archive that holds a sheet."""
    from xml.etree import ElementTree

    relation = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
    tree = ElementTree.fromstring(archive.read(WORKBOOK))
    ids = {it.get("name"): it.get(relation) for it in tree.iter() if it.tag.endswith("}sheet")}
    relations = ElementTree.fromstring(archive.read(RELATIONS))
    targets = {it.get("Id"): it.get("Target", "") for it in relations}
    target = targets.get(ids.get(name), "")
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _check_range(archive: zipfile.ZipFile, place: str) -> None:
    """Refuse a sheet whose used range would fill the memory with blank cells."""
    with archive.open(place) as file:
        match = RANGE.search(file.read(PIECE))
    if match and match[3]:
        columns = _column(match[3]) - _column(match[1]) + 1
        n_cells = columns * (int(match[4]) - int(match[2]) + 1)
        if n_cells > MOST_CELLS:
            used = b"%b%b:%b%b" % match.groups()
            raise _Refused(
                f"has a sheet of {n_cells:,} cells ({used.decode()})",
                f"at most {MOST_CELLS:,} (delete what is beyond the table, or save the sheet as CSV)",
            )


def _failed(archive: zipfile.ZipFile, place: str) -> dict[int, list[tuple[int, str]]]:
    """The cells whose formula failed, by row: the column, and the error as it is shown."""
    found: dict[int, list[tuple[int, str]]] = {}
    with archive.open(place) as file:
        rest = b""
        while block := file.read(PIECE):
            block, done = rest + block, 0
            if b't="e"' in block:
                for match in FAILED.finditer(block):
                    value = VALUE.search(match[3])
                    shown = value[1].decode() if value else "#VALUE!"
                    found.setdefault(int(match[2]), []).append((_column(match[1]), shown))
                    done = match.end()
            rest = block[max(done, len(block) - 4096) :]
    return found


def _column(letters: bytes) -> int:
    """The number of a column, from 0."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _text(cell: object, decimal: str) -> str:
    """A cell as a person would write it into a text file."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        if cell.is_integer() and abs(cell) < LARGEST_WHOLE:
            return str(int(cell))
        text = repr(cell)
        return (f"{Decimal(text):f}" if "e" in text else text).replace(".", decimal)
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(" ").removesuffix(" 00:00:00")
    return str(cell)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
    try:
        main(sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    except _Refused as refused:
        sys.stderr.write(json.dumps({"reason": refused.args[0], "expected": refused.args[1]}))
        sys.exit(3)
    except MemoryError:
        sys.exit(4)
