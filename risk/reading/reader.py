"""The reader of client files: every row becomes part of a parquet file exactly as written, or is refused by its line.

Reads: the source files. Writes: parts, and files of refused rows beside them, in one folder.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from risk.disk import files
from risk.reading import spreadsheets
from risk.reading._file_reader import FileReader
from risk.reading._reading import Reading, Source
from risk.reading.erased import NOBODY, Erased
from risk.reading.parts import PartWriter, Slice
from risk.reading.refusals import Refusal, fault
from risk.reading.sql import literal, quoted
from risk.reading.values import EXACT_DIGITS
from risk.settings.schema import Schema
from risk.text import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Content", "Refusal", "Slice", "Source", "read", "read_frame", "read_refusals"]

ODD_KEPT = 100  # ids of a content


@dataclass(frozen=True)
class Content:
    """The current bytes of one file and the rows they gave.

    A file that cannot be opened, or is too large, has an empty digest.

    `n_given` is how many rows of the set come from it; only a published manifest knows. `judged` is the day on which a
    run judged it first. Where rows lie in the future of that day, `limit` is the last day that does not, `n_future` the
    number of such rows, and `last_present` the last period of the others. `released` is why it was held, where a person
    took it in all the same. `odd` are the first ids that are not written as they are seen. `run` took it in.
    """

    digest: str
    size: int
    seconds: float
    n_read: int
    n_accepted: int
    n_refused: int
    n_labelled: int
    first_period: str | None
    last_period: str | None
    slices: tuple[Slice, ...]
    refusals: str | None
    fault: Refusal | None
    warnings: tuple[str, ...]
    n_given: int = 0
    judged: str = ""
    limit: str | None = None
    n_future: int = 0
    last_present: str | None = None
    released: str | None = None
    dotted: dict[str, bool] = field(default_factory=dict)
    odd: tuple[str, ...] = ()
    run: int = 0

    @property
    def newest_period(self) -> str | None:
        """The last period that does not lie in the future."""
        return self.last_present if self.limit else self.last_period


def read(
    sources: Iterable[Source], schema: Schema, parts: Path, *, size_cap: int, erased: Erased = NOBODY
) -> Iterator[tuple[Source, Content | None]]:
    """Yield each source, in order, with what it gave; None where the file vanished or changed while it was read.

    Rows of erased clients are refused. The folder of the parts is synced once, at the end. Raises: DiskError where the
    disk refuses.
    """
    reader = FileReader(schema, parts, size_cap, erased=erased)
    for source, reading in reader.read(sources):
        yield source, None if reading.digest is None else _stored(reading, reader, schema)
    if parts.is_dir():
        with files.refusals(parts):
            files.sync(parts)


def _stored(reading: Reading, reader: FileReader, schema: Schema) -> Content:
    """The content whose rows are in parts; its refused rows are written beside them. Raises: DiskError."""
    pieces = [piece for piece in reading.pieces if piece]
    slices = _joined(piece.slice for piece in pieces)
    digest = reading.digest or ""
    name = f"{digest[:16]}-{schema.identity}.refused" if reading.refusals else None
    if name:
        lines = (json.dumps(asdict(refusal), ensure_ascii=False) + "\n" for refusal in reading.refusals)
        reader.writer.keep(name, "".join(lines).encode())
    forms = reader.suspects.known(slices, list(reading.odd)) if reading.odd else set()
    return Content(
        digest,
        reading.size,
        reading.seconds,
        *(reading.n_read, reading.n_accepted, reading.n_refused),
        n_labelled=sum(piece.n_labelled for piece in pieces),
        first_period=min((piece.first_period for piece in pieces if piece.first_period), default=None),
        last_period=max((piece.last_period for piece in pieces if piece.last_period), default=None),
        slices=slices,
        refusals=name,
        fault=reading.fault,
        warnings=warnings_of(reading, forms),
        dotted=reading.dots.columns(schema),
        odd=tuple(sorted(it for written in reading.odd.values() for it in written)[:ODD_KEPT]),
    )


def warnings_of(reading: Reading, forms: set[str]) -> tuple[str, ...]:
    """Return what a person should know; `forms` are the clients of the file that an odd one is the twin of."""
    if reading.fault:
        return ()
    sentences = list(reading.exact.header.warnings)
    if not reading.n_read:
        sentences.append("it brought no rows (a header and no row below it)")
    if n_blank := reading.exact.n_blank:
        lines = counted(n_blank, "blank line of separators is", "blank lines of separators are")
        sentences.append(f"{lines} skipped")
    if reading.has_end_mark:
        sentences.append("the end-of-file mark (Ctrl-Z, U+001A) at its end is skipped")
    if n := reading.n_totals:
        rows = counted(n, "row is of a client", "rows are of clients")
        sentences.append(f"{rows} named as totals are: where it holds sums, take it out of the file")
    if reading.n_repeats and not reading.exact.values.are_events:
        sentences.append(_repeats(reading))
    if reading.n_cut >= spreadsheets.ENOUGH_LONG:
        ids = f"{reading.n_cut:,} ids have more than 15 digits, all with zeros from the 16th on"
        sentences.append(f"{ids}: a spreadsheet may have rounded them")
    if twins := spreadsheets.alike(reading.odd, forms):
        sentences.append(twins)
    return tuple(sentences)


def _repeats(reading: Reading) -> str:
    if reading.exact.values.has_period:
        rows = counted(reading.n_repeats, "row repeats", "rows repeat")
        return f"{rows} a client and period of this file: of each, the last counts"
    rows = counted(reading.n_repeats, "row is of a client who has", "rows are of clients who have")
    return f"{rows} an earlier row in this file: without a period, each that differs is kept"


def _joined(slices: Iterable[Slice]) -> tuple[Slice, ...]:
    """The slices, those that follow each other in a part made one."""
    joined: list[Slice] = []
    for it in slices:
        last = joined[-1] if joined else None
        if last and last.part == it.part and last.first + last.rows == it.first:
            joined[-1] = Slice(it.part, last.first, last.rows + it.rows)
        else:
            joined.append(it)
    return tuple(joined)


def read_refusals(parts: Path, name: str) -> list[Refusal]:
    """The refused rows of one content, as far as they are listed."""
    lines = (parts / name).read_text(encoding="utf-8").split("\n")
    return [Refusal(**json.loads(line)) for line in lines if line]


def read_frame(path: Path, schema: Schema, *, target_optional: bool = False) -> tuple[pd.DataFrame, Content]:
    """The accepted rows of one file, columns in schema order, and what it gave; its parts are thrown away.

    Numbers are int64, or float64 where one is missing or has a fraction; texts are objects with None; the target is
    0, 1 or NaN. The column of the target need not be there if it is optional. A file with a fault gives no rows.
    Raises: DiskError.
    """
    with tempfile.TemporaryDirectory() as scratch:
        reader = FileReader(schema, Path(scratch), target_optional=target_optional or not schema.holds_outcome)
        ((_, reading),) = reader.read([Source(path.name, path)])
        if reading.digest is None:
            reading.fault = fault("vanished or changed while it was read", "a file that stands still").refusal
        _check_wide(reading, schema)
        content = _stored(reading, reader, schema)
        frame = _frame(reader.writer, Path(scratch), content.slices, schema)
    return frame, replace(content, slices=(), refusals=None)


def _check_wide(reading: Reading, schema: Schema) -> None:
    """Give the reading a fault where a frame cannot hold a column: whole numbers too wide for float64, and blanks."""
    for index in reading.exact.values.wide if reading.pieces else ():
        columns = [piece.ends[index] for piece in reading.pieces if piece]
        if sum(column[2] for column in columns if column) < reading.n_accepted:
            reason = f"holds whole numbers of more than {EXACT_DIGITS} digits beside blank ones"
            name = schema.columns[index].name
            reading.fault = fault(reason, "a number in every row, or fewer digits", None, name).refusal
    if reading.fault:
        reading.forget_rows()


def _frame(writer: PartWriter, folder: Path, slices: Sequence[Slice], schema: Schema) -> pd.DataFrame:
    """The rows of some slices as a frame, with the changes since a client's period before, if they hold it."""
    import pandas as pd

    kinds = {"number": "BIGINT", "target": "DOUBLE"}
    empty = ", ".join(f"NULL::{kinds.get(it.kind, 'VARCHAR')} AS {quoted(it.name)}" for it in schema.columns)
    queries = [f"SELECT {empty} WHERE false"]  # it gives the types where there is no slice
    for piece in slices:
        part = f"read_parquet({literal(str(folder / piece.part))}, file_row_number=true)"
        place = f"file_row_number BETWEEN {piece.first} AND {piece.first + piece.rows - 1}"
        queries.append(f"SELECT * EXCLUDE (file_row_number) FROM {part} WHERE {place}")
    columns = {}
    for name, column in writer.columns(" UNION ALL ".join(queries)).items():
        values, missing = np.ma.getdata(column), np.ma.getmaskarray(column)
        blank: Any = None if values.dtype == object else np.nan
        values = np.where(missing, blank, values) if missing.any() else values
        columns[name] = pd.Series(values, dtype=values.dtype)
    frame = pd.DataFrame(columns)
    if not schema.changes or not schema.period:
        return frame
    keys = [schema.client, schema.period]
    last = frame.drop_duplicates(keys, keep="last").sort_values(keys, kind="stable")
    sources = list(schema.changes.values())
    changes = last[sources] - last.groupby(schema.client)[sources].shift()
    changes = changes.set_axis(list(schema.changes), axis=1).astype(np.float64)
    return frame.merge(pd.concat([last[keys], changes], axis=1), on=keys, how="left")
