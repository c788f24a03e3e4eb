"""A table of any kind as plain CSV, for who checks the values by other rules: those of a request."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from risk.reading import header
from risk.reading._stream import SourceFile
from risk.reading.dialect import Dialect
from risk.reading.refusals import fault
from risk.settings.schema import Schema
from risk.settings.table_format import Format


def as_csv(path: Path, name: str, schema: Schema, size_cap: int, *, is_sample: bool = False) -> bytes:
    """The table of a file under the names of the schema, its numbers and dates in plain form as far as they are any.

    Its lines have the numbers that they have in the file; a sample has the first ones. Raises: Fault, OSError.
    """
    with SourceFile(path, schema, name, has_digest=False) as file:
        file.check(size_cap)
        written, size = list[bytes](), 0
        for chunk in file.chunks():
            written.append(chunk)
            size += len(chunk)
            if is_sample:
                break
            if size > size_cap:
                raise fault(f"holds more than {size_cap:,} bytes", "less in one file")
        content = b"".join(written)
        if file.form == Format() and not schema.aliases and not file.place_of:
            return content
        head, end = header.split(content)
        first = file.first_line + len(header.LINE.findall(head)) - 1
        names = header.names_in(head, first, file.form)
        return _translated(names, content[end:].decode("utf-8"), first, file.form, file.typed, schema)


def _translated(names: list[str], rows: str, first: int, form: Format, typed: frozenset[str], schema: Schema) -> bytes:
    columns = [schema.aliases.get(name, name) for name in names]
    dialect = Dialect(schema.format)
    reads = {"number": dialect.number, "period": dialect.date, "date": dialect.date}
    wanted = {it.name: reads[it.kind] for it in schema.columns if it.kind in reads and it.name not in typed}
    places = [(place, wanted[name]) for place, name in enumerate(columns) if name in wanted]
    text = io.StringIO("\n" * max(first - 1, 0), newline="")
    text.seek(0, io.SEEK_END)
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(columns)
    try:
        for record in header.records(io.StringIO(rows, newline=""), form):
            for place, read in places if len(record) == len(columns) else ():
                record[place] = read(record[place].strip(" ")) or record[place]
            lines.writerow(record) if record else text.write("\n")
    except csv.Error as error:
        raise fault(f"is not CSV ({error})", "quotes as in RFC 4180") from error
    return text.getvalue().encode()
