"""Report sets without some clients: lists, rows, words and levels of theirs go; sums, scores, ranks of others stay."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from risk.disk import files, paths
from risk.disk.redacted_csv import without_rows
from risk.disk.redaction import CLIENT, ClientNames
from risk.disk.staging import Rewrite
from risk.reading.sql import connect, literal, pattern
from risk.registry.releases import object_in
from risk.report import erased_levels, figures, pdf, spreadsheet
from risk.report.erased_levels import Levels
from risk.text import event, log

COLUMNS = (CLIENT,)


def rewrites(reports: Path, names: ClientNames, levels: Levels) -> Iterator[Rewrite]:
    """Yield what changes in each report set; `levels` are those that no row of other clients has. Raises: DiskError."""
    for folder in sorted(reports.glob("[0-9]*")):
        if folder.is_dir() and not folder.is_symlink():
            yield from _of_set(folder, names, levels)


def _of_set(folder: Path, names: ClientNames, levels: Levels) -> Iterator[Rewrite]:
    places = _places(folder / paths.CLIENT_RISKS, names)
    before = object_in(folder / paths.SNAPSHOT)
    after = erased_levels.cut(names.cut(_without_places(before, places)), levels)
    plots = list(erased_levels.redrawn(folder, before, after))
    if after != before:
        yield Rewrite(folder / paths.SNAPSHOT, files.as_json(after))
        yield from _shown(folder, before, after)
    yield from plots
    others = sorted({*folder.glob("[!.]*.svg")} - {it.path for it in plots})
    for name in (paths.CALL_LIST, paths.CLIENT_RISKS, *(path.name for path in others)):
        if (path := folder / name).is_file():
            text = path.read_text(encoding="utf-8")
            cut = without_rows(text, COLUMNS, names) if name.endswith(".csv") else names.in_text(text)
            if cut != text:
                yield Rewrite(path, cut.encode())
    if places and (path := folder / paths.CLIENT_FEATURES).is_file():
        lines = path.read_text(encoding="utf-8").split("\n")
        left = [line for place, line in enumerate(lines) if place - 1 not in places]
        yield Rewrite(path, "\n".join(left).encode())
    if (path := folder / paths.CLIENT_ROWS).is_file() and (content := _rows(path, names)) is not None:
        yield Rewrite(path, content)


def _places(path: Path, names: ClientNames) -> set[int]:
    """The places of the clients in clientrisks.csv."""
    if not path.is_file():
        return set()
    with path.open(encoding="utf-8", newline="") as file:
        return {place for place, row in enumerate(csv.DictReader(file)) if names.is_client(row.get(CLIENT))}


def _without_places(snapshot: dict[str, Any], places: set[int]) -> dict[str, Any]:
    """The snapshot without the clients at these places of its lists of everyone."""
    if not places:
        return snapshot
    lists = {key: snapshot[key] for key in ("risks", "renewals") if isinstance(snapshot.get(key), list)}
    cut = {key: [it for place, it in enumerate(values) if place not in places] for key, values in lists.items()}
    return snapshot | cut


def _shown(folder: Path, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Rewrite]:
    """Yield the workbook and the PDF, made again; what cannot be made of an old snapshot goes."""
    path = folder / paths.CALL_LIST_EXCEL
    if path.is_file() and after.get("call_list") != before.get("call_list"):
        yield Rewrite(path, spreadsheet.workbook(after["call_list"], after["schema"].get("currency")))
    if (path := folder / paths.REPORT).is_file():
        try:
            pictures = figures.drawn(after["scores"], after.get("backtest"), after.get("track_record"))
            yield Rewrite(path, pdf.report(after, pictures))
        except (KeyError, TypeError, ValueError, AttributeError) as error:  # of an older program
            log.warning(event("an old report cannot be made again", path=path, reason=type(error).__name__))
            yield Rewrite(path, None)


def _rows(path: Path, names: ClientNames) -> bytes | None:
    """clientrows.parquet without the clients; None where they are not in it."""
    clients = ", ".join(map(literal, sorted(names.names)))
    with connect(threads=1) as connection, tempfile.TemporaryDirectory() as scratch:
        rows = f"from read_parquet({literal(pattern(path))}) where client"
        (n_rows,) = connection.execute(f"select count(*) {rows} in ({clients})").fetchall()[0]
        if not n_rows:
            return None
        written = Path(scratch) / path.name
        options = "format parquet, compression zstd, row_group_size 20480"
        connection.execute(f"copy (select * {rows} not in ({clients})) to {literal(str(written))} ({options})")
        return written.read_bytes()


def recorded(path: Path, names: ClientNames) -> Iterator[Rewrite]:
    """Yield recorded.csv without the contacts of the clients."""
    if path.is_file():
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        if (cut := without_rows(text, COLUMNS, names)) != text:
            yield Rewrite(path, cut.encode("utf-8", "surrogateescape"))
