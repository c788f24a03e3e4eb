"""What the tests of ingestion share: a project whose folder lives, file by file."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import ingestion
from risk import command
from risk.command import Run
from risk.dataset import dataset, inbox, intake
from risk.dataset.dataset import Dataset
from risk.dataset.manifest import Entry, Manifest
from risk.disk import paths
from tests.conftest import HEADER, Project

MONTHS = "corporation,month,lastmonth_activity,lastyear_activity,number_of_employees,exited"


def of(*rows: str, header: str = HEADER) -> str:
    """Return a client file."""
    return "\n".join([header, *rows]) + "\n"


def months(*rows: str) -> str:
    """Return a client file with a period."""
    return of(*rows, header=MONTHS)


def ingest(project: Project) -> ingestion.Ingested:
    settings = project.settings
    with command.writing(settings):
        return ingestion.ingest(settings, Run(settings, "ingestion", 1))


def current(project: Project) -> Manifest:
    settings = project.settings
    return dataset.current(settings.ingested, settings.input_folder_path, settings.schema).manifest


def rows_of(project: Project, manifest: Manifest | None = None, known: Manifest | None = None) -> Dataset:
    settings = project.settings
    return Dataset(manifest or current(project), settings.schema, settings.ingested / paths.PARTS, known)


def look_again(project: Project, seen: intake.Seen | None = None) -> intake.Intake:
    """Return what the next ingestion would take in; nothing is published."""
    settings = project.settings
    box = inbox.list_sources(settings.input, size_cap=10**9)
    parts = settings.ingested / paths.PARTS
    return intake.take_in(box, current(project), settings.schema, parts, seen or {}, run=2, size_cap=10**9)


def entry(project: Project, path: str) -> Entry:
    found = current(project).entry(path)
    assert found is not None
    return found


def final(project: Project) -> list[str]:
    """Return the rows of finaldata.csv as they are written."""
    return project.text("ingesteddata/finaldata.csv").splitlines()[1:]


def rejected(project: Project) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(project.text("ingesteddata/rejected.csv"))))


def marks(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Return what would change if anything below the folder were written: times, inodes, sizes."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        at = path.lstat()
        found[str(path)] = (at.st_mtime_ns, at.st_ctime_ns, at.st_ino, at.st_size)
    return found
