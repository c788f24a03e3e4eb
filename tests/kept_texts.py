"""Everything that an installation keeps, as text and by other means than the program's own search."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Collection
from pathlib import Path

import duckdb
import pypdfium2  # type: ignore[import-untyped]

from risk.disk import files, paths

KEPT = ("ingesteddata", "models", "production_deployment", "practicemodels", "outcomes/recorded.csv")


def texts(path: Path) -> list[str]:
    """Return every text of a file."""
    if path.suffix == ".parquet":
        with duckdb.connect() as connection:  # the shared one has threads, which do not come along into a fork
            rows = connection.execute(f"select * from '{path}'").fetchall()
            facts = connection.execute(f"select decode(value) from parquet_kv_metadata('{path}')").fetchall()
        return [str(cell) for row in (*rows, *facts) for cell in row]
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as members:
            return [members.read(name).decode(errors="replace") for name in members.namelist()]
    if path.suffix == ".pdf" and path.read_bytes()[:4] == b"%PDF":
        return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(path.read_bytes())]
    return [path.read_bytes().decode(errors="replace")]


def holding(root: Path, name: str, others: Collection[str] = (), clean: set[str] | None = None) -> list[str]:
    """Return the files that hold a name as it is, or as CSV, JSON and XML write it; not within the name of another.

    `clean` are the digests of contents that were found without it before, and grows.
    """
    forms = {name, name.replace('"', '""'), json.dumps(name)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1]}
    forms |= {name.replace('"', "&quot;")}
    found = []
    for place in KEPT:
        for path in sorted([root / place] if (root / place).is_file() else (root / place).rglob("*")):
            if path.is_file() and not path.is_symlink() and path.name != paths.ERASED_KEY:
                known = "" if clean is None else f"{path.suffix} {files.digest_file(path)}"
                if clean and known in clean:
                    continue
                written = texts(path)
                for longer in others:
                    written = [text.replace(longer, "") for text in written]
                if any(form in text for form in forms for text in written):
                    found.append(str(path.relative_to(root)))
                elif clean is not None:
                    clean.add(known)
    return found
