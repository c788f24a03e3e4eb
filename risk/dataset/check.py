"""A check of files before they arrive: they are read as ingestion would, and nothing is taken in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from risk.command import Answer
from risk.dataset import intake, outcomes
from risk.dataset.quarantine import of_one_form
from risk.reading import reader
from risk.settings.schema import Schema
from risk.text import counted

ABSENT = reader.Refusal(None, None, None, "is not there, or changes", "a file at rest")


def answer(names: Iterable[str], schema: Schema, known: set[str], outcomes_folder: Path, size_cap: int) -> Answer:
    """Read files into a folder that is thrown away, and say what would be refused; exit code 1 where anything is.

    `known`: the periods that the dataset holds, whose form those of the files have to have.
    """
    lines, total, warned = [], 0, 0
    for name in names:
        if Path(name).resolve().parent == outcomes_folder.resolve():
            called = outcomes.of_file(Path(name), name, size_cap)
            lines += [it.sentence for it in called.rejected]
            accepted = f"{counted(len(called.contacts), 'contact')} would be accepted"
            lines.append(f"{name}: {accepted}, {counted(len(called.rejected), 'refusal')}")
            total += len(called.rejected)
            continue
        with tempfile.TemporaryDirectory() as scratch:
            source, parts, rows = reader.Source(name, Path(name)), Path(scratch), schema.files or schema
            ((_, content),) = reader.read([source], rows, parts, size_cap=1 << 62)
            content = content and of_one_form(content, known, rows)
            refusals = intake.refusals_of(content, parts) if content else [ABSENT]
        n_read, n_accepted, warnings = (content.n_read, content.n_accepted, content.warnings) if content else (0, 0, ())
        refused = max(n_read - n_accepted, int(bool(refusals)))
        accepted = f"{counted(n_accepted, 'row')} would be accepted"
        sentence = f"{accepted}, {counted(refused, 'refusal')} of {counted(n_read, 'row')}"
        lines += [intake.sentence(name, refusal) for refusal in refusals]
        lines += [f"{name}: {warning}" for warning in warnings]
        lines.append(f"{name}: {sentence if n_read or not refusals else 'refused whole, no row of it was read'}")
        total, warned = total + refused, warned + len(warnings)
    return Answer("\n".join(lines), {"refusals": total, "warnings": warned}, exit_code=1 if total else 0)
