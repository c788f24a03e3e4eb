"""Former rows of clients as the files hold them, for the page of a client: one parquet file sorted by client."""

from __future__ import annotations

from pathlib import Path

from risk.dataset._accepted_rows import SPAN, Place
from risk.dataset.dataset import Dataset
from risk.reading.sql import literal
from risk.settings.schema import Schema

MOST_OF_CLIENT = 12
MOST_ROWS = 150_000  # of the newest contents; older ones are left out, so that neither time nor file grows without end
GROUP = 20_480  # rows that are read together: a client is found in one or two groups


def columns(schema: Schema) -> list[str]:
    """The columns that are told of a row beside its client, file, period and outcome, in this order."""
    known = (schema.client, schema.period, schema.target)
    return [column.name for column in schema.columns if column.name not in known]


def write(rows: Dataset, path: Path) -> None:
    """Write the newest rows of each client, the newest first: client, file, period, left, v0, v1, … Raises: DiskError.

    Every accepted row of a file counts, also one that another file repeats or revises. Equal rows give equal bytes.
    """
    accepted = rows._rows_of(_newest(rows))
    names = ", ".join(literal(entry.path) for entry in rows.manifest.entries) or "''"
    values = "".join(f", {accepted.names[name]} as v{at}" for at, name in enumerate(columns(rows.schema)))
    order = f"{accepted.period} desc, position desc" if accepted.period else "position desc"
    query = f"""select {accepted.client} as client, [{names}][position // {SPAN} + 1] as file,
            {accepted.period or "cast(null as varchar)"} as period, {accepted.target} = 1 as left{values}
        from accepted
        qualify row_number() over (partition by {accepted.client} order by {order}) <= {MOST_OF_CLIENT}
        order by {accepted.client}, {order}"""
    options = f"format parquet, compression zstd, row_group_size {GROUP}"
    accepted.run(f"copy ({query}) to {literal(str(path))} ({options})")


def _newest(rows: Dataset) -> list[Place]:
    """The places of the newest contents that together hold no more rows than are looked through."""
    found, n_rows = [], 0
    newest = sorted(rows._places, key=lambda it: (it.content.last_period or "", it.order), reverse=True)
    for place in newest:
        n_rows += sum(piece.rows for piece in place.content.slices)
        if n_rows > MOST_ROWS:
            break
        found.append(place)
    return found
