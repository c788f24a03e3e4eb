"""What `ingestion.py --propose` does: look, propose, try, say why, and write where a person asks for it.

Reads: the files, or rows of a table. Writes: the settings file and its backup, if asked.
"""

from __future__ import annotations

import datetime
import json
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from risk.command import Answer
from risk.dataset import database
from risk.disk import paths
from risk.proposal import config_file, found_files, sample
from risk.proposal.proposal import SHOWN, Proposal, propose, with_trial
from risk.proposal.sample import Sample, SampledTable
from risk.proposal.trial import schema_of
from risk.proposal.watermark import watermark_of
from risk.reading.reader import Source
from risk.settings.database_source import DatabaseSource
from risk.text import counted, number, one_line, percent

MOST_ROWS = 100_000  # of a table
FEW = 5  # files that a command names one by one
UNDECIDED = 2  # the exit code where nothing could be proposed
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Installation:
    """Where the proposal goes: the settings file, the two folders of files, the share of clients that is held out."""

    config: Path
    input: Path
    holdout: Path
    test_share: float


def of_files(names: Sequence[str], here: Installation, write: bool) -> Answer:
    """Propose settings for files. Raises: UsageError, SourceError; ConfigError, DiskError where they are written."""
    table = sample.table_of(found_files.files_in(names))
    first = max(table.samples, key=lambda it: it.n_rows)
    found = propose(table.texts, first.settings, first.whys, datetime.date.today())
    found.features.ignored.update({name: f"only {why}" for name, why in table.partial.items()})
    if not found.faults:
        found = with_trial(found, [Source(str(it), it) for it in table.paths])
    whole = "" if table.is_whole else " looked at, a sample"
    first_file, last_file, n_files = table.paths[0], table.paths[-1], len(table.paths)
    whose = f"{counted(n_files, 'file')} ({first_file.name} to {last_file.name})" if n_files > 1 else str(first_file)
    title = f"proposal for {whose}: {counted(found.n_rows, 'row')}{whole}"
    others = table.others | found_files.passed_over(names)
    if found.roles.client is None and len(table.paths) == 1 and (command := _numbering(first)):
        fault = f"{found.faults[0]} This command writes such a copy: {command}"
        found = replace(found, faults=(fault, *found.faults[1:]))
    return answer(found, title, others, _next_of_files(table, here), here, write)


def of_database(url: str, table: str, here: Installation, write: bool) -> Answer:
    """Propose settings for a table of a database. Raises: ConfigError, SourceError, DiskError."""
    root, title = here.config.parent, f"proposal for the table {table}"
    texts = database.sample(DatabaseSource(url=url, table=table, watermark="?"), root, MOST_ROWS)
    found = propose(texts, None, {}, datetime.date.today())
    watermark, why = watermark_of(texts, found.roles.period)
    faults = [*found.faults] if watermark else [*found.faults, f"source.watermark: {why}"]
    if found.roles.events:
        faults.append("events: they are made of files; export the table, and propose for these.")
    source: dict[str, Any] = {"kind": "database", "url": url, "table": table, "watermark": watermark}
    found = replace(found, others={"source": source}, faults=tuple(faults))
    found.roles.whys["source.watermark"] = f"{watermark}: {why}"
    if not found.faults:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            schema = schema_of(found.sections, folder)
            pulled = database.pull(DatabaseSource(**source), schema, None, folder, root)
            found = with_trial(found, [Source(table, pulled.path, is_ordered=True)] if pulled.path else [])
    title += f": {counted(found.n_rows, 'row')}" + (", the first ones, looked at" if found.n_rows == MOST_ROWS else "")
    untested = not url.startswith(("postgres", "sqlite"))
    title += (
        "\nthis kind of database is not under test: its rows are read one by one, by SQLAlchemy" if untested else ""
    )
    return answer(found, title, {}, [*_moves([], here), run_command(here)], here, write)


def answer(
    found: Proposal, title: str, others: dict[str, str], commands: list[str], here: Installation, write: bool
) -> Answer:
    """What is said of a proposal, written first where that was asked for and can be."""
    sections = {key: it for key, it in found.sections.items() if it is not None}
    lines = [title, *_in_words(found), *(f"not read: {name}: {why}" for name, why in others.items())]
    fields: dict[str, Any] = {
        "outcome": "undecided" if found.faults else "written" if write else "proposed", **sections,
        "why": found.roles.whys | found.whys, "ignored": found.features.ignored, "leaks": found.features.leaks,
        "read": found.trial.n_read, "accepted": found.trial.n_accepted, "rejected": found.trial.refused,
        "missing": [*found.faults, *found.gaps], "not_read": others,
    }  # fmt: skip
    if found.faults:
        told = [f"cannot decide: {it}" for it in found.faults]
        return Answer("\n".join([*lines, *told, f"{here.config} is unchanged."]), fields, UNDECIDED)
    lines += ["", "for config.json:", config_file.as_text(sections, "", "    ")] if not write else [""]
    if write:
        kept = config_file.write(here.config, found.sections)
        lines.append(f"written into {here.config}; the former file is {kept.name}")
    else:
        lines += ["", "to write it there, the same command with --write; then"]
    held_out = f"{percent(here.test_share, 0)} of the clients are held out by a hash of their names (test_share)"
    lines += [f"no test file is needed: {held_out}", "next:", *(f"  {it}" for it in commands)]
    return Answer("\n".join(lines), fields | {"next": commands})


# --- in words ---------------------------------------------------------------------------------------------------------


def _in_words(found: Proposal) -> list[str]:
    chosen, features = found.roles, found.features
    target = chosen.target if isinstance(chosen.target, str) else json.dumps(chosen.target) if chosen.target else None
    picked = {"client": chosen.client, "target": target, "period": chosen.period, "owner": chosen.owner}
    picked |= {"value": chosen.value, "renewal": chosen.renewal, "events": json.dumps(chosen.events or {})}
    lines = [_line(key, picked[key] or "-", chosen.whys[key]) for key in picked if key in chosen.whys]
    lines += [_line("currency", chosen.currency, "it stands beside the value")] if chosen.currency else []
    form = found.sections.get("format") or {}
    lines += [
        _line(f"format.{key}", json.dumps(it, ensure_ascii=False), found.whys.get(key, "")) for key, it in form.items()
    ]
    if missing := found.sections["schema"].get("missing"):
        lines.append(_line("missing", json.dumps(missing, ensure_ascii=False), found.whys["missing"]))
    if not chosen.events:
        lines.append(f"features ({len(features.chosen)}):")
        for name, it in features.chosen.items():
            unit = f", in {it['unit']}" if "unit" in it else ""
            lines.append(f"  {name}: {it['kind']}, shown as {it['label']!r}{unit}")
    lines += ["ignored:"] * bool(features.ignored) + [f"  {name}: {why}" for name, why in features.ignored.items()]
    lines += ["ignored, for they know the answer:"] * bool(features.leaks)
    lines += [f"  {name}: {why}" for name, why in features.leaks.items()]
    if features.leaks:
        lines.append(
            "  If one of them is known before a client leaves, make it a feature and name it in schema.trusted."
        )
    return [*lines, *_of_trial(found), *(f"missing: {it}" for it in found.gaps)]


def _of_trial(found: Proposal) -> list[str]:
    trial = found.trial
    if not trial.n_read and not trial.refused:
        return []
    refused = sum(trial.refused.values())
    lines = [
        f"read with these settings: {counted(trial.n_accepted, 'row')} accepted, {number(trial.n_rejected)} rejected"
    ]
    most = sorted(trial.refused.items(), key=lambda it: -it[1])
    lines += [f"  {number(n)}: {reason}, as in {trial.examples[reason]}" for reason, n in most[:SHOWN]]
    lines += [f"  {number(refused - sum(n for _, n in most[:SHOWN]))} for other reasons"] * (len(most) > SHOWN)
    return lines + [f"  {it}" for it in trial.warnings[:SHOWN]]


def _line(key: str, chosen: str, why: str) -> str:
    return one_line(f"{key}: {chosen} ({why})" if why else f"{key}: {chosen}")


# --- what to do next --------------------------------------------------------------------------------------------------


def run_command(here: Installation) -> str:
    """The command that runs the whole process with these settings."""
    words = [_python(), _near(ROOT / "fullprocess.py")]
    words += ["--config", _near(here.config)] if here.config.absolute() != Path("config.json").absolute() else []
    return shlex.join(words)


def _python() -> str:
    return _near(Path(sys.executable)) if Path(sys.executable).is_file() else "python"


def _numbering(looked_at: Sample) -> str | None:
    """The command that writes a text table once more, with a number for the client of each row; None of other files."""
    path, form = looked_at.path, looked_at.settings
    if path.name.lower().endswith((".zip", ".xlsx", ".parquet")) or form.keys() - {"delimiter", "encoding"}:
        return None
    mark = form.get("delimiter", "\t" if ".tsv" in path.name.lower() else ",")
    how = f"sep={mark!r}, encoding={form.get('encoding', 'utf-8-sig')!r}"
    target = path.name.partition(".")[0] + "-with-ids." + ("tsv" if mark == "\t" else "csv")
    code = f"import pandas; t = pandas.read_csv({_near(path)!r}, {how}, dtype=str, keep_default_na=False); "
    code += "t.insert(0, 'client_id', [f'C{it}' for it in range(1, len(t) + 1)]); "
    return shlex.join([_python(), "-c", f"{code}t.to_csv({target!r}, {how}, index=False)"])


def _next_of_files(table: SampledTable, here: Installation) -> list[str]:
    outside = [it for it in table.paths if not it.resolve().is_relative_to(here.input.resolve())]
    copies = _copies(outside, shlex.quote(_near(here.input))) if outside else []
    return [*_moves(table.paths, here), " && ".join([*copies, run_command(here)])]


def _copies(outside: Sequence[Path], into: str) -> list[str]:
    """The commands that copy files into the input folder, under names of tables that replace none of each other."""
    names = [it.name for it in outside]
    renamed = {it: f"{it.stem}.csv" for it in outside if not paths.kind_of(it.name)}
    renamed |= {it: f"{it.parent.name}-{it.name}" for it in outside if names.count(it.name) > 1}
    copies = [f"cp {shlex.quote(_near(it))} {into}/{shlex.quote(name)}" for it, name in renamed.items()]
    known = [it for it in outside if it not in renamed]
    if not known:
        return copies
    folder, end = known[0].parent, paths.kind_of(known[0].name)
    is_whole = len(known) > FEW and sorted(known) == sorted(folder.glob(f"*{end}"))
    named = f"{shlex.quote(_near(folder))}/*{end}" if is_whole else shlex.join(map(_near, known))
    return [*copies, f"cp {named} {into}/"]


def _moves(paths: Sequence[Path], here: Installation) -> list[str]:
    """The command that puts aside what else lies in the input and test folders."""
    ours = {it.resolve() for it in paths}
    strangers = [folder for folder in (here.input, here.holdout) if _others_in(folder, ours)]
    if strangers:
        number, former = 1, here.input.parent / "former"
        while former.exists():
            number, former = number + 1, here.input.parent / f"former{number + 1}"
        folders = shlex.join(map(_near, strangers))
        aside = shlex.quote(_near(former))
        return [f"mkdir {aside} && mv {folders} {aside}/ && mkdir {folders}"]
    return []


def _others_in(folder: Path, ours: set[Path]) -> bool:
    files = [it for it in folder.rglob("*") if it.is_file() and paths.kind_of(it.name)]
    return any(it.resolve() not in ours for it in files)


def _near(path: Path) -> str:
    """A path as it is typed here: relative where it lies below."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path.absolute())
