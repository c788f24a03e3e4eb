"""Accounts of what is kept, for people outside: the audit export, and the sheet of one client."""

from __future__ import annotations

import argparse
from pathlib import Path

from risk import command
from risk.command import Answer
from risk.disk import files
from risk.errors import UsageError
from risk.registry import audit_export
from risk.report import client_sheet, snapshot
from risk.report.client_sheet import Shelves
from risk.settings.settings import Settings
from risk.text import check_text


def options(parser: argparse.ArgumentParser) -> None:
    """Add what is asked for here to the options of a script."""
    parser.add_argument(
        "--audit-export", metavar="FILE", help="write journal, cards, verdicts and all digests into FILE.zip"
    )
    parser.add_argument(
        "--client",
        metavar="NAME",
        help="tell everything that is kept about a client (--client=NAME where it begins with a dash)",
    )
    parser.add_argument("--html", metavar="FILE", help="with --client: write it as a page to print, too")


def answer(settings: Settings, asked: argparse.Namespace) -> Answer | None:
    """The account that was asked for; None where none was."""
    if asked.audit_export is not None:
        return _audit_export(settings, Path(asked.audit_export))
    if asked.client is not None:
        return _client(settings, asked.client, Path(asked.html) if asked.html else None)
    if asked.html:
        raise UsageError("--html: it goes with --client NAME. Nothing was written.")
    return None


def _audit_export(settings: Settings, path: Path) -> Answer:
    """Write the export while no run is at work. Raises: UsageError, BusyError."""
    _check_free("--audit-export", path, ".zip")
    year = audit_export.year_of(path.name)
    folders = {"ingesteddata": settings.ingested, "models": settings.models}
    with command.writing(settings):
        made = audit_export.made(folders | {"production_deployment": settings.production}, year)
        files.write(path, made.content)
    lines = [
        f"{path}: {made.n_lines} lines of the journal{f' of {year}' if year else ''}, digests of {made.n_files} files",
        f"last line: {made.last_line}",
        f"seal:      {made.seal}",
        "Keep last line and seal where nobody can change both. To check it: python3 verify.py FILE LAST_LINE SEAL",
    ]
    told = {"file": str(path), "year": year, "lines": made.n_lines, "files": made.n_files}
    return Answer("\n".join(lines), told | {"last_line": made.last_line, "seal": made.seal})


def _client(settings: Settings, name: str, page: Path | None) -> Answer:
    """Tell everything that is kept about a client. Raises: UsageError, DiskError."""
    check_text("--client", name)
    if not name.strip():
        raise UsageError("--client: the name is blank. Nothing was read. Give it as it stands in the client column.")
    if page:
        _check_free("--html", page, ".html")
    shelves = Shelves(settings.ingested, settings.models, settings.production, settings.outcomes, settings.holdout)
    sheet = client_sheet.gather(name, shelves, settings.schema, settings.size_cap)
    parts = client_sheet.parts_of(sheet, snapshot.of_schema(settings.schema))
    if page:
        files.write(page, client_sheet.page(sheet, parts))
    return Answer(client_sheet.lines(sheet, parts), sheet)


def _check_free(option: str, path: Path, end: str) -> None:
    """Raise UsageError where a file has another end, or is there already: what somebody keeps is not replaced."""
    if path.suffix != end:
        raise UsageError(f"{option}: {path} does not end in {end}. Nothing was written. Name a file that does.")
    if path.exists():
        raise UsageError(f"{option}: {path} is there already. Nothing was written. Name another file.")
