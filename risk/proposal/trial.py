"""The trial of a proposal: files are read with it, into a folder that is thrown away."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from risk.dataset import intake
from risk.reading.reader import Source, read
from risk.reading.sql import connect, literal, pattern, quoted
from risk.settings import settings
from risk.settings.schema import Schema

FOLDERS = ("input_folder_path", "output_folder_path", "test_data_path", "output_model_path", "prod_deployment_path")
UNLIMITED = 1 << 62
NOT_LISTED = "rows that are not listed one by one"


@dataclass(frozen=True)
class Trial:
    """What reading with the proposed settings gave: rows, refused ones by reason with the first of each, warnings."""

    n_read: int = 0
    n_accepted: int = 0
    n_labelled: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    columns: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    gap: int | None = None  # days; nine of ten between two events of a client are no longer

    @property
    def n_rejected(self) -> int:
        return max(self.n_read - self.n_accepted, int(bool(self.refused)))


def tried(sections: Mapping[str, Any], sources: Iterable[Source]) -> Trial:
    """Read files with proposed settings into a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        schema = schema_of(sections, folder)
        n_read = n_accepted = n_labelled = 0
        refused, by_column = Counter[str](), Counter[str]()
        examples, warnings = dict[str, str](), list[str]()
        for source, content in read(sources, schema, folder / "parts", size_cap=UNLIMITED):
            if content is None:
                warnings.append(f"{source.name}: it changed while it was read")
                continue
            n_read, n_accepted = n_read + content.n_read, n_accepted + content.n_accepted
            n_labelled += content.n_labelled
            warnings += [f"{source.name}: {it}" for it in content.warnings]
            listed = intake.refusals_of(content, folder / "parts")
            for it in listed:
                if it.line is None and not content.fault:
                    refused[NOT_LISTED] += content.n_refused - len(listed) + 1
                    examples.setdefault(NOT_LISTED, f"{source.name}: {it.reason}")
                    continue
                reason = f"{it.column or 'the row' if it.line else 'the file'} {it.reason}"
                refused[reason] += 1
                by_column[it.column or ""] += 1
                for key in (reason, it.column or ""):
                    examples.setdefault(key, intake.sentence(source.name, it))
        gap = _usual_gap(folder / "parts", schema) if schema.holds_events and n_accepted else None
    return Trial(n_read, n_accepted, n_labelled, refused, by_column, examples, tuple(warnings), gap)


def _usual_gap(parts: Path, schema: Schema) -> int:
    """The days that nine of ten gaps between the days of a client's events do not exceed; 0 where there is none."""
    client, time = (quoted(column.name) for column in schema.columns[:2])
    files = ", ".join(literal(pattern(path)) for path in sorted(parts.glob("*.parquet")))
    days = f"select distinct {client} as client, cast({time}[:10] as date) as day from read_parquet([{files}])"
    gaps = f"select day - lag(day) over (partition by client order by day) as gap from ({days})"
    (row,) = connect().execute(f"select quantile_disc(gap, 0.9) from ({gaps}) where gap is not null").fetchall()
    return int(row[0] or 0)


def schema_of(sections: Mapping[str, Any], folder: Path) -> Schema:
    """The schema of files that sections of the settings give, loaded as the settings are. Raises: ConfigError."""
    for name in (*FOLDERS, "parts"):
        (folder / name).mkdir()
    known = {**{name: name for name in FOLDERS}, **{name: it for name, it in sections.items() if it is not None}}
    (folder / "config.json").write_text(json.dumps(known), encoding="utf-8")
    schema = settings.load(folder / "config.json").schema
    return getattr(schema, "files", None) or schema
